"""Named shape rules that several ops share: sliding windows, maps and vectors, broadcasting."""

from __future__ import annotations

from typing import Any

from cnndsl.op import Pair, Reject, Shape, show_pair, show_shape


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


def window_size(op: Any, size: Pair) -> Pair:
    """Height and width after a window slides over `size`: the op's kernel, stride, padding, dilation, `same`, `ceil`.

    floor or ceil((in + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1. With `ceil` a last window that would start in the
    padding is dropped, as in torch and Caffe. Raises Reject where no window fits.
    """
    if op.same:
        return ceil_div(size[0], op.stride[0]), ceil_div(size[1], op.stride[1])
    dilation, ceil = getattr(op, "dilation", (1, 1)), getattr(op, "ceil", False)
    out = []
    for length, k, s, p, d in zip(size, op.kernel, op.stride, op.padding, dilation, strict=True):
        room = length + 2 * p - d * (k - 1) - 1
        count = (ceil_div(room, s) if ceil else room // s) + 1
        if ceil and (count - 1) * s >= length + p:
            count -= 1
        if room < 0 or count < 1:
            reach = tuple(d * (k - 1) + 1 for k, d in zip(op.kernel, dilation, strict=True))
            spread = f" (kernel {show_pair(op.kernel)} dilated by {show_pair(dilation)})" if dilation != (1, 1) else ""
            padded = f" padded by {show_pair(op.padding)}" if op.padding != (0, 0) else ""
            raise Reject(
                f"a {reach[0]}x{reach[1]} window{spread} does not fit into {size[0]}x{size[1]}{padded}",
                attribute="kernel",
                fixes=({"same": ""}, {"kernel": f"{min(reach[0], size[0])}x{min(reach[1], size[1])}"}),
            )
        out.append(count)
    return out[0], out[1]


def window_arithmetic(op: Any, shape: Shape, out: Shape) -> str:
    """The sum behind `window_size`, for the axis that says most: `(28 + 2*2 - 5)/1 + 1 = 28`."""
    sums = [_axis_sum(op, axis, shape[axis + 1], out[axis + 1]) for axis in (0, 1)]
    return sums[0] if sums[0] == sums[1] else f"{sums[0]}, {sums[1]}"


def _axis_sum(op: Any, axis: int, length: int, out: int) -> str:
    k, s, d = op.kernel[axis], op.stride[axis], getattr(op, "dilation", (1, 1))[axis]
    if op.same:
        return f"ceil({length}/{s}) = {out}"
    p, round_up = op.padding[axis], getattr(op, "ceil", False)
    padded = f" + 2*{p}" if p else ""
    spread = f" - {d}*({k} - 1) - 1" if d > 1 else f" - {k}"
    exact = (length + 2 * p - d * (k - 1) - 1) % s == 0
    name = "" if exact else "ceil" if round_up else "floor"
    quotient = f"({length}{padded}{spread})/{s}" if not name else f"{name}(({length}{padded}{spread})/{s})"
    return f"{quotient} + 1 = {out}"
