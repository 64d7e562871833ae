"""`emit`: the source stands alone, reads well, stays short where the spec repeats, and computes what the module does."""

from __future__ import annotations

import ast
import gc
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import Golden
from emit_specs import (
    AUX_INSIDE,
    DENSENET,
    INCEPTION,
    LONG,
    NASNET,
    NESTED,
    NETWORKS,
    PATHS,
    RESNET,
    SEGNET,
    SIAMESE,
    TIED,
    UNET,
)
from torch import Tensor

from cnndsl import check
from cnndsl.emit import emit
from cnndsl.lower import lower

ALL = pytest.mark.parametrize("spec", NETWORKS.values(), ids=NETWORKS.keys())
GOLDEN = Path(__file__).parent / "golden"
SHOWN = {
    "resnet": RESNET,
    "inception": INCEPTION,
    "nasnet": NASNET,
    "densenet": DENSENET,
    "unet": UNET,
    "siamese": SIAMESE,
    "paths": PATHS,
    "segnet": SEGNET,
    "aux_inside": AUX_INSIDE,
    "nested": NESTED,
    "tied": TIED,
}


def classes(source: str) -> dict[str, str]:
    """The text of every class of a source."""
    tree = ast.parse(source)
    return {n.name: ast.get_source_segment(source, n) or "" for n in tree.body if isinstance(n, ast.ClassDef)}


@pytest.mark.parametrize("name", SHOWN)
def test_form(name: str, golden: Golden) -> None:
    golden(GOLDEN / f"emit_{name}.py.txt", emit(check(SHOWN[name])))


def test_the_files_give_the_modules_outputs_without_cnndsl(tmp_path: Path) -> None:
    """All networks in one process that cannot import cnndsl: same state dict, bit-equal outputs, both modes."""
    for name, spec in NETWORKS.items():
        graph = check(spec)
        module = lower(graph)
        torch.manual_seed(1)
        feed = [torch.randn(2, *shape) for shape in graph.inputs.values()]
        state = {key: value.clone() for key, value in module.state_dict().items()}
        results = []
        for training in (False, True):
            result = module.train(training)(*feed)
            results.append([result] if isinstance(result, Tensor) else list(result))
        (tmp_path / f"{name}.py").write_text(emit(graph))
        torch.save(
            {"feed": feed, "state": state, "results": results, "main": type(module).__name__}, tmp_path / f"{name}.pt"
        )
    script = """
import importlib, pathlib, sys, torch
sys.path.insert(0, ".")
for path in sorted(pathlib.Path(".").glob("*.pt")):
    saved = torch.load(path)
    module = getattr(importlib.import_module(path.stem), saved["main"])()
    module.load_state_dict(saved["state"])
    for training in (False, True):
        result = module.train(training)(*saved["feed"])
        result = [result] if isinstance(result, torch.Tensor) else list(result)
        for a, b in zip(result, saved["results"][training], strict=True):
            assert torch.equal(a, b), path
assert not any(name.partition(".")[0] == "cnndsl" for name in sys.modules)
"""
    subprocess.run([sys.executable, "-I", "-c", script], check=True, cwd=tmp_path)


def test_the_file_runs_by_itself(tmp_path: Path) -> None:
    for name, spec in (("one", RESNET), ("several", PATHS)):
        (tmp_path / f"{name}.py").write_text(emit(check(spec)))
        run = subprocess.run(
            [sys.executable, "-I", tmp_path / f"{name}.py"], check=True, capture_output=True, text=True
        )
        assert f"{check(spec).params:,} parameters" in run.stdout


