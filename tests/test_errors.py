"""Every message that a spec can bring about: the catalogue of broken specs, whole text compared; and what holds of them all."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from catalogue import ERRORS, cases, complaints, text_of, working_in
from conftest import Golden

from cnndsl import SpecError, api, check
from cnndsl.codes import CODES
from cnndsl.diagnostic import Diagnostic
from cnndsl.names import flags
from cnndsl.op import OPS, PAIR, Op, attr, window
from cnndsl.source import MAX_BYTES
from cnndsl.suggest import apply

PACKAGE = Path(api.__file__).parent
FRONT_END = (
    "parse", "strays", "mistakes", "recover", "names", "workspace", "shipped", "api", "elaborate",
)  # fmt: skip
SPECS = [pytest.param(path, id=path.stem) for path in cases()]


@pytest.mark.parametrize("path", SPECS)
def test_whole_text(path: Path, golden: Golden) -> None:
    golden(path.with_suffix(".txt"), text_of(complaints(path)))


def test_no_text_without_its_spec() -> None:
    assert {path.stem for path in ERRORS.glob("*.txt")} == {path.stem for path in cases()}


@pytest.mark.parametrize(
    "path", [path for path in cases() if re.match(r"E\d{4}_", path.name)], ids=lambda path: path.stem
)
def test_named_after_its_code(path: Path) -> None:
    assert path.name[:5] in {diagnostic.code for diagnostic in complaints(path)}


@pytest.mark.parametrize("path", SPECS)
def test_what_holds_of_every_message(path: Path) -> None:
    found = complaints(path)
    assert found
    places = [(d.code, str(d.labels[0].span)) for d in found if d.labels]
    assert len(places) == len(set(places)), "one mistake is reported twice"
    for diagnostic in found:
        assert diagnostic.code in CODES
        assert not diagnostic.tries
        assert not diagnostic.message.endswith(".")
        text = diagnostic.render()
        assert not re.search(r"Token\(|Expected one of|LPAR|RBRACE|UnexpectedToken|\bNone\b|POISON|\bthe the\b", text)
        words = (diagnostic.message, *(label.text for label in diagnostic.labels), *diagnostic.notes)
        for said_ in (re.sub(r"`[^`]*`|\[[^]]*\]|=[^,]*", "", word) for word in words):
            assert not re.search(r"\b1 (?:stream|path|value|name|node|argument|copie)s\b|\b1 flow\b", said_), said_
            assert not re.search(r"\b(?:\d\d+|[2-9]) (?:stream|path|value|name|node|argument|copy)\b", said_), said_
        json.dumps(diagnostic.to_json())


@pytest.mark.parametrize("path", SPECS)
def test_edits_mend_what_they_are_offered_for(path: Path) -> None:
    """Made to the text, an edit takes its message away: the message, at that code and text, is met less often."""
    found = complaints(path)
    with working_in(path.parent):
        for diagnostic in found:
            for help_ in diagnostic.helps:
                texts = apply(help_.edits)
                for source, text in texts.items():
                    if source.name != path.name:
                        continue
                    after = [d for d in said(text, path) if key(d) == key(diagnostic)]
                    assert len(after) < sum(key(d) == key(diagnostic) for d in found), f"{help_.text}\n{text}"


def key(diagnostic: Diagnostic) -> tuple[str, str, str]:
    return diagnostic.code, diagnostic.message, diagnostic.labels[0].span.text if diagnostic.labels else ""


def said(text: str, path: Path) -> tuple[Diagnostic, ...]:
    """What is said about another text in the place of a catalogue's spec."""
    beside = path.with_name(f"mended_{path.name}")
    beside.write_text(text, encoding="utf-8")
    try:
        return complaints(beside)
    finally:
        beside.unlink()


# --- what no file of the catalogue can show ------------------------------------------------------------------------------


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(SpecError) as caught:
        call()
    return str(caught.value)


def test_no_such_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(lambda: check("absent.cnn")) == "error[E0503]: no such file: absent.cnn"


def test_no_file_but_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.cnn").mkdir()
    assert refusal(lambda: check("folder.cnn")) == "error[E0503]: folder.cnn is no file"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("locked.cnn").write_text("input 3x8x8 relu", encoding="utf-8")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert refusal(lambda: check("locked.cnn")) == "error[E0503]: cannot read locked.cnn: Permission denied"


def test_a_file_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("large.cnn").write_bytes(b"#" * (MAX_BYTES + 1))
    assert (
        refusal(lambda: check("large.cnn")) == "error[E0504]: large.cnn has 4,000,001 bytes; a spec may have 4,000,000"
    )


def test_no_shipped_net() -> None:
    assert refusal(lambda: check("resnet51")).startswith("error[E0206]: there is no shipped net `resnet51`, nor a file")


def test_a_parameter_that_is_no_value() -> None:
    text = "net a(n = 8) { input 3x8x8  conv n 3x3 }"
    assert refusal(lambda: check(text, n=[8, 16])) == (
        "error[E0404]: `n` cannot be a list\n"
        " --> <text>:1:7\n"
        "  |\n"
        "1 | net a(n = 8) { input 3x8x8  conv n 3x3 }\n"
        "  |       ^^^^^ takes a number, true or false, or text"
    )


