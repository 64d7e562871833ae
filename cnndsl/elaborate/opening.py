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
from cnndsl.diagnostic import Complain, Edit, Help
from cnndsl.dims import (
    Box,
    Case,
    Dim,
    Elsewhere,
    Form,
    Part,
    Space,
    at_hand,
    endless,
    form_of,
    holds,
    hull,
    leftover,
    merged,
    opened,
    plus,
    within,
    zero_at,
)
from cnndsl.op import Op, Reject, Shape
from cnndsl.source import Span

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk


class Opening:
    """The open sizes of one walk.

    `declared`: the spec itself leaves them open, so that it has no size of its own. `given` are the choices of the first walk that
    came to an end, which a later one keeps: conditions, attributes, weights, a shortcut's stride.
    """

    def __init__(self, box: Box, at: dict[str, int], declared: bool, given: Sequence[Any] = ()) -> None:
        self.space = Space(box, at, given)
        self.declared = declared
        self.waiting: list[Box] = []
        self.excluded: list[Excluded] = []
        self.failed: Box = {}
        self.muted = False

    @property
    def settled(self) -> bool:
        """Whether there is nothing to ask about: no letter is open, or the walk has failed at the size in hand."""
        return not self.space.box or self.space.quiet

    def give_up(self, failed: Box | None = None) -> None:
        """The walk has failed at the size in hand: from now on it is about that size alone. `failed` are all that fail alike."""
        if not self.space.quiet:
            self.space.quiet, self.failed = True, failed or self.space.box

    def leave(self, elsewhere: Elsewhere, span: Span) -> None:
        """The network of the first walk is in some parts of the box: they wait, and the rest is another."""
        box = self.space.box
        self.waiting.extend(elsewhere.boxes)
        self.excluded.extend(Excluded(part, "network", span, "", box) for part in leftover(box, elsewhere.boxes))

    # --- shape rules

    def infer(self, op: Op, shapes: tuple[Shape, ...], span: Span) -> Shape:
        """The shape that an op gives for the sizes in hand. Raises Reject where its rule says no to the one of the walk."""
        if self.settled:
            return op.infer(*shapes)
        space = self.space

        def rule() -> Shape | Reject:
            try:
                return op.infer(*shapes)
            except Reject as reject:
                return reject

        cases = space.cases(rule)
        refused = [case for case in cases if isinstance(case.answer, Reject)]
        taken: list[Case[Shape]] = [case for case in cases if not isinstance(case.answer, Reject)]  # type: ignore[misc]
        self.excluded.extend(Excluded(case.box, "shape", span, str(op), space.box) for case in refused)
        if cases[0] in refused:
            self.waiting.extend(case.box for case in gathered(taken, space))
            self.give_up(cases[0].box)
            assert isinstance(cases[0].answer, Reject)
            raise cases[0].answer
        return self._keep_first(gathered(taken, space))

    def _keep_first(self, groups: list[Case[Shape]]) -> Shape:
        """The answer of the first of several cases; the others wait."""
        self.waiting.extend(case.box for case in groups[1:])
        self.space.box = groups[0].box
        return groups[0].answer

    def decide(self, rule: Callable[[], bool], why: Why, span: Span) -> bool:
        """What a rule says at the size in hand. Leaves the sizes at which it says yes; where it says no here, they wait."""
        if self.settled:
            return rule()
        cases = self.space.cases(rule)
        yes: list[Case[Shape]] = [Case(case.box, case.at, ()) for case in cases if case.answer]
        self.excluded.extend(Excluded(case.box, why, span, "", self.space.box) for case in cases if not case.answer)
        if not cases[0].answer:
            self.waiting.extend(case.box for case in gathered(yes, self.space))
            self.give_up(cases[0].box)
            return False
        self._keep_first(gathered(yes, self.space))
        return True

    # --- decisions of the spec

    def answer(self, rule: Callable[[], Any]) -> Any:
        """What an expression comes to at the size in hand, or a formula for all sizes.

        Sizes at which it is something else are split off: `settle` says why. Raises Unfollowed for what leaves the arithmetic of sizes.
        """
        if self.settled:
            return rule()
        space = self.space
        asked: list[bool] = []

        def once_aloud() -> Any:
            self.muted = bool(asked)  # what is wrong at another size is no complaint
            asked.append(True)
            return rule()

        space.asking = True
        try:
            cases = space.cases(once_aloud)
        finally:
            space.asking = self.muted = False
        first = cases[0].answer
        if self.settled:
            return first
        if not _is_number(first) and not isinstance(first, Part):
            kept = space.chosen(first)
            if not _same(kept, first):
                raise Elsewhere([case.box for case in cases if _same(case.answer, kept)])
        if len(cases) == 1:
            return first
        numbers = [case for case in cases if _is_number(case.answer)]
        if _is_number(first):
            groups = gathered([Case(case.box, case.at, (case.answer,)) for case in numbers], space)
            space.rest.extend(case.box for case in cases if not _is_number(case.answer))
            return self._keep_first(groups)[0]
        same: list[Case[Shape]] = [Case(case.box, case.at, ()) for case in cases if _same(case.answer, first)]
        space.rest.extend(case.box for case in cases if not _same(case.answer, first))
        self._keep_first(gathered(same, space))
        return first

    def settle(self, why: Why, span: Span, text: str = "") -> bool:
        """Notes what a decision of the spec split off. Whether a net without a size of its own would be another for most sizes."""
        parts, self.space.rest = self.space.rest, []
        domain = hull([self.space.box, *parts]) if parts else {}
        self.excluded.extend(Excluded(box, why, span, text, domain) for box in parts)
        return self.declared and any(map(endless, parts))

    def keep_weights(self, op: Op, shapes: Sequence[Shape], span: Span) -> Dim | None:
        """Leaves the sizes at which the weights are what they are at the size in hand.

        Returns a size of a weight that a net without a size of its own would have another of for most sizes.
        """
        for weight in () if self.settled else op.weights(*shapes).values():
            for size in weight.shape:
                if isinstance(size, Dim) and not self._keep(size, op, span):
                    return size
        return None

    def _keep(self, size: Dim, op: Op, span: Span) -> bool:
        space, box = self.space, self.space.box
        if self.declared and endless(box) and within(size.form, box).products:
            return False
        wanted = space.chosen(at_hand(size))
        same = zero_at(plus(size.form, Form(wanted), 1, -1), box)
        if wanted != at_hand(size):
            raise Elsewhere(same)
        others = leftover(box, same)
        if not others:
            return True
        space.box = next(part for part in same if holds(part, space.at))
        self.waiting.extend(part for part in same if part is not space.box)
        self.excluded.extend(Excluded(part, "weight", span, str(op), box) for part in others)
        return not (self.declared and any(map(endless, others)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _same(one: Any, other: Any) -> bool:
    """Whether two values of an expression that are no whole numbers are one."""
    if isinstance(one, Part) and isinstance(other, Part):
        return (one.divisor, form_of(one.size)) == (other.divisor, form_of(other.size))
    return type(one) is type(other) and bool(one == other)


def gathered(cases: list[Case[Shape]], space: Space) -> list[Case[Shape]]:
    """Cases joined where several are one, the first with whatever goes with it."""
    groups, joined_any = cases, len(cases) > 1
    while joined_any:
        joined_any = False
        waiting, groups = groups, []
        for case in waiting:
            for i, group in enumerate(groups):
                whole = merged(group, case, space)
                if whole is not None:
                    groups[i] = whole
                    joined_any = True
                    break
            else:
                groups.append(case)
    return groups


def open_sizes(walk: Walk, shape: Sequence[int | str]) -> Shape:
    """A shape with its letters as open sizes."""
    return tuple(opened(size, walk.opening.space) if isinstance(size, str) else size for size in shape)


def settle_attribute(complain: Complain, opening: Opening, span: Span, what: str) -> None:
    """Leaves the sizes at which an attribute or a number of copies is what it is at the size in hand."""
    if not opening.settle("attribute", span):
        return
    complain(
        "E0218",
        f"{what} would be another for every size",
        span,
        "computed from a size that is left open",
        helps=(Help("say the size in the `input`; `--input` with letters then lists the sizes that fit"),),
    )


def unfollowed(walk: Walk, element: syntax.Element, letters: Sequence[str]) -> None:
    """A question about sizes whose answer ties letters to one another, which a contract of boxes cannot say."""
    inputs = [item.size for item in walk.syntax.inputs if len(item.size.sizes) == 3]
    edits = tuple(
        Edit(size.span, "x".join(map(str, (size.sizes[0], *inputs[0].sizes[1:]))))
        for size in inputs[1:]
        if size.sizes[1:] != inputs[0].sizes[1:]
    )
    if len(letters) < 2:
        walk.complain(
            "E0220",
            f"what is computed from {' and '.join(letters)} here cannot be followed for every size",
            element.span,
            "sizes are added, multiplied, divided by numbers with `//`, `ceil`, `floor` or `round`, and compared",
        )
        return
    walk.complain(
        "E0220",
        f"whether this fits depends on {' and '.join(letters)} together",
        element.span,
        "no set of sizes for each of them says when",
        helps=(Help("give one of them a number, or both one letter, as in `input 3xHxH`"),),
        tries=(Help("sizes that must be equal have the same letters", edits),) if edits else (),
    )
