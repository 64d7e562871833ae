"""The residual nets for CIFAR-10 that no framework has: against plain PyTorch written from the papers, and their chance.

The references take a net's own arrays, in the order of its state dict, and say themselves which shape each has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import cnndsl

close = torch.testing.assert_close


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


class Arrays:
    """The arrays of a module, each taken once and in order."""

    def __init__(self, module: nn.Module) -> None:
        self.training = module.training
        named = module.state_dict().items()
        self.left: list[Tensor] = [array.clone() for name, array in named if not name.endswith("num_batches_tracked")]

    def take(self, *shape: int) -> Tensor:
        array = self.left.pop(0)
        assert array.shape == shape
        return array

    def conv(self, x: Tensor, width: int, kernel: int = 3, stride: int = 1, bias: bool = False) -> Tensor:
        weight = self.take(width, x.shape[1], kernel, kernel)
        return F.conv2d(x, weight, self.take(width) if bias else None, stride, kernel // 2)

    def bn(self, x: Tensor, affine: bool = True) -> Tensor:
        gamma, beta = (self.take(x.shape[1]) if affine else None for _ in range(2))
        mean, variance = self.take(x.shape[1]), self.take(x.shape[1])
        y: Tensor = F.batch_norm(x, mean, variance, gamma, beta, self.training)
        return y

    def conv_bn(self, x: Tensor, width: int, kernel: int = 3, stride: int = 1, bias: bool = False) -> Tensor:
        return self.bn(self.conv(x, width, kernel, stride, bias))

    def fc(self, x: Tensor) -> Tensor:
        x = x.mean((2, 3))
        return F.linear(x, self.take(10, x.shape[1]), self.take(10))


def randomized(module: nn.Module, channels: int, side: int) -> nn.Module:
    """In float64, with random weights and the statistics of a batch of noise, so that no stream fades away or grows."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 1.0)
                nn.init.normal_(part.bias, std=0.1)
    for factor in of_type(module, "Scale"):
        nn.init.uniform_(factor.weight, -1, 1)
    with torch.no_grad():
        module.double().train()(torch.randn(8, channels, side, side, dtype=torch.float64))
    return module


def of_type(module: nn.Module, kind: str) -> list[Any]:
    """The parts of a type, by its name: a compiled net has types of its own."""
    return [part for part in module.modules() if type(part).__name__ == kind]


def blocks(n: int) -> list[tuple[int, int, int]]:
    """(width, stride, position from 0 on) of 3 n units."""
    return [(w, 2 if w > 16 and i == 0 else 1, w // 32 * n + i) for w in (16, 32, 64) for i in range(n)]


def option_a(x: Tensor, width: int, stride: int) -> Tensor:
    return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, width - x.shape[1]))


# --- the nets, from their papers -------------------------------------------------------------------------------------


def resnet(a: Arrays, x: Tensor, n: int, shortcuts: bool = True) -> Tensor:
    """He et al. 2015, section 4.2."""
    x = a.conv_bn(x, 16).relu()
    for width, stride, _ in blocks(n):
        y = a.conv_bn(a.conv_bn(x, width, stride=stride).relu(), width)
        x = (y + option_a(x, width, stride) if shortcuts else y).relu()
    return a.fc(x)


def preactivated(a: Arrays, x: Tensor, n: int) -> Tensor:
    """He et al. 2016, figure 4(e); the first unit splits behind its activation (appendix)."""
    x = a.conv(x, 16)
    for width, stride, position in blocks(n):
        active = a.bn(x).relu()
        y = a.conv(a.bn(a.conv(active, width, stride=stride)).relu(), width)
        x = y + option_a(x if position else active, width, stride)
    return a.fc(a.bn(x).relu())


def preactivated_bottlenecks(a: Arrays, x: Tensor, n: int) -> Tensor:
    """KaimingHe/resnet-1k-layers: 16 > 64-128-256 maps, the stride in the first 1x1."""
    x = a.conv(x, 16)
    for width, stride, position in blocks(n):
        active = a.bn(x).relu()
        y = a.bn(a.conv(active, width, 1, stride)).relu()
        y = a.conv(a.bn(a.conv(y, width)).relu(), 4 * width, 1)
        x = y + (x if position % n else a.conv(active, 4 * width, 1, stride))
    return a.fc(a.bn(x).relu())


