"""The sizes that a walk is about: a box, the size in hand, and what questions split off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cnndsl.dims.box import Box, holds, leftover

Answer = TypeVar("Answer")
Choice = TypeVar("Choice")
MOST_CASES = 400
"""So many parts of a box are looked at for one shape rule."""


class TooMany(Exception):  # noqa: N818 - it says that a question is too big
    """The sizes fall into more than `MOST_CASES` cases."""


class Elsewhere(Exception):  # noqa: N818 - it says where a network goes on as it does at another size
    """A choice comes out otherwise than in the walk before: the network is the same in these parts of the box only."""

    def __init__(self, boxes: list[Box]) -> None:
        super().__init__()
        self.boxes = boxes


@dataclass
class Space:
    """The sizes that a walk is about: the box it still holds for, and the one in it that its numbers are of.

    `rest` are the parts that a comparison split off since it was last emptied. A `quiet` space answers for the size in hand and
    keeps nothing; a `finished` one says yes to what holds for all sizes of its box. `choices` are what was settled once for all
    sizes, in order, and `given` those of the first walk, which a later one keeps.
    """

    box: Box
    at: dict[str, int]
    given: Sequence[object] = ()
    choices: list[object] = field(default_factory=list)
    rest: list[Box] = field(default_factory=list)
    asking: bool = False
    """Whether an expression is looked at for all sizes at once: what leaves the arithmetic of sizes cannot be followed then."""
    quiet: bool = False
    finished: bool = False

    def chosen(self, choice: Choice) -> Choice:
        """A choice that is made once for a network: the first walk's where there was one."""
        place = len(self.choices)
        kept = self.given[place] if place < len(self.given) else choice
        self.choices.append(kept)
        return kept  # type: ignore[return-value]

    def split(self, parts: list[Box]) -> bool:
        """Whether the size in hand is in one of these parts of the box. Where the box has others, the answer holds for the part."""
        if self.finished:
            return not leftover(self.box, parts)
        here = next((part for part in parts if holds(part, self.at)), None)
        if here is not None:
            others = leftover(self.box, [here])
            outside = leftover(self.box, parts)
            if not outside:
                return True  # it holds in all of the box, in whatever parts
            self.box = here
            self.rest.extend(others)
            return True
        for part in parts:
            pieces = leftover(self.box, [part])
            self.box = next(piece for piece in pieces if holds(piece, self.at))
            self.rest.append(part)
            self.rest.extend(piece for piece in pieces if piece is not self.box)
        return False

    def cases(self, rule: Callable[[], Answer]) -> list[Case[Answer]]:
        """What a rule answers in every part of the box; the part of the size in hand first. The space is left as it was."""
        box, at, before = self.box, self.at, self.rest
        found: list[Case[Answer]] = []
        waiting = [(box, at)]
        try:
            while waiting:
                self.box, self.at = waiting.pop()
                self.rest = []
                answer = rule()
                found.append(Case(self.box, self.at, answer))
                waiting.extend((part, nearest(part, at)) for part in self.rest)
                if len(found) > MOST_CASES:
                    raise TooMany
        finally:
            self.box, self.at, self.rest = box, at, before
        return found


@dataclass
class Case(Generic[Answer]):
    """A part of a box, a size in it, and what holds there."""

    box: Box
    at: dict[str, int]
    answer: Answer


def nearest(box: Box, wanted: Mapping[str, int]) -> dict[str, int]:
    """The size in a box nearest to a wanted one, letter by letter."""
    return {letter: sizes.nearest(wanted[letter]) for letter, sizes in box.items()}
