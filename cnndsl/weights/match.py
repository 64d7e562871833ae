"""Pairs the units of a net with those of a checkpoint: by name where the names agree, else by structure.

By structure: both sides are partial orders of units with signatures (roles and shapes). A match pairs all units, equal
signature to equal signature, such that there is one order which both sides allow: the net's (a unit comes after those whose results it
reads) and the checkpoint's (its file's, that of its names, or a known flow of data). It is found by walking both at once, along the flow of
the net as far as that goes, with backtracking.

Parallel branches that are alike can be paired in several ways. Then the first stands: the checkpoint's earlier one goes to the net's.
"""

from __future__ import annotations

import re
from bisect import insort
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from typing import Any

from cnndsl.weights.order import Token, tokens
from cnndsl.weights.unit import Side, Signature, Unit

PATIENCE = 40
"""Steps a search may take for every unit before it gives up; a straight walk takes one."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is believed of the order of a checkpoint's units.

    `before[j]` are the units that come before unit `j` in any case, and `rank` says which of several goes first. `flow[j]`, where it is
    known, are those whose results flow into it: they have to be paired with what flows into its partner. `near`: the rank says little, and units that stand beside each
    other in the tree of names belong together.
    """

    before: tuple[frozenset[int], ...]
    rank: Sequence[int]
    flow: Mapping[int, frozenset[int]] = field(default_factory=dict)
    near: bool = False


Pairs = list[int | None]
"""The checkpoint's unit for every unit of the net, None where it stays fresh."""


def match(net: Side, units: Sequence[Unit], order: Order, heads: frozenset[int] = frozenset()) -> Pairs | None:
    """The pairs, or None where there is no match (or none was found in `PATIENCE`).

    `heads` are units of the net that may stay fresh: they take a unit that has the same shapes but for the number of classes, or none.
    """
    if len(units) > len(net.units) or len(net.units) - len(units) > len(heads):
        return None
    if not heads and Counter(u.signature for u in net.units) != Counter(u.signature for u in units):
        return None
    walk = _Walk(net, Side(tuple(units), order.before), order, heads)
    pairs = walk.run()
    if pairs is not None and order.near:
        _settle(net, walk.file, walk.names, pairs)
    return pairs


