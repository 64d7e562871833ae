"""The shipped specs against the tables and figures of their papers, row by row."""

from __future__ import annotations

from math import prod

import pytest
from published import after, graph_of, inside, params_without_biases, table_activations

import cnndsl
from cnndsl.graph import Graph, Node


def layers(graph: Graph) -> list[tuple[tuple[int, ...], int, int]]:
    """Shape, parameters and MACs of every layer that multiplies."""
    nodes = [node for node in graph.nodes if node.op.name in ("conv", "fc")]
    return [(node.shape, graph.node_params(node), graph.node_macs(node)) for node in nodes]


@pytest.mark.parametrize(
    ("chain", "size", "out"),
    [
        ("conv 1 3x3", 7, 5),  # (N - F) / S + 1
        ("conv 1 3x3/2", 7, 3),
        ("conv 1 3x3/3", 7, 2),  # 7/3 + 1 is not whole: a rest of one pixel is not seen
        ("conv 1 5x5", 32, 28),
        ("conv 1 5x5+2", 32, 32),  # a padding of (F - 1) / 2 keeps the size
        ("conv 1 3x3+1", 32, 32),
        ("conv 1 7x7+3", 32, 32),
        ("conv 1 1x1", 56, 56),
        ("conv 1 11x11/4", 227, 55),
        ("(conv 1 5x5) * 3", 32, 20),  # 32, 28, 24, 20: without padding a map shrinks fast
        ("conv 1 7x7/2+3", 224, 112),  # floor((W - F + 2P) / S) + 1
        ("maxpool 2x2/2", 224, 112),
        ("maxpool 3x3/2", 55, 27),
    ],
)
def test_window_arithmetic(chain: str, size: int, out: int) -> None:
    graph = cnndsl.check(f"input 1x{size}x{size} {chain}")
    assert graph.nodes[-1].shape == (1, out, out)


@pytest.mark.parametrize(
    ("chain", "what", "count"),
    [
        ("input 3x32x32 conv 10 3x3", "params", 280),
        ("input 3x32x32 fc 10", "params", 30_730),
        ("input 3x32x32 conv 10 5x5+2", "params", 760),
        ("input 3x32x32 conv 6 5x5 bias=false", "params", 450),
        ("input 3x32x32 conv 6 5x5", "macs", 352_800),  # about 350K
        ("input 3x32x32 fc 4704", "macs", 14_450_688),  # 28x28x6 units that see every pixel: 14.5M
        ("input 192x28x28 conv 32 5x5+2", "macs", 120_422_400),  # 120M
        ("input 192x28x28 conv 16 1x1 -> conv 32 5x5+2", "macs", 12_443_648),  # 12.4M
    ],
)
def test_costs_of_the_lectures(chain: str, what: str, count: int) -> None:
    """Convolution against dense layer, and the bottleneck of an inception module."""
    assert getattr(cnndsl.check(chain), what) == count


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
    connections = {"C1": 122_304, "S2": 5_880, "C3": 151_600, "S4": 2_000, "C5": 48_120, "F6": 10_164, "output": 840}
    counted = dict.fromkeys(connections, 0)
    for label in connections:
        for node in inside(graph, label):
            if node.op.name in ("conv", "fc"):
                counted[label] += graph.node_macs(node) + prod(node.shape)  # a bias for every unit
            elif node.op.name == "avgpool":
                counted[label] += prod(node.shape) * 5  # four inputs and a bias
            elif node.op.name == "rbf":
                counted[label] += prod(graph.in_shapes(node)[0]) * prod(node.shape)
    assert counted == connections
    assert sum(counted.values()) == 340_908


