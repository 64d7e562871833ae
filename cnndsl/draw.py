"""A graph as a picture: `draw(graph)` gives DOT text, blocks as clusters, shapes on the edges.

Three things keep a deep net readable. A layer and the normalisation and activation that follow it are one box (a stack).
A block that is copied several times in a row is drawn once, marked with how often (`fold=False` draws every copy). A
block that is a single box needs no frame around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from cnndsl import palette
from cnndsl.graph import Frame, Graph, Node
from cnndsl.op import Op, Shape

if TYPE_CHECKING:
    from graphviz import Digraph

LIGHT = frozenset({"norm", "activation", "dropout"})
"""Families that share a box with the layer before or behind them."""
FONT = "Helvetica,Arial,sans-serif"

Key = tuple[str, int]
"""What tells two entries of a block apart: path and serial of its frame."""


@dataclass
class _Box:
    """A stack: the nodes drawn as one box, in order."""

    nodes: list[Node]


@dataclass
class _Block:
    """A frame and what stands in it, in order."""

    frame: Frame | None
    items: list[_Block | _Box | Node] = field(default_factory=list)
    times: int = 1

    def nodes(self) -> Iterator[Node]:
        for item in self.items:
            match item:
                case _Block():
                    yield from item.nodes()
                case _Box():
                    yield from item.nodes
                case Node():
                    yield item


def draw(graph: Graph, *, fold: bool = True, across: bool = False) -> str:
    """The DOT text of a picture of the net, which runs from top to bottom, or with `across` from left to right."""
    import graphviz

    root = _tree(graph)
    readers = _readers(graph)
    stands_for = {node.index: node.index for node in graph.nodes}
    if fold:
        _fold(root, graph, readers, stands_for)
    _stack(root, readers)
    boxes = {node.index: box.nodes[0].index for box in _boxes(root) for node in box.nodes}
    dot = graphviz.Digraph(
        graph.name,
        graph_attr={
            "rankdir": "LR" if across else "TB",
            "label": _title(graph),
            "labelloc": "t",
            "fontname": FONT,
            "fontcolor": palette.INK,
            "nodesep": "0.25",
            "ranksep": "0.3",
            "pad": "0.2",
        },
        node_attr={"shape": "plain", "fontname": FONT, "fontsize": "11", "fontcolor": palette.INK},
        edge_attr={
            "fontname": FONT,
            "fontsize": "9",
            "fontcolor": palette.EDGE_TEXT,
            "color": palette.EDGE,
            "arrowsize": "0.6",
        },
    )
    _add_block(dot, root, depth=0)
    _add_edges(dot, graph, boxes, stands_for)
    _add_outputs(dot, graph, boxes, stands_for)
    return str(dot.source)


# --- what stands where -------------------------------------------------------------------------------------------


def _tree(graph: Graph) -> _Block:
    """The blocks of a graph as a tree; the nodes of a block are neighbours in the graph."""
    root = _Block(None)
    open_blocks = [root]
    for node in graph.nodes:
        keys = [_key(frame) for frame in node.frames]
        level = 0
        while level < min(len(keys), len(open_blocks) - 1) and _key(open_blocks[level + 1].frame) == keys[level]:
            level += 1
        del open_blocks[level + 1 :]
        for frame in node.frames[level:]:
            block = _Block(frame)
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


def _fold(block: _Block, graph: Graph, readers: list[list[int]], stands_for: dict[int, int]) -> None:
    """Keeps one of several equal copies in a row, and notes for each node of the others which one stands for it."""
    kept: list[_Block | _Box | Node] = []
    for item in block.items:
        first = kept[-1] if kept else None
        if isinstance(item, _Block) and isinstance(first, _Block) and _repeats(first, item, graph, readers, stands_for):
            first.times += 1
            for node, original in zip(item.nodes(), list(first.nodes()), strict=True):
                stands_for[node.index] = original.index
            continue
        kept.append(item)
    block.items = kept
    for item in kept:
        if isinstance(item, _Block):
            _fold(item, graph, readers, stands_for)


def _repeats(first: _Block, copy: _Block, graph: Graph, readers: list[list[int]], stands_for: dict[int, int]) -> bool:
    """Whether a block is one more copy of `first`: equal in structure and shapes, the sole reader of the copy before."""
    if _signature(first, graph) != _signature(copy, graph):
        return False
    size = sum(1 for _ in copy.nodes())
    start = next(copy.nodes()).index
    before, inside = range(start - size, start), range(start, start + size)
    if any(stands_for[i] != node.index for i, node in zip(before, first.nodes(), strict=True)):
        return False
    feeds = {i for node in copy.nodes() for i in node.inputs if i < start}
    return all(i in before for i in feeds) and all(r in before or r in inside for i in before for r in readers[i])


def _signature(block: _Block, graph: Graph) -> tuple[Any, ...]:
    """What two copies have in common: block, ops, shapes, and operands relative to the block."""
    nodes = list(block.nodes())
    start = nodes[0].index
    outside: dict[int, int] = {}

    def operand(i: int) -> tuple[Any, ...]:
        if i >= start:
            return ("inside", i - start)
        return ("outside", outside.setdefault(i, len(outside)), graph.nodes[i].shape)

    rows = [
        (
            node.op,
            node.shape,
            node.aux,
            node.shares is None,
            len(node.frames),
            tuple(operand(i) for i in node.inputs),
        )
        for node in nodes
    ]
    return (block.frame.block if block.frame else None, tuple(rows))


def _stack(block: _Block, readers: list[list[int]]) -> None:
    """Makes boxes of the nodes of a block and of those inside it."""
    items: list[_Block | _Box | Node] = []
    for item in block.items:
        if isinstance(item, _Block):
            _stack(item, readers)
        if not isinstance(item, Node):
            items.append(item)
        elif items and isinstance(items[-1], _Box) and _joins(items[-1], item, readers):
            items[-1].nodes.append(item)
        else:
            items.append(_Box([item]))
    block.items = items


def _joins(box: _Box, node: Node, readers: list[list[int]]) -> bool:
    """Whether a node is drawn in the box before it: it alone reads that one, and one of the two is light."""
    last = box.nodes[-1]
    if node.inputs != (last.index,) or len(readers[last.index]) != 1 or last.op.name == "input" or last.aux != node.aux:
        return False
    return node.op.family in LIGHT or all(other.op.family in LIGHT for other in box.nodes)


def _boxes(block: _Block) -> Iterator[_Box]:
    for item in block.items:
        if isinstance(item, _Block):
            yield from _boxes(item)
        elif isinstance(item, _Box):
            yield item


# --- DOT ---------------------------------------------------------------------------------------------------------


def _add_block(dot: Digraph, block: _Block, depth: int) -> None:
    for item in block.items:
        if isinstance(item, _Box):
            _add_box(dot, item)
        elif isinstance(item, _Block) and item.times == 1 and len(list(_boxes(item))) == 1:
            _add_block(dot, item, depth)
        elif isinstance(item, _Block):
            first = next(item.nodes()).index
            with dot.subgraph(name=f"cluster_{first}_{depth}") as cluster:
                colors = palette.BLOCK if depth % 2 == 0 else palette.BLOCK_INSIDE
                cluster.attr(
                    label=_block_label(item),
                    labeljust="l",
                    fontsize="10",
                    fontname=FONT,
                    style="rounded,filled",
                    fillcolor=colors.fill,
                    color=colors.outline,
                    margin="10",
                )
                _add_block(cluster, item, depth + 1)


def _add_box(dot: Digraph, box: _Box) -> None:
    """A box: the heavy layer across the full width, its light ones side by side under (or over) it."""
    rows: list[list[Node]] = []
    for node in box.nodes:
        light = node.op.family in LIGHT
        if rows and light and rows[-1][0].op.family in LIGHT:
            rows[-1].append(node)
        else:
            rows.append([node])
    columns = max(len(row) for row in rows)
    heavy = next((node for node in box.nodes if node.op.family not in LIGHT), box.nodes[0])
    outline = palette.paint(heavy.op.family).outline
    style = ' STYLE="dashed"' if box.nodes[0].aux else ""
    cells = "".join(_row(row, columns) for row in rows)
    dot.node(
        _name(box.nodes[0].index),
        f'<<TABLE BORDER="1"{style} CELLBORDER="0" CELLSPACING="0" CELLPADDING="4" COLOR="{outline}">{cells}</TABLE>>',
        tooltip=", ".join(node.path for node in box.nodes),
    )


def _row(row: list[Node], columns: int) -> str:
    spans = [columns // len(row)] * len(row)
    spans[-1] += columns - sum(spans)
    cells = (
        f'<TD COLSPAN="{span}" BGCOLOR="{palette.paint(node.op.family).fill}">{_text(node)}</TD>'
        for node, span in zip(row, spans, strict=True)
    )
    return f"<TR>{''.join(cells)}</TR>"


def _text(node: Node) -> str:
    """A layer's name and attributes; light layers in smaller type."""
    if node.op.name == "input":
        return f"<B>{escape(node.path)}</B>"
    label = escape(_attributes(node.op))
    if node.op.family in LIGHT:
        return f'<FONT POINT-SIZE="9">{escape(node.op.name)}{" " + label if label else ""}</FONT>'
    shared = "" if node.shares is None else ' <FONT POINT-SIZE="9"><I>shared</I></FONT>'
    return f"<B>{escape(node.op.name)}</B>{' ' + label if label else ''}{shared}"


