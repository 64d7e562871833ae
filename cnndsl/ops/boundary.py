"""Where a net begins."""

from __future__ import annotations

from math import prod
from typing import Any

from cnndsl.op import LARGEST, Code, Example, Kind, Op, Shape, Volume, attr
from cnndsl.rules import bounded


def _sizes(value: Any) -> Shape | None:
    """The shape that was written: of a volume, of a number (a vector), or a shape already."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    shape = tuple(value) if isinstance(value, Volume | tuple) else (value,) if whole else ()
    fits = len(shape) in (1, 3) and all(not isinstance(n, int) or 1 <= n <= LARGEST for n in shape)
    return shape if fits else None


class Input(Op, name="input", family="boundary"):
    """What flows into a net: `input CxHxW` for maps, `input n` for a vector.

    -> [c, h, w] or [n], for one image. `input 3xHxW` leaves the height and width open.
    """

    shape: Shape = attr(Kind("sizes, as in 3x224x224 or 100", _sizes, "3x224x224"))
    operands = 0
    written = False

    examples = (
        Example("input 3x224x224", (), (3, 224, 224)),
        Example("input 100", (), (100,)),
        Example(
            "input 3x65536x65536",
            (),
            "the input [3, 65536, 65536] would hold 12884901888 numbers, at most 2147483647 are possible",
        ),
    )

    def label(self) -> str:
        return "x".join(map(str, self.shape))

    def infer(self, *shapes: Shape) -> Shape:
        return bounded("the input", self.shape) if _closed(self.shape) else self.shape

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("", call="{0}")


def _closed(shape: Shape) -> bool:
    return isinstance(prod(shape), int)
