"""The shipped specs against what papers and frameworks print about them, and against counts made without the compiler."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import tomllib
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import cnndsl
from cnndsl.graph import Graph, Node
from cnndsl.shipped import shipped_nets

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "specs" / "published.toml").read_text(encoding="utf-8"))
PRINTED = [(net, figure) for net, entry in PUBLISHED.items() for figure in entry.get("printed", ())]
GRAPHS: dict[str, Graph] = {}


def graph_of(net: str) -> Graph:
    """The graph of a shipped net, made once."""
    if net not in GRAPHS:
        GRAPHS[net] = cnndsl.check(net)
    return GRAPHS[net]


def inside(graph: Graph, label: str) -> list[Node]:
    """The nodes that stand under a path."""
    found = [node for node in graph.nodes if f"{node.path}.".startswith(f"{label}.")]
    assert found, f"{graph.name} has nothing at {label}"
    return found


def after(graph: Graph, label: str) -> tuple[int, ...]:
    """The shape behind a label."""
    return inside(graph, label)[-1].shape


def params_without_biases(graph: Graph, nodes: list[Node] | None = None) -> int:
    weights = [graph.weights(node) for node in nodes or graph.nodes]
    return sum(prod(array.shape) for owned in weights for name, array in owned.items() if name == "weight")


def statistics(graph: Graph) -> int:
    """Running means and variances, which Keras counts and torch does not."""
    weights = [graph.weights(node) for node in graph.nodes]
    return sum(prod(a.shape) for owned in weights for name, a in owned.items() if name.startswith("running_"))


def table_activations(graph: Graph) -> int:
    """The numbers in the rows of a lecture table: input, convolutions, pools, dense layers, no ReLU."""
    return sum(prod(node.shape) for node in graph.nodes if node.op.name in ("input", "conv", "maxpool", "fc"))


COUNTS: dict[str, Callable[[Graph], int]] = {
    "params": lambda graph: graph.params,
    "macs": lambda graph: graph.macs,
    "flops": lambda graph: 2 * graph.macs,
    "inference_params": lambda graph: graph.inference_params,
    "inference_macs": lambda graph: graph.inference_macs,
    "keras_params": lambda graph: graph.params + statistics(graph),
    "table_activations": table_activations,
}


# --- every net -------------------------------------------------------------------------------------------------------


def test_every_net_has_published_facts() -> None:
    assert set(PUBLISHED) == set(shipped_nets())


@pytest.mark.parametrize("net", PUBLISHED)
def test_exact_numbers(net: str) -> None:
    graph, entry = graph_of(net), PUBLISHED[net]
    assert graph.params == entry["params"]
    assert graph.macs == entry["macs"]
    assert graph.inference_params == entry.get("inference_params", entry["params"])
    assert graph.inference_macs == entry.get("inference_macs", entry["macs"])
    assert [list(shape) for shape in graph.outputs.values()] == entry["outputs"]
    assert [list(shape) for shape in graph.aux_outputs.values()] == entry.get("aux_outputs", [])
    assert entry["source"]


@pytest.mark.parametrize(("net", "figure"), PRINTED, ids=[f"{net}-{f['what']}-{f['text']}" for net, f in PRINTED])
def test_printed_figures(net: str, figure: dict[str, Any]) -> None:
    printed = Decimal(figure["text"])
    last_digit = Decimal(1).scaleb(int(printed.as_tuple().exponent))
    counted = Decimal(COUNTS[figure["what"]](graph_of(net)))
    rounded = (counted / last_digit).quantize(Decimal(1), ROUND_HALF_UP) * last_digit
    assert (rounded == printed) is figure["agrees"], (
        f"{counted} rounds to {rounded}, {figure['where']} prints {printed}"
    )
    assert figure["where"]
    assert figure["agrees"] or figure["note"], "a figure that does not agree says why"


@pytest.mark.parametrize("net", PUBLISHED)
def test_about_names_the_paper(net: str) -> None:
    about = dict(graph_of(net).about)
    assert about["title"]
    assert 1998 <= about["year"] <= 2026
    assert "paper" in about or "source" in about
    assert not {key for key in about if "error" in key} or {"measured", "ilsvrc_top5_error"} & about.keys()


# --- they run --------------------------------------------------------------------------------------------------------


def outputs_of(result: Any) -> list[list[int]]:
    """The shapes of what a module gave, without the batch."""
    return [list(output.shape[1:]) for output in ([result] if isinstance(result, torch.Tensor) else result)]


@pytest.mark.parametrize("net", PUBLISHED)
def test_module_agrees(net: str) -> None:
    """torch itself counts the same parameters and floating-point operations, and gives outputs of the same shapes."""
    graph, entry = graph_of(net), PUBLISHED[net]
    with torch.device("meta"):
        module = cnndsl.load(net)
        images = [torch.empty(2, *shape) for shape in graph.inputs.values()]
        assert sum(p.numel() for p in module.parameters() if p.requires_grad) == entry["params"]
        with FlopCounterMode(display=False) as counter:
            result = module.eval()(*images)
        assert counter.get_total_flops() == 2 * 2 * entry.get("inference_macs", entry["macs"])  # two images
        assert outputs_of(result) == entry["outputs"]
        assert outputs_of(module.train()(*images)) == entry["outputs"] + entry.get("aux_outputs", [])


def test_siamese_shares_its_tower() -> None:
    """|a - b| is |b - a|, and an image beside itself leaves the bias alone: there is one tower."""
    torch.manual_seed(0)
    module = cnndsl.load("siamese").eval()
    left, right = torch.rand(2, 1, 105, 105), torch.rand(2, 1, 105, 105)
    with torch.no_grad():
        torch.testing.assert_close(module(left, right), module(right, left))
        same = module(left, left)
    bias = next(array for name, array in module.state_dict().items() if array.shape == (1,))
    torch.testing.assert_close(same, torch.sigmoid(bias).expand(2, 1))


def test_lenet5_squashes_as_published() -> None:
    """Appendix A: f(a) = A tanh(S a) with A = 1.7159, S = 2/3, so that f(1) = 1 and f(-1) = -1."""
    squash = cnndsl.loads('from "lenet.cnn" import squash\ninput 3 squash').eval()
    given = torch.tensor([[-1.0, 0.0, 1.0]])
    torch.testing.assert_close(squash(given), given, atol=1e-4, rtol=0)
    assert not any(parameter.requires_grad for parameter in squash.parameters())


def test_alexnet_normalises_as_published() -> None:
    """Section 3.3: b_i = a_i / (2 + 1e-4 * (sum of a_j^2 over five neighbouring maps))^0.75, the sum cut off at the ends."""
    torch.manual_seed(0)
    block = cnndsl.loads('from "alexnet.cnn" import norm_pool\ninput 7x9x9 norm_pool').eval()
    maps = torch.randn(1, 7, 9, 9) * 50
    squares = [maps[:, max(0, i - 2) : i + 3].pow(2).sum(1) for i in range(7)]
    expected = maps / (2 + 1e-4 * torch.stack(squares, 1)) ** 0.75
    torch.testing.assert_close(block(maps), torch.nn.functional.max_pool2d(expected, 3, 2))


def test_nasnet_fit_as_published() -> None:
    """slim's factorized reduction: pixels (0, 2, ...) and (1, 3, ...) through 1x1 convolutions of their own."""
    torch.manual_seed(0)
    text = 'from "nasnet_cells.cnn" import fit\ndef f on old, new { @old -> fit 6 @new -> add { id | @new } }\n'
    module = cnndsl.loads(text + "input 4x8x8 as a input 6x4x4 as b f").eval()
    old, new = torch.randn(2, 4, 8, 8), torch.zeros(2, 6, 4, 4)
    first, second = (array for array in module.state_dict().values() if array.ndim == 4)
    x = old.relu()
    paths = [torch.nn.functional.conv2d(x[:, :, i::2, i::2], w) for i, w in ((0, first), (1, second))]
    expected = torch.cat(paths, 1) / (1 + 1e-5) ** 0.5  # a fresh norm: mean 0, variance 1
    torch.testing.assert_close(module(old, new), expected)


