"""The Inception nets layer by layer, module by module, and what an inception module costs."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import pytest
from published import after, graph_of, inside, params_without_biases, statistics

from cnndsl.graph import Graph, Node

GOOGLENET = """\
conv 64x112x112 9472 118013952, maxpool 64x56x56, lrn 64x56x56, conv 64x56x56 4160 12845056
conv 192x56x56 110784 346816512, lrn 192x56x56, maxpool 192x28x28
conv 64x28x28 12352 9633792, conv 96x28x28 18528 14450688, conv 128x28x28 110720 86704128
conv 16x28x28 3088 2408448, conv 32x28x28 12832 10035200, maxpool 192x28x28, conv 32x28x28 6176 4816896
concat 256x28x28
conv 128x28x28 32896 25690112, conv 128x28x28 32896 25690112, conv 192x28x28 221376 173408256
conv 32x28x28 8224 6422528, conv 96x28x28 76896 60211200, maxpool 256x28x28, conv 64x28x28 16448 12845056
concat 480x28x28
maxpool 480x14x14
conv 192x14x14 92352 18063360, conv 96x14x14 46176 9031680, conv 208x14x14 179920 35223552
conv 16x14x14 7696 1505280, conv 48x14x14 19248 3763200, maxpool 480x14x14, conv 64x14x14 30784 6021120
concat 512x14x14
avgpool 512x4x4, conv 128x4x4 65664 1048576, fc 1024 2098176 2097152, fc 1000 1025000 1024000
conv 160x14x14 82080 16056320, conv 112x14x14 57456 11239424, conv 224x14x14 226016 44255232
conv 24x14x14 12312 2408448, conv 64x14x14 38464 7526400, maxpool 512x14x14, conv 64x14x14 32832 6422528
concat 512x14x14
conv 128x14x14 65664 12845056, conv 128x14x14 65664 12845056, conv 256x14x14 295168 57802752
conv 24x14x14 12312 2408448, conv 64x14x14 38464 7526400, maxpool 512x14x14, conv 64x14x14 32832 6422528
concat 512x14x14
conv 112x14x14 57456 11239424, conv 144x14x14 73872 14450688, conv 288x14x14 373536 73156608
conv 32x14x14 16416 3211264, conv 64x14x14 51264 10035200, maxpool 512x14x14, conv 64x14x14 32832 6422528
concat 528x14x14
avgpool 528x4x4, conv 128x4x4 67712 1081344, fc 1024 2098176 2097152, fc 1000 1025000 1024000
conv 256x14x14 135424 26492928, conv 160x14x14 84640 16558080, conv 320x14x14 461120 90316800
conv 32x14x14 16928 3311616, conv 128x14x14 102528 20070400, maxpool 528x14x14, conv 128x14x14 67712 13246464
concat 832x14x14
maxpool 832x7x7
conv 256x7x7 213248 10436608, conv 160x7x7 133280 6522880, conv 320x7x7 461120 22579200, conv 32x7x7 26656 1304576
conv 128x7x7 102528 5017600, maxpool 832x7x7, conv 128x7x7 106624 5218304, concat 832x7x7
conv 384x7x7 319872 15654912, conv 192x7x7 159936 7827456, conv 384x7x7 663936 32514048, conv 48x7x7 39984 1956864
conv 128x7x7 153728 7526400, maxpool 832x7x7, conv 128x7x7 106624 5218304, concat 1024x7x7
avgpool 1024x1x1
fc 1000 1025000 1024000"""
"""Caffe's bvlc_googlenet with its auxiliary classifiers: output, parameters and MACs of a layer, in the prototxt's order."""

INCEPTION_V3 = """\
conv 32x149x149 864 19181664, conv 32x147x147 9216 199148544, conv 64x147x147 18432 398297088, maxpool 64x73x73
conv 80x73x73 5120 27284480, conv 192x71x71 138240 696867840, maxpool 192x35x35
conv 64x35x35 12288 15052800, conv 48x35x35 9216 11289600, conv 64x35x35 76800 94080000
conv 64x35x35 12288 15052800, conv 96x35x35 55296 67737600, conv 96x35x35 82944 101606400, avgpool 192x35x35
conv 32x35x35 6144 7526400, concat 256x35x35
conv 64x35x35 16384 20070400, conv 48x35x35 12288 15052800, conv 64x35x35 76800 94080000
conv 64x35x35 16384 20070400, conv 96x35x35 55296 67737600, conv 96x35x35 82944 101606400, avgpool 256x35x35
conv 64x35x35 16384 20070400, concat 288x35x35
conv 64x35x35 18432 22579200, conv 48x35x35 13824 16934400, conv 64x35x35 76800 94080000
conv 64x35x35 18432 22579200, conv 96x35x35 55296 67737600, conv 96x35x35 82944 101606400, avgpool 288x35x35
conv 64x35x35 18432 22579200, concat 288x35x35
conv 384x17x17 995328 287649792, conv 64x35x35 18432 22579200, conv 96x35x35 55296 67737600
conv 96x17x17 82944 23970816, maxpool 288x17x17, concat 768x17x17
conv 192x17x17 147456 42614784, conv 128x17x17 98304 28409856, conv 128x17x17 114688 33144832
conv 192x17x17 172032 49717248, conv 128x17x17 98304 28409856, conv 128x17x17 114688 33144832
conv 128x17x17 114688 33144832, conv 128x17x17 114688 33144832, conv 192x17x17 172032 49717248, avgpool 768x17x17
conv 192x17x17 147456 42614784, concat 768x17x17
conv 192x17x17 147456 42614784, conv 160x17x17 122880 35512320, conv 160x17x17 179200 51788800
conv 192x17x17 215040 62146560, conv 160x17x17 122880 35512320, conv 160x17x17 179200 51788800
conv 160x17x17 179200 51788800, conv 160x17x17 179200 51788800, conv 192x17x17 215040 62146560, avgpool 768x17x17
conv 192x17x17 147456 42614784, concat 768x17x17
conv 192x17x17 147456 42614784, conv 160x17x17 122880 35512320, conv 160x17x17 179200 51788800
conv 192x17x17 215040 62146560, conv 160x17x17 122880 35512320, conv 160x17x17 179200 51788800
conv 160x17x17 179200 51788800, conv 160x17x17 179200 51788800, conv 192x17x17 215040 62146560, avgpool 768x17x17
conv 192x17x17 147456 42614784, concat 768x17x17
conv 192x17x17 147456 42614784, conv 192x17x17 147456 42614784, conv 192x17x17 258048 74575872
conv 192x17x17 258048 74575872, conv 192x17x17 147456 42614784, conv 192x17x17 258048 74575872
conv 192x17x17 258048 74575872, conv 192x17x17 258048 74575872, conv 192x17x17 258048 74575872, avgpool 768x17x17
conv 192x17x17 147456 42614784, concat 768x17x17
conv 192x17x17 147456 42614784, conv 320x8x8 552960 35389440, conv 192x17x17 147456 42614784
conv 192x17x17 258048 74575872, conv 192x17x17 258048 74575872, conv 192x8x8 331776 21233664, maxpool 768x8x8
concat 1280x8x8
conv 320x8x8 409600 26214400, conv 384x8x8 491520 31457280, conv 384x8x8 442368 28311552
conv 384x8x8 442368 28311552, conv 448x8x8 573440 36700160, conv 384x8x8 1548288 99090432
conv 384x8x8 442368 28311552, conv 384x8x8 442368 28311552, avgpool 1280x8x8
conv 192x8x8 245760 15728640, concat 2048x8x8
conv 320x8x8 655360 41943040, conv 384x8x8 786432 50331648, conv 384x8x8 442368 28311552
conv 384x8x8 442368 28311552, conv 448x8x8 917504 58720256, conv 384x8x8 1548288 99090432
conv 384x8x8 442368 28311552, conv 384x8x8 442368 28311552, avgpool 2048x8x8
conv 192x8x8 393216 25165824, concat 2048x8x8
avgpool 2048x1x1, fc 1000 2049000 2048000"""
"""torchvision's inception_v3 at inference, likewise. A module's outputs count as one concatenation, 1x3 beside 3x1 or not."""

NAMES = {"globalavgpool": "avgpool"}
COUNTED = ("conv", "maxpool", "avgpool", "globalavgpool", "fc")


def entries(graph: Graph) -> Iterator[str]:
    """The layers of a graph as the tables have them; Inception-v3's is that of inference."""
    for node in graph.nodes:
        name = NAMES.get(node.op.name, node.op.name)
        numbers = f" {graph.node_params(node)} {graph.node_macs(node)}" if name in ("conv", "fc") else ""
        if name in (*COUNTED, "lrn", "concat") and not (node.aux and graph.name == "inception_v3"):
            yield f"{name} {'x'.join(map(str, node.shape))}{numbers}"


