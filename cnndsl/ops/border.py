"""Borders: rows, columns and channels of zeros put around, rows and columns cut off."""

from __future__ import annotations

from typing import Any

from cnndsl.footprint import Reads, shifted
from cnndsl.op import (
    NATURAL,
    PAIR,
    PAIR0,
    STREAM,
    Code,
    Example,
    Op,
    Pair,
    Reject,
    Shape,
    arg,
    attr,
    show_pair,
    show_sizes,
)
from cnndsl.rules import both_axes, bounded, maps, pair_or_int

SIDES = ("top", "bottom", "left", "right")


class Pad(Op, name="pad", family="reshape"):
    """A border of zeros: `pad n`, or `pad top= bottom= left= right= channels=`.

    [c, h, w] -> [c + channels, h + top + bottom, w + left + right]; [c] -> [c + channels]. `pad n` is n on the four
    sides; `pad 2x1` 2 above and below, 1 left and right. Channels of zeros come at the end, as in option A of
    ResNet's paper.
    """

    padding: Pair = arg(PAIR0, (0, 0))
    top: int = attr(NATURAL, 0)
    bottom: int = attr(NATURAL, 0)
    left: int = attr(NATURAL, 0)
    right: int = attr(NATURAL, 0)
    channels: int = attr(NATURAL, 0)

    examples = (
        Example("pad 100", ((3, 500, 500),), (3, 700, 700)),  # FCN
        Example("pad bottom=1 right=1", ((64, 112, 112),), (64, 113, 113)),
        Example("pad channels=16", ((16, 16, 16),), (32, 16, 16)),
        Example("pad channels=4", ((16,),), (20,)),
        Example("pad 1 top=2", ((3, 8, 8),), "`pad 1` is for all sides, and `top=2` for one of them"),
        Example("pad 1", ((64,),), "expected maps [c, h, w], got the vector [64]"),
        Example(
            "pad 50000",
            ((3, 8, 8),),
            "the output [3, 100008, 100008] would hold 30004800192 numbers, at most 2147483647 are possible",
        ),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        side = next((name for name in SIDES if values[name]), "")
        if side and values["padding"] != (0, 0):
            shown = show_pair(values["padding"])
            raise Reject(f"`pad {shown}` is for all sides, and `{side}={values[side]}` for one of them", attribute=side)
        return values

    def sides(self) -> tuple[int, int, int, int]:
        """Top, bottom, left, right."""
        (rows, columns) = self.padding
        return self.top + rows, self.bottom + rows, self.left + columns, self.right + columns

    def infer(self, *shapes: Shape) -> Shape:
        top, bottom, left, right = self.sides()
        if len(shapes[0]) == 1 and not any(self.sides()):
            return bounded("the output", (shapes[0][0] + self.channels,))
        c, h, w = maps(shapes[0])
        return bounded("the output", (c + self.channels, h + top + bottom, w + left + right))

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        if len(out) == 1 or not any(self.sides()):
            return ""
        top, bottom, left, right = self.sides()
        return both_axes(
            f"{n} + {a} + {b} = {m}"
            for n, a, b, m in zip(shapes[0][1:], (top, left), (bottom, right), out[1:], strict=True)
        )

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return ((shifted(-self.sides()[0]), shifted(-self.sides()[2])),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        top, bottom, left, right = self.sides()
        if len(out) == 1:
            return Code("nn.ZeroPad1d", ((0, self.channels),))
        if self.channels:
            return Code("nn.ZeroPad3d", ((left, right, top, bottom, 0, self.channels),))
        even = top == bottom == left == right
        return Code("nn.ZeroPad2d", (top if even else (left, right, top, bottom),))


class Crop(Op, name="crop", family="reshape"):
    """A rectangle of the maps: `crop HxW [offset=]`, `crop like=@x [offset=]` or `crop top= bottom= left= right=`.

    [c, h, w] -> [c, H, W], in the middle (the odd pixel is cut off the bottom and right), or at `offset` rows and
    columns from the top left. With `like` H and W are those of another stream: operands x, like. By sides: [c, h -
    top - bottom, w - left - right].
    """

    size: Pair | None = arg(PAIR, None)
    like: bool | None = attr(STREAM, None)
    offset: Pair | None = attr(PAIR0, None)
    top: int | None = attr(NATURAL, None)
    bottom: int | None = attr(NATURAL, None)
    left: int | None = attr(NATURAL, None)
    right: int | None = attr(NATURAL, None)

    examples = (
        Example("crop 392x392", ((512, 568, 568),), (512, 392, 392)),  # U-Net
        Example("crop like=@x", ((64, 280, 280), (8, 200, 198)), (64, 200, 198)),
        Example("crop like=@x offset=19", ((21, 544, 544), (3, 500, 500)), (21, 500, 500)),  # FCN-32s
        Example("crop top=1 left=1", ((64, 113, 113),), (64, 112, 112)),  # NASNet's shifted path
        Example("crop 9x4", ((8, 8, 8),), "cannot crop 9x4 out of 8x8"),
        Example("crop like=@x", ((8, 8, 8), (8, 16, 16)), "cannot crop 16x16 out of 8x8"),
        Example("crop 5x5 offset=4", ((8, 8, 8),), "cannot crop 5x5 at offset 4 out of 8x8"),
        Example("crop top=8", ((8, 8, 8),), "cannot crop 8 rows and 0 columns off 8x8"),
        Example("crop 5x5 top=1", ((8, 8, 8),), "`crop` takes one of a size HxW, `like=@x`, or sides such as `top=`"),
        Example("crop", ((8, 8, 8),), "`crop` takes one of a size HxW, `like=@x`, or sides such as `top=`"),
        Example("crop top=1 offset=1", ((8, 8, 8),), "`offset=1` goes with a size or `like=@x`, not with sides"),
        Example("crop 5x5", ((8,),), "expected maps [c, h, w], got the vector [8]"),
        Example("crop like=@x", ((8, 8, 8), (8,)), "expected maps [c, h, w], got the vector [8]"),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        by_side = any(values[name] is not None for name in SIDES)
        if by_side + (values["size"] is not None) + (values["like"] is not None) != 1:
            raise Reject("`crop` takes one of a size HxW, `like=@x`, or sides such as `top=`")
        if by_side and values["offset"] is not None:
            shown = show_pair(values["offset"])
            raise Reject(f"`offset={shown}` goes with a size or `like=@x`, not with sides", attribute="offset")
        return values

    def sides(self) -> tuple[int, int, int, int]:
        """Top, bottom, left, right of a crop by sides."""
        return self.top or 0, self.bottom or 0, self.left or 0, self.right or 0

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        if self.size is None and self.like is None:
            return (c, *self._by_sides(h, w))
        height, width = self.size if self.size is not None else maps(shapes[1])[1:]
        at = f" at offset {show_pair(self.offset)}" if self.offset is not None else ""
        down, along = self.offset or (0, 0)
        if down + height > h or along + width > w:
            raise Reject(
                f"cannot crop {show_sizes((height, width))}{at} out of {show_sizes((h, w))}",
                attribute="offset" if at else "size",
            )
        return c, height, width

    def _by_sides(self, h: int, w: int) -> Pair:
        top, bottom, left, right = self.sides()
        if top + bottom >= h or left + right >= w:
            raise Reject(f"cannot crop {top + bottom} rows and {left + right} columns off {show_sizes((h, w))}")
        return h - top - bottom, w - left - right

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        if self.size is not None or self.like is not None:
            return ""
        top, bottom, left, right = self.sides()
        return both_axes(
            f"{n} - {a} - {b} = {m}"
            for n, a, b, m in zip(shapes[0][1:], (top, left), (bottom, right), out[1:], strict=True)
        )

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        first = self.sides()[0], self.sides()[2]
        if self.size is not None or self.like is not None:
            middle = (shapes[0][1] - out[1]) // 2, (shapes[0][2] - out[2]) // 2
            first = middle if self.offset is None else self.offset
        return ((shifted(first[0]), shifted(first[1])), None)[: len(shapes)]

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        offset = {} if self.offset is None else {"offset": pair_or_int(self.offset)}
        if self.like is not None:
            return Code("CropLike", (), offset, "{m}({0}, {1})")
        if self.size is not None:
            return Code("CropTo", self.size, offset)
        return Code("Crop", (), {name: getattr(self, name) for name in SIDES if getattr(self, name)})
