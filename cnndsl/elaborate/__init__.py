"""Blocks expanded, names resolved, shapes inferred, in one walk: a parsed net to a `Graph`.

The walk goes on behind an error with a poisoned stream that silences what follows from it, so that one run reports every
independent error.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import SpecError
from cnndsl.elaborate.walk import MOST_CHAINS, Stop, Walk
from cnndsl.graph import Graph
from cnndsl.op import Shape
from cnndsl.workspace import Module


def elaborate(
    module: Module, net: syntax.Net, params: Mapping[str, Any] | None = None, inputs: Mapping[str, Shape] | None = None
) -> Graph:
    """The graph of a net of a module.

    `params` are values of the net's parameters; `inputs` are shapes that take the place of the spec's, by input name. Raises
    SpecError with every independent error.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 20 * MOST_CHAINS))
    walk = Walk(module, net)
    try:
        graph = walk.net(params or {}, inputs or {})
    except Stop:
        graph = None
    finally:
        sys.setrecursionlimit(limit)
    if walk.diagnostics or graph is None:
        raise SpecError(walk.diagnostics)
    return graph