@pytest.mark.parametrize(("net", "squash", "pool"), [("lenet5", "tanh", "avgpool"), ("lenet5_relu", "relu", "maxpool")])
def test_lenet5_lecture_table(net: str, squash: str, pool: str) -> None:
    """32x32x1 > 28x28x6 > 14x14x6 > 10x10x16 > 5x5x16 > 120 > 84 > 10, about 60,000 parameters."""
    graph = graph_of(net)
    rows = [(node.op.name, node.shape) for node in graph.nodes]
    assert rows == [
        ("input", (1, 32, 32)),
        *(("conv", (6, 28, 28)), (squash, (6, 28, 28)), (pool, (6, 14, 14))),
        *(("conv", (16, 10, 10)), (squash, (16, 10, 10)), (pool, (16, 5, 5))),
        *(("fc", (120,)), (squash, (120,)), ("fc", (84,)), (squash, (84,)), ("fc", (10,))),
    ]
    assert [(params, macs) for _, params, macs in layers(graph)] == [
        *((156, 117_600), (2_416, 240_000)),
        *((48_120, 48_000), (10_164, 10_080), (850, 840)),
    ]


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


ALEXNET_LAYERS = [  # shape, parameters, MACs; parameters and MACs with two groups
    ((96, 55, 55), 34_944, 105_415_200, 34_944, 105_415_200),
    ((256, 27, 27), 614_656, 447_897_600, 307_456, 223_948_800),
    ((384, 13, 13), 885_120, 149_520_384, 885_120, 149_520_384),
    ((384, 13, 13), 1_327_488, 224_280_576, 663_936, 112_140_288),
    ((256, 13, 13), 884_992, 149_520_384, 442_624, 74_760_192),
    ((4096,), 37_752_832, 37_748_736, 37_752_832, 37_748_736),
    ((4096,), 16_781_312, 16_777_216, 16_781_312, 16_777_216),
    ((1000,), 4_097_000, 4_096_000, 4_097_000, 4_096_000),
]


def test_alexnet_layer_by_layer() -> None:
    """One tower, and the two halves of the paper; 650,000 neurons are those up to the last hidden layer."""
    tower, halves = graph_of("alexnet_single_tower"), graph_of("alexnet")
    assert layers(tower) == [(shape, params, macs) for shape, params, macs, _, _ in ALEXNET_LAYERS]
    assert layers(halves) == [(shape, params, macs) for shape, _, _, params, macs in ALEXNET_LAYERS]
    for graph in (tower, halves):
        assert sum(prod(shape) for shape, _, _ in layers(graph)) == 659_272
        assert table_activations(graph) == 936_323
        assert [node.op.p for node in graph.nodes if node.op.name == "dropout"] == [0.5, 0.5]  # type: ignore[attr-defined]


def test_caffenet_is_alexnet_with_pools_before_norms() -> None:
    """And with Caffe's own norm: k = 1, the mean over five maps times 1e-4 (bvlc_reference_caffenet)."""
    caffenet, alexnet = graph_of("caffenet"), graph_of("alexnet")
    assert layers(caffenet) == layers(alexnet)
    order = [node.op.name for node in caffenet.nodes][1:9]
    assert order == ["conv", "relu", "maxpool", "lrn", "conv", "relu", "maxpool", "lrn"]
    norms = [node.op for node in caffenet.nodes if node.op.name == "lrn"]
    assert [(op.size, op.alpha, op.beta, op.k) for op in norms] == [(5, 1e-4, 0.75, 1)] * 2  # type: ignore[attr-defined]


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
    assert [macs for _, _, macs in layers(graph)] == [
        *(86_704_128, 1_849_688_064, 924_844_032, 1_849_688_064),
        *(924_844_032, 1_849_688_064, 1_849_688_064, 924_844_032, 1_849_688_064, 1_849_688_064),
        *(462_422_016, 462_422_016, 462_422_016, 102_760_448, 16_777_216, 4_096_000),
    ]


def test_vgg16_memory_is_early_parameters_are_late() -> None:
    """The remark under the table: nearly half of the numbers in the first stage, 89% of the parameters in dense layers."""
    graph = graph_of("vgg16")
    early = sum(prod(node.shape) for node in inside(graph, "stage1") if node.op.name in ("conv", "maxpool"))
    assert 47 <= 100 * early / table_activations(graph) < 48
    assert 89 <= 100 * sum(params for shape, params, _ in layers(graph) if len(shape) == 1) / graph.params < 90


