"""Combinators: branch, the merges, residual, aux, id; and what is said where streams that meet do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help
from cnndsl.elaborate import nodes
from cnndsl.elaborate.disagree import disagreement
from cnndsl.op import Op, Reject, show_shape
from cnndsl.ops.merge import Merge
from cnndsl.source import Span
from cnndsl.values import LOST, POISON, Env, Flow, Ref

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk


class Plain(Op):
    """A combinator that takes no arguments."""


Plain.name = "branch"


# --- paths ------------------------------------------------------------------------------------------------------------


def left_out(walk: Walk, path: syntax.Chain, env: Env, flow: Flow) -> bool:
    """Whether a path is nothing but an `if` without `else`, and false."""
    link = path.links[0]
    if (
        len(path.links) > 1
        or not isinstance(link.element, syntax.If)
        or link.times is not None
        or link.label is not None
    ):
        return False
    choice_: syntax.Chain | syntax.If | None = link.element
    while isinstance(choice_, syntax.If):
        condition = walk.condition(choice_, env, flow)
        if condition is POISON or condition:
            return False
        choice_ = choice_.otherwise
    return choice_ is None


def paths(walk: Walk, call: syntax.Call, env: Env, flow: Flow) -> list[tuple[syntax.Chain, Flow]]:
    """Every written path with what flows out of it. The paths share their braces: a later one sees an earlier one's labels."""
    inner = env.inner()
    return [(path, walk.chain(path, inner, flow)) for path in call.paths or () if not left_out(walk, path, inner, flow)]


def gathered(walk: Walk, call: syntax.Call, env: Env, flow: Flow) -> tuple[Flow, list[syntax.Chain]] | None:
    """The bundle of a combinator's paths, and the path each stream came from; None where there is none."""
    outs = paths(walk, call, env, flow)
    streams = tuple(ref for _, out in outs for ref in out)
    origins = [path for path, out in outs for _ in out]
    if walk.lost(streams):
        walk.use(streams)
        return None
    alone = len(call.paths or ()) == 1 and len(streams) == 1 and not gives_bundle(outs[0][0])
    if alone:
        assert call.paths is not None
        end = Span(call.span.source, call.paths[0].span.end, call.paths[0].span.end)
        walk.complain(
            "E0307",
            f"`{call.name}` has one path",
            call.span,
            "two paths or more belong here, with `|` between them",
            tries=(Help("what flows in is the second path: write `| id`", (Edit(end, " | id"),)),),
        )
    if not streams:
        walk.complain("E0307", f"every path of `{call.name}` is left out", call.span, "nothing flows out")
        walk.use(flow)
    if alone or not streams:
        walk.use(streams)
        return None
    return streams, origins


def gives_bundle(path: syntax.Chain) -> bool:
    """Whether a path is written to give a bundle, if only of one stream."""
    last = path.links[-1].element
    return (isinstance(last, syntax.Loop) and last.each) or isinstance(last, syntax.Stream)


def branch(walk: Walk, call: syntax.Call, env: Env, flow: Flow) -> Flow:
    """`branch { a | b }`: a bundle of the paths' streams."""
    if walk.binder.op(Plain, call, env, flow) is None or not has_paths(walk, call):
        walk.use(flow)
        return LOST
    found = gathered(walk, call, env, flow)
    return LOST if found is None else found[0]


def has_paths(walk: Walk, call: syntax.Call) -> bool:
    if call.paths is not None:
        return True
    walk.complain("E0307", f"`{call.name}` has no paths", call.span, f"as in `{call.name} {{ a | b }}`")
    return False


def identity(walk: Walk, call: syntax.Call, env: Env, flow: Flow) -> Flow:
    """`id`: what flows in."""
    for argument in call.arguments[:1]:
        walk.complain("E0402", "`id` takes no arguments", argument.span, "one too many")
    nodes.no_paths(walk, call, "element")
    return flow


def aux(walk: Walk, call: syntax.Call, env: Env, flow: Flow) -> Flow:
    """`aux [name] { chain }`: a side output in training; what flows in flows on."""
    label = call.arguments[0].value if call.arguments else None
    if (
        len(call.arguments) > 1
        or (label is not None and not isinstance(label, syntax.Name))
        or (call.arguments and call.arguments[0].name is not None)
    ):
        walk.complain(
            "E0402", "`aux` takes a name and nothing else", call.arguments[-1].span, "as in `aux name { ... }`"
        )
        return flow
    if call.paths is None or len(call.paths) != 1:
        many = f"takes one path, not {len(call.paths)}" if call.paths else "has no path"
        walk.complain("E0307", f"`aux` {many}", call.span, "as in `aux { classifier 1000 }`")
        return flow
    walk.trace.aux += 1
    try:
        if isinstance(label, syntax.Name):
            with walk.trace.inside(label.name, flow, call.span):
                out = walk.chain(call.paths[0], env.inner(), flow)
            out = tuple(Ref(ref.index, ref.shape, label.name) for ref in out)
        else:
            out = walk.chain(call.paths[0], env.inner(), flow)
    finally:
        walk.trace.aux -= 1
    walk.use(out)
    if not walk.lost(out):
        walk.side.extend((ref, True) for ref in out)
    return flow


# --- merges -------------------------------------------------------------------------------------------------------------


def merge(walk: Walk, cls: type[Op], call: syntax.Call, env: Env, flow: Flow, label: str) -> Flow:
    """`concat { a | b }` and its like, or the merge of the bundle that flows in."""
    bound = walk.binder.op(cls, call, env, flow)
    if call.paths is None:
        found: tuple[Flow, list[syntax.Chain]] | None = None if walk.lost(flow) else (flow, [])
        if found and len(flow) < 2:
            walk.complain(
                "E0305",
                f"`{cls.name}` without paths merges a bundle, and one stream flows in",
                call.span,
                f"{show_shape(flow[0].shape or ())} flows in",
                helps=(Help(f"give it paths: `{cls.name} {{ id | ... }}`"),),
            )
            found = None
    else:
        found = gathered(walk, call, env, flow)
    if bound is None or found is None:
        walk.use(flow)
        return LOST
    streams, origins = found
    if len(streams) == 1:
        return streams
    return join(walk, bound.op, streams, origins, call, flow, label)


def join(
    walk: Walk, op: Op, streams: Flow, origins: list[syntax.Chain], call: syntax.Call, flow: Flow, label: str = ""
) -> Flow:
    """One stream out of several, or the diagnostic that shows the two that do not fit and why."""
    assert isinstance(op, Merge)
    shapes = tuple(ref.shape or () for ref in streams)
    try:
        walk.opening.infer(op, shapes, call.span)
    except Reject as reject:
        found = op.disagree(shapes)
        if found is None:
            walk.complain("E0305", reject.message, call.span, f"{len(streams)} streams meet here")
        else:
            disagreement(walk, op, found, streams, origins, call, flow)
        walk.use(streams)
        return LOST
    return nodes.node(walk, op, streams, call, label)