def stochastic_depth(a: Arrays, x: Tensor, n: int, gates: Sequence[bool] = ()) -> Tensor:
    """Huang et al. 2016, equations 2, 4 and 5, on ResidualDrop.lua; `gates` are those of a training step."""
    x = a.conv_bn(x, 16, bias=True).relu()
    for width, stride, position in blocks(n):
        y = a.conv_bn(a.conv_bn(x, width, stride=stride, bias=True).relu(), width, bias=True)
        survival = 1 - (position + 1) / (3 * n) * 0.5
        x = option_a(F.avg_pool2d(x, stride), width, 1) + y * (gates[position] if gates else survival)
        x = x.relu()
    return a.fc(x)


def swapout(a: Arrays, x: Tensor, n: int, k: int) -> Tensor:
    """Singh et al. 2016, deterministic: both terms have their expectation."""
    x = a.conv(x, 16 * k)
    for width, stride, position in blocks(n):
        shortcut = a.conv(x, width * k, 1, stride) if stride > 1 else x
        y = a.conv(a.bn(x).relu(), width * k, stride=stride)
        y = a.conv(a.bn(y).relu(), width * k)
        keep = 1 - 0.5 * position / (3 * n - 1)
        x = keep * shortcut + keep * y
    x = a.bn(x).relu()
    return F.conv2d(x, a.take(10, 64 * k, 1, 1), a.take(10)).mean((2, 3))


def weighted(a: Arrays, x: Tensor, n: int) -> Tensor:
    """Shen et al. 2016: x + w F(x), a ReLU in F and none behind the sum."""
    x = a.conv_bn(x, 16).relu()
    for width in (16, 32, 64):
        if width > 16:
            x = a.conv_bn(x, width, stride=2).relu()
        for _ in range(n):
            y = a.conv_bn(a.conv_bn(x, width).relu(), width).relu()
            x = x + a.take() * y
    return a.fc(x)


def multilevel(a: Arrays, x: Tensor, n: int) -> Tensor:
    """Zhang et al. 2016, figure 2: shortcuts of three levels that share the ReLU behind their sum."""
    x = root = middle = a.conv_bn(x, 16).relu()
    for width, stride, position in blocks(n):
        if position % n == 0:
            middle = x
        y = a.conv_bn(a.conv_bn(x, width, stride=stride).relu(), width)
        x = y + option_a(x, width, stride)
        if position % n == n - 1:
            x = x + a.conv_bn(middle, width, 1, 1 if width == 16 else 2)
        if position == 3 * n - 1:
            x = x + a.conv_bn(root, 64, 1, 4)
        x = x.relu()
    return a.fc(x)


def resnet_in_resnet(a: Arrays, x: Tensor) -> Tensor:
    """Targ et al. 2016, equation 1 and figure 1d, eight times."""
    r, t = a.conv_bn(x, 48).relu(), a.conv_bn(x, 48).relu()
    for width, stride in ((48, 1), (48, 1), (96, 2), (96, 1), (96, 1), (192, 2), (192, 1), (192, 1)):
        before = option_a(r, width, stride)
        for s in (stride, 1):
            residual = a.bn(a.conv(r, width, stride=s) + a.conv(t, width, stride=s) + option_a(r, width, s)).relu()
            t = a.bn(a.conv(r, width, stride=s) + a.conv(t, width, stride=s)).relu()
            r = residual
        r = r + before
    return a.conv_bn(torch.cat((r, t), 1), 10, 1).mean((2, 3))


def deeply_fused(a: Arrays, x: Tensor) -> Tensor:
    """Wang et al. 2016: blocks of 4 layers and of 1, added."""
    x = a.conv_bn(x, 32).relu()
    for width, stride, _ in blocks(4):
        deep = a.conv_bn(x, 2 * width, stride=stride)
        for _ in range(3):
            deep = a.conv_bn(deep.relu(), 2 * width)
        x = (deep + a.conv_bn(x, 2 * width, stride=stride)).relu()
    return a.fc(x)


