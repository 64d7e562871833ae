"""Activations: a function of each number, or of the channels of each position."""

from __future__ import annotations

from cnndsl.op import (
    COUNT,
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
    choice,
    flag,
)
from cnndsl.ops.norm import changed
from cnndsl.rules import divides


class Activation(Op, family="activation"):
    """What the activations share: the shape stays, maps or vectors, and torch has the module."""

    module = ""

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code(self.module, (), changed(self, *(name for name in self.attributes if name != "fixed")))


class ReLU(Activation, name="relu"):
    """Rectified linear unit: `relu`.

    [c, h, w] or [c], kept,   y = max(x, 0). Nair & Hinton 2010.
    """

    module = "nn.ReLU"
    examples = (Example("relu", ((64, 56, 56),), (64, 56, 56)), Example("relu", ((100,),), (100,)))


class ReLU6(Activation, name="relu6"):
    """Rectified linear unit cut at 6: `relu6`.

    [c, h, w] or [c], kept,   y = min(max(x, 0), 6). MobileNet, Howard et al. 2017, arXiv:1704.04861.
    """

    module = "nn.ReLU6"
    examples = (Example("relu6", ((32, 112, 112),), (32, 112, 112)), Example("relu6", ((100,),), (100,)))


class LeakyReLU(Activation, name="leakyrelu"):
    """Rectified linear unit with a slope below 0: `leakyrelu [negative_slope]`.

    [c, h, w] or [c], kept,   y = x above 0, negative_slope * x below. Maas et al. 2013.
    """

    negative_slope: float = arg(NUMBER, 0.01)

    module = "nn.LeakyReLU"
    examples = (
        Example("leakyrelu 0.1", ((64, 224, 224),), (64, 224, 224)),  # YOLO
        Example("leakyrelu", ((100,),), (100,)),
    )


class PReLU(Activation, name="prelu"):
    """Rectified linear unit with a learned slope below 0: `prelu [num_parameters=1] [init=0.25]`.

    [c, h, w] or [c], kept,   y = x above 0, a * x below; one `a` in all, or one a channel with
    `num_parameters=channels`. He et al. 2015, arXiv:1502.01852, equation 1.
    """

    num_parameters: int = attr(COUNT, 1)
    init: float = attr(NUMBER, 0.25)
    fixed: bool = flag()

    module = "nn.PReLU"
    examples = (
        Example("prelu", ((64, 56, 56),), (64, 56, 56)),
        Example("prelu num_parameters=100", ((100,),), (100,)),
        Example(
            "prelu num_parameters=3",
            ((64, 56, 56),),
            "expected `num_parameters` 1 or the 64 channels that flow in, got 3",
        ),
    )

    def infer(self, *shapes: Shape) -> Shape:
        channels = shapes[0][0]
        if self.num_parameters not in (1, channels):
            raise Reject(
                f"expected `num_parameters` 1 or the {channels} channels that flow in, got {self.num_parameters}",
                attribute="num_parameters",
                fixes=({"num_parameters": str(channels)},),
            )
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"weight": Weight((self.num_parameters,), not self.fixed)}


class ELU(Activation, name="elu"):
    """Exponential linear unit: `elu [alpha=1]`.

    [c, h, w] or [c], kept,   y = x above 0, alpha * (exp(x) - 1) below. Clevert et al. 2015, arXiv:1511.07289,
    equation 15.
    """

    alpha: float = attr(NUMBER, 1.0)

    module = "nn.ELU"
    examples = (Example("elu", ((64, 56, 56),), (64, 56, 56)), Example("elu alpha=0.5", ((100,),), (100,)))


class SELU(Activation, name="selu"):
    """Self-normalising exponential linear unit: `selu`.

    [c, h, w] or [c], kept,   y = 1.0507 * elu(x, alpha=1.6733). Klambauer et al. 2017, arXiv:1706.02515, equation 2.
    """

    module = "nn.SELU"
    examples = (Example("selu", ((64, 56, 56),), (64, 56, 56)), Example("selu", ((100,),), (100,)))


class GELU(Activation, name="gelu"):
    """Gaussian error linear unit: `gelu [tanh]`.

    [c, h, w] or [c], kept,   y = x * Phi(x), Phi the normal distribution's; `tanh` (`approximate="tanh"`)
    approximates it. Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
    """

    approximate: str = attr(choice("tanh"), "none")

    module = "nn.GELU"
    examples = (Example("gelu", ((96, 56, 56),), (96, 56, 56)), Example("gelu tanh", ((100,),), (100,)))


class SiLU(Activation, name="silu"):
    """Sigmoid linear unit, also called swish: `silu`.

    [c, h, w] or [c], kept,   y = x * sigmoid(x). Ramachandran et al. 2017, arXiv:1710.05941.
    """

    module = "nn.SiLU"
    examples = (Example("silu", ((32, 112, 112),), (32, 112, 112)), Example("silu", ((100,),), (100,)))