def test_emission_needs_no_torch() -> None:
    script = (
        "import sys; from cnndsl import check; from cnndsl.emit import emit; "
        f"emit(check({RESNET!r})); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent)


@ALL
def test_deterministic_and_free_of_cnndsl(spec: str) -> None:
    source = emit(check(spec))
    assert source == emit(check(spec))
    assert not re.search(r"^(import|from) cnndsl", source, re.M)


@ALL
def test_formatted_and_clean(spec: str, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(emit(check(spec)))
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run(
        [*ruff, "format", "--isolated", "--line-length", "120", "--check", path], check=True, capture_output=True
    )
    rules = ["--select", "E,W,F,I,UP,B,C4,SIM,RET,PIE", "--line-length", "120", "--target-version", "py311"]
    subprocess.run([*ruff, "check", "--isolated", *rules, path], check=True, capture_output=True)


# --- one class a block, loops where the spec repeats -------------------------------------------------------------------


def test_a_block_is_one_class_whatever_its_numbers() -> None:
    found = classes(emit(check(INCEPTION)))
    assert [name for name in found if name.startswith("Inception")] == ["Inception"]
    assert "n1: int, r3: int, n3: int, r5: int, n5: int, pool: int" in found["Inception"]
    assert "Inception(24, 16, 8, 16, 4, 8, 8)" not in found["Googlenet"]  # 8 channels flow into the first
    assert "self.i3a = Inception(8, 16, 8, 16, 4, 8, 8)" in found["Googlenet"]


def test_stages_of_different_depths_share_a_class() -> None:
    found = classes(emit(check(RESNET)))
    assert [name for name in found if name.startswith("Stage")] == ["Stage"]
    assert "range(2, depth + 1)" in found["Stage"]
    assert "self.stage3 = Stage(32, depth=6, stride=2)" in found["Resnet"]


def test_growing_arguments_become_formulas() -> None:
    found = classes(emit(check(DENSENET)))
    assert 'self.add_module(f"dense{i}", Dense(channels + 4 * (i - 1)))' in found["Block"]
    assert "range(1, self.n + 1)" in found["Block"]


def test_a_loop_can_carry_two_streams() -> None:
    found = classes(emit(check(NASNET)))
    assert re.search(r"\w, \w = getattr\(self, f\"normal\{i\}\"\)\(\w, \w\), \w|\w, \w = \w, getattr", found["Cells"])


def test_paths_side_by_side_are_a_list() -> None:
    found = classes(emit(check(PATHS)))
    assert "branches.append(" in found["Paths"]
    assert "sum(branches)" in found["Paths"]
    assert 'branches = [getattr(self, f"conv{i}")(x) for i in range(18, 23)]' in found["Paths"]
    assert "torch.cat(branches, dim=1)" in found["Paths"]


@pytest.mark.parametrize(("copies", "most"), [(60, 45), (1000, 45)])
def test_repetition_prints_no_lines(copies: int, most: int) -> None:
    assert emit(check(LONG.replace("* 60", f"* {copies}"))).count("\n") < most


def test_loops_nest() -> None:
    text = classes(emit(check(NESTED)))["Nested"]
    assert text.count("for i in range(1, 4):") >= 2
    assert text.count("for j in range(4):") == 2


@pytest.mark.parametrize("alike", [True, False], ids=["folded", "flat"])
def test_time_is_linear_in_the_nodes(alike: bool) -> None:
    """Eight times as many nodes take no more than 24 times as long; a quadratic step would make it 64."""

    def seconds(copies: int) -> float:
        unit = "residual { conv 4 3x3+1 -> bn } -> relu"
        flat = " -> ".join(f"{unit} -> pad {(k * k) % 13 + 1} -> crop 8x8" for k in range(copies))
        graph = check(f"net n {{ input 4x8x8 {f'({unit}) * {copies}' if alike else flat} }}")
        gc.collect()
        start = time.process_time()
        emit(graph)
        return time.process_time() - start

    seconds(50)
    assert min(seconds(1600) for _ in range(2)) < 24 * min(seconds(200) for _ in range(3))


# --- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        "def none { conv 4 3x3+1 -> relu } net tensor { input 3x8x8 none -> none -> fc 2 }",
        "def list { conv 4 3x3+1 -> relu } net nn { input 3x8x8 list -> list -> fc 2 }",
        "def slice_ { conv 4 3x3+1 } net slice { input 4x8x8 split 2 -> each { slice_ } -> concat }",
        "def a(k, i, nn) { conv k 3x3+1 -> conv i 1x1 -> conv nn 1x1 } net n { input 3x8x8 a 3 4 5 -> a 5 6 7 }",
        "def a(type, half) { (conv 8 3x3+1 -> relu) * type -> slice 0 half } net n { input 8x8x8 a 3 8 -> a 4 8 -> a 5 6 }",
        "def n(k) { conv k 3x3+1 } net n { input 3x8x8 n 3 -> n 4 }",
        "net n { input 3x8x8 as x  input 3x8x8 as torch  input 3x8x8 as i  add -> (conv 3 3x3+1) * 5 }",
        "net n { input 3x8x8 branch { conv 2 1x1 as index | conv 3 1x1 as count | conv 4 1x1 as y } }",
        "net n { input 3x8x8 conv 3 1x1 as F -> branch { @F | conv 3 1x1 as self_ | @F -> relu as torch } -> add }",
        "input 1x8x8 conv 2 3x3",
        "net id_only { input 3x8x8 id }",
        "net two { input 3x8x8 branch { id | id } }",
    ],
)
def test_names_never_clash(spec: str) -> None:
    graph = check(spec)
    module = lower(graph).eval()
    result = module(*(torch.randn(1, *shape) for shape in graph.inputs.values()))
    values = [result] if isinstance(result, Tensor) else list(result)
    assert [tuple(value.shape[1:]) for value in values] == list(graph.outputs.values())
