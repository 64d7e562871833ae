"""Nets that give maps, boxes or images, and that no library ships: against a second writing in torch's functions.

Each reference here is written from the paper and reads the arrays of our module one by one, in the order of the paper: an
array too many, too few or of another shape fails. Where ours calls a function of torch that does the whole job (unpooling,
deconvolution, interpolation by a deconvolution), the reference goes another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import cnndsl

CLOSE = 2e-5
"""Largest difference of outputs, relative to the largest output."""


class Layers:
    """The arrays of a module in their order, as layers that take them one after the other."""

    def __init__(self, module: nn.Module) -> None:
        self.arrays: Iterator[Tensor] = iter([array for array in module.state_dict().values() if array.ndim])

    def take(self, *shape: int) -> Tensor:
        array = next(self.arrays)
        assert tuple(array.shape) == shape
        return array

    def conv(
        self, x: Tensor, n: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = True, rate: int = 1
    ) -> Tensor:
        weight = self.take(n, x.shape[1], kernel, kernel)
        return F.conv2d(x, weight, self.take(n) if bias else None, stride, padding, rate)

    def deconv(
        self, x: Tensor, n: int, kernel: int, stride: int, padding: int, grow: int, bias: bool = False
    ) -> Tensor:
        """The gradient of a convolution by its input, which is `grow` times as large as its output."""
        weight = self.take(x.shape[1], n, kernel, kernel)
        size = (x.shape[0], n, grow * x.shape[2], grow * x.shape[3])
        y = torch.nn.grad.conv2d_input(size, weight, x, stride, padding)
        return y + self.take(n)[:, None, None] if bias else y

    def interpolate(self, x: Tensor, stride: int, padding: int) -> Tensor:
        """Bilinear by a factor, map by map; the dense array of our deconvolution has to be there, and fixed."""
        kernel = 2 * stride
        self.take(x.shape[1], x.shape[1], kernel, kernel)
        tent = 1 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / stride
        weight = torch.outer(tent, tent).expand(x.shape[1], 1, kernel, kernel)
        return F.conv_transpose2d(x, weight, None, stride, padding, groups=x.shape[1])

    def dense(self, x: Tensor, n: int, bias: bool = True) -> Tensor:
        x = x.flatten(1)
        return F.linear(x, self.take(n, x.shape[1]), self.take(n) if bias else None)

    def norm(self, x: Tensor) -> Tensor:
        gamma, beta, mean, variance = (self.take(x.shape[1]).reshape(-1, *[1] * (x.ndim - 2)) for _ in range(4))
        return (x - mean) / (variance + 1e-5).sqrt() * gamma + beta

    def unit(
        self, x: Tensor, n: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = False, rate: int = 1
    ) -> Tensor:
        return self.norm(self.conv(x, n, kernel, stride, padding, bias, rate)).relu()


def randomize(module: nn.Module) -> None:
    """Random weights that keep the variance of what flows, random norms; what is fixed stays."""
    torch.manual_seed(0)
    for name, array in module.state_dict(keep_vars=True).items():
        kind = name.rpartition(".")[2]
        with torch.no_grad():
            if kind == "running_var":
                array.uniform_(0.8, 1.5)
            elif kind in ("running_mean", "bias"):
                array.uniform_(-0.2, 0.2)
            elif array.ndim == 1:
                array.uniform_(0.5, 1.0)
            elif array.ndim and array.requires_grad:
                fan_in = array.shape[-1] if array.ndim == 3 else array[0].numel()
                array.uniform_(-1, 1).mul_((6 / fan_in) ** 0.5)


def ours(net: str, size: str | None = None) -> tuple[nn.Module, Layers]:
    module = cnndsl.load(net, **({"input": size} if size else {})).eval()
    randomize(module)
    return module, Layers(module)


def agree(layers: Layers, got: Tensor, expected: Tensor) -> None:
    """Equal but for rounding, not constant, and every array used."""
    assert not list(layers.arrays)
    assert got.shape == expected.shape
    scale = expected.abs().max()
    assert 1e-3 < scale < 1e6, "weights under which every net looks alike prove nothing"
    assert expected.std() > 1e-3 * scale
    assert (got - expected).abs().max() <= CLOSE * scale


# --- segmentation ----------------------------------------------------------------------------------------------------


VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg_stage(of: Layers, x: Tensor, n: int, depth: int, border: int = 1) -> Tensor:
    for i in range(depth):
        x = of.conv(x, n, 3, padding=1 if i else border).relu()
    return F.max_pool2d(x, 2, 2, ceil_mode=True)


def crops(skips: int) -> list[int]:
    """Where the crops begin that put scores on one another, then on the image.

    Pixel x of a map with spacing s is the image's pixel s*x + its origin. A border of 100 moves an origin by -99 (the
    convolution takes one back), a pool to spacing s moves it by s/4, and fc6, seven wide at spacing 32, by 96.
    A bilinear deconvolution by s has 2s - 1 half pixels before its first input's centre.
    """
    origins = {s: -99 + (s - 1) / 2 for s in (8, 16, 32)}
    origin, spacing, offsets = origins[32] + 96, 32, []
    for _ in range(skips):
        spacing //= 2
        origin -= 1.5 * spacing
        offsets.append((origin - origins[spacing]) / spacing)
    offsets.append((2 * spacing - 1) / 2 - origin)
    assert all(offset.is_integer() for offset in offsets)
    return [int(offset) for offset in offsets]


FCN = [
    ("fcn32s", 0, (23, 40)),
    ("fcn16s", 1, (23, 40)),
    ("fcn8s", 2, (23, 40)),
    ("fcn32s_same", 0, (64, 32)),
    ("fcn8s_same", 2, (64, 96)),
]


@torch.no_grad()
@pytest.mark.parametrize(("net", "skips", "size"), FCN)
def test_fcn(net: str, skips: int, size: tuple[int, int]) -> None:
    """Figure 3: scores of a coarse map, interpolated by 2, plus scores of the pool before; by what is left at the end."""
    same = net.endswith("_same")
    module, of = ours(net, f"3x{size[0]}x{size[1]}")
    image = torch.randn(1, 3, *size)
    x, pools = image, list[Tensor]()
    for n, depth in VGG16:
        x = vgg_stage(of, x, n, depth, 1 if pools or same else 100)
        pools.append(x)
    x = of.conv(x, 4096, 7, padding=3 if same else 0).relu()
    x = of.conv(of.conv(x, 4096, 1).relu(), 21, 1)
    *offsets, last = [0] * (skips + 1) if same else crops(skips)
    for pool, offset in zip(pools[3:1:-1], offsets, strict=False):
        x = of.interpolate(x, 2, 1 if same else 0)
        x = x + of.conv(pool, 21, 1)[:, :, offset : offset + x.shape[2], offset : offset + x.shape[3]]
    factor = 32 >> skips
    x = of.interpolate(x, factor, factor // 2 if same else 0)
    agree(of, module(image), x[:, :, last : last + size[0], last : last + size[1]])
    assert not any(array.requires_grad for name, array in module.named_parameters() if "upscore" in name)


MIRROR = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64))
"""The decoders' stages: the encoder's from right to left; the last of a stage is as wide as the stage to come."""


def segnet(of: Layers, image: Tensor) -> list[Tensor]:
    """Figure 2: every number of the decoder goes back to where its window's maximum was."""
    x, unpools = image, list[Callable[[Tensor], Tensor]]()
    for n, depth in VGG16:
        for _ in range(depth):
            x = of.unit(x, n, 3, padding=1, bias=True)
        unpools.append(unpooling(x))
        x = F.max_pool2d(x, 2, 2, ceil_mode=True)
    for unpool, widths in zip(unpools[::-1], (*MIRROR, (64,)), strict=True):
        x = unpool(x)
        for n in widths:
            x = of.unit(x, n, 3, padding=1, bias=True)
    return [of.conv(x, 12, 3, padding=1)]