class Mish(Activation, name="mish"):
    """Mish: `mish`.

    [c, h, w] or [c], kept,   y = x * tanh(softplus(x)). Misra 2019, arXiv:1908.08681.
    """

    module = "nn.Mish"
    examples = (Example("mish", ((32, 112, 112),), (32, 112, 112)), Example("mish", ((100,),), (100,)))


class HardSwish(Activation, name="hardswish"):
    """Swish in straight pieces: `hardswish`.

    [c, h, w] or [c], kept,   y = x * min(max(x + 3, 0), 6) / 6. MobileNetV3, Howard et al. 2019, arXiv:1905.02244,
    section 5.2.
    """

    module = "nn.Hardswish"
    examples = (Example("hardswish", ((16, 112, 112),), (16, 112, 112)), Example("hardswish", ((100,),), (100,)))


class HardSigmoid(Activation, name="hardsigmoid"):
    """Sigmoid in straight pieces: `hardsigmoid`.

    [c, h, w] or [c], kept,   y = min(max(x + 3, 0), 6) / 6. MobileNetV3, Howard et al. 2019, arXiv:1905.02244,
    section 5.2.
    """

    module = "nn.Hardsigmoid"
    examples = (Example("hardsigmoid", ((16, 1, 1),), (16, 1, 1)), Example("hardsigmoid", ((100,),), (100,)))


class Sigmoid(Activation, name="sigmoid"):
    """Logistic function: `sigmoid`.

    [c, h, w] or [c], kept,   y = 1 / (1 + exp(-x)).
    """

    module = "nn.Sigmoid"
    examples = (Example("sigmoid", ((1, 28, 28),), (1, 28, 28)), Example("sigmoid", ((1,),), (1,)))


class Tanh(Activation, name="tanh"):
    """Hyperbolic tangent: `tanh`.

    [c, h, w] or [c], kept,   y = tanh(x). LeNet-5's 1.7159 * tanh(2x/3) is `scale 0.6667 fixed -> tanh -> scale
    1.7159 fixed`.
    """

    module = "nn.Tanh"
    examples = (Example("tanh", ((6, 28, 28),), (6, 28, 28)), Example("tanh", ((84,),), (84,)))


class Softplus(Activation, name="softplus"):
    """Smooth rectifier: `softplus [beta=1] [threshold=20]`.

    [c, h, w] or [c], kept,   y = log(1 + exp(beta * x)) / beta, and x where beta * x is above the threshold.
    """

    beta: float = attr(POSITIVE, 1.0)
    threshold: float = attr(NUMBER, 20.0)

    module = "nn.Softplus"
    examples = (Example("softplus", ((8, 4, 4),), (8, 4, 4)), Example("softplus beta=2", ((100,),), (100,)))


class Softmax(Activation, name="softmax"):
    """Softmax over the channels, at each position: `softmax`.

    [c, h, w] or [c], kept,   y_c = exp(x_c) / sum_k exp(x_k).
    """

    examples = (Example("softmax", ((1000,),), (1000,)), Example("softmax", ((21, 500, 500),), (21, 500, 500)))

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.Softmax", (), {"dim": 1})


class LogSoftmax(Activation, name="logsoftmax"):
    """Logarithm of the softmax over the channels, at each position: `logsoftmax`.

    [c, h, w] or [c], kept,   y_c = x_c - log(sum_k exp(x_k)).
    """

    examples = (Example("logsoftmax", ((1000,),), (1000,)), Example("logsoftmax", ((21, 50, 50),), (21, 50, 50)))

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.LogSoftmax", (), {"dim": 1})


class Abs(Activation, name="abs"):
    """Absolute value: `abs`.

    [c, h, w] or [c], kept,   y = |x|. Jarrett et al. 2009, section 2.
    """

    module = "Abs"
    examples = (Example("abs", ((64, 22, 22),), (64, 22, 22)), Example("abs", ((4096,),), (4096,)))


class Maxout(Op, name="maxout", family="activation"):
    """The largest of every k neighbouring channels: `maxout k`.

    [c, h, w] -> [c/k, h, w], [c] -> [c/k],   y_j = max of x_(j*k) ... x_(j*k + k-1). Goodfellow et al. 2013,
    arXiv:1302.4389.
    """

    k: int = arg(COUNT)

    examples = (
        Example("maxout 2", ((96, 16, 16),), (48, 16, 16)),
        Example("maxout 5", ((2500,),), (500,)),
        Example("maxout 5", ((96, 16, 16),), "`maxout 5` does not divide the 96 channels that flow in"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        divides("k", f"maxout {self.k}", self.k, shapes[0][0], "channels that flow in")
        return (shapes[0][0] // self.k, *shapes[0][1:])

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("Maxout", (self.k,))
