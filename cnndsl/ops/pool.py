"""Pools over windows, and what undoes a max pooling."""

from __future__ import annotations

from typing import Any

from cnndsl.footprint import Reads, axes, everything, sliding_back
from cnndsl.op import (
    BOOLEAN,
    PAIR,
    PAIR0,
    POSITIVE,
    STREAM,
    Code,
    Example,
    Op,
    Pair,
    Reject,
    Shape,
    arg,
    attr,
    flag,
    show_shape,
    window,
)
from cnndsl.rules import (
    at_most_half,
    bounded,
    even_padding,
    maps,
    no_padding_beside_same,
    padding_before,
    pair_or_int,
    window_arithmetic,
    window_footprint,
    window_size,
)


class Pool(Op, family="pool"):
    """What the pools over windows share: [c, h, w] -> [c, h', w'], a stride that is the window unless it is written."""

    kernel: Pair = window()
    stride: Pair = attr(PAIR, None)
    padding: Pair = attr(PAIR0, (0, 0))
    same: bool = flag()
    ceil: bool = flag()

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        no_padding_beside_same(values)
        return {**values, "stride": values["stride"] or values["kernel"]}

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = maps(shapes[0])
        self.check_padding()
        return bounded("the output", (c, *window_size(self, (h, w))))

    def check_padding(self) -> None:
        """Raises Reject where a window could see nothing but padding."""
        at_most_half(self)

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        return window_arithmetic(self, shapes[0], out)

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return window_footprint(self, shapes, out)

    def constructor(self, name: str, *first: Any, **more: Any) -> Code:
        """torch's pool, or the one of `layers.py` that pads as TensorFlow's SAME does."""
        even = even_padding(self) if self.same else None
        if even and (2 * even[0] > self.kernel[0] or 2 * even[1] > self.kernel[1]):
            even = None  # a dilated window: torch allows half of the kernel, not of its reach
        module = f"{name}Same" if self.same and even is None else f"nn.{name}"
        padding, kwargs = even or self.padding, {}
        if self.stride != self.kernel:
            kwargs["stride"] = pair_or_int(self.stride)
        if padding != (0, 0):
            kwargs["padding"] = pair_or_int(padding)
        kwargs |= more | ({"ceil_mode": True} if self.ceil and not self.same else {})
        return Code(module, (*first, pair_or_int(self.kernel)), kwargs)


