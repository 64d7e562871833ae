"""Fully connected layers: weighted sums, and distances to fixed codes."""

from __future__ import annotations

from math import prod

from cnndsl.footprint import Reads, everything
from cnndsl.op import BOOLEAN, COUNT, Code, Example, Op, Shape, Weight, arg, attr, flag, show_sizes
from cnndsl.rules import bounded


class Linear(Op, name="fc", family="linear"):
    """Fully connected layer: `fc n [bias=]`.

    [c, h, w] or [m] -> [n],   y = W x + b. It reads the whole volume, flattened in c, h, w order.
    """

    out_features: int = arg(COUNT)
    bias: bool = attr(BOOLEAN, True)
    fixed: bool = flag()

    examples = (
        Example("fc 4096", ((512, 7, 7),), (4096,)),  # VGG's fc6
        Example("fc 10 bias=false", ((84,),), (10,)),
        Example(
            "fc 65536",
            ((1024, 7, 7),),
            "the weight [65536, 50176] would hold 3288334336 numbers, at most 2147483647 are possible",
        ),
    )

    def infer(self, *shapes: Shape) -> Shape:
        bounded("the weight", (self.out_features, prod(shapes[0])))
        return (self.out_features,)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        weights = {"weight": Weight((self.out_features, prod(shapes[0])), not self.fixed)}
        return weights | ({"bias": Weight((self.out_features,), not self.fixed)} if self.bias else {})

    def macs(self, shapes: tuple[Shape, ...], out: Shape) -> int:
        return prod(shapes[0]) * self.out_features

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return (everything(shapes[0]),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        kwargs = {} if self.bias else {"bias": False}
        return Code("nn.Linear", (prod(shapes[0]), self.out_features), kwargs, flat_call(shapes[0]))


class Distances(Op, name="rbf", family="linear"):
    """Squared distances to n fixed codes of -1 and +1: `rbf n`.

    [c, h, w] or [m] -> [n],   y_j = sum_i (x_i - code_ji)^2. The codes are drawn once, the same in every build, and
    do not train: they are no parameters. LeCun et al. 1998, Gradient-based learning, section II.B, equation 7.
    """

    out_features: int = arg(COUNT)
    fixed: bool = flag()

    examples = (
        Example("rbf 10", ((84,),), (10,)),  # LeNet-5's output
        Example("rbf 10", ((16, 2, 2),), (10,)),
        Example(
            "rbf 65536",
            ((65536,),),
            "the codes [65536, 65536] would hold 4294967296 numbers, at most 2147483647 are possible",
        ),
    )

    def infer(self, *shapes: Shape) -> Shape:
        bounded("the codes", (self.out_features, prod(shapes[0])))
        return (self.out_features,)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"codes": Weight((self.out_features, prod(shapes[0])), trains=False, buffer=True)}

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return (everything(shapes[0]),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("RBF", (prod(shapes[0]), self.out_features), call=flat_call(shapes[0]))


def flat_call(shape: Shape) -> str:
    """The call of a module that wants a vector."""
    return "{m}({0}.flatten(1))" if len(shape) == 3 else "{m}({0})"


def flat_sum(shape: Shape) -> str:
    """`512*7*7 = 25088` for maps, nothing for a vector."""
    return f"{show_sizes(shape, '*')} = {prod(shape)}" if len(shape) == 3 else ""
