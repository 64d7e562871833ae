"""Merges: several streams become one, along the channels or element by element."""

from __future__ import annotations

from cnndsl.op import NUMBER, PROBABILITY, Code, Example, Op, Reject, Shape, attr, show_shape, show_sizes
from cnndsl.rules import bounded

Disagreement = tuple[int, int, str]
"""The positions of two streams that do not go together, and what they disagree on."""


class Merge(Op, family="merge"):
    """What the merges share: any number of streams from two on, and a word on which of them disagree."""

    operands = None

    def disagree(self, shapes: tuple[Shape, ...]) -> Disagreement | None:
        """Which two streams do not go together, and on what they disagree; None where all do."""
        raise NotImplementedError

    def check(self, shapes: tuple[Shape, ...]) -> None:
        """Raises Reject for fewer than two streams, and for streams that do not go together."""
        if len(shapes) < 2:
            raise Reject(f"`{self.name}` merges two streams or more, got {len(shapes)}")
        found = self.disagree(shapes)
        if found:
            first, second, what = found
            shown = f"{show_shape(shapes[first])} and {show_shape(shapes[second])}"
            raise Reject(f"`{self.name}` cannot merge {shown}: they differ in {what}")


class Concat(Merge, name="concat"):
    """All channels of all streams, in order: `concat { a | b }`, or `-> concat` of a bundle.

    [c1, h, w], [c2, h, w], ... -> [c1 + c2 + ..., h, w]; [c1], [c2], ... -> [c1 + c2 + ...].
    """

    examples = (
        Example("concat", ((64, 28, 28), (128, 28, 28), (32, 28, 28)), (224, 28, 28)),
        Example("concat", ((10,), (20,)), (30,)),
        Example(
            "concat",
            ((64, 28, 28), (64, 27, 28)),
            "`concat` cannot merge [64, 28, 28] and [64, 27, 28]: they differ in height (28 and 27)",
        ),
        Example(
            "concat",
            ((64, 28, 28), (64, 28, 28), (64, 28, 26)),
            "`concat` cannot merge [64, 28, 28] and [64, 28, 26]: they differ in width (28 and 26)",
        ),
        Example(
            "concat",
            ((64, 28, 28), (64, 14, 7)),
            "`concat` cannot merge [64, 28, 28] and [64, 14, 7]: they differ in height and width (28x28 and 14x7)",
        ),
        Example(
            "concat",
            ((64, 1, 1), (64,)),
            "`concat` cannot merge [64, 1, 1] and [64]: they differ in kind (maps and a vector)",
        ),
        Example("concat", ((64, 28, 28),), "`concat` merges two streams or more, got 1"),
    )

    def disagree(self, shapes: tuple[Shape, ...]) -> Disagreement | None:
        return next(((0, i, _difference(shapes[0], s)) for i, s in enumerate(shapes) if s[1:] != shapes[0][1:]), None)

    def infer(self, *shapes: Shape) -> Shape:
        self.check(shapes)
        return bounded("the output", (sum(shape[0] for shape in shapes), *shapes[0][1:]))

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("", call="torch.cat(({all}), dim=1)")


class Elementwise(Merge):
    """What the merges of single numbers share: equal shapes, or [c], [c, 1, 1], [1, h, w] beside [c, h, w]."""

    def disagree(self, shapes: tuple[Shape, ...]) -> Disagreement | None:
        whole = max(range(len(shapes)), key=lambda i: _fullness(shapes, i))
        for i, shape in enumerate(shapes):
            if not _spreads(shape, shapes[whole]):
                first, second = sorted((i, whole))
                return first, second, _difference(shapes[first], shapes[second], channels=True)
        return None

    def infer(self, *shapes: Shape) -> Shape:
        self.check(shapes)
        return shapes[max(range(len(shapes)), key=lambda i: _fullness(shapes, i))]

    def terms(self, shapes: tuple[Shape, ...], out: Shape) -> list[str]:
        """The operands as expressions that torch broadcasts to `out`."""
        spread = "[:, :, None, None]"
        return [f"{{{i}}}{spread if len(shape) < len(out) else ''}" for i, shape in enumerate(shapes)]


class Add(Elementwise, name="add"):
    """Sum, element by element: `add { a | b }`, or `-> add` of a bundle.

    Equal shapes, or [c], [c, 1, 1], [1, h, w] beside [c, h, w] -> [c, h, w]. `scale`: a factor on the first stream,
    as from `residual scale=a`; Szegedy et al. 2016, arXiv:1602.07261, section 3.3.
    """

    scale: float = attr(NUMBER, 1.0)

    examples = (
        Example("add", ((256, 56, 56), (256, 56, 56)), (256, 56, 56)),
        Example("add", ((64,), (64, 7, 9)), (64, 7, 9)),
        Example("add scale=0.17", ((384, 35, 35), (384, 35, 35)), (384, 35, 35)),
        Example(
            "add",
            ((256, 56, 56), (64, 56, 56)),
            "`add` cannot merge [256, 56, 56] and [64, 56, 56]: they differ in channels (256 and 64)",
        ),
        Example("add", ((3,), (4,)), "`add` cannot merge [3] and [4]: they differ in channels (3 and 4)"),
        Example(
            "add",
            ((8, 6, 6), (8, 6, 6), (9, 3, 3)),
            "`add` cannot merge [8, 6, 6] and [9, 3, 3]: they differ in channels, height and width (8x6x6 and 9x3x3)",
        ),
        Example("add", ((3,),), "`add` merges two streams or more, got 1"),
    )

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        first, *rest = self.terms(shapes, out)
        return Code("", call=" + ".join((first if self.scale == 1 else f"{self.scale} * {first}", *rest)))


