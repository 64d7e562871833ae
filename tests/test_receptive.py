"""Receptive fields: published values, and every layer of many nets against back-propagation (`gradients.py`)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from gradients import Seen, Watched, seeded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cnndsl
from cnndsl import Graph, SpecError, check
from cnndsl.field import Field
from cnndsl.footprint import Reads, axes, through
from cnndsl.op import Shape
from cnndsl.ops.conv import Conv
from cnndsl.receptive import reads, receptive
from cnndsl.report import report
from cnndsl.rules import window_footprint
from cnndsl.table import summary_table

NETWORKS = Path(__file__).resolve().parent / "networks"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors: more threads cost more than they give."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def field_at(spec: str, path: str, **more: Any) -> Field:
    """The field of the last node at a path or under it."""
    graph = check(spec, **more)
    return [
        field
        for node, field in zip(graph.nodes, receptive(graph), strict=True)
        if f"{node.path}.".startswith(f"{path}.")
    ][-1]


# --- published values --------------------------------------------------------------------------------------------

MOBILENET_SAME = """
def unit(n, s) { dwconv 3x3/s same -> bn -> relu6 -> conv n 1x1 -> bn -> relu6 }
net mobilenet_v1 {
  input 3x224x224
  conv 32 3x3/2 same -> bn -> relu6
  -> for (n, s) in (64, 1) (128, 2) (128, 1) (256, 2) (256, 1) (512, 2) { unit n s }
  -> (unit 512 1) * 5 -> unit 1024 2 -> unit 1024 1 as last
  -> globalavgpool -> fc 1000
}
"""

ARAUJO = [
    # RECEPTIVE_FIELD_TABLE.md and README.md of google-research/receptive_field, the library of Araujo, Norris & Sim 2019
    # (Distill, doi:10.23915/distill.00021): net, path, receptive field, effective stride, effective padding
    ("alexnet", "conv1", 11, 4, 0),  # alexnet_v2/conv1
    ("alexnet", "norm_pool1.maxpool", 19, 8, 0),
    ("alexnet", "conv2", 51, 8, 16),
    ("alexnet", "conv3", 99, 16, 32),
    ("alexnet", "conv4", 131, 16, 48),
    ("alexnet", "conv5", 163, 16, 64),
    ("alexnet", "maxpool", 195, 32, 64),  # alexnet_v2/pool5
    ("vgg11", "stage2", 10, 4, 3),  # vgg_a/pool2
    ("vgg11", "stage5", 150, 32, 59),  # vgg_a/pool5
    ("vgg16", "stage1.conv1", 3, 1, 1),
    ("vgg16", "stage1", 6, 2, 2),
    ("vgg16", "stage3.conv2", 32, 4, 14),
    ("vgg16", "stage4", 100, 16, 42),
    ("vgg16", "stage5.conv2", 164, 16, 74),
    ("vgg16", "stage5", 212, 32, 90),  # vgg_16/pool5
    # TF-Slim has the stride in the 3x3 of the last unit of a stage, the paper in the first 1x1: the sums are the same.
    # torchvision and `resnet50` here have it in the first 3x3, and see less.
    ("resnet50_v1", "conv5_x", 483, 32, 239),
    ("resnet101_v1", "conv5_x", 1027, 32, 511),
    ("resnet152_v1", "conv5_x", 1507, 32, 751),
    (MOBILENET_SAME, "last", 315, 32, 126),  # mobilenet_v1 at 224: TensorFlow's SAME
]


@pytest.mark.parametrize(("net", "path", "size", "stride", "padding"), ARAUJO)
def test_published_by_araujo(net: str, path: str, size: int, stride: int, padding: int) -> None:
    field = field_at(net, path)
    assert (field.height.size, field.height.stride, field.height.offset) == (size, stride, padding)
    assert field.width == field.height


SIZES = [
    # gist samson-wang/a6073c18f2adf16e0ab5fb95b53db3e6, of torchvision's ResNets: the stride is in the first 3x3
    ("resnet18", "conv1", 7), ("resnet18", "maxpool", 11), ("resnet18", "conv2_x", 43), ("resnet18", "conv3_x", 99),
    ("resnet18", "conv4_x", 211), ("resnet18", "conv5_x", 435),
    ("resnet34", "conv2_x", 59), ("resnet34", "conv3_x", 179), ("resnet34", "conv4_x", 547), ("resnet34", "conv5_x", 899),
    ("resnet50", "conv2_x", 35), ("resnet50", "conv3_x", 91), ("resnet50", "conv4_x", 267), ("resnet50", "conv5_x", 427),
    ("resnet101", "conv4_x", 811), ("resnet101", "conv5_x", 971),
    # the lecture table of VGG-16 by r_out = r_in + (k - 1) * jump, as it stands in many courses: conv5_3
    ("vgg16", "stage5.conv3", 196),
    # the same, of GoogLeNet: 3b, 4a, 4e, 5b
    ("googlenet", "i3b", 91), ("googlenet", "i4a", 171), ("googlenet", "i4e", 427), ("googlenet", "i5b", 715),
]  # fmt: skip


@pytest.mark.parametrize(("net", "path", "size"), SIZES)
def test_published_sizes(net: str, path: str, size: int) -> None:
    field = field_at(net, path)
    assert field.height.size == field.width.size == size


# --- the definitions, by hand ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "cells"),
    [
        ("conv 4 3x3+1", ("3", "1", "1")),
        ("conv 4 3x5/2x1+0x2", ("3x5", "2x1", "0x2")),
        ("conv 4 3x3+2 dilation=2 -> conv 4 3x3+1", ("7", "1", "3")),
        ("maxpool 2x2 -> conv 4 3x3+1 -> upsample 2", ("6", "1", "2")),
        ("upsample 2", ("1", "1/2", "0")),
        ("upsample 4 bilinear", ("2", "1/4", "1")),
        ("upsample 3x1 -> conv 4 3x3+1", ("2x3", "1/3x1", "1")),
        ("deconv 4 4x4/2+1", ("2", "1/2", "1")),
        ("crop 8x8 offset=3", ("1", "1", "-3")),
        ("pad top=2 -> conv 4 1x1", ("1", "1", "2x0")),
        ("avgpool 12x12 -> fc 3", ("all", "", "")),
        ("crop 5x5 -> globalavgpool", ("5", "0", "-3")),  # it sees no more than that, from each of its positions
        ("conv 4 3x3/3 -> flatten", ("all", "", "")),
        ("globalavgpool -> conv 2 1x1 -> sigmoid as gate -> mul { @gate | @x }", ("all", "", "")),
        ("adaptiveavgpool 1x12", ("12x1", "12x1", "0")),
        ("globalavgpool -> upsample 12 -> crop top=3", ("all", "", "")),
        ("concat { maxpool 3x3 same/1 | id }", ("3", "1", "1")),
        (
            "concat { maxpool 5x5 -> upsample like=@x | id }",
            ("7", "uneven", "0"),
        ),  # by 5/6 and by 1; row 11 sees 5 to 11
    ],
)
def test_by_hand(chain: str, cells: tuple[str, str, str]) -> None:
    chain = chain.replace("3x3 same/1", "3x3/1 same")
    graph = check(f"net a {{ input 2x12x12 as x  {'@x -> ' if '@x' in chain else ''}{chain} }}")
    assert receptive(graph)[graph.results[0].node].cells() == cells


def test_everything_behind_a_gate_sees_everything() -> None:
    spec = """
    def se(n) { mul { globalavgpool -> conv n 1x1 -> relu -> conv 8 1x1 -> sigmoid | id } }
    net a { input 4x33x33  conv 8 3x3+1 as before -> se 2 as gated -> conv 8 3x3+1 -> maxpool 2x2 as behind }
    """
    assert field_at(spec, "before").cells() == ("3", "1", "1")
    assert field_at(spec, "gated.mul").cells() == field_at(spec, "behind").cells() == ("all", "", "")


def test_inputs() -> None:
    """Two of maps: the hull. A vector has no positions."""
    two = "net a { input 2x8x8 as x  input 2x8x8 as y  let p = @x -> conv 2 3x3+1; let q = @y -> crop top=4 -> pad bottom=4; add { @p | @q } }"
    (axis,) = {field_at(two, "add").height}
    assert [axis.at(i) for i in (0, 3)] == [(-1, 4), (2, 7)]
    noise = "net a { input 6 as z  @z -> fc 32 -> reshape 2x4x4 -> deconv 2 4x4/2+1 }"
    assert [field.cells() for field in receptive(check(noise))] == [("", "", "")] * 4
    both = "net a { input 6 as z  input 2x8x8 as x  let g = @z -> fc 2; let f = @x -> conv 2 3x3+1; add { @f | @g } }"
    assert field_at(both, "add").cells() == ("3", "1", "1")


def test_patterns_that_never_end_are_not_followed() -> None:
    """Sizes without a common divisor, one behind the other: `?`, in no time."""
    chain = " -> ".join(f"adaptiveavgpool {n}x1 -> conv 1 3x1" for n in (997, 1009, 1013, 1019))
    graph = check(f"input 1x991x1  {chain}")
    started = time.perf_counter()
    cells = [field.cells() for field in receptive(graph)]
    assert cells[1] == ("2x1", "991/997x1", "0")
    assert cells[-1][0] == "?x1"
    assert time.perf_counter() - started < 1


def test_thousands_of_nodes() -> None:
    spec = "def unit { residual { conv 8 3x3+1 -> bn -> relu -> conv 8 3x3+1 -> bn } -> relu }  net a { input 8x64x64  unit * 430 }"
    graph = check(spec)
    assert len(graph.nodes) > 3000
    times = []
    for _ in range(3):
        started = time.perf_counter()
        fields = receptive(graph)
        times.append(time.perf_counter() - started)
    assert fields[-1].height.size == 1 + 4 * 430
    assert min(times) < 0.5  # 0.05 s alone on a machine


# --- against back-propagation ------------------------------------------------------------------------------------

Position = tuple[Seen, bool]
"""What a position sees, cut off at every border on the way; and whether anything was cut off."""


def walked(graph: Graph, axis: int) -> list[list[Position]]:
    """What every position of every node sees inside of the maps, position by position.

    Fields are not cut off at borders and gradients are: here the footprints alone, without the arithmetic of `footprint.py`, say where
    that makes a difference.
    """
    nodes: list[list[Position]] = []
    for node in graph.nodes:
        length = axes(node.shape)[axis]
        if node.op.name == "input":
            nodes.append([((i, i) if len(node.shape) == 3 else None, False) for i in range(length)])
            continue
        row: list[Position] = []
        for i in range(length):
            seen: list[tuple[int, int]] = []
            cut = False
            for operand, read in zip(node.inputs, reads(graph, node), strict=True):
                span = read[axis].at(i) if read else None
                for j in range(span[0], span[1] + 1, read[axis].step) if span and read else ():
                    if not 0 <= j < len(nodes[operand]):
                        cut = True
                        continue
                    found, was = nodes[operand][j]
                    cut |= was
                    seen += [found] if found else []
            row.append(((min(a for a, _ in seen), max(b for _, b in seen)) if seen else None, cut))
        nodes.append(row)
    return nodes


def holds_against_gradients(spec: str, shapes: Any = None, most: int = 9, layers: int = 0) -> tuple[int, int]:
    """Compares every layer that is a module, and the outputs, at some positions; gives how many were, and how many of them uncut.

    Where nothing was cut off on the way the gradient reaches from the field's first to its last position; elsewhere no further.
    """
    graph = check(spec, shapes)
    fields = receptive(graph)
    with seeded():
        module = cnndsl.loads(spec, shapes) if cnndsl.api.is_text(spec) else cnndsl.load(spec, shapes)
        net = Watched(module, list(graph.inputs.values()))
        streams = (
            [(graph.results[k].node, y) for k, y in enumerate(net.outputs)]
            if len(net.outputs) == len(graph.results)
            else []
        )
        for path, given in net.given.items():
            mine = [node.index for node in graph.nodes if node.path == path]
            streams += list(zip(mine, given, strict=True)) if mine and path else []
        streams = streams[:: max(1, len(streams) // layers)] if layers else streams
        compared = uncut = 0
        both = (walked(graph, 0), walked(graph, 1))
        for axis, expected in enumerate(both):
            length = max(axes(shape)[axis] for shape in graph.inputs.values())
            for index, y in streams:
                node, field = graph.nodes[index], (fields[index].height, fields[index].width)[axis]
                assert tuple(y.shape[1:]) == node.shape
                n = field.length
                hollow = all(seen is None for seen, _ in both[1 - axis][index])
                for i in sorted(
                    {*range(min(n, most // 2)), *range(max(0, n - most // 3), n), n // 2, n // 2 - 1} & {*range(n)}
                ):
                    seen, (inside, cut) = net.sees(y, axis, i), expected[index][i]
                    if hollow:  # where no column sees anything, a row has nothing to see
                        assert seen is None
                        continue
                    where = f"{node.path} ({node.op}), axis {axis}, position {i} in\n{graph}"
                    compared += 1
                    assert seen == inside, f"torch {seen}, footprints {inside} at {where}"
                    said = field.at(i)
                    if said and field.whole:
                        said = (max(said[0], 0), min(said[1], length - 1))
                    if not cut and "?" not in field.cells():
                        uncut += 1
                        assert seen == said, f"torch {seen}, field {said} at {where}"
                    elif seen is not None and "?" not in field.cells():
                        assert said is not None and said[0] <= seen[0] and seen[1] <= said[1], (
                            f"torch {seen}, field {said} at {where}"
                        )
    return compared, uncut


ELEMENTS = """
conv 4 3x3 | conv 4 3x3/2+1 | conv 4 5x3/1x2+2x0 | conv 4 3x3+2 dilation=2 | conv 4 2x2 same | conv 4 4x5/3 same | conv 4 3x3/2 same
conv 4 3x3/2 same dilation=3 | conv 4 1x1/3 | conv 4 1x1/2 same | conv 4 3x3+1 groups=2 | dwconv 3x3/2+1 | dwconv 4x4 same multiplier=2
sepconv 4 3x3/2 same | sepconv 4 3x3+1 multiplier=2 | local 2 3x3/2+1 | local 2 4x4/3 same
deconv 4 2x2/2 | deconv 4 4x4/2+1 | deconv 4 3x3/2+1 output_padding=1 | deconv 4 5x5/2 same | deconv 4 2x2/3 same | deconv 4 3x3/2 dilation=3
deconv 4 1x1/2 | deconv 4 2x2/3+1 | deconv 4 3x3/4 dilation=2 | deconv 4 4x3/3x2 same bilinear | deconv 4 2x2/4 dilation=6+1
maxpool 2x2 | maxpool 3x3/2+1 | maxpool 3x3/2 ceil | maxpool 3x3/2+1 ceil | maxpool 3x3/2 same | maxpool 2x2/1 dilation=3 | maxpool 4x3/3 same
minpool 3x3/2+1 | avgpool 3x3/1 same | avgpool 5x5/3 ceil | avgpool 4x4/2+2 count_include_pad=false | lppool 3x3/2 same
globalavgpool | globalmaxpool | adaptiveavgpool 5x4 | adaptivemaxpool 7x3 | adaptiveavgpool 20x1 | adaptiveavgpool 19x30
relu | relu6 | leakyrelu 0.1 | prelu | elu | selu | gelu | silu | mish | hardswish | hardsigmoid | sigmoid | tanh | softplus | softmax | logsoftmax
abs | maxout 2 | bn | bn scale=false | lrn | gn 2 | ln | instancenorm | l2norm | scale per_channel | dropout | dropout2d | droppath 0.5
flatten | fc 3 | rbf 3 | fc 36 -> reshape 4x3x3 | pad 2 | pad top=1 left=3 channels=2 | crop 9x7 | crop 8x8 offset=2x1 | crop top=1 right=4
upsample 2 | upsample 3x1 | upsample 2 bilinear | upsample 3x2 bilinear align_corners | pixelshuffle 2 | channelshuffle 2 | slice 1 3 | id
"""


@pytest.mark.parametrize("element", [e.strip() for line in ELEMENTS.strip().split("\n") for e in line.split("|")])
def test_element(element: str) -> None:
    """Each kind of layer alone, and between two convolutions."""
    words = element.split()
    element = " ".join([*words[:2], *sorted(words[2:], key=lambda word: "=" in word)]).replace(
        "dilation=6+1", "dilation=6"
    )
    compared, uncut = holds_against_gradients(f"input 4x14x13  {element}")
    assert compared and uncut
    vector = element in ("flatten", "fc 3", "rbf 3")
    small = element.startswith(("global", "adaptiveavgpool 20x1"))
    behind = "fc 4" if vector else "conv 4 1x1" if small else "conv 4 3x3+1 -> conv 4 2x2/2"
    compared, uncut = holds_against_gradients(f"input 4x17x18  conv 4 3x3 -> {element} -> {behind}")
    assert compared and uncut


STREAMS = [
    "concat { conv 4 3x3 same | conv 4 5x5 same | id }",
    "add { conv 4 3x3/2+1 | maxpool 2x2 ceil }",
    "max { conv 4 3x3+1 | id } -> mean { id | maxpool 3x3/1+1 } -> sub { conv 4 1x1 | avgpool 3x3/1 same }",
    "mul { globalavgpool -> fc 4 -> sigmoid | conv 4 3x3+1 }",
    "mul { conv 1 7x7+3 -> sigmoid | id } -> conv 4 3x3+1",
    "mul { avgpool 15x15 -> conv 4 1x1 | id }",
    "residual project { conv 8 3x3/2+1 -> bn -> relu -> conv 8 3x3+1 -> bn } -> relu",
    "residual pad { conv 8 3x3/2+1 -> bn } -> residual scale=0.1 { conv 8 3x3+1 }",
    "id as x -> conv 4 3x3/2 -> upsample like=@x bilinear -> concat { id | @x } -> conv 4 3x3+1",
    "id as x -> maxpool 2x2 -> upsample like=@x -> add { id | @x } -> conv 4 3x3/2+1 -> conv 4 3x3+1",
    "id as x -> conv 4 4x4/2 -> deconv 4 2x2/2 -> crop 7x7 as y -> concat { id | @x -> crop like=@y }",
    "id as x -> conv 2 5x5 as y -> add { id | @x -> crop like=@y offset=1 -> conv 2 1x1 }",
    "maxpool 2x2 as p -> conv 4 3x3+1 -> unpool @p -> conv 2 3x3+1",
    "maxpool 3x3/2+1 as p -> relu -> unpool @p",
    "conv 4 3x3+1 -> maxpool 3x3/2 same as p -> conv 4 3x3 same -> maxpool 3x2/2 ceil as q -> conv 4 1x1 -> unpool @q -> unpool @p",
    "maxpool 2x2/1 dilation=3 as p -> unpool @p",
    "branch { conv 3 3x3+1 | conv 3 5x5+2 } -> gaussian -> conv 2 3x3",
    "split 2 -> each { conv 2 3x3+1 } -> concat",
    "concat { adaptiveavgpool 6x6 | conv 4 3x3/3 same -> conv 4 1x1 -> pad 1 -> crop 6x6 } -> conv 2 3x3",
    "concat { maxpool 5x5/4 -> upsample 4x4 bilinear -> crop 11x11 offset=0 | crop 11x11 } -> conv 3 3x3/2",
    "(residual { conv 4 3x3+1 -> relu }) * 4 -> aux { globalavgpool -> fc 2 } -> conv 4 3x3/2",
]


@pytest.mark.parametrize("chain", STREAMS)
def test_streams(chain: str) -> None:
    compared, uncut = holds_against_gradients(f"input 4x15x15  {chain}")
    assert compared and uncut


UNET = """
def double(n) { (conv n 3x3 -> relu) * 2 }
def unet(n, depth) {
  if depth == 0 { double n }
  else { double n as skip -> maxpool 2x2 -> unpadded n depth -> deconv n 2x2/2 as up -> concat { @skip -> crop like=@up | id } -> double n }
}
def unpadded(n, depth) { unet (2 * n) (depth - 1) }
net small { input 1x220x204  unet 2 4 -> conv 2 1x1 }
"""


def test_unet() -> None:
    """The paper's, with few channels: 572 - 388 = 184 rows are lost, so a field has 185 at least; the pixels of a 2x2 see more."""
    assert holds_against_gradients(UNET, most=8, layers=12)[1]
    paper, small = field_at("unet", "conv"), receptive(check(UNET))[-1]
    assert paper.cells() == small.cells()


