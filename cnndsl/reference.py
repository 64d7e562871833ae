"""The reference of the ops, from what each says of itself: docstring, attributes, examples."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from cnndsl.op import REQUIRED, Attribute, Op, show_shape, show_value
from cnndsl.table import Column, Line, Table


def ops_table(ops: Sequence[type[Op]]) -> Table:
    """A line per op: name, family, how it is called, its first sentence."""
    lines = tuple(Line((op.name, op.family, call_syntax(op), first_sentence(op))) for op in ops)
    return Table((Column("op"), Column("family"), Column("call"), Column("what it does")), lines)


def attributes_table(op: type[Op]) -> Table:
    """A line per attribute of an op: name, the values it takes, its default, how it is given."""
    lines = tuple(
        Line((name, attribute.kind.expected, default_text(attribute), given(op, name, attribute)))
        for name, attribute in op.attributes.items()
    )
    return Table((Column("attribute"), Column("takes"), Column("default"), Column("given")), lines)


def examples_table(op: type[Op]) -> Table:
    """A line per example of an op: the call, what flows in, what comes of it."""
    lines = tuple(
        Line(
            (
                example.call,
                ", ".join(map(show_shape, example.inputs)),
                f"error: {example.result}" if isinstance(example.result, str) else show_shape(example.result),
            )
        )
        for example in op.examples
    )
    return Table((Column("example"), Column("flows in"), Column("flows out")), lines)


def doc(op: type[Op]) -> str:
    """An op's docstring, free of the indentation of the source."""
    return inspect.getdoc(op) or ""


def call_syntax(op: type[Op]) -> str:
    """`conv out_channels window [same] [dilation=] ...`: positional attributes, then what may be named."""
    parts = [op.name]
    for name, attribute in op.attributes.items():
        if attribute.window:
            parts.append("window")
        elif op.windowed() and name in ("stride", "padding"):
            continue
        elif attribute.positional:
            parts.append(name if attribute.default is REQUIRED else f"[{name}]")
        elif attribute.kind.words:
            parts.append("[" + "|".join(attribute.kind.words) + "]")
        elif attribute.flag and attribute.default is False:
            parts.append(f"[{name}]")
        else:
            parts.append(f"{name}=" if attribute.default is REQUIRED else f"[{name}=]")
    return " ".join(parts)


def default_text(attribute: Attribute) -> str:
    """An attribute's default as a spec spells it; `see above` where the docstring says what it depends on."""
    if attribute.default is REQUIRED:
        return "required"
    return "see above" if attribute.default is None else show_value(attribute.default)


def given(op: type[Op], name: str, attribute: Attribute) -> str:
    """How a call gives the attribute."""
    if attribute.window or op.windowed() and name in ("stride", "padding"):
        return "by the window, or name=value"
    if attribute.positional:
        return "in order"
    if attribute.kind.words:
        return "by its word"
    return "by its name" if attribute.flag and attribute.default is False else "name=value"


def first_sentence(op: type[Op]) -> str:
    """The first paragraph of an op's docstring up to its call syntax."""
    paragraph = " ".join((op.__doc__ or "").strip().split("\n\n")[0].split())
    sentence = paragraph.partition(": `")[0]
    return sentence if sentence.endswith(".") else sentence + "."


def op_json(op: type[Op]) -> dict[str, Any]:
    """An op as plain data."""
    return {
        "name": op.name,
        "family": op.family,
        "call": call_syntax(op),
        "doc": doc(op),
        "operands": op.operands,
        "attributes": [
            {
                "name": name,
                "takes": attribute.kind.expected,
                "words": list(attribute.kind.words),
                "required": attribute.default is REQUIRED,
                "default": None if attribute.default in (REQUIRED, None) else show_value(attribute.default),
                "positional": attribute.positional,
                "flag": attribute.flag,
                "window": attribute.window,
            }
            for name, attribute in op.attributes.items()
        ],
        "examples": [
            {
                "call": example.call,
                "inputs": [list(shape) for shape in example.inputs],
                "error" if isinstance(example.result, str) else "shape": (
                    example.result if isinstance(example.result, str) else list(example.result)
                ),
            }
            for example in op.examples
        ],
    }