@pytest.mark.parametrize(
    ("net", "stages"),
    [
        ("vgg11", "1 1 2 2 2"),
        ("vgg11_lrn", "1 1 2 2 2"),
        ("vgg13", "2 2 2 2 2"),
        ("vgg16_c", "2 2 3 3 3"),
        ("vgg16", "2 2 3 3 3"),
        ("vgg19", "2 2 4 4 4"),
        ("vgg11_bn", "1 1 2 2 2"),
        ("vgg13_bn", "2 2 2 2 2"),
        ("vgg16_bn", "2 2 3 3 3"),
        ("vgg19_bn", "2 2 4 4 4"),
        ("vgg_face", "2 2 3 3 3"),
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
    assert sum(node.op.name == "bn" for node in graph.nodes) == (len(kernels) if net.endswith("_bn") else 0)


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


SQUEEZENET_ROWS = {  # table 1: output, parameters before pruning; the sizes are those of 227 pixels
    "conv1": ((96, 111, 111), 14_208),
    "fire2": ((128, 55, 55), 11_920),
    "fire3": ((128, 55, 55), 12_432),
    "fire4": ((256, 55, 55), 45_344),
    "fire5": ((256, 27, 27), 49_440),
    "fire6": ((384, 27, 27), 104_880),
    "fire7": ((384, 27, 27), 111_024),
    "fire8": ((512, 27, 27), 188_992),
    "fire9": ((512, 13, 13), 197_184),
    "conv10": ((1000, 13, 13), 513_000),
}


def test_squeezenet_table_1() -> None:
    graph = cnndsl.check("squeezenet1_0", input="3x227x227")
    rows = {
        label: (after(graph, label), sum(map(graph.node_params, inside(graph, label)))) for label in SQUEEZENET_ROWS
    }
    assert rows == SQUEEZENET_ROWS
    assert sum(params for _, params in rows.values()) == graph.params == 1_248_424


@pytest.mark.parametrize(
    ("net", "sizes"),
    [
        ("alexnet_torchvision", "55 27 27 13 13 13 13 6"),
        ("nin", "54 54 54 27 27 27 27 13 13 13 13 6 6 6 6"),  # pools round up
        ("nin_cifar", "32 32 32 16 16 16 16 8 8 8 8"),
        ("maxout_cifar", "33 16 15 7 9 5"),  # pools round up
        ("squeezenet1_1", " ".join(["111"] + ["55"] * 7 + ["27"] * 7 + ["13"] * 14)),
        ("convnetjs_cifar10", "32 16 16 8 8 4"),
        ("keras_mnist", "26 13 11 5 3"),
        ("cats_and_dogs", "148 74 72 36 34 17 15 7"),
    ],
)
def test_sizes_of_small_nets(net: str, sizes: str) -> None:
    """What comes out of every convolution and pool."""
    nodes = [node for node in graph_of(net).nodes if node.op.name in ("conv", "maxpool", "avgpool")]
    assert [node.shape[1] for node in nodes] == [int(size) for size in sizes.split()]


def test_keras_classroom_nets() -> None:
    """Keras' summaries of the lectures: 320, 18,496, 36,928, 36,928, 650 and 896, 18,496, 73,856, 147,584, 3,211,776, 513."""
    digits = [params for _, params, _ in layers(graph_of("keras_mnist"))]
    assert digits == [320, 18_496, 36_928, 36_928, 650]
    animals = [params for _, params, _ in layers(graph_of("cats_and_dogs"))]
    assert animals == [896, 18_496, 73_856, 147_584, 3_211_776, 513]


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


def test_unet_crops_in_the_middle() -> None:
    """Figure 1: 64x64, 136x136, 280x280, 568x568 maps are cropped to 56, 104, 200, 392, and come first."""
    graph = graph_of("unet")
    crops = [node for node in graph.nodes if node.op.name == "crop"]
    sizes = [(graph.in_shapes(node)[0][1], node.shape[1]) for node in crops]
    assert sizes == [(64, 56), (136, 104), (280, 200), (568, 392)]
    joins = [node for node in graph.nodes if node.op.name == "concat"]
    assert [graph.nodes[node.inputs[0]].op.name for node in joins] == ["crop"] * 4
    assert [graph.nodes[node.inputs[1]].op.name for node in joins] == ["deconv"] * 4
