"""Convolutions: dense, depthwise, depthwise separable, transposed, and with untied weights."""

from __future__ import annotations

from math import prod
from typing import Any

from cnndsl.op import (
    BOOLEAN,
    COUNT,
    PAIR,
    PAIR0,
    Code,
    Example,
    Op,
    Pair,
    Reject,
    Shape,
    Weight,
    arg,
    attr,
    flag,
    show_shape,
    window,
)
from cnndsl.rules import maps, pair_or_int, window_arithmetic, window_size


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
        Example("conv 8 5x5", ((3, 4, 9),), "a 5x5 window does not fit into 4x9"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        _divides(self.groups, c, self.out_channels)
        return (self.out_channels, *window_size(self, (h, w)))

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        kernel = (self.out_channels, shapes[0][0] // self.groups, *self.kernel)
        weights = {"weight": Weight(kernel, not self.fixed)}
        return weights | ({"bias": Weight((self.out_channels,), not self.fixed)} if self.bias else {})

    def macs(self, shapes: tuple[Shape, ...], out: Shape) -> int:
        return prod(out) * (shapes[0][0] // self.groups) * prod(self.kernel)

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return window_arithmetic(self, shapes[0], out)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return conv_code("Conv2d", self, shapes[0][0], self.out_channels, self.groups)


def conv_code(name: str, op: Any, channels: int, out_channels: int, groups: int) -> Code:
    """The constructor of a convolution: torch's own, or the one of `layers.py` that pads as TensorFlow's SAME does."""
    optional: dict[str, Any] = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
    kwargs = {key: pair_or_int(getattr(op, key)) for key, default in optional.items() if getattr(op, key) != default}
    if groups != 1:
        kwargs["groups"] = groups
    if op.bias is False:
        kwargs["bias"] = False
    module = f"{name}Same" if op.same else f"nn.{name}"
    return Code(module, (channels, out_channels, pair_or_int(op.kernel)), kwargs)


def _divides(groups: int, channels: int, out_channels: int) -> None:
    """Raises Reject unless the groups divide the channels that flow in and those that flow out."""
    if channels % groups:
        fixes = tuple({"groups": str(g)} for g in range(groups - 1, 0, -1) if channels % g == out_channels % g == 0)
        raise Reject(
            f"`groups={groups}` does not divide the {channels} channels that flow in", attribute="groups", fixes=fixes[:1]
        )
    if out_channels % groups:
        fixes = ({"out_channels": str(out_channels // groups * groups or groups)},)
        raise Reject(
            f"`groups={groups}` does not divide the {out_channels} channels that flow out",
            attribute="groups",
            fixes=fixes,
        )