# --- tables of the papers ----------------------------------------------------------------------------------------------


def test_lenet5_layers() -> None:
    """LeCun et al. 1998, section II.B: trainable parameters and connections of every layer."""
    graph = graph_of("lenet5_1998")
    shapes = {
        "C1": (6, 28, 28),
        "S2": (6, 14, 14),
        "C3": (16, 10, 10),
        "S4": (16, 5, 5),
        "C5": (120, 1, 1),
        "F6": (84,),
    }
    trainable = {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164, "output": 0}
    assert {label: after(graph, label) for label in shapes} == shapes
    assert {label: sum(map(graph.node_params, inside(graph, label))) for label in trainable} == trainable
    biases = sum(prod(node.shape) for node in graph.nodes if node.op.name in ("conv", "fc"))
    pools = sum(prod(node.shape) * 5 for node in graph.nodes if node.op.name == "avgpool")  # four inputs and a bias
    assert graph.macs + biases + pools + 84 * 10 == 340_908


def test_lenet5_connection_table() -> None:
    """Table I of the paper: the maps of S2 that each map of C3 sees, found by tracing the slices back."""
    rows = ["012", "123", "234", "345", "450", "501", "0123", "1234", "2345", "3450", "4501", "5012"]
    rows += ["0134", "1245", "2350", "012345"]
    graph = graph_of("lenet5_1998")

    def channels(node: Node) -> list[int]:
        """Which maps of S2 the channels of a node are."""
        if node.path.startswith("S2"):
            return list(range(6))
        parts = [channel for i in node.inputs for channel in channels(graph.nodes[i])]
        return parts[node.op.start : node.op.stop] if node.op.name == "slice" else parts  # type: ignore[attr-defined]

    convs = [node for node in inside(graph, "C3") if node.op.name == "conv"]
    seen = ["".join(map(str, sorted(channels(graph.nodes[node.inputs[0]])))) for node in convs]
    assert seen == ["".join(sorted(row)) for row in rows]


