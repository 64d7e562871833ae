"""Receptive fields: what is read of the input, as size, effective stride and padding offset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import lcm
from typing import Any

from cnndsl.footprint import ALL, LONGEST, UNKNOWN, Footprint, Span, around, hull

MOST_SLOPES = 16
"""Streams that move at more different strides than this are not followed side by side."""

Parts = tuple[Footprint, ...]
"""What is read of the input along an axis: the hull of some footprints of different slopes; nothing at all where there is none."""


def joined(streams: Iterable[Parts], length: int) -> Parts:
    """The hull of what streams read of an input that has `length` positions."""
    by_slope: dict[tuple[int, int], Footprint] = {}
    for part in chain.from_iterable(streams):
        if not part.spans:
            by_slope[0, 0] = UNKNOWN
            continue
        found = by_slope.setdefault(part.slope, part)
        if found is not part and found != part:
            by_slope[part.slope] = hull(found, part)
    parts = tuple(ALL if _covers(part, length) else part for part in by_slope.values())
    if ALL in parts:
        return (ALL,)
    return (UNKNOWN,) if UNKNOWN in parts or len(parts) > MOST_SLOPES else parts


def _covers(part: Footprint, length: int) -> bool:
    """Whether every position reads the whole input."""
    if part.rise or len(part.spans) != 1 or part.spans[0] is None:
        return False
    low, high = part.spans[0]
    return low <= 0 and high >= length - 1


@dataclass(frozen=True, slots=True)
class Axis:
    """The receptive fields of a row of `length` positions, in positions of the input."""

    parts: Parts
    length: int

    def at(self, i: int) -> Span | None:
        """The first and last position that position i sees, not cut off at the borders; None for nothing, or if it is not known."""
        return None if UNKNOWN in self.parts else around(*(part.at(i) for part in self.parts))

    @property
    def whole(self) -> bool:
        """Whether the largest field is the whole input; all are, but for positions that see nothing."""
        return any(ALL.spans[0] in part.spans for part in self.parts)

    @property
    def size(self) -> int | None:
        """The extent of the largest field; None where it is the whole input, nothing, or not known."""
        if not self.parts or self.whole or UNKNOWN in self.parts:
            return None
        if len(self.parts) == len(self.parts[0].spans) == 1:  # all fields are alike
            span = self.parts[0].spans[0]
            return None if span is None else span[1] - span[0] + 1
        period = lcm(*(len(part.spans) for part in self.parts))
        if min(2 * period, self.length) > 4 * LONGEST:
            return None
        # at equal places of the periods highs minus lows are convex: the largest is among the outermost
        outer = {*range(min(period, self.length)), *range(max(self.length - period, 0), self.length)}
        sizes = [span[1] - span[0] + 1 for span in map(self.at, outer) if span is not None]
        return max(sizes, default=None)

    @property
    def stride(self) -> Fraction | None:
        """By how much the field moves from one position to the next, on average; None where `size` is or streams disagree on it."""
        return Fraction(*self.parts[0].slope) if len(self.parts) == 1 and self.size is not None else None

    @property
    def offset(self) -> int | None:
        """How many positions before the input's first the field of position 0 begins: the effective padding. May be negative."""
        span = self.at(0)
        return None if self.whole or span is None else -span[0]

    def cells(self) -> tuple[str, str, str]:
        """Size, stride and offset as a table shows them."""
        if self.size is None:
            return ("all" if self.whole else "?" if self.parts else ""), "", ""
        stride = "uneven" if self.stride is None else str(self.stride)
        return str(self.size), stride, "" if self.offset is None else str(self.offset)


@dataclass(frozen=True, slots=True)
class Field:
    """The receptive fields of a node, along the height and the width of the input."""

    height: Axis
    width: Axis

    def cells(self) -> tuple[str, str, str]:
        """Size, stride and offset as a table shows them: `427` where height and width agree, `427x211` where not."""
        if self.height == self.width:
            return self.height.cells()
        size, stride, offset = (
            a if a == b else f"{a or '-'}x{b or '-'}"
            for a, b in zip(self.height.cells(), self.width.cells(), strict=True)
        )
        return size, stride, offset

    def to_json(self) -> dict[str, Any]:
        """Pairs of height and width; None for a pair of nothing, in which the whole input is None too."""
        ends = (self.height, self.width)
        return {
            "receptive_field": _pair(*(end.size for end in ends)),
            "stride": _pair(*(_number(end.stride) for end in ends)),
            "offset": _pair(*(end.offset for end in ends)),
        }


def _number(stride: Fraction | None) -> int | float | None:
    return None if stride is None else int(stride) if stride.denominator == 1 else float(stride)


def _pair(height: Any, width: Any) -> list[Any] | None:
    return None if height is None and width is None else [height, width]
