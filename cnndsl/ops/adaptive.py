"""Pools over whole maps, and to a given size."""

from __future__ import annotations

from cnndsl.footprint import Footprint, Reads, axes, everything, stretched
from cnndsl.op import PAIR, Code, Example, Op, Pair, Shape, arg
from cnndsl.rules import bounded, ceil_div, maps, pair_or_int


class GlobalPool(Op, family="pool"):
    """What the pools over whole maps share: [c, h, w] -> [c, 1, 1]."""

    module = ""

    def infer(self, *shapes: Shape) -> Shape:
        return maps(shapes[0])[0], 1, 1

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return (everything(shapes[0]),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code(self.module, (1,))


class AdaptivePool(Op, family="pool"):
    """What the pools to a given size share: [c, h, w] -> [c, H, W]."""

    module = ""
    output: Pair = arg(PAIR)

    def infer(self, *shapes: Shape) -> Shape:
        return bounded("the output", (maps(shapes[0])[0], *self.output))

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return (spread(shapes[0], out),)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code(self.module, (pair_or_int(self.output),))


class GlobalAvgPool(GlobalPool, name="globalavgpool"):
    """The mean of each map: `globalavgpool`.

    [c, h, w] -> [c, 1, 1]. Lin et al. 2013, Network in network, arXiv:1312.4400, section 3.2.
    """

    module = "nn.AdaptiveAvgPool2d"
    examples = (
        Example("globalavgpool", ((2048, 7, 7),), (2048, 1, 1)),
        Example("globalavgpool", ((8, 1, 5),), (8, 1, 1)),
        Example("globalavgpool", ((64,),), "expected maps [c, h, w], got the vector [64]"),
    )


class GlobalMaxPool(GlobalPool, name="globalmaxpool"):
    """The largest number of each map: `globalmaxpool`.

    [c, h, w] -> [c, 1, 1].
    """

    module = "nn.AdaptiveMaxPool2d"
    examples = (
        Example("globalmaxpool", ((2048, 7, 7),), (2048, 1, 1)),
        Example("globalmaxpool", ((8, 1, 5),), (8, 1, 1)),
        Example("globalmaxpool", ((64,),), "expected maps [c, h, w], got the vector [64]"),
    )


class AdaptiveAvgPool(AdaptivePool, name="adaptiveavgpool"):
    """Means of as many windows as `output` says, spread evenly over the maps: `adaptiveavgpool HxW`.

    [c, h, w] -> [c, H, W]. Window i reaches from floor(i*h/H) to ceil((i + 1)*h/H), as in torch.
    """

    module = "nn.AdaptiveAvgPool2d"
    examples = (
        Example("adaptiveavgpool 6x6", ((256, 13, 13),), (256, 6, 6)),
        Example("adaptiveavgpool 1x2", ((256, 7, 7),), (256, 1, 2)),
        Example("adaptiveavgpool 6x6", ((64,),), "expected maps [c, h, w], got the vector [64]"),
        Example(
            "adaptiveavgpool 65536",
            ((64, 8, 8),),
            "the output [64, 65536, 65536] would hold 274877906944 numbers, at most 2147483647 are possible",
        ),
    )


class AdaptiveMaxPool(AdaptivePool, name="adaptivemaxpool"):
    """The largest numbers of as many windows as `output` says, spread evenly over the maps: `adaptivemaxpool HxW`.

    [c, h, w] -> [c, H, W]. Windows as of `adaptiveavgpool`.
    """

    module = "nn.AdaptiveMaxPool2d"
    examples = (
        Example("adaptivemaxpool 7x7", ((512, 20, 31),), (512, 7, 7)),  # RoI pooling of a whole map
        Example("adaptivemaxpool 1x2", ((256, 7, 7),), (256, 1, 2)),
        Example("adaptivemaxpool 6x6", ((64,),), "expected maps [c, h, w], got the vector [64]"),
        Example(
            "adaptivemaxpool 65536",
            ((64, 8, 8),),
            "the output [64, 65536, 65536] would hold 274877906944 numbers, at most 2147483647 are possible",
        ),
    )


def spread(shape: Shape, out: Shape) -> Reads:
    """The windows of an adaptive pooling: as many as the output has positions, from floor(i*h/H) to ceil((i + 1)*h/H)."""

    def windows(n: int, m: int) -> Footprint:
        return stretched(n, m, lambda i: (i * n // m, ceil_div((i + 1) * n, m) - 1))

    rows, columns = map(windows, axes(shape), axes(out))
    return rows, columns
