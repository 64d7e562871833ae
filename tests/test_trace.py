"""Names of nodes: running indices, labels, lets, shared copies; and which convolutions have a bias."""

from __future__ import annotations

import keyword

import pytest
from torch import nn

from cnndsl import Graph, check
from cnndsl.graph import MODULE_NAMES


def paths(text: str) -> list[str]:
    return [node.path for node in check(text).nodes if node.op.name != "input"]


def test_no_module_attribute_is_missing_from_the_list() -> None:
    names = {name for name in (*dir(nn.Module), *vars(nn.Module())) if not name.startswith("_")}
    assert names <= MODULE_NAMES


def test_one_of_a_kind_has_no_index_and_several_count_from_one() -> None:
    assert paths("input 3x8x8 conv 3 1x1 -> relu -> conv 3 1x1") == ["conv1", "relu", "conv2"]


def test_labels_and_layers_of_one_name_count_together() -> None:
    assert paths("input 3x8x8 relu as conv -> conv 3 1x1") == ["conv1", "conv2"]


def test_an_index_steps_over_a_label_that_looks_like_one() -> None:
    assert paths("input 3x8x8 conv 3 1x1 -> conv 3 1x1 as conv1 -> conv 3 1x1") == ["conv2", "conv1", "conv3"]


def test_indices_of_different_names_do_not_collide() -> None:
    chain = " -> ".join(["conv 3 1x1"] * 11 + ["relu as conv1"] * 1)
    found = paths(f"input 3x8x8 {chain}")
    assert len(set(found)) == 12 and "conv1" in found


@pytest.mark.parametrize("name", ["double", "train", "lambda", "forward", "_x"])
def test_a_name_that_torch_or_python_needs_takes_an_index(name: str) -> None:
    assert paths(f"def {name} {{ relu }} net a {{ input 3x8x8 {name} }}") == [f"{name}1.relu"]
    assert name in MODULE_NAMES or keyword.iskeyword(name) or name.startswith("_")


def test_a_label_takes_the_place_of_a_block_name_and_a_let_holds_it() -> None:
    spec = """
        def b { conv 3 1x1 -> relu }
        net a { input 3x8x8  let y = b;  @y -> b as z -> (b * 2) as w -> b }
    """
    assert paths(spec) == [
        "y.b.conv", "y.b.relu", "z.conv", "z.relu", "w.b1.conv", "w.b1.relu", "w.b2.conv", "w.b2.relu", "b.conv", "b.relu",
    ]  # fmt: skip


def test_a_scope_that_holds_nothing_takes_no_index() -> None:
    assert paths("def b(n) { if n > 0 { relu } } net a { input 3x8x8 b 0 -> b 1 }") == ["b.relu"]


def test_equal_copies_of_each_shared_are_one_module() -> None:
    graph = check("input 3x8x8 as l input 3x8x8 as r each shared { conv 4 3x3 -> bn } -> add")
    assert [n.path for n in graph.nodes] == ["l", "r", "conv", "bn", "conv", "bn", "add"]
    assert [n.shares for n in graph.nodes] == [None, None, None, None, 2, 3, None]
    assert graph.params == 4 * 3 * 9 + 2 * 4


def test_copies_with_other_attributes_keep_their_names_and_share_the_weights() -> None:
    graph = check("input 3x8x8 each shared d in 1 2 { conv 4 3x3 same dilation=d } -> add")
    assert [n.path for n in graph.nodes] == ["input", "conv1", "conv2", "add"]
    assert graph.nodes[2].shares == 1 and graph.params == 4 * 3 * 9 + 4


def biases(graph: Graph) -> list[bool]:
    return [
        node.op.__dict__["bias"] for node in graph.nodes if "bias" in node.op.attributes and node.op.name != "scale"
    ]


def test_a_convolution_has_a_bias_unless_a_bn_reads_it() -> None:
    assert biases(check("input 3x8x8 conv 3 1x1 -> bn -> conv 3 1x1 -> relu -> bn")) == [False, True]
    assert biases(check("input 3x8x8 conv 3 1x1 bias=true -> bn -> conv 3 1x1 bias=false")) == [True, False]
    assert biases(check("input 3x8x8 conv 3 1x1 as x -> branch { relu | bn }")) == [False]
    assert biases(check("net a { default conv bias=false; input 3x8x8 conv 3 1x1 -> conv 3 1x1 bias=true }")) == [
        False,
        True,
    ]
