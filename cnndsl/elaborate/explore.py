"""The contract of a net whose sizes are left open: walks over boxes of sizes until every size is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cnndsl.contract import Accepted, Contract, Excluded, Why
from cnndsl.diagnostic import Diagnostic, Help, Label, SpecError
from cnndsl.dims import ALL, Box, Dim, TooLong, TooMany, endless, hull, leftover, nearest
from cnndsl.elaborate.limits import example, only_where
from cnndsl.elaborate.opening import Opening
from cnndsl.graph import Graph
from cnndsl.op import numbers
from cnndsl.source import Span

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk

Plain = Callable[[dict[str, int]], Sequence[Diagnostic]]
"""What is wrong with the net at sizes given by letter, in numbers."""

USUAL = 224
"""The size at which a net without one of its own is looked at first: that of most nets for ImageNet. Then twice that ..."""
MOST_WALKS = 200
"""So many walks are made for one net."""

DECISIONS: tuple[Why, ...] = ("shortcut", "weight", "attribute", "condition")
"""What leaves sizes out that may be accepted as another network, or as the same one once its choices are known."""

Walked = Callable[[Opening], tuple["Walk", Graph | None]]


class Search:
    """The walks over one net. `letters` are its open sizes with those the spec has, 0 where it has none; `span` is its input."""

    def __init__(self, letters: Mapping[str, int], walked: Walked, plain: Plain, span: Span) -> None:
        self.letters, self.walked, self.plain, self.span = tuple(letters), walked, plain, span
        self.wanted = {letter: native or USUAL for letter, native in letters.items()}
        self.declared = not all(letters.values())
        self.everything: Box = dict.fromkeys(letters, ALL)
        self.given: list[Any] = []
        self.walks, self.exhausted = 0, True
        self.cases: list[Accepted] = []
        self.excluded: list[Excluded] = []
        self.failures: list[tuple[list[Excluded], tuple[Diagnostic, ...]]] = []

    def graph(self) -> Graph:
        """The graph of the first accepted sizes, with the contract. Raises SpecError where none is, or conditions differ."""
        try:
            self._run()
        except (TooLong, TooMany):
            self.exhausted = False
            if self.cases or not self.failures:
                raise SpecError([_too_many(self.letters, self.span)]) from None
        if not self.cases:
            kept_out, diagnostics = self.failures[0]
            raise SpecError(self._of_sizes(found, kept_out) for found in diagnostics)
        graph = self.cases[0].graph
        inputs = {name: tuple(map(_letter, shape)) for name, shape in graph.inputs.items()}
        return replace(graph, contract=Contract(self.letters, inputs, tuple(self.cases), tuple(self.excluded)))

    def _run(self) -> None:
        """Walks until no box of sizes waits."""
        waiting = [self.everything]
        while waiting:
            opening, graph = self._walk(_nearest(waiting, self.wanted), self.given)
            waiting.extend(opening.waiting)
            if graph is None and not self.cases:
                # nothing fits yet: look further up, also where the decisions of this walk left sizes out
                self.wanted = {letter: 2 * size for letter, size in self.wanted.items()}
                waiting.extend(found.box for found in opening.excluded if found.why in DECISIONS)
                self.excluded.extend(found for found in opening.excluded if found.why not in DECISIONS)
                continue
            self.excluded.extend(opening.excluded)
            if graph is None:
                continue
            if self.cases and not same_network(self.cases[0].graph, graph):
                first = graph.nodes[0].span
                assert first is not None
                self.excluded.append(Excluded(opening.space.box, "network", first, "", self.everything))
                continue
            self.cases.append(Accepted(opening.space.box, graph))
            self.given = self.given or opening.space.choices
        for excluded in [found for found in self.excluded if found.why == "condition" and endless(found.box)]:
            if self._fits_at_most_sizes(excluded.box):
                raise SpecError([_two_networks(excluded)])

    def _fits_at_most_sizes(self, box: Box) -> bool:
        """Whether the spec describes a net, if another one, for some endless part of a box."""
        waiting = [box]
        while waiting:
            opening, graph = self._walk(_nearest(waiting, self.wanted), ())
            if graph is not None and endless(opening.space.box):
                return True
            waiting.extend(opening.waiting)
            waiting.extend(found.box for found in opening.excluded if found.why in DECISIONS)
        return False

    def _walk(self, box: Box, given: Sequence[Any]) -> tuple[Opening, Graph | None]:
        self.walks += 1
        if self.walks > MOST_WALKS:
            raise TooMany
        opening = Opening(box, nearest(box, self.wanted), self.declared, given)
        walk, graph = self.walked(opening)
        if graph is not None or not walk.diagnostics:
            return opening, graph
        if not self.cases and any(not found.code.startswith("E03") for found in walk.diagnostics):
            raise SpecError(walk.diagnostics)  # it is no matter of sizes
        failing = next((found for found in opening.excluded if found.box == opening.failed), None)
        if failing is None:
            span = next((found.labels[0].span for found in walk.diagnostics if found.labels), self.span)
            failing = Excluded(opening.failed, "shape", span, "", box)
            opening.excluded.append(failing)
        alike = [found for found in opening.excluded if (found.why, found.span) == (failing.why, failing.span)]
        self.failures.append((alike, tuple(walk.diagnostics)))
        return opening, None

    def _of_sizes(self, found: Diagnostic, kept_out: list[Excluded]) -> Diagnostic:
        """A diagnostic with the sizes that it is about, and the smallest of them."""
        boxes, domain = [one.box for one in kept_out], hull([one.domain for one in kept_out])
        if not leftover(self.everything, boxes):
            where = f"so it is for every {' and '.join(self.letters)}"
        else:
            none = "no size at all is accepted" if self.exhausted else "no size was found that is accepted"
            where = f"so it is where {only_where(boxes, domain)}; {none}"
        smallest = example(boxes, found.labels[0].span, self.plain) if found.labels else ""
        return replace(found, notes=(*found.notes, where, *[smallest] * bool(smallest)))


def _nearest(waiting: list[Box], wanted: Mapping[str, int]) -> Box:
    """Takes the box with the sizes nearest to the wanted ones."""

    def distance(box: Box) -> int:
        return sum(abs(size - wanted[letter]) for letter, size in nearest(box, wanted).items())

    return waiting.pop(min(range(len(waiting)), key=lambda place: distance(waiting[place])))


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


def _too_many(letters: tuple[str, ...], span: Span) -> Diagnostic:
    return Diagnostic(
        "E0220",
        f"with {' and '.join(letters)} open the sizes fall into too many cases, or repeat too late, to be followed",
        (Label(span, "the input"),),
        helps=(Help("say one of them as a number, as in `--input 3x224xW`, or all"),),
    )
