"""How the copies of a loop are alike: the growth of their numbers, and what each reads of those before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cnndsl.emit.steps import Call, Setting, Step, Value

Fresh = Callable[[], Value]
Place = tuple[int, int, int]
"""A value inside a run: which copy, which step of it, which of its outputs."""


@dataclass(slots=True)
class Reads:
    """What one operand of one step reads, copy by copy: values from before the run until copy `lag` reads copy 0."""

    before: list[Value] = field(default_factory=list)
    lag: int = 0
    step: int = 0
    out: int = 0

    def accepts(self, copy: int, place: Place | None, value: Value) -> bool:
        """Takes note of what `copy` reads; False where that breaks the pattern."""
        if self.lag:
            return place == (copy - self.lag, self.step, self.out)
        if place is not None:
            if place[0] != 0 or copy != len(self.before) or copy > 2:
                return False
            self.lag, (_, self.step, self.out) = copy, place
            return True
        if copy >= 2 and (value != self.before[0] or value != self.before[1]):
            return False
        self.before.append(value)
        return True

    def settled(self) -> bool:
        """Whether what was seen so far is a pattern: a value that stays, or one of the copies before."""
        return self.lag > 0 or all(value == self.before[0] for value in self.before)


def growth(first: list[Setting], now: list[Setting], copies: int) -> list[Any] | None:
    """By how much each number grew per copy since the first; None where it did not grow evenly."""
    if len(first) != len(now):
        return None
    steps: list[Any] = []
    for old, new in zip(first, now, strict=True):
        if old == new and type(old[0]) is type(new[0]):
            steps.append(0)
            continue
        if type(old[0]) is not int or type(new[0]) is not int or old[1:] != new[1:] or (new[0] - old[0]) % copies:
            return None
        steps.append((new[0] - old[0]) // copies)
    return steps


def template(rows: list[list[Step]], j: int, operands: dict[tuple[int, int], Value]) -> Step:
    """A step of the body: that of the first copy with its numbers' growth, reading the loop's variables."""
    step, others = rows[0][j], [row[j] for row in rows[1:]]
    first = list(step.numbers())
    grown = growth(first, list(others[0].numbers()), 1)
    assert grown is not None
    numbers = [(old[0], by, *old[1:]) for old, by in zip(first, grown, strict=True)]
    places = iter(range(len(step.reads)))

    def operand(value: Value) -> Value:
        return operands.get((j, next(places)), value)

    copy = step.rebuilt(iter(numbers), operand)
    if isinstance(copy, Call) and isinstance(step, Call):
        shapes = {other.shape for other in others if isinstance(other, Call)}
        copy.shape = step.shape if shapes == {step.shape} else ()
        labels = {other.label for other in others}
        copy.label = step.label if labels == {step.label} else ""
        copy.form = None
    return copy


class Params:
    """The variables of a loop, made as its operands ask for them."""

    def __init__(self, first: list[Step], fresh: Fresh) -> None:
        self.first, self.fresh = first, fresh
        self.values: list[Value] = []
        self.starts: list[Value] = []
        self.updates: list[Value | None] = []
        self.known: dict[Any, Value] = {}
        self.streams: dict[tuple[int, int, int], Value] = {}

    def of(self, pattern: Reads) -> Value:
        """The variable that an operand reads. One that lags two copies behind takes its value from one that lags one."""
        if not pattern.lag:
            return self._variable(("stays", pattern.before[0]), pattern.before[0], None)
        made = self.first[pattern.step].outs[pattern.out]
        place, update = (pattern.step, pattern.out), made
        for back, start in enumerate(reversed(pattern.before), 1):
            value = self._variable((back, place, tuple(pattern.before[-back:])), start, update)
            self.streams[(back, *place)] = value
            update = value
        return update

    def _variable(self, key: Any, start: Value, update: Value | None) -> Value:
        if key not in self.known:
            self.known[key] = self.fresh()
            self.values.append(self.known[key])
            self.starts.append(start)
            self.updates.append(update)
        return self.known[key]
