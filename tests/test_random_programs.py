"""Random whole specs: diagnostics, or a module that does at run time what `check` said; and broken text, never a crash."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import programs
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cnndsl
from cnndsl import SpecError
from cnndsl.codes import CODES
from cnndsl.graph import Graph

SPECS = sorted((Path(__file__).resolve().parent.parent / "specs").glob("*.cnn"))
QUIET = settings(
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    max_examples=1,
)
LEAST_SHARE = 0.6
"""So many of the random programs are right: they are worth running."""


def checked(spec: str) -> Graph | None:
    """The graph; None where there are diagnostics, each of which says something under a known code."""
    try:
        return cnndsl.check(spec if cnndsl.api.is_text(spec) else spec + "\n")
    except SpecError as error:
        found = error.diagnostics
    assert found
    for diagnostic in found:
        assert diagnostic.code in CODES
        assert diagnostic.message.strip()
        assert diagnostic.message in diagnostic.render()
        assert diagnostic.to_json()["code"] == diagnostic.code
    return None


@contextmanager
def watched(module: torch.nn.Module) -> Iterator[dict[str, set[tuple[int, ...]]]]:
    """The shapes of what every submodule gives while it runs, batch left out."""
    seen: dict[str, set[tuple[int, ...]]] = defaultdict(set)

    def hook(path: str) -> Any:
        def note(_module: Any, _inputs: Any, out: Any) -> None:
            first = out[0] if isinstance(out, tuple) else out
            seen[path].add(tuple(first.shape[1:]))

        return note

    handles = [part.register_forward_hook(hook(path)) for path, part in module.named_modules() if path]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def runs_as_checked(spec: str, graph: Graph) -> None:
    """The module of a spec has the parameters, the shapes of every layer and the outputs that the graph has."""
    module = cnndsl.loads(spec)
    assert module.graph == graph
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == graph.params
    promised: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for node in graph.nodes:
        promised[node.path].add(node.shape)
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(2, *shape, generator=generator) for shape in graph.inputs.values()]
    for training in (True, False):
        module.train(training)
        with watched(module) as seen, torch.no_grad():
            out = module(*images)
        outputs = {**graph.outputs, **graph.aux_outputs} if training else graph.outputs
        got = out if isinstance(out, tuple) else (out,)
        assert [tuple(tensor.shape) for tensor in got] == [(2, *shape) for shape in outputs.values()]
        if isinstance(out, tuple):
            assert list(out._fields) == list(outputs)  # type: ignore[attr-defined]
        layers = {path: shapes for path, shapes in seen.items() if path in promised}
        for path, shapes in layers.items():
            assert shapes <= promised[path], path
        active = {node.path for node in graph.nodes if graph.weights(node) and (training or not node.aux)}
        assert active <= layers.keys()


def test_random_programs_run_as_checked() -> None:
    outcomes: list[bool] = []

    @settings(QUIET, max_examples=250)
    @given(programs.specs())
    def every_one(spec: str) -> None:
        graph = checked(spec)
        outcomes.append(graph is not None)
        if graph is None:
            return
        assert checked(spec) == graph
        runs_as_checked(spec, graph)

    every_one()
    assert sum(outcomes) / len(outcomes) >= LEAST_SHARE


def test_random_programs_use_the_whole_language() -> None:
    """Every construct turns up in right programs: the strategy does not narrow by and by."""
    found: dict[str, int] = defaultdict(int)
    words = (
        "residual",
        "branch",
        "concat",
        "add",
        "each ",
        "each shared",
        "for ",
        "if ",
        "else",
        " * ",
        " as ",
        "@",
        "let ",
        " on ",
        "aux",
        "def ",
        "default",
        "unpool",
        "gaussian",
        "split",
        "bn",
        "same",
        "project",
        "mean drop",
        "reshape",
    )

    @settings(QUIET, max_examples=400)
    @given(programs.specs(careless=False))
    def every_one(spec: str) -> None:
        if checked(spec) is not None:
            for word in words:
                found[word] += word in spec

    every_one()
    assert {word: found[word] for word in words if not found[word]} == {}


@settings(QUIET, max_examples=60)
@given(programs.specs(careless=False))
def test_space_and_comments_change_nothing(spec: str) -> None:
    graph = checked(spec)
    spread = re.sub(r"\s+", "\n   # a remark -> {\n", spec.strip()) + "\n"
    other = checked(re.sub(r"(->|\||\{)", r" \1 ", spec))
    assert graph is None or (checked(spread) == graph and other == graph)


# --- broken text -------------------------------------------------------------------------------------------------------

PIECES = (
    "->",
    "|",
    "{",
    "}",
    "(",
    ")",
    ";",
    ",",
    "=",
    "*",
    "as",
    "@x",
    "..",
    "2n",
    "3x",
    "x",
    "if",
    "else",
    "for",
    "in",
    "each",
    "let",
    "shared",
    "net",
    "def",
    "input",
    "on",
    "from",
    "import",
    "about",
    "default",
    '"',
    "#",
    "%",
    "//",
    "/",
    "+",
    "-",
    "\\",
    "é",
    "\0",
    "999999999999",
    "1e9",
    "0",
    "-1",
    "0x0",
    "1x1x1x1",
    "channels",
    "@x.height",
    "concat",
    "residual",
    "conv",
    "true",
    "\t",
    "\r\n",
    "\u2028",
    "$",
    "'",
    "[",
    ":",
    "a" * 300,
)


def broken(text: str, dice: random.Random) -> str:
    """The text with a few pieces cut, doubled, moved, replaced or put in, or its end cut off."""
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        at = dice.randrange(len(text) + 1)
        end = min(len(text), at + dice.choice((1, 2, 5, 20)))
        act = dice.randrange(6)
        if act == 0:
            text = text[:at] + text[end:]
        elif act == 1:
            text = text[:end] + text[at:]
        elif act == 2:
            text = text[:at] + dice.choice(PIECES) + text[end:]
        elif act == 3:
            text = f"{text[:at]} {dice.choice(PIECES)} {text[at:]}"
        elif act == 4:
            text = text[:at]
        else:
            words = re.split(r"(\s+)", text)
            one, other = dice.randrange(len(words)), dice.randrange(len(words))
            words[one], words[other] = words[other], words[one]
            text = "".join(words)
    return text


@settings(QUIET, max_examples=300)
@given(programs.specs(careless=False), st.integers(0, 10**6))
def test_broken_random_programs_give_diagnostics(spec: str, seed: int) -> None:
    checked(broken(spec, random.Random(seed)))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_broken_specs_give_diagnostics(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    dice = random.Random(path.stem)
    for _ in range(25):
        checked(broken(text, dice))
    for _ in range(10):
        checked(text[: dice.randrange(len(text))])


@settings(QUIET, max_examples=200)
@given(st.lists(st.sampled_from((*PIECES, "input 3x8x8", "relu", "conv 3 1x1", "a", "1", "3x3")), max_size=25))
def test_word_salad_gives_diagnostics(words: list[str]) -> None:
    checked(" ".join(words))


@settings(QUIET, max_examples=100)
@given(st.text(max_size=60))
def test_any_text_gives_diagnostics(text: str) -> None:
    checked(text)
