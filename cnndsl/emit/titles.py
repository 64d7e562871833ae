"""What emitted classes are called."""

from __future__ import annotations

import builtins
import keyword

from cnndsl.emit.group import Group
from cnndsl.graph import Graph

_TAKEN = frozenset({*keyword.kwlist, *dir(builtins), "Tensor", "NamedTuple", "Any", "Sequence"})


def camel(name: str) -> str:
    """`conv_relu` is `ConvRelu`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_") if part) or "Net"


def main_name(graph: Graph) -> str:
    """The class of the net itself: `resnet50` is `Resnet50`."""
    name = camel(graph.name)
    if name[0].isdigit() or name in _TAKEN:
        return f"{name}Net" if not name[0].isdigit() else f"Net{name}"
    return name


def entitle(groups: list[Group], graph: Graph, taken: set[str]) -> None:
    """Names the classes, the last of which is the net: after their `def`, or after the block and the label they stand in."""
    used = {*_TAKEN, *taken}
    main = main_name(graph)
    while main in used:
        main += "Net"
    used.add(main)
    groups[-1].name = main
    for group in groups[:-1]:
        name = _title(group)
        if name in used:
            name = next(
                n for n in (f"{name}{k}" if k > 1 else f"{name}Block" for k in _numbers(name, used)) if n not in used
            )
        group.name = name
        used.add(name)


def _numbers(name: str, used: set[str]) -> range:
    """From 2 where a block has several classes, from 1 (which adds `Block`) where another thing has the name."""
    return range(1, len(used) + 2) if name in _TAKEN else range(2, len(used) + 3)


def _title(group: Group) -> str:
    parent = group.entry.parent
    home = parent.frame.block if parent is not None and parent.frame is not None else None
    if group.scopes[0].block or not home:
        return camel(group.title)
    return camel(home) + camel(group.title)
