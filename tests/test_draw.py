"""Drawings: what is shown, that DOT takes it, that nothing a spec says can break it."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import cnndsl.ops  # noqa: F401 - fills OPS
from cnndsl import check
from cnndsl.draw import draw
from cnndsl.op import OPS
from cnndsl.palette import FAMILIES
from cnndsl.render import INSTALL, RenderError, render
from cnndsl.scene import scene

ROOT = Path(__file__).resolve().parent.parent
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz' dot is not installed")

RESIDUAL = """
def unit(n) { residual { conv n 3x3+1 -> bn -> relu -> conv n 3x3+1 -> bn } -> relu }
net small {
  about { title = "Small <&> net"; year = 2015; }
  input 3x32x32
  conv 16 3x3+1 -> bn -> relu -> (unit 16) * 5 -> unit 16 as last -> aux { globalavgpool -> fc 2 } -> globalavgpool -> fc 10
}
"""
BRANCHES = """
net fork { input 8x8x8  concat { conv 4 1x1 -> relu | conv 4 3x3+1 -> relu | maxpool 3x3/1+1 | id } -> globalavgpool -> fc 3 }
"""
NESTED = """
def unit(n) { conv n 3x3+1 -> bn -> relu -> conv n 1x1 }
def stage(n) { unit n -> unit n -> maxpool 3x3/1+1 }
net nested { input 8x8x8  (stage 8) * 3 -> fc 2 }
"""


DENSE = """
def layer(k) { concat { id | bn -> relu -> conv k 3x3+1 } }
net dense { input 8x6x6  (layer 4) * 5 -> conv 7 1x1 -> globalavgpool -> fc 2 }
"""


def edges(dot: str) -> list[tuple[str, str]]:
    return re.findall(r"^\s*(\w+) -> (\w+)", dot, re.MULTILINE)


def test_every_family_has_a_colour() -> None:
    assert {op.family for op in OPS.values()} <= set(FAMILIES)


def test_a_layer_its_norm_and_activation_are_one_box() -> None:
    graph = check(RESIDUAL)
    boxes = [[node.op.name for node in box.nodes] for box in scene(graph, fold=False).root.boxes()]
    assert boxes[:4] == [["input"], ["conv", "bn", "relu"], ["conv", "bn", "relu"], ["conv", "bn"]]
    assert ["add", "relu"] in boxes
    assert sum(map(len, boxes)) == len(graph.nodes)


def test_copies_in_a_row_are_drawn_once() -> None:
    dot = draw(check(RESIDUAL))
    assert dot.count("&times; 5") == 1
    assert dot.count("<B>add</B>") == 2  # the five copies, and the one that has a name and an auxiliary output
    assert draw(check(RESIDUAL), fold=False).count("<B>add</B>") == 6


def test_copies_inside_of_copies() -> None:
    graph = check(NESTED)
    dot = draw(graph)
    assert dot.count("&times; 3") == 1
    assert dot.count("&times; 2") == 1
    drawn = set(re.findall(r"^\s*(n\d+) \[label", dot, re.MULTILINE))
    assert {end for edge in edges(dot) for end in edge if end.startswith("n")} <= drawn
    assert len(drawn) == 5  # input, conv+bn+relu, conv, maxpool, fc


def test_dense_layers_are_drawn_once_and_say_where_they_lead() -> None:
    """Copies that differ in the number of maps alone; copies between which the height changes are drawn each for itself."""
    graph = check(DENSE)
    dot = draw(graph)
    assert dot.count("<B>concat</B>") == 1
    assert "<B>layer</B>  4  <B>&times; 5</B>, to 28×6×6>" in dot
    assert re.search(r"label=\" 12×6×6\"", dot) is None and " 28×6×6" in dot, (
        "the edge out of the block has the last copy's shape"
    )
    assert draw(graph, fold=False).count("<B>concat</B>") == 5
    shrinking = "def unit { conv 4 3x3 -> relu }\nnet n { input 4x9x9  unit * 3 }"
    assert "&times;" not in draw(check(shrinking))


def test_every_operand_is_an_edge_with_its_shape() -> None:
    graph = check(RESIDUAL)
    dot = draw(graph, fold=False)
    inside = sum(len(box.nodes) - 1 for box in scene(graph, fold=False).root.boxes())
    operands = sum(len(node.inputs) for node in graph.nodes)
    assert len(edges(dot)) == operands - inside + len(graph.results)
    assert "16×32×32" in dot
    assert "in training" in dot


def test_one_label_where_a_shape_goes_to_many() -> None:
    dot = draw(check(BRANCHES))
    labels = re.findall(r"n0 -> n\d+ \[label=\"?([^\]]*)", dot)
    assert len(labels) == 4
    assert sum("8×8×8" in label for label in labels) == 1


def test_equal_graphs_give_equal_text() -> None:
    assert draw(check(RESIDUAL)) == draw(check(RESIDUAL))


@needs_dot
@pytest.mark.parametrize("text", [RESIDUAL, BRANCHES, NESTED])
@pytest.mark.parametrize("across", [False, True])
def test_dot_takes_it(text: str, across: bool) -> None:
    svg = render(draw(check(text), across=across), "svg").decode()
    texts = [node.text or "" for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert any("fc" in words for words in texts)
    if text is RESIDUAL:
        assert "Small <&> net (2015)" in texts


@needs_dot
@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.svg")), ids=lambda path: path.stem)
def test_drawings_in_the_docs_are_fresh(path: Path) -> None:
    """The same words as a drawing made now; places depend on the version of graphviz. To renew: `cnndsl draw`."""

    def words(svg: bytes) -> list[str]:
        return sorted(node.text or "" for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))

    spec = path.with_suffix(".cnn")
    graph = check(str(spec) if spec.exists() else path.stem)
    assert words(path.read_bytes()) == words(render(draw(graph), "svg"))


@needs_dot
@pytest.mark.parametrize(
    ("format", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml"), ("dot", b"digraph")]
)
def test_formats(format: str, magic: bytes) -> None:
    assert render(draw(check(BRANCHES)), format).startswith(magic)


def test_another_format() -> None:
    with pytest.raises(ValueError, match="none of svg, png, pdf, dot"):
        render("digraph {}", "gif")


def test_without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RenderError) as error:
        render("digraph {}", "svg")
    assert str(error.value) == INSTALL


@needs_dot
def test_what_dot_says_is_passed_on() -> None:
    with pytest.raises(RenderError, match=r"`dot` failed: .*syntax error"):
        render("digraph { a -> ", "svg")