class _Walk:
    """The state of a search: what is paired, and what is ready on both sides."""

    def __init__(self, net: Side, file: Side, order: Order, heads: frozenset[int]) -> None:
        self.net, self.file, self.order, self.heads = net, file, order, heads
        ids: dict[object, int] = {}
        self.want = [ids.setdefault(self._kind(unit, i in heads), len(ids)) for i, unit in enumerate(net.units)]
        wild = {self.want[i] for i in heads}
        self.have = []
        for unit in file.units:
            loose = ids.get(unit.wild, -1)
            exact = ids.setdefault(unit.signature, len(ids))
            self.have.append((exact, loose) if loose in wild else (exact,))
        self.net_after, self.net_left = _turned(net.before)
        self.file_after, self.file_left = _turned(file.before)
        self.ready: list[int] = [i for i, left in enumerate(self.net_left) if not left]
        self.offers: dict[int, list[tuple[int, int]]] = {}
        for j, left in enumerate(self.file_left):
            if not left:
                self._offer(j)
        self.pairs: Pairs = [None] * len(net.units)
        self.names = [tokens(unit.layer) for unit in file.units]
        self.called = [_called(unit.layer) for unit in file.units]
        self.endings = [_endings(unit.name) for unit in net.units]
        self.steps: Counter[Hashable] = Counter()
        self.roles: Counter[Hashable] = Counter()
        self.last = -1

    @staticmethod
    def _kind(unit: Unit, head: bool) -> object:
        return unit.wild if head else unit.signature

    def run(self) -> Pairs | None:
        """Pairs units until the checkpoint has none left."""
        trail: list[tuple[int, int, int, Iterator[tuple[int, int]]]] = []
        steps, most = 0, PATIENCE * len(self.net.units) + 2000
        choices = self._choices()
        while len(trail) < len(self.file.units):
            pair = next(choices, None)
            if pair is not None:
                trail.append((*pair, self.last, choices))
                self._pair(*pair)
                choices = self._choices()
                continue
            steps += 1
            if not trail or steps > most:
                return None
            i, j, self.last, choices = trail.pop()
            self._part(i, j)
        left = [i for i, pair in enumerate(self.pairs) if pair is None]
        return self.pairs if self.heads.issuperset(left) else None

    def _choices(self) -> Iterator[tuple[int, int]]:
        """Pairs to try next, all of one signature: the unit behind the last one as the net is written, else the first that can be run."""
        onward = self.last + 1
        for i in sorted(self.ready, key=lambda i: i != onward):
            if not (offers := self._offers(i)):
                continue
            kind = self.want[i]
            rivals = [k for k in self.ready if k != i and self.want[k] == kind]
            return iter([(i, j) for j in offers] + [(k, j) for k in rivals for j in self._offers(k)])
        return iter(())

    def _offers(self, i: int) -> list[int]:
        """The checkpoint's units that can be the net's unit `i`, the likeliest first."""
        found = [j for _, j in self.offers.get(self.want[i], ())]
        if self.order.flow:
            mine = {self.pairs[k] for k in self.net.before[i]}
            found = [j for j in found if self.order.flow.get(j, mine) == mine]
        if len(found) > 1 and self.net.before[i]:
            found.sort(key=lambda j: self._likely(i, j))
        if i in self.heads:  # before all, one that need not stay fresh
            exact = self.net.units[i].signature
            found.sort(key=lambda j: self.file.units[j].signature != exact)
        return found

    def _offer(self, j: int) -> None:
        for kind in self.have[j]:
            insort(self.offers.setdefault(kind, []), (self.order.rank[j], j))

    def _withdraw(self, j: int) -> None:
        for kind in self.have[j]:
            self.offers[kind].remove((self.order.rank[j], j))

    def _pair(self, i: int, j: int) -> None:
        self.pairs[i], self.last = j, i
        self.ready.remove(i)
        self._withdraw(j)
        self._learn(i, j, 1)
        for k in self.net_after[i]:
            self.net_left[k] -= 1
            if not self.net_left[k]:
                insort(self.ready, k)
        for k in self.file_after[j]:
            self.file_left[k] -= 1
            if not self.file_left[k]:
                self._offer(k)

    def _likely(self, i: int, j: int) -> tuple[Any, ...]:
        """A key that sorts the checkpoint's units for the net's unit `i` by what their names say, the likeliest first.

        In a chain the one that stands nearest to its predecessor. Where streams join, one that is called as in earlier copies of the
        block, then one that begins as its predecessor does; where the rank says little, one whose name followed its predecessor's before, then
        the nearest.
        """
        beside = self.pairs[max(self.net.before[i])]
        apart = 0 if beside is None else _apart(self.names[beside], self.names[j])
        if len(self.net.before[i]) == 1:
            return (apart,)
        roles = [-self.roles[role, self.called[j]] for role in self.endings[i]]
        if not self.order.near:
            return roles, beside is None or self.called[beside] != self.called[j]
        step = 0 if beside is None else -self.steps[_step(self.names[beside], self.names[j])]
        return roles, step, apart

    def _learn(self, i: int, j: int, times: int) -> None:
        """Counts which name goes with which, and which follows which: after `mixed_5b` comes `repeat`, so after `mixed_7a` `repeat_2`."""
        for role in self.endings[i]:
            self.roles[role, self.called[j]] += times
        beside = self.pairs[max(self.net.before[i])] if self.net.before[i] else None
        if beside is not None:
            self.steps[_step(self.names[beside], self.names[j])] += times

    def _part(self, i: int, j: int) -> None:
        """Undoes `_pair`; what was last before it is restored by the caller."""
        for k in self.file_after[j]:
            if not self.file_left[k]:
                self._withdraw(k)
            self.file_left[k] += 1
        for k in self.net_after[i]:
            if not self.net_left[k]:
                self.ready.remove(k)
            self.net_left[k] += 1
        self._learn(i, j, -1)
        self.pairs[i] = None
        insort(self.ready, i)
        self._offer(j)


