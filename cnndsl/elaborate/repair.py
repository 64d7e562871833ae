"""Edits of calls, for the helps of diagnostics: where an attribute stands, and the call as it reads with another value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help
from cnndsl.names import COMBINATORS
from cnndsl.op import OPS, Attribute, Op, Reject
from cnndsl.source import Span
from cnndsl.values import BlockValue, Env, OpValue


def end_of_arguments(call: syntax.Call) -> Span:
    """The empty place behind the last argument of a call, where another can be put."""
    end = call.arguments[-1].span.end if call.arguments else call.name_span.end
    return Span(call.span.source, end, end)


def usage(cls: type[Op]) -> str:
    """How a layer is called, as its docstring shows it."""
    doc = (cls.__doc__ or "").split("`")
    return doc[1] if len(doc) > 2 else cls.name


def begins_element(word: str, env: Env) -> bool:
    """Whether a word named alone is a layer, a block or a combinator."""
    found = env.find(word)
    if found is not None:
        return isinstance(found, BlockValue | OpValue)
    return word in env.module.blocks or word in COMBINATORS or (word in OPS and OPS[word].written)


def arrow_missing(complain: Callable[..., Any], argument: syntax.Argument) -> None:
    """Complains that an argument is the name of a second element: on a new line, as a rule, without an arrow before it."""
    gap = Span(argument.span.source, argument.span.start, argument.span.start)
    complain(
        "E0113",
        f"an arrow is missing before `{argument.span.text}`",
        argument.span,
        "a second element begins here",
        tries=(Help("put `->` between the two", (Edit(gap, "-> "),)),),
    )


def argument_span(call: syntax.Call, attribute: str) -> Span | None:
    """Where an attribute is written in a call; None where it is not."""
    if not attribute:
        return None
    for argument in call.arguments:
        if argument.name == attribute:
            return argument.span
        if (
            argument.name is None
            and isinstance(argument.value, syntax.WindowValue)
            and attribute in ("kernel", "stride", "padding")
        ):
            part = {"kernel": argument.value.size, "stride": argument.value.stride, "padding": argument.value.padding}[
                attribute
            ]
            return part.span if part is not None else argument.span
    return None


def edits(reject: Reject, call: syntax.Call) -> tuple[Help, ...]:
    """A rejection's proposals as edits of the call."""
    return tuple(help for fix in reject.fixes for help in (change(call, dict(fix)),) if help is not None)


def change(call: syntax.Call, fix: dict[str, str]) -> Help | None:
    """An edit of a call that sets attributes to new values; an empty value sets a flag."""
    changes: list[Edit] = []
    for name, text in fix.items():
        where = _place_of(call, name)
        if where is not None and text:
            changes.append(Edit(where, text))
        elif where is None:
            addition = f" {name}={text}" if text else f" {name}"
            changes.append(Edit(end_of_arguments(call), addition))
    if not changes:
        return None
    return Help(f"write `{edited(call, changes)}`", tuple(changes))


def edited(call: syntax.Call, changes: list[Edit]) -> str:
    """The call's first line as it reads after some edits."""
    start = call.span.start
    end = end_of_arguments(call).start
    text = call.span.source.text[start:end]
    for item in sorted(changes, key=lambda edit: -edit.span.start):
        text = text[: item.span.start - start] + item.replacement + text[item.span.end - start :]
    return text


def _place_of(call: syntax.Call, name: str) -> Span | None:
    """The text of an attribute's value in a call."""
    attributes = OPS[call.name].attributes if call.name in OPS else {}
    free = [key for key, spec in attributes.items() if spec.positional]
    for argument in call.arguments:
        value = argument.value
        if argument.name is not None:
            if argument.name == name:
                return value.span
        elif isinstance(value, syntax.Name) and (value.name in attributes or _is_word(value.name, attributes)):
            continue
        elif isinstance(value, syntax.WindowValue) and "kernel" in attributes:
            part = {"kernel": value.size, "stride": value.stride, "padding": value.padding}.get(name)
            if part is not None:
                return part.span
            free = [key for key in free if not attributes[key].window]
        elif free and free.pop(0) == name:
            return value.span
    return None


def _is_word(word: str, attributes: dict[str, Attribute]) -> bool:
    """Whether a name alone sets one of these attributes."""
    return any(word in spec.kind.words for spec in attributes.values())