@pytest.mark.parametrize(("net", "table"), [("googlenet", GOOGLENET), ("inception_v3", INCEPTION_V3)])
def test_layer_by_layer(net: str, table: str) -> None:
    assert list(entries(graph_of(net))) == table.replace("\n", ", ").split(", ")


@pytest.mark.parametrize(("net", "numbers"), [("googlenet", 4_820_968), ("inception_v3", 11_949_779)])
def test_table_activations(net: str, numbers: int) -> None:
    """The numbers in the rows of a table: input, convolutions, pools, fully connected layers."""
    graph = graph_of(net)
    nodes = [node for node in graph.nodes if net == "googlenet" or not node.aux]
    assert sum(prod(node.shape) for node in nodes if node.op.name in ("input", *COUNTED)) == numbers


def test_googlenet_table_1_sums() -> None:
    """The columns of the paper's table 1 add up to 6,797.7K and 1,502M; its filters to 6,990,272 weights and 1,583M."""
    printed_params = (2.7, 112, 159, 380, 364, 437, 463, 580, 840, 1072, 1388, 1000)
    printed_ops = (34, 360, 128, 304, 73, 88, 100, 119, 170, 54, 71, 1)
    assert sum(printed_params) == pytest.approx(6797.7)
    assert sum(printed_ops) == 1502
    graph = graph_of("googlenet")
    main = [node for node in graph.nodes if not node.aux]
    assert params_without_biases(graph, main) == 6_990_272
    assert sum(map(graph.node_params, main)) == graph.inference_params == 6_990_272 + 8_280
    assert graph.inference_macs == 1_582_671_872


