"""Named shape rules that several ops share: sliding windows, maps and vectors, divisibility, bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import Any

from cnndsl.dims import at_hand, is_open
from cnndsl.footprint import Reads, axes, sliding
from cnndsl.op import LARGEST, Pair, Reject, Shape, numbers, show_pair, show_shape, show_sizes

LETTER = re.compile(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])")


def maps(shape: Shape) -> Shape:
    """`[c, h, w]` as it is; raises Reject for a vector."""
    if len(shape) != 3:
        raise Reject(
            f"expected maps [c, h, w], got the vector {show_shape(shape)}",
            hint=f"`reshape {shape[0]}x1x1` makes maps of a vector",
        )
    return shape


def ceil_div(a: int, b: int) -> int:
    """ceil(a / b) in whole numbers."""
    return -(-a // b)


def pair_or_int(pair: Pair) -> int | Pair:
    """torch's shorter spelling: an integer for a square."""
    return pair[0] if pair[0] == pair[1] else pair


def bounded(what: str, shape: Shape) -> Shape:
    """`shape` as it is; raises Reject where an array of it would hold more than `LARGEST` numbers (8 GiB of float32).

    Open sizes are not held against it: that limit is torch's, and no shape rule of a network.
    """
    if not is_open(shape) and prod(shape) > LARGEST:
        raise Reject(f"{what} {show_shape(shape)} would hold {prod(shape)} numbers, at most {LARGEST} are possible")
    return shape


def divides(attribute: str, written: str, divisor: int, channels: int, what: str, *others: int) -> None:
    """Raises Reject unless `divisor` divides `channels`; offers the nearest number that divides them and `others`."""
    if channels % divisor == 0:
        return
    totals = numbers((channels, *others))
    fits = [d for d in range(1, min(*totals, 4096) + 1) if not any(total % d for total in totals)]
    nearest = min(fits, key=lambda d: (abs(d - divisor), -d))
    raise Reject(
        f"`{written}` does not divide the {channels} {what}", attribute=attribute, fixes=({attribute: str(nearest)},)
    )


# --- sliding windows ---------------------------------------------------------------------------------------------


def no_padding_beside_same(values: Mapping[str, Any]) -> None:
    """Raises Reject where `same`, which computes the padding, stands beside a padding that was written."""
    if values["same"] and values["padding"] != (0, 0):
        shown = show_pair(values["padding"])
        raise Reject(
            f"`same` computes the padding, and the window has a padding of {shown} as well",
            attribute="padding",
            fixes=({"padding": "0"}, {"same": "false"}),
        )


def reach(op: Any) -> Pair:
    """How far a window extends: dilation*(kernel - 1) + 1."""
    dilation = getattr(op, "dilation", (1, 1))
    return dilation[0] * (op.kernel[0] - 1) + 1, dilation[1] * (op.kernel[1] - 1) + 1


def window_size(op: Any, size: Pair) -> Pair:
    """Height and width after a window slides over `size`: the op's kernel, stride, padding, dilation, `same`, `ceil`.

    floor or ceil((in + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1. With `ceil` a last window that would
    start in the padding is dropped, as in torch and Caffe. Raises Reject where no window fits.
    """
    if op.same:
        out = ceil_div(size[0], op.stride[0]), ceil_div(size[1], op.stride[1])
        bounded("the padded input", _padded_by_same(op, size, out))
        return out
    bounded("the padded input", (size[0] + 2 * op.padding[0], size[1] + 2 * op.padding[1]))
    counts = [_count(op, axis, size) for axis in (0, 1)]
    return counts[0], counts[1]


def _padded_by_same(op: Any, size: Pair, out: Pair) -> Pair:
    needed = [(n - 1) * s + r for n, s, r in zip(out, op.stride, reach(op), strict=True)]
    return max(at_hand(size[0]), at_hand(needed[0])), max(at_hand(size[1]), at_hand(needed[1]))