def fractal_unit(a: Arrays, x: Tensor, width: int) -> Tensor:
    return a.bn(a.conv(x, width, bias=True), affine=False).relu()


def fractal(a: Arrays, x: Tensor) -> Tensor:
    """Larsson et al. 2016, figure 1, with three columns: those of 1, 2 and 4 units, which are pooled before they join."""
    for width in (64, 128, 256, 512, 512):
        first = fractal_unit(a, x, width)
        second = fractal_unit(a, x, width)
        third = fractal_unit(a, fractal_unit(a, x, width), width)
        joined = (second + third) / 2
        second = fractal_unit(a, joined, width)
        third = fractal_unit(a, fractal_unit(a, joined, width), width)
        x = sum((F.max_pool2d(y, 2) for y in (first, second, third)), torch.zeros(())) / 3
    return a.fc(x)


Reference = Callable[..., Tensor]
NETS: dict[str, tuple[Reference, tuple[Any, ...], bool]] = {
    "resnet20_cifar": (resnet, (3,), False),
    "resnet32_cifar": (resnet, (5,), False),
    "resnet44_cifar": (resnet, (7,), False),
    "resnet56_cifar": (resnet, (9,), False),
    "resnet110_cifar": (resnet, (18,), False),
    "plain20_cifar": (resnet, (3, False), False),
    "plain56_cifar": (resnet, (9, False), False),
    "preact_resnet110": (preactivated, (18,), False),
    "preact_resnet164": (preactivated_bottlenecks, (18,), False),
    "stochastic_depth_110": (stochastic_depth, (18,), True),
    "swapout_20x2": (swapout, (3, 2), True),
    "swapout_20x4": (swapout, (3, 4), True),
    "swapout_32x4": (swapout, (5, 4), True),
    "weighted_resnet118": (weighted, (19,), False),
    "ror3_110": (multilevel, (18,), False),
    "rir18": (resnet_in_resnet, (), False),
    "dfn50": (deeply_fused, (), False),
    "fractalnet20": (fractal, (), True),
}
"""Its paper's net, with what arguments, and whether training is left to chance. The three of more than a thousand layers differ
from another net by a number."""


@pytest.mark.parametrize("net", NETS)
def test_outputs_are_the_papers(net: str) -> None:
    reference, arguments, chance = NETS[net]
    side = 32 if net == "fractalnet20" else 16
    module = randomized(cnndsl.load(net, input=f"3x{side}x{side}"), 3, side)
    images = torch.randn(3, 3, side, side, dtype=torch.float64)
    for training in (False,) if chance else (False, True):
        arrays = Arrays(module.train(training))
        with torch.no_grad():
            expected = reference(arrays, images, *arguments)
            got = module(images)
        assert not arrays.left
        scale = expected.abs().max()
        assert 1e-3 < scale < 1e6, "weights under which every net looks alike prove nothing"
        assert (expected[0] - expected[1]).abs().max() > 1e-3 * scale
        assert (got - expected).abs().max() < 1e-9 * scale


@pytest.mark.parametrize(
    ("net", "spec"),
    [
        (
            "resnet1202_cifar",
            'from "resnet_cifar.cnn" import layers\nfrom "resnet.cnn" import basic_a\nlayers basic_a 200',
        ),
        ("preact_resnet1001", 'from "preact_resnet.cnn" import bottlenecks\nbottlenecks 111'),
        ("weighted_resnet1192", 'from "weighted_resnet.cnn" import layers\nlayers 198'),
    ],
)
def test_a_thousand_layers_are_more_of_the_same(net: str, spec: str) -> None:
    *imports, chain = spec.split("\n")
    defaults = "default conv bias=false;" if "preact" in net else ""
    text = "\n".join((*imports, f"net it {{ {defaults} input 3x32x32 {chain} -> fc 10 }}"))
    ours, other = cnndsl.check(net), cnndsl.check(text)
    assert [(node.path, node.op, node.shape) for node in ours.nodes] == [
        (node.path, node.op, node.shape) for node in other.nodes
    ]