class Sub(Elementwise, name="sub"):
    """Difference of two streams, element by element: `sub { a | b }`, or `-> sub` of a bundle.

    Equal shapes, or [c], [c, 1, 1], [1, h, w] beside [c, h, w] -> [c, h, w],   y = a - b.
    """

    examples = (
        Example("sub", ((4096,), (4096,)), (4096,)),
        Example("sub", ((3, 8, 8), (3, 1, 1)), (3, 8, 8)),
        Example("sub", ((8,), (8,), (8,)), "`sub` takes two streams, got 3"),
        Example("sub", ((8,), (9,)), "`sub` cannot merge [8] and [9]: they differ in channels (8 and 9)"),
        Example("sub", ((8,),), "`sub` merges two streams or more, got 1"),
    )

    def infer(self, *shapes: Shape) -> Shape:
        if len(shapes) > 2:
            raise Reject(f"`sub` takes two streams, got {len(shapes)}")
        return super().infer(*shapes)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("", call=" - ".join(self.terms(shapes, out)))


class Mul(Elementwise, name="mul"):
    """Product, element by element: `mul { a | b }`, or `-> mul` of a bundle.

    Equal shapes, or [c], [c, 1, 1], [1, h, w] beside [c, h, w] -> [c, h, w]. Squeeze-and-excitation multiplies [c, h,
    w] by [c, 1, 1]: Hu et al. 2017, arXiv:1709.01507, equation 4.
    """

    examples = (
        Example("mul", ((256, 56, 56), (256, 1, 1)), (256, 56, 56)),
        Example("mul", ((1, 7, 9), (64, 7, 9)), (64, 7, 9)),  # a spatial gate
        Example(
            "mul",
            ((64, 5, 5), (8, 1, 1)),
            "`mul` cannot merge [64, 5, 5] and [8, 1, 1]: they differ in channels, height and width (64x5x5 and 8x1x1)",
        ),
        Example(
            "mul",
            ((256, 56, 56), (16,)),
            "`mul` cannot merge [256, 56, 56] and [16]: they differ in channels (256 and 16)",
        ),
        Example("mul", ((8,),), "`mul` merges two streams or more, got 1"),
    )

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("", call=" * ".join(self.terms(shapes, out)))


class Mean(Elementwise, name="mean"):
    """Mean, element by element: `mean [drop=] { a | b }`, or `-> mean` of a bundle.

    Equal shapes, or [c], [c, 1, 1], [1, h, w] beside [c, h, w] -> [c, h, w]. `drop`: local drop path; in training
    each stream is dropped with this probability, once for a batch, one at least stays, and the mean is of those that
    stay. Larsson et al. 2016, FractalNet, arXiv:1605.07648, section 3.
    """

    drop: float = attr(PROBABILITY, 0.0)

    examples = (
        Example("mean", ((64, 32, 32), (64, 32, 32), (64, 32, 32)), (64, 32, 32)),
        Example("mean drop=0.15", ((64, 32, 32), (64, 32, 32)), (64, 32, 32)),
        Example(
            "mean",
            ((8, 6, 6), (8, 6, 3)),
            "`mean` cannot merge [8, 6, 6] and [8, 6, 3]: they differ in width (6 and 3)",
        ),
        Example("mean", ((8,),), "`mean` merges two streams or more, got 1"),
    )

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        terms = self.terms(shapes, out)
        if self.drop:
            return Code("DropMean", (self.drop,), call=f"{{m}}({', '.join(terms)})")
        return Code("", call=f"({' + '.join(terms)}) / {len(shapes)}")


class Max(Elementwise, name="max"):
    """The largest, element by element: `max { a | b }`, or `-> max` of a bundle.

    Equal shapes, or [c], [c, 1, 1], [1, h, w] beside [c, h, w] -> [c, h, w].
    """

    examples = (
        Example("max", ((64, 32, 32), (64, 32, 32), (64, 32, 32)), (64, 32, 32)),
        Example("max", ((10,), (10,)), (10,)),
        Example(
            "max",
            ((8, 6, 6), (4, 6, 6)),
            "`max` cannot merge [8, 6, 6] and [4, 6, 6]: they differ in channels (8 and 4)",
        ),
        Example("max", ((8,),), "`max` merges two streams or more, got 1"),
    )

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        first, *rest = self.terms(shapes, out)
        for term in rest:
            first = f"torch.maximum({first}, {term})"
        return Code("", call=first)


def _spreads(shape: Shape, whole: Shape) -> bool:
    """Whether `shape` goes beside `whole`: equal, or, beside maps, [c], [c, 1, 1] or [1, h, w]."""
    if shape == whole:
        return True
    return len(whole) == 3 and shape in ((whole[0],), (whole[0], 1, 1), (1, *whole[1:]))


def _fullness(shapes: tuple[Shape, ...], index: int) -> tuple[int, int]:
    """How much of an output a stream can be: how many others go beside it, then the earlier one."""
    return sum(_spreads(shape, shapes[index]) for shape in shapes), -index


def _difference(a: Shape, b: Shape, channels: bool = False) -> str:
    """What two shapes differ in, with numbers: `height and width (28x28 and 14x7)`."""
    if len(a) != len(b) and not (channels and a[0] != b[0]):
        kinds = ["maps" if len(shape) == 3 else "a vector" for shape in (a, b)]
        return f"kind ({kinds[0]} and {kinds[1]})"
    names = ("channels", "height", "width")
    low = 0 if channels else 1
    axes = [i for i in range(low, min(len(a), len(b))) if a[i] != b[i]]
    words = [names[i] for i in axes]
    listed = " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return f"{listed} ({show_sizes(a[i] for i in axes)} and {show_sizes(b[i] for i in axes)})"
