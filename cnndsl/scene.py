"""What a drawing of a graph shows: boxes of layers, in blocks, copies drawn once.

A layer and the normalisation and activation that follow it are one box. A block that is copied several times in a row is kept
once, marked with how often; so are dense layers, copies that differ in nothing but the maps they read and hand on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cnndsl.graph import Frame, Graph, Node
from cnndsl.op import Shape

LIGHT = frozenset({"norm", "activation", "regularize"})
"""Families that share a box with the layer before or behind them."""
Key = tuple[str, int]
"""What tells two entries of a block apart: path and serial of its frame."""


@dataclass
class Box:
    """A stack: the nodes drawn as one box, in order."""

    nodes: list[Node]


@dataclass
class Block:
    """A frame and what stands in it, in order."""

    frame: Frame | None
    items: list[Block | Box | Node] = field(default_factory=list)
    times: int = 1
    grows_to: Shape | None = None
    """What flows out of the last of several copies, where each hands on more maps than the one before."""

    def nodes(self) -> Iterator[Node]:
        for item in self.items:
            match item:
                case Block():
                    yield from item.nodes()
                case Box():
                    yield from item.nodes
                case Node():
                    yield item

    def boxes(self) -> Iterator[Box]:
        """The boxes in it and in its blocks."""
        for item in self.items:
            if isinstance(item, Block):
                yield from item.boxes()
            elif isinstance(item, Box):
                yield item


@dataclass(frozen=True)
class Scene:
    """The blocks of a graph as a tree of boxes. `box_of` gives, for each node, the first node of the box it is seen in."""

    root: Block
    box_of: dict[int, int]
    shown: frozenset[int]
    """The nodes that are drawn themselves, not by a copy that stands for them."""


def scene(graph: Graph, fold: bool) -> Scene:
    """What to draw of a graph; `fold` keeps one of several copies."""
    root = _tree(graph)
    readers = _readers(graph)
    stands_for = {node.index: node.index for node in graph.nodes}
    if fold:
        _fold(root, graph, readers, stands_for)
    _stack(root, readers)
    box_of = {node.index: box.nodes[0].index for box in root.boxes() for node in box.nodes}
    for i, original in stands_for.items():  # in order: what stands for a node comes before it
        stands_for[i] = stands_for[original]
    return Scene(root, {i: box_of[original] for i, original in stands_for.items()}, frozenset(box_of))


def _tree(graph: Graph) -> Block:
    """The blocks of a graph as a tree; the nodes of a block are neighbours in the graph."""
    root = Block(None)
    open_blocks = [root]
    for node in graph.nodes:
        keys = [_key(frame) for frame in node.frames]
        level = 0
        while level < min(len(keys), len(open_blocks) - 1) and _key(open_blocks[level + 1].frame) == keys[level]:
            level += 1
        del open_blocks[level + 1 :]
        for frame in node.frames[level:]:
            block = Block(frame)
            open_blocks[-1].items.append(block)
            open_blocks.append(block)
        open_blocks[-1].items.append(node)
    return root


def _key(frame: Frame | None) -> Key:
    return ("", 0) if frame is None else (frame.path, frame.serial)


def _readers(graph: Graph) -> list[list[int]]:
    """Which nodes read each node; an output of the net counts as one more, -1."""
    readers: list[list[int]] = [[] for _ in graph.nodes]
    for node in graph.nodes:
        for i in node.inputs:
            readers[i].append(node.index)
    for out in graph.results:
        readers[out.node].append(-1)
    return readers


def _fold(block: Block, graph: Graph, readers: list[list[int]], stands_for: dict[int, int]) -> None:
    """Keeps one of several equal copies in a row, and notes for each node of the others which one stands for it."""
    kept: list[Block | Box | Node] = []
    for item in block.items:
        first = kept[-1] if kept else None
        if isinstance(item, Block) and isinstance(first, Block) and _repeats(first, item, graph, readers, stands_for):
            first.times += 1
            nodes = list(item.nodes())
            if nodes[-1].shape != list(first.nodes())[-1].shape:
                first.grows_to = nodes[-1].shape
            for node, original in zip(nodes, list(first.nodes()), strict=True):
                stands_for[node.index] = original.index
            continue
        kept.append(item)
    block.items = kept
    for item in kept:
        if isinstance(item, Block):
            _fold(item, graph, readers, stands_for)


def _repeats(first: Block, copy: Block, graph: Graph, readers: list[list[int]], stands_for: dict[int, int]) -> bool:
    """Whether a block is one more copy of `first`: equal in structure and shapes, the sole reader of the copy before."""
    if _signature(first, graph) != _signature(copy, graph) and not _grows(first, copy, graph):
        return False
    size = sum(1 for _ in copy.nodes())
    start = next(copy.nodes()).index
    before, inside = range(start - size, start), range(start, start + size)
    if any(stands_for[i] != node.index for i, node in zip(before, first.nodes(), strict=True)):
        return False
    feeds = {i for node in copy.nodes() for i in node.inputs if i < start}
    return all(i in before for i in feeds) and all(r in before or r in inside for i in before for r in readers[i])


def _grows(first: Block, copy: Block, graph: Graph) -> bool:
    """Whether a block is `first` again, with more or fewer maps flowing in and out: a layer of a dense block."""
    ends = [list(block.nodes())[-1].shape for block in (first, copy)]
    return ends[0] != ends[1] and _signature(first, graph, maps=False) == _signature(copy, graph, maps=False)


def _signature(block: Block, graph: Graph, maps: bool = True) -> tuple[Any, ...]:
    """What two copies have in common: block, ops, shapes (or, without `maps`, heights and widths), and operands relative to the block."""
    nodes = list(block.nodes())
    start = nodes[0].index
    outside: dict[int, int] = {}
    kept = 0 if maps else 1

    def operand(i: int) -> tuple[Any, ...]:
        if i >= start:
            return ("inside", i - start)
        return ("outside", outside.setdefault(i, len(outside)), graph.nodes[i].shape[kept:])

    rows = [
        (
            node.op,
            node.shape[kept:],
            node.aux,
            node.shares is None,
            len(node.frames),
            tuple(operand(i) for i in node.inputs),
        )
        for node in nodes
    ]
    assert block.frame is not None
    name = block.frame.path.rstrip("0123456789")  # a copy that the spec gives a name of its own is drawn for itself
    return (block.frame.block, name, tuple(rows))


def _stack(block: Block, readers: list[list[int]]) -> None:
    """Makes boxes of the nodes of a block and of those inside it."""
    items: list[Block | Box | Node] = []
    for item in block.items:
        if isinstance(item, Block):
            _stack(item, readers)
        if not isinstance(item, Node):
            items.append(item)
        elif items and isinstance(items[-1], Box) and _joins(items[-1], item, readers):
            items[-1].nodes.append(item)
        else:
            items.append(Box([item]))
    block.items = items


def _joins(box: Box, node: Node, readers: list[list[int]]) -> bool:
    """Whether a node is drawn in the box before it: it alone reads that one, and one of the two is light."""
    last = box.nodes[-1]
    if node.inputs != (last.index,) or len(readers[last.index]) != 1 or last.op.name == "input" or last.aux != node.aux:
        return False
    return node.op.family in LIGHT or all(other.op.family in LIGHT for other in box.nodes)
