"""The wheel by itself: it carries grammar and specs, and compiles a shipped net far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)], check=True, timeout=300)
    (path,) = folder.glob("cnndsl-*.whl")
    return path


def test_it_holds_everything_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "cnndsl/grammar/cnn.lark" in names
    specs = {f"cnndsl/specs/{path.name}" for path in (ROOT / "specs").glob("*.cnn")}
    assert specs
    assert specs <= names
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "cnndsl").rglob("*.py")}
    assert modules <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(name.split("/")[0] == "cnndsl" or ".dist-info/" in name for name in names)


def test_it_compiles_googlenet_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """Unpacked into a folder of its own, with the checkout out of reach."""
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True, timeout=300)
    work = tmp_path / "work"
    work.mkdir()
    env = {**os.environ, "PYTHONPATH": str(site)}

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=work, env=env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert python("-c", "import cnndsl; print(cnndsl.__file__)").strip().startswith(str(site))
    said = python("-m", "cnndsl", "compile", "googlenet")
    assert "googlenet.py" in said
    code = "import torch, googlenet; print(googlenet.GoogLeNet)"
    source = (work / "googlenet.py").read_text()
    assert "import cnndsl" not in source
    compile(source, "googlenet.py", "exec")
    assert python("-c", code.split(";")[0]) == ""
