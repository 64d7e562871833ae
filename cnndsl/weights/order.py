"""What names say about order: `layer1.2` comes before `layer1.10`, `conv1` before `conv2`; `conv1` and `bn1` say nothing.

A checkpoint that was written in the order of definition has that order too, but safetensors and HDF5 files are sorted by name.
Either way an order of definition need not be one of execution: what `match` asks of it is only that no layer is used before
one whose result it reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

NUMBERED = re.compile(r"(\D*)(\d+)([a-z]?)")
END = ("", -1, "")
"""Where a dotted part of a name ends: `repeat` comes before `repeat_1`."""
Token = tuple[str, int | None, str]


def tokens(name: str) -> tuple[Token, ...]:
    """The parts of a name, each split into stem, number and a letter behind it; the number is None where there is none."""
    found: list[Token] = []
    for part in re.split(r"[./]", name):
        for piece in part.split("_"):
            match = NUMBERED.fullmatch(piece)
            found.append((match[1], int(match[2]), match[3]) if match else (piece, None, ""))
        found.append(END)
    return tuple(found)


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts names as a reader would, numbers by their size."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name))


def ranks(names: Sequence[str]) -> list[int]:
    """The place of each name among the names as a reader would sort them."""
    rank = [0] * len(names)
    for place, of in enumerate(sorted(range(len(names)), key=lambda place: natural(names[place]))):
        rank[of] = place
    return rank


@dataclass(slots=True)
class _Scope:
    """A node of the tree of names: the units below it, and what its children are."""

    below: list[int] = field(default_factory=list)
    children: dict[Token, _Scope] = field(default_factory=dict)


def by_names(names: Sequence[str], kinds: Sequence[str] = ()) -> tuple[frozenset[int], ...]:
    """For each unit, those that the numbers in the names put before it: what stands under the next lower number of the same stem.

    With `kinds`, units of one kind stand in the model's order. Blocks of which one stands wholly behind another in it are not put before
    that one: an Inception-ResNet's `block8` comes after its `block35`.
    """
    root = _Scope()
    for place, name in enumerate(names):
        scope = root
        for token in tokens(name):
            scope = scope.children.setdefault(token, _Scope())
            scope.below.append(place)
    before: list[set[int]] = [set() for _ in names]
    waiting = [root]
    while waiting:
        scope = waiting.pop()
        chains: dict[str, list[tuple[int, str, _Scope]]] = {}
        for (stem, number, letter), child in scope.children.items():
            waiting.append(child)
            if number is not None:
                chains.setdefault(stem, []).append((number, letter, child))
        for chain in chains.values():
            chain.sort(key=lambda link: link[:2])
            for (*_, earlier), (*_, later) in pairwise(chain):
                if kinds and _behind(earlier.below, later.below, kinds):
                    continue
                for place in later.below:
                    before[place].update(earlier.below)
    return tuple(map(frozenset, before))


def _behind(these: Sequence[int], those: Sequence[int], kinds: Sequence[str]) -> bool:
    """Whether these units stand behind those in a file, kind by kind; single units do not count."""
    if len(these) < 2 or len(those) < 2:
        return False
    shared = {kinds[place] for place in these} & {kinds[place] for place in those}
    ends = ((min(p for p in these if kinds[p] == kind), max(p for p in those if kinds[p] == kind)) for kind in shared)
    return bool(shared) and all(first > last for first, last in ends)


def by_last_numbers(names: Sequence[str]) -> tuple[frozenset[int], ...]:
    """For names that end in the number of their block, as those of Keras' NASNet do: `separable_conv_2_normal_left1_0`.

    Names that differ in their numbers alone stand in the order of the last number, then of the one before it.
    """
    families: dict[tuple[str, ...], list[tuple[list[int], int]]] = {}
    for place, name in enumerate(names):
        found = tokens(name)
        numbers = [number for _, number, _ in reversed(found) if number is not None]
        families.setdefault(tuple(stem for stem, _, _ in found), []).append((numbers, place))
    before = [frozenset[int]()] * len(names)
    for family in families.values():
        for (_, earlier), (_, later) in pairwise(sorted(family)):
            before[later] = frozenset([earlier])
    return tuple(before)


def in_line(count: int) -> tuple[frozenset[int], ...]:
    """Every unit after the one in front of it."""
    return tuple(frozenset([place - 1] if place else []) for place in range(count))


def in_lines(kinds: Sequence[str]) -> tuple[frozenset[int], ...]:
    """Every unit after the one of its kind in front of it."""
    last: dict[str, int] = {}
    before = []
    for place, kind in enumerate(kinds):
        before.append(frozenset([last[kind]] if kind in last else []))
        last[kind] = place
    return tuple(before)


def follows(before: Sequence[frozenset[int]]) -> bool:
    """Whether the order in which the units stand is one of those that `before` allows."""
    return all(earlier < place for place, found in enumerate(before) for earlier in found)
