"""Outputs beside those of torchvision, timm and Keras: `python tests/parity.py [--save docs/parity.md] [net ...]`.

The peer gets random weights and statistics and stores them as its users do: torch's in a `.pth` and, sorted by name, in a `.safetensors`,
Keras' in a `.keras` and a `.weights.h5`. Ours is loaded with `weights=` from each, and has to give what the peer gives, at the native
size and at another, in float32.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from peers import OTHERS, PEERS, Peer, Size, available, filled, run, sides, stored

import cnndsl
from cnndsl.weights import fit

CLOSE = 1e-4
"""Largest difference of outputs, relative to the largest output."""
ROOT = Path(__file__).resolve().parent.parent
ALL: dict[str, tuple[str, Peer]] = {**{net: (net, peer) for net, peer in PEERS.items()}, **OTHERS}


@dataclass(frozen=True, slots=True)
class Result:
    """A comparison: of which nets, from which files, and the largest relative difference at each size."""

    name: str
    framework: str
    files: tuple[str, ...]
    sizes: tuple[str, ...]
    differences: tuple[float, ...]

    @property
    def agrees(self) -> bool:
        return all(difference <= CLOSE for difference in self.differences)


def compare(name: str, native: bool = True) -> Result:
    """Our net against its peer; not at the native size where `native` is false and there is another.

    Raises AssertionError where one file gives other pairs of arrays than the next, or where the peer's outputs say nothing.
    """
    net, peer = ALL[name]
    made = filled(peer)
    params = dict(peer.params)
    sizes = peer.sizes if native or len(peer.sizes) == 1 else peer.sizes[1:]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = stored(peer, made, Path(folder))
        graph = cnndsl.check(net, **params)
        first, *others = (fit(graph, path).arrays for path in (*paths, made))
        for other in others:
            assert {key: layer(a.key) for key, a in first.items()} == {key: layer(a.key) for key, a in other.items()}
        differences = [difference(net, peer, made, paths[-1], size) for size in sizes]
    shown = tuple("x".join(map(str, sides(size))) for size in sizes)
    return Result(name, peer.framework, tuple(path.name.partition(".")[2] for path in paths), shown, tuple(differences))


def layer(key: str) -> str:
    """An array's name without its role where that differs between files of Keras."""
    return key.rpartition("/")[0] or key


def difference(net: str, peer: Peer, made: object, path: Path, size: Size) -> float:
    """The largest difference of all outputs, relative to the largest number in each."""
    height, width = sides(size)
    torch.manual_seed(1)
    images = torch.randn(2, peer.channels, height, width)
    ours = cnndsl.load(net, input=f"{peer.channels}x{height}x{width}", weights=path, **dict(peer.params)).eval()
    with torch.no_grad():
        got = ours(images)
    expected = run(peer, made, images)
    found = [got] if isinstance(got, torch.Tensor) else list(got)
    largest = 0.0
    for mine, theirs in zip(found, expected, strict=False):
        scale = theirs.abs().max()
        assert mine.shape == theirs.shape, f"{net}: {mine.shape} beside {theirs.shape}"
        assert 1e-3 < scale < 1e6, f"{net}: outputs of {scale} prove nothing"
        assert (theirs[0] - theirs[1]).abs().max() > 1e-3 * scale, f"{net}: all images look alike to it"
        largest = max(largest, float((mine - theirs).abs().max() / scale))
    return largest


# --- all of them -----------------------------------------------------------------------------------------------------

INTRODUCTION = """\
# Parity

Made by `make parity` (`tests/parity.py`), {versions}.

Every net that torchvision, timm or Keras has, with random weights and random statistics of its norms, stored by that framework in
the files of the third column and loaded with `weights=`, no map written by hand. The files give the same pairs of arrays, and so does
the model in memory. Differences are the largest of two random images' outputs, relative to the largest output, float32, evaluation
mode, at the native size and another where the net allows it. All of them have to be below {close:g}.

| net | framework | files | size | difference | size | difference |
|---|---|---|---:|---:|---:|---:|
"""


def table(results: list[Result]) -> Iterator[str]:
    for result in results:
        cells = [
            cell for pair in zip(result.sizes, result.differences, strict=True) for cell in (pair[0], f"{pair[1]:.1e}")
        ]
        cells += [""] * (4 - len(cells))
        yield f"| {result.name} | {result.framework} | {', '.join(result.files)} | {' | '.join(cells)} |"


def versions() -> str:
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "timm", "keras", "jax"))


def apart(name: str) -> Result:
    """A comparison in a process of its own: Keras knows one backend in each, and memory is given back."""
    backend = "jax" if ALL[name][1].framework == "keras-jax" else "torch"
    done = subprocess.run(
        [sys.executable, __file__, "--json", name],
        env={**os.environ, "KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed")
    found = json.loads(done.stdout.splitlines()[-1])
    return Result(**{key: tuple(value) if isinstance(value, list) else value for key, value in found.items()})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", metavar="net")
    parser.add_argument("--save", type=Path, help="write the table to this file")
    parser.add_argument("--json", action="store_true", help="compare in this process and print JSON")
    given = parser.parse_args()
    if given.json:
        for name in given.nets:
            if not available(ALL[name][1].framework):
                raise SystemExit(f"{ALL[name][1].framework} cannot be run here")
            print(json.dumps(asdict(compare(name))))
        return 0
    results = []
    for name in given.nets or ALL:
        results.append(apart(name))
        print(*table(results[-1:]), "" if results[-1].agrees else "DIFFERS", flush=True)
    if given.save:
        head = INTRODUCTION.format(versions=versions(), close=CLOSE)
        given.save.write_text(head + "\n".join(table(results)) + "\n", encoding="utf-8", newline="\n")
    return 0 if all(result.agrees for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