def test_a_parameter_without_bounds() -> None:
    text = "net a(n = 8) { input 3x8x8  conv n 3x3 }"
    assert refusal(lambda: check(text, n=float("inf"))).startswith("error[E0408]: `n` is beyond 10 to the 18th\n")


def test_files_that_import_one_another_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(60):
        (tmp_path / f"m{i}.cnn").write_text(f'from "m{i + 1}" import a', encoding="utf-8")
    (tmp_path / "net.cnn").write_text('from "m0" import a\ninput 3x8x8 a', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert "error[E0215]: imports lead more than 50 files deep" in refusal(lambda: check("net.cnn"))


def test_a_link_out_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.cnn").write_text("def a { relu }", encoding="utf-8")
    (tmp_path / "inside" / "link.cnn").symlink_to(tmp_path / "outside.cnn")
    (tmp_path / "inside" / "net.cnn").write_text('from "link.cnn" import a\ninput 3x8x8 a', encoding="utf-8")
    monkeypatch.chdir(tmp_path / "inside")
    assert "error[E0216]: an import may not leave the folder of its file" in refusal(lambda: check("net.cnn"))


def test_more_nodes_than_a_net_may_have() -> None:
    """Counted one by one where no repetition gives them away."""
    halves = "def a(n) { if n > 0 { a (n - 1) -> a (n - 1) } else { relu } }\ninput 3x8x8 a 18"
    assert refusal(lambda: check(halves)).startswith("error[E0502]: more than 200,000 nodes")


def test_an_expression_of_thousands_of_operators() -> None:
    assert "error[E0107]: an expression has more than" in refusal(
        lambda: check(f"input 3x8x8 conv ({'1 + ' * 5000}1) 3x3")
    )


def test_a_window_with_a_part_that_the_layer_lacks() -> None:
    """No layer of the language lacks one; one that is added may."""

    class Glance(Op, name="glance", family="pool"):
        """A window without a padding: `glance window`."""

        kernel = window()
        stride = attr(PAIR, (1, 1))

    try:
        assert refusal(lambda: check("input 3x8x8 glance 3x3/2+1")) == (
            "error[E0202]: a window of `glance` has no padding\n"
            " --> <text>:1:20\n"
            "  |\n"
            "1 | input 3x8x8 glance 3x3/2+1\n"
            "  |                    ^^^^^^^ a padding is written here"
        )
    finally:
        del OPS["glance"]
        flags.cache_clear()


def test_deep_nesting_by_blocks() -> None:
    """A hundred blocks in one another, each of dozens of braces."""
    text = f"def a(n) {{ {'if n > 0 { ' * 30} a (n - 1) {'} ' * 30} }}\ninput 3x8x8 a 90"
    assert "error[E0501]: blocks and braces nest more than" in refusal(lambda: check(text))


def test_work_without_layers() -> None:
    loops = "id"
    for name in "abcdef":
        loops = f"for {name} in 0 .. 1000 {{ {loops} }}"
    assert "error[E0502]" in refusal(lambda: check(f"input 3x8x8 {loops}"))


# --- nothing is left out ---------------------------------------------------------------------------------------------------


WEIGHTS = {"E0601", "E0602", "E0603"}
"""Of checkpoints, not of specs: tests/test_weights.py shows them."""


def test_every_code_is_shown() -> None:
    shown = {diagnostic.code for path in cases() for diagnostic in complaints(path)}
    assert shown | {"E0503", "E0504", *WEIGHTS} == set(CODES)


SHOWN_ABOVE = {
    "no such file", "is no file", "has {", "cannot read", "there is no shipped net", "cannot be a {", "more than {MOST_NODES",
    "an expression has more than", "a window of `", "blocks and braces nest", "elements and streams make",
    "imports lead more than", "is beyond 10 to the 18th", "DECISIONS[first.why]",
}  # fmt: skip
"""Parts of messages that the tests above show, or those of `tests/limits/`, and no file of the catalogue does."""


def call_sites() -> dict[tuple[str, range], str]:
    """Every place in the front end that makes a diagnostic: the file and its lines, with the source of its message."""
    found = {}
    for name in FRONT_END:
        path = PACKAGE / f"{name}.py"
        for file in [path] if path.exists() else sorted((PACKAGE / name).glob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or len(node.args) < 2:
                    continue
                code = node.args[0]
                if isinstance(code, ast.Constant) and re.fullmatch(r"E\d{4}", str(code.value)):
                    lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                    found[str(file.relative_to(PACKAGE)), lines] = ast.unparse(node.args[1])
    return found


def test_every_message_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that makes a diagnostic is reached by a file of the catalogue, or by a test above."""
    sites, reached = call_sites(), set()
    assert len(sites) > 120

    plain = Diagnostic.__init__

    def traced(self: Diagnostic, *args: object, **kwargs: object) -> None:
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_name in ("complain", "stop", "fail"):
            frame = frame.f_back  # type: ignore[assignment]
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(PACKAGE):
            reached.add((str(file.relative_to(PACKAGE)), frame.f_lineno))
        plain(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Diagnostic, "__init__", traced)
    for path in cases():
        complaints(path)
    missing = [
        f"{file}:{lines.start}: {text}"
        for (file, lines), text in sites.items()
        if not any((file, line) in reached for line in lines) and not any(part in text for part in SHOWN_ABOVE)
    ]
    assert not missing, "\n".join(missing)
