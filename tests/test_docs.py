"""The documentation is true: examples check, generated pages are fresh, the walk-through works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnndsl import SpecError, check
from cnndsl.api import check_all
from cnndsl.op import OPS
from cnndsl.render import render
from cnndsl.shipped import shipped_nets

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SVG = "{http://www.w3.org/2000/svg}"
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz' dot is not installed")
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
sys.path.insert(0, str(DOCS))

import drawings  # noqa: E402
from gallery import FIELDS, IDEAS  # noqa: E402
from generate import PAGES  # noqa: E402


def blocks(page: str, language: str) -> Iterator[tuple[int, str, str]]:
    """The fenced blocks of a page in a language: the line, what stands behind the language, the text."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match[1] == language:
            yield text[: match.start()].count("\n") + 1, match[2].strip(), match[3]


EXAMPLES = [pytest.param(options, text, id=f"line {line}") for line, options, text in blocks("language.md", "cnn")]


@pytest.mark.parametrize(("options", "text"), EXAMPLES)
def test_example_of_the_language(options: str, text: str, tmp_path: Path) -> None:
    """A block is a whole spec; with sizes behind `cnn`, a chain for such inputs; with a code, an error of that code."""
    words = options.split()
    if words and words[0][0].isdigit():
        text = "\n".join([*(f"input {word}" for word in words), text])
    path = tmp_path / "example.cnn"
    path.write_text(text, encoding="utf-8")
    if not words or words[0][0].isdigit():
        graphs, found = check_all(path)
        assert graphs, "no net in it"
        assert not found, SpecError(found).render()
        return
    with pytest.raises(SpecError) as caught:
        check(path)
    assert words[0] in {diagnostic.code for diagnostic in caught.value.diagnostics}
    assert words[1:] == ["wrong"]


def test_examples_are_many_and_some_are_wrong() -> None:
    assert len(EXAMPLES) > 15
    assert sum(param.values[0].endswith("wrong") for param in EXAMPLES) >= 3


def test_paths_that_the_page_says() -> None:
    """The comments of the example on paths are what the graph says."""
    text = next(text for _, _, text in blocks("language.md", "cnn") if "stem.conv" in text)
    said = [name.strip() for names in re.findall(r"# (.*)", text) for name in names.split(",")]
    assert [node.path for node in check(text).nodes][1:] == said


def test_reserved_words_that_the_page_says() -> None:
    page = " ".join((DOCS / "language.md").read_text(encoding="utf-8").split())
    listed = re.search(r"These words are reserved: `([^`]*)`", page)
    grammar = (ROOT / "grammar" / "cnn.lark").read_text(encoding="utf-8")
    rules = re.sub(r"//[^\n]*", "", grammar)
    words = {word for word in re.findall(r'"([a-z]+)"', rules) if len(word) > 1}
    assert listed and set(listed[1].split()) == words


