"""The phase that finds the receptive field of every node."""

from __future__ import annotations

from functools import cache
from typing import Any

from cnndsl.field import Axis, Field, Parts, joined
from cnndsl.footprint import HERE, Footprint, Reads, axes, through
from cnndsl.graph import Graph, Node


def receptive(graph: Graph) -> tuple[Field, ...]:
    """Which positions of the input the positions of every node see: a field per node, in the order of the graph.

    A position sees another if a path of the net leads from there to here, in inference (a batch normalisation uses its running
    statistics); the channels of a node are not told apart. Along each axis a field is the hull of what is seen, not cut off at the
    borders, in positions of the input. Several inputs lie on one another with their top left corners, and a field is the hull of what
    is seen of each. An input that is a vector has no positions: what comes of it alone sees nothing. Where sizes are left open, the
    fields are those at the reference size. Source: Araujo et al. 2019, as in `footprint.py`.
    """
    graph = graph.in_numbers()
    sizes = [axes(shape) for shape in graph.inputs.values() if len(shape) == 3]
    heights, widths = max((h for h, _ in sizes), default=0), max((w for _, w in sizes), default=0)
    beyond = cache(through)  # the layers of a net have few footprints between them
    fields: list[Field] = []

    def seen(streams: list[tuple[Parts, Footprint]], length: int) -> Parts:
        """What is seen through the footprints of a node, of what its operands see."""
        if len(streams) == 1 and streams[0][1] == HERE:
            return streams[0][0]
        return joined((tuple(beyond(part, near) for part in parts) for parts, near in streams), length)

    for node in graph.nodes:
        height, width = axes(node.shape)
        if node.op.name == "input":
            parts = (HERE,) if len(node.shape) == 3 else ()
            fields.append(Field(Axis(parts, height), Axis(parts, width)))
            continue
        read = [(fields[k], near) for k, near in zip(node.inputs, reads(graph, node), strict=True) if near is not None]
        rows = seen([(field.height.parts, near[0]) for field, near in read], heights)
        columns = seen([(field.width.parts, near[1]) for field, near in read], widths)
        fields.append(Field(Axis(rows, height), Axis(columns, width)))
    return tuple(fields)


def reads(graph: Graph, node: Node) -> tuple[Reads, ...]:
    """What a node reads of its operands. An `unpool` reads where its pooling wrote: that op says which windows these are."""
    op: Any = node.op
    if op.name == "unpool":
        return tuple(op.footprint_of(graph.nodes[node.inputs[1]].op, graph.in_shapes(node)))
    return node.op.footprint(graph.in_shapes(node), node.shape)
