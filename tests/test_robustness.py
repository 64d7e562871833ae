"""Hostile and careless input: whatever the text or the file, a diagnostic or a graph, soon, in bounded memory, never a crash.

Times are of the processor, so that a busy machine does not fail the tests; the limits leave room for a slow one.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import cnndsl
from cnndsl import SpecError
from cnndsl.codes import CODES
from cnndsl.diagnostic import Diagnostic

MAPS = "input 3x8x8 "
N = 10**5
SOON, LARGE = 2.0, 10.0
"""Seconds: for a short text, and for one of a hundred thousand elements or more."""
SLACK = 3.0
"""A machine may be so much slower than the one the limits are meant for."""
MOST_MEMORY = 3 << 30


def hangs(*_: object) -> None:
    raise AssertionError("it hangs")


def forget_peak() -> None:
    """Linux measures the peak from here on: the process may have run large nets before."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """The most bytes in memory since `forget_peak`; where the system does not tell, since the process began."""
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def outcome(spec: str | Path, limit: float) -> str:
    """`ok`, or the codes of the diagnostics; fails for another exception, for unreadable text, and where it takes too long."""
    gc.collect()
    forget_peak()
    start = time.process_time()
    signal.signal(signal.SIGALRM, hangs)
    signal.alarm(int(10 * limit))
    found: tuple[Diagnostic, ...] = ()
    text = ""
    try:
        cnndsl.check(spec)
    except SpecError as error:
        found, text = error.diagnostics, error.render() or "?"
    finally:
        signal.alarm(0)
    seconds = time.process_time() - start
    assert seconds < limit * SLACK, f"{seconds:.1f} s of {limit} s"
    assert peak_memory() < MOST_MEMORY
    assert bool(found) == bool(text)
    assert len(text) < 4_000_000
    codes = {diagnostic.code for diagnostic in found}
    assert codes <= CODES.keys()
    return " ".join(sorted(codes)) or "ok"


SHORT: dict[str, tuple[str, str]] = {
    # numbers
    "1e999": (MAPS + "conv 1e999 1x1", "E0106"),
    "1e9999 by name": (MAPS + "bn eps=1e9999", "E0106"),
    "a product": (MAPS + "conv (" + " * ".join(["1000000000"] * 20) + ") 1x1", "E0408"),
    "a product of fractions": (MAPS + "conv (1e300 * 1e300) 1x1", "E0408"),
    "a difference of infinities": (MAPS + "conv (1e300 * 1e300 - 1e300 * 1e300) 1x1", "E0408"),
    "a large ceil": (MAPS + "conv (ceil(1e308)) 1x1", "E0408"),
    "a large remainder": (MAPS + "conv (1e308 // 1e-308) 1x1", "E0408"),
    "a large divisible": (MAPS + "conv (divisible(1e300, 7)) 1x1", "E0408"),
    "a large window": (MAPS + "conv 3 99999999999x1", "E0404"),
    "a large stride": (MAPS + "conv 3 3x3/99999999999", "E0404"),
    "a large padding": (MAPS + "conv 3 3x3+2000000000", "E0301"),
    "a large border": (MAPS + "pad 2000000000", "E0301"),
    "a large upsampling": (MAPS + "upsample 2000000000", "E0301"),
    "a large split": ("input 2000000000x1x1 split 2000000000 -> concat", "E0502"),
    "a large input": ("input 2000000000x2000000000x2000000000 relu", "E0404"),
    "a large weight": ("input 100000 fc 100000", "E0301"),
    # repetition
    "10**9 copies": (MAPS + "relu * 1000000000", "E0502"),
    "10**9 copies of nothing": (MAPS + "id * 1000000000", "E0502"),
    "10**9 rows": (MAPS + "for i in 0 .. 1000000000 { relu }", "E0502"),
    "10**18 rows": (MAPS + "for i in 0 .. (1e18) { id }", "E0502"),
    "10**9 copies in each": (MAPS + "each i in 0 .. 1000000000 { relu } -> concat", "E0502"),
    "copies of copies": (MAPS + "((((relu * 1000) * 1000) * 1000) * 1000) * 1000", "E0502"),
    "copies of copies of nothing": (MAPS + "((((id * 1000) * 1000) * 1000) * 1000) * 1000 -> relu", "E0502"),
    "rows of rows of nothing": (
        MAPS + "for i in 0 .. 100000 { for j in 0 .. 100000 { if i == j + 1000000 { relu } } } -> relu",
        "E0502",
    ),
    "each of each": (MAPS + "each i in 0 .. 100000 { each j in 0 .. 100000 { id } } -> concat", "E0502"),
    "streams doubled 60 times": (MAPS + "branch { id | id } " + "-> branch { id | id } " * 60 + "-> add", "E0502"),
    "streams doubled by copies": (MAPS + "(branch { id | id }) * 60 -> add", "E0502"),
    "streams doubled by name": (
        "net a { input 3x8x8 let a = branch { id | id }; "
        + "".join(f"let {'a' * (i + 1)} = branch {{ @{'a' * i} | @{'a' * i} }}; " for i in range(1, 60))
        + "@"
        + "a" * 60
        + " -> add }",
        "E0502",
    ),
    # recursion
    "exponential recursion": (
        "def f(n) { if n == 0 { id } else { f (n-1) -> f (n-1) } } net a { input 3x8x8 f 60 }",
        "E0501",
    ),
    "exponential branches": (
        "def f(n) { if n == 0 { id } else { branch { f (n-1) | f (n-1) } } } net a { input 3x8x8 f 60 -> add }",
        "E0501",
    ),
    "recursion without an end": ("def f(n) { relu -> f (n+1) } net a { input 3x8x8 f 1 }", "E0501"),
    "mutual recursion": ("def f(n) { relu -> g n } def g(n) { f n } net a { input 3x8x8 f 1 }", "E0501"),
    "a block given itself": ("def f(n) { n n } net a { input 3x8x8 f f }", "E0501"),
    "recursion in deep braces": (
        "def f(n) { " + "concat { id | " * 30 + "f n" + " }" * 30 + " } net a { input 3x8x8 f 1 }",
        "E0501",
    ),
    "recursion in deep parentheses": (
        "def f(n) { " + "(" * 95 + "f n" + ")" * 95 + " } net a { input 3x8x8 f 1 }",
        "E0501",
    ),
    "recursion in deep ifs": (
        "def f(n) { " + "if n > 0 { " * 90 + "f n" + " }" * 90 + " } net a { input 3x8x8 f 1 }",
        "E0501",
    ),
    # odd characters
    "empty": ("\n", "E0219"),
    "space": (" \n \t ", "E0219"),
    "a comment": ("# nothing\n", "E0219"),
    "NUL": (MAPS + "relu\0", "E0101"),
    "accents": (MAPS + "rélu -> ñ", "E0201"),
    "digits of another script": (MAPS + "conv ٣ 3x3", "E0101"),
    "a superscript": (MAPS + "conv ³ 3x3", "E0101"),
    "a half of a pair": (MAPS + "\ud800", "E0101"),
    "a mark that turns the line": (MAPS + "\u202erelu", "E0101"),
    "letters of two widths": (MAPS + "\uff52\uff45\uff4c\uff55", "E0101"),
    "carriage returns": (MAPS + "conv 2 1x1\r\n-> relu\r\n", "ok"),
    "a name of 100,000 letters": (MAPS + "a" * N, "E0201"),
    "a label of 100,000 letters": (MAPS + f"relu as {'a' * N} -> concat {{ @{'a' * N} | id }}", "ok"),
    "a string of 100,000 letters": (MAPS + f'conv "{"a" * N}" 1x1', "E0404"),
    "a number of 100,000 digits": (MAPS + "conv " + "9" * N + " 1x1", "E0106"),
    "a window of 100,000 digits": (MAPS + "conv 3 " + "9" * N + "x1", "E0106"),
    "an input of 100,000 digits": ("input " + "9" * N + "x8x8 relu", "E0106"),
    "many layers unknown": (MAPS + " -> ".join(f"cnov{i} 8 3x3" for i in range(2000)), "E0201"),
    "many layers misspelt": (MAPS + " -> ".join(["cnov 8 3x3"] * 2000), "E0201"),
    "many wrong attributes": (MAPS + " -> ".join(["conv 8 3x3 foo=3"] * 2000), "E0202"),
    "many broken blocks": (
        " ".join(f"def f{i} {{ conv ( }}" for i in range(2000)) + " net a { input 3x8x8 relu }",
        "E0105",
    ),
    "many blocks of a name": ("def f { relu } " * 2000 + "net a { input 3x8x8 f }", "E0209"),
    "many blocks like layers": ("def conv { relu } " * 2000 + "net a { input 3x8x8 relu }", "E0211"),
    "many missing files": (
        " ".join(f'from "x{i}" import a{i}' for i in range(1000)) + " net a { input 3x8x8 relu }",
        "E0208",
    ),
    "many paths that disagree": (
        MAPS + "concat { " + " | ".join(f"conv {i} 2x2" if i % 2 else "relu" for i in range(1, 2000)) + " }",
        "E0302",
    ),
    "many unread lets": (
        "net a { input 3x8x8 " + "".join(f"let a{i} = relu; " for i in range(2000)) + "relu }",
        "E0309",
    ),
}


@pytest.mark.parametrize("name", SHORT)
def test_short(name: str) -> None:
    spec, expected = SHORT[name]
    assert expected in outcome(spec, SOON).split()


LONG: dict[str, tuple[str, str]] = {
    "braces": (MAPS + "branch {" * N, "E0107"),
    "braces that close": (MAPS + "branch {" * N + "id" + "}" * N, "E0107"),
    "parentheses": (MAPS + "(" * N, "E0107"),
    "parentheses that close": (MAPS + "(" * N + "relu" + ")" * N, "E0107"),
    "parentheses of an expression": (MAPS + "conv " + "(" * N + "3" + ")" * N + " 1x1", "E0107"),
    "ifs": (MAPS + "if true {" * N + "relu" + "}" * N, "E0107"),
    "elses": (MAPS + "if false { relu }" + " else { if false { relu } " * N + "}" * N, "E0107"),
    "ors": (MAPS + "if " + "true or " * N + "true { relu }", "E0107"),
    "nots": (MAPS + "if " + "not " * N + "true { relu }", "E0107"),
    "minuses": (MAPS + "conv (" + "- " * N + "3) 1x1", "E0107"),
    "sums": (MAPS + "conv (1" + " + 1" * N + ") 1x1", "E0107"),
    "dollars": ("\n" + "$ " * N, "E0101"),
    "arrows": ("net a { input 3x8x8 " + "-> " * N + "}", "E0108"),
    "bars": (MAPS + "concat {" + "|" * N + "}", "E0108"),
    "stars": (MAPS + "relu " + "* 2 " * N, "E0107"),
    "defs": ("def " * N, "E0105"),
    "nets": ("net " * N, "E0105"),
    "closing braces": ("\n" + "} " * N, "E0105"),
    "inputs": ("input " * N, "E0105"),
    "numbers that run into letters": (MAPS + "conv 2n 1x1 -> " * 20_000 + "relu", "E0103"),
    "arguments": (MAPS + "conv " + "3 " * N, "E0402"),
    "NULs": ("\n" + "\0" * N, "E0101"),
    "emoji": ("\n" + "\N{GRINNING FACE}" * N, "E0101"),
    "quotes": (MAPS + '"' * N, ""),
    "2 MB of comment": ("#" * 2_000_000 + "\n" + MAPS + "relu", "ok"),
    "2 MB of lines": (MAPS + " \n" * 1_000_000 + "relu", "ok"),
    "a chain of 100,000 layers": (MAPS + " -> ".join(["relu"] * N), "ok"),
    "100,000 paths": (MAPS + "concat { " + "| relu " * N + "}", "ok"),
    "100,000 rows": (MAPS + "for i in " + "1 " * N + "{ relu }", "ok"),
    "100,000 copies": (MAPS + "relu * 100000", "ok"),
    "100,000 layers in blocks": ("def f { conv 8 3x3 same -> relu } net a { input 3x8x8 f * 50000 }", "ok"),
    "100,000 else ifs": (MAPS + "if false { relu }" + " else if false { relu }" * N, "ok"),
    "20,000 lets": (
        "net a { input 3x8x8 "
        + "".join(f"let a{i} = relu; " for i in range(20_000))
        + "concat { "
        + " | ".join(f"@a{i}" for i in range(20_000))
        + " } }",
        "ok",
    ),
    "50,000 labels": (MAPS + " -> ".join(f"relu as a{i}" for i in range(50_000)), "ok"),
    "20,000 blocks": (
        " ".join(f"def f{i} {{ relu }}" for i in range(20_000))
        + " net a { input 3x8x8 "
        + " -> ".join(f"f{i}" for i in range(20_000))
        + " }",
        "ok",
    ),
    "20,000 parameters": (
        "def f(" + ", ".join(f"a{i} = {i}" for i in range(20_000)) + ") { relu } net a { input 3x8x8 f }",
        "ok",
    ),
    "exponential recursion of layers": (
        "def f(n) { if n == 0 { relu } else { f (n-1) -> f (n-1) } } net a { input 3x8x8 f 60 }",
        "E0502",
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_long(name: str) -> None:
    spec, expected = LONG[name]
    said = outcome(spec, LARGE)
    assert not expected or expected in said.split()


def test_time_grows_as_the_text() -> None:
    """Four times the text takes no more than eight times as long: 3 MB of chain is read in linear time."""

    def seconds(layers: int) -> float:
        spec = MAPS + " -> ".join(["relu"] * layers)
        gc.collect()
        start = time.process_time()
        cnndsl.check(spec)
        return time.process_time() - start

    seconds(100)
    assert seconds(40_000) < 8 * seconds(10_000)


def test_a_chain_of_3_mb() -> None:
    assert outcome(MAPS + " -> ".join(["relu"] * 400_000), 3 * LARGE) == "E0502"


# --- files -------------------------------------------------------------------------------------------------------------

NET = "net a { input 3x8x8 relu }\n"


def written(folder: Path, data: bytes) -> Path:
    path = folder / "a.cnn"
    path.write_bytes(data)
    return path


FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "good": (lambda folder: written(folder, NET.encode()), "ok"),
    "a byte order mark": (lambda folder: written(folder, b"\xef\xbb\xbf" + NET.encode()), "ok"),
    "carriage returns": (lambda folder: written(folder, NET.replace(" ", "\r\n").encode()), "ok"),
    "old carriage returns": (lambda folder: written(folder, NET.replace(" ", "\r").encode()), "ok"),
    "empty": (lambda folder: written(folder, b""), "E0219"),
    "not UTF-8": (lambda folder: written(folder, NET.encode() + b"# caf\xe9\n"), "E0505"),
    "UTF-16": (lambda folder: written(folder, NET.encode("utf-16")), "E0505"),
    "NUL bytes": (lambda folder: written(folder, b"\0" * 1000), "E0101"),
    "random bytes": (lambda folder: written(folder, bytes(range(256)) * 100), "E0505"),
    "absent": (lambda folder: folder / "a.cnn", "E0503"),
    "in an absent folder": (lambda folder: folder / "b" / "a.cnn", "E0503"),
    "below a file": (lambda folder: written(folder, b"") / "a.cnn", "E0503"),
    "a folder": (lambda folder: made(folder / "a.cnn"), "E0503"),
    "a long name": (lambda folder: folder / ("a" * 5000 + ".cnn"), "E0503"),
    "a name with NUL": (lambda folder: folder / "a\0.cnn", "E0503"),
    "100 MB": (lambda folder: sparse(folder / "a.cnn", 100_000_000), "E0504"),
    "a pipe": (lambda folder: pipe(folder / "a.cnn"), "E0503"),
    "a link that leads nowhere": (lambda folder: link(folder / "a.cnn", folder / "b.cnn"), "E0503"),
    "a link to itself": (lambda folder: link(folder / "a.cnn", folder / "a.cnn"), "E0503"),
    "a link to a file": (lambda folder: link(folder / "b.cnn", written(folder, NET.encode())), "ok"),
}


def made(path: Path) -> Path:
    path.mkdir()
    return path


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def link(path: Path, to: Path) -> Path:
    path.symlink_to(to)
    return path


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, tmp_path: Path) -> None:
    make, expected = FILES[name]
    assert outcome(make(tmp_path), SOON).split()[0] == expected


def test_a_device_without_an_end() -> None:
    assert outcome(Path("/dev/zero"), SOON) == "E0503"


@pytest.mark.parametrize(
    "name", ["nothing", "a" * N, "a\0b", "", ".", "..", "/", ":", "a:b", "a.cnn:", "~", "resnet50:nothing"]
)
def test_a_name_of_no_net(name: str) -> None:
    assert outcome(name, SOON).startswith("E")


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, NET.encode())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert outcome(path, SOON) == "E0503"


IMPORTS: dict[str, tuple[dict[str, str], str]] = {
    "a block beside": ({"a": 'from "b" import f\nnet a { input 3x8x8 f }', "b": "def f { relu }"}, "ok"),
    "with its ending": ({"a": 'from "b.cnn" import f\nnet a { input 3x8x8 f }', "b": "def f { relu }"}, "ok"),
    "under another name": (
        {"a": 'from "b" import f as g, h\nnet a { input 3x8x8 g -> h }', "b": "def f { relu } def h { f }"},
        "ok",
    ),
    "its own names go along": (
        {"a": 'from "b" import f\ndef g { tanh } net a { input 3x8x8 f }', "b": "def f { g } def g { relu }"},
        "ok",
    ),
    "a shipped block": ({"a": 'from "resnet" import basic\nnet a { input 64x8x8 basic 64 }'}, "ok"),
    "from below": ({"a": 'from "sub/b" import f\nnet a { input 3x8x8 f }', "sub/b": "def f { relu }"}, "ok"),
    "itself": ({"a": 'from "a" import f\ndef f { relu }\nnet a { input 3x8x8 f }'}, "E0215"),
    "in a circle": (
        {"a": 'from "b" import f\nnet a { input 3x8x8 f }', "b": 'from "c" import f', "c": 'from "b" import f'},
        "E0215",
    ),
    "up": ({"sub/a": 'from "../b" import f\nnet a { input 3x8x8 f }', "b": "def f { relu }"}, "E0216"),
    "up and down": (
        {"a": 'from "sub/../b" import f\nnet a { input 3x8x8 f }', "b": "def f { relu }", "sub/c": ""},
        "E0216",
    ),
    "from the root": ({"a": 'from "/etc/passwd" import f\nnet a { input 3x8x8 f }'}, "E0216"),
    "with backslashes": ({"a": 'from "..\\\\b" import f\nnet a { input 3x8x8 f }'}, "E0216"),
    "with NUL": ({"a": 'from "b\0" import f\nnet a { input 3x8x8 f }'}, "E0216"),
    "from nowhere": ({"a": 'from "nowhere" import f\nnet a { input 3x8x8 f }'}, "E0208"),
    "from nothing": ({"a": 'from "" import f\nnet a { input 3x8x8 f }'}, "E0208"),
    "from a dot": ({"a": 'from "." import f\nnet a { input 3x8x8 f }'}, "E0208"),
    "a long name": ({"a": f'from "{"b" * 5000}" import f\nnet a {{ input 3x8x8 f }}'}, "E0208"),
    "an absent block": ({"a": 'from "b" import g\nnet a { input 3x8x8 g }', "b": "def f { relu }"}, "E0207"),
    "a net": ({"a": 'from "b" import n\nnet a { input 3x8x8 n }', "b": NET.replace("a", "n", 1)}, "E0207"),
    "twice": ({"a": 'from "b" import f\nfrom "b" import f\nnet a { input 3x8x8 f }', "b": "def f { relu }"}, "E0209"),
    "a broken file": ({"a": 'from "b" import f\nnet a { input 3x8x8 f }', "b": "def f { conv ( }"}, "E0105"),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_import(name: str, tmp_path: Path) -> None:
    files, expected = IMPORTS[name]
    for stem, text in files.items():
        path = tmp_path / f"{stem}.cnn"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert expected in outcome(tmp_path / f"{next(iter(files))}.cnn", SOON).split()


def test_import_by_a_link_out_of_the_folder(tmp_path: Path) -> None:
    inside = made(tmp_path / "inside")
    (tmp_path / "b.cnn").write_text("def f { relu }")
    link(inside / "b.cnn", tmp_path / "b.cnn")
    (inside / "a.cnn").write_text('from "b" import f\nnet a { input 3x8x8 f }')
    assert "E0216" in outcome(inside / "a.cnn", SOON)


def test_import_of_what_is_no_spec(tmp_path: Path) -> None:
    (tmp_path / "a.cnn").write_text('from "b" import f\nnet a { input 3x8x8 f }')
    for make, expected in ((made, "E0208"), (pipe, "E0208"), (lambda path: sparse(path, 100_000_000), "E0504")):
        path = make(tmp_path / "b.cnn")
        assert expected in outcome(tmp_path / "a.cnn", SOON)
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_thousand_files_that_import_one_another(tmp_path: Path) -> None:
    for i in range(1000):
        (tmp_path / f"m{i}.cnn").write_text(f'from "m{i + 1}" import f\n' if i < 999 else "def f { relu }\n")
    (tmp_path / "a.cnn").write_text('from "m0" import f\nnet a { input 3x8x8 f }')
    assert outcome(tmp_path / "a.cnn", LARGE) == "E0215"
