"""A graph as a picture: `draw(graph)` gives DOT text, blocks as clusters, shapes on the edges.

Three things keep a deep net readable. A layer and the normalisation and activation that follow it are one box (a stack).
A block that is copied several times in a row is drawn once, marked with how often (`fold=False` draws every copy). A
block that is a single box needs no frame around it.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from cnndsl import palette
from cnndsl.dims import at_hand
from cnndsl.graph import Graph, Node
from cnndsl.op import Op, Shape, show_sizes
from cnndsl.scene import LIGHT, Block, Box, Scene, scene

if TYPE_CHECKING:
    from graphviz import Digraph

FONT = "Helvetica,Arial,sans-serif"


def draw(graph: Graph, *, fold: bool = True, across: bool = False) -> str:
    """The DOT text of a picture of the net, which runs from top to bottom, or with `across` from left to right."""
    import graphviz

    picture = scene(graph, fold)
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
    _add_block(dot, picture.root, depth=0)
    _add_edges(dot, graph, picture)
    _add_outputs(dot, graph, picture)
    return str(dot.source)


def _add_block(dot: Digraph, block: Block, depth: int) -> None:
    for item in block.items:
        if isinstance(item, Box):
            _add_box(dot, item)
        elif isinstance(item, Block) and item.times == 1 and len(list(item.boxes())) == 1:
            _add_block(dot, item, depth)
        elif isinstance(item, Block):
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


def _add_box(dot: Digraph, box: Box) -> None:
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


def _block_label(block: Block) -> str:
    """`i3a  inception 64 96 128`, with `x 3` where it stands for copies; the call alone where it says the name.

    Copies that hand on more and more maps say what flows out of the last: `layer 32 x 6, to 256x56x56`.
    """
    frame = block.frame
    assert frame is not None
    name, called = frame.path.rpartition(".")[2], frame.block or ""
    bold = called if name.rstrip("0123456789") == called else name
    words = [value for _, value in frame.arguments] if bold == called else [called, *(v for _, v in frame.arguments)]
    times = f"  <B>&times; {block.times}</B>" if block.times > 1 else ""
    if block.grows_to is not None:
        times += f", to {_shape(block.grows_to).strip()}"
    return f"<<B>{escape(bold)}</B>  {escape(' '.join(words))}{times}>"


def _add_edges(dot: Digraph, graph: Graph, picture: Scene) -> None:
    """An edge per operand between boxes. Those between copies that are drawn once are left out.

    Where a shape goes to more than two readers, the first edge alone says it.
    """
    edges = [
        (source, node)
        for node in graph.nodes
        if node.index in picture.shown
        for source in node.inputs
        if picture.box_of[source] != picture.box_of[node.index]
    ]
    readers = Counter(source for source, _ in edges)
    said: set[int] = set()
    for source, node in edges:
        quiet = readers[source] > 2 and source in said
        said.add(source)
        label = "" if quiet else _shape(graph.nodes[source].shape)
        dot.edge(
            _name(picture.box_of[source]), _name(picture.box_of[node.index]), label=label, style="dashed" * node.aux
        )


def _add_outputs(dot: Digraph, graph: Graph, picture: Scene) -> None:
    for number, out in enumerate(graph.results):
        colors = palette.paint("boundary")
        note = '<BR/><FONT POINT-SIZE="9">in training</FONT>' if out.aux else ""
        dot.node(
            f"out{number}",
            f"<<B>{escape(out.name)}</B>{note}>",
            shape="box",
            height="0.3",
            margin="0.14,0.07",
            style="rounded,filled,dashed" if out.aux else "rounded,filled",
            fillcolor=colors.fill,
            color=colors.outline,
        )
        label = _shape(graph.nodes[out.node].shape)
        dot.edge(_name(picture.box_of[out.node]), f"out{number}", label=label, style="dashed" if out.aux else "")


def _name(index: int) -> str:
    """The DOT name of the box that begins with a node."""
    return f"n{index}"


def _shape(shape: Shape) -> str:
    """A shape beside an edge; the space keeps it off the line."""
    return " " + show_sizes(shape, "×")


def _title(graph: Graph) -> str:
    about = dict(graph.about)
    year = f" ({about['year']})" if "year" in about else ""
    title = escape(f"{about.get('title', graph.name)}{year}")
    macs = at_hand(graph.inference_macs)
    at = f" at {graph.contract.reference}" if graph.contract else ""
    numbers = f"{graph.inference_params:,} params, {macs:,} MACs ({2 * macs:,} FLOPs){at}"
    gap = '<BR/><FONT POINT-SIZE="5"> </FONT><BR/>'
    return f'<<FONT POINT-SIZE="18"><B>{title}</B></FONT>{gap}<FONT POINT-SIZE="11">{numbers}</FONT>{gap}>'
