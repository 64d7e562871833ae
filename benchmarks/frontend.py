"""How fast the front end is: `python benchmarks/frontend.py [--save FILE.md] [--rounds N]`.

Four questions, each beside a peer on the same machine, rounds interleaved, medians and their ratio:
1. a cold `cnndsl check specs/resnet.cnn:resnet152` as a process, beside `python -c "import torch"`;
2. parsing and elaboration against the size of the spec, up to 100,000 nodes (linear: the time per node stays the same);
3. `cnndsl.load("resnet152")` beside `torchvision.models.resnet152()`;
4. the contract of large nets, sizes open, beside the check of the same net at its own size.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
"""Nodes of the specs of the second question."""


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(rounds: int, *works: Callable[[], object]) -> list[list[float]]:
    """Seconds of each work in each round, after a round that warms caches and is not counted."""
    for work in works:
        work()
    samples: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, sample in zip(works, samples, strict=True):
            sample.append(timed(work))
    return samples


def spread(sample: list[float]) -> str:
    """Median and range in milliseconds."""
    median = statistics.median(sample) * 1000
    return f"{median:.0f} ms ({min(sample) * 1000:.0f} to {max(sample) * 1000:.0f})"


def process(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True, cwd=ROOT)


def cold_check(rounds: int) -> list[tuple[str, ...]]:
    """A cold process each time; file caches are warm for both."""
    cnndsl = [sys.executable, "-m", "cnndsl"]
    check, torch, bare = interleaved(
        rounds,
        process(*cnndsl, "check", "specs/resnet.cnn:resnet152"),
        process(sys.executable, "-c", "import torch"),
        process(sys.executable, "-c", "pass"),
    )
    ratio = statistics.median(check) / statistics.median(torch)
    return [
        ("`cnndsl check specs/resnet.cnn:resnet152`", spread(check), f"{ratio:.2f} of `import torch`"),
        ('`python -c "import torch"`', spread(torch), "1"),
        ('`python -c "pass"`', spread(bare), ""),
    ]


def spec_of(nodes: int) -> str:
    """A net of about `nodes` nodes, every layer written out: a hundred nodes a line."""
    line = " -> ".join(["conv 8 3x3+1", "bn", "relu", "maxpool 3x3/1+1"] * 25)
    return "net big { input 8x32x32\n" + "\n-> ".join([line] * (nodes // 100)) + "\n}\n"


def repeated_spec(nodes: int) -> str:
    """A net of about `nodes` nodes in a few lines, by repetition."""
    return (
        "def unit { residual { conv 8 3x3+1 -> bn -> relu -> conv 8 3x3+1 -> bn } -> relu }\n"
        f"net big {{ input 8x32x32 unit * {nodes // 7} }}\n"
    )


def size_against_time(rounds: int) -> list[tuple[str, ...]]:
    """Parse and elaborate in this process: specs written out, and specs that repeat a block."""
    import cnndsl

    rows: list[tuple[str, ...]] = []
    for nodes in SIZES:
        few = max(1, rounds if nodes <= 10_000 else rounds // 3)
        for kind, text in (("written out", spec_of(nodes)), ("repeated", repeated_spec(nodes))):
            if len(text) > 4_000_000:
                continue
            count = len(cnndsl.check(text).nodes)
            (sample,) = interleaved(few, lambda text=text: cnndsl.check(text))  # type: ignore[misc]
            per_node = statistics.median(sample) / count * 1e6
            rows.append(
                (f"{count:,} nodes, {kind}, {len(text):,} characters", spread(sample), f"{per_node:.0f} us a node")
            )
    return rows


def load(rounds: int) -> list[tuple[str, ...]]:
    """Both construct and initialise 60 million weights."""
    sys.path.insert(0, str(ROOT / "tests"))
    from tv import load_models  # loads torchvision where its compiled ops do not

    import cnndsl

    models = load_models()
    if models is None:
        return [("`torchvision.models.resnet152()`", "torchvision cannot be imported", "-")]

    ours, theirs = interleaved(max(3, rounds // 2), lambda: cnndsl.load("resnet152"), lambda: models.resnet152())
    ratio = statistics.median(ours) / statistics.median(theirs)
    return [
        ('`cnndsl.load("resnet152")`', spread(ours), f"{ratio:.2f} of torchvision's"),
        ("`torchvision.models.resnet152()`", spread(theirs), "1"),
    ]


NASNET_LARGE = """from "nasnet_cells" import normal, reduction
def last on before, x { @x }
net nasnet_large {
  input 3x331x331
  conv 96 3x3/2 -> bn -> branch { id | id } -> reduction 42 -> reduction 84 -> (normal 168) * 6 -> reduction 336
  -> (normal 336) * 6 -> reduction 672 -> (normal 672) * 6 -> last -> relu -> globalavgpool -> fc 1000
}
"""
"""The body of NASNet-A (6 @ 4032), Zoph et al. 2018, arXiv:1707.07012, without its auxiliary classifier."""


def open_sizes(rounds: int) -> list[tuple[str, ...]]:
    """The same spec in this process with its own size, and with height and width open."""
    import cnndsl

    rows: list[tuple[str, ...]] = []
    for name, spec in (("densenet264", "densenet264"), ("googlenet", "googlenet"), ("NASNet-A large", NASNET_LARGE)):
        nodes = len(cnndsl.check(spec).nodes)
        closed, opened = interleaved(
            rounds,
            lambda spec=spec: cnndsl.check(spec),  # type: ignore[misc]
            lambda spec=spec: cnndsl.check(spec, input="3xHxW"),  # type: ignore[misc]
        )
        ratio = statistics.median(opened) / statistics.median(closed)
        rows.append((f"{name}, {nodes:,} nodes, 3xHxW", spread(opened), f"{ratio:.1f} of the check at one size"))
    return rows


def machine() -> str:
    import torch

    return (
        f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, {platform.machine()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--save", type=Path, help="write the tables to this file, too")
    options = parser.parse_args()
    parts = []
    for title, measure in (
        ("Cold start", cold_check),
        ("Parse and elaborate", size_against_time),
        ("Construction", load),
        ("Contract", open_sizes),
    ):
        print(f"{title} ...", file=sys.stderr)
        rows = measure(options.rounds)
        lines = [f"### {title}", "", "| what | median (range) | ratio |", "|---|---|---|"]
        parts.append("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]))
    text = f"{machine()}, {options.rounds} rounds\n\n" + "\n\n".join(parts) + "\n"
    print(text)
    if options.save:
        options.save.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
