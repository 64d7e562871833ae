"""A learned factor, and the sampling step of a variational autoencoder."""

from __future__ import annotations

from cnndsl.op import BOOLEAN, NUMBER, Code, Example, Op, Reject, Shape, Weight, arg, attr, flag, show_shape


class Scale(Op, name="scale", family="norm"):
    """A factor, learned from a on: `scale [a=1] [per_channel] [bias=]`.

    [c, h, w] or [c], kept,   y = w * x + b, w one number, or one a channel. `bias`: a shift of as many numbers, from
    0 on. `fixed`: a constant factor. A weighted residual begins with `scale 0`: Shen et al. 2016, arXiv:1605.08831,
    section 3.2.
    """

    a: float = arg(NUMBER, 1.0)
    per_channel: bool = flag()
    bias: bool = attr(BOOLEAN, False)
    fixed: bool = flag()

    examples = (
        Example("scale 0", ((64, 28, 28),), (64, 28, 28)),
        Example("scale per_channel bias", ((6, 14, 14),), (6, 14, 14)),  # after LeNet-5's subsampling
        Example("scale 1.7159 fixed", ((84,),), (84,)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        shape = (shapes[0][0],) if self.per_channel else ()
        names = ("weight", "bias") if self.bias else ("weight",)
        return {name: Weight(shape, not self.fixed) for name in names}

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        kwargs = {"channels": shapes[0][0]} if self.per_channel else {}
        return Code("Scale", (self.a,) if self.a != 1 else (), kwargs | ({"bias": True} if self.bias else {}))


class Gaussian(Op, name="gaussian", family="regularize"):
    """A sample of the normal distribution: `gaussian`, of a bundle of mean and log-variance.

    (mean, v), both [c, h, w] or both [c] -> the same,   y = mean + exp(v / 2) * noise in training, y = mean otherwise.
    Kingma & Welling 2013, arXiv:1312.6114, section 2.4.
    """

    operands = 2

    examples = (
        Example("gaussian", ((20,), (20,)), (20,)),
        Example("gaussian", ((4, 8, 8), (4, 8, 8)), (4, 8, 8)),
        Example("gaussian", ((20,), (10,)), "expected a mean and a log-variance of one shape, got [20] and [10]"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        mean, log_variance = shapes
        if mean != log_variance:
            raise Reject(
                "expected a mean and a log-variance of one shape, "
                f"got {show_shape(mean)} and {show_shape(log_variance)}"
            )
        return mean

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("Gaussian", call="{m}({0}, {1})")
