"""Blocks expanded, names resolved, shapes inferred, in one walk: a parsed net to a `Graph`.

The walk goes on behind an error with a poisoned stream that silences what follows from it, so that one run reports every
independent error. Where sizes are left open, one walk serves all sizes of a box at which the net is the same; `explore` does
as many as it takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import Diagnostic, SpecError
from cnndsl.dims import Elsewhere
from cnndsl.elaborate.entrance import Sizes, asked_for, openings
from cnndsl.elaborate.opening import Opening
from cnndsl.elaborate.walk import MOST_CHAINS, Stop, Walk
from cnndsl.graph import Graph
from cnndsl.workspace import Module


class Elaboration:
    """A net of a module, with values of its parameters, and input shapes that take the place of the spec's, by input name.

    A letter in a shape leaves a size open.
    """

    def __init__(self, module: Module, net: syntax.Net, params: Mapping[str, Any], inputs: Mapping[str, Sizes]) -> None:
        self.module, self.net, self.params, self.inputs = module, net, params, inputs
        self.letters = openings(net, inputs)

    def graph(self) -> Graph:
        """The graph of the net. Raises SpecError with every independent error."""
        if self.letters:
            from cnndsl.elaborate.explore import Search

            return Search(self.letters, self.walked, self.at_one_size, self.net.inputs[0].span).graph()
        walk, graph = self.walked(Opening({}, {}, declared=False))
        if walk.diagnostics or graph is None:
            raise SpecError(walk.diagnostics)
        return graph

    def walked(self, opening: Opening) -> tuple[Walk, Graph | None]:
        """One walk over the net; the graph is None where something is wrong."""
        walk = Walk(self.module, self.net, opening)
        with _deep():
            try:
                return walk, walk.net(self.params, self.inputs)
            except Stop:
                return walk, None
            except Elsewhere as elsewhere:
                opening.leave(elsewhere, self.net.name_span)
                return walk, None

    def at_one_size(self, at: Mapping[str, int]) -> Sequence[Diagnostic]:
        """What is wrong with the net where its letters stand for these sizes."""
        shapes = asked_for(self.net, self.inputs)
        sized = [tuple(at[size] if isinstance(size, str) else size for size in shape) for shape in shapes]
        there = Elaboration(self.module, self.net, self.params, {str(place): s for place, s in enumerate(sized)})
        return there.walked(Opening({}, {}, declared=False))[0].diagnostics

    def limits(self, graph: Graph) -> list[Diagnostic]:
        """What keeps open sizes out of the net, whose graph this is: a diagnostic for each place, edits yet to be tried."""
        from cnndsl.dims import ALL
        from cnndsl.elaborate.limits import limits

        contract = graph.contract
        if contract is None:
            return []

        def explained(at: dict[str, int]) -> tuple[Sequence[Diagnostic], Sequence[Diagnostic]]:
            formulas, _ = self.walked(Opening(dict.fromkeys(self.letters, ALL), at, not all(self.letters.values())))
            return formulas.diagnostics, self.at_one_size(at)

        return limits(contract, explained)


def elaborate(
    module: Module, net: syntax.Net, params: Mapping[str, Any] | None = None, inputs: Mapping[str, Sizes] | None = None
) -> Graph:
    """The graph of a net of a module. Raises SpecError with every independent error.

    `params` are values of the net's parameters; `inputs` are shapes that take the place of the spec's, by input name.
    """
    return Elaboration(module, net, params or {}, inputs or {}).graph()


@contextmanager
def _deep() -> Iterator[None]:
    """Room for blocks that nest as deep as they may."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 20 * MOST_CHAINS))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
