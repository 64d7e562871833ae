"""Normalisations: over the batch, over neighbouring maps, over groups, over channels, over a map."""

from __future__ import annotations

from math import prod
from typing import Any

from cnndsl.footprint import Reads, everything
from cnndsl.op import (
    BOOLEAN,
    COUNT,
    FRACTION,
    NUMBER,
    POSITIVE,
    Code,
    Example,
    Op,
    Reject,
    Shape,
    Weight,
    arg,
    attr,
    flag,
    show_shape,
)
from cnndsl.rules import bounded, divides, maps


class BatchNorm(Op, name="bn", family="norm"):
    """Batch normalisation: `bn [scale=] [affine=] [eps=] [momentum=]`.

    [c, h, w] -> [c, h, w], [c] -> [c],   y = (x - mean) / sqrt(var + eps) * gamma + beta, mean and variance of a
    channel over the batch in training, their running averages otherwise. `scale=false`: no gamma; `affine=false`:
    neither. `momentum` is torch's: the weight of the new value. Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.
    """

    scale: bool = attr(BOOLEAN, True)
    affine: bool = attr(BOOLEAN, True)
    eps: float = attr(POSITIVE, 1e-5)
    momentum: float = attr(FRACTION, 0.1)
    fixed: bool = flag()

    examples = (
        Example("bn", ((64, 56, 56),), (64, 56, 56)),
        Example("bn scale=false eps=1e-3", ((32, 149, 149),), (32, 149, 149)),  # Keras' Inception-v3
        Example("bn affine=false", ((100,),), (100,)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        channel, trains = (shapes[0][0],), not self.fixed
        gamma = {"weight": Weight(channel, trains)} if self.affine and self.scale else {}
        beta = {"bias": Weight(channel, trains)} if self.affine else {}
        statistics = {"running_mean": channel, "running_var": channel, "num_batches_tracked": ()}
        return gamma | beta | {name: Weight(shape, False, buffer=True) for name, shape in statistics.items()}

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        name = f"BatchNorm{'2d' if len(shapes[0]) == 3 else '1d'}"
        kwargs = changed(self, "eps", "momentum", "affine")
        return Code(f"nn.{name}" if self.scale or not self.affine else f"Shift{name}", (shapes[0][0],), kwargs)


class LocalResponseNorm(Op, name="lrn", family="norm"):
    """Local response normalisation over neighbouring maps: `lrn [size] [alpha=] [beta=] [k=]`.

    [c, h, w] -> [c, h, w],   y = x / (k + alpha/size * (sum of the squares of `size` neighbouring maps)) ^ beta. As
    in torch and Caffe alpha is divided by size; the paper's formula does not divide (its k = 2, size = 5, alpha =
    1e-4, beta = 0.75 is `lrn 5 alpha=5e-4 k=2`). Krizhevsky et al. 2012, section 3.3.
    """

    size: int = arg(COUNT, 5)
    alpha: float = attr(NUMBER, 1e-4)
    beta: float = attr(NUMBER, 0.75)
    k: float = attr(NUMBER, 1.0)

    examples = (
        Example("lrn", ((64, 56, 56),), (64, 56, 56)),
        Example("lrn 5 alpha=1e-4 beta=0.75 k=2", ((96, 55, 55),), (96, 55, 55)),  # AlexNet
        Example("lrn", ((100,),), "expected maps [c, h, w], got the vector [100]"),
        Example(
            "lrn 2147483647",
            ((96, 55, 55),),
            "the padded input [2147483742, 55, 55] would hold 6496138319550 numbers, at most 2147483647 are possible",
        ),
    )

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        bounded("the padded input", (c + self.size - 1, h, w))
        return c, h, w

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.LocalResponseNorm", (self.size,), changed(self, "alpha", "beta", "k"))


class GroupNorm(Op, name="gn", family="norm"):
    """Group normalisation: `gn g [eps=] [affine=]`.

    [c, h, w] -> [c, h, w], [c] -> [c],   mean and variance over c/g neighbouring channels and all positions of an
    image. Wu & He 2018, arXiv:1803.08494, equation 7.
    """

    num_groups: int = arg(COUNT)
    eps: float = attr(POSITIVE, 1e-5)
    affine: bool = attr(BOOLEAN, True)
    fixed: bool = flag()

    examples = (
        Example("gn 32", ((64, 56, 56),), (64, 56, 56)),
        Example("gn 4 affine=false", ((64,),), (64,)),
        Example("gn 32", ((48, 8, 8),), "`gn 32` does not divide the 48 channels that flow in"),
        Example("gn 64", ((64, 1, 1),), "`gn 64` leaves one number a group in [64, 1, 1]: it would always give 0"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        divides("num_groups", f"gn {self.num_groups}", self.num_groups, shapes[0][0], "channels that flow in")
        if prod(shapes[0]) == self.num_groups:
            raise Reject(
                f"`gn {self.num_groups}` leaves one number a group in {show_shape(shapes[0])}: it would always give 0",
                attribute="num_groups",
            )
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return gamma_and_beta(shapes[0][0], self.affine, self.fixed)

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return (everything(shapes[0]),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.GroupNorm", (self.num_groups, shapes[0][0]), changed(self, "eps", "affine"))


class LayerNorm(Op, name="ln", family="norm"):
    """Layer normalisation over the channels of each position: `ln [eps=] [elementwise_affine=]`.

    [c, h, w] -> [c, h, w], [c] -> [c],   mean and variance over the c numbers of a position, one gamma and beta a
    channel. Ba et al. 2016, arXiv:1607.06450; for maps as in ConvNeXt, Liu et al. 2022, arXiv:2201.03545.
    """

    eps: float = attr(POSITIVE, 1e-5)
    elementwise_affine: bool = attr(BOOLEAN, True)
    fixed: bool = flag()

    examples = (
        Example("ln eps=1e-6", ((96, 56, 56),), (96, 56, 56)),  # ConvNeXt
        Example("ln", ((768,),), (768,)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return gamma_and_beta(shapes[0][0], self.elementwise_affine, self.fixed)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        module = "ChannelLayerNorm" if len(shapes[0]) == 3 else "nn.LayerNorm"
        return Code(module, (shapes[0][0],), changed(self, "eps", "elementwise_affine"))


class InstanceNorm(Op, name="instancenorm", family="norm"):
    """Instance normalisation, each map by itself: `instancenorm [affine=] [eps=]`.

    [c, h, w] -> [c, h, w],   mean and variance over the positions of one map. Without gamma and beta unless `affine`,
    as in torch. Ulyanov et al. 2016, arXiv:1607.08022.
    """

    eps: float = attr(POSITIVE, 1e-5)
    affine: bool = attr(BOOLEAN, False)
    fixed: bool = flag()

    examples = (
        Example("instancenorm", ((64, 128, 128),), (64, 128, 128)),
        Example("instancenorm affine", ((64, 1, 8),), (64, 1, 8)),
        Example("instancenorm", ((64,),), "expected maps [c, h, w], got the vector [64]"),
        Example("instancenorm", ((64, 1, 1),), "`instancenorm` of 1x1 maps would always give 0"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        if h * w == 1:
            raise Reject("`instancenorm` of 1x1 maps would always give 0", hint="`ln` normalises over the channels")
        return c, h, w

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return gamma_and_beta(shapes[0][0], self.affine, self.fixed)

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return (everything(shapes[0]),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.InstanceNorm2d", (shapes[0][0],), changed(self, "eps", "affine"))


class L2Norm(Op, name="l2norm", family="norm"):
    """Division by the Euclidean norm over the channels of each position: `l2norm [eps=]`.

    [c, h, w] -> [c, h, w], [c] -> [c],   y = x / max(sqrt(sum_c x^2), eps). The learned factor that ParseNet and SSD
    put behind it is `scale 20 per_channel`. Liu et al. 2015, arXiv:1506.04579, section 3.2.
    """

    eps: float = attr(POSITIVE, 1e-12)

    examples = (
        Example("l2norm", ((512, 38, 38),), (512, 38, 38)),  # SSD's conv4_3
        Example("l2norm", ((128,),), (128,)),  # FaceNet
    )

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("L2Norm", (), changed(self, "eps"))


def changed(op: Any, *names: str) -> dict[str, Any]:
    """Those of the named attributes that differ from their defaults, as arguments of a constructor."""
    return {name: getattr(op, name) for name in names if getattr(op, name) != op.attributes[name].default}


def gamma_and_beta(channels: int, affine: bool, fixed: bool) -> dict[str, Weight]:
    """A factor and a shift a channel, or nothing."""
    return {name: Weight((channels,), not fixed) for name in ("weight", "bias") if affine}
