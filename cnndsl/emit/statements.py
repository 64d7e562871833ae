"""From steps to statements: which calls are written inside one another.

Short chains such as convolution, normalisation, activation make one expression, and so do the short arms of a merge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnndsl.emit.steps import Call, Loop, Step, Value, repeats

CHAIN = 3
"""So many calls at the most are nested in one another."""


@dataclass(slots=True, eq=False)
class Statement:
    """A step that stands on a line of its own, with the values it reads once others are written inside it."""

    step: Step
    reads: list[Value]


class Nesting:
    """Decides for one row of steps what is written inside what. `ends` are the values that flow out."""

    def __init__(self, steps: Sequence[Step], ends: Sequence[Value], inline_end: bool = True) -> None:
        self.steps, self.ends = steps, ends
        self.nested: dict[Value, Call] = {}
        self.uses: dict[Value, int] = {}
        for value in (*(v for step in steps for v in step.reads), *ends):
            self.uses[value] = self.uses.get(value, 0) + 1
        self._size: dict[Value, tuple[int, int]] = {}
        self._whole: dict[Value, int] = {}
        self._open: dict[Value, Call] = {}
        for step in steps:
            if isinstance(step, Call):
                self._consider(step)
        if inline_end:
            self._finish()

    def statements(self) -> list[Statement]:
        """The steps that are left, in order."""
        return [
            Statement(step, list(self.leaves(step)))
            for step in self.steps
            if not (isinstance(step, Call) and len(step.outs) == 1 and step.outs[0] in self.nested)
        ]

    def leaves(self, step: Step) -> Iterator[Value]:
        """The values that a statement reads, from left to right."""
        for value in step.reads:
            inner = None if isinstance(step, Loop) else self.nested.get(value)
            if inner is None:
                yield value
            else:
                yield from self.leaves(inner)

    def ending(self, value: Value) -> Iterator[Value]:
        """The values that the expression of an end reads."""
        inner = self.nested.get(value)
        if inner is None:
            yield value
        else:
            yield from self.leaves(inner)

    def _consider(self, call: Call) -> None:
        """Nests the operands of a call where that reads well, and opens the call itself to nesting."""
        twice = repeats(call.call)
        candidates = [
            value
            for at, value in enumerate(call.reads)
            if value in self._open and self._open[value].aux == call.aux and str(at) not in twice
        ]
        block = not isinstance(call.maker, str) and len(call.reads) == 1
        size, heavy = (
            CHAIN if block else 1,
            int(call.heavy),
        )  # a block's call stands alone, but for a short arm of a merge
        for value in candidates:
            inner, weight = self._size[value]
            if len(call.reads) == 1:
                if _varies(call) and _varies(self._open[value]):
                    continue  # `getattr(self, f"conv{i}")` is long: one a line
                if inner + size <= CHAIN and heavy + weight <= 1 and not self._open[value].closes:
                    self.nested[value] = self._open[value]
                    size, heavy = size + inner, heavy + weight
            elif self._whole[value] <= CHAIN:
                self._nest_whole(value)
                size, heavy = size + self._whole[value], heavy + weight
        if len(call.outs) == 1 and self.uses.get(call.outs[0], 0) == 1:
            self._open[call.outs[0]] = call
            self._size[call.outs[0]] = (size, heavy)
            self._whole[call.outs[0]] = 1 + sum(self._whole[v] for v in candidates)

    def _nest_whole(self, value: Value) -> None:
        """Nests a call and everything that can be nested in it."""
        self.nested[value] = self._open[value]
        for inner in self._open[value].reads:
            if inner in self._open:
                self._nest_whole(inner)

    def _finish(self) -> None:
        """Nests what flows out: an only value always, one of several where it is short."""
        for value in self.ends:
            if value in self._open and not self._open[value].aux and (len(self.ends) == 1 or self._size[value][0] <= 2):
                self.nested[value] = self._open[value]


def _varies(call: Call) -> bool:
    """Whether a call in a loop has another submodule in every copy."""
    return call.number is not None and any(call.number[1:])
