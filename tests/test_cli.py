"""The command line as a user meets it: output, exit codes, files, and no traceback whatever happens."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cnndsl import cli, render
from cnndsl.cli import main

NET = """
def unit(n) { conv n 3x3+1 -> bn -> relu }
net a(classes = 10) { about { title = "A"; year = 2000; } input 3x32x32  unit 8 -> unit 16 -> globalavgpool -> fc classes }
net b { input 1x8x8  conv 2 3x3 -> flatten -> fc 2 }
"""
BROKEN = "net a { input 3x8x8  conv 8 3x3 -> rleu -> fc 10 }\n"
ENTRY = {"net", "file", "inputs", "outputs", "params", "macs"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.cnn").write_text(NET)
    (tmp_path / "broken.cnn").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNDSL_TRACEBACK", raising=False)
    return tmp_path


class Result:
    """Exit code and what was printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cnndsl(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> Result:
        code = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Result(code, out, err)

    return call


def process(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cnndsl", *arguments]
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job ignores it, and so would its children
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    finally:
        signal.signal(signal.SIGINT, before)


# --- check -------------------------------------------------------------------------------------------------------


def test_check_prints_a_line_for_each_net_of_a_file(cnndsl: Any) -> None:
    done = cnndsl("check", "net.cnn")
    assert done.code == 0
    assert done.err == ""
    assert [line.split()[0] for line in done.out.splitlines()] == ["a", "b"]
    assert "[3, 32, 32] -> [10]  1,586 params" in done.out


def test_check_counts_by_hand(cnndsl: Any) -> None:
    a = cnndsl("check", "net.cnn:a", "--json").json[0]
    params = (8 * 3 * 9 + 2 * 8) + (16 * 8 * 9 + 2 * 16) + (16 * 10 + 10)
    macs = 32 * 32 * (8 * 3 * 9 + 16 * 8 * 9) + 160
    assert a == {
        "net": "a",
        "file": "net.cnn",
        "inputs": {"input": [3, 32, 32]},
        "outputs": {"fc": [10]},
        "params": params,
        "macs": macs,
    }


def test_check_takes_settings_and_sizes(cnndsl: Any) -> None:
    entry = cnndsl("check", "net.cnn:a", "--set", "classes=7", "--input", "3x64x64", "--json").json[0]
    assert entry["inputs"] == {"input": [3, 64, 64]}
    assert entry["outputs"] == {"fc": [7]}


def test_check_reads_standard_input(cnndsl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("input 1x28x28  conv 4 3x3 -> relu -> fc 10"))
    assert "[1, 28, 28] -> [10]" in cnndsl("check", "-").out


def test_a_broken_spec_does_not_hide_the_others(cnndsl: Any) -> None:
    done = cnndsl("check", "broken.cnn", "net.cnn")
    assert done.code == 1
    assert len(done.out.splitlines()) == 2
    assert done.err.startswith("error[E")
    assert "rleu" in done.err
    assert "\x1b" not in done.err


def test_errors_as_json(cnndsl: Any) -> None:
    done = cnndsl("check", "net.cnn", "broken.cnn", "--json")
    assert done.code == 1
    assert done.err == ""
    *nets, failed = done.json
    assert all(set(net) == ENTRY for net in nets)
    assert failed["file"] == "broken.cnn"
    (error,) = failed["errors"]
    assert error["labels"][0]["line"] == 1
    assert error["labels"][0]["column"] == BROKEN.index("rleu") + 1
    assert cnndsl("summary", "broken.cnn", "--json").json == failed


@pytest.mark.parametrize("verb", ["check", "compile", "summary", "draw"])
@pytest.mark.parametrize("spec", ["broken.cnn", "absent.cnn", "resnt50", "net.cnn:c", "net.cnn:", ":", "", "."])
def test_errors_of_a_spec_exit_1(cnndsl: Any, verb: str, spec: str) -> None:
    done = cnndsl(verb, spec)
    assert done.code == 1
    assert done.err.startswith("error")


# --- compile -----------------------------------------------------------------------------------------------------


def test_compile_writes_source_and_a_short_report(cnndsl: Any, here: Path) -> None:
    done = cnndsl("compile", "net.cnn:a")
    assert done.code == 0
    source = (here / "a.py").read_text()
    compile(source, "a.py", "exec")
    assert "cnndsl" not in [line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))]
    for words in ("[3, 32, 32]", "[10]", "1,586", "MACs", "FLOPs", "a.py"):
        assert words in done.out
    assert len(done.out.splitlines()) < 12
    assert [path.name for path in here.iterdir() if path.name.startswith(".")] == []


