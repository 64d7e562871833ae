"""What a position reads: intervals of a row as functions of the position, their composition and hulls.

Everything here is about one axis, height or width. A footprint is exact on all whole numbers, before the first and behind the last
position of a row too: fields are not cut off at the borders, as in the literature. Source: Araujo, Norris & Sim 2019, Computing
receptive fields of convolutional neural networks, Distill, doi:10.23915/distill.00021; there positions move evenly, here they may also
repeat a pattern, as an interpolation's do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import gcd, lcm
from typing import NamedTuple

Span = tuple[int, int]
"""The first and the last of some positions."""

LONGEST = 2**14
"""A pattern that repeats only after more positions than this is not followed: what comes of it is `UNKNOWN`."""


class Footprint(NamedTuple):
    """What the positions of a row read of another row: position i every `step`-th from a low to a high one.

    `spans` are the low and high of the positions 0, 1, ... of one period, None for a position that reads nothing; a period further on
    they are `rise` higher. A convolution has a period of 1 and rises by its stride.
    """

    spans: tuple[Span | None, ...]
    rise: int
    step: int = 1

    def at(self, i: int) -> Span | None:
        """The low and high of position i, which may lie outside of the row."""
        turns, place = divmod(i, len(self.spans))
        span = self.spans[place]
        return None if span is None else (span[0] + turns * self.rise, span[1] + turns * self.rise)

    @property
    def slope(self) -> tuple[int, int]:
        """The rise by position as a fraction in lowest terms."""
        shared = gcd(self.rise, len(self.spans))
        return self.rise // shared, len(self.spans) // shared


HERE = Footprint(((0, 0),), 1)
"""The same position."""
ALL = Footprint(((-(2**62), 2**62),), 0)
"""The whole input, whatever its size."""
UNKNOWN = Footprint((), 0)
"""Of a pattern that is too long to follow."""

Reads = tuple[Footprint, Footprint] | None
"""What is read of an operand, along its height and its width; None where its size alone matters. A vector has one position."""


# --- footprints of ops -------------------------------------------------------------------------------------------


def axes(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width: 1 and 1 of a vector."""
    return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)


def same_position(shape: Sequence[int], out: Sequence[int]) -> Reads:
    """The same position; of an operand with a single one, that one."""
    rows, columns = (HERE if n == m else whole(1) for n, m in zip(axes(shape), axes(out), strict=True))
    return rows, columns


def everything(shape: Sequence[int]) -> Reads:
    """Every position reads all of the operand."""
    height, width = axes(shape)
    return whole(height), whole(width)


def whole(length: int) -> Footprint:
    """All positions of a row."""
    return Footprint(((0, length - 1),), 0)


def shifted(by: int) -> Footprint:
    """The position `by` further on."""
    return Footprint(((by, by),), 1)


def sliding(kernel: int, stride: int, padding: int, dilation: int = 1) -> Footprint:
    """The window at i * stride - padding."""
    return Footprint(((-padding, dilation * (kernel - 1) - padding),), stride, dilation)


def sliding_back(kernel: int, stride: int, padding: int, dilation: int = 1) -> Footprint:
    """The windows a position lies in, i = j * stride - padding + dilation * t for a t below `kernel`: a transposed convolution.

    None may: a stride larger than the kernel leaves gaps.
    """
    if stride > LONGEST:
        return UNKNOWN
    shared = gcd(stride, dilation)
    cycle = stride // shared  # t and t + cycle are neighbours among those of a position
    inverse = pow(dilation // shared, -1, cycle)
    spans: list[Span | None] = []
    for i in range(stride):
        first = (i + padding) // shared * inverse % cycle
        if (i + padding) % shared or first >= kernel:
            spans.append(None)
            continue
        last = first + (kernel - 1 - first) // cycle * cycle
        spans.append(((i + padding - dilation * last) // stride, (i + padding - dilation * first) // stride))
    return lowest(spans, 1, dilation // shared)


def stretched(rise: int, period: int, span: Callable[[int], Span]) -> Footprint:
    """That of a resizing from `rise` positions to `period`: `span` gives the low and high of a position."""
    shared = gcd(rise, period)
    rise, period = rise // shared, period // shared
    return UNKNOWN if period > LONGEST else Footprint(tuple(map(span, range(period))), rise)


# --- arithmetic --------------------------------------------------------------------------------------------------


def lowest(spans: Sequence[Span | None], rise: int, step: int = 1) -> Footprint:
    """A footprint with the shortest period that says the same."""
    period = len(spans)
    for short in range(1, period // 2 + 1):
        if period % short or rise * short % period:
            continue
        part = Footprint(tuple(spans[:short]), rise * short // period, step)
        if all(part.at(i) == span for i, span in enumerate(spans)):
            return part
    return Footprint(tuple(spans), rise, step)


def through(far: Footprint, near: Footprint) -> Footprint:
    """What a position reads at one remove: `near` of the row in between, and of what lies there `far`."""
    if near == HERE or (far == ALL and None not in near.spans):
        return far
    if not far.spans or not near.spans:
        return UNKNOWN
    period, moved = len(far.spans), near.rise
    turns = period // gcd(period, moved)  # after so many periods of `near` both are where they were
    if len(near.spans) * turns > LONGEST:
        return UNKNOWN
    seen = _seen_between if _is_monotone(far) else _seen_among
    spans = [
        None if span is None else seen(far, (span[0] + turn * moved, span[1] + turn * moved), near.step)
        for turn in range(turns)
        for span in near.spans
    ]
    return lowest(spans, moved * turns // period * far.rise)


def _is_monotone(footprint: Footprint) -> bool:
    """Whether a later position reads nothing earlier, and every position something."""
    if len(footprint.spans) == 1:
        return footprint.spans[0] is not None
    spans = [footprint.at(i) for i in range(len(footprint.spans) + 1)]
    return all(a is not None and b is not None and a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(spans))


def _seen_between(far: Footprint, span: Span, step: int) -> Span | None:
    """The hull of what some positions read, from the outermost two."""
    first, last = far.at(span[0]), far.at(span[1])
    return (first[0], last[1]) if first is not None and last is not None else None


def _seen_among(far: Footprint, span: Span, step: int) -> Span | None:
    """The hull of what some positions read, each asked, up to where the pattern repeats."""
    cycle = len(far.spans) // gcd(len(far.spans), step)
    places = range(span[0], span[1] + 1, step)
    lows = [found[0] for found in map(far.at, places[:cycle]) if found is not None]
    highs = [found[1] for found in map(far.at, places[-cycle:]) if found is not None]
    return (min(lows), max(highs)) if lows else None


def hull(a: Footprint, b: Footprint) -> Footprint:
    """What is read by one or the other, and all between; both must have one slope."""
    if not a.spans or not b.spans or lcm(len(a.spans), len(b.spans)) > LONGEST:
        return UNKNOWN
    period = lcm(len(a.spans), len(b.spans))
    spans = [around(a.at(i), b.at(i)) for i in range(period)]
    return lowest(spans, a.rise * (period // len(a.spans)))


def around(*spans: Span | None) -> Span | None:
    """The hull of some positions."""
    some = [span for span in spans if span is not None]
    return (min(low for low, _ in some), max(high for _, high in some)) if some else None
