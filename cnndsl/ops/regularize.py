"""What is random in training only: dropout of numbers, of maps, of whole streams."""

from __future__ import annotations

from cnndsl.op import BOOLEAN, PROBABILITY, Code, Example, Op, Shape, arg, attr, flag
from cnndsl.rules import maps


class Dropout(Op, name="dropout", family="regularize"):
    """Zeros with probability p in training: `dropout [p=0.5] [rescale=]`.

    [c, h, w] or [c], kept. What stays is divided by 1 - p in training; with `rescale=false` it is not, and everything
    is multiplied by 1 - p afterwards, as the paper has it. Srivastava et al. 2014, section 4.
    """

    p: float = arg(PROBABILITY, 0.5)
    rescale: bool = attr(BOOLEAN, True)

    examples = (
        Example("dropout 0.4", ((1024, 1, 1),), (1024, 1, 1)),
        Example("dropout rescale=false", ((4096,),), (4096,)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.Dropout" if self.rescale else "DropoutUnscaled", (self.p,))


class Dropout2d(Op, name="dropout2d", family="regularize"):
    """Maps of zeros with probability p in training: `dropout2d [p=0.5]`.

    [c, h, w], kept. The maps that stay are divided by 1 - p in training. Tompson et al. 2014, arXiv:1411.4280,
    section 3.2.
    """

    p: float = arg(PROBABILITY, 0.5)

    examples = (
        Example("dropout2d 0.2", ((64, 28, 28),), (64, 28, 28)),
        Example("dropout2d", ((64, 1, 1),), (64, 1, 1)),
        Example("dropout2d", ((64,),), "expected maps [c, h, w], got the vector [64]"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        return maps(shapes[0])

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("nn.Dropout2d", (self.p,))


class DropPath(Op, name="droppath", family="regularize"):
    """Stochastic depth, whole samples of zeros with probability p in training: `droppath p [rescale=] [per_batch]`.

    [c, h, w] or [c], kept. The samples that stay are divided by 1 - p in training, as torchvision's StochasticDepth
    in mode "row" does; with `rescale=false` they are not, and everything is multiplied by 1 - p afterwards, as the
    paper has it. `per_batch`: all samples of a batch stay or none, torchvision's mode "batch". Huang et al. 2016,
    arXiv:1603.09382, equations 2 and 5.
    """

    p: float = arg(PROBABILITY)
    rescale: bool = attr(BOOLEAN, True)
    per_batch: bool = flag()

    examples = (
        Example("droppath 0.2", ((64, 28, 28),), (64, 28, 28)),
        Example("droppath 0.5 rescale=false", ((64,),), (64,)),
        Example("droppath 0.5 rescale=false per_batch", ((16, 32, 32),), (16, 32, 32)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        kwargs = ({} if self.rescale else {"rescale": False}) | ({"per_batch": True} if self.per_batch else {})
        return Code("DropPath", (self.p,), kwargs)
