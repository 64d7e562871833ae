"""Functions of one open size, exact for all sizes at once.

Every size of a net is made from an open one by sums, multiples and rounded quotients, so as a function f of that letter it is
quasi-linear: f(n + P) = f(n) + S for some period P and rise S, from some n on. Finitely many numbers therefore say all of it:
the values before that n, those of one period, and the rise. Sums, differences, multiples and floors of quotients of such
functions are such functions; `sets.py` has the sizes at which one is zero or negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice
from math import gcd, lcm

LONGEST = 100_000
"""The most numbers a function is kept with; nets of the literature need a few dozen."""
CACHED = 5_000


Made = tuple[str, tuple["Steps", ...], tuple[int, int]]


class TooLong(Exception):  # noqa: N818 - it says that a question is too big
    """A function or a set would need more than `LONGEST` numbers."""


class Steps:
    """A function of n = 1, 2, 3 ...: `head` at first, then one period `tail`, which goes on with `rise` more each time.

    Immutable, in lowest terms (no shorter head or period says the same), so equal functions have equal numbers. `made` is how it
    was first computed, for its text: ("floor", (f,), (divisor, 0)), ("line", (f,), (factor, addend)), ("sum", (f, g), (a, b)).
    """

    __slots__ = ("_hash", "head", "made", "rise", "tail")

    def __init__(self, head: Sequence[int], tail: Sequence[int], rise: int = 0, made: Made | None = None) -> None:
        if len(head) + len(tail) > LONGEST:
            raise TooLong
        self.made = made
        self.head, self.tail, self.rise = _lowest_terms(tuple(head), tuple(tail), rise)
        self._hash = hash((self.head, self.tail, self.rise))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Steps)
            and self._hash == other._hash
            and (self.head, self.tail, self.rise) == (other.head, other.tail, other.rise)
        )

    def __call__(self, n: int) -> int:
        if n <= len(self.head):
            return self.head[n - 1]
        rounds, place = divmod(n - len(self.head) - 1, len(self.tail))
        return self.tail[place] + rounds * self.rise

    def __repr__(self) -> str:
        return f"Steps({self.head}, {self.tail}, {self.rise})"

    @property
    def period(self) -> int:
        return len(self.tail)

    @property
    def constant(self) -> bool:
        return not self.head and self.rise == 0 and len(self.tail) == 1

    def values(self) -> Iterator[int]:
        """f(1), f(2), ... without an end."""
        yield from self.head
        lift = 0
        while True:
            for value in self.tail:
                yield value + lift
            lift += self.rise

    def laid_out(self, head: int, period: int) -> tuple[list[int], list[int]]:
        """The values before and in a longer head and period."""
        if head + period > LONGEST:
            raise TooLong
        flat = list(islice(self.values(), head + period))
        return flat[:head], flat[head:]

    def each(self, change: Callable[[int], int], rise: int, made: Made | None = None) -> Steps:
        """The function with every value changed, and another rise."""
        return Steps([*map(change, self.head)], [*map(change, self.tail)], rise, made)

    def content(self) -> int:
        """The greatest number that divides all values, with the sign of the function's growth, or of its first value."""
        common = gcd(self.rise, *self.head, *self.tail)
        leading = self.rise or next(filter(None, (*self.head, *self.tail)), 0)
        return -common if leading < 0 else common


def _lowest_terms(
    head: tuple[int, ...], tail: tuple[int, ...], rise: int
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    whole = len(tail)
    for period in _divisors(whole):
        step, rest = divmod(rise * period, whole)
        if rest == 0 and all(b - a == step for a, b in zip(tail, tail[period:], strict=False)):
            tail, rise = tail[:period], step
            break
    period, extra = len(tail), 0
    while extra < len(head) and head[-1 - extra] == tail[-1 - extra % period] - rise * (1 + extra // period):
        extra += 1
    if extra:
        head, flat = head[: len(head) - extra], (*head[len(head) - extra :], *tail)
        tail = flat[:period]
    return head, tail, rise


@cache
def _divisors(number: int) -> tuple[int, ...]:
    return tuple(d for d in range(1, number + 1) if number % d == 0)


def divisors(number: int) -> tuple[int, ...]:
    """The positive divisors of a number above 0, in order."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return tuple(sorted({*small, *(number // d for d in small)}))


IDENTITY = Steps((), (1,), 1)
"""The open size itself."""


def _together(*functions: Steps) -> tuple[int, int]:
    """Head and period that serve several functions."""
    return max(len(f.head) for f in functions), lcm(*(f.period for f in functions))


@lru_cache(CACHED)
def combined(f: Steps, g: Steps, a: int, b: int) -> Steps:
    """a*f + b*g."""
    head, period = _together(f, g)
    (h1, t1), (h2, t2) = f.laid_out(head, period), g.laid_out(head, period)
    rise = a * f.rise * (period // f.period) + b * g.rise * (period // g.period)
    before, values = ([a * x + b * y for x, y in zip(*pair, strict=True)] for pair in ((h1, h2), (t1, t2)))
    return Steps(before, values, rise, ("sum", (f, g), (a, b)))


@lru_cache(CACHED)
def shifted(f: Steps, factor: int, addend: int) -> Steps:
    """factor*f + addend."""
    part, a, b = f, factor, addend
    if f.made is not None and f.made[0] == "line":
        ((part,), (c, d)) = f.made[1:]
        a, b = factor * c, factor * d + addend
    made = part.made if (a, b) == (1, 0) else ("line", (part,), (a, b))
    return f.each(lambda value: factor * value + addend, factor * f.rise, made)


@lru_cache(CACHED)
def floored(f: Steps, divisor: int) -> Steps:
    """floor(f / divisor), for a divisor above 0."""
    periods = divisor // gcd(f.rise, divisor)
    head, tail = f.laid_out(len(f.head), f.period * periods)
    made = ("floor", (f,), (divisor, 0))
    return Steps([v // divisor for v in head], [v // divisor for v in tail], f.rise * periods // divisor, made)
