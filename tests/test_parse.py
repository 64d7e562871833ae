"""The parser: what the tree holds, where its spans lie, and how it goes on behind an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnndsl import syntax
from cnndsl.parse import parse, parse_value
from cnndsl.source import Source

SPECS = sorted(
    path for folder in ("specs", "tests/networks") for path in (Path(__file__).parent.parent / folder).glob("*.cnn")
)


def file(text: str) -> syntax.File:
    return parse(Source("a.cnn", text))


def codes(text: str) -> list[str]:
    return [diagnostic.code for diagnostic in file(text).diagnostics]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_good_files_have_no_complaints(path: Path) -> None:
    tree = file(path.read_text(encoding="utf-8"))
    assert not tree.diagnostics
    assert tree.nets


def test_items() -> None:
    tree = file(
        'from "b" import f as g, h\ndef k(a, b = 2) on x, y { let p, q = f; g } net n(c = 1) { input 3x8x8 as i k }'
    )
    assert [(item.path, [(name.name, name.alias) for name in item.names]) for item in tree.imports] == [
        ("b", [("f", "g"), ("h", "h")])
    ]
    (block,) = tree.blocks
    assert (block.name, [p.name for p in block.parameters], [s.name for s in block.streams]) == (
        "k",
        ["a", "b"],
        ["x", "y"],
    )
    assert [name.name for name in block.lets[0].names] == ["p", "q"]
    (net,) = tree.nets
    assert (net.name, net.inputs[0].size.sizes, net.inputs[0].label) == ("n", (3, 8, 8), "i")


def test_binding() -> None:
    """A call takes every argument behind it; then binds `*`, then `as`, then `->`, then `|`."""
    (net,) = file("input 3x8x8 concat { f 1 a=2 3x3 -> g * 3 as x -> h | id }").nets
    assert net.chain is not None
    call = net.chain.links[0].element
    assert isinstance(call, syntax.Call)
    assert call.paths is not None
    first, second = call.paths
    assert [len(first.links), len(second.links)] == [3, 1]
    f, g, _ = first.links
    assert isinstance(f.element, syntax.Call)
    assert [argument.name for argument in f.element.arguments] == [None, "a", None]
    assert (g.count is not None, g.label) == (True, "x")


def test_spans_are_what_was_written() -> None:
    text = "net n { input 3x8x8\n  conv 64 7x7/2+3 -> relu as x }"
    (net,) = file(text).nets
    assert net.name_span.text == "n"
    assert net.chain is not None
    conv, relu = net.chain.links
    assert (conv.span.text, relu.span.text) == ("conv 64 7x7/2+3", "relu as x")
    assert str(conv.span) == "a.cnn:2:3"


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("3", syntax.Literal, 3),
        ("0.5", syntax.Literal, 0.5),
        ("1e-4", syntax.Literal, 1e-4),
        ('"a b"', syntax.Literal, "a b"),
        ("true", syntax.Literal, True),
        ("relu", syntax.Name, None),
        ("3x3/2+1", syntax.WindowValue, None),
        ("(1 + 2)", syntax.Binary, None),
        ("@x.height", syntax.StreamValue, None),
    ],
)
def test_values(text: str, kind: type, shown: object) -> None:
    value = parse_value(Source("v", text))
    assert isinstance(value, kind)
    if isinstance(value, syntax.Literal):
        assert value.value == shown
        assert type(value.value) is type(shown)


@pytest.mark.parametrize("text", ["", "1 2", "conv 3", "->", "a b", "{", "1x", "2n", "(", ")", "1 + 2"])
def test_no_values(text: str) -> None:
    assert parse_value(Source("v", text)) is None


def test_every_independent_error_is_found() -> None:
    """An error in one item, or in one link, hides no other."""
    text = """
def a { conv 2n 1x1 -> relu -> -> tanh }
def b { conv 3 1x1 }
def c { concat { relu | $ tanh } }
net d { input 3x8x8 conv (1 + ) 1x1 -> b }
net e { input 3x8x8 relu
"""
    found = codes(text)
    assert {"E0103", "E0108", "E0101", "E0104"} <= set(found)
    assert len(found) == 5
    tree = file(text)
    assert [block.name for block in tree.blocks] == ["a", "b", "c"]
    assert [net.name for net in tree.nets] == ["d", "e"]


def test_words_that_begin_like_reserved_ones_are_names() -> None:
    (block,) = file("def format { input_conv -> forward -> asx -> shared_ -> truely -> notx }").blocks
    assert block.chain is not None
    assert len(block.chain.links) == 6


@pytest.mark.parametrize("word", ["if", "for", "each", "let", "as", "in", "on", "input", "net", "def", "from", "import", "default",
                                  "about", "else", "shared", "true", "false", "and", "or", "not"])  # fmt: skip
def test_reserved_words_name_nothing(word: str) -> None:
    assert codes(f"def {word} {{ relu }}")
    assert codes(f"def f({word}) {{ relu }}")
    assert codes(f"def f {{ relu as {word} }}")


def test_a_hundred_ifs_side_by_side_are_not_deep() -> None:
    assert not codes("input 3x8x8 " + " -> ".join(["if channels > 3 { relu } else { tanh }"] * 300))


@settings(max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet='abx3.@#{}()|;=*"-></+ \n', max_size=80))
def test_any_text_parses_to_a_tree_and_complaints(text: str) -> None:
    tree = file(text)
    for diagnostic in tree.diagnostics:
        assert diagnostic.labels
        for label in diagnostic.labels:
            assert 0 <= label.span.start <= label.span.end <= len(text)
        assert diagnostic.render()
