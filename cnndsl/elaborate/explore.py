"""The contract of a net whose sizes are left open: walks over boxes of sizes until every size is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cnndsl.contract import Accepted, Contract, Excluded
from cnndsl.diagnostic import Diagnostic, Help, Label, SpecError
from cnndsl.dims import ALL, Box, Dim, TooLong, TooMany, described, nearest
from cnndsl.elaborate.opening import Opening
from cnndsl.graph import Graph
from cnndsl.op import numbers

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk

USUAL = 224
"""The size at which a net without one of its own is looked at first: that of most nets for ImageNet."""
MOST_WALKS = 60
"""So many walks are made for one net."""

Walked = Callable[[Opening], tuple["Walk", Graph | None]]


def explore(name: str, letters: Mapping[str, int], walked: Walked) -> Graph:
    """The graph of a net for open sizes, with its contract. Raises SpecError where no size is accepted, or conditions differ.

    `letters` are the open sizes with those the spec has, 0 where it has none.
    """
    wanted = {letter: native or USUAL for letter, native in letters.items()}
    search = _Search(letters, wanted, walked)
    try:
        search.run(dict.fromkeys(letters, ALL))
    except (TooLong, TooMany):
        raise SpecError([_too_many(name, letters)]) from None
    return search.graph()


class _Search:
    """The walks over one net."""

    def __init__(self, letters: Mapping[str, int], wanted: dict[str, int], walked: Walked) -> None:
        self.letters, self.wanted, self.walked = tuple(letters), wanted, walked
        self.declared = not all(letters.values())
        self.cases: list[Accepted] = []
        self.excluded: list[Excluded] = []
        self.failures: list[tuple[Box, tuple[Diagnostic, ...]]] = []
        self.shapes: dict[str, Any] = {}

    def run(self, everything: Box) -> None:
        """Walks until no box of sizes waits."""
        waiting, walks = [everything], 0
        while waiting:
            walks += 1
            if walks > MOST_WALKS:
                raise TooMany
            opening, graph = self.walk(waiting.pop(0))
            waiting.extend(opening.waiting)
            self.excluded.extend(opening.excluded)
            if graph is not None and self.cases and not same_network(self.cases[0].graph, graph):
                self.excluded.append(Excluded(opening.space.box, "network", graph.nodes[0].span, ""))  # type: ignore[arg-type]
            elif graph is not None:
                self.cases.append(Accepted(opening.space.box, graph))
        for excluded in [found for found in self.excluded if found.why == "condition" and _endless(found.box)]:
            opening, graph = self.walk(excluded.box)
            if graph is not None and _endless(opening.space.box):
                raise SpecError([_two_networks(excluded, self.letters)])

    def walk(self, box: Box) -> tuple[Opening, Graph | None]:
        opening = Opening(box, nearest(box, self.wanted), self.declared)
        walk, graph = self.walked(opening)
        if graph is None:
            self.failures.append((opening.space.box, tuple(walk.diagnostics)))
            opening.excluded.extend(
                Excluded(opening.space.box, "shape", found.labels[0].span, found.message)
                for found in walk.diagnostics[:1]
                if found.labels
            )
        return opening, graph

    def graph(self) -> Graph:
        """The first accepted graph with the contract. Raises SpecError where there is none."""
        if not self.cases:
            box, diagnostics = self.failures[0]
            raise SpecError(self.for_which(found, box) for found in diagnostics)
        graph = self.cases[0].graph
        inputs = {name: tuple(map(_letter, shape)) for name, shape in graph.inputs.items()}
        contract = Contract(self.letters, inputs, tuple(self.cases), tuple(self.excluded))
        return replace(graph, contract=contract)

    def for_which(self, found: Diagnostic, box: Box) -> Diagnostic:
        """A diagnostic with a note of the sizes it is about."""
        return found


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


def _endless(box: Box) -> bool:
    return any(sizes.infinite for sizes in box.values())


def _two_networks(found: Excluded, letters: tuple[str, ...]) -> Diagnostic:
    other = "; ".join(described(found.box[letter], letter) for letter in letters if found.box[letter] != ALL)
    return Diagnostic(
        "E0218",
        "with open sizes a condition must come out the same for every size",
        (Label(found.span, f"{found.text} as a rule, and the other way where {other}"),),
        helps=(Help("`ceil`, `same` and `crop like=@x` bring odd sizes together without a condition"),),
    )


def _too_many(name: str, letters: Mapping[str, int]) -> Diagnostic:
    sizes = " and ".join(letters)
    return Diagnostic(
        "E0220",
        f"the sizes of `{name}` cannot be followed with {sizes} open: they fall into too many cases, or repeat too late",
        helps=(Help("say one of them as a number, as in `--input 3x224xW`, or all"),),
    )
