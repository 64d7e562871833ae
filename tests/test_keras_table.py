"""The whole table of Keras' applications, twenty nets, to the last parameter."""

from __future__ import annotations

import pytest
from keras_table import CONVOLUTIONS, TABLE, depth, parts
from published import graph_of, statistics

BY_MODEL = {row["model"]: row for row in TABLE}


def test_the_table_is_whole() -> None:
    assert len(BY_MODEL) == 20
    assert len({row["net"] for row in TABLE}) == 20


@pytest.mark.parametrize("model", BY_MODEL)
def test_totals_to_the_last_parameter(model: str) -> None:
    row = BY_MODEL[model]
    graph = graph_of(row["net"])
    assert graph.params == int(row["trainable"])
    assert statistics(graph) == int(row["statistics"])
    assert graph.params + statistics(graph) == int(row["total"])
    assert graph.macs == int(row["macs"])
    assert not row["depth"] or depth(graph) == int(row["depth"])


@pytest.mark.parametrize("model", BY_MODEL)
def test_what_the_parameters_belong_to(model: str) -> None:
    """MobileNet's classifier is a convolution there and here."""
    row = BY_MODEL[model]
    graph = graph_of(row["net"])
    assert parts(graph) == {name: int(row[name]) for name in ("conv_weights", "conv_biases", "gamma", "beta", "dense")}
    convolutions = [node for node in graph.nodes if node.op.name in CONVOLUTIONS]
    assert len(convolutions) == int(row["convs"])
    assert sum(any("bias" in name for name in graph.weights(node)) for node in convolutions) == int(
        row["convs_with_bias"]
    )


@pytest.mark.parametrize("model", BY_MODEL)
def test_norms(model: str) -> None:
    """Epsilon, and momentum, which is 1 minus Keras'."""
    row = BY_MODEL[model]
    norms = [node.op for node in graph_of(row["net"]).nodes if node.op.name == "bn"]
    assert len(norms) == int(row["norms"])
    assert {norm.eps for norm in norms} == ({float(row["eps"])} if row["eps"] else set())  # type: ignore[attr-defined]
    momenta = {round(1 - norm.momentum, 6) for norm in norms}  # type: ignore[attr-defined]
    assert momenta == ({float(row["momentum"])} if row["momentum"] else set())
