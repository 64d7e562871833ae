"""Convolutions: dense, depthwise, depthwise separable."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from cnndsl.footprint import Reads
from cnndsl.op import (
    BOOLEAN,
    COUNT,
    PAIR,
    PAIR0,
    Code,
    Example,
    Op,
    Pair,
    Shape,
    Weight,
    arg,
    attr,
    flag,
    window,
)
from cnndsl.rules import (
    bounded,
    divides,
    even_padding,
    maps,
    no_padding_beside_same,
    pair_or_int,
    window_arithmetic,
    window_footprint,
    window_size,
)

FLOW_IN, FLOW_OUT = "channels that flow in", "channels that flow out"


class Conv(Op, name="conv", family="conv"):
    """2-D convolution (cross-correlation): `conv n window [dilation=] [groups=] [bias=]`.

    [c, h, w] -> [n, h', w'],   h' = floor((h + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1;
    with `same`, h' = ceil(h / stride) and the odd pixel of padding goes to the bottom and right, as in TensorFlow.

    Without `bias=` it has a bias unless a `bn` reads it. Window arithmetic: Dumoulin & Visin 2016, arXiv:1603.07285,
    relation 6 and section 5.1.
    """

    out_channels: int = arg(COUNT)
    kernel: Pair = window()
    stride: Pair = attr(PAIR, (1, 1))
    padding: Pair = attr(PAIR0, (0, 0))
    same: bool = flag()
    dilation: Pair = attr(PAIR, (1, 1))
    groups: int = attr(COUNT, 1)
    bias: bool | None = attr(BOOLEAN, None)
    fixed: bool = flag()

    examples = (
        Example("conv 64 7x7/2+3", ((3, 224, 224),), (64, 112, 112)),  # ResNet's stem
        Example("conv 192 1x7+0x3 bias=false", ((768, 17, 17),), (192, 17, 17)),  # Inception-v3's 1x7
        Example("conv 8 3x3/2 same", ((3, 7, 8),), (8, 4, 4)),
        Example("conv 64 3x3 groups=2", ((3, 32, 32),), "`groups=2` does not divide the 3 channels that flow in"),
        Example("conv 9 3x3 groups=2", ((4, 32, 32),), "`groups=2` does not divide the 9 channels that flow out"),
        Example("conv 8 5x5", ((3, 4, 9),), "a 5x5 window does not fit into 4x9"),
        Example(
            "conv 8 3x3+1 dilation=5",
            ((3, 8, 8),),
            "a 11x11 window (kernel 3 dilated by 5) does not fit into 8x8 padded by 1",
        ),
        Example(
            "conv 8 3x3+1 same", ((3, 8, 8),), "`same` computes the padding, and the window has a padding of 1 as well"
        ),
        Example("conv 8 3x3", ((100,),), "expected maps [c, h, w], got the vector [100]"),
        Example(
            "conv 65536 3x3+1",
            ((65536, 8, 8),),
            "the weight [65536, 65536, 3, 3] would hold 38654705664 numbers, at most 2147483647 are possible",
        ),
        Example(
            "conv 4 3x3+50000",
            ((3, 8, 8),),
            "the padded input [100008, 100008] would hold 10001600064 numbers, at most 2147483647 are possible",
        ),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        no_padding_beside_same(values)
        return values

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        divides("groups", f"groups={self.groups}", self.groups, c, FLOW_IN, self.out_channels)
        divides("groups", f"groups={self.groups}", self.groups, self.out_channels, FLOW_OUT, c)
        bounded("the weight", (self.out_channels, c // self.groups, *self.kernel))
        return bounded("the output", (self.out_channels, *window_size(self, (h, w))))

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return kernel_and_bias(self, (self.out_channels, shapes[0][0] // self.groups, *self.kernel), self.out_channels)

    def macs(self, shapes: tuple[Shape, ...], out: Shape) -> int:
        return prod(out) * (shapes[0][0] // self.groups) * prod(self.kernel)

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return window_arithmetic(self, shapes[0], out)

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return window_footprint(self, shapes, out)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return conv_code("Conv2d", self, shapes[0][0], self.out_channels, {"groups": self.groups})


class DepthwiseConv(Op, name="dwconv", family="conv"):
    """Depthwise convolution, `multiplier` filters for each channel: `dwconv window [multiplier=] [dilation=] [bias=]`.

    [c, h, w] -> [c * multiplier, h', w'],   h' as of `conv`. Output channel j filters channel j // multiplier.

    Without `bias=` it has a bias unless a `bn` reads it. Howard et al. 2017, arXiv:1704.04861, equation 3.
    """

    kernel: Pair = window()
    stride: Pair = attr(PAIR, (1, 1))
    padding: Pair = attr(PAIR0, (0, 0))
    same: bool = flag()
    multiplier: int = attr(COUNT, 1)
    dilation: Pair = attr(PAIR, (1, 1))
    bias: bool | None = attr(BOOLEAN, None)
    fixed: bool = flag()

    examples = (
        Example("dwconv 3x3/2+1", ((96, 112, 112),), (96, 56, 56)),  # MobileNetV2
        Example("dwconv 5x5 multiplier=2 same", ((32, 7, 9),), (64, 7, 9)),
        Example("dwconv 3x3", ((8, 2, 2),), "a 3x3 window does not fit into 2x2"),
        Example("dwconv 3x3", ((8,),), "expected maps [c, h, w], got the vector [8]"),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        no_padding_beside_same(values)
        return values

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        bounded("the weight", (c * self.multiplier, 1, *self.kernel))
        return bounded("the output", (c * self.multiplier, *window_size(self, (h, w))))

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        channels = shapes[0][0] * self.multiplier
        return kernel_and_bias(self, (channels, 1, *self.kernel), channels)

    def macs(self, shapes: tuple[Shape, ...], out: Shape) -> int:
        return prod(out) * prod(self.kernel)

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return window_arithmetic(self, shapes[0], out)

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return window_footprint(self, shapes, out)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        c = shapes[0][0]
        return conv_code("Conv2d", self, c, c * self.multiplier, {"groups": c})


class SeparableConv(Op, name="sepconv", family="conv"):
    """Depthwise separable convolution, a depthwise one without bias, then a 1x1: `sepconv n window [multiplier=]`.

    [c, h, w] -> [n, h', w'],   h' as of `conv`. There is nothing between the two. Attributes: `dilation=`, `bias=`
    (that of the 1x1: there unless a `bn` reads it). Chollet 2016, arXiv:1610.02357, section 1.2.
    """

    out_channels: int = arg(COUNT)
    kernel: Pair = window()
    stride: Pair = attr(PAIR, (1, 1))
    padding: Pair = attr(PAIR0, (0, 0))
    same: bool = flag()
    multiplier: int = attr(COUNT, 1)
    dilation: Pair = attr(PAIR, (1, 1))
    bias: bool | None = attr(BOOLEAN, None)
    fixed: bool = flag()

    examples = (
        Example("sepconv 128 3x3+1 bias=false", ((64, 147, 147),), (128, 147, 147)),  # Xception
        Example("sepconv 44 5x5/2 same", ((44, 56, 55),), (44, 28, 28)),  # NASNet-A
        Example("sepconv 44 5x5", ((44, 4, 4),), "a 5x5 window does not fit into 4x4"),
        Example("sepconv 44 5x5", ((44,),), "expected maps [c, h, w], got the vector [44]"),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        no_padding_beside_same(values)
        return values

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        size, inner = window_size(self, (h, w)), c * self.multiplier
        bounded("the depthwise weight", (inner, 1, *self.kernel))
        bounded("the pointwise weight", (self.out_channels, inner, 1, 1))
        bounded("the depthwise output", (inner, *size))
        return bounded("the output", (self.out_channels, *size))

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        inner, trains = shapes[0][0] * self.multiplier, not self.fixed
        weights = {
            "depthwise.weight": Weight((inner, 1, *self.kernel), trains),
            "pointwise.weight": Weight((self.out_channels, inner, 1, 1), trains),
        }
        return weights | ({"pointwise.bias": Weight((self.out_channels,), trains)} if self.bias else {})

    def macs(self, shapes: tuple[Shape, ...], out: Shape) -> int:
        inner = shapes[0][0] * self.multiplier
        return prod(out[1:]) * inner * (prod(self.kernel) + self.out_channels)

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return window_arithmetic(self, shapes[0], out)

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return window_footprint(self, shapes, out)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        multiplier = {"multiplier": self.multiplier} if self.multiplier > 1 else {}
        code = conv_code("SeparableConv2d", self, shapes[0][0], self.out_channels, multiplier)
        return code._replace(module=code.module.removeprefix("nn."))


def kernel_and_bias(op: Any, kernel: Shape, channels: int) -> dict[str, Weight]:
    """The weights of a convolution in the order of torch's state dict."""
    weights = {"weight": Weight(kernel, not op.fixed)}
    return weights | ({"bias": Weight((channels,), not op.fixed)} if op.bias else {})


def conv_code(name: str, op: Any, channels: int, out_channels: int, more: Mapping[str, int]) -> Code:
    """The constructor of a convolution: torch's own, or the one of `layers.py` that pads as TensorFlow's SAME does."""
    even = even_padding(op) if op.same else None
    values = {"stride": op.stride, "padding": even or op.padding, "dilation": getattr(op, "dilation", (1, 1))}
    defaults = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
    kwargs: dict[str, Any] = {key: pair_or_int(value) for key, value in values.items() if value != defaults[key]}
    kwargs |= {key: value for key, value in more.items() if value != 1}
    if not op.bias:
        kwargs["bias"] = False
    module = f"{name}Same" if op.same and even is None else f"nn.{name}"
    return Code(module, (channels, out_channels, pair_or_int(op.kernel)), kwargs)