def test_compile_to_standard_output(cnndsl: Any, here: Path) -> None:
    done = cnndsl("compile", "net.cnn:a", "-o", "-")
    compile(done.out, "a.py", "exec")
    assert "1,586" in done.err
    assert not (here / "a.py").exists()


def test_compile_keeps_what_was_there_when_it_fails(cnndsl: Any, here: Path) -> None:
    (here / "a.py").write_text("mine")
    assert cnndsl("compile", "broken.cnn", "-o", "a.py").code == 1
    assert (here / "a.py").read_text() == "mine"


@pytest.mark.parametrize("target", ["no/such/folder/a.py", "folder", "net.cnn/a.py"])
def test_a_place_that_cannot_be_written(cnndsl: Any, here: Path, target: str) -> None:
    (here / "folder").mkdir()
    done = cnndsl("compile", "net.cnn:a", "-o", target)
    assert done.code == 1
    assert done.err.startswith(f"error: cannot write {target}")


# --- summary, list, ops, explain ---------------------------------------------------------------------------------


def test_summary(cnndsl: Any) -> None:
    done = cnndsl("summary", "net.cnn:a")
    assert "MACs (FLOPs = 2 x MACs)" in done.out
    assert "unit1.conv" in done.out
    assert "\x1b" not in done.out
    folded = cnndsl("summary", "net.cnn:a", "--depth", "1")
    assert "unit1.conv" not in folded.out
    assert "unit 8" in folded.out
    assert "receptive field" not in done.out
    wide = cnndsl("summary", "net.cnn:a", "--receptive")
    assert wide.code == 0 and "receptive field  stride  offset" in wide.out
    rows = cnndsl("summary", "net.cnn:a", "--json").json["rows"]
    assert sum(row["params"] for row in rows) == 1_586


def test_list_shows_what_ships(cnndsl: Any) -> None:
    nets = {net["net"]: net for net in cnndsl("list", "--json").json}
    assert nets["resnet50"]["params"] == 25_557_032  # He et al. 2015; torchvision's num_params
    assert nets["resnet50"]["inputs"] == {"input": [3, 224, 224]}
    assert nets["resnet50"]["year"] == 2015
    table = cnndsl("list").out
    assert all(name in table for name in nets)


def test_ops_come_from_their_docstrings(cnndsl: Any) -> None:
    from cnndsl.op import OPS

    every = cnndsl("ops", "--json").json
    assert {op["name"] for op in every} == {op.name for op in OPS.values() if op.written}
    assert all(op["doc"] and op["examples"] for op in every)
    conv = cnndsl("ops", "conv", "--json").json
    assert next(a for a in conv["attributes"] if a["name"] == "dilation")["default"] == "1"
    text = cnndsl("ops", "conv").out
    assert "2-D convolution" in text
    assert "groups" in text
    assert "conv 64 7x7/2+3" in text


def test_unknown_names_get_the_nearest_known(cnndsl: Any) -> None:
    assert "did you mean `conv`" in cnndsl("ops", "cnov").err
    assert "did you mean `check`" in cnndsl("chek").err
    assert "did you mean" in cnndsl("explain", "E02O1").err
    assert "resnet50" in cnndsl("check", "resnt50").err
    assert "--json" in cnndsl("check", "net.cnn", "--jsn").err


def test_explain(cnndsl: Any) -> None:
    codes = cnndsl("explain", "--json").json
    assert len(codes) > 20
    for code in codes:
        done = cnndsl("explain", code["code"].lower())
        assert done.code == 0
        assert code["title"] in done.out


# --- usage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["check"],
        ["nonsense"],
        ["check", "net.cnn", "--input", "3x"],
        ["check", "net.cnn", "--set", "classes"],
        ["check", "net.cnn", "--set", "=3"],
        ["summary", "net.cnn:a", "--depth", "0"],
        ["draw", "net.cnn:a", "-o", "a.gif"],
        ["draw", "net.cnn:a", "-o", "a"],
        ["ops", "nonsense"],
        ["explain", "E9999"],
        ["compile", "a", "b"],
    ],
)
def test_wrong_usage_exits_2(cnndsl: Any, arguments: list[str]) -> None:
    assert cnndsl(*arguments).code == 2


