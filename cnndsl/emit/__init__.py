"""The phase that prints a graph as a stand-alone PyTorch file: a class per block, a loop where the spec repeats.

`tree` finds the scopes of the graph; `steps` says what they hold; `fold`, with `copies` and `unroll`, finds their repetitions;
`classes` finds the scopes that share a class (`group`), `params` its parameters. `statements` and `names` settle how a forward
pass reads, `forward` and `source` write it, `layout` breaks long lines, `titles` names classes, `library` knows torch's modules.
"""

from __future__ import annotations

import re

from cnndsl.emit.classes import classify
from cnndsl.emit.group import Group
from cnndsl.emit.library import copies, import_lines, layers
from cnndsl.emit.source import ClassWriter, main_block, outputs, preamble
from cnndsl.emit.steps import Call, variables, walk
from cnndsl.emit.titles import entitle, main_name
from cnndsl.emit.tree import Tree
from cnndsl.graph import Graph

__all__ = ["emit", "main_name"]

_WORD = re.compile(r"(?<![\w.{])[A-Za-z_]\w*")


def emit(graph: Graph) -> str:
    """The PyTorch source of a graph: deterministic, formatted, without any import of cnndsl."""
    tree = Tree(graph)
    classify(tree, variables())
    root: Group = tree.scopes[""].group
    groups = _ordered(root)
    mentioned = _mentioned(groups)
    copied, used = copies(mentioned)
    tuples = outputs(graph)
    entitle(groups, graph, {*layers()[0], *(item.name for item in tuples.values())})
    blocks = list(copied)
    blocks.extend(item.text() for item in tuples.values())
    writers = [ClassWriter(graph, group, tuples if group is root else {}) for group in groups]
    texts = [writer.text() for writer in writers]
    blocks.extend(writer.size_check for writer in writers if writer.size_check)
    blocks.extend(texts)
    blocks.append(main_block(graph, root.name))
    names = {"nn", "Tensor", "torch", *used, *(name for name in mentioned if name in ("F", "math"))}
    if tuples:
        names.add("NamedTuple")
    head = [preamble(graph), "\n".join(["from __future__ import annotations", "", *import_lines(names)])]
    return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join(blocks) + "\n"


def _ordered(root: Group) -> list[Group]:
    """The classes, those that others use before them, in the order in which the net comes to them."""
    order: list[Group] = []
    seen: set[int] = set()
    stack: list[tuple[Group, bool]] = [(root, False)]
    while stack:
        group, ready = stack.pop()
        if ready:
            order.append(group)
            continue
        if id(group) in seen:
            continue
        seen.add(id(group))
        stack.append((group, True))
        inner = [
            step.maker for step in walk(group.region.steps) if isinstance(step, Call) and isinstance(step.maker, Group)
        ]
        stack.extend((other, False) for other in reversed(inner) if id(other) not in seen)
    return order


def _mentioned(groups: list[Group]) -> set[str]:
    """The names that constructors and calls use: `Conv2dSame`, `torch`."""
    texts: set[str] = set()
    for group in groups:
        for step in walk(group.region.steps):
            if isinstance(step, Call):
                texts.add(step.call)
                if isinstance(step.maker, str):
                    texts.add(step.maker)
    return {name for text in texts for name in _WORD.findall(text)}
