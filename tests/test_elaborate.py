"""What elaboration makes of the language's own examples: shapes, counts, names, outputs, shared weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnndsl import SpecError, check
from cnndsl.graph import Graph


def paths(graph: Graph) -> list[str]:
    return [node.path for node in graph.nodes if node.op.name != "input"]


RESNET = """
def bottleneck(width, stride = 1) {
  residual project {
    conv width 1x1 -> bn -> relu -> conv width 3x3/stride+1 -> bn -> relu -> conv (4*width) 1x1 -> bn
  } -> relu
}
def stage(block, width, depth, stride = 2) {
  block width stride=stride -> (block width) * (depth - 1)
}
net resnet50(classes = 1000) {
  input 3x224x224
  conv 64 7x7/2+3 -> bn -> relu -> maxpool 3x3/2+1
  -> for (width, depth, stride) in (64, 3, 1) (128, 4, 2) (256, 6, 2) (512, 3, 2) {
       stage bottleneck width depth stride=stride
     }
  -> globalavgpool -> fc classes
}
"""


def test_resnet_50_of_the_contract() -> None:
    graph = check(RESNET)
    assert (graph.params, graph.macs) == (25_557_032, 4_089_184_256)  # torchvision
    assert graph.outputs == {"fc": (1000,)}
    assert check(RESNET, classes=10).params == 25_557_032 - 990 * 2049
    assert "stage2.bottleneck3.conv1" in paths(graph)
    ends = {name: next(n.shape for n in reversed(graph.nodes) if n.path.startswith(f"stage{i}."))
            for i, name in enumerate(("conv2", "conv3", "conv4", "conv5"), 1)}  # fmt: skip
    assert ends == {
        "conv2": (256, 56, 56),
        "conv3": (512, 28, 28),
        "conv4": (1024, 14, 14),
        "conv5": (2048, 7, 7),
    }  # table 1


def test_another_input() -> None:
    graph = check(RESNET, input="3x299x299")
    assert graph.inputs == {"input": (3, 299, 299)}
    assert graph.params == 25_557_032


def test_mobilenet_v2_of_the_contract() -> None:
    graph = check(
        """
        def inverted(out, expand, stride) {
          residual optional {
            if expand > 1 { conv (expand * channels) 1x1 -> bn -> relu6 }
            -> dwconv 3x3/stride+1 -> bn -> relu6 -> conv out 1x1 -> bn
          }
        }
        net mobilenet_v2 {
          input 3x224x224
          conv 32 3x3/2+1 -> bn -> relu6
          -> for (t, c, n, s) in (1, 16, 1, 1) (6, 24, 2, 2) (6, 32, 3, 2) (6, 64, 4, 2) (6, 96, 3, 1)
             (6, 160, 3, 2) (6, 320, 1, 1) {
               inverted c t s -> (inverted c t 1) * (n - 1)
             }
          -> conv 1280 1x1 -> bn -> relu6 -> globalavgpool -> dropout 0.2 -> fc 1000
        }
        """
    )
    assert (graph.params, graph.macs) == (3_504_872, 300_774_272)  # torchvision


UNET = """
def double(n) { (conv n 3x3+1 -> bn -> relu) * 2 }
def unet(n, depth) {
  if depth == 0 { double n }
  else { double n as skip -> maxpool 2x2/2 -> unet (2*n) (depth - 1)
         -> deconv n 2x2/2 -> concat { @skip | id } -> double n }
}
net unet { input 1xHxW unet 64 4 -> conv 2 1x1 }
"""


def test_unet_of_the_contract() -> None:
    graph = check(UNET, input="1x96x64")
    assert graph.outputs == {"conv": (2, 96, 64)}
    widths = [64, 128, 256, 512, 1024]
    down = sum(9 * a * b + 9 * b * b + 4 * b for a, b in zip([1, *widths], widths, strict=False))
    up = sum(2 * b * b * 4 + b + 9 * 2 * b * b + 9 * b * b + 4 * b for b in widths[:-1])
    assert graph.params == down + up + 2 * 64 + 2
    assert "unet.skip.conv1" in paths(graph)
    with pytest.raises(SpecError, match="E0302"):
        check(UNET, input="1x90x64")  # 90 is no multiple of 16
    contract = check(UNET).contract
    assert str(contract) == "[1, H, W] -> [2, H, W] for H = 0 mod 16, H >= 16; W = 0 mod 16, W >= 16"


def test_siamese_of_the_contract() -> None:
    graph = check(
        """
        def tower { (conv 64 3x3+1 -> bn -> relu -> maxpool 2x2/2) * 3 -> flatten }
        net siamese {
          input 1x105x105 as left  input 1x105x105 as right
          each shared { tower } -> sub -> abs -> fc 1 -> sigmoid
        }
        """
    )
    assert graph.inputs == {"left": (1, 105, 105), "right": (1, 105, 105)}
    once = (9 * 64 + 128) + 2 * (9 * 64 * 64 + 128)
    assert graph.params == once + 64 * 13 * 13 + 1
    convs = [node for node in graph.nodes if node.op.name == "conv"]
    assert [node.shares is None for node in convs] == [True] * 3 + [False] * 3
    assert [node.path for node in convs[3:]] == [node.path for node in convs[:3]]
    assert graph.macs == 2 * (9 * 64 * 105**2 + 9 * 64 * 64 * (52**2 + 26**2)) + 64 * 13 * 13


def test_nasnet_cell_of_the_contract() -> None:
    graph = check(
        """
        from "nasnet_cells" import normal
        net cells { input 44x28x28 as before input 44x28x28 as x (normal 44) * 4 }
        """
    )
    assert list(graph.outputs.values()) == [(264, 28, 28), (264, 28, 28)]


def test_googlenet_names() -> None:
    graph = check("googlenet")
    assert (graph.params, graph.inference_params) == (
        13_378_280,
        6_998_552,
    )  # the Caffe model, with and without classifiers
    assert "i3a.conv_relu2.conv" in paths(graph)
    assert len(graph.aux_outputs) == 2
    assert set(graph.aux_outputs.values()) == {(1000,)}


# --- names -------------------------------------------------------------------------------------------------------------

NAMES: dict[str, tuple[str, list[str]]] = {
    "one of a kind": ("input 3x8x8 conv 2 3x3 -> relu", ["conv", "relu"]),
    "several of a kind": ("input 3x8x8 conv 2 3x3 -> conv 2 3x3 -> relu", ["conv1", "conv2", "relu"]),
    "blocks": ("def f { conv 3 1x1 -> relu } input 3x8x8 f -> f", ["f1.conv", "f1.relu", "f2.conv", "f2.relu"]),
    "a label takes the name's place": (
        "def f { conv 3 1x1 } input 3x8x8 f as stem -> f -> conv 3 1x1 as head",
        ["stem.conv", "f.conv", "head"],
    ),
    "nested": (
        "def f { conv 3 1x1 } def g { f -> f } input 3x8x8 g -> g",
        ["g1.f1.conv", "g1.f2.conv", "g2.f1.conv", "g2.f2.conv"],
    ),
    "let": (
        "net a { input 3x8x8 let p = conv 3 1x1; let q = conv 3 1x1 -> relu; add { @p | @q } }",
        ["p.conv", "q.conv", "q.relu", "add"],
    ),
    "a labelled group": ("input 3x8x8 (conv 3 1x1 -> relu) * 2 as s", ["s.conv1", "s.relu1", "s.conv2", "s.relu2"]),
    "combinators are no scopes": (
        "input 3x8x8 residual { concat { conv 1 1x1 | conv 2 1x1 } }",
        ["conv1", "conv2", "concat", "add"],
    ),
    "one set of weights, one name": (
        "input 3x8x8 as a input 3x8x8 as b each shared { conv 2 3x3 } -> sub",
        ["conv", "conv", "sub"],
    ),
    "a label in aux": ("input 3x8x8 relu -> aux head { fc 4 } -> tanh", ["relu", "head.fc", "tanh"]),
    "words of Python": ("def class { relu } input 3x8x8 class -> relu as lambda", ["class1.relu", "lambda1"]),
    "words of PyTorch": ("def train { relu } input 3x8x8 train -> relu as forward", ["train1.relu", "forward1"]),
}


@pytest.mark.parametrize("name", NAMES)
def test_paths(name: str) -> None:
    spec, expected = NAMES[name]
    assert paths(check(spec)) == expected


def test_every_weight_has_a_path_of_its_own() -> None:
    for net in ("googlenet", "resnet50", "densenet121", "mobilenet_v2"):
        graph = check(net)
        owners = [node.path for node in graph.nodes if graph.weights(node)]
        assert len(set(owners)) == len(owners)


@pytest.mark.parametrize(
    ("spec", "outputs", "aux"),
    [
        ("input 3x8x8 relu", ["relu"], []),
        ("input 3x8x8 branch { conv 2 1x1 as scores | conv 4 1x1 as boxes }", ["scores", "boxes"], []),
        ("input 3x8x8 relu -> branch { conv 2 1x1 | conv 4 1x1 }", ["conv1", "conv2"], []),
        ("def head { fc 2 } input 3x8x8 head", ["head"], []),
        ("input 3x8x8 relu as x -> aux side { fc 2 } -> fc 3 as logits", ["logits"], ["side"]),
        ("input 3x8x8 branch { fc 2 as a | fc 3 } as both", ["both", "both2"], []),
    ],
)
def test_outputs_are_called_by_the_labels_of_their_last_elements(spec: str, outputs: list[str], aux: list[str]) -> None:
    graph = check(spec)
    assert (list(graph.outputs), list(graph.aux_outputs)) == (outputs, aux)


# --- files -------------------------------------------------------------------------------------------------------------


def test_which_net_of_a_file(tmp_path: Path) -> None:
    two = "net a { input 3x8x8 relu } net b { input 3x8x8 tanh }"
    for stem in ("a", "other"):
        (tmp_path / f"{stem}.cnn").write_text(two)
    (tmp_path / "single.cnn").write_text("net only { input 3x8x8 relu }")
    (tmp_path / "bare.cnn").write_text("input 3x8x8 relu")
    assert check(tmp_path / "a.cnn").name == "a"
    assert check(f"{tmp_path}/a.cnn:b").name == "b"
    assert check(tmp_path / "single.cnn").name == "only"
    assert check(tmp_path / "bare.cnn").name == "bare"
    with pytest.raises(SpecError, match=r"(?s)E0206.*`a`, `b`"):
        check(tmp_path / "other.cnn")
    with pytest.raises(SpecError, match=r"(?s)E0206.*`a`, `b`"):
        check(f"{tmp_path}/other.cnn:c")


def test_parameters_from_outside() -> None:
    spec = """
        def f { conv 3 1x1 }
        net a(n = 2, w = 1x1, act = relu, b = f, deep = false) { input 3x8x8 conv n w -> act -> if deep { b } }
    """
    assert check(spec).params == 8
    graph = check(spec, n=4, w="3x3+1", act="tanh", deep=True)
    assert [str(node.op) for node in graph.nodes[1:]] == ["conv 4 3x3+1 bias", "tanh", "conv 3 1x1 bias"]
    for wrong in (
        {"m": 1},
        {"n": 2.5},
        {"n": "x y"},
        {"w": "3xH"},
        {"act": "cnov"},
        {"n": [1]},
        {"n": float("inf")},
        {"n": float("nan")},
        {"n": 10**400},
    ):
        with pytest.raises(SpecError):
            check(spec, **wrong)


@pytest.mark.parametrize("wrong", ["3x8", "axbxc", "", "3x8x8x8", "0x8x8", "3x-8x8", "left=3x8x8", "9999999999x8x8"])
def test_inputs_that_are_none(wrong: str) -> None:
    with pytest.raises(SpecError):
        check("input 3x8x8 relu", input=wrong)


def test_several_inputs_from_outside() -> None:
    spec = "input 3x8x8 as left input 3x8x8 as right add"
    graph = check(spec, input={"left": "3x4x4", "right": "3x4x4"})
    assert graph.outputs == {"add": (3, 4, 4)}
    assert check(spec, input=["left=3x4x4", "right=3x4x4"]) == graph
    with pytest.raises(SpecError, match="E0302"):
        check(spec, input={"left": "3x4x4"})
    with pytest.raises(SpecError, match="E0213"):
        check(spec, input="3x4x4")


def test_equal_specs_give_equal_graphs() -> None:
    other = RESNET.replace("width", "w").replace("  ", " ").replace("\n", "\n# remark\n")
    assert check(RESNET).nodes[10].op == check(other).nodes[10].op
    assert [str(n.op) for n in check(RESNET).nodes] == [str(n.op) for n in check(other).nodes]
    assert check(RESNET) == check(RESNET.replace("\n", "\r\n"))
    assert check(RESNET) != check(RESNET, classes=10)


def test_independent_errors_come_in_one_run() -> None:
    with pytest.raises(SpecError) as caught:
        check(
            "def f { cnov 3 1x1 } net a { input 3x8x8 f -> conv 3 9x9 -> conv 2n 1x1 -> fc widht -> concat { relu } }"
        )
    codes = [diagnostic.code for diagnostic in caught.value.diagnostics]
    assert {"E0201", "E0103", "E0204"} <= set(codes)


def test_a_byte_order_mark_before_a_text_is_no_part_of_it() -> None:
    assert check("\ufeffinput 3x8x8 conv 4 3x3").params == 4 * 3 * 9 + 4