def test_two_inputs() -> None:
    spec = "net a { input 2x12x12 as x  input 2x12x12 as y  each shared { conv 4 3x3+1 -> maxpool 2x2 } -> concat -> conv 3 3x3 }"
    assert holds_against_gradients(spec)[1]


SHIPPED = [
    ("lenet5", "1x32x32"), ("alexnet", "3x227x67"), ("googlenet", "3x224x80"), ("resnet18", "3x512x32"),
    ("resnet50", "3x512x32"), ("densenet121", "3x96x32"), ("mobilenet_v2", "3x512x32"),
]  # fmt: skip


@pytest.mark.parametrize(("net", "shape"), SHIPPED)
def test_shipped_net(net: str, shape: str) -> None:
    assert holds_against_gradients(net, shape, most=3, layers=8)[1]


# --- random nets -------------------------------------------------------------------------------------------------

QUIET = settings(
    derandomize=True, database=None, deadline=None, print_blob=False, suppress_health_check=list(HealthCheck)
)


@st.composite
def windows(draw: st.DrawFn, most: int = 5, halves: bool = False) -> str:
    """A window with a stride, and a padding or `same`."""
    kernel = draw(st.tuples(st.integers(1, most), st.integers(1, most)))
    stride = draw(st.sampled_from(((1, 1), (1, 1), (2, 2), (3, 2), (1, 2), (4, 3))))
    text = f"{kernel[0]}x{kernel[1]}/{stride[0]}x{stride[1]}"
    if draw(st.booleans()):
        return text + " same"
    bound = [k // 2 for k in kernel] if halves else [3, 3]
    return text + f"+{draw(st.integers(0, bound[0]))}x{draw(st.integers(0, bound[1]))}"


@st.composite
def layers(draw: st.DrawFn) -> str:
    """A layer of maps."""
    dilation = draw(st.sampled_from(("", "", " dilation=2", " dilation=3", " dilation=1x4")))
    ceil = draw(st.sampled_from(("", " ceil")))
    n = st.integers(1, 12)
    kinds = {
        "conv": f"conv 4 {draw(windows())}{dilation}",
        "dwconv": f"dwconv {draw(windows())}{dilation}",
        "deconv": f"deconv 4 {draw(windows())}{dilation}",
        "local": f"local 4 {draw(windows())}",
        "sepconv": f"sepconv 4 {draw(windows())}{dilation}",
        "maxpool": f"maxpool {draw(windows(4, True))}{ceil}{dilation}",
        "minpool": f"minpool {draw(windows(4, True))}{ceil}",
        "avgpool": f"avgpool {draw(windows(4, True))}{ceil}",
        "adaptive": f"{draw(st.sampled_from(('adaptiveavgpool', 'adaptivemaxpool')))} {draw(n)}x{draw(n)}",
        "nearest": f"upsample {draw(st.integers(1, 3))}x{draw(st.integers(1, 3))}",
        "bilinear": f"upsample {draw(st.integers(1, 3))}x2 bilinear{draw(st.sampled_from(('', ' align_corners')))}",
        "shuffle": f"conv 16 {draw(windows())} -> pixelshuffle 2",
        "pad": f"pad top={draw(st.integers(0, 4))} left={draw(st.integers(0, 3))} bottom={draw(st.integers(0, 3))}",
        "crop": f"crop top={draw(st.integers(0, 3))} right={draw(st.integers(0, 3))} left={draw(st.integers(0, 3))}",
        "middle": f"crop {draw(n)}x{draw(n)}",
        "corner": f"crop {draw(n)}x{draw(n)} offset={draw(st.integers(0, 3))}",
        "point": draw(st.sampled_from(("bn", "relu", "ln", "lrn", "softmax", "gelu"))),
        "maps": draw(st.sampled_from(("instancenorm", "gn 2", "globalavgpool"))),
    }
    return kinds[draw(st.sampled_from([*(kind for kind in kinds if kind != "maps")] * 3 + ["maps"]))]


def fits(spec: str) -> Graph | None:
    """The graph, where there is one and its maps are small."""
    try:
        graph = check(spec)
    except SpecError:
        return None
    return graph if all(max(axes(node.shape)) <= 60 for node in graph.nodes) else None


@st.composite
def nets(draw: st.DrawFn) -> str:
    """A chain of layers and of forks, as far as they fit."""
    spec = f"input 4x{draw(st.integers(8, 31))}x{draw(st.integers(8, 31))}  conv 4 1x1"
    for k in range(draw(st.integers(1, 5))):
        layer = draw(layers())
        merge = draw(st.sampled_from(("concat", "add", "max")))
        like = draw(
            st.sampled_from(
                (
                    "upsample like=@x{} bilinear",
                    "upsample like=@x{}",
                    "crop like=@x{}",
                    "upsample like=@x{} bilinear align_corners",
                )
            )
        )
        other = draw(layers())
        resize = f"adaptiveavgpool {draw(st.integers(2, 9))}x7"
        steps = (
            layer,
            layer,
            f"id as x{k} -> {merge} {{ {layer} -> conv 4 1x1 -> {like.format(k)} | @x{k} -> conv 4 1x1 }} -> conv 4 3x3+1",
            f"{merge} {{ {layer} -> conv 4 1x1 -> {resize} | {other} -> conv 4 1x1 -> {resize} }}",
            f"residual optional {{ {layer} }}",
            f"conv 4 1x1 -> maxpool {draw(windows(4, True))} as p{k} -> conv 4 3x3+1 -> unpool @p{k}",
        )
        longer = f"{spec} -> {draw(st.sampled_from(steps))}"
        spec = longer if fits(longer) else spec
    return spec


def test_random_nets() -> None:
    totals = [0, 0, 0]

    @settings(QUIET, max_examples=100)
    @given(nets())
    def every_one(spec: str) -> None:
        compared, uncut = holds_against_gradients(spec, most=6)
        for i, number in enumerate((1, compared, uncut)):
            totals[i] += number

    every_one()
    nets_, compared, uncut = totals
    assert compared > 50 * nets_ / 2
    assert uncut > compared / 4, totals


# --- the comparison bites ----------------------------------------------------------------------------------------


def one_off(op: Conv, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
    """The footprint of a convolution, with the window one column further on."""
    ((rows, columns),) = window_footprint(op, shapes, out)
    assert columns.spans[0]
    low, high = columns.spans[0]
    return ((rows, columns._replace(spans=((low + 1, high + 1),))),)


def test_a_wrong_footprint_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = "input 2x12x12  conv 4 3x3+1 -> maxpool 2x2"
    assert holds_against_gradients(spec)[1]
    monkeypatch.setattr(Conv, "footprint", one_off)
    with pytest.raises(AssertionError, match="axis 1"):
        holds_against_gradients(spec)


def test_wrong_arithmetic_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Footprints that are right, put together wrongly."""
    spec = "input 2x24x24  conv 4 3x3/2+1 -> conv 4 3x3+1"
    assert holds_against_gradients(spec)[1]
    monkeypatch.setattr("cnndsl.receptive.through", lambda far, near: through(near, far))
    with pytest.raises(AssertionError, match="field"):
        holds_against_gradients(spec)


# --- in reports --------------------------------------------------------------------------------------------------


def test_rows_of_a_report() -> None:
    graph = check("def stem { conv 4 3x5/2+1x2 -> relu }  net a { input 3x9x9  stem -> globalavgpool -> fc 2 }")
    assert "receptive_field" not in report(graph).to_json()["rows"][0]
    rows = report(graph, receptive(graph)).to_json()["rows"]
    keys = ("receptive_field", "stride", "offset")
    assert [[row[key] for key in keys] for row in rows[1:]] == [[[3, 5], [2, 2], [1, 2]]] * 2 + [[None] * 3] * 2
    folded = report(graph, receptive(graph)).to_json(1)["rows"]
    assert folded[1]["path"] == "stem" and folded[1]["receptive_field"] == [3, 5]
    mixed = check("net a { input 3x9x9  upsample 2x1 -> adaptiveavgpool 6x1 }")
    row = report(mixed, receptive(mixed)).to_json()["rows"][1]
    assert row["stride"] == [0.5, 1] and row["offset"] == [0, 0]


def test_table() -> None:
    graph = check("def stem { conv 4 3x5/2+1x2 -> relu }  net a { input 3x9x9  stem -> globalavgpool -> fc 2 }")
    plain, wide = summary_table(report(graph)), summary_table(report(graph, receptive(graph)))
    assert [column.head for column in wide.columns] == [
        *(c.head for c in plain.columns),
        "receptive field",
        "stride",
        "offset",
    ]
    assert {line.cells[0].strip(): line.cells[-3:] for line in wide.lines} == {
        "input": ("1", "1", "0"),
        "stem": ("3x5", "2", "1x2"),
        "stem.conv": ("3x5", "2", "1x2"),
        "stem.relu": ("3x5", "2", "1x2"),
        "globalavgpool": ("all", "", ""),
        "fc": ("all", "", ""),
    }
    assert [line.cells[:-3] for line in wide.lines] == [line.cells for line in plain.lines]
