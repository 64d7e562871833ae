"""The contract of a net whose sizes are left open: walks over boxes of sizes until every size is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cnndsl.contract import Accepted, Contract, Excluded
from cnndsl.diagnostic import Diagnostic, Help, Label, SpecError
from cnndsl.dims import ALL, Box, Dim, TooLong, TooMany, described, endless, nearest
from cnndsl.elaborate.limits import only_where
from cnndsl.elaborate.opening import Opening
from cnndsl.graph import Graph
from cnndsl.op import numbers

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk

USUAL = 224
"""The size at which a net without one of its own is looked at first: that of most nets for ImageNet. Then twice that ..."""
MOST_WALKS = 200
"""So many walks are made for one net."""

Walked = Callable[[Opening], tuple["Walk", Graph | None]]


class Search:
    """The walks over one net. `letters` are its open sizes with those the spec has, 0 where it has none."""

    def __init__(self, letters: Mapping[str, int], walked: Walked) -> None:
        self.letters, self.walked = tuple(letters), walked
        self.wanted = {letter: native or USUAL for letter, native in letters.items()}
        self.declared = not all(letters.values())
        self.everything: Box = dict.fromkeys(letters, ALL)
        self.cases: list[Accepted] = []
        self.excluded: list[Excluded] = []
        self.failures: list[tuple[Box, tuple[Diagnostic, ...]]] = []

    def graph(self) -> Graph:
        """The graph of the first accepted sizes, with the contract. Raises SpecError where none is, or conditions differ."""
        try:
            self._run()
        except (TooLong, TooMany):
            raise SpecError([_too_many(self.letters)]) from None
        if not self.cases:
            box, diagnostics = self.failures[0]
            raise SpecError(
                replace(found, notes=(*found.notes, self._no_size(box))) if found.code.startswith("E03") else found
                for found in diagnostics
            )
        graph = self.cases[0].graph
        inputs = {name: tuple(map(_letter, shape)) for name, shape in graph.inputs.items()}
        return replace(graph, contract=Contract(self.letters, inputs, tuple(self.cases), tuple(self.excluded)))

    def _run(self) -> None:
        """Walks until no box of sizes waits."""
        waiting, walks = [self.everything], 0
        while waiting:
            walks += 1
            if walks > MOST_WALKS:
                raise TooMany
            opening, graph = self._walk(waiting.pop(0))
            waiting.extend(opening.waiting)
            self.excluded.extend(opening.excluded)
            if graph is None:
                if not self.cases:  # nothing fits yet: look further up
                    self.wanted = {letter: 2 * size for letter, size in self.wanted.items()}
                continue
            if self.cases and not same_network(self.cases[0].graph, graph):
                first = graph.nodes[0].span
                assert first is not None
                self.excluded.append(Excluded(opening.space.box, "network", first, "", self.everything))
            else:
                self.cases.append(Accepted(opening.space.box, graph))
        for excluded in [found for found in self.excluded if found.why == "condition" and endless(found.box)]:
            opening, graph = self._walk(excluded.box)
            if graph is not None and endless(opening.space.box):
                raise SpecError([_two_networks(excluded)])

    def _walk(self, box: Box) -> tuple[Opening, Graph | None]:
        opening = Opening(box, nearest(box, self.wanted), self.declared)
        walk, graph = self.walked(opening)
        if graph is None:
            self.failures.append((opening.failed, tuple(walk.diagnostics)))
            told = any(found.box == opening.failed for found in opening.excluded)
            opening.excluded.extend(
                Excluded(opening.failed, "shape", found.labels[0].span, "", box)
                for found in walk.diagnostics[:1]
                if found.labels and not told
            )
        return opening, graph

    def _no_size(self, box: Box) -> str:
        if box == self.everything:
            return f"so it is for every {' and '.join(self.letters)}"
        where = "; ".join(described(sizes, letter) for letter, sizes in box.items() if sizes != ALL)
        return f"so it is where {where}, and all other sizes are kept out elsewhere"


def same_network(one: Graph, other: Graph) -> bool:
    """Whether two graphs have the same layers, with weights of the same shapes."""
    return len(one.nodes) == len(other.nodes) and all(
        a.inputs == b.inputs
        and (a.op == b.op or a.op.name == "input")
        and a.shares == b.shares
        and _weights(one, a.index) == _weights(other, b.index)
        for a, b in zip(one.nodes, other.nodes, strict=True)
    )


def _weights(graph: Graph, index: int) -> list[tuple[int, ...]]:
    return [numbers(weight.shape) for weight in graph.weights(graph.nodes[index]).values()]


def _letter(size: int) -> int | str:
    """The letter of an input's size that was left open."""
    return size.form.singles[0][0] if isinstance(size, Dim) else size


def _two_networks(found: Excluded) -> Diagnostic:
    return Diagnostic(
        "E0218",
        "with open sizes a condition must come out the same for every size",
        (
            Label(
                found.span, f"{found.text} as a rule, and the other way where {only_where([found.box], found.domain)}"
            ),
        ),
        helps=(Help("`ceil`, `same` and `crop like=@x` bring odd sizes together without a condition"),),
    )


def _too_many(letters: tuple[str, ...]) -> Diagnostic:
    return Diagnostic(
        "E0220",
        f"with {' and '.join(letters)} open the sizes fall into too many cases, or repeat too late, to be followed",
        helps=(Help("say one of them as a number, as in `--input 3x224xW`, or all"),),
    )
