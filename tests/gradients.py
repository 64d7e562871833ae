"""Which positions of a net's input its layers see, found by back-propagation: no footprint, no field, torch alone.

The module that `cnndsl.loads` gives is made linear where its slope may be zero: a max pooling sums its windows, a ReLU passes
everything, an unpooling sums all that could have come from a window. Behind every layer the stream is cut: forwards it goes on as
fresh positive numbers, and a gradient that comes back goes on as positive numbers where it is not zero. So nothing vanishes,
overflows or cancels, and a gradient is a mark: it says what is seen and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own documentation writes F
from torch import Tensor, nn

from cnndsl.layers import pair

Seen = tuple[int, int] | None
"""The first and the last row or column that is seen; None for nothing."""


class Cut(torch.autograd.Function):
    """Forwards new numbers, backwards marks."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.rand_like(x) + 0.5

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        size = gradient.abs()
        return (size > 1e-9 * size.max()) * (torch.rand_like(gradient) + 0.5)


class WindowSum(nn.Module):
    """A max pooling, made linear. The place of a number is handed on as the sum it would have come from."""

    def __init__(self, pool: Any) -> None:
        super().__init__()
        self.pool = [pool]  # in a list: it is no part of this module

    def forward(self, x: Tensor) -> Any:
        pool = self.pool[0]
        kernel, stride, padding, dilation = map(pair, (pool.kernel_size, pool.stride, pool.padding, pool.dilation))
        result = pool(x.detach())
        size = (result[0] if isinstance(result, tuple) else result).shape[2:]
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        needed = [(m - 1) * s + r for m, s, r in zip(size, stride, reach, strict=True)]
        if type(pool).__name__ == "MaxPool2dSame":
            padding = tuple(max(n - m, 0) // 2 for n, m in zip(needed, x.shape[2:], strict=True))
        behind = [n - m - p for n, m, p in zip(needed, x.shape[2:], padding, strict=True)]
        padded = F.pad(x, [padding[1], behind[1], padding[0], behind[0]])
        ones = x.new_ones(x.shape[1], 1, *kernel)
        y = F.conv2d(padded, ones, None, stride, 0, dilation, x.shape[1])
        if not isinstance(result, tuple):
            return y
        places = y * 1
        places.window = (ones, stride, padding, dilation)
        return y, places


class WindowsOf(nn.Module):
    """An unpooling, made linear: every number and every place goes wherever its window reaches."""

    def forward(self, x: Tensor, places: Any, like: Tensor) -> Tensor:
        ones, stride, padding, dilation = places.window
        y = F.conv_transpose2d(x + places, ones, None, stride, 0, 0, x.shape[1], dilation)
        (top, left), (height, width) = padding, like.shape[2:]
        y = F.pad(y, [0, width, 0, height])
        return y[:, :, top : top + height, left : left + width]


class GroupSum(nn.Module):
    """A maxout, made linear."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1] // self.k, self.k, *x.shape[2:]).sum(2)


class Both(nn.Module):
    """A sample of the normal distribution, made linear."""

    def forward(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return mean + log_variance


def linear(module: Any) -> nn.Module | None:
    """What takes the place of a layer; None where autograd has its slope everywhere."""
    kind = type(module).__name__
    if kind in ("ReLU", "ReLU6", "Hardswish", "Hardsigmoid", "Abs"):
        return nn.Identity()
    if kind in ("MaxPool2d", "MaxPool2dSame"):
        return WindowSum(module)
    if kind == "AdaptiveMaxPool2d":
        return nn.AdaptiveAvgPool2d(module.output_size)
    return (
        {"MaxUnpool2d": WindowsOf, "Gaussian": Both}.get(kind, lambda: None)()
        if kind != "Maxout"
        else GroupSum(module.k)
    )


class Watched:
    """A net that ran once: what each layer gave, by its path, and what can be seen from there."""

    def __init__(self, module: nn.Module, shapes: list[tuple[int, ...]]) -> None:
        module.double().eval().requires_grad_(False)
        for path, part in list(module.named_modules()):
            instead = linear(part)
            if instead is not None:
                parent, _, name = path.rpartition(".")
                setattr(module.get_submodule(parent), name, instead)
        for name, weight in module.named_parameters():
            weight.zero_() if name.endswith("bias") else weight.uniform_(0.5, 1.5)
        self.given: dict[str, list[Tensor]] = {}
        for path, part in module.named_modules():
            part.register_forward_hook(self._note(path, not any(True for _ in part.children())))
        self.inputs = [torch.rand(1, *shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
        with mock.patch.object(torch, "maximum", torch.add):
            out = module(*self.inputs)
        self.outputs: list[Tensor] = list(out) if isinstance(out, tuple) else [out]

    def _note(self, path: str, leaf: bool) -> Any:
        def hook(_module: Any, _inputs: Any, out: Any) -> Any:
            if leaf:
                out = (Cut.apply(out[0]), out[1]) if isinstance(out, tuple) else Cut.apply(out)
            first = out[0] if isinstance(out, tuple) else out
            self.given.setdefault(path, []).append(first)
            return out

        return hook

    def sees(self, y: Tensor, axis: int, i: int) -> Seen:
        """The rows (axis 0) or columns (axis 1) of the inputs that row or column i of a stream sees; a vector has one of each."""
        marks = torch.zeros_like(y)
        line = marks if y.dim() == 2 else marks.select(2 + axis, i)
        line.copy_(torch.rand_like(line) + 0.5)
        inputs = [x for x in self.inputs if x.dim() == 4]
        gradients = torch.autograd.grad(y, inputs, marks, retain_graph=True, allow_unused=True)
        found = [places(gradient, axis) for gradient in gradients if gradient is not None]
        lines = [place for one in found for place in one]
        return (min(lines), max(lines)) if lines else None


def places(gradient: Tensor, axis: int) -> list[int]:
    """The rows or columns of an input's gradient that are not zero."""
    lines: list[int] = (gradient != 0).any(1).any(dim=2 - axis)[0].nonzero()[:, 0].tolist()
    return lines


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Random numbers of torch that are the same each time, and as before behind it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
