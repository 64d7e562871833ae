"""Repetition in a row of steps: finds copies of a few steps that follow one another and makes loops of them.

Copies are alike in form, their numbers grow by steady steps, and each reads the copies before it in the same way. A
candidate's period is the distance to the next step of the same form, so the search is linear in the number of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cnndsl.emit.copies import Fresh, Params, Place, Reads, growth, template
from cnndsl.emit.steps import Call, Loop, Step, Value

LONGEST = 256
"""No more steps than this are a copy."""
PASSES = 5
"""How deep loops nest."""
END = 1 << 60
"""The place of what reads the values that flow out of a row."""


def fold(steps: list[Step], outs: Sequence[Value], least: int, fresh: Fresh) -> list[Step]:
    """The same steps with every run of `least` copies or more as a loop. `outs` are the values that flow out."""
    for _ in range(PASSES):
        folded = _Row(steps, outs, least, fresh).fold()
        if len(folded) == len(steps):
            return folded
        steps = folded
    return steps


class _Row:
    """One pass over a row of steps."""

    def __init__(self, steps: list[Step], outs: Sequence[Value], least: int, fresh: Fresh) -> None:
        self.steps, self.least, self.fresh = list(steps), least, fresh
        self.made: dict[Value, tuple[int, int]] = {}
        self.users: dict[Value, list[int]] = {}
        for at, step in enumerate(self.steps):
            for k, value in enumerate(step.outs):
                self.made[value] = (at, k)
            for value in step.reads:
                self.users.setdefault(value, []).append(at)
        for value in outs:
            self.users.setdefault(value, []).append(END)
        codes: dict[Any, int] = {}
        self.codes = [codes.setdefault(step.signature(), len(codes)) for step in self.steps]
        self.next = [END] * len(self.steps)
        seen: dict[int, int] = {}
        for at in range(len(self.steps) - 1, -1, -1):
            self.next[at] = seen.get(self.codes[at], END)
            seen[self.codes[at]] = at

    def fold(self) -> list[Step]:
        row: list[Step] = []
        at = 0
        while at < len(self.steps):
            found = self._best(at)
            if found is None:
                row.append(self.steps[at])
                at += 1
                continue
            loop, width = found
            row.append(loop)
            at += width
        return row

    def _best(self, at: int) -> tuple[Loop, int] | None:
        """A loop that starts here and the number of steps it replaces: the first of three copies, else of `least`."""
        best: tuple[int, int, dict[tuple[int, int], Reads]] | None = None
        after = self.next[at]
        for _ in range(3):
            period = after - at
            if period > LONGEST:
                break
            run = self._run(at, period)
            if run is not None and run[0] >= self.least and (best is None or run[0] > best[1]):
                best = (period, *run)
            if best is not None and best[1] >= 3:
                break
            after = self.next[after]
        if best is None:
            return None
        period, copies, reads = best
        return self._loop(at, period, copies, reads), period * copies

    def _run(self, at: int, period: int) -> tuple[int, dict[tuple[int, int], Reads]] | None:
        """How many copies of `period` steps follow one another from `at`, and what their operands read."""
        copies = self._alike(at, period)
        while copies >= 2:
            wired, reads = self._wired(at, period, copies)
            if wired == copies:
                tapped = self._tapped(at, period, copies, reads)
                if tapped == copies:
                    return copies, reads
                wired = tapped
            copies = wired
        return None

    def _alike(self, at: int, period: int) -> int:
        """How many copies are alike in form with numbers that grow steadily."""
        first = [list(self.steps[at + j].numbers()) for j in range(period)]
        grown: list[list[Any]] = []
        copies = 1
        while at + (copies + 1) * period <= len(self.steps):
            start = at + copies * period
            for j in range(period):
                if self.codes[start + j] != self.codes[at + j]:
                    return self._steady(copies, grown)
                steps = growth(first[j], list(self.steps[start + j].numbers()), copies)
                if steps is None or (copies > 1 and steps != grown[j]):
                    return self._steady(copies, grown)
                if copies == 1:
                    grown.append(steps)
            copies += 1
        return self._steady(copies, grown)

    def _steady(self, copies: int, grown: list[list[Any]]) -> int:
        """Two copies say nothing about growth: they count only where the settings are equal."""
        if copies != 2:
            return copies
        return 2 if self.least == 2 and not any(any(steps[1:]) for steps in grown) else 1

    def _wired(self, at: int, period: int, copies: int) -> tuple[int, dict[tuple[int, int], Reads]]:
        """How many of the copies read one another in one pattern, and the pattern."""
        reads: dict[tuple[int, int], Reads] = {}
        inside: dict[tuple[int, int], tuple[int, int]] = {}
        end = at + period * copies
        for copy in range(copies):
            for j in range(period):
                for o, value in enumerate(self.steps[at + copy * period + j].reads):
                    place = self._place(value, at, period, end)
                    own = place[1:] if place is not None and place[0] == copy else None
                    if copy == 0 and own is not None:
                        inside[j, o] = own
                    elif (j, o) in inside or own is not None:
                        if inside.get((j, o)) != own:
                            return copy, reads
                    elif not reads.setdefault((j, o), Reads()).accepts(copy, place, value):
                        return copy, reads
        settled = all(pattern.settled() for pattern in reads.values())
        return (copies if settled else min(copies - 1, 2) if copies > 2 else 1), reads

    def _place(self, value: Value, at: int, period: int, end: int) -> Place | None:
        made = self.made.get(value)
        if made is None or not at <= made[0] < end:
            return None
        copy, step = divmod(made[0] - at, period)
        return copy, step, made[1]

    def _tapped(self, at: int, period: int, copies: int, reads: dict[tuple[int, int], Reads]) -> int:
        """How many copies remain when the run stops at the first whose values are read from behind the run."""
        end = at + period * copies
        late = {(p.step, p.out) for p in reads.values() if p.lag == 2}
        for copy in range(copies - 1):
            for j in range(period):
                for k, value in enumerate(self.steps[at + copy * period + j].outs):
                    if not any(user >= end for user in self.users.get(value, ())):
                        continue
                    kept = copy == copies - 2 and (j, k) in late
                    if not kept and self._collector(at, period, copies, j, k) is None:
                        return copy + 1
        return copies

    def _collector(self, at: int, period: int, copies: int, j: int, k: int) -> int | None:
        """The step behind the run that reads this value of every copy, in their order, as a merge does."""
        values = [self.steps[at + c * period + j].outs[k] for c in range(copies)]
        users = self.users.get(values[0], [])
        if copies < 3 or len(users) != 1 or users[0] >= len(self.steps) or users[0] < at + copies * period:
            return None
        merge = self.steps[users[0]]
        if not isinstance(merge, Call) or merge.name or not ("{all}" in merge.call or _is_total(merge)):
            return None
        if any(self.users.get(value) != users for value in values):
            return None
        start = merge.reads.index(values[0])
        return users[0] if merge.reads[start : start + copies] == values else None

    def _loop(self, at: int, period: int, copies: int, reads: dict[tuple[int, int], Reads]) -> Loop:
        """The loop of a run."""
        rows = [self.steps[at + c * period : at + (c + 1) * period] for c in range(copies)]
        params = Params(rows[0], self.fresh)
        operands = {key: params.of(pattern) for key, pattern in reads.items()}
        body = [template(rows, j, operands) for j in range(period)]
        outs, sources = self._outs(at, period, copies, params)
        return Loop(
            body, rows, params.values, params.starts, params.updates, outs, sources, all(s.aux for s in rows[0])
        )

    def _outs(self, at: int, period: int, copies: int, params: Params) -> tuple[list[Value], list[tuple[str, Value]]]:
        """The values that are read from behind the run, and where each comes from."""
        end = at + period * copies
        outs: list[Value] = []
        sources: list[tuple[str, Value]] = []
        for j in range(period):
            for k, value in enumerate(self.steps[at + j].outs):
                row = [self.steps[at + c * period + j].outs[k] for c in range(copies)]
                merge = self._collector(at, period, copies, j, k)
                if merge is not None:
                    gathered = self.fresh()
                    self._gather(merge, row, gathered)
                    outs.append(gathered)
                    sources.append(("collect", value))
                    continue
                for back, last in enumerate(reversed(row[-2:]), 1):
                    if any(user >= end for user in self.users.get(last, ())):
                        carried = params.streams.get((back, j, k))
                        outs.append(last)
                        sources.append(("exit", value) if carried is None else ("carry", carried))
        return outs, sources

    def _gather(self, merge: int, row: list[Value], gathered: Value) -> None:
        """Lets a merge read one list in place of the values of all copies."""
        step = self.steps[merge]
        assert isinstance(step, Call)
        start = step.reads.index(row[0])
        reads = [*step.reads[:start], gathered, *step.reads[start + len(row) :]]
        call = "sum(({all}))" if _is_total(step) else step.call
        self.steps[merge] = replace(step, reads=reads, call=call, form=None)
        self.users[gathered] = [merge]
        self.codes[merge] = -1 - merge


def _is_total(merge: Call) -> bool:
    """Whether a merge adds up its operands, `{0} + {1} + {2}`."""
    return merge.call == " + ".join(f"{{{k}}}" for k in range(len(merge.reads)))