@pytest.mark.parametrize("name", PAGES)
def test_generated_page_is_fresh(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == PAGES[name](), f"docs/{name} is stale: python docs/generate.py"


def test_every_layer_has_its_place() -> None:
    page = (DOCS / "ops.md").read_text(encoding="utf-8")
    for name, op in OPS.items():
        assert (f"### {name}\n" in page) == op.written


def test_gallery_shows_every_net() -> None:
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    titles = {stem: title for stems in FIELDS.values() for stem, title in stems.items()}
    for net, path in shipped_nets().items():
        section = re.search(rf"^### {net}\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
        assert section is not None
        graph = check(net)
        assert f"| params | {graph.params:,} |" in section[1]
        contract = re.search(r"^  for .*\bH\b.*; .*\bW\b", section[1], re.MULTILINE)
        assert bool(contract) == any(len(shape) == 3 for shape in graph.inputs.values()), (
            "maps have a contract, vectors none"
        )
        assert f"(drawings/{net}.svg)" in section[1] or f'src="drawings/{net}.svg"' in section[1]
        assert f"## {titles[path.stem]}\n" in page
    assert set(re.findall(r"specs/\w+\.cnn(?=\))", page)) == {f"specs/{path.name}" for path in shipped_nets().values()}


def test_every_net_has_an_idea_of_its_own() -> None:
    """Two to five sentences each, none of them twice."""
    assert set(IDEAS) == set(shipped_nets())
    sentences = {net: re.split(r"(?<=[.?!])\s+(?=[A-Z0-9])", idea) for net, idea in IDEAS.items()}
    assert not {net for net, said in sentences.items() if not 2 <= len(said) <= 5}
    told = Counter(sentence for said in sentences.values() for sentence in said)
    assert not [sentence for sentence, times in told.items() if times > 1]


def test_every_net_has_a_drawing() -> None:
    assert {path.stem for path in drawings.FOLDER.iterdir()} == set(shipped_nets())


@pytest.mark.parametrize("net", shipped_nets())
def test_drawing_is_fresh(net: str) -> None:
    """It is an SVG of the net, made of the DOT text of today; graphviz may place things as it likes."""
    svg = (drawings.FOLDER / f"{net}.svg").read_text(encoding="utf-8")
    assert drawings.made_of(svg) == drawings.hash_of(drawings.drawing_of(net)), (
        f"{net}.svg is stale: python docs/generate.py"
    )
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root.findtext(f"{SVG}title") == net


@needs_dot
def test_drawing_is_made_small() -> None:
    """What `cnndsl draw` writes, in half the bytes: the same texts at the same places, the same tooltips."""
    dot = drawings.drawing_of("googlenet")
    whole, small = render(dot), drawings.small("googlenet", dot)
    assert len(small) < 0.55 * len(whole)
    texts = [
        [(t.text, round(float(t.attrib["x"]), 1)) for t in ET.fromstring(svg).iter(f"{SVG}text")]
        for svg in (whole, small)
    ]
    assert texts[0] == texts[1]
    assert small.count("<title>i3a.") == whole.count(b'xlink:title="i3a.') > 1


def test_links_lead_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([\w./-]+\.(?:md|svg|cnn))\)", text) + re.findall(r'src="([^"]+)"', text):
            assert (page.parent / target).is_file(), f"{page.name} links to {target}"


WALK_THROUGH = """
import sys
sys.path[:0] = [{root!r}, {tests!r}, {folder!r}]
import hardtanh
import cnndsl
import conformance
from cnndsl.op import OPS, Reject
op = OPS["hardtanh"]
for example in op.examples:
    try:
        made = conformance.parse_call(example.call)
        assert made.infer(*example.inputs) == example.result
        conformance.check(made, example.inputs)
    except Reject as reject:
        assert reject.message == example.result, reject.message
graph = cnndsl.check({spec!r})
assert graph.nodes[2].path == "hardtanh" and str(graph.nodes[2].op) == "hardtanh max_val=6", graph.nodes[2]
assert "nn.Hardtanh(-1.0, 6.0)" in cnndsl.compile({spec!r})
try:
    cnndsl.check("input 8x4x4 hardtanh max_val=-2")
except cnndsl.SpecError as error:
    assert "must be above" in str(error)
else:
    raise AssertionError("not refused")
try:
    cnndsl.check("input 8x4x4 hardtan")
except cnndsl.SpecError as error:
    assert "did you mean `hardtanh`?" in str(error), error
"""


def test_adding_an_op_as_the_page_says(tmp_path: Path) -> None:
    """In a process of its own: the table of ops is read-only here."""
    ((_, _, code),) = blocks("add-an-op.md", "python")
    ((_, sizes, chain),) = blocks("add-an-op.md", "cnn")
    (tmp_path / "hardtanh.py").write_text(code, encoding="utf-8")
    program = WALK_THROUGH.format(
        root=str(ROOT), tests=str(ROOT / "tests"), folder=str(tmp_path), spec=f"input {sizes}\n{chain}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