# --- what a module costs ---------------------------------------------------------------------------------------------


def convolutions(graph: Graph, kernel: int) -> list[Node]:
    return [n for n in graph.nodes if n.op.name == "conv" and n.op.kernel == (kernel, kernel)]  # type: ignore[attr-defined]


def test_reduction_before_5x5() -> None:
    """5x5x192x32 filters on 28x28 take 120M multiplications; through 16 maps, 12.4M with the reduction."""
    naive, reduced = graph_of("inception_naive"), graph_of("inception_reduced")
    (wide,) = convolutions(naive, 5)
    assert naive.node_macs(wide) == 5 * 5 * 192 * 32 * 28 * 28 == 120_422_400
    (narrow,) = convolutions(reduced, 5)
    (before,) = [node for node in convolutions(reduced, 1) if node.shape == (16, 28, 28)]
    costs = [reduced.node_macs(before), reduced.node_macs(narrow)]
    assert costs == [192 * 16 * 28 * 28, 5 * 5 * 16 * 32 * 28 * 28] == [2_408_448, 10_035_200]
    assert round(sum(costs) / 1e6, 1) == 12.4


def test_modules_by_hand() -> None:
    """Figure 2: the naive module hands its pool on as it is, so that maps add up: 64 + 128 + 32 + 192 = 416."""
    naive, reduced = graph_of("inception_naive"), graph_of("inception_reduced")
    filters = 192 * (64 + 9 * 128 + 25 * 32)
    assert (naive.params, naive.macs) == (filters + 64 + 128 + 32, filters * 28 * 28)
    assert after(naive, "concat") == (64 + 128 + 32 + 192, 28, 28)
    assert after(reduced, "inception") == (64 + 128 + 32 + 32, 28, 28)
    assert (reduced.params, reduced.macs) == (163_328 + 368, 128_049_152), "row 3a of table 1"


# --- GoogLeNet as torchvision has it ---------------------------------------------------------------------------------


def test_googlenet_torchvision_rows() -> None:
    """The modules have the widths of table 1, no filter is 5x5, and the fourth pool is 2x2."""
    ours, paper = graph_of("googlenet_torchvision"), graph_of("googlenet")
    for row in ("i3a", "i3b", "i4a", "i4b", "i4c", "i4d", "i4e", "i5a", "i5b"):
        both = [[n.shape for n in inside(graph, row) if n.op.name in ("conv", "concat")] for graph in (ours, paper)]
        assert both[0] == both[1]
    assert not convolutions(ours, 5)
    assert not any(node.op.name == "lrn" for node in ours.nodes)
    pools = [node.op for node in ours.nodes if node.op.name == "maxpool" and node.op.stride == (2, 2)]  # type: ignore[attr-defined]
    assert [op.kernel for op in pools] == [(3, 3), (3, 3), (3, 3), (2, 2)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("net", "pool"), [("googlenet", "avgpool"), ("googlenet_torchvision", "adaptiveavgpool")])
def test_googlenet_auxiliary_classifiers_hang_on_4a_and_4d(net: str, pool: str) -> None:
    graph = graph_of(net)
    assert list(graph.aux_outputs) == ["aux1", "aux2"]
    for name, row, channels in (("aux1", "i4a", 512), ("aux2", "i4d", 528)):
        first = inside(graph, name)[0]
        assert graph.nodes[first.inputs[0]] == inside(graph, row)[-1]
        assert (first.op.name, first.shape) == (pool, (channels, 4, 4))


# --- Inception-v3, v4, Inception-ResNet-v2 ---------------------------------------------------------------------------