def test_deeply_fused_count() -> None:
    """By hand: both base networks, their norms, the first layer they share, the classifier."""
    weights = [3 * 32 * 9]
    macs = [weights[0] * 32 * 32]
    for width, before, side in ((32, 32, 32), (64, 32, 16), (128, 64, 8)):
        of_stage = (15 + 3) * width * width * 9 + 2 * before * width * 9
        weights.append(of_stage)
        macs.append(of_stage * side * side)
    norms = 2 * 32 + 2 * 20 * (32 + 64 + 128)
    graph = cnndsl.check("dfn50")
    assert (graph.params, graph.macs) == (sum(weights) + norms + 1290, sum(macs) + 1280)


# --- chance ----------------------------------------------------------------------------------------------------------


def near(events: Tensor, p: float) -> None:
    """The share of independent events is p, within four standard deviations."""
    assert abs(events.double().mean().item() - p) <= 4 * (p * (1 - p) / events.numel()) ** 0.5


def neighbours(mask: Tensor, dim: int) -> Tensor:
    """Whether both of a pair are true; no two pairs share a number."""
    along = mask.movedim(dim, 0)
    return along[::2] & along[1::2]


def block(file: str, call: str, channels: int, side: int) -> nn.Module:
    """A block of a shipped spec as a net, in training."""
    text = f'from "{file}.cnn" import {call.split()[0]}\nnet it {{ default conv bias=false; input {channels}x{side}x{side} {call} }}'
    return randomized(cnndsl.loads(text), channels, side)


@pytest.mark.parametrize(("net", "n"), [("swapout_20x2", 3), ("swapout_32x4", 5)])
def test_swapout_schedule(net: str, n: int) -> None:
    """From 0 in the first block to 0.5 in the last, on both terms of every block."""
    rates = [mask.p for mask in of_type(cnndsl.load(net), "DropoutUnscaled")]
    assert rates == pytest.approx([0.5 * i / (3 * n - 1) for i in range(3 * n) for _ in range(2)])


def test_swapout_masks() -> None:
    """Every number is 0, x, F(x) or x + F(x), and no mask knows of another."""
    p = 0.3
    module = block("swapout", f"swapout 16 {p}", 16, 16)
    x = torch.randn(32, 16, 16, 16, dtype=torch.float64)
    a = Arrays(module)
    f = a.conv(a.bn(a.conv(a.bn(x).relu(), 16)).relu(), 16)
    with torch.no_grad():
        y = module(x)
    distances, chosen = torch.stack([(y - term).abs() for term in (torch.zeros_like(x), x, f, x + f)]).min(0)
    assert distances.max() < 1e-9
    first, second = chosen % 2 == 1, chosen >= 2
    for mask in (first, second):
        near(mask, 1 - p)
        for dim in range(4):
            near(neighbours(mask, dim), (1 - p) ** 2)
    near(first & second, (1 - p) ** 2)
    with torch.no_grad():
        a = Arrays(module.eval())
        close(module(x), (1 - p) * (x + a.conv(a.bn(a.conv(a.bn(x).relu(), 16)).relu(), 16)))


def test_stochastic_depth_schedule() -> None:
    gates = of_type(cnndsl.load("stochastic_depth_110"), "DropPath")
    assert [gate.p for gate in gates] == pytest.approx([i / 108 for i in range(1, 55)])
    assert all(gate.per_batch and not gate.rescale for gate in gates)


def test_stochastic_depth_gates() -> None:
    """A gate is open or closed for a whole batch, with the rate of its unit and whatever the others do."""
    module = randomized(cnndsl.load("stochastic_depth_110", n=1, input="3x8x8"), 3, 8)
    seen: list[bool] = []

    def note(gate: nn.Module, given: tuple[Tensor], made: Tensor) -> None:
        is_open = bool(made.any())
        close(made, given[0] if is_open else torch.zeros_like(made))
        seen.append(is_open)

    for gate in of_type(module, "DropPath"):
        gate.register_forward_hook(note)
    images = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        for step in range(1500):
            got = module(images)
            if step < 20:
                close(got, stochastic_depth(Arrays(module), images, 1, seen[-3:]))
    drawn = torch.tensor(seen).view(-1, 3)
    survival = (5 / 6, 4 / 6, 3 / 6)
    for unit in range(3):
        near(drawn[:, unit], survival[unit])
        near(drawn[:-1:2, unit] & drawn[1::2, unit], survival[unit] ** 2)  # step by step
    for i, j in combinations(range(3), 2):
        near(drawn[:, i] & drawn[:, j], survival[i] * survival[j])


