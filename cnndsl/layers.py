"""The torch modules that torch lacks. Emitted source carries copies of those it uses.

A class here mentions only `torch`, `nn`, `F`, `Tensor` and other top-level names of this file. `x` is `[n, c, h, w]`
unless said otherwise; sizes are read at run time, so a module runs at every image size. Longer than 300 lines because emitted
source draws on this one file alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own documentation writes F
from torch import Tensor, nn

# --- windows -----------------------------------------------------------------------------------------------------


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """Height and width of an integer or a pair."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def same_padding(
    x: Tensor, kernel: int | tuple[int, ...], stride: int | tuple[int, ...], dilation: int | tuple[int, ...] = 1
) -> list[int]:
    """Left, right, top, bottom padding of TensorFlow's SAME: out = ceil(in / stride), the odd pixel at the end."""
    pads: list[int] = []
    for size, k, s, d in zip(x.shape[-2:], pair(kernel), pair(stride), pair(dilation), strict=True):
        reach = d * (k - 1) + 1
        total = (-(-size // s) - 1) * s + reach - size
        if reach < s:  # only then can it come out negative; a comparison less when sizes are symbolic
            total = max(total, 0)
        pads = [total // 2, total - total // 2, *pads]
    return pads


class Conv2dSame(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME."""

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, same_padding(x, self.kernel_size, self.stride, self.dilation))
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class SeparableConv2d(nn.Module):
    """A depthwise convolution without bias, then a 1x1 convolution."""

    conv: type[nn.Conv2d] = nn.Conv2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        multiplier: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        inner = in_channels * multiplier
        self.depthwise = self.conv(
            in_channels, inner, kernel_size, stride, padding, dilation, groups=in_channels, bias=False
        )
        self.pointwise = nn.Conv2d(inner, out_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pointwise(self.depthwise(x))
        return y


class SeparableConv2dSame(SeparableConv2d):
    """A depthwise separable convolution padded as TensorFlow's SAME."""

    conv = Conv2dSame


class ConvTranspose2dSame(nn.ConvTranspose2d):
    """The gradient of a convolution padded as TensorFlow's SAME: out = in * stride."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        windows = zip(self.kernel_size, self.stride, self.dilation, strict=True)
        extra = [d * (k - 1) + 1 - s for k, s, d in windows]
        padding, missing = [max(e, 0) // 2 for e in extra], [max(-e, 0) for e in extra]
        y = F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, padding, missing, self.groups, self.dilation
        )  # one row or column too many at the bottom or right where `extra` is odd
        return y[:, :, : x.shape[2] * self.stride[0], : x.shape[3] * self.stride[1]]


def bilinear_(weight: Tensor, groups: int = 1) -> None:
    """Makes a transposed convolution's weight `[in, out/groups, kh, kw]` interpolate, from map i to map i alone."""
    filters = []
    for k in weight.shape[2:]:
        factor = (k + 1) // 2
        center = factor - 1 if k % 2 else factor - 0.5
        steps = torch.arange(k, dtype=weight.dtype, device=weight.device)
        filters.append(1 - (steps - center).abs() / factor)
    per_group = weight.shape[0] // groups
    with torch.no_grad():
        weight.zero_()
        for i in range(weight.shape[0]):
            if i % per_group < weight.shape[1]:
                weight[i, i % per_group] = torch.outer(filters[0], filters[1])


class BilinearConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution that starts as bilinear interpolation, with a bias of zero."""

    def reset_parameters(self) -> None:
        bilinear_(self.weight, self.groups)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class BilinearConvTranspose2dSame(ConvTranspose2dSame):
    """`ConvTranspose2dSame` that starts as bilinear interpolation, with a bias of zero."""

    def reset_parameters(self) -> None:
        bilinear_(self.weight, self.groups)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class LocalConv2d(nn.Module):
    """A convolution whose weights are not tied: each of the `size` output positions has its own, and its own bias."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        size: tuple[int, int],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding, self.size = pair(kernel_size), pair(stride), pair(padding), size
        fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]
        self.weight = nn.Parameter(torch.empty(size[0] * size[1], out_channels, fan_in))
        self.bias = nn.Parameter(torch.empty(out_channels, *size)) if bias else None
        for weight in self.parameters():
            nn.init.uniform_(weight, -(fan_in**-0.5), fan_in**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        patches = F.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)
        y = torch.bmm(self.weight, patches.permute(2, 1, 0)).permute(2, 1, 0)
        y = y.reshape(x.shape[0], -1, *self.size)
        return y if self.bias is None else y + self.bias


class LocalConv2dSame(LocalConv2d):
    """`LocalConv2d` padded as TensorFlow's SAME."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, same_padding(x, self.kernel_size, self.stride)))


# --- pools -------------------------------------------------------------------------------------------------------


class MaxPool2dSame(nn.MaxPool2d):
    """Max pooling padded as TensorFlow's SAME, with minus infinity. Indices are those of the maps without padding."""

    outside = float("-inf")

    def around(self, x: Tensor) -> list[int]:
        return same_padding(x, self.kernel_size, self.stride, self.dilation)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        left, right, top, bottom = self.around(x)
        padded = F.pad(x, [left, right, top, bottom], value=self.outside)
        if not self.return_indices:
            return F.max_pool2d(padded, self.kernel_size, self.stride, 0, self.dilation)
        y, at = F.max_pool2d(padded, self.kernel_size, self.stride, 0, self.dilation, return_indices=True)
        height, width = x.shape[-2:]
        rows = (at // padded.shape[-1] - top).clamp(0, height - 1)
        return y, rows * width + (at % padded.shape[-1] - left).clamp(0, width - 1)


class ZeroMaxPool2dSame(MaxPool2dSame):
    """Max pooling padded as TensorFlow's SAME with zeros, which take part."""

    outside = 0.0


class ZeroMaxPool2d(ZeroMaxPool2dSame):
    """Max pooling padded with zeros, which take part."""

    def around(self, x: Tensor) -> list[int]:
        (height, width) = pair(self.padding)
        return [width, width, height, height]


class AvgPool2dSame(nn.AvgPool2d):
    """Average pooling padded as TensorFlow's SAME; the average leaves the padding out, unless `count_include_pad`."""

    def forward(self, x: Tensor) -> Tensor:
        pads = same_padding(x, self.kernel_size, self.stride)
        y = F.avg_pool2d(F.pad(x, pads), self.kernel_size, self.stride)
        if self.count_include_pad:
            return y
        inside = F.pad(torch.ones_like(x[:1, :1]), pads)
        return y / F.avg_pool2d(inside, self.kernel_size, self.stride)


class LPPool2d(nn.Module):
    """(sum over the window of |x|^p)^(1/p). Unlike torch's: |x|, padding, windows cut by `ceil_mode` not rescaled."""

    def __init__(
        self,
        norm_type: float,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride = norm_type, kernel_size, stride or kernel_size
        self.padding, self.ceil_mode = padding, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        powers = x.abs().pow(self.norm_type)
        total = F.avg_pool2d(powers, self.kernel_size, self.stride, self.padding, self.ceil_mode, divisor_override=1)
        # the root's slope at 0 is infinite: a window of zeros gives 0 and a gradient of 0, not of NaN
        root = total.clamp_min(torch.finfo(total.dtype).tiny).pow(1 / self.norm_type)
        return torch.where(total > 0, root, torch.zeros_like(root))


class LPPool2dSame(LPPool2d):
    """`LPPool2d` padded as TensorFlow's SAME, with zeros."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, same_padding(x, self.kernel_size, self.stride)))


class MaxUnpool2d(nn.Module):
    """Puts every value where a max pooling took it from, zeros elsewhere: `x` and `indices` `[n, c, h, w]`.

    `like` is what flowed into the pooling and gives the size. Unlike torch's it takes any size that pooling had.
    """

    def forward(self, x: Tensor, indices: Tensor, like: Tensor) -> Tensor:
        n, c, (height, width) = x.shape[0], x.shape[1], like.shape[-2:]
        flat = x.new_zeros(n, c, height * width).scatter(2, indices.flatten(2), x.flatten(2))
        return flat.view(n, c, height, width)


# --- normalisation -----------------------------------------------------------------------------------------------


class ShiftBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation of vectors `[n, c]` with a learned shift and no scale."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.register_parameter("weight", None)


class ShiftBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of maps with a learned shift and no scale."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.register_parameter("weight", None)


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each position of maps."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class L2Norm(nn.Module):
    """Divides by the Euclidean norm over the channels, at each position of `[n, c, ...]`."""

    def __init__(self, eps: float = 1e-12) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1, eps=self.eps)


# --- fully connected, activations, factors -----------------------------------------------------------------------


class RBF(nn.Module):
    """Squared Euclidean distances of a vector `[n, in]` to `out` fixed codes of -1 and +1: `[n, out]`."""

    codes: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        codes = torch.empty(out_features, in_features)
        if not codes.is_meta:
            drawn = torch.randint(0, 2, codes.shape, generator=torch.Generator().manual_seed(1998), device="cpu")
            codes.copy_(drawn * 2 - 1)
        self.register_buffer("codes", codes)

    def forward(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(1) - self.codes).square().sum(2)


class Abs(nn.Module):
    """|x|, of any shape."""

    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


class Maxout(nn.Module):
    """The largest of every `k` neighbouring channels of `[n, c, ...]`: `[n, c/k, ...]`."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1] // self.k, self.k, *x.shape[2:]).max(2).values


class Scale(nn.Module):
    """A learned factor, one in all or one a channel of `[n, c, ...]`, and as many biases that start at 0."""

    def __init__(self, a: float = 1.0, channels: int | None = None, bias: bool = False) -> None:
        super().__init__()
        shape = () if channels is None else (channels,)
        self.weight = nn.Parameter(torch.full(shape, a))
        self.bias = nn.Parameter(torch.zeros(shape)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        over = (-1,) + (1,) * (x.dim() - 2)
        y = x * self.weight.view(over)
        return y if self.bias is None else y + self.bias.view(over)


class Gaussian(nn.Module):
    """A sample of the normal distribution with this mean and log-variance in training, the mean otherwise."""

    def forward(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        if not self.training:
            return mean
        return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


# --- regularisation ----------------------------------------------------------------------------------------------


class DropoutUnscaled(nn.Module):
    """Dropout as its paper has it: zeros with probability p in training, times 1 - p otherwise."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x * (1 - self.p)
        return x * torch.empty_like(x).bernoulli_(1 - self.p)


class DropPath(nn.Module):
    """Stochastic depth: in training zeroes whole samples of `[n, ...]` with probability p and divides the others by 1
    - p.

    Without `rescale`: nothing is divided, and what is not training is multiplied by 1 - p. `per_batch`: all samples of a
    batch or none.
    """

    def __init__(self, p: float, rescale: bool = True, per_batch: bool = False) -> None:
        super().__init__()
        self.p, self.rescale, self.per_batch = p, rescale, per_batch

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x if self.rescale else x * (1 - self.p)
        samples = 1 if self.per_batch else x.shape[0]
        keep = x.new_empty((samples,) + (1,) * (x.dim() - 1)).bernoulli_(1 - self.p)
        return x * (keep / (1 - self.p) if self.rescale else keep)


class DropMean(nn.Module):
    """The mean of streams; in training of those that survive. Each is dropped with probability p, one always stays."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, *streams: Tensor) -> Tensor:
        if not self.training:
            mean: Tensor = sum(streams[1:], streams[0]) / len(streams)
            return mean
        draw = torch.rand(len(streams), device=streams[0].device)
        keep = ((draw >= self.p) | (draw == draw.max())).to(streams[0].dtype)
        terms = [weight * stream for weight, stream in zip(keep / keep.sum(), streams, strict=True)]
        kept: Tensor = sum(terms[1:], terms[0])
        return kept


# --- shapes ------------------------------------------------------------------------------------------------------


class Slice(nn.Module):
    """Channels `start` to `stop`, which is not reached, of `[n, c, ...]`."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.start : self.stop]


class Crop(nn.Module):
    """Cuts rows and columns off the sides."""

    def __init__(self, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0) -> None:
        super().__init__()
        self.top, self.bottom, self.left, self.right = top, bottom, left, right

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, self.top : x.shape[2] - self.bottom, self.left : x.shape[3] - self.right]


class CropTo(nn.Module):
    """Cuts a rectangle of `height` x `width` out of the middle, or at `offset` (rows, columns) from the top left."""

    def __init__(self, height: int, width: int, offset: int | tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.height, self.width, self.offset = height, width, offset

    def forward(self, x: Tensor) -> Tensor:
        return cut(x, self.height, self.width, self.offset)


class CropLike(nn.Module):
    """Cuts a rectangle of the size of `like` out of the middle, or at `offset` (rows, columns) from the top left."""

    def __init__(self, offset: int | tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        return cut(x, like.shape[2], like.shape[3], self.offset)


def cut(x: Tensor, height: int, width: int, offset: int | tuple[int, ...] | None) -> Tensor:
    """A rectangle of `x`, in the middle (the odd pixel is cut off the bottom and right) or at `offset`."""
    middle = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    top, left = middle if offset is None else pair(offset)
    return x[:, :, top : top + height, left : left + width]


class UpsampleLike(nn.Module):
    """Interpolates to the height and width of `like`."""

    def __init__(self, mode: str = "nearest", align_corners: bool | None = None) -> None:
        super().__init__()
        self.mode, self.align_corners = mode, align_corners

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, size=like.shape[-2:], mode=self.mode, align_corners=self.align_corners)
