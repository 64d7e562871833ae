"""Sizes left open during a walk: shape rules applied for all of them at once, and what becomes of those that fall out.

A walk describes the network at one size, and keeps the box of sizes at which it is the same network and every shape rule agrees.
Sizes leave the box in one of three ways. A rule may reject them, or a decision of the spec (a condition, an attribute, the shape
of a weight) may come out otherwise there: they are noted with the place. Or a rule may take them and give a size that depends
on both letters there: they wait for a walk of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cnndsl import syntax
from cnndsl.contract import Excluded, Why
from cnndsl.diagnostic import Edit, Help
from cnndsl.dims import Box, Case, Dim, Form, Space, at_hand, leftover, merged, zero_at
from cnndsl.dims.form import plus
from cnndsl.op import Op, Reject, Shape
from cnndsl.source import Span

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk


class Opening:
    """The open sizes of one walk. `declared`: the spec itself leaves them open, so that it has no size of its own."""

    def __init__(self, box: Box, at: dict[str, int], declared: bool) -> None:
        self.space = Space(box, at)
        self.declared = declared
        self.waiting: list[Box] = []
        self.excluded: list[Excluded] = []
        self.known: dict[Any, Any] = {}

    def __bool__(self) -> bool:
        return bool(self.space.box)

    @property
    def settled(self) -> bool:
        """Whether there is nothing to ask about: no letter is open, or the walk has failed at the size in hand."""
        return not self.space.box or self.space.quiet

    def give_up(self) -> None:
        """The walk has failed at the size in hand: from now on it is about that size alone."""
        self.space.quiet = True

    # --- shape rules

    def infer(self, op: Op, shapes: tuple[Shape, ...], span: Span) -> Shape:
        """The shape that an op gives for the sizes in hand. Raises Reject where its rule says no to the one of the walk."""
        if self.settled or not any(isinstance(size, Dim) for shape in shapes for size in shape):
            return op.infer(*shapes)
        space = self.space

        def rule() -> Shape | Reject:
            try:
                return op.infer(*map(space.here, shapes))
            except Reject as reject:
                return reject

        cases = space.cases(rule)
        refused = [case for case in cases if isinstance(case.answer, Reject)]
        taken: list[Case[Shape]] = [case for case in cases if not isinstance(case.answer, Reject)]  # type: ignore[misc]
        self.excluded.extend(Excluded(case.box, "shape", span, str(op)) for case in refused)
        first, others = _gathered(taken, space)
        if cases[0] in refused:
            self.waiting.extend(case.box for case in (first, *others) if case is not None)
            space.box = cases[0].box
            self.give_up()
            assert isinstance(cases[0].answer, Reject)
            raise cases[0].answer
        assert first is not None
        self.waiting.extend(case.box for case in others)
        space.box = first.box
        return space.here(first.answer)

    def decide(self, rule: Callable[[], bool], why: Why, span: Span) -> bool:
        """What a rule says at the size in hand. Leaves the sizes at which it says yes; where it says no here, they wait."""
        if self.settled:
            return rule()
        cases = self.space.cases(rule)
        yes: list[Case[Shape]] = [Case(case.box, case.at, ()) for case in cases if case.answer]
        self.excluded.extend(Excluded(case.box, why, span, "") for case in cases if not case.answer)
        first, others = _gathered(yes, self.space)
        if not cases[0].answer:
            self.waiting.extend(case.box for case in (first, *others) if case is not None)
            self.space.box = cases[0].box
            self.give_up()
            return False
        assert first is not None
        self.waiting.extend(case.box for case in others)
        self.space.box = first.box
        return True

    # --- decisions

    def settle(self, why: Why, span: Span, text: str = "") -> list[Box]:
        """Notes what a decision of the spec split off; the parts of it that have no end."""
        parts, self.space.rest = self.space.rest, []
        self.excluded.extend(Excluded(box, why, span, text) for box in parts)
        return [box for box in parts if any(sizes.infinite for sizes in box.values())]

    def keep_weights(self, op: Op, shapes: Sequence[Shape], span: Span) -> Dim | None:
        """Leaves the sizes at which the weights are what they are at the size in hand; a size of one that has no end of others."""
        for weight in () if self.settled else op.weights(*shapes).values():
            for size in weight.shape:
                if isinstance(size, Dim) and self._keep(size, op, span):
                    return size
        return None

    def _keep(self, size: Dim, op: Op, span: Span) -> bool:
        space = self.space
        box = space.box
        same = zero_at(plus(size.form, Form(at_hand(size)), 1, -1), box)
        others = leftover(box, same)
        if not others:
            return False
        space.split(same)
        space.rest = []
        self.waiting.extend(part for part in same if part is not space.box)
        self.excluded.extend(Excluded(part, "weight", span, str(op)) for part in others)
        return any(sizes.infinite for part in others for sizes in part.values())


def _gathered(taken: list[Case[Shape]], space: Space) -> tuple[Case[Shape] | None, list[Case[Shape]]]:
    """The first case with all others that can be one with it, and the rest."""
    if not taken:
        return None, []
    first, others = taken[0], taken[1:]
    waiting, joined_any = others, True
    while joined_any:
        joined_any = False
        groups: list[Case[Shape]] = [first]
        for case in waiting:
            for i, group in enumerate(groups):
                whole = merged(group, case, space)
                if whole is not None:
                    groups[i] = whole
                    joined_any = True
                    break
            else:
                groups.append(case)
        first, waiting = groups[0], groups[1:]
    return first, waiting


def open_sizes(walk: Walk, shape: Sequence[int | str]) -> Shape:
    """A shape with its letters as open sizes."""
    return tuple(walk.opening.space.dim(size) if isinstance(size, str) else size for size in shape)


def unfollowed(walk: Walk, element: syntax.Element) -> None:
    """A question about sizes whose answer ties two letters to one another, which a contract of boxes cannot say."""
    inputs = [item.size for item in walk.syntax.inputs if len(item.size.sizes) == 3]
    edits = tuple(
        Edit(size.span, "x".join(map(str, (size.sizes[0], *inputs[0].sizes[1:]))))
        for size in inputs[1:]
        if size.sizes[1:] != inputs[0].sizes[1:]
    )
    same = (Help("sizes that must be equal have the same letters", edits),) if edits else ()
    letters = " and ".join(walk.opening.space.box)
    walk.complain(
        "E0220",
        f"what fits here depends on {letters} together",
        element.span,
        "compares one open size with another",
        helps=(Help("give one of them a number, or both one letter, as in `input 3xHxH`"),),
        tries=same,
    )
