"""torchvision as an independent oracle: the same parameters and, with its weights in definition order, the same outputs.

Definition order is execution order for all nets here, so their arrays pair up one to one. Weights and statistics are
random, such that activations neither vanish nor explode and a wrong norm, stride or shortcut shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from tv import load_models

import cnndsl

models: Any = load_models()
pytestmark = pytest.mark.skipif(models is None, reason="torchvision cannot be imported")

ALL = [
    *("vgg11", "vgg13", "vgg16", "vgg19"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("densenet121", "densenet161", "densenet169", "densenet201", "densenet264"),
    "mobilenet_v2",
]
CLOSE = 1e-5
"""Largest difference of outputs, relative to the largest output."""


def peer(net: str, **settings: Any) -> nn.Module:
    """torchvision's net on the meta device: its initialisation would take longer than the rest of a test."""
    with torch.device("meta"):
        if net == "densenet264":  # no function of its own
            shape = {"growth_rate": 32, "block_config": (6, 12, 64, 48), "num_init_features": 64}
            module: nn.Module = models.DenseNet(**shape, **settings)
        else:
            module = getattr(models, net)(**settings)
    return module


def randomize(module: nn.Module) -> None:
    """On the CPU, with random weights that keep the variance of what flows, random gamma, beta and running statistics."""
    torch.manual_seed(0)
    module.to_empty(device="cpu")
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            fan_in = part.weight[0].numel()
            nn.init.normal_(part.weight, std=(2 / fan_in) ** 0.5)
            if part.bias is not None:
                nn.init.normal_(part.bias, std=0.1)
        elif isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            nn.init.uniform_(part.weight, 0.5, 1.0)
            nn.init.normal_(part.bias, std=0.1)
            nn.init.normal_(part.running_mean, std=0.1)
            nn.init.uniform_(part.running_var, 0.8, 1.5)
            part.num_batches_tracked = torch.tensor(0)


def copy_in_order(source: nn.Module, target: nn.Module) -> None:
    """Every array of the source's state dict to the array at the same place of the target's."""
    pairs = list(zip(source.state_dict().items(), target.state_dict().items(), strict=True))
    assert [(name.rpartition(".")[2], a.shape) for (name, a), _ in pairs] == [
        (name.rpartition(".")[2], b.shape) for _, (name, b) in pairs
    ]
    target.load_state_dict({name: array for (_, array), (name, _) in pairs}, assign=True)


def agree(ours: nn.Module, theirs: nn.Module, size: int) -> None:
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        expected: Tensor = theirs(images)
        got: Tensor = ours(images)
    scale = expected.abs().max()
    assert 1e-3 < scale < 1e6, "weights under which every net looks alike prove nothing"
    assert (expected[0] - expected[1]).abs().max() > 1e-3 * scale
    assert got.shape == expected.shape
    assert (got - expected).abs().max() <= CLOSE * scale


def both(net: str, size: int, settings: dict[str, Any], params: dict[str, Any]) -> tuple[nn.Module, nn.Module]:
    """Our net and torchvision's, with the same weights."""
    theirs = peer(net, **settings).eval()
    randomize(theirs)
    with torch.device("meta"):
        ours = cnndsl.load(net, input=f"3x{size}x{size}", **params).eval()
    copy_in_order(theirs, ours)
    return ours, theirs


@pytest.mark.parametrize("net", ALL)
def test_same_arrays(net: str) -> None:
    """Parameters to the last one, array by array, and the same buffers."""
    theirs, graph = peer(net), cnndsl.check(net)
    expected = [tuple(array.shape) for array in theirs.state_dict().values()]
    assert [array.shape for node in graph.nodes for array in graph.weights(node).values()] == expected
    assert graph.params == sum(parameter.numel() for parameter in theirs.parameters())


@pytest.mark.parametrize("net", ["resnet18", "resnet50", "densenet121", "mobilenet_v2"])
@pytest.mark.parametrize("size", [224, 65])
def test_same_outputs(net: str, size: int) -> None:
    """At the native size, and at an odd one where strides and pools round."""
    agree(*both(net, size, {}, {}), size)


@pytest.mark.parametrize("net", ["resnet34", "resnet152", "densenet201"])
def test_same_outputs_of_the_deeper_ones(net: str) -> None:
    agree(*both(net, 33, {}, {}), 33)


def test_same_outputs_of_vgg() -> None:
    """Ten classes: the last layer is not what takes the time."""
    agree(*both("vgg11", 224, {"num_classes": 10}, {"classes": 10}), 224)


@pytest.mark.parametrize(
    ("net", "depths"), [("vgg13", (2, 2, 2, 2, 2)), ("vgg16", (2, 2, 3, 3, 3)), ("vgg19", (2, 2, 4, 4, 4))]
)
def test_same_outputs_of_vgg_at_another_size(net: str, depths: tuple[int, ...]) -> None:
    """The convolutions alone: before its dense layers torchvision brings every size to 7x7, which the paper does not."""
    theirs = peer(net).features
    assert isinstance(theirs, nn.Module)
    randomize(theirs)
    stages = " -> ".join(f"stage {n} {depth}" for n, depth in zip((64, 128, 256, 512, 512), depths, strict=True))
    ours = cnndsl.loads(f'from "vgg.cnn" import stage\ninput 3x71x71 {stages}')
    copy_in_order(theirs, ours)
    agree(ours, theirs, 71)


def test_same_outputs_of_a_narrow_mobilenet() -> None:
    agree(*both("mobilenet_v2", 96, {"width_mult": 0.35}, {"width": 0.35}), 96)


def pool_without_padding(module: nn.Module) -> None:
    module.maxpool = nn.MaxPool2d(3, 2, padding=0, ceil_mode=True)


def larger_eps(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-3


@pytest.mark.parametrize("damage", [pool_without_padding, larger_eps])
def test_the_comparison_sees_small_differences(damage: Callable[[nn.Module], None]) -> None:
    """He's pool without padding, and another epsilon: same shapes, same parameters, other numbers."""
    ours, theirs = both("resnet18", 64, {}, {})
    agree(ours, theirs, 64)
    damage(theirs)
    with pytest.raises(AssertionError):
        agree(ours, theirs, 64)