def test_alexnet_volumes() -> None:
    """Figure 2 of the paper, with the exact 55x55x96 (the paper prints 253,440 neurons there)."""
    graph = graph_of("alexnet")
    sizes = [node.shape for node in graph.nodes if node.op.name in ("conv", "maxpool", "fc")]
    assert sizes == [
        *((96, 55, 55), (96, 27, 27), (256, 27, 27), (256, 13, 13), (384, 13, 13), (384, 13, 13), (256, 13, 13)),
        *((256, 6, 6), (4096,), (4096,), (1000,)),
    ]
    neurons = [prod(node.shape) for node in graph.nodes if node.op.name in ("conv", "fc")]
    assert neurons == [290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]
    order = [node.op.name for node in graph.nodes][1:9]
    assert order == ["conv", "relu", "lrn", "maxpool", "conv", "relu", "lrn", "maxpool"], (
        "section 3.5: norm before pool"
    )


def test_alexnet_lecture_table() -> None:
    graph = graph_of("alexnet_single_tower")
    rows = [(n.op.name, n.shape) for n in graph.nodes if n.op.name in ("input", "conv", "maxpool", "lrn", "fc")]
    assert rows == [
        ("input", (3, 227, 227)),
        ("conv", (96, 55, 55)),
        ("maxpool", (96, 27, 27)),
        ("lrn", (96, 27, 27)),
        ("conv", (256, 27, 27)),
        ("maxpool", (256, 13, 13)),
        ("lrn", (256, 13, 13)),
        ("conv", (384, 13, 13)),
        ("conv", (384, 13, 13)),
        ("conv", (256, 13, 13)),
        ("maxpool", (256, 6, 6)),
        ("fc", (4096,)),
        ("fc", (4096,)),
        ("fc", (1000,)),
    ]
    assert params_without_biases(graph, inside(graph, "conv1")) == 34_848


def test_zfnet_sizes() -> None:
    """Figure 3 of the paper: 110, 55, 26, 13, 13, 13, 13, 6."""
    graph = graph_of("zfnet")
    sizes = [node.shape[1] for node in graph.nodes if node.op.name in ("conv", "maxpool")]
    assert sizes == [110, 55, 26, 13, 13, 13, 13, 6]