def test_inception_v3_table_1() -> None:
    """The sizes of the paper's table. Its stem ends with two more 3x3 where the released one has a 1x1 and a pool."""
    graph = graph_of("inception_v3")
    stem = [node.shape for node in inside(graph, "stem") if node.op.name in ("conv", "maxpool")]
    assert stem[:4] == [(32, 149, 149), (32, 147, 147), (64, 147, 147), (64, 73, 73)]
    assert stem[4:] == [(80, 73, 73), (192, 71, 71), (192, 35, 35)]
    assert [after(graph, f"inception_a{i}") for i in (1, 2, 3)] == [(256, 35, 35), (288, 35, 35), (288, 35, 35)]
    assert after(graph, "reduction_a") == (768, 17, 17)
    assert {after(graph, f"inception_b{i}") for i in (1, 2, 3, 4)} == {(768, 17, 17)}
    assert after(graph, "reduction_b") == (1280, 8, 8)
    assert {after(graph, f"inception_c{i}") for i in (1, 2)} == {(2048, 8, 8)}
    assert after(graph, "globalavgpool") == (2048, 1, 1)


def test_inception_v3_auxiliary_classifier() -> None:
    """Figure 8: 5x5/3 average pool to 5x5x768, 128 filters of 1x1, 768 of 5x5; on the last 17x17 grid."""
    graph = graph_of("inception_v3")
    nodes = inside(graph, "auxiliary")
    assert all(node.aux for node in nodes)
    assert graph.nodes[nodes[0].inputs[0]] == inside(graph, "inception_b4")[-1]
    shapes = [node.shape for node in nodes if node.op.name in ("avgpool", "conv", "fc")]
    assert shapes == [(768, 5, 5), (128, 5, 5), (768, 1, 1), (1000,)]
    assert sum(map(graph.node_params, nodes)) == 3_326_696


def test_inception_v4_figure_9() -> None:
    graph = graph_of("inception_v4")
    sizes = {"inception_a": (384, 35, 35, 4), "inception_b": (1024, 17, 17, 7), "inception_c": (1536, 8, 8, 3)}
    for block, (*shape, depth) in sizes.items():
        modules = [after(graph, f"{block}{i + 1}") for i in range(depth)]
        assert modules == [tuple(shape)] * depth
        assert not any(node.path.startswith(f"{block}{depth + 1}") for node in graph.nodes)
    assert graph.in_shapes(inside(graph, "inception_a1")[0])[0] == (384, 35, 35)
    assert after(graph, "reduction_a") == (1024, 17, 17)
    assert after(graph, "reduction_b") == (1536, 8, 8)
    assert sum(node.op.name == "conv" for node in graph.nodes) == 149


def test_inception_resnet_v2_modules() -> None:
    """The released net: 10, 20 and 10 residual modules of 320, 1088 and 2080 maps, each with one linear 1x1 and its bias."""
    graph = graph_of("inception_resnet_v2")
    sums = [node for node in graph.nodes if node.op.name == "add"]
    assert [node.shape for node in sums] == [(320, 35, 35)] * 10 + [(1088, 17, 17)] * 20 + [(2080, 8, 8)] * 10
    linear = [n for n in graph.nodes if n.op.name == "conv" and "bias" in graph.weights(n)]
    assert [node.shape for node in linear] == [node.shape for node in sums]
    assert sum(node.shape[0] for node in linear) == 45_760
    rectified = {i for node in graph.nodes if node.op.name == "relu" for i in node.inputs}
    bare = [node for node in sums if node.index not in rectified]
    assert bare == sums[-1:], "the last module has no ReLU"


@pytest.mark.parametrize(
    ("net", "keras", "gammas"),
    [
        ("inception_v3", "inception_v3_keras", 17_216),
        ("inception_resnet_v2", "inception_resnet_v2_keras", 30_272),
    ],
)
def test_keras_has_no_gamma(net: str, keras: str, gammas: int) -> None:
    """The same layers at inference; the norms have no gamma, and no average counts the padding."""
    plain, graph = graph_of(net), graph_of(keras)
    assert list(entries(graph)) == list(entries(plain))
    assert plain.inference_params - graph.params == gammas
    assert statistics(graph) == 2 * gammas
    norms = [node.op for node in graph.nodes if node.op.name == "bn"]
    assert {(op.eps, op.momentum, op.scale) for op in norms} == {(1e-3, 0.01, False)}  # type: ignore[attr-defined]
    averages = [node.op for node in graph.nodes if node.op.name == "avgpool"]
    assert len(averages) == (9 if keras == "inception_v3_keras" else 1)
    assert all(op.same or op.count_include_pad is False for op in averages)  # type: ignore[attr-defined]
