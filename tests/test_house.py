"""The rules of the house that a machine can check: imports, sizes of files, docstrings, start-up, names."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cnndsl"
MODULES = {
    ".".join(("cnndsl", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
LONGEST = 300
"""A longer file says why in its docstring, in a sentence with the word `lines`."""

MAY_IMPORT = {
    "torch": {"cnndsl.layers", "cnndsl.lower", "cnndsl.weights"},
    "triton": set[str](),
    "lark": {"cnndsl.parse"},
    "networkx": {"cnndsl.graph"},
    "rich": {"cnndsl.table"},
    "graphviz": {"cnndsl.draw", "cnndsl.render"},
    "h5py": {"cnndsl.weights"},
    "safetensors": {"cnndsl.weights"},
    "click": {"cnndsl.cli", "cnndsl.arguments", "cnndsl.terminal"},
}
LAZY = {"torch": set[str]() | MAY_IMPORT["torch"], "lark": MAY_IMPORT["lark"], "click": MAY_IMPORT["click"]}
"""Who may import these at the top of the file; everyone else, and the other packages, inside a function."""

PHASES = {"parse", "elaborate", "receptive", "report", "draw", "render", "emit", "lower"}
"""They meet through data: none imports another."""


def imports(path: Path, module: str) -> Iterator[tuple[str, bool]]:
    """What a file imports, as full names, and whether it does so when it is imported itself (not for types alone)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def visit(node: ast.AST, top: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue  # names for annotations alone
            if isinstance(child, ast.Import):
                yield from ((alias.name, top) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    base = ".".join((*package.split(".")[: len(package.split(".")) - child.level + 1], base)).strip(".")
                for alias in child.names:
                    whole = f"{base}.{alias.name}"
                    yield (whole if whole in MODULES else base), top
            else:
                yield from visit(
                    child, top and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                )

    yield from visit(tree, True)


GRAPH = {module: list(imports(path, module)) for module, path in MODULES.items()}


def test_imports_have_no_cycle() -> None:
    """Imports inside functions count too, save those of the package's public names, such as its version."""
    edges = {
        module: {name for name, top in found if name in MODULES and name != module and (top or name != "cnndsl")}
        for module, found in GRAPH.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module in done:
            return
        for other in sorted(edges[module]):
            visit(other, (*trail, module))
        done.add(module)

    for module in edges:
        visit(module, ())


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_packages_are_imported_where_the_plan_says(package: str) -> None:
    for module, found in GRAPH.items():
        for name, top in found:
            if name.split(".")[0] != package:
                continue
            assert any(module == m or module.startswith(m + ".") for m in MAY_IMPORT[package]), (
                f"{module} imports {name}"
            )
            if package not in LAZY:
                assert not top, f"{module} imports {name} at its top, not inside a function"


def test_phases_do_not_import_each_other() -> None:
    for phase in PHASES:
        for module, found in GRAPH.items():
            if module.split(".")[1:2] != [phase]:
                continue
            others = {name.split(".")[1] for name, _ in found if name.startswith("cnndsl.")} & (PHASES - {phase})
            allowed = {"emit"} if phase == "lower" else {"parse"} if phase == "elaborate" else set()
            assert others <= allowed, f"{module} imports the phase {others - allowed}"


@pytest.mark.parametrize("module", MODULES)
def test_file_is_short_or_says_why(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    doc = ast.get_docstring(ast.parse(text)) or ""
    assert doc, f"{module} has no docstring"
    assert len(text.splitlines()) <= LONGEST or re.search(r"\blines\b", doc), (
        f"{len(text.splitlines())} lines in {module}"
    )


def test_no_file_is_called_after_nothing() -> None:
    assert not {path.stem for path in MODULES.values()} & {
        "utils",
        "core",
        "common",
        "base",
        "helpers",
        "misc",
        "manager",
    }


def test_modules_keep_no_state() -> None:
    """Names bound at the top of a module are not changed later: no `global`, no method call on them at import time."""
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Global), f"{module} line {node.lineno}: global {', '.join(node.names)}"


def modules_after(*arguments: str) -> set[str]:
    """The modules that are loaded when a command line of cnndsl is done."""
    script = (
        "import sys, json; from cnndsl.cli import main; code = main(sys.argv[1:]);"
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return set(names)


@pytest.mark.parametrize("verb", ["check", "compile", "summary"])
def test_start_up_loads_no_heavy_package(verb: str, tmp_path: Path) -> None:
    output = ["-o", str(tmp_path / "net.py")] if verb == "compile" else []
    loaded = modules_after(verb, "specs/resnet.cnn:resnet152", *output)
    heavy = {"torch", "triton", "numpy", "networkx", "graphviz", "rich", "torchvision"}
    assert not loaded & heavy
