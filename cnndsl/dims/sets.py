"""Sets of sizes that repeat with a period from some size on, and the sizes at which a function is zero or negative."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import inf, lcm

from cnndsl.dims.steps import CACHED, Steps, TooLong, divisors, shifted

WIDEST = 2_000_000
"""The most sizes a set is kept with before it repeats."""


class Sizes:
    """A set of sizes 1, 2, 3 ...: those of a head, then a pattern of `period` sizes again and again.

    Both are bits of an integer, the lowest for the first size. Immutable, in lowest terms, so equal sets have equal bits.
    """

    __slots__ = ("_hash", "head", "length", "pattern", "period")

    def __init__(self, head: int, length: int, pattern: int, period: int) -> None:
        if length + period > WIDEST:
            raise TooLong
        for shorter in divisors(period):
            low = pattern & _ones(shorter)
            if low * _every(shorter, period // shorter) == pattern:
                pattern, period = low, shorter
                break
        if length:
            # the pattern as it would be, had it begun with the first size
            start = -length % period
            turned = (pattern >> start | pattern << (period - start)) & _ones(period)
            before = turned * _every(period, -(-length // period)) & _ones(length)
            shorter = (head ^ before).bit_length()
            shift = (length - shorter) % period
            pattern = (pattern << shift | pattern >> (period - shift)) & _ones(period)
            head, length = head & _ones(shorter), shorter
        self.head, self.length, self.pattern, self.period = head, length, pattern, period
        self._hash = hash((head, length, pattern, period))

    @classmethod
    def of(cls, head: Sequence[bool], pattern: Sequence[bool]) -> Sizes:
        """The set of the places that are true."""
        return cls(_bits(head), len(head), _bits(pattern), len(pattern))

    @classmethod
    def only(cls, *sizes: int) -> Sizes:
        """The set of a few sizes."""
        return cls(sum(1 << (n - 1) for n in {*sizes}), max(sizes), 0, 1)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Sizes)
            and self._hash == other._hash
            and (self.head, self.length, self.pattern, self.period)
            == (other.head, other.length, other.pattern, other.period)
        )

    def __reduce__(self) -> tuple[type[Sizes], tuple[int, int, int, int]]:
        return Sizes, (self.head, self.length, self.pattern, self.period)

    def __repr__(self) -> str:
        return f"Sizes({self.head:#b}, {self.length}, {self.pattern:#b}, {self.period})"

    def __contains__(self, n: int) -> bool:
        if n <= self.length:
            return n >= 1 and bool(self.head >> (n - 1) & 1)
        return bool(self.pattern >> ((n - 1 - self.length) % self.period) & 1)

    def __bool__(self) -> bool:
        return bool(self.head or self.pattern)

    def __and__(self, other: Sizes) -> Sizes:
        return _both(self, other)

    def __or__(self, other: Sizes) -> Sizes:
        return ~(~self & ~other)

    def __sub__(self, other: Sizes) -> Sizes:
        return _both(self, ~other)

    def __invert__(self) -> Sizes:
        return Sizes(self.head ^ _ones(self.length), self.length, self.pattern ^ _ones(self.period), self.period)

    def __le__(self, other: Sizes) -> bool:
        return not self - other

    @property
    def infinite(self) -> bool:
        return self.pattern != 0

    @property
    def window(self) -> int:
        """How far one must look to see all there is: the head and a period."""
        return self.length + self.period

    @property
    def first(self) -> int:
        """The smallest size; 0 in an empty set."""
        return next(iter(self), 0)

    def __iter__(self) -> Iterator[int]:
        """The sizes in order; without an end where the set has none."""
        yield from _set_bits(self.head, 1)
        start = self.length + 1
        while self.pattern:
            yield from _set_bits(self.pattern, start)
            start += self.period

    def spread(self, length: int, period: int) -> tuple[int, int]:
        """The bits of a longer head and a longer period."""
        if length + period > WIDEST:
            raise TooLong
        times = -(-(length - self.length + period) // self.period)
        bits = self.head | self.pattern * _every(self.period, times) << self.length
        return bits & _ones(length), bits >> length & _ones(period)

    def nearest(self, wanted: int) -> int:
        """The size nearest to a wanted one, the smaller of two; 0 in an empty set."""
        if wanted in self:
            return wanted
        bits, _ = self.spread(max(self.length, wanted) + self.period, self.period)
        below = (bits & _ones(wanted)).bit_length()
        rest = bits >> wanted
        above = wanted + (rest & -rest).bit_length() if rest else 0
        if not below or not above:
            return below or above
        return below if wanted - below <= above - wanted else above


def _ones(length: int) -> int:
    return (1 << length) - 1


def _every(period: int, times: int) -> int:
    """A bit at 0, period, 2*period ..., so many times: what a pattern is multiplied by to repeat."""
    bits, have = 1, 1
    while have < times:
        more = min(have, times - have)
        bits |= (bits & _ones(more * period)) << (have * period)
        have += more
    return bits


def _bits(marks: Iterable[bool]) -> int:
    return int("".join("1" if mark else "0" for mark in marks)[::-1] or "0", 2)


def _set_bits(bits: int, start: int) -> Iterator[int]:
    text = bin(bits)[:1:-1]
    at = text.find("1")
    while at >= 0:
        yield start + at
        at = text.find("1", at + 1)


@lru_cache(CACHED)
def _both(one: Sizes, other: Sizes) -> Sizes:
    length, period = max(one.length, other.length), lcm(one.period, other.period)
    (h1, p1), (h2, p2) = one.spread(length, period), other.spread(length, period)
    return Sizes(h1 & h2, length, p1 & p2, period)


ALL = Sizes(0, 0, 1, 1)
NONE = Sizes(0, 0, 0, 1)


# --- where a function is zero or negative ----------------------------------------------------------------------------


@lru_cache(CACHED)
def zeros(f: Steps) -> Sizes:
    """The n at which f(n) = 0."""
    head, length = _bits(value == 0 for value in f.head), len(f.head)
    if not f.rise:
        return Sizes(head, length, _bits(value == 0 for value in f.tail), f.period)
    for place, value in enumerate(f.tail):
        rounds, rest = divmod(-value, f.rise)
        if rest == 0 and rounds >= 0:
            n = length + place + rounds * f.period
            if n > WIDEST:
                raise TooLong
            head |= 1 << n
    return Sizes(head, max(length, head.bit_length()), 0, 1)


@lru_cache(CACHED)
def negatives(f: Steps) -> Sizes:
    """The n at which f(n) < 0."""
    head, length, period = _bits(value < 0 for value in f.head), len(f.head), f.period
    if not f.rise:
        return Sizes(head, length, _bits(value < 0 for value in f.tail), period)
    if f.rise > 0:  # rounds until it is no longer, or for the first time, negative
        changes = [-(value // f.rise) if value < 0 else 0 for value in f.tail]
    else:
        changes = [value // -f.rise + 1 if value >= 0 else 0 for value in f.tail]
    rounds = max(changes)
    if length + (rounds + 1) * period > WIDEST:
        raise TooLong
    for place, change in enumerate(changes):
        first = _every(period, change) if change else 0
        bits = first if f.rise > 0 else _every(period, rounds) & ~first if rounds else 0
        head |= bits << (length + place)
    length += rounds * period
    return Sizes(head & _ones(length), length, _ones(period) if f.rise < 0 else 0, period)


def equal_to(f: Steps, value: int) -> Sizes:
    """The n at which f(n) is a value."""
    return zeros(shifted(f, 1, -value))


def least(f: Steps, domain: Sizes) -> float:
    """The smallest value on a set; minus infinity where there is none, infinity on an empty set."""
    if f.rise < 0 and domain.infinite:
        return -inf
    together = lcm(f.period, domain.period) + max(len(f.head), domain.length)
    return min((f(n) for n in range(1, together + 1) if n in domain), default=inf)


def pieced(pieces: Iterable[tuple[Sizes, Steps]]) -> Steps | None:
    """The function that is each of several on its set; None where they grow at different rates. Outside of the sets: the first."""
    listed = list(pieces)
    length = max(max(len(f.head), s.length) for s, f in listed)
    period = lcm(*(lcm(f.period, s.period) for s, f in listed))
    rises = [f.rise * (period // f.period) for _, f in listed]
    if any(rise != rises[0] and sizes.infinite for rise, (sizes, _) in zip(rises, listed, strict=True)):
        return None
    head, tail = listed[0][1].laid_out(length, period)
    for sizes, function in listed[1:]:
        before, values = function.laid_out(length, period)
        marks, pattern = sizes.spread(length, period)
        head = [b if marks >> i & 1 else a for i, (a, b) in enumerate(zip(head, before, strict=True))]
        tail = [b if pattern >> i & 1 else a for i, (a, b) in enumerate(zip(tail, values, strict=True))]
    return Steps(head, tail, rises[0])