VGG16_ROWS = [  # CS231n, lecture 7: layer, activations, parameters without biases
    ("input", (3, 224, 224), 0),
    ("conv", (64, 224, 224), 1_728),
    ("conv", (64, 224, 224), 36_864),
    ("maxpool", (64, 112, 112), 0),
    ("conv", (128, 112, 112), 73_728),
    ("conv", (128, 112, 112), 147_456),
    ("maxpool", (128, 56, 56), 0),
    ("conv", (256, 56, 56), 294_912),
    ("conv", (256, 56, 56), 589_824),
    ("conv", (256, 56, 56), 589_824),
    ("maxpool", (256, 28, 28), 0),
    ("conv", (512, 28, 28), 1_179_648),
    ("conv", (512, 28, 28), 2_359_296),
    ("conv", (512, 28, 28), 2_359_296),
    ("maxpool", (512, 14, 14), 0),
    ("conv", (512, 14, 14), 2_359_296),
    ("conv", (512, 14, 14), 2_359_296),
    ("conv", (512, 14, 14), 2_359_296),
    ("maxpool", (512, 7, 7), 0),
    ("fc", (4096,), 102_760_448),
    ("fc", (4096,), 16_777_216),
    ("fc", (1000,), 4_096_000),
]


def test_vgg16_row_by_row() -> None:
    graph = graph_of("vgg16")
    wanted = {name for name, _, _ in VGG16_ROWS}
    rows = [(n.op.name, n.shape, params_without_biases(graph, [n])) for n in graph.nodes if n.op.name in wanted]
    assert rows == VGG16_ROWS
    assert table_activations(graph) == 15_237_608
    assert params_without_biases(graph) == 138_344_128
    relus = sum(prod(node.shape) for node in graph.nodes if node.op.name == "relu")
    assert table_activations(graph) + relus == 28_793_320


@pytest.mark.parametrize(
    ("net", "stages"),
    [
        ("vgg11", "1 1 2 2 2"),
        ("vgg11_lrn", "1 1 2 2 2"),
        ("vgg13", "2 2 2 2 2"),
        ("vgg16_c", "2 2 3 3 3"),
        ("vgg16", "2 2 3 3 3"),
        ("vgg19", "2 2 4 4 4"),
    ],
)
def test_vgg_columns(net: str, stages: str) -> None:
    """Table 1 of the paper: convolutions between the pools; C's third ones are 1x1; LRN only in A-LRN."""
    graph = graph_of(net)
    names = "".join({"conv": "c", "maxpool": " "}.get(node.op.name, "") for node in graph.nodes)
    assert [len(stage) for stage in names.split()] == [int(n) for n in stages.split()]
    kernels = [node.op.kernel for node in graph.nodes if node.op.name == "conv"]  # type: ignore[attr-defined]
    thin = [i for i, kernel in enumerate(kernels) if kernel == (1, 1)]
    assert thin == ([6, 9, 12] if net == "vgg16_c" else [])
    assert sum(node.op.name == "lrn" for node in graph.nodes) == (net == "vgg11_lrn")


GOOGLENET_ROWS = {  # table 1: output, exact weights, biases, MACs; printed params (K = 1024), ops (M), whether both agree
    "conv1": ((64, 112, 112), 9_408, 64, 118_013_952, 2.7, 34, "neither"),
    "conv2": ((192, 56, 56), 114_688, 256, 359_661_568, 112, 360, "both"),
    "i3a": ((256, 28, 28), 163_328, 368, 128_049_152, 159, 128, "both"),
    "i3b": ((480, 28, 28), 388_096, 640, 304_267_264, 380, 304, "both"),
    "i4a": ((512, 14, 14), 375_552, 624, 73_608_192, 364, 73, "ops"),
    "i4b": ((512, 14, 14), 448_512, 648, 87_908_352, 437, 88, "both"),
    "i4c": ((512, 14, 14), 509_440, 664, 99_850_240, 463, 100, "ops"),
    "i4d": ((528, 14, 14), 604_672, 704, 118_515_712, 580, 119, "ops"),
    "i4e": ((832, 14, 14), 867_328, 1_024, 169_996_288, 840, 170, "ops"),
    "i5a": ((832, 7, 7), 1_042_432, 1_024, 51_079_168, 1072, 54, "neither"),
    "i5b": ((1024, 7, 7), 1_442_816, 1_264, 70_697_984, 1388, 71, "ops"),
    "output": ((1000,), 1_024_000, 1_000, 1_024_000, 1000, 1, "both"),
}


