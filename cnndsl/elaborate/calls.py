"""Calls: what a name stands for, a block expanded, a layer put in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cnndsl import syntax
from cnndsl.diagnostic import Diagnostic, Edit, Help, Label
from cnndsl.elaborate import nodes
from cnndsl.elaborate.combine import aux, branch, identity, merge
from cnndsl.elaborate.repair import arrow_missing, begins_element
from cnndsl.elaborate.residual import residual
from cnndsl.elaborate.trail import one_line
from cnndsl.names import did_you_mean, layer_names, unknown_layer
from cnndsl.op import OPS, Op, show_shape
from cnndsl.ops.reshape import Split
from cnndsl.source import Span
from cnndsl.values import LOST, POISON, BlockValue, Env, Flow, OpValue, Ref, describe, is_stream, show

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk


DEEPEST = 100
"""Block calls nest at most this deep."""
MOST_CALLS = 20_000
"""Block calls of one net that add no node: what recursion may do without building anything."""

COMBINATORS: dict[str, Callable[[Walk, syntax.Call, Env, Flow], Flow]] = {
    "branch": branch,
    "residual": residual,
    "aux": aux,
    "id": identity,
}


def callee(walk: Walk, call: syntax.Call, env: Env, report: bool = True) -> Any:
    """What a call's name stands for: BlockValue, OpValue, a combinator's name, or POISON."""
    value = env.find(call.name)
    if isinstance(value, BlockValue | OpValue) or value is POISON:
        return value
    module = env.module
    if call.name in module.blocks:
        return module.blocks[call.name]
    if call.name in module.broken:
        return POISON
    if call.name in COMBINATORS:
        return call.name
    if call.name in OPS and OPS[call.name].written:
        return OpValue(OPS[call.name])
    if not report:
        return POISON
    if is_stream(value):
        return walk.complain(
            "E0201",
            f"`{call.name}` is a stream, not a layer",
            call.name_span,
            "a stream",
            tries=(Help(f"a chain begins with it: `@{call.name}`", (Edit(call.name_span, f"@{call.name}"),)),),
        )
    if value is not None:
        return walk.complain(
            "E0201", f"`{call.name}` is {describe(value)}, not a layer or a block", call.name_span, "cannot be called"
        )
    callable_names = env.names(lambda v: isinstance(v, BlockValue | OpValue))
    known = [*callable_names, *module.blocks, *COMBINATORS, *layer_names()]
    unknown = unknown_layer(call, known)
    return walk.complain(unknown.code, unknown.message, call.name_span, unknown.labels[0].text, tries=unknown.tries)


def call(walk: Walk, call: syntax.Call, env: Env, flow: Flow, label: str = "") -> Flow:
    target = callee(walk, call, env)
    if target is POISON:
        walk.use(flow)
        for argument in call.arguments:
            if not isinstance(argument.value, syntax.Name):
                walk.evaluator.value(argument.value, env, flow)
        return LOST
    if isinstance(target, BlockValue):
        return block(walk, target, call, env, flow, label)
    if isinstance(target, OpValue):
        if target.op.family == "merge":
            return merge(walk, target.op, call, env, flow, label)
        return layer(walk, target.op, call, env, flow, label)
    return COMBINATORS[target](walk, call, env, flow)


def names_itself(walk: Walk, call: syntax.Call, env: Env) -> bool:
    """Whether a label takes the place of the call's own name: so it is for layers, and for blocks."""
    target = callee(walk, call, env, report=False)
    if isinstance(target, BlockValue):
        return True
    return isinstance(target, OpValue) and call.paths is None and target.op is not Split


