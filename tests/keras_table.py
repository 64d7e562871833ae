"""The table of Keras' applications: what Keras prints, and the same counted in our nets.

`keras_table.csv` holds, for each model, the total, top-1 and top-5 accuracy of the table in Keras' documentation, and what Keras 3.15's
own models are made of: weights and biases of the convolutions, gamma, beta and running statistics of the norms, dense layers.
The two ResNeXt were counted in models rebuilt from keras_applications, which Keras 3 has no longer. `depth`: the layers that hold
weights, which is what the present documentation calls depth, where it was looked up.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from math import prod
from pathlib import Path

from published import graph_of, statistics

from cnndsl.graph import Graph

TABLE: list[dict[str, str]] = list(
    csv.DictReader((Path(__file__).resolve().parent / "keras_table.csv").read_text(encoding="utf-8").splitlines())
)
CONVOLUTIONS = ("conv", "dwconv", "sepconv")


def parts(graph: Graph) -> dict[str, int]:
    """What the parameters of a net belong to, by the names of the table's columns."""
    found = dict.fromkeys(("conv_weights", "conv_biases", "gamma", "beta", "dense"), 0)
    for node in graph.nodes:
        for name, weight in graph.weights(node).items():
            role, size = name.rpartition(".")[2], prod(weight.shape)
            if node.op.name in CONVOLUTIONS:
                found["conv_biases" if role == "bias" else "conv_weights"] += size
            elif node.op.name == "bn" and weight.trains:
                found["gamma" if role == "weight" else "beta"] += size
            elif node.op.name == "fc":
                found["dense"] += size
    return found


def depth(graph: Graph) -> int:
    """The layers that hold weights."""
    return sum(bool(graph.weights(node)) for node in graph.nodes)


INTRODUCTION = """\
The table of [keras.io/api/applications](https://keras.io/api/applications/) as the lectures of the last decade show it, with our
nets counted beside it. Keras counts running means and variances as parameters, so its total is our params and the statistics; all
twenty agree to the last parameter. `tests/test_keras_table.py` also holds biases, gamma, beta, dense layers, the number of
convolutions and norms, epsilons and momenta against Keras 3.15's own models, and [parity.md](parity.md) the outputs. Accuracies are
Keras' own. Depth is the number of layers that hold weights, as the documentation has it today; its older figures (Xception 126, VGG16
23, InceptionV3 159) count something else.

The ResNeXt of the table have their grouped convolution as a depthwise one with a sum behind it. A later version has a fixed 1x1
convolution in its place and prints 153,220,008 and 243,741,608. ResNeXt101 is the 32x4d one."""


def page() -> Iterator[str]:
    """The lines of docs/keras_table.md behind its title."""
    yield from (INTRODUCTION, "")
    yield "| Keras | here | params | running statistics | together | Keras prints | top-1 | top-5 | depth |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for row in TABLE:
        graph = graph_of(row["net"])
        counted = (graph.params, statistics(graph), graph.params + statistics(graph), int(row["total"]))
        cells = " | ".join(f"{number:,}" for number in counted)
        yield f"| {row['model']} | `{row['net']}` | {cells} | {row['top1']} | {row['top5']} | {depth(graph)} |"
