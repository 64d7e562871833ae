"""What the tests of the specs share: the published facts, a graph per net, and parts of it by their labels."""

from __future__ import annotations

import tomllib
from math import prod
from pathlib import Path
from typing import Any

import cnndsl
from cnndsl.graph import Graph, Node

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "specs" / "published.toml").read_text(encoding="utf-8"))
GRAPHS: dict[str, Graph] = {}


def graph_of(net: str) -> Graph:
    """The graph of a shipped net, made once."""
    if net not in GRAPHS:
        GRAPHS[net] = cnndsl.check(net)
    return GRAPHS[net]


def inside(graph: Graph, label: str) -> list[Node]:
    """The nodes that stand under a path."""
    found = [node for node in graph.nodes if f"{node.path}.".startswith(f"{label}.")]
    assert found, f"{graph.name} has nothing at {label}"
    return found


def after(graph: Graph, label: str) -> tuple[int, ...]:
    """The shape behind a label."""
    return inside(graph, label)[-1].shape


def params_without_biases(graph: Graph, nodes: list[Node] | None = None) -> int:
    weights = [graph.weights(node) for node in nodes or graph.nodes]
    return sum(prod(array.shape) for owned in weights for name, array in owned.items() if name == "weight")


def statistics(graph: Graph) -> int:
    """Running means and variances, which Keras counts and torch does not."""
    weights = [graph.weights(node) for node in graph.nodes]
    return sum(prod(a.shape) for owned in weights for name, a in owned.items() if name.startswith("running_"))


def table_activations(graph: Graph) -> int:
    """The numbers in the rows of a lecture table: input, convolutions, pools, dense layers, no ReLU."""
    return sum(prod(node.shape) for node in graph.nodes if node.op.name in ("input", "conv", "maxpool", "fc"))