def _turned(before: Sequence[frozenset[int]]) -> tuple[list[list[int]], list[int]]:
    """For each unit those that come after it, in order, and how many come before it."""
    after: list[list[int]] = [[] for _ in before]
    for place, earlier in enumerate(before):
        for other in sorted(earlier):
            after[other].append(place)
    return after, [len(earlier) for earlier in before]


def _settle(net: Side, file: Side, names: Sequence[tuple[Token, ...]], pairs: Pairs) -> None:
    """Swaps units of one signature where that brings what flows into each other closer together in the tree of names.

    So `transition3.norm` goes to the layer beside `transition3.conv`, and `norm5` elsewhere, though both could stand in either place.
    """
    alike: dict[Signature, list[int]] = {}
    for i, j in enumerate(pairs):
        if j is not None and net.units[i].signature == file.units[j].signature:
            alike.setdefault(net.units[i].signature, []).append(i)
    edges = [(max(earlier), i) for i, earlier in enumerate(net.before) if earlier]
    touching: dict[int, list[tuple[int, int]]] = {}
    for edge in edges:
        for i in edge:
            touching.setdefault(i, []).append(edge)

    def length(of: set[tuple[int, int]]) -> int:
        ends = ((pairs[a], pairs[b]) for a, b in of)
        return sum(_apart(names[x], names[y]) for x, y in ends if x is not None and y is not None)

    changed = True
    while changed:
        changed = False
        for group in alike.values():
            for a, b in combinations(group, 2):
                near = {*touching.get(a, ()), *touching.get(b, ())}
                was = length(near)
                pairs[a], pairs[b] = pairs[b], pairs[a]
                if length(near) < was and _allowed(net, file, pairs):
                    changed = True
                else:
                    pairs[a], pairs[b] = pairs[b], pairs[a]


def _allowed(net: Side, file: Side, pairs: Pairs) -> bool:
    """Whether there is one order that both sides allow."""
    place = {j: i for i, j in enumerate(pairs) if j is not None}
    both = {
        i: net.before[i] | ({place[k] for k in file.before[j]} if j is not None else set()) for i, j in enumerate(pairs)
    }
    try:
        TopologicalSorter(both).prepare()
    except CycleError:
        return False
    return True


@lru_cache(maxsize=1 << 16)
def _apart(a: tuple[Token, ...], b: tuple[Token, ...]) -> int:
    """How far two names stand apart: the tokens that they share neither at their beginning nor at their end."""
    least = min(len(a), len(b))
    front = next((k for k in range(least) if a[k] != b[k]), least)
    back = next((k for k in range(least - front) if a[-1 - k] != b[-1 - k]), least - front)
    return len(a) + len(b) - 2 * (front + back)


def _step(a: Sequence[Token], b: Sequence[Token]) -> Hashable:
    """What two names are called where they part, numbers left out."""
    return next(((x[0], y[0]) for x, y in zip(a, b, strict=False) if x != y), ())


def _endings(name: str) -> list[str]:
    """Ever shorter ends of a path. Numbers count in the last two parts alone: those further out are the block's."""
    parts = name.split(".")
    plain = [re.sub(r"\d+", "", part) for part in parts[:-2]] + parts[-2:]
    return [".".join(plain[k:]) for k in range(max(len(plain) - 1, 1))]


def _called(layer: str) -> str:
    """What a checkpoint calls a layer in its block: the last two parts of a path, the first word where all names stand on one level."""
    parts = re.split(r"[./]", layer)
    return ".".join(parts[-2:]) if len(parts) > 1 else layer.partition("_")[0]
