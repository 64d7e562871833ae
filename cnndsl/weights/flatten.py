"""Dense layers beside flattened maps: Keras flattens in h, w, c order, torch and cnndsl in c, h, w order."""

from __future__ import annotations

from dataclasses import replace

from cnndsl.graph import Graph
from cnndsl.op import Shape, numbers
from cnndsl.weights.unit import Array, Step, Unit

KEEPS = frozenset({"activation", "regularize", "norm"})
"""Families whose layers leave every number of a vector where it is."""


def unflattened(graph: Graph, unit: Unit, role: str, array: Array) -> Array:
    """An array of a channels-last checkpoint with its axes of flattened maps in c, h, w order, as the net's layer reads and gives them."""
    node = unit.node
    assert node is not None
    steps = array.steps
    dense = node.op.name == "fc"
    if len(node.shape) == 1:
        maps = _becomes(graph, node.index) or (None if dense else _comes_from(graph, node.index))
        if maps is not None and array.shape[:1] == node.shape:
            steps += _turn(array.shape, 0, maps)
    if dense and role == "weight":
        maps = _comes_from(graph, node.inputs[0])
        if maps is not None:
            steps += _turn(array.shape, 1, maps)
    return replace(array, steps=steps)


def _turn(shape: Shape, axis: int, maps: Shape) -> tuple[Step, ...]:
    """The steps that bring an axis from h, w, c to c, h, w order."""
    c, h, w = maps
    if h * w == 1 or c == 1 or shape[axis] != c * h * w:
        return ()
    apart = (*shape[:axis], h, w, c, *shape[axis + 1 :])
    axes = (*range(axis), axis + 2, axis, axis + 1, *range(axis + 3, len(apart)))
    turned = tuple(apart[k] for k in axes)
    return Step(before=shape, after=apart), Step(axes=axes), Step(before=turned, after=shape)


def _comes_from(graph: Graph, index: int) -> Shape | None:
    """The maps that a vector was flattened from; the maps themselves where a dense layer reads them."""
    node = graph.nodes[index]
    if len(node.shape) == 3:
        return numbers(node.shape)
    if node.op.name == "flatten" or node.op.family in KEEPS:
        return _comes_from(graph, node.inputs[0])
    return None


def _becomes(graph: Graph, index: int) -> Shape | None:
    """The maps that a vector is reshaped to."""
    for node in graph.nodes[index + 1 :]:
        if index not in node.inputs:
            continue
        if node.op.name == "reshape" and len(node.shape) == 3:
            return numbers(node.shape)
        if len(node.shape) == 1 and node.op.family in KEEPS and node.op.name != "fc":
            return _becomes(graph, node.index)
    return None
