"""An open size divided by a whole number, as expressions of a spec have it: `ceil(@x.height / 2)`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from cnndsl.dims.dim import Dim, at_hand


class Part(float):
    """An open size divided by a whole number: what `ceil(@x.height / 2)` rounds. Other arithmetic has the plain number."""

    size: int
    divisor: int

    def __new__(cls, size: int, divisor: int) -> Part:
        if divisor < 0:
            size, divisor = -size, -divisor
        made = super().__new__(cls, at_hand(size) / divisor)
        made.size, made.divisor = size, divisor
        return made

    def __floor__(self) -> int:
        return self.size // self.divisor

    def __ceil__(self) -> int:
        return -(-self.size // self.divisor)

    def __round__(self, digits: int = 0) -> int:  # type: ignore[override]
        below, rest = self.size // self.divisor, 2 * (self.size % self.divisor)
        if rest == self.divisor:
            return below + below % 2  # halves go to the even number, as Python has it
        return below + 1 if rest > self.divisor else below

    def __float__(self) -> float:
        return int(self.size) / self.divisor

    def __int__(self) -> int:
        return int(self.size) // self.divisor

    def __neg__(self) -> Part:
        return Part(-self.size, self.divisor)

    def __bool__(self) -> bool:
        return bool(self.size)

    def __str__(self) -> str:
        return f"{self.size}/{self.divisor}"

    __repr__ = __str__
    __hash__ = float.__hash__


def _plainly(name: str) -> Callable[..., Any]:
    """Arithmetic of `float` on the plain number."""
    plain = getattr(float, name)

    def method(self: Part, other: Any) -> Any:
        return plain(float(self), float(other) if isinstance(other, int | float) else other)

    return method


def _scaled(compare: Callable[[Any, Any], bool]) -> Callable[[Part, Any], Any]:
    """A comparison of a quotient, as one of its dividend."""

    def method(self: Part, other: Any) -> Any:
        if isinstance(other, Part):
            return compare(self.size * other.divisor, other.size * self.divisor)
        if isinstance(other, float) and math.isfinite(other):
            below, above = _around(other, self.divisor)
            # twice the dividend beside twice the one that gives `other`, or the odd number between its neighbours
            return compare(2 * self.size, 2 * below if below == above else below + above)
        return compare(self.size, other * self.divisor) if isinstance(other, int) else NotImplemented

    return method


def _around(quotient: float, divisor: int) -> tuple[int, int]:
    """The last dividend whose quotient, as Python rounds it, is at most a number, and the first whose is at least that."""
    below = math.floor(quotient * divisor)
    while below / divisor > quotient:
        below -= 1
    while (below + 1) / divisor <= quotient:
        below += 1
    return below, below if below / divisor == quotient else below + 1


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
    for _side in (f"__{_name}__", f"__r{_name}__"):
        setattr(Part, _side, _plainly(_side))
for _compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
    setattr(Part, f"__{_compare.__name__}__", _scaled(_compare))


def divided(number: Any, divisor: Any) -> Any:
    """number / divisor; of an open size and a whole number, a `Part`."""
    if isinstance(number, Dim) and isinstance(divisor, int):
        return Part(number, int(divisor))
    return number / divisor
