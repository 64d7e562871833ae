"""Names that mean something everywhere; names that mean nothing, and the nearest that do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import Diagnostic, Edit, Help, Label
from cnndsl.op import BOOLEAN, OPS
from cnndsl.source import Span
from cnndsl.synonyms import LAYERS, nearest

COMBINATORS = ("branch", "residual", "aux", "id")
"""Elements that are no layers; merges (`concat`, `add` ...) are ops."""
SHORTCUTS = ("identity", "project", "pad", "optional")
MOST_UNKNOWN = 50
"""Unknown layers reported for one file."""


def did_you_mean(
    span: Span, name: str, known: Iterable[str], prefix: str = "", elsewhere: dict[str, str] | None = None
) -> tuple[Help, ...]:
    """Helps that put the nearest known name in place of a span, yet to be checked."""
    return tuple(
        Help(f"did you mean `{prefix}{close}`?", (Edit(span, prefix + close),))
        for close in nearest(name, known, 2, elsewhere)
    )


def unknown_layer(call: syntax.Call, known: Iterable[str]) -> Diagnostic:
    """The complaint about a call of what is not known. In `input 3 x 8 x 8` an `x` looks like one."""
    text = call.span.source.text
    size = re.compile(r"(\d+)\s+x\s+(\d+)\s+x\s+(\d+)\b").match(text, text.rfind("input", 0, call.span.start) + 5 + 1)
    if call.name == "x" and size is not None and size.start() < call.span.start < size.end():
        whole = "x".join(size.groups())
        edit = Edit(Span(call.span.source, size.start(), size.end()), whole)
        label = Label(call.name_span, "a size has no spaces in it")
        return Diagnostic(
            "E0201", "there is no layer or block `x`", (label,), tries=(Help(f"write `{whole}`", (edit,)),)
        )
    return Diagnostic(
        "E0201",
        f"there is no layer or block `{call.name}`",
        (Label(call.name_span, "unknown"),),
        tries=did_you_mean(call.name_span, call.name, known, elsewhere=LAYERS),
    )


def layer_names() -> list[str]:
    """What a spec can call besides its own blocks."""
    return [name for name, op in OPS.items() if op.written]


@cache
def flags() -> frozenset[str]:
    """The words that mean something when they are named alone among a layer's arguments."""
    found = set(SHORTCUTS)
    for op in OPS.values():
        for name, spec in op.attributes.items():
            if spec.kind is BOOLEAN and spec.default is False:
                found.add(name)
            found.update(spec.kind.words)
    return frozenset(found)


def unknown_layers(file: syntax.File, blocks: Iterable[str]) -> Iterator[Diagnostic]:
    """Calls of what is no layer, no block, and no name that stands anywhere in the same definition.

    So a misspelt layer is found in a block that no net calls, and in the branch of an `if` that is not taken.
    """
    known = {*blocks, *COMBINATORS, *layer_names()}
    found = 0
    items: list[syntax.Block | syntax.Net] = [*file.blocks, *file.nets]
    for item in items:
        strange = [call for call in calls_in(item) if call.name not in known]
        own = set(names_given(item)) if strange else set()
        for call in strange:
            if call.name in own:
                continue
            yield unknown_layer(call, [*known, *own])
            found += 1
            if found == MOST_UNKNOWN:
                return


VALUES = (syntax.Argument, syntax.Row, syntax.Range, syntax.Literal, syntax.Name, syntax.WindowValue, syntax.Binary)


def parts(node: Any) -> Iterator[Any]:
    """A node of the tree and everything in it but values, depth first."""
    pending = [node]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple) and not isinstance(node, VALUES):
            if hasattr(node, "_fields"):
                yield node
            pending.extend(reversed(node))


def calls_in(item: syntax.Block | syntax.Net) -> Iterator[syntax.Call]:
    """Every call in a definition."""
    return (part for part in parts(item) if isinstance(part, syntax.Call))


def names_given(item: syntax.Block | syntax.Net) -> Iterator[str]:
    """Every name that a definition gives to something: parameters, streams, labels, variables of loops."""
    for part in parts(item):
        if isinstance(part, syntax.Parameter):
            yield part.name
        elif isinstance(part, syntax.Let):
            yield from (name.name for name in part.names)
        elif isinstance(part, syntax.Link | syntax.Input) and part.label:
            yield part.label
        elif isinstance(part, syntax.Loop):
            yield from part.pattern or ()
        elif isinstance(part, syntax.Block):
            yield from (name.name for name in part.streams)
