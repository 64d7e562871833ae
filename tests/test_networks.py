"""Networks of the field as a user writes them from the language's text alone, against published counts.

Parameters and MACs are those of the papers' released models, or of torchvision, timm and Keras, as noted beside each fact.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from interpreter import interpret
from torch.utils.flop_counter import FlopCounterMode

from cnndsl import check, load

FOLDER = Path(__file__).resolve().parent / "networks"

FACTS: list[tuple[str, dict[str, Any], int, int | None, list[tuple[int, ...]]]] = [
    # file[:net], parameters of the net, params, MACs, outputs
    ("inception_v3", {}, 27_161_264, None, [(1000,)]),  # torchvision, with the auxiliary classifier
    ("inception_resnet_v2", {}, 55_843_464, 13_155_794_016, [(1000,)]),  # timm
    ("xception", {}, 22_855_952, 8_357_403_496, [(1000,)]),  # Keras
    ("squeezenet:squeezenet1_0", {}, 1_248_424, 818_924_576, [(1000,)]),  # torchvision
    ("squeezenet:squeezenet1_1", {}, 1_235_496, 349_151_936, [(1000,)]),
    ("shufflenet_v2", {}, 2_278_604, None, [(1000,)]),  # torchvision shufflenet_v2_x1_0
    ("mobilenet_v3:mobilenet_v3_large", {}, 5_483_032, None, [(1000,)]),  # torchvision
    ("efficientnet_b0", {}, 5_288_548, None, [(1000,)]),  # torchvision
    ("resnext:resnext50", {}, 25_028_904, 4_230_479_872, [(1000,)]),  # torchvision, 32x4d
    ("resnext:resnext50", {"third": 23}, 44_177_704, 7_969_996_800, [(1000,)]),  # timm, 101 32x4d
    ("resnext:resnext50", {"third": 23, "d": 256}, 88_791_336, 16_414_015_488, [(1000,)]),  # torchvision, 101 32x8d
    ("wrn", {}, 36_479_194, 5_243_328_768, [(10,)]),  # the authors' wide-resnet.lua, WRN-28-10
    ("wrn", {"depth": 16, "k": 8}, 10_961_370, 1_548_145_664, [(10,)]),
    ("fractalnet:fractalnet20", {}, 33_714_314, 845_222_912, [(10,)]),  # the authors' generator
    ("fcn8s", {}, 134_362_751, 62_860_657_728, [(21, 224, 224)]),  # voc-fcn8s/net.py, VGG-16 on a canvas padded by 100
    ("vae", {}, 134_165, 6_660_928, [(1, 28, 28)]),  # keras.io
    ("dcgan:generator", {}, 3_576_704, None, [(3, 64, 64)]),  # pytorch/examples
    ("dcgan:discriminator", {}, 2_765_568, None, [(1, 1, 1)]),
    ("mobilenet_v1", {}, 4_231_976, 568_740_352, [(1000,)]),  # Keras
    ("nin", {}, 7_595_176, 1_100_188_800, [(1000,)]),  # Caffe model zoo
    ("nin:nin_cifar", {}, 966_986, 222_486_528, [(10,)]),
    ("rpn:rpn_vgg16", {}, 17_102_198, 189_583_607_808, [(18, 38, 63), (36, 38, 63)]),  # Caffe
    ("yolo", {}, 271_703_550, 20_285_153_280, [(1470,)]),  # the paper's figure 3
    ("maxout:maxout_cifar", {}, 16_247_830, 732_290_696, [(10,)]),  # pylearn2
    ("resnet_cifar", {}, 269_722, 40_551_040, [(10,)]),  # the paper's 0.27M
    ("resnet_cifar", {"n": 18}, 1_727_962, 252_887_680, [(10,)]),  # 1.7M
    ("resnet_cifar", {"n": 200}, 19_421_274, 2_829_238_912, [(10,)]),  # 19.4M
    ("densenet_bc", {}, 769_162, 287_929_692, [(10,)]),  # the paper's 0.8M
]


@pytest.mark.parametrize(("name", "settings", "params", "macs", "outputs"), FACTS)
def test_published_facts(
    name: str, settings: dict[str, Any], params: int, macs: int | None, outputs: list[tuple[int, ...]]
) -> None:
    file, _, net = name.partition(":")
    graph = check(f"{FOLDER / file}.cnn{':' + net if net else ''}", **settings)
    assert list(graph.outputs.values()) == outputs
    assert graph.params == params
    assert macs is None or graph.macs == macs


def test_inception_v3_without_its_auxiliary_classifier() -> None:
    graph = check(FOLDER / "inception_v3.cnn")
    assert (graph.inference_params, graph.inference_macs) == (23_834_568, 5_713_216_096)  # torchvision
    assert list(graph.aux_outputs.values()) == [(1000,)]


def test_two_heads_are_called_by_their_labels() -> None:
    assert list(check(f"{FOLDER / 'rpn.cnn'}").outputs) == ["scores", "boxes"]


def test_segnet() -> None:
    """Figure 2 of arXiv:1511.00561: VGG-16's convolutions and their mirror, each with a norm but the last."""
    widths = [3, 64, 64, 128, 128, 256, 256, 256, *[512] * 6]
    encoder = list(pairwise(widths))
    decoder = [(b, a) for a, b in reversed(encoder[1:])]
    weights = sum(9 * a * b + 2 * b for a, b in encoder + decoder) + 9 * 64 * 12 + 12
    graph = check(FOLDER / "segnet.cnn")
    assert graph.outputs == {"conv": (12, 360, 480)}
    assert graph.params == weights


def test_nasnet_has_the_size_of_the_paper() -> None:
    """Table 1 of arXiv:1707.07012 has 3.3M for 6 @ 768; the released code treats the first cell in a way of its own."""
    graph = check(FOLDER / "nasnet_cifar.cnn")
    assert round(graph.params / 1e6, 1) == 3.3
    assert list(graph.outputs.values()) == [(10,)]


UNUSUAL = sorted((FOLDER / "unusual").glob("*.cnn"))
"""Nets in every style that the language's text allows: odd spacing, every layer and combinator, streams as arguments."""
SETTINGS: dict[str, dict[str, Any]] = {
    "strings": {"kind": "a", "act": "hardswish"},
    "chan": {"d": 4},
    "oldcomments": {"a": 2},
}
RANDOM = {"droppath", "gaussian", "mean", "add", "dropout", "dropout2d"}
"""Ops that may draw numbers in training, in an order of their own."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=p.stem) for p in UNUSUAL],
)
def test_unusual_networks_run_as_checked(path: Path) -> None:
    """torch counts the parameters and the operations of what `check` promised, and every node computes what it says."""
    settings = SETTINGS.get(path.stem, {})
    graph = check(path, **settings)
    torch.manual_seed(0)
    module = load(path, **settings)
    assert module.graph == graph
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == graph.params
    images = [torch.randn(2, *shape) for shape in graph.inputs.values()]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*images)
    assert sum(counter.flop_counts["Global"].values()) == 2 * 2 * graph.macs  # two images, two operations a MAC
    for training in (False, True):
        state = {key: value.clone() for key, value in module.state_dict().items()}
        given = module.train(training)(*images)
        promised = {**graph.outputs, **(graph.aux_outputs if training else {})}
        flows = [given] if isinstance(given, torch.Tensor) else list(given)
        assert [tuple(flow.shape[1:]) for flow in flows] == list(promised.values())
        if training and not RANDOM.isdisjoint(node.op.name for node in graph.nodes):
            continue
        for got, want in zip(flows, interpret(graph, state, images, training), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