def test_fractalnet_rates() -> None:
    net = cnndsl.load("fractalnet20")
    assert [drop.p for drop in of_type(net, "Dropout")] == [p for p in (0, 0.1, 0.2, 0.3, 0.4) for _ in range(7)]
    assert [join.p for join in of_type(net, "DropMean")] == [0.15] * 10


@pytest.mark.parametrize(("position", "streams"), [(0, 2), (1, 3)])
def test_fractalnet_joins(position: int, streams: int) -> None:
    """Each way of keeping streams has its probability; where none would stay, one does, each as likely as the others."""
    join = of_type(cnndsl.load("fractalnet20"), "DropMean")[position].train()
    values = [torch.full((), 10.0**i) for i in range(streams)]
    drawn = torch.stack([join(*values) for _ in range(20_000)])
    total = torch.zeros_like(drawn, dtype=torch.bool)
    for count in range(1, streams + 1):
        for kept in combinations(values, count):
            p = 0.85**count * 0.15 ** (streams - count) + (0.15**streams / streams if count == 1 else 0)
            found = (drawn - torch.stack(kept).mean()).abs() < 1e-4
            near(found, p)
            total |= found
    assert total.all()


def test_fractal_drops_paths_of_whole_batches() -> None:
    module = block("fractalnet", "fractal 4 0 2", 4, 4)
    x = torch.randn(3, 4, 4, 4, dtype=torch.float64)
    a = Arrays(module)
    with torch.no_grad():
        shallow, deep = fractal_unit(a, x, 4), fractal_unit(a, fractal_unit(a, x, 4), 4)
        drawn = torch.stack([module(x) for _ in range(2000)])
    total = torch.zeros(2000, dtype=torch.bool)
    for expected, p in ((shallow, 0.15 * 0.925), (deep, 0.15 * 0.925), ((shallow + deep) / 2, 0.85**2)):
        found = (drawn - expected).abs().flatten(1).max(1).values < 1e-9
        near(found, p)
        total |= found
    assert total.all()


def test_fractalnet_dropout() -> None:
    """Between the convolution and the norm, number by number, rescaled in training."""
    module = block("fractalnet", "unit 16 0.4", 8, 16)
    masks: list[Tensor] = []
    (drop,) = of_type(module, "Dropout")
    drop.register_forward_hook(lambda _, given, made: masks.append(made / given[0]))
    x = torch.randn(16, 8, 16, 16, dtype=torch.float64)
    a = Arrays(module)
    with torch.no_grad():
        y = module(x)
        close(y, a.bn(a.conv(x, 16, bias=True) * masks[0], affine=False).relu())
    kept = masks[0] > 0
    close(masks[0][kept], torch.full_like(masks[0][kept], 1 / 0.6))
    near(kept, 0.6)
    for dim in range(4):
        near(neighbours(kept, dim), 0.36)


def test_weighted_residuals_begin_with_nothing() -> None:
    """57 factors of 0: before training a group hands on what it gets."""
    net = cnndsl.load("weighted_resnet118")
    factors = of_type(net, "Scale")
    assert len(factors) == 57
    assert all(factor.weight.item() == 0 and factor.weight.requires_grad for factor in factors)
    module = cnndsl.loads('from "weighted_resnet.cnn" import unit\ninput 4x6x6 (unit 4) * 3').eval()
    x = torch.randn(2, 4, 6, 6)
    close(module(x), x)


@pytest.mark.parametrize("rescale", [True, False])
def test_droppath_per_batch(rescale: bool) -> None:
    call = f"droppath 0.2 per_batch rescale={str(rescale).lower()}"
    module = cnndsl.loads(f"input 3x2x2 {call}").train()
    x = torch.randn(5, 3, 2, 2)
    drawn = torch.stack([module(x) for _ in range(4000)])
    kept = drawn.flatten(1).any(1)
    near(kept, 0.8)
    close(drawn[kept], (x / (0.8 if rescale else 1)).expand_as(drawn[kept]))
    close(module.eval()(x), x if rescale else 0.8 * x)
