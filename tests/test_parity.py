"""Outputs of a third of the nets beside torchvision's, timm's and Keras', through their own files; `make parity` runs all of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from parity import CLOSE, compare, difference
from peers import PEERS, available, filled, stored
from torch import nn

import cnndsl
from cnndsl.weights import fit

NETS = [
    *("alexnet_torchvision", "squeezenet1_0", "squeezenet1_1", "googlenet_torchvision", "inception_v3"),
    *("resnet18", "resnet34", "resnet50", "resnext50_32x4d", "densenet121", "densenet_bc100_k12"),
    *("mobilenet_v2", "shufflenet_v2", "efficientnet_b0", "mobilenet_v1", "xception_timm", "dpn68", "hrnet_w18"),
    *("se_resnet50", "se_resnet50_timm", "darknet53"),
    *("resnet50_keras", "resnet50v2_keras", "mobilenet_keras", "mobilenet_v2_keras", "efficientnet_b0_keras"),
    *("densenet121_keras", "xception", "inception_v3_keras"),
    *("convnetjs_cifar10", "keras_mnist", "cats_and_dogs", "autoencoder", "vae", "vae_dense"),
]


@pytest.mark.parametrize("net", NETS)
def test_same_outputs(net: str) -> None:
    """At the native size and another; every file and the model in memory give the same pairs of arrays."""
    if not available(PEERS[net].framework):
        pytest.skip(f"{PEERS[net].framework} cannot be imported")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of timm and Keras
        result = compare(net)
    assert max(result.differences) <= CLOSE, result


TORCH = [net for net, peer in PEERS.items() if not peer.keras]


@pytest.mark.parametrize("net", TORCH)
def test_every_array_has_its_place(net: str) -> None:
    """All of torchvision's and timm's nets, arrays without numbers: each of theirs goes to one of ours, and none is left on either side."""
    if not available(PEERS[net].framework):
        pytest.skip(f"{PEERS[net].framework} cannot be imported")
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        state = PEERS[net].make(PEERS[net].sizes[0]).state_dict()
    graph = cnndsl.check(net)
    found = fit(graph, state).arrays
    assert sorted(array.key for array in found.values()) == sorted(state)
    assert set(found) == {f"{node.path}.{name}" for node in graph.nodes for name in graph.weights(node)}


def pool_without_padding(module: Any) -> None:
    module.maxpool = nn.MaxPool2d(3, 2, padding=0, ceil_mode=True)


def larger_eps(module: Any) -> None:
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-3


@pytest.mark.parametrize("damage", [pool_without_padding, larger_eps])
def test_the_comparison_sees_small_differences(damage: Callable[[Any], None], tmp_path: Any) -> None:
    """He's pool without padding, and another epsilon: same shapes, same parameters, other numbers."""
    peer = PEERS["resnet18"]
    made = filled(peer)
    path = stored(peer, made, tmp_path)[0]
    assert difference("resnet18", peer, made, path, 64) <= CLOSE
    damage(made)
    assert difference("resnet18", peer, made, path, 64) > CLOSE


def test_every_framework_has_nets() -> None:
    assert {peer.framework for peer in PEERS.values()} == {"torchvision", "timm", "keras", "keras-jax"}
    assert set(NETS) <= set(PEERS)
    assert len(NETS) >= 30


@pytest.mark.parametrize(
    ("net", "order"),
    [("googlenet_torchvision", (0, 2, 1)), ("inception_v3", (0, 1))],  # theirs: main, aux2, aux1
)
def test_training_gives_the_auxiliary_outputs_too(net: str, order: tuple[int, ...]) -> None:
    """Dropout and norms as at inference; only the top of either module is told that it trains."""
    peer = PEERS[net]
    made = filled(peer)
    images = torch.randn(2, 3, *((peer.sizes[0],) * 2))
    ours = cnndsl.load(net, weights=made.state_dict()).eval()
    made.training = ours.training = True
    with torch.no_grad():
        expected, got = made(images), ours(images)
    for mine, place in zip(got, order, strict=True):
        assert (mine - expected[place]).abs().max() <= CLOSE * expected[place].abs().max()
