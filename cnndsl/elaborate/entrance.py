"""What flows into a net: its parameters and inputs; and at the end, what nothing read."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help, Label
from cnndsl.elaborate.evaluate import BIGGEST
from cnndsl.elaborate.opening import open_sizes
from cnndsl.op import LARGEST, OPS, show_shape
from cnndsl.parse import parse_value
from cnndsl.source import Source
from cnndsl.synonyms import nearest
from cnndsl.values import LOST, POISON, Env, Flow, Ref

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk

Sizes = tuple[int | str, ...]
"""The shape of an input; a letter where a size is left open."""


def net_parameters(walk: Walk, params: Mapping[str, Any], env: Env) -> None:
    net = walk.syntax
    known = [parameter.name for parameter in net.parameters]
    unknown = [name for name in params if name not in known]
    if unknown and not net.broken:
        listed = ", ".join(f"`{name}`" for name in known)
        names = " and ".join(f"`{name}`" for name in unknown)
        walk.complain(
            "E0213",
            f"the net `{net.name}` has no parameter{'s' * (len(unknown) > 1)} {names}",
            net.name_span,
            f"its parameters: {listed}" if known else "it has no parameters",
            helps=tuple(Help(f"did you mean `{close}`?") for name in unknown for close in nearest(name, known)),
        )
    for parameter in net.parameters:
        if parameter.name in params:
            env.values[parameter.name] = outside_value(walk, parameter, params[parameter.name], env)
        elif parameter.default is not None:
            env.values[parameter.name] = walk.evaluator.value(parameter.default, env, None)
        else:
            walk.complain(
                "E0411",
                f"the net `{net.name}` needs a value for `{parameter.name}`",
                parameter.span,
                "no default",
                helps=(Help(f"give one: `--set {parameter.name}=...`, or `load(..., {parameter.name}=...)`"),),
            )
            env.values[parameter.name] = POISON


def outside_value(walk: Walk, parameter: syntax.Parameter, value: Any, env: Env) -> Any:
    """A parameter's value from outside; text is read as a spec would have it: a number, a window, a block, a layer."""
    if isinstance(value, bool | int | float):
        if abs(value) <= BIGGEST:  # neither is infinity, nor what is no number
            return value
        return walk.complain("E0408", f"`{parameter.name}` is beyond 10 to the 18th", parameter.span, "too large")
    if not isinstance(value, str):
        return walk.complain(
            "E0404",
            f"`{parameter.name}` cannot be a {type(value).__name__}",
            parameter.span,
            "takes a number, true or false, or text",
        )
    expr = parse_value(Source(f"{parameter.name}={value}", value))
    if expr is None or (isinstance(expr, syntax.Name) and not known(walk, expr.name)):
        return value
    return walk.evaluator.value(expr, env, None)


def known(walk: Walk, name: str) -> bool:
    return name in walk.module.blocks or (name in OPS and OPS[name].written)


def inputs(walk: Walk, given: Mapping[str, Sizes], env: Env) -> Flow:
    net, refs = walk.syntax, []
    unread = any(net.span.start <= d.labels[0].span.start < net.span.end for d in walk.module.file.diagnostics)
    if not net.inputs and (net.broken or unread):  # its line may be part of what could not be read
        return LOST
    if not net.inputs:
        walk.complain(
            "E0219",
            f"the net `{net.name}` has no `input`",
            net.name_span,
            "what flows in?",
            helps=(Help("say what it reads, as in `input 3x224x224`"),),
        )
        return LOST
    names = [item.label or "input" for item in net.inputs]
    for name in given:
        if not name.isdigit() and name not in names:
            walk.complain(
                "E0213",
                f"the net `{net.name}` has no input `{name}`",
                net.name_span,
                "its inputs: " + ", ".join(f"`{n}`" for n in names),
                helps=tuple(Help(f"did you mean `{close}`?") for close in nearest(name, names)),
            )
    unnamed = [name for name in given if name.isdigit()]
    if unnamed and len(unnamed) != len(names):
        example = "x".join(map(str, given[unnamed[0]]))
        walk.complain(
            "E0213",
            f"the net `{net.name}` has {len(names)} input{'s' * (len(names) > 1)}, and {len(unnamed)} shape{'s are' if len(unnamed) > 1 else ' is'} given",
            net.name_span,
            "its inputs: " + ", ".join(f"`{n}`" for n in names),
            helps=(Help(f"say which one is meant, as in `{names[0]}={example}`"),),
        )
    for item, name, asked in zip(net.inputs, names, asked_for(net, given), strict=True):
        sizes = written(walk, item) if asked is item.size.sizes else asked
        if sizes is None:
            refs.append(LOST[0])
        else:
            shape = open_sizes(walk, sizes)
            ref = walk.trace.add(OPS["input"](shape=shape), (), shape, item.span, name)
            refs.append(ref)
        if item.label:
            walk.bind(item.label, (Ref(refs[-1].index, refs[-1].shape, item.label),), env, item.span)
    return tuple(refs)


def asked_for(net: syntax.Net, given: Mapping[str, Sizes]) -> list[Sizes]:
    """The sizes of every input of a net: those given by its name or by its place, else those the spec has."""
    return [
        given.get(item.label or "input") or given.get(str(place)) or item.size.sizes
        for place, item in enumerate(net.inputs)
    ]


def openings(net: syntax.Net, given: Mapping[str, Sizes]) -> dict[str, int]:
    """The letters that the inputs of a net leave open, each with the size that the spec has there; 0 where it has none."""
    letters: dict[str, int] = {}
    for item, sizes in zip(net.inputs, asked_for(net, given), strict=True):
        own = item.size.sizes if len(item.size.sizes) == len(sizes) else [0] * len(sizes)
        for size, native in zip(sizes, own, strict=True):
            if isinstance(size, str):
                letters[size] = letters.get(size) or (native if isinstance(native, int) else 0)
    return letters


def written(walk: Walk, item: syntax.Input) -> Sizes | None:
    """The sizes of an input as the spec has them."""
    sizes = item.size.sizes
    if isinstance(sizes[0], str) or len(sizes) not in (1, 3):
        walk.complain(
            "E0404",
            "an input is channels x height x width, or one number",
            item.size.span,
            "as in 3x224x224",
            tries=tuple(
                Help(f"write `{c}x{item.size.span.text}`", (Edit(item.size.span, f"{c}x{item.size.span.text}"),))
                for c in (3, 1)
                if len(sizes) == 2
            ),
        )
        return None
    shape = tuple(size for size in sizes if isinstance(size, int))
    if min(shape) < 1 or prod(shape) > LARGEST:
        walk.complain(
            "E0404",
            f"an input cannot be {show_shape(shape)}",
            item.size.span,
            "sizes are 1 or more" if min(shape) < 1 else f"{prod(shape):,} numbers, more than {LARGEST:,}",
        )
        return None
    return sizes


def unread(walk: Walk, results: list[tuple[Ref, bool]]) -> None:
    """Reports every stream that nothing reads."""
    used = walk.trace.used | {ref.index for ref, _ in results}
    for index, draft in enumerate(walk.trace.drafts):
        if index in used:
            continue
        where = Label(draft.span, "")
        walk.calls = [(entry.call, entry.flow) for entry in draft.entries if entry.call is not None]
        what = f"`@{walk.named[index]}`" if index in walk.named else f"what `{draft.op.name}` gives here"
        what = f"the input `{draft.item.base}`" if draft.op.name == "input" else what
        walk.complain("E0309", f"nothing reads {what}", where.span, f"{show_shape(draft.shape)} goes nowhere")