def block(walk: Walk, value: BlockValue, call: syntax.Call, env: Env, flow: Flow, label: str) -> Flow:
    block = value.block
    if not nodes.no_paths(walk, call, "block"):
        walk.use(flow)
        return LOST
    if len(walk.calls) >= DEEPEST:
        walk.diagnostics = [found for found in walk.diagnostics if not goes_round(found)]
        walk.stop(
            "E0501",
            f"blocks call one another more than {DEEPEST} deep",
            call.span,
            f"`{block.name}` once more",
            helps=(Help(f"`{block.name}` calls itself without an end: an `if` must stop it"),)
            if recursive(walk, block.name)
            else (),
        )
    walk.idle_calls += 1
    if walk.idle_calls > MOST_CALLS + 4 * len(walk.trace.drafts):
        walk.stop(
            "E0501", f"more than {MOST_CALLS:,} block calls that add no layer", call.span, f"`{block.name}` once more"
        )
    inner = Env(value.module)
    walk.calls.append((call, flow))
    try:
        if not parameters(walk, block, call, env, inner, flow) or block.chain is None:
            walk.use(flow)
            return LOST
        streams(walk, block, call, inner, flow)
        arguments = tuple((name, show(inner.values.get(name))) for name in (p.name for p in block.parameters))
        with walk.trace.inside(label or block.name, flow, call.span, block.name, arguments, walk.repeat, call) as item:
            before, walk.repeat = walk.repeat, 0
            for let in block.lets:
                walk.let(let, inner, flow)
            out = walk.chain(block.chain, inner, flow)
            walk.repeat = before
    finally:
        walk.calls.pop()
    return tuple(Ref(ref.index, ref.shape, item) for ref in out) if len(out) == 1 and item.items else out


def goes_round(diagnostic: Diagnostic) -> bool:
    """Whether an error was met in the second round of a recursion or later, and follows from its having no end."""
    places = [str(call.span) for call in diagnostic.trail]
    return len(set(places)) < len(places)


def recursive(walk: Walk, name: str) -> bool:
    return sum(call.name == name for call, _ in walk.calls) > 1


def streams(walk: Walk, block: syntax.Block, call: syntax.Call, inner: Env, flow: Flow) -> None:
    """Binds the names behind `on`."""
    if not block.streams:
        return
    wanted, here = len(block.streams), len(flow)
    if wanted != here:
        if not walk.lost(flow):
            names = ", ".join(name.name for name in block.streams)
            walk.complain(
                "E0306",
                f"`{block.name}` works on {wanted} stream{'s' * (wanted != 1)} ({names}), and {here} flow{'s' * (here == 1)} in",
                call.span,
                f"{here} stream{'s' * (here != 1)} here",
                others=(Label(block.name_span, f"`on {names}`"),),
            )
        walk.use(flow)
        flow = LOST * wanted
    for name, ref in zip(block.streams, flow, strict=True):
        walk.bind(name.name, (Ref(ref.index, ref.shape, name.name),), inner, name.span)


def parameters(walk: Walk, block: syntax.Block, call: syntax.Call, env: Env, inner: Env, flow: Flow) -> bool:
    """Binds a block's parameters to the arguments of a call, and to their defaults. False where that fails."""
    names = [parameter.name for parameter in block.parameters]
    free, sound = list(names), True
    usage = " ".join([block.name, *map(_shown, block.parameters)])
    for argument in call.arguments:
        word = argument.value.name if isinstance(argument.value, syntax.Name) and argument.name is None else ""
        if word and not free and begins_element(word, env):
            arrow_missing(walk.complain, argument)
            return False
        value = walk.evaluator.value(argument.value, env, flow)
        if argument.name is not None and argument.name not in names:
            place = Span(argument.span.source, argument.span.start, argument.span.start + len(argument.name))
            walk.complain(
                "E0213",
                f"the block `{block.name}` has no parameter `{argument.name}`",
                place,
                f"the call is `{usage}`",
                others=(Label(block.name_span, "defined here"),),
                tries=did_you_mean(place, argument.name, names),
            )
            sound = False
        elif argument.name is None and not free:
            many = f"{len(names)} argument{'s' * (len(names) != 1)}" if names else "no arguments"
            walk.complain(
                "E0402",
                f"the block `{block.name}` takes {many}",
                argument.span,
                "one too many",
                others=(Label(block.name_span, "defined here"),),
                helps=(Help(f"the call is `{usage}`"),),
            )
            sound = False
        elif argument.name is not None and argument.name not in free:
            others = (Label(inner.spans[argument.name], "first here"),)
            walk.complain(
                "E0403",
                f"`{argument.name}` of `{block.name}` is given twice",
                argument.span,
                "again here",
                others=others,
            )
            sound = False
        else:
            name = argument.name or free[0]
            free.remove(name)
            inner.values[name] = value
            inner.spans[name] = argument.span
    for parameter in block.parameters:
        if parameter.name not in free:
            continue
        if parameter.default is not None:
            inner.values[parameter.name] = walk.evaluator.value(parameter.default, inner, flow)
        elif sound:
            walk.complain(
                "E0401",
                f"the block `{block.name}` needs `{parameter.name}`",
                call.span,
                f"the call is `{usage}`",
                others=(Label(parameter.span, "no default"),),
            )
            sound = False
    return sound