@pytest.mark.parametrize("row", GOOGLENET_ROWS)
def test_googlenet_table_1(row: str) -> None:
    shape, weights, biases, macs, printed_params, printed_ops, agree = GOOGLENET_ROWS[row]
    graph = graph_of("googlenet")
    nodes = [*(inside(graph, "conv2_reduce") if row == "conv2" else []), *inside(graph, row)]
    assert nodes[-1].shape == shape
    assert params_without_biases(graph, nodes) == weights
    assert sum(map(graph.node_params, nodes)) == weights + biases
    assert sum(map(graph.node_macs, nodes)) == macs
    params_agree = weights / 1024 - 1 < printed_params + 0.5 and printed_params - 0.5 < (weights + biases) / 1024 + 1
    ops_agree = abs(macs / 1e6 - printed_ops) < 1
    assert {(True, True): "both", (False, True): "ops", (False, False): "neither"}[params_agree, ops_agree] == agree


def test_googlenet_auxiliary_classifiers() -> None:
    """Section 5: a 5x5/3 average pool (4x4x512 and 4x4x528), 128 filters of 1x1, 1024 units, 70% dropout."""
    graph = graph_of("googlenet")
    for name, channels in (("aux1", 512), ("aux2", 528)):
        nodes = inside(graph, name)
        assert all(node.aux for node in nodes)
        shapes = [node.shape for node in nodes if node.op.name in ("avgpool", "conv", "fc")]
        assert shapes == [(channels, 4, 4), (128, 4, 4), (1024,), (1000,)]
        assert [node.op.p for node in nodes if node.op.name == "dropout"] == [0.7]  # type: ignore[attr-defined]


RESNETS = [
    *((net, (2, 2, 2, 2) if net == "resnet18" else (3, 4, 6, 3), 1, 2) for net in ("resnet18", "resnet34")),
    *((net, (3, 4, 6, 3), 1, 2) for net in ("plain34", "resnet34_a", "resnet34_c")),
    *((net, (3, 4, 6, 3), 4, 3) for net in ("resnet50", "resnet50_v1")),
    *((net, (3, 4, 23, 3), 4, 3) for net in ("resnet101", "resnet101_v1")),
    *((net, (3, 8, 36, 3), 4, 3) for net in ("resnet152", "resnet152_v1")),
]


