"""Blocks expanded, names resolved, shapes inferred, in one walk: a parsed net to a `Graph`.

The walk goes on behind an error with a poisoned stream that silences what follows from it, so that one run reports every
independent error. Where sizes are left open, one walk serves all sizes of a box at which the net is the same; `explore` does
as many as it takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import SpecError
from cnndsl.elaborate.entrance import Sizes, openings
from cnndsl.elaborate.opening import Opening
from cnndsl.elaborate.walk import MOST_CHAINS, Stop, Walk
from cnndsl.graph import Graph
from cnndsl.workspace import Module


def elaborate(
    module: Module, net: syntax.Net, params: Mapping[str, Any] | None = None, inputs: Mapping[str, Sizes] | None = None
) -> Graph:
    """The graph of a net of a module.

    `params` are values of the net's parameters; `inputs` are shapes that take the place of the spec's, by input name, with a
    letter where a size is left open. Raises SpecError with every independent error.
    """

    def walked(opening: Opening) -> tuple[Walk, Graph | None]:
        walk = Walk(module, net, opening)
        try:
            return walk, walk.net(params or {}, inputs or {})
        except Stop:
            return walk, None

    letters = openings(net, inputs or {})
    with _deep():
        if letters:
            from cnndsl.elaborate.explore import explore

            return explore(net.name, letters, walked)
        walk, graph = walked(Opening({}, {}, declared=False))
    if walk.diagnostics or graph is None:
        raise SpecError(walk.diagnostics)
    return graph


@contextmanager
def _deep() -> Iterator[None]:
    """Room for blocks that nest as deep as they may."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 20 * MOST_CHAINS))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