def _shown(parameter: syntax.Parameter) -> str:
    """A parameter in the usage of its block: `width`, `[stride=1]`."""
    return parameter.name if parameter.default is None else f"[{parameter.name}={parameter.default.span.text}]"


def layer(walk: Walk, cls: type[Op], call: syntax.Call, env: Env, flow: Flow, label: str) -> Flow:
    """A layer: its attributes bound, its shape rule applied."""
    sound = nodes.no_paths(walk, call, "layer")
    if cls.operands is not None and len(flow) != cls.operands and not walk.lost(flow):
        bundle_error(walk, cls, call, flow)
        sound = False
    bound = walk.binder.op(cls, call, env, flow)
    if bound is None or not sound or walk.lost(flow):
        walk.use(flow)
        return LOST
    operands = list(flow)
    for value in bound.streams:
        operands.extend(stream_operand(walk, bound.op, value[0], call))
    if walk.lost(tuple(operands)):
        walk.use(tuple(operands))
        return LOST
    return nodes.node(walk, bound.op, tuple(operands), call, label)


def stream_operand(walk: Walk, op: Op, ref: Ref, call: syntax.Call) -> Flow:
    """What a stream attribute adds to a layer's operands: the stream, and for `unpool` also what the pool read."""
    if op.name != "unpool" or ref.shape is None:
        return (ref,)
    draft = walk.trace.drafts[ref.index]
    zeros = getattr(draft.op, "zeros", False)
    if draft.op.name != "maxpool" or zeros:
        walk.complain(
            "E0312",
            "`unpool` undoes a maxpool of what stands in the maps, and this one takes zeros around them as well"
            if zeros
            else f"`unpool` undoes a maxpool, and this stream comes from `{draft.op.name}`",
            call.span,
            "name the maxpool itself, as in `maxpool 2x2/2 as pool`",
            others=(Label(draft.span, "gives that stream"),),
        )
        return LOST
    draft.indices = True
    before = draft.inputs[0]
    return (ref, Ref(before, walk.trace.drafts[before].shape))


def bundle_error(walk: Walk, cls: type[Op], call: syntax.Call, flow: Flow) -> None:
    shapes = ", ".join(show_shape(ref.shape or ()) for ref in flow)
    if cls.operands == 1:
        walk.complain(
            "E0304",
            f"`{cls.name}` reads one stream, and a bundle of {len(flow)} flows in",
            call.span,
            f"{shapes} flow in",
            helps=(
                Help(f"merge them first, as in `concat -> {one_line(call)}`, or use `each {{ {one_line(call)} }}`"),
            ),
        )
    else:
        walk.complain(
            "E0304",
            f"`{cls.name}` reads a bundle of {cls.operands} streams, and {'one flows' if len(flow) == 1 else f'{len(flow)} flow'} in",
            call.span,
            f"{shapes} here",
        )
