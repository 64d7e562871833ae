"""Other shapes of the same numbers, other orders of channels, some of the channels."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from cnndsl.dims import at_hand
from cnndsl.footprint import Reads, everything, same_position
from cnndsl.op import (
    COUNT,
    NATURAL,
    VOLUME,
    Code,
    Example,
    Op,
    Reject,
    Shape,
    Volume,
    arg,
    attr,
    show_shape,
)
from cnndsl.ops.linear import flat_sum
from cnndsl.rules import divides, maps


class Flatten(Op, name="flatten", family="reshape"):
    """A vector of everything: `flatten`.

    [c, h, w] -> [c*h*w] in c, h, w order; a vector stays.
    """

    examples = (Example("flatten", ((256, 6, 6),), (9216,)), Example("flatten", ((10,),), (10,)))

    def infer(self, *shapes: Shape) -> Shape:
        return (prod(shapes[0]),)

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return flat_sum(shapes[0])

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return (everything(shapes[0]),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.Flatten")


class Reshape(Op, name="reshape", family="reshape"):
    """Maps of as many numbers, in c, h, w order: `reshape CxHxW` or `reshape channels= height= width=`.

    [m] or [c', h', w'] -> [C, H, W], C*H*W = m.
    """

    volume: Volume = arg(VOLUME, None)
    channels: int | None = attr(COUNT, None)
    height: int | None = attr(COUNT, None)
    width: int | None = attr(COUNT, None)

    examples = (
        Example("reshape 1024x4x4", ((16384,),), (1024, 4, 4)),  # DCGAN's first maps
        Example("reshape channels=30 height=7 width=7", ((1470,),), (30, 7, 7)),  # YOLO's output
        Example("reshape 8x2x8", ((8, 4, 4),), (8, 2, 8)),
        Example("reshape 30x7x7", ((1000,),), "expected the 1470 numbers of 30x7x7, got the 1000 of [1000]"),
        Example(
            "reshape channels=30",
            ((1470,),),
            "`reshape` takes sizes as in 512x7x7, or `channels=`, `height=` and `width=`",
        ),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        parts = [values[name] for name in ("channels", "height", "width")]
        given = sum(part is not None for part in parts)
        if given != (0 if values["volume"] is not None else 3):
            raise Reject("`reshape` takes sizes as in 512x7x7, or `channels=`, `height=` and `width=`")
        volume = values["volume"] or Volume(*parts)
        return {"volume": volume, "channels": None, "height": None, "width": None}

    def infer(self, *shapes: Shape) -> Shape:
        came, expected, (_, h, w) = prod(shapes[0]), prod(self.volume), self.volume
        if came != expected:
            whole, rest = divmod(at_hand(came), h * w)
            raise Reject(
                f"expected the {expected} numbers of {self.volume}, got the {came} of {show_shape(shapes[0])}",
                attribute="volume",
                fixes=() if rest else ({"volume": f"{whole}x{h}x{w}"},),
            )
        return tuple(self.volume)

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return f"{'*'.join(map(str, out))} = {prod(out)}"

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        """Everything: where the height or width changes, a position of all channels together reads from all over the maps."""
        return (same_position(shapes[0], out) if shapes[0] == out else everything(shapes[0]),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        call = "{m}({0}.flatten(1))" if len(shapes[0]) == 3 else "{m}({0})"
        return Code("nn.Unflatten", (1, tuple(self.volume)), call=call)


class ChannelShuffle(Op, name="channelshuffle", family="reshape"):
    """Channels in another order, so that groups mix: `channelshuffle g`.

    [c, h, w], kept,   y[j*g + i] = x[i*(c/g) + j]. ShuffleNet, Zhang et al. 2017, arXiv:1707.01083, section 3.1.
    """

    groups: int = arg(COUNT)

    examples = (
        Example("channelshuffle 3", ((240, 28, 28),), (240, 28, 28)),
        Example("channelshuffle 2", ((116, 7, 9),), (116, 7, 9)),
        Example("channelshuffle 3", ((8, 28, 28),), "`channelshuffle 3` does not divide the 8 channels that flow in"),
        Example("channelshuffle 2", ((64,),), "expected maps [c, h, w], got the vector [64]"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        divides("groups", f"channelshuffle {self.groups}", self.groups, c, "channels that flow in")
        return c, h, w

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.ChannelShuffle", (self.groups,))


class Slice(Op, name="slice", family="reshape"):
    """Some of the channels: `slice start stop`, from 0, `stop` is not reached.

    [c, h, w] -> [stop - start, h, w], [c] -> [stop - start].
    """

    start: int = arg(NATURAL)
    stop: int = arg(COUNT)

    examples = (
        Example("slice 0 48", ((96, 27, 27),), (48, 27, 27)),
        Example("slice 10 20", ((20,),), (10,)),
        Example("slice 0 128", ((96, 27, 27),), "`slice 0 128` reaches beyond the 96 channels that flow in"),
        Example("slice 8 8", ((96, 27, 27),), "`slice 8 8` takes no channel: `stop` must be above `start`"),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        if values["stop"] <= values["start"]:
            shown = f"`slice {values['start']} {values['stop']}`"
            raise Reject(f"{shown} takes no channel: `stop` must be above `start`", attribute="stop")
        return values

    def infer(self, *shapes: Shape) -> Shape:
        channels = shapes[0][0]
        if self.stop > channels:
            raise Reject(
                f"`slice {self.start} {self.stop}` reaches beyond the {channels} channels that flow in",
                attribute="stop",
                fixes=({"stop": str(channels)},) if channels > self.start else (),
            )
        return (self.stop - self.start, *shapes[0][1:])

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("Slice", (self.start, self.stop))


class Split(Op, name="split", family="reshape"):
    """The channels in k equal parts, as a bundle: `split k`.

    [c, h, w] -> k of [c/k, h, w], [c] -> k of [c/k]. It is no node of a graph: elaboration puts a `slice` for each of
    `slices(c)` in its place, so it has no PyTorch code of its own. `infer` gives the shape of one part.
    """

    parts: int = arg(COUNT)
    expands: ClassVar[bool] = True

    examples = (
        Example("split 2", ((96, 27, 27),), (48, 27, 27)),
        Example("split 3", ((30,),), (10,)),
        Example("split 5", ((96, 27, 27),), "`split 5` does not divide the 96 channels that flow in"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        divides("parts", f"split {self.parts}", self.parts, shapes[0][0], "channels that flow in")
        return (shapes[0][0] // self.parts, *shapes[0][1:])

    def slices(self, channels: int) -> tuple[Slice, ...]:
        """The slices it stands for."""
        width = channels // self.parts
        return tuple(Slice(start=i * width, stop=(i + 1) * width) for i in range(self.parts))