def _attributes(op: Op) -> str:
    """An op's attributes without a bias that the net settled: whether a `bn` follows is to be seen."""
    settled = "bias" in op.attributes and op.attributes["bias"].default is None
    return (op.replace(bias=None) if settled else op).label()


def _block_label(block: _Block) -> str:
    """`i3a  inception 64 96 128`, with `x 3` where it stands for copies; the call alone where it says the name."""
    frame = block.frame
    assert frame is not None
    name, called = frame.path.rpartition(".")[2], frame.block or ""
    bold = called if name.rstrip("0123456789") == called else name
    words = [value for _, value in frame.arguments] if bold == called else [called, *(v for _, v in frame.arguments)]
    times = f"  <B>&times; {block.times}</B>" if block.times > 1 else ""
    return f"<<B>{escape(bold)}</B>  {escape(' '.join(words))}{times}>"


def _add_edges(dot: Digraph, graph: Graph, boxes: dict[int, int], stands_for: dict[int, int]) -> None:
    """An edge per operand between boxes. Those between copies that are drawn once are left out.

    Where a shape goes to more than two readers, the first edge alone says it.
    """
    edges = [
        (source, node)
        for node in graph.nodes
        if node.index in boxes
        for source in node.inputs
        if boxes[stands_for[source]] != boxes[node.index]
    ]
    readers = Counter(source for source, _ in edges)
    said: set[int] = set()
    for source, node in edges:
        quiet = readers[source] > 2 and source in said
        said.add(source)
        label = "" if quiet else _shape(graph.nodes[source].shape)
        dot.edge(_name(boxes[stands_for[source]]), _name(boxes[node.index]), label=label, style="dashed" * node.aux)