@pytest.mark.parametrize(("net", "depths", "expansion", "convs"), RESNETS, ids=[row[0] for row in RESNETS])
def test_resnet_table_1(net: str, depths: tuple[int, ...], expansion: int, convs: int) -> None:
    """Output sizes and numbers of blocks of conv1 and conv2_x to conv5_x, and the depth in the net's name."""
    graph = graph_of(net)
    assert after(graph, "conv1") == (64, 112, 112)
    for stage, depth in enumerate(depths):
        nodes = inside(graph, f"conv{stage + 2}_x")
        assert nodes[-1].shape == (64 * 2**stage * expansion, 56 // 2**stage, 56 // 2**stage)
        assert len({node.path.split(".")[1] for node in nodes}) == depth
        assert {node.shape[1] for node in nodes if node.op.name == "add"} <= {56 // 2**stage}
    projections = {"plain34": 0, "resnet34_a": 0, "resnet34_c": 16, "resnet18": 3, "resnet34": 3}.get(net, 4)
    weighted = sum(node.op.name in ("conv", "fc") for node in graph.nodes) - projections
    assert weighted == sum(depths) * convs + 2 == int("".join(filter(str.isdigit, net.split("_")[0])))
    assert sum(node.op.name == "add" for node in graph.nodes) == (0 if net == "plain34" else sum(depths))


@pytest.mark.parametrize(
    ("net", "depths", "growth"),
    [
        ("densenet121", (6, 12, 24, 16), 32),
        ("densenet169", (6, 12, 32, 32), 32),
        ("densenet201", (6, 12, 48, 32), 32),
        ("densenet264", (6, 12, 64, 48), 32),
        ("densenet161", (6, 12, 36, 24), 48),
    ],
)
def test_densenet_table_1(net: str, depths: tuple[int, ...], growth: int) -> None:
    """Output sizes; in a block the layer l sees k0 + k (l - 1) maps (section 3); a transition halves maps and size."""
    graph = graph_of(net)
    assert after(graph, "stem") == (2 * growth, 56, 56)
    channels, size = 2 * growth, 56
    for block, depth in enumerate(depths, start=1):
        nodes = inside(graph, f"dense{block}")
        seen = [graph.in_shapes(node)[0] for node in nodes if node.path.endswith(".bn1")]
        assert seen == [(channels + growth * layer, size, size) for layer in range(depth)]
        channels += growth * depth
        assert nodes[-1].shape == (channels, size, size)
        if block < 4:
            channels, size = channels // 2, size // 2
            assert after(graph, f"transition{block}") == (channels, size, size)
    assert size == 7
    weighted = sum(node.op.name in ("conv", "fc") for node in graph.nodes)
    assert weighted == 2 * sum(depths) + 5
    # The paper calls 6 + 12 + 64 + 48 layers DenseNet-264; by the rule that gives the other names it would be 265.
    assert weighted == int(net.removeprefix("densenet")) + (net == "densenet264")


def test_mobilenet_v2_table_2() -> None:
    """The input of every row: 112x112x32, ..., 7x7x160, 7x7x320, 7x7x1280."""
    graph = graph_of("mobilenet_v2")
    inputs = [(32, 112), (16, 112), (24, 56), (32, 28), (64, 14), (96, 14), (160, 7), (320, 7)]
    repeats = [1, 2, 3, 4, 3, 3, 1]
    for row, (channels, size) in enumerate(inputs[:-1], start=1):
        nodes = inside(graph, f"bottlenecks{row}")
        assert graph.in_shapes(nodes[0])[0] == (channels, size, size)
        assert nodes[-1].shape == (inputs[row][0], inputs[row][1], inputs[row][1])
        assert sum(node.op.name == "dwconv" for node in nodes) == repeats[row - 1]
    assert [node.shape for node in graph.nodes][-4:] == [(1280, 7, 7), (1280, 1, 1), (1280, 1, 1), (1000,)]


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.0, 1.4])
def test_mobilenet_v2_widths(width: float) -> None:
    """Trainable parameters of the width multipliers, by a count of tables 1 and 2 without the compiler."""

    def round8(value: float) -> int:
        near = max(8, int(value + 4) // 8 * 8)
        return near + 8 if near < 0.9 * value else near

    table = [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)]
    channels = round8(32 * width)
    params = 27 * channels + 2 * channels
    for t, c, n in table:
        for _ in range(n):
            inner, out = t * channels, round8(c * width)
            params += (inner * (channels + 2) if t > 1 else 0) + inner * (9 + 2) + out * (inner + 2)
            channels = out
    last = round8(1280 * max(1.0, width))
    params += last * (channels + 2) + last * 1000 + 1000
    assert cnndsl.check("mobilenet_v2", width=width).params == params


# --- own counts --------------------------------------------------------------------------------------------------------


def convolution(inputs: int, outputs: int, kernel: int, size: int, biases: int = 1) -> tuple[int, int]:
    """Parameters and MACs of a square convolution with `size` x `size` outputs; `biases` numbers a channel besides."""
    weights = inputs * outputs * kernel * kernel
    return weights + biases * outputs, weights * size * size


def total(*counts: tuple[int, int]) -> tuple[int, int]:
    return sum(params for params, _ in counts), sum(macs for _, macs in counts)


def test_siamese_count() -> None:
    tower = total(
        convolution(1, 64, 10, 96),
        convolution(64, 128, 7, 42),
        convolution(128, 128, 4, 18),
        convolution(128, 256, 4, 6),
        convolution(256 * 6 * 6, 4096, 1, 1),
    )
    entry = PUBLISHED["siamese"]
    assert (entry["params"], entry["macs"]) == (tower[0] + 4097, 2 * tower[1] + 4096)