def unpooling(x: Tensor) -> Callable[[Tensor], Tensor]:
    """The transposed Jacobian of 2x2 max pooling at x."""

    def unpool(y: Tensor) -> Tensor:
        with torch.enable_grad():
            at = x.detach().requires_grad_()
            return torch.autograd.grad(F.max_pool2d(at, 2, 2, ceil_mode=True), at, y)[0]

    return unpool


def encoder_decoder(of: Layers, image: Tensor) -> list[Tensor]:
    """To 1/32 by pools and back by deconvolutions, the first of each stage with stride 2."""
    x = image
    for n, depth in VGG16:
        for _ in range(depth):
            x = of.unit(x, n, 3, padding=1)
        x = F.max_pool2d(x, 2)
    assert x.shape[1:] == (512, image.shape[2] // 32, image.shape[3] // 32)
    for first, *rest in (*MIRROR, (64, 64)):
        x = of.norm(of.deconv(x, first, 4, 2, 1, grow=2)).relu()
        for n in rest:
            x = of.norm(of.deconv(x, n, 3, 1, 1, grow=1)).relu()
    return [of.conv(x, 20, 1)]


def bottleneck(of: Layers, x: Tensor, width: int, strides: tuple[int, int] = (1, 1), rate: int = 1) -> Tensor:
    y = of.unit(x, width, 1, strides[0])
    y = of.unit(y, width, 3, strides[1], rate, rate=rate)
    y = of.norm(of.conv(y, 4 * width, 1, bias=False))
    if y.shape != x.shape:
        x = of.norm(of.conv(x, 4 * width, 1, strides[0] * strides[1], bias=False))
    return (x + y).relu()


def pspnet(of: Layers, image: Tensor) -> list[Tensor]:
    """Figure 3, at a size whose features every pool of the pyramid divides, as it does 60x60 in the release."""
    x = of.unit(image, 64, 3, 2, 1)
    x = of.unit(of.unit(x, 64, 3, 1, 1), 128, 3, 1, 1)
    x = F.max_pool2d(x, 3, 2, 1)
    for width, depth, stride, rate in ((64, 3, 1, 1), (128, 4, 2, 1), (256, 6, 1, 2), (512, 3, 1, 4)):
        before = x
        for i in range(depth):
            x = bottleneck(of, x, width, (1 if i else stride, 1), rate)
    height, width = x.shape[2:]
    parts = [x]
    for bins in (6, 3, 2, 1):
        assert height % bins == width % bins == 0
        part = of.unit(F.avg_pool2d(x, (height // bins, width // bins)), 512, 1)
        parts.append(corners(part, height, width))
    x = of.unit(torch.cat(parts, 1), 512, 3, padding=1)
    scores = of.conv(x, 150, 1), of.conv(of.unit(before, 256, 3, padding=1), 150, 1)
    return [corners(score, *image.shape[2:]) for score in scores]


def corners(x: Tensor, height: int, width: int) -> Tensor:
    """Bilinear interpolation that keeps the corners, by a matrix for each direction."""

    def matrix(inputs: int, outputs: int) -> Tensor:
        at = torch.linspace(0, inputs - 1, outputs, dtype=torch.float64)
        return (1 - (at[:, None] - torch.arange(inputs)).abs()).clamp(min=0).float()

    return matrix(x.shape[2], height) @ x @ matrix(x.shape[3], width).T


# --- detection -------------------------------------------------------------------------------------------------------


def leaky(x: Tensor) -> Tensor:
    return torch.maximum(x, 0.1 * x)


FIGURE_3 = "7x64/2 m 3x192 m 1x128 3x256 1x256 3x512 m" + " 1x256 3x512" * 4 + " 1x512 3x1024 m" + " 1x512 3x1024" * 2
"""YOLO's convolutions, kernel x filters, and its pools."""


@torch.no_grad()
@pytest.mark.parametrize("net", ["yolo_v1", "yolo_v1_local"])
def test_yolo(net: str) -> None:
    """Figure 3 on 2x3 cells; Darknet's version filters each cell on its own."""
    module, of = ours(net, "3x128x192")
    image = torch.randn(1, 3, 128, 192)
    local = net == "yolo_v1_local"
    x = image
    for item in f"{FIGURE_3} 3x1024 3x1024/2 3x1024 3x1024".split():
        if item == "m":
            x = F.max_pool2d(x, 2)
            continue
        kernel, n = item.removesuffix("/2").split("x")
        x = of.conv(x, int(n), int(kernel), 2 if item.endswith("/2") else 1, int(kernel) // 2, bias=not local)
        x = leaky(of.norm(x) if local else x)
    assert x.shape[1:] == (1024, 2, 3)
    if local:
        weight, bias = of.take(6, 256, 1024 * 9), of.take(256, 2, 3)
        cells = [F.pad(x, [1, 1, 1, 1])[:, :, i : i + 3, j : j + 3].flatten() for i in range(2) for j in range(3)]
        filtered = torch.stack([weight[at] @ cell for at, cell in enumerate(cells)], 1)
        x = leaky(filtered.reshape(1, 256, 2, 3) + bias)
    else:
        x = leaky(of.dense(x, 4096))
    agree(of, module(image), of.dense(x, 7 * 7 * (20 + 5 * (3 if local else 2))))


@torch.no_grad()
def test_rpn() -> None:
    """Section 3.1: 3x3, then two sisters 1x1, on the last convolution of VGG-16, whose four pools round up."""
    module, of = ours("rpn_vgg16", "3x50x75")
    image = torch.randn(1, 3, 50, 75)
    x = image
    for n, depth in VGG16[:4]:
        x = vgg_stage(of, x, n, depth)
    for _ in range(4):
        x = of.conv(x, 512, 3, padding=1).relu()
    assert x.shape[2:] == (4, 5)
    agree(of, torch.cat(module(image), 1), torch.cat([of.conv(x, 18, 1), of.conv(x, 36, 1)], 1))
    assert list(cnndsl.check("rpn_vgg16").outputs) == ["scores", "boxes"]


def retinanet(of: Layers, image: Tensor) -> list[Tensor]:
    """Section 4 of the paper: P6 from C5. (torchvision, which has it from P5, is the oracle of the other net.)"""
    x = F.max_pool2d(of.unit(image, 64, 7, 2, 3), 3, 2, 1)
    stages = []
    for width, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(depth):
            x = bottleneck(of, x, width, (1, 1 if i else stride))
        stages.append(x)
    laterals = [of.conv(c, 256, 1) for c in stages[1:]]
    sums = [laterals[2]]
    for lateral in laterals[1::-1]:
        rows, columns = (torch.arange(n) * m // n for n, m in zip(lateral.shape[2:], sums[0].shape[2:], strict=True))
        sums.insert(0, lateral + sums[0][:, :, rows][:, :, :, columns])
    levels = [of.conv(m, 256, 3, padding=1) for m in sums]
    levels.append(of.conv(x, 256, 3, 2, 1))
    levels.append(of.conv(levels[-1].relu(), 256, 3, 2, 1))
    maps = []
    for n in (9 * 80, 9 * 4):  # a subnet has one set of weights for all levels
        weights = [of.take(*shape) for shape in [(256, 256, 3, 3), (256,)] * 4 + [(n, 256, 3, 3), (n,)]]
        for level in levels:
            y = level
            for i in range(0, 8, 2):
                y = F.conv2d(y, weights[i], weights[i + 1], padding=1).relu()
            maps.append(F.conv2d(y, weights[8], weights[9], padding=1))
    return maps


# --- images ----------------------------------------------------------------------------------------------------------


def generator(of: Layers, code: Tensor) -> list[Tensor]:
    """Figure 1: the code projected to 4x4 maps, and four deconvolutions, each the gradient of a convolution with stride 2."""
    x = of.norm(of.dense(code, 1024 * 16, bias=False)).relu().reshape(-1, 1024, 4, 4)
    for n in (512, 256, 128):
        x = of.norm(of.deconv(x, n, 5, 2, 2, grow=2)).relu()
    return [of.deconv(x, 3, 5, 2, 2, grow=2).tanh()]


def generator_pytorch(of: Layers, code: Tensor) -> list[Tensor]:
    x = of.norm((code.flatten(1) @ of.take(100, 512, 4, 4).flatten(1)).reshape(-1, 512, 4, 4)).relu()
    for n in (256, 128, 64):
        x = of.norm(of.deconv(x, n, 4, 2, 1, grow=2)).relu()
    return [of.deconv(x, 3, 4, 2, 1, grow=2).tanh()]


def discriminator(of: Layers, image: Tensor) -> list[Tensor]:
    """Section 3: strided convolutions, leaky ReLU 0.2, no norm behind the first."""
    x = of.conv(image, 128, 5, 2, 2, bias=False)
    for n in (256, 512, 1024):
        x = of.norm(of.conv(torch.maximum(x, 0.2 * x), n, 5, 2, 2, bias=False))
    return [of.dense(torch.maximum(x, 0.2 * x), 1, bias=False).sigmoid()]


def discriminator_pytorch(of: Layers, image: Tensor) -> list[Tensor]:
    x = of.conv(image, 64, 4, 2, 1, bias=False)
    for n in (128, 256, 512):
        x = of.norm(of.conv(torch.maximum(x, 0.2 * x), n, 4, 2, 1, bias=False))
    return [of.conv(torch.maximum(x, 0.2 * x), 1, 4, bias=False).sigmoid()]


# --- these against ours ----------------------------------------------------------------------------------------------


REFERENCES: dict[str, tuple[Callable[[Layers, Tensor], list[Tensor]], str | None]] = {
    "segnet": (segnet, "3x45x70"),
    "encoder_decoder": (encoder_decoder, "3x64x96"),
    "pspnet": (pspnet, "3x89x137"),
    "retinanet_c5": (retinanet, "3x97x129"),
    "dcgan_generator": (generator, None),
    "dcgan_generator_pytorch": (generator_pytorch, None),
    "dcgan_discriminator": (discriminator, None),
    "dcgan_discriminator_pytorch": (discriminator_pytorch, None),
}
"""A reference for a net, and a smaller size at which both are quick."""


@torch.no_grad()
@pytest.mark.parametrize("net", REFERENCES)
def test_outputs(net: str) -> None:
    reference, size = REFERENCES[net]
    module, of = ours(net, size)
    module.training = True  # auxiliary outputs too, with norms and dropouts as in use
    (shape,) = cnndsl.check(net, *([size] if size else [])).inputs.values()
    x = torch.randn(4 if "dcgan" in net else 1, *shape)
    expected, got = reference(of, x), module(x)
    got = [got] if isinstance(got, Tensor) else list(got)
    assert [y.shape for y in got] == [y.shape for y in expected]
    agree(of, torch.cat([y.flatten() for y in got]), torch.cat([y.flatten() for y in expected]))


@torch.no_grad()
def test_the_comparison_sees_small_differences() -> None:
    """Another epsilon: same shapes, same arrays, other numbers."""
    module, of = ours("dcgan_discriminator")
    image = torch.randn(4, 3, 64, 64)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-3
    with pytest.raises(AssertionError):
        agree(of, module(image), discriminator(of, image)[0])


@torch.no_grad()
@pytest.mark.parametrize("net", REFERENCES)
def test_counts(net: str) -> None:
    """At the size of the spec torch counts as many operations in the reference, and the reference takes every array."""
    graph = cnndsl.check(net)
    (shape,) = graph.inputs.values()
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        of = Layers(cnndsl.load(net))
        outputs = REFERENCES[net][0](of, torch.empty(1, *shape))
    assert not list(of.arrays)
    assert [tuple(y.shape[1:]) for y in outputs] == [*graph.outputs.values(), *graph.aux_outputs.values()]
    products = {"pspnet": interpolations(150, 60, 473) * 2 + sum(interpolations(512, b, 60) for b in (6, 3, 2, 1))}
    assert counter.get_total_flops() == 2 * (graph.macs + products.get(net, 0))


def interpolations(channels: int, inputs: int, outputs: int) -> int:
    """The products of the reference's two matrices of interpolation, which are no layers."""
    return channels * inputs * outputs * (inputs + outputs)


# --- sampling --------------------------------------------------------------------------------------------------------


def sampler() -> nn.Module:
    """The VAE's block: 5 numbers to mean and log-variance of 3, and a sample."""
    torch.manual_seed(0)
    return cnndsl.loads('from "autoencoder.cnn" import sample\ninput 5 sample 3')


def test_samples_have_mean_and_variance() -> None:
    """Kingma & Welling 2013, section 2.4: z = mean + exp(log_variance / 2) * noise, each number on its own."""
    module, count = sampler().train(), 200_000
    x = torch.randn(1, 5).expand(count, 5)
    with torch.no_grad():
        z, mean, log_variance = module(x)
    assert (mean == mean[0]).all()
    deviation = (log_variance[0] / 2).exp()
    noise = (z - mean) / deviation
    assert noise.mean(0).abs().max() < 5 / count**0.5
    assert (noise.var(0) - 1).abs().max() < 5 * (2 / count) ** 0.5
    assert (noise.pow(3).mean(0)).abs().max() < 5 * (15 / count) ** 0.5
    assert (noise.pow(4).mean(0) - 3).abs().max() < 5 * (96 / count) ** 0.5
    assert torch.corrcoef(noise.T).fill_diagonal_(0).abs().max() < 5 / count**0.5
    assert (noise[1:] * noise[:-1]).mean(0).abs().max() < 5 / count**0.5, "every image of a batch has its own noise"


def test_gradients_pass_through_the_sample() -> None:
    """Reparameterisation: dz/dmean = 1 and dz/dlog_variance = (z - mean) / 2, with the noise held."""
    module = sampler().train()
    z, mean, log_variance = module(torch.randn(7, 5))
    by_mean, by_variance = torch.autograd.grad(z.sum(), (mean, log_variance), retain_graph=True)
    torch.testing.assert_close(by_mean, torch.ones_like(z))
    torch.testing.assert_close(by_variance, (z - mean).detach() / 2)
    z.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in module.parameters())


@torch.no_grad()
@pytest.mark.parametrize("net", ["vae", "vae_dense"])
def test_vae_decodes_a_sample_in_training_and_the_mean_otherwise(net: str) -> None:
    torch.manual_seed(0)
    module, image = cnndsl.load(net), torch.rand(2, 1, 28, 28)
    decoded = module.eval()(image)
    assert torch.equal(module(image), decoded)
    first, mean, log_variance = module.train()(image)
    second, *_ = module(image)
    assert not torch.equal(first, second)
    assert mean.shape == log_variance.shape == (2, 2)
    module.get_parameter("code.log_variance.weight").zero_()
    module.get_parameter("code.log_variance.bias").fill_(-200)  # no variance: both modes are one
    torch.testing.assert_close(module(image)[0], decoded)
    assert list(cnndsl.check(net).aux_outputs) == ["mean", "log_variance"]