@pytest.mark.parametrize("verb", ["compile", "check", "summary", "draw", "list", "ops", "explain"])
def test_help_has_examples(cnndsl: Any, verb: str) -> None:
    done = cnndsl(verb, "--help")
    assert done.code == 0
    assert f"cnndsl {verb}" in done.out.split("Examples:")[1]


def test_version(cnndsl: Any) -> None:
    from cnndsl import __version__

    assert cnndsl("--version").out == f"cnndsl {__version__}\n"


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("0.5", 0.5), ("true", True), ("false", False), ("3x3/2", "3x3/2"), ('"a b"', "a b")]
)
def test_settings(text: str, value: object) -> None:
    from cnndsl.arguments import read_value

    assert read_value(text) == value
    assert type(read_value(text)) is type(value)


# --- draw --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz' dot is not installed")
def test_draw(cnndsl: Any, here: Path) -> None:
    assert cnndsl("draw", "net.cnn:a").code == 0
    assert "<svg" in (here / "a.svg").read_text()
    assert cnndsl("draw", "net.cnn:a", "-o", "a.png").code == 0
    assert (here / "a.png").read_bytes().startswith(b"\x89PNG")


def test_draw_as_dot_needs_no_graphviz(cnndsl: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert cnndsl("draw", "net.cnn:a", "-o", "-").out.startswith("digraph")
    assert cnndsl("draw", "net.cnn:a", "-o", "a.dot").code == 0
    done = cnndsl("draw", "net.cnn:a")
    assert done.code == 1
    assert done.err == f"error: {render.INSTALL}\n"


# --- the world outside -------------------------------------------------------------------------------------------


def test_a_bug_is_one_line(cnndsl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(cli, "build", broken)
    done = cnndsl("summary", "net.cnn:a")
    assert done.code == 70
    assert done.err.startswith("error: a bug of cnndsl: ZeroDivisionError")
    assert len(done.err.splitlines()) == 1


def test_a_missing_package_is_named(cnndsl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    done = cnndsl("draw", "net.cnn:a", "-o", "-")
    assert done.code == 1
    assert "pip install graphviz" in done.err


def test_ctrl_c_exits_130_and_leaves_nothing(here: Path) -> None:
    (here / "long.cnn").write_text("net a { input 8x32x32 (conv 8 3x3+1 -> relu) * 40000 }")
    running = process("compile", "long.cnn", cwd=here)
    time.sleep(1.5)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err.strip() == "error: interrupted"
    assert not (here / "a.py").exists()


def test_a_reader_that_goes_away(here: Path) -> None:
    (here / "long.cnn").write_text("net a { input 8x8x8 (conv 8 3x3+1 -> relu) * 3000 }")
    running = process("summary", "long.cnn", cwd=here)
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    assert "Traceback" not in running.stderr.read()
    assert running.wait(timeout=60) != 0
    running.stderr.close()


def on_terminal(*arguments: str, **env: str) -> str:
    """What a command line prints on a terminal of 100 columns."""
    master, slave = pty.openpty()
    variables = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **env}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        if name not in env:
            variables.pop(name, None)
    running = subprocess.Popen([sys.executable, "-m", "cnndsl", *arguments], stdout=slave, stderr=slave, env=variables)
    os.close(slave)
    said = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    running.wait(timeout=60)
    os.close(master)
    return said.decode()


@pytest.mark.parametrize("arguments", [("summary", "net.cnn:a"), ("check", "broken.cnn")])
def test_colours_on_a_terminal_only(arguments: tuple[str, ...]) -> None:
    assert "\x1b[" in on_terminal(*arguments)
    assert "\x1b[" not in on_terminal(*arguments, NO_COLOR="1")
    assert "\x1b[" not in on_terminal(*arguments, TERM="dumb")


def test_completion_knows_nets_and_ops(here: Path) -> None:
    def complete(words: str, at: int) -> str:
        env = {**os.environ, "_CNNDSL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        return subprocess.run(
            [sys.executable, "-c", "from cnndsl.cli import run; run()"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "plain,resnet152" in complete("cnndsl summary resnet1", 2)
    assert "plain,maxpool" in complete("cnndsl ops maxp", 2)
    assert "plain,summary" in complete("cnndsl su", 1)