def _count(op: Any, axis: int, size: Pair) -> int:
    """How many windows fit along an axis. Raises Reject where none does."""
    stride, padding, ceil = op.stride[axis], op.padding[axis], getattr(op, "ceil", False)
    room = size[axis] + 2 * padding - reach(op)[axis]
    count: int = (ceil_div(room, stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= size[axis] + padding:
        count -= 1
    if count < 1:
        raise _too_large(op, size)
    return count


def _too_large(op: Any, size: Pair) -> Reject:
    dilation = getattr(op, "dilation", (1, 1))
    spread = f" (kernel {show_pair(op.kernel)} dilated by {show_pair(dilation)})" if dilation != (1, 1) else ""
    padded = f" padded by {show_pair(op.padding)}" if op.padding != (0, 0) else ""
    largest = [
        min(k, (at_hand(n) + 2 * p - 1) // d + 1)
        for k, n, p, d in zip(op.kernel, size, op.padding, dilation, strict=True)
    ]
    extent = reach(op)
    return Reject(
        f"a {extent[0]}x{extent[1]} window{spread} does not fit into {show_sizes(size)}{padded}",
        attribute="kernel",
        fixes=({"same": ""}, *([{"kernel": f"{largest[0]}x{largest[1]}"}] if max(largest) > 1 else [])),
    )


def even_padding(op: Any) -> Pair | None:
    """The padding on both sides that `same` comes to at every size, or None where it depends on the size or is uneven.

    It is (reach - 1)/2 where the stride is 1 and the reach odd, and 0 where the reach is 1.
    """
    pads = []
    for extent, stride in zip(reach(op), op.stride, strict=True):
        if extent > 1 and (stride > 1 or extent % 2 == 0):
            return None
        pads.append((extent - 1) // 2)
    return pads[0], pads[1]


def window_footprint(op: Any, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
    """What a position reads through a window: the op's kernel, stride, padding, dilation, `same`."""
    before = padding_before(op, axes(shapes[0]), axes(out))
    rows, columns = map(sliding, op.kernel, op.stride, before, getattr(op, "dilation", (1, 1)))
    return ((rows, columns),)


def padding_before(op: Any, size: Pair, out: Pair) -> Pair:
    """The padding at the top and left: with `same` half of what is needed in all, rounded down, as in TensorFlow."""
    if not op.same:
        return tuple(op.padding)
    padded = _padded_by_same(op, size, out)
    return (padded[0] - size[0]) // 2, (padded[1] - size[1]) // 2


def at_most_half(op: Any) -> None:
    """Raises Reject where a pool's padding is more than half of its kernel: a window would see nothing but padding."""
    for k, p in zip(op.kernel, op.padding, strict=True):
        if 2 * p > k:
            half = (op.kernel[0] // 2, op.kernel[1] // 2)
            raise Reject(
                f"a padding of {show_pair(op.padding)} is more than half of the kernel {show_pair(op.kernel)}",
                attribute="padding",
                hint="`pad` puts zeros around the maps, as many as you like",
                fixes=({"padding": show_pair(half)},),
            )


def window_arithmetic(op: Any, shape: Shape, out: Shape) -> str:
    """The sum behind `window_size`, for both axes where they differ: `(28 + 2*2 - 5)/1 + 1 = 28`."""
    return both_axes(_axis_sum(op, axis, shape[axis + 1], out[axis + 1]) for axis in (0, 1))


def both_axes(sums: Any) -> str:
    """The sums of height and width, as one where they agree."""
    height, width = sums
    alike = re.sub(LETTER, "", height) == re.sub(LETTER, "", width)  # open sizes of one kind: H for both
    return height if alike else f"{height}, {width}"


def _axis_sum(op: Any, axis: int, length: int, out: int) -> str:
    k, s, d = op.kernel[axis], op.stride[axis], getattr(op, "dilation", (1, 1))[axis]
    if op.same:
        return f"ceil({length}/{s}) = {out}"
    p, round_up = op.padding[axis], getattr(op, "ceil", False)
    padded = f" + 2*{p}" if p else ""
    spread = f" - {d}*({k} - 1) - 1" if d > 1 else f" - {k}"
    room = length + 2 * p - d * (k - 1) - 1
    even = type(room % s) is int and room % s == 0  # not for one open size that is in hand, but for all
    name = "" if even else "ceil" if round_up else "floor"
    quotient = f"({length}{padded}{spread})/{s}" if not name else f"{name}(({length}{padded}{spread})/{s})"
    dropped = " - 1" if round_up and ceil_div(room, s) + 1 > out else ""
    return f"{quotient} + 1{dropped} = {out}"
