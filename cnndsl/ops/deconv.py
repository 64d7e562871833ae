"""Transposed convolutions, and convolutions with untied weights."""

from __future__ import annotations

from math import prod
from typing import Any

from cnndsl.footprint import Reads, sliding_back
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
    show_pair,
    show_sizes,
    window,
)
from cnndsl.ops.conv import FLOW_IN, FLOW_OUT, conv_code, kernel_and_bias
from cnndsl.rules import (
    both_axes,
    bounded,
    divides,
    maps,
    no_padding_beside_same,
    pair_or_int,
    reach,
    window_arithmetic,
    window_footprint,
    window_size,
)


class TransposedConv(Op, name="deconv", family="conv"):
    """Transposed convolution: `deconv n window [output_padding=] [bilinear] [groups=] [dilation=] [bias=]`.

    [c, h, w] -> [n, h', w'],   h' = (h - 1)*stride - 2*padding + dilation*(kernel - 1) + output_padding + 1;
    with `same`, h' = h * stride: the gradient of a convolution with TensorFlow's SAME.

    `bilinear` starts as interpolation of each channel, with a bias of 0. Dumoulin & Visin 2016, arXiv:1603.07285,
    relation 14; bilinear start: Long et al. 2014, arXiv:1411.4038, section 3.3. MACs: input positions times weights.
    """

    out_channels: int = arg(COUNT)
    kernel: Pair = window()
    stride: Pair = attr(PAIR, (1, 1))
    padding: Pair = attr(PAIR0, (0, 0))
    same: bool = flag()
    output_padding: Pair = attr(PAIR0, (0, 0))
    bilinear: bool = flag()
    dilation: Pair = attr(PAIR, (1, 1))
    groups: int = attr(COUNT, 1)
    bias: bool | None = attr(BOOLEAN, None)
    fixed: bool = flag()

    examples = (
        Example("deconv 64 2x2/2", ((128, 28, 28),), (64, 56, 56)),  # U-Net
        Example("deconv 21 64x64/32 bilinear fixed bias=false", ((21, 16, 16),), (21, 544, 544)),  # FCN-32s
        Example("deconv 8 3x3/2+1 output_padding=1", ((16, 7, 7),), (8, 14, 14)),
        Example("deconv 8 5x5/2 same", ((16, 7, 7),), (8, 14, 14)),
        Example(
            "deconv 8 3x3/2 output_padding=2",
            ((16, 7, 7),),
            "`output_padding=2` must be smaller than the stride 2 or the dilation 1",
        ),
        Example(
            "deconv 8 3x3/2 same output_padding=1",
            ((16, 7, 7),),
            "`same` computes the padding, not `output_padding=1`",
        ),
        Example("deconv 8 3x3+3", ((16, 4, 9),), "a padding of 3 cuts off all 6 rows and columns of the output"),
        Example("deconv 8 3x3 groups=3", ((16, 4, 4),), "`groups=3` does not divide the 16 channels that flow in"),
        Example("deconv 9 3x3 groups=4", ((16, 4, 4),), "`groups=4` does not divide the 9 channels that flow out"),
        Example(
            "deconv 8 2x2/65536",
            ((16, 4, 4),),
            "the output before it is cut [8, 196610, 196610] would hold 309243936800 numbers, at most 2147483647 are possible",
        ),
        Example("deconv 8 3x3", ((16,),), "expected maps [c, h, w], got the vector [16]"),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        no_padding_beside_same(values)
        shown = f"`output_padding={show_pair(values['output_padding'])}`"
        if values["same"] and values["output_padding"] != (0, 0):
            raise Reject(f"`same` computes the padding, not {shown}", attribute="output_padding")
        for extra, stride, dilation in zip(*(values[k] for k in ("output_padding", "stride", "dilation")), strict=True):
            if extra >= max(stride, dilation):
                raise Reject(
                    f"{shown} must be smaller than the stride {stride} or the dilation {dilation}",
                    attribute="output_padding",
                    fixes=({"output_padding": str(min(max(values["stride"][0], values["dilation"][0]), extra) - 1)},),
                )
        return values

    def infer(self, *shapes: Shape) -> Shape:
        c, *size = maps(shapes[0])
        divides("groups", f"groups={self.groups}", self.groups, c, FLOW_IN, self.out_channels)
        divides("groups", f"groups={self.groups}", self.groups, self.out_channels, FLOW_OUT, c)
        bounded("the weight", (c, self.out_channels // self.groups, *self.kernel))
        uncut = [(n - 1) * s + r for n, s, r in zip(size, self.stride, reach(self), strict=True)]
        bounded("the output before it is cut", (self.out_channels, *uncut))
        if self.same:
            out = [n * s for n, s in zip(size, self.stride, strict=True)]
            return bounded("the output", (self.out_channels, *out))
        out = [n - 2 * p + e for n, p, e in zip(uncut, self.padding, self.output_padding, strict=True)]
        for left, whole, extra, padding in zip(out, uncut, self.output_padding, self.padding, strict=True):
            if left < 1:
                raise Reject(
                    f"a padding of {padding} cuts off all {whole + extra} rows and columns of the output",
                    attribute="padding",
                    fixes=({"padding": str((whole + extra - 1) // 2)},),
                )
        return bounded("the output", (self.out_channels, *out))

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        kernel = (shapes[0][0], self.out_channels // self.groups, *self.kernel)
        return kernel_and_bias(self, kernel, self.out_channels)

    def macs(self, shapes: tuple[Shape, ...], out: Shape) -> int:
        return prod(shapes[0]) * (self.out_channels // self.groups) * prod(self.kernel)

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return both_axes(self._sum(axis, shapes[0][axis + 1], out[axis + 1]) for axis in (0, 1))

    def _sum(self, axis: int, length: int, out: int) -> str:
        k, s, d = self.kernel[axis], self.stride[axis], self.dilation[axis]
        if self.same:
            return f"{show_sizes((length, s), '*')} = {out}"
        padded = f" - 2*{self.padding[axis]}" if self.padding[axis] else ""
        extra = f" + {self.output_padding[axis]}" if self.output_padding[axis] else ""
        return f"({length} - 1)*{s}{padded} + " + (f"{d}*({k} - 1) + 1" if d > 1 else str(k)) + f"{extra} = {out}"

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        extra = [r - s if self.same else 2 * p for r, s, p in zip(reach(self), self.stride, self.padding, strict=True)]
        before = [max(e, 0) // 2 for e in extra]
        rows, columns = map(sliding_back, self.kernel, self.stride, before, self.dilation)
        return ((rows, columns),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        extra = [r - s for r, s in zip(reach(self), self.stride, strict=True)]
        even = self.same and not any(e > 0 and e % 2 for e in extra)
        padding = (max(extra[0], 0) // 2, max(extra[1], 0) // 2) if even else self.padding
        output_padding = (max(-extra[0], 0), max(-extra[1], 0)) if even else self.output_padding
        kwargs: dict[str, Any] = {}
        for key, value, default in (
            ("stride", self.stride, (1, 1)),
            ("padding", padding, (0, 0)),
            ("output_padding", output_padding, (0, 0)),
            ("dilation", self.dilation, (1, 1)),
        ):
            if value != default:
                kwargs[key] = pair_or_int(value)
        kwargs |= ({"groups": self.groups} if self.groups > 1 else {}) | ({"bias": False} if not self.bias else {})
        name = "Bilinear" * self.bilinear + "ConvTranspose2d" + "Same" * (self.same and not even)
        module = f"nn.{name}" if name == "ConvTranspose2d" else name
        return Code(module, (shapes[0][0], self.out_channels, pair_or_int(self.kernel)), kwargs)


class LocalConv(Op, name="local", family="conv"):
    """Convolution with untied weights, every output position has its own: `local n window [bias=]`.

    [c, h, w] -> [n, h', w'],   h' as of `conv`. The bias is untied too, and there unless `bias=false`: a `bn` does not
    replace it. Weight `[h'*w', n, c*kernel*kernel]`. Taigman et al. 2014, DeepFace, section 3.
    """

    out_channels: int = arg(COUNT)
    kernel: Pair = window()
    stride: Pair = attr(PAIR, (1, 1))
    padding: Pair = attr(PAIR0, (0, 0))
    same: bool = flag()
    bias: bool = attr(BOOLEAN, True)
    fixed: bool = flag()

    examples = (
        Example("local 16 9x9", ((32, 63, 63),), (16, 55, 55)),  # DeepFace's L4
        Example("local 256 3x3 same", ((1024, 7, 7),), (256, 7, 7)),  # Darknet's YOLO v1
        Example("local 16 9x9", ((32, 5, 5),), "a 9x9 window does not fit into 5x5"),
        Example("local 16 9x9", ((32,),), "expected maps [c, h, w], got the vector [32]"),
        Example(
            "local 512 3x3+1",
            ((512, 56, 56),),
            "the weight [3136, 512, 4608] would hold 7398752256 numbers, at most 2147483647 are possible",
        ),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        no_padding_beside_same(values)
        return values

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        out = window_size(self, (h, w))
        bounded("the weight", (prod(out), self.out_channels, c * prod(self.kernel)))
        return bounded("the output", (self.out_channels, *out))

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        _, h, w = self.infer(*shapes)
        weight = Weight((h * w, self.out_channels, shapes[0][0] * prod(self.kernel)), not self.fixed)
        bias = {"bias": Weight((self.out_channels, h, w), not self.fixed)} if self.bias else {}
        return {"weight": weight, **bias}

    def macs(self, shapes: tuple[Shape, ...], out: Shape) -> int:
        return prod(out) * shapes[0][0] * prod(self.kernel)

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return window_arithmetic(self, shapes[0], out)

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return window_footprint(self, shapes, out)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        code = conv_code("LocalConv2d", self, shapes[0][0], self.out_channels, {})
        return code._replace(module=code.module.removeprefix("nn."), args=(*code.args, out[1:]))
