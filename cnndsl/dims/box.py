"""Boxes: a set of sizes for every open letter, all combinations of them; what is left of one, and what two have together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cnndsl.dims.sets import ALL, Sizes

Box = dict[str, Sizes]
"""A set of sizes for every open letter; every combination of them is meant. A letter that is missing may be anything."""


def cut(domain: Box, limits: Iterable[tuple[str, Sizes]]) -> list[Box]:
    box = dict(domain)
    for letter, sizes in limits:
        box[letter] = box.get(letter, ALL) & sizes
    return [box] if all(box.values()) else []


def without(box: Box, other: Box) -> list[Box]:
    """The sizes of a box that are not in another, as boxes that do not overlap."""
    left: list[Box] = []
    inside = dict(box)
    for letter in box:
        outside = inside[letter] - other.get(letter, ALL)
        if outside:
            left.append({**inside, letter: outside})
        inside[letter] = inside[letter] & other.get(letter, ALL)
        if not inside[letter]:
            break
    return left


def leftover(box: Box, others: Iterable[Box]) -> list[Box]:
    """The sizes of a box that are in none of others."""
    left = [box]
    for other in others:
        left = [part for piece in left for part in without(piece, other)]
    return left


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest box around several."""
    around = dict(boxes[0])
    for box in boxes[1:]:
        around = {letter: sizes | box[letter] for letter, sizes in around.items()}
    return around


def holds(box: Box, at: Mapping[str, int]) -> bool:
    """Whether sizes are in a box."""
    return all(at[letter] in sizes for letter, sizes in box.items())


def joined(one: Box, other: Box) -> Box | None:
    """The box of all sizes of two boxes, where these are a box: they differ in one letter at most."""
    differ = [letter for letter in one if one[letter] != other[letter]]
    if len(differ) > 1:
        return None
    return {**one, **{letter: one[letter] | other[letter] for letter in differ}}


def joint(boxes: Iterable[Box]) -> list[Box]:
    """Boxes that do not overlap, joined where two are one."""
    found = list(boxes)
    at = 0
    while at < len(found):
        for other in range(at + 1, len(found)):
            whole = joined(found[at], found[other])
            if whole is not None:
                found[at] = whole
                del found[other]
                at = -1
                break
        at += 1
    return found


def endless(box: Box) -> bool:
    """Whether a box is more than an exception: no letter has finitely many sizes in it."""
    return all(sizes.infinite for sizes in box.values())
