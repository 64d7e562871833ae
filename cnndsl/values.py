"""What a name or an expression stands for while a spec is elaborated, and the environments that hold names."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cnndsl import syntax
from cnndsl.op import Op, Shape
from cnndsl.source import Span

if TYPE_CHECKING:
    from cnndsl.workspace import Module


class Poison:
    """The value of what went wrong. It is silent: whatever is made of it is poison too, and says nothing."""

    def __repr__(self) -> str:
        return "POISON"


POISON = Poison()


@dataclass(frozen=True, slots=True)
class Ref:
    """A stream: the index of the node that gives it, and its shape; None where the node is in error.

    `label` is what the element that gave it is called: a name, or something whose `name` is settled at the end.
    """

    index: int
    shape: Shape | None
    label: Any = None


Flow = tuple[Ref, ...]
"""What flows: a bundle of streams. A bundle of one is that stream."""

LOST: Flow = (Ref(-1, None),)
"""What flows out of an element that is in error."""


@dataclass(frozen=True, slots=True)
class BlockValue:
    """A block as a value: a `def` and the file whose names it sees."""

    block: syntax.Block
    module: Module


@dataclass(frozen=True, slots=True)
class OpValue:
    """An op as a value, such as the `hardswish` of `unit 40 hardswish`."""

    op: type[Op]


@dataclass(slots=True)
class Env:
    """Names seen inside one pair of braces or one copy of a repetition. Streams and values share them."""

    module: Module
    parent: Env | None = None
    values: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)

    def inner(self) -> Env:
        return Env(self.module, self)

    def find(self, name: str) -> Any:
        """The value of a name, None where it is unknown."""
        env: Env | None = self
        while env is not None:
            if name in env.values:
                return env.values[name]
            env = env.parent
        return None

    def names(self, wanted: Callable[[Any], bool]) -> list[str]:
        """Every name in sight whose value is wanted."""
        found: list[str] = []
        env: Env | None = self
        while env is not None:
            found.extend(name for name, value in env.values.items() if wanted(value))
            env = env.parent
        return found


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_stream(value: Any) -> bool:
    """Whether a value is a stream or a bundle."""
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Ref)


def describe(value: Any) -> str:
    """A value as a diagnostic names it: `the number 3`, "`3x3`, a window"."""
    from cnndsl.op import Volume, Window, show_value

    if isinstance(value, bool):
        return f"`{show_value(value)}`"
    if isinstance(value, int | float):
        return f"the number {show_value(value)}"
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, Window | Volume):
        return f"the {'window' if isinstance(value, Window) else 'sizes'} {value}"
    if isinstance(value, BlockValue):
        return f"the block `{value.block.name}`"
    if isinstance(value, OpValue):
        return f"the layer `{value.op.name}`"
    return "a stream" if is_stream(value) and len(value) == 1 else "a bundle"


def show(value: Any) -> str:
    """A value as a spec would spell it."""
    from cnndsl.op import show_value

    if isinstance(value, BlockValue):
        return value.block.name
    if isinstance(value, OpValue):
        return value.op.name
    if isinstance(value, str):
        return f'"{value}"'
    if is_stream(value):
        return "@" + (value[0].label if isinstance(value[0].label, str) else "stream")
    return show_value(value) if isinstance(value, bool | int | float | tuple) else "?"


def divisible(x: float, divisor: float) -> int:
    """The multiple of `divisor` nearest to x, but not below 90 % of x: MobileNet's rule for its channel counts.

    Source: `_make_divisible` of the TensorFlow slim models, as used by MobileNetV2 (arXiv:1801.04381).
    """
    nearest = max(int(divisor), int(x + divisor / 2) // int(divisor) * int(divisor))
    return nearest + int(divisor) if nearest < 0.9 * x else nearest


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "min": (lambda *numbers: min(numbers), 1, 99),  # Python's own want to iterate over an only argument
    "max": (lambda *numbers: max(numbers), 1, 99),
    "ceil": (math.ceil, 1, 1),
    "floor": (math.floor, 1, 1),
    "round": (round, 1, 1),
    "divisible": (divisible, 2, 2),
}
"""The functions of expressions, with the fewest and the most arguments each takes."""