class MaxPool(Pool, name="maxpool"):
    """The largest number of each window: `maxpool window [ceil] [zeros] [dilation=]`.

    [c, h, w] -> [c, h', w'],   h' = floor or ceil((h + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1, as in
    torch: with `ceil` a last window that would start in the padding is dropped. The padding never wins; with `zeros`
    it is zeros that take part, as where Keras' nets pad before they pool. Stride: the window's size.
    """

    dilation: Pair = attr(PAIR, (1, 1))
    zeros: bool = flag()

    examples = (
        Example("maxpool 2x2", ((64, 224, 224),), (64, 112, 112)),
        Example("maxpool 3x3/2 ceil", ((64, 112, 112),), (64, 56, 56)),  # GoogLeNet
        Example("maxpool 3x3/2+1 ceil", ((64, 112, 112),), (64, 57, 57)),  # Caffe's padded pool
        Example("maxpool 3x3/2 same", ((64, 7, 8),), (64, 4, 4)),
        Example("maxpool 3x3/2+1 zeros", ((64, 112, 112),), (64, 56, 56)),  # Keras' ResNetV2
        Example("maxpool 3x3/2 same zeros", ((64, 7, 8),), (64, 4, 4)),  # Keras' NASNet
        Example(
            "maxpool 3x3/2+1 ceil zeros",
            ((64, 8, 8),),
            "`ceil` drops windows that start in the padding, `zeros` counts them",
        ),
        Example("maxpool 3x3", ((64, 2, 9),), "a 3x3 window does not fit into 2x9"),
        Example("maxpool 2x2+2", ((64, 8, 8),), "a padding of 2 is more than half of the kernel 2"),
        Example("maxpool 2x2", ((64,),), "expected maps [c, h, w], got the vector [64]"),
        Example(
            "maxpool 3x3+1 same", ((3, 8, 8),), "`same` computes the padding, and the window has a padding of 1 as well"
        ),
    )

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        if values["zeros"] and values["ceil"] and not values["same"]:
            raise Reject("`ceil` drops windows that start in the padding, `zeros` counts them", attribute="zeros")
        return super().settle(values)

    def check_padding(self) -> None:
        if not self.zeros:  # they are as good as what stands in the maps
            super().check_padding()

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        dilation = {} if self.dilation == (1, 1) else {"dilation": pair_or_int(self.dilation)}
        code = self.constructor("MaxPool2d", **dilation)
        return code._replace(module=f"Zero{code.module.removeprefix('nn.')}") if self.zeros else code

    def code_with_indices(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        """The module that gives the pair of maps and of the places they came from, for an `unpool`.

        A place is row * w + column in the maps that flow in, without padding.
        """
        code = self.code(shapes, out)
        return code._replace(kwargs={**code.kwargs, "return_indices": True})


class MinPool(Pool, name="minpool"):
    """The smallest number of each window: `minpool window [ceil] [dilation=]`.

    [c, h, w] -> [c, h', w'],   h' as of `maxpool`: y = -maxpool(-x). The padding never wins.
    """

    dilation: Pair = attr(PAIR, (1, 1))

    examples = (
        Example("minpool 2x2", ((8, 6, 6),), (8, 3, 3)),
        Example("minpool 3x3/2 same", ((8, 7, 8),), (8, 4, 4)),
        Example("minpool 3x3", ((8, 2, 2),), "a 3x3 window does not fit into 2x2"),
        Example("minpool 2x2+2", ((8, 8, 8),), "a padding of 2 is more than half of the kernel 2"),
        Example("minpool 2x2", ((64,),), "expected maps [c, h, w], got the vector [64]"),
    )

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        dilation = {} if self.dilation == (1, 1) else {"dilation": pair_or_int(self.dilation)}
        return self.constructor("MaxPool2d", **dilation)._replace(call="-{m}(-{0})")


class AvgPool(Pool, name="avgpool"):
    """The mean of each window: `avgpool window [ceil] [count_include_pad=]`.

    [c, h, w] -> [c, h', w'],   h' as of `maxpool`. A padding that is written counts as zeros (Caffe and torch), that
    of `same` is left out (TensorFlow), unless `count_include_pad=` says otherwise.
    """

    count_include_pad: bool | None = attr(BOOLEAN, None)

    examples = (
        Example("avgpool 5x5/3", ((512, 14, 14),), (512, 4, 4)),  # GoogLeNet's auxiliary classifier
        Example("avgpool 3x3/1 same", ((192, 35, 35),), (192, 35, 35)),  # NASNet-A
        Example("avgpool 3x3/2 same", ((192, 35, 36),), (192, 18, 18)),
        Example("avgpool 3x3/1+1 count_include_pad=false", ((192, 35, 35),), (192, 35, 35)),  # Inception-v4
        Example("avgpool 7x7", ((192, 6, 6),), "a 7x7 window does not fit into 6x6"),
        Example("avgpool 3x3+2", ((192, 6, 6),), "a padding of 2 is more than half of the kernel 3"),
        Example("avgpool 2x2", ((64,),), "expected maps [c, h, w], got the vector [64]"),
    )

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        counts = not self.same if self.count_include_pad is None else self.count_include_pad
        code = self.constructor("AvgPool2d")
        padded = code.module == "AvgPool2dSame" or "padding" in code.kwargs
        return code if counts or not padded else code._replace(kwargs={**code.kwargs, "count_include_pad": False})


class LPPool(Pool, name="lppool"):
    """The p-norm of each window: `lppool window [ceil] [norm_type=2]`.

    [c, h, w] -> [c, h', w'],   y = (sum over the window of |x|^p)^(1/p), h' as of `maxpool`; padding adds nothing.
    torch's own takes x^p without the bars, has no padding, and scales up the windows that `ceil` cuts. Sermanet et
    al. 2012, arXiv:1204.3968, equation 1.
    """

    norm_type: float = attr(POSITIVE, 2.0)

    examples = (
        Example("lppool 2x2", ((8, 6, 6),), (8, 3, 3)),
        Example("lppool 3x3/2+1 ceil norm_type=4", ((8, 7, 8),), (8, 4, 5)),
        Example("lppool 3x3", ((8, 2, 2),), "a 3x3 window does not fit into 2x2"),
        Example("lppool 2x2+2", ((8, 8, 8),), "a padding of 2 is more than half of the kernel 2"),
        Example("lppool 2x2", ((64,),), "expected maps [c, h, w], got the vector [64]"),
    )

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        code = self.constructor("LPPool2d", self.norm_type)
        return code._replace(module=code.module.removeprefix("nn."))


class Unpool(Op, name="unpool", family="pool"):
    """Undoes a max pooling, by its indices: `unpool @pool`.

    [c, h', w'] -> [c, h, w], the size that flowed into the pooling: every number goes back to the place its window's
    largest came from, zeros elsewhere. Operands: what flows in, that pooling's output, that pooling's input. Zeiler &
    Fergus 2013, arXiv:1311.2901, section 2.1.
    """

    pool: bool = arg(STREAM)

    examples = (
        Example("unpool @pool", ((64, 112, 112), (64, 112, 112), (64, 224, 224)), (64, 224, 224)),  # SegNet
        Example("unpool @pool", ((8, 4, 4), (8, 4, 4), (8, 7, 8)), (8, 7, 8)),
        Example(
            "unpool @pool",
            ((32, 112, 112), (64, 112, 112), (64, 224, 224)),
            "expected [64, 112, 112] as `@pool` gave it, got [32, 112, 112]",
        ),
    )

    def infer(self, *shapes: Shape) -> Shape:
        x, pooled, before = shapes
        if x != pooled:
            raise Reject(f"expected {show_shape(pooled)} as `@pool` gave it, got {show_shape(x)}")
        return before

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        return everything(shapes[0]), everything(shapes[1]), None

    def footprint_of(self, pool: MaxPool, shapes: tuple[Shape, ...]) -> tuple[Reads, ...]:
        """What a position reads where `pool` is the pooling: what flows in, and the indices, of the windows it lies in."""
        before = padding_before(pool, axes(shapes[2]), axes(shapes[1]))
        rows, columns = map(sliding_back, pool.kernel, pool.stride, before, pool.dilation)
        return (rows, columns), (rows, columns), None

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        return Code("MaxUnpool2d", call="{m}({0}, {1}, {2})")