def _add_outputs(dot: Digraph, graph: Graph, boxes: dict[int, int], stands_for: dict[int, int]) -> None:
    for number, out in enumerate(graph.results):
        colors = palette.paint("boundary")
        note = '<BR/><FONT POINT-SIZE="9">in training</FONT>' if out.aux else ""
        dot.node(
            f"out{number}",
            f"<<B>{escape(out.name)}</B>{note}>",
            shape="box",
            style="rounded,filled,dashed" if out.aux else "rounded,filled",
            fillcolor=colors.fill,
            color=colors.outline,
        )
        label = _shape(graph.nodes[out.node].shape)
        dot.edge(_name(boxes[stands_for[out.node]]), f"out{number}", label=label, style="dashed" if out.aux else "")


def _name(index: int) -> str:
    """The DOT name of the box that begins with a node."""
    return f"n{index}"


def _shape(shape: Shape) -> str:
    """A shape beside an edge; the space keeps it off the line."""
    return " " + "×".join(map(str, shape))


def _title(graph: Graph) -> str:
    about = dict(graph.about)
    year = f" ({about['year']})" if "year" in about else ""
    title = escape(f"{about.get('title', graph.name)}{year}")
    numbers = f"{graph.inference_params:,} params, {graph.inference_macs:,} MACs ({2 * graph.inference_macs:,} FLOPs)"
    return f'<<FONT POINT-SIZE="18"><B>{title}</B></FONT><BR/><FONT POINT-SIZE="11">{numbers}</FONT><BR/> >'
