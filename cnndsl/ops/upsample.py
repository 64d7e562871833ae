"""Larger maps: by interpolation, and from channels."""

from __future__ import annotations

from typing import Any

from cnndsl.footprint import Footprint, Reads, stretched
from cnndsl.op import (
    BOOLEAN,
    COUNT,
    PAIR,
    STREAM,
    Code,
    Example,
    Op,
    Pair,
    Reject,
    Shape,
    arg,
    attr,
    choice,
    show_sizes,
)
from cnndsl.rules import both_axes, bounded, ceil_div, maps, pair_or_int


class Upsample(Op, name="upsample", family="reshape"):
    """Larger maps by interpolation: `upsample k` or `upsample like=@x`, `[nearest|bilinear] [align_corners=]`.

    [c, h, w] -> [c, k*h, k*w]; `upsample 2x1` doubles the height alone. With `like` the size is another stream's:
    operands x, like. `align_corners` is for bilinear and puts the corners' centres on one another, as in torch.
    """

    scale_factor: Pair | None = arg(PAIR, None)
    like: bool | None = attr(STREAM, None)
    mode: str = attr(choice("nearest", "bilinear"), "nearest")
    align_corners: bool = attr(BOOLEAN, False)

    examples = (
        Example("upsample 2", ((256, 14, 14),), (256, 28, 28)),  # FPN
        Example("upsample 2x1 bilinear align_corners", ((8, 7, 9),), (8, 14, 9)),
        Example("upsample like=@x bilinear", ((8, 7, 9), (3, 25, 30)), (8, 25, 30)),
        Example("upsample 2 like=@x", ((8, 7, 9), (3, 25, 30)), "`upsample` takes either a factor or `like=@x`"),
        Example("upsample", ((8, 7, 9),), "`upsample` takes either a factor or `like=@x`"),
        Example("upsample 2 align_corners", ((8, 7, 9),), "`align_corners` goes with `bilinear`"),
        Example("upsample 2", ((8,),), "expected maps [c, h, w], got the vector [8]"),
        Example("upsample like=@x", ((8, 7, 9), (3,)), "expected maps [c, h, w], got the vector [3]"),
        Example(
            "upsample 10000",
            ((8, 7, 9),),
            "the output [8, 70000, 90000] would hold 50400000000 numbers, at most 2147483647 are possible",
        ),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        if (values["scale_factor"] is None) == (values["like"] is None):
            raise Reject("`upsample` takes either a factor or `like=@x`")
        if values["align_corners"] and values["mode"] != "bilinear":
            raise Reject("`align_corners` goes with `bilinear`", attribute="align_corners", fixes=({"bilinear": ""},))
        return values

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        if self.scale_factor is None:
            return bounded("the output", (c, *maps(shapes[1])[1:]))
        return bounded("the output", (c, h * self.scale_factor[0], w * self.scale_factor[1]))

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        if self.scale_factor is None:
            return ""
        return both_axes(
            f"{show_sizes((n, k), '*')} = {m}"
            for n, k, m in zip(shapes[0][1:], self.scale_factor, out[1:], strict=True)
        )

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        """The nearest position, or the two around the place i * (h - 1)/(H - 1), or (i + 1/2) * h/H - 1/2, one where it is whole."""
        rows, columns = (self._axis(n, m) for n, m in zip(shapes[0][1:], out[1:], strict=True))
        return ((rows, columns), None)[: len(shapes)]

    def _axis(self, n: int, m: int) -> Footprint:
        if self.mode == "nearest":
            return stretched(n, m, lambda i: (i * n // m, i * n // m))
        if not self.align_corners:
            return stretched(n, m, lambda i: (((2 * i + 1) * n - m) // (2 * m), ceil_div((2 * i + 1) * n - m, 2 * m)))
        last = max(m - 1, 1)  # a single position reads the first
        return stretched(n - 1, last, lambda i: (i * (n - 1) // last, ceil_div(i * (n - 1), last)))

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        kwargs: dict[str, Any] = {} if self.mode == "nearest" else {"mode": self.mode}
        if self.align_corners:
            kwargs["align_corners"] = True
        if self.scale_factor is None:
            return Code("UpsampleLike", (), kwargs, "{m}({0}, {1})")
        return Code("nn.Upsample", (), {"scale_factor": pair_or_int(self.scale_factor), **kwargs})


class PixelShuffle(Op, name="pixelshuffle", family="reshape"):
    """Channels become pixels: `pixelshuffle k`.

    [c*k*k, h, w] -> [c, h*k, w*k],   y[c, i*k + a, j*k + b] = x[c*k*k + a*k + b, i, j]. Shi et al. 2016,
    arXiv:1609.05158, equation 4.
    """

    upscale_factor: int = arg(COUNT)

    examples = (
        Example("pixelshuffle 3", ((9, 64, 64),), (1, 192, 192)),  # ESPCN
        Example("pixelshuffle 2", ((64, 7, 9),), (16, 14, 18)),
        Example("pixelshuffle 2", ((9, 64, 64),), "`pixelshuffle 2` needs a multiple of 4 channels, got 9"),
        Example("pixelshuffle 2", ((64,),), "expected maps [c, h, w], got the vector [64]"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        k = self.upscale_factor
        if c % (k * k):
            raise Reject(f"`pixelshuffle {k}` needs a multiple of {k * k} channels, got {c}")
        return c // (k * k), h * k, w * k

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return both_axes(
            f"{show_sizes((n, self.upscale_factor), '*')} = {m}" for n, m in zip(shapes[0][1:], out[1:], strict=True)
        )

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        k = self.upscale_factor
        reads = stretched(1, k, lambda i: (i // k, i // k))
        return ((reads, reads),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.PixelShuffle", (self.upscale_factor,))
