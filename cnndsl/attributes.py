"""What an attribute of an op is: its kind of value, its default, and how it is written in a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from cnndsl.dims import at_hand, is_sum

Shape = tuple[int, ...]
"""`(c, h, w)` or `(n,)`: the batch is left out."""
Pair = tuple[int, int]
"""Height and width."""

LARGEST = 2**31 - 1
"""The largest whole number an attribute takes, and the most numbers one weight may hold: torch counts no further safely."""


def show_sizes(sizes: Iterable[int], sign: str = "x") -> str:
    """Sizes joined by a sign, `7x9`, `512*7*7`; a formula that is a sum stands in parentheses."""
    return sign.join(f"({size})" if is_sum(str(size)) else str(size) for size in sizes)


def numbers(shape: Shape) -> Shape:
    """A shape in plain numbers: with open sizes, at the size in hand."""
    return tuple(map(at_hand, shape))


def show_shape(shape: Shape) -> str:
    """`[64, 56, 56]`, the one spelling of a shape."""
    return "[" + ", ".join(map(str, shape)) + "]"


class Window(NamedTuple):
    """A window as written: `7x7/2+3`, `3x3`. Also a bare pair such as the 6x6 of `adaptiveavgpool 6x6`."""

    kernel: Pair
    stride: Pair | None = None
    padding: Pair | None = None

    def __str__(self) -> str:
        stride = "" if self.stride is None else f"/{show_pair(self.stride)}"
        padding = "" if self.padding is None else f"+{show_pair(self.padding)}"
        return f"{self.kernel[0]}x{self.kernel[1]}{stride}{padding}"


class Volume(NamedTuple):
    """Three sizes as written: `512x7x7`, channels x height x width."""

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


def show_pair(pair: Pair) -> str:
    """`3` for a square, `1x7` otherwise."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


# --- kinds: what values an attribute takes -----------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A kind of attribute value. `convert` returns the value to keep, or None where it does not fit `expected`."""

    expected: str
    convert: Callable[[Any], Any]
    example: str
    words: tuple[str, ...] = ()


def _whole(low: int) -> Callable[[Any], Any]:
    def convert(value: Any) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        whole = int(value) if isinstance(value, int) or value == value // 1 else None
        return whole if whole is not None and low <= whole <= LARGEST else None

    return convert


def _pair(low: int) -> Callable[[Any], Any]:
    one = _whole(low)

    def convert(value: Any) -> Pair | None:
        if isinstance(value, Window) and value.stride is None and value.padding is None:
            value = value.kernel
        pair = value if isinstance(value, tuple) and type(value) is tuple else (value, value)
        if len(pair) != 2:
            return None
        height, width = one(pair[0]), one(pair[1])
        return None if height is None or width is None else (height, width)

    return convert


def _number(fits: Callable[[float], bool]) -> Callable[[Any], Any]:
    def convert(value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        number = float(value) if isinstance(value, float) or abs(at_hand(value)) < 1e30 else 2e30
        return number if abs(number) <= 1e30 and fits(number) else None

    return convert


COUNT = Kind("a whole number, 1 or more", _whole(1), "4")
NATURAL = Kind("a whole number, 0 or more", _whole(0), "0")
INTEGER = Kind("a whole number", _whole(-LARGEST), "-1")
PAIR = Kind("a whole number or HxW, 1 or more", _pair(1), "2x1")
PAIR0 = Kind("a whole number or HxW, 0 or more", _pair(0), "1x0")
NUMBER = Kind("a number", _number(lambda x: True), "0.1")
POSITIVE = Kind("a number above 0", _number(lambda x: x > 0), "0.1")
PROBABILITY = Kind("a probability, at least 0 and below 1", _number(lambda x: 0 <= x < 1), "0.5")
FRACTION = Kind("a number from 0 to 1", _number(lambda x: 0 <= x <= 1), "0.1")
BOOLEAN = Kind("true or false", lambda value: value if isinstance(value, bool) else None, "true")
STREAM = Kind("a stream, as in like=@x", lambda value: None, "@x")
VOLUME = Kind("sizes, as in 512x7x7", lambda value: value if isinstance(value, Volume) else None, "512x7x7")


def choice(*words: str) -> Kind:
    """One of a few words, each of which works as a flag: `bilinear` is `mode="bilinear"`."""
    return Kind(" or ".join(words), lambda value: value if value in words else None, words[0], words)


REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()


@dataclass(frozen=True)
class Attribute:
    """A typed field of an op. `positional`: filled by an argument without a name, in order of definition.

    `flag`: may be named alone. `window`: filled by a window (`3x3/2+1`) together with `stride` and `padding`.
    """

    kind: Kind
    default: Any = REQUIRED
    positional: bool = False
    flag: bool = False
    window: bool = False
    name: str = ""


def arg(kind: Kind, default: Any = REQUIRED) -> Any:
    """A positional attribute; `default` makes it optional."""
    return Attribute(kind, default, positional=True)


def attr(kind: Kind, default: Any = REQUIRED) -> Any:
    """An attribute given by name."""
    return Attribute(kind, default, flag=kind is BOOLEAN or bool(kind.words))


def flag() -> Any:
    """A switch that is off unless it is named."""
    return Attribute(BOOLEAN, False, flag=True)


def window() -> Any:
    """The kernel of a window op: a positional window fills it, and `stride` and `padding` where the window has them."""
    return Attribute(PAIR, REQUIRED, positional=True, window=True)


def show_value(value: Any) -> str:
    """An attribute's value as a spec spells it."""
    if isinstance(value, Window | Volume):
        return str(value)
    if isinstance(value, tuple):
        return show_pair(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)
    return str(value)