@pytest.mark.parametrize(("net", "size", "border"), [("unet", 572, 2), ("unet_same", 512, 0)])
def test_unet_count(net: str, size: int, border: int) -> None:
    """Figure 1: 64 to 1024 maps down, 2x2 up-convolutions, the concatenation of both sides; 572 -> 388."""
    counts, channels = [], 1
    for level in range(5):
        width = 64 * 2**level
        for inputs in (channels, width):
            size -= border
            counts.append(convolution(inputs, width, 3, size))
        channels = width
        size //= 2 if level < 4 else 1
    for width in (512, 256, 128, 64):
        counts.append((2 * width * width * 4 + width, 2 * width * width * 4 * size * size))
        size *= 2
        for inputs in (2 * width, width):
            size -= border
            counts.append(convolution(inputs, width, 3, size))
    counts.append(convolution(64, 2, 1, size))
    entry = PUBLISHED[net]
    assert (entry["params"], entry["macs"]) == total(*counts)
    assert entry["outputs"] == [[2, size, size]]


def test_unet_crops_in_the_middle() -> None:
    """Figure 1: 64x64, 136x136, 280x280, 568x568 maps are cropped to 56, 104, 200, 392, and come first."""
    graph = graph_of("unet")
    crops = [node for node in graph.nodes if node.op.name == "crop"]
    sizes = [(graph.in_shapes(node)[0][1], node.shape[1]) for node in crops]
    assert sizes == [(64, 56), (136, 104), (280, 200), (568, 392)]
    joins = [node for node in graph.nodes if node.op.name == "concat"]
    assert [graph.nodes[node.inputs[0]].op.name for node in joins] == ["crop"] * 4
    assert [graph.nodes[node.inputs[1]].op.name for node in joins] == ["deconv"] * 4


def test_hrnet_count() -> None:
    counts = [convolution(c, c, 3, s, biases=2) for c, s in ((32, 64), (64, 32), (128, 16)) for _ in range(8)]
    upward = [(64, 32, 32), (128, 32, 16), (128, 64, 16)]
    downward = [(32, 64, 32), (32, 32, 32), (32, 128, 16), (64, 128, 16)]
    counts += [convolution(i, o, 1, s, biases=2) for i, o, s in upward]
    counts += [convolution(i, o, 3, s, biases=2) for i, o, s in downward]
    entry = PUBLISHED["hrnet_unit"]
    assert (entry["params"], entry["macs"]) == total(*counts)


def separable(inputs: int, n: int, kernel: int, size: int) -> tuple[int, int]:
    """Twice: depthwise, 1x1, norm."""
    return total(*(((k := c * kernel**2 + c * n) + 2 * n, k * size * size) for c in (inputs, n)))


def test_nasnet_counts() -> None:
    fit = (88 * 44 + 2 * 44, 88 * 44 * 28 * 28)
    normal = [fit, convolution(264, 44, 1, 28, biases=2), *(separable(44, 44, k, 28) for k in (5, 3, 5, 3, 3))]
    squeezes = [convolution(264, 88, 1, 28, biases=2)] * 2
    reduction = [*squeezes, *(separable(88, 88, k, 14) for k in (5, 7, 7, 5, 3))]
    for net, counts in (("nasnet_normal_cell", normal), ("nasnet_reduction_cell", reduction)):
        assert (PUBLISHED[net]["params"], PUBLISHED[net]["macs"]) == total(*counts)


NASNET_MOBILE = """
from "nasnet_cells.cnn" import normal, reduction, sep, squeeze

def first on x {              # the first cell of the stem: there is no cell before, and nothing to fit
  let h = @x -> squeeze 11;
  let x1 = add { @h -> sep 11 5x5 stride=2 | @x -> sep 11 7x7 stride=2 };
  let x2 = add { @h -> maxpool 3x3/2 same | @x -> sep 11 7x7 stride=2 };
  let x3 = add { @h -> avgpool 3x3/2 same | @x -> sep 11 5x5 stride=2 };
  let x4 = add { @x1 -> avgpool 3x3/1 same | @x2 };
  let x5 = add { @x1 -> sep 11 3x3 | @h -> maxpool 3x3/2 same };
  let y = concat { @x2 | @x3 | @x4 | @x5 };
  branch { @x | @y }
}

def newest on before, x { @x }

net mobile {
  input 3x224x224
  conv 32 3x3/2 -> bn -> first -> reduction 22
  -> (normal 44) * 4 -> reduction 88 -> (normal 88) * 4 -> reduction 176 -> (normal 176) * 4
  -> newest -> relu -> globalavgpool -> dropout 0.5 -> fc 1000
}
"""


def test_nasnet_cells_make_nasnet_mobile() -> None:
    """NASNet-A (4 @ 1056) of these cells: Keras NASNetMobile's 5,289,978 trainable parameters and 563,638,816 MACs.

    The paper's table 2 prints 5.3M and 564M; Keras counts 36,738 running statistics besides.
    """
    graph = cnndsl.check(NASNET_MOBILE)
    assert (graph.params, graph.macs) == (5_289_978, 563_638_816)
    assert graph.params + statistics(graph) == 5_326_716
    assert after(graph, "relu") == (1056, 7, 7)


# --- compactness -------------------------------------------------------------------------------------------------------


def load_tokens() -> Any:
    """`benchmarks/tokens.py`, which is no module of the package."""
    spec = importlib.util.spec_from_file_location("compactness_tokens", ROOT / "benchmarks" / "tokens.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TOKENS = load_tokens()
HAS_TORCHVISION = TOKENS.torchvision_models() is not None


@pytest.mark.parametrize("net", PUBLISHED)
def test_at_most_32_lines(net: str) -> None:
    assert TOKENS.lines(TOKENS.definition(shipped_nets()[net], net)) <= 32


@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed")
@pytest.mark.parametrize("net", TOKENS.LAYOUT)
def test_a_third_of_torchvision(net: str) -> None:
    spec = TOKENS.definition(shipped_nets()[net], net)
    assert 3 * TOKENS.tokens(spec) <= TOKENS.tokens(TOKENS.pruned(TOKENS.torchvision_source(net)))


def test_tokens_counts_blocks_and_imports(tmp_path: Path) -> None:
    """By hand: a net with a block, a block of that block from another file, and one that it does not use."""
    (tmp_path / "a.cnn").write_text("def inner(n) { conv n 3x3 }  # six times\ndef unused { relu }\n")
    spec = 'from "a.cnn" import inner as it\ndef outer { it 4 }\ndef other { relu }\n'
    spec += 'net x { about { title = "x"; } input 1x8x8 outer }\n'
    (tmp_path / "b.cnn").write_text(spec)
    text = TOKENS.definition(tmp_path / "b.cnn", "x")
    expected = (
        'from "a.cnn" import inner as it net x { input 1x8x8 outer } def outer { it 4 } def inner(n) { conv n 3x3 }'
    )
    assert TOKENS.TOKEN.findall(text) == TOKENS.TOKEN.findall(expected)


def test_pruning_keeps_what_computes() -> None:
    source = '''
class Net(nn.Module):
    """Words."""
    def __init__(self, n: int = 3, init_weights: bool = True) -> None:
        super().__init__()
        _log_api_usage_once(self)
        if n < 0:
            raise ValueError("negative")
        self.conv: nn.Module = nn.Conv2d(n, n, 1)
        for m in self.modules():
            nn.init.zeros_(m.weight)
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
'''
    kept = "class Net(nn.Module): def __init__(self, n=3): super().__init__() self.conv = nn.Conv2d(n, n, 1)"
    kept += " def forward(self, x): return self.conv(x)"
    assert TOKENS.TOKEN.findall(TOKENS.pruned(source)) == TOKENS.TOKEN.findall(kept)


@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed")
def test_page_is_up_to_date() -> None:
    if importlib.metadata.version("torchvision").split("+")[0] != "0.28.0":
        pytest.skip("the page was made beside torchvision 0.28.0")
    text = (ROOT / "docs" / "compactness.md").read_text(encoding="utf-8")
    assert text == TOKENS.page(TOKENS.rows()), "run: python benchmarks/tokens.py --save docs/compactness.md"
