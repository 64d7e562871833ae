"""Combinators: branch, the merges, residual, aux, id; and what is said where streams that meet do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cnndsl import syntax
from cnndsl.bind import change, end_of_arguments
from cnndsl.diagnostic import Edit, Help, Label
from cnndsl.op import BOOLEAN, NUMBER, OPS, PROBABILITY, Op, Reject, Shape, attr, choice, show_shape
from cnndsl.ops.merge import Merge
from cnndsl.rules import ceil_div
from cnndsl.source import Span
from cnndsl.trace import Trace
from cnndsl.values import LOST, POISON, Env, Flow, Ref

if TYPE_CHECKING:
    from cnndsl.elaborate import Walk


class ResidualCall(Op):
    """`residual [identity|project|pad|optional] [scale=] [drop=] [rescale=] { body [| shortcut] }`: its attributes."""

    shortcut: str = attr(choice("identity", "project", "pad", "optional"), "identity")
    scale: float = attr(NUMBER, 1.0)
    drop: float = attr(PROBABILITY, 0.0)
    rescale: bool = attr(BOOLEAN, True)


class Plain(Op):
    """A combinator that takes no arguments."""


ResidualCall.name, Plain.name = "residual", "branch"


# --- paths ------------------------------------------------------------------------------------------------------------


def left_out(walk: Walk, path: syntax.Chain, env: Env, flow: Flow) -> bool:
    """Whether a path is nothing but an `if` without `else`, and false."""
    link = path.links[0]
    if len(path.links) > 1 or not isinstance(link.element, syntax.If) or link.count is not None or link.label is not None:
        return False
    choice_: syntax.Chain | syntax.If | None = link.element
    while isinstance(choice_, syntax.If):
        condition = walk.evaluator.condition(choice_.condition, env, flow)
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
        walk.complain("E0307", f"`{call.name}` with one path", call.span, "two paths or more, with `|` between them",
                      helps=(Help("to merge the bundle that flows in, leave the braces out"),) if call.name != "branch" else ())  # fmt: skip
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
    return isinstance(last, syntax.Loop) and last.each or isinstance(last, syntax.Stream)


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
    walk.no_paths(call, "element")
    return flow


def aux(walk: Walk, call: syntax.Call, env: Env, flow: Flow) -> Flow:
    """`aux [name] { chain }`: a side output in training; what flows in flows on."""
    label = call.arguments[0].value if call.arguments else None
    if len(call.arguments) > 1 or (label is not None and not isinstance(label, syntax.Name)) or (
        call.arguments and call.arguments[0].name is not None
    ):
        walk.complain("E0402", "`aux` takes a name and nothing else", call.arguments[-1].span, "as in `aux name { ... }`")
        return flow
    if call.paths is None or len(call.paths) != 1:
        walk.complain("E0307", "`aux` has one path", call.span, "as in `aux { classifier 1000 }`")
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


COMBINATORS: dict[str, Callable[[Walk, syntax.Call, Env, Flow], Flow]] = {
    "branch": branch,
    "residual": lambda walk, call, env, flow: residual(walk, call, env, flow),
    "aux": aux,
    "id": identity,
}


# --- merges -------------------------------------------------------------------------------------------------------------


def merge(walk: Walk, cls: type[Op], call: syntax.Call, env: Env, flow: Flow, label: str) -> Flow:
    """`concat { a | b }` and its like, or the merge of the bundle that flows in."""
    bound = walk.binder.op(cls, call, env, flow)
    if call.paths is None:
        found: tuple[Flow, list[syntax.Chain]] | None = None if walk.lost(flow) else (flow, [])
        if found and len(flow) < 2:
            walk.complain("E0305", f"`{cls.name}` without paths merges a bundle, and one stream flows in", call.span,
                          f"{show_shape(flow[0].shape or ())} flows in", helps=(Help(f"give it paths: `{cls.name} {{ id | ... }}`"),))  # fmt: skip
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
        op.infer(*shapes)
    except Reject as reject:
        found = op.disagree(shapes)
        if found is None:
            walk.complain("E0305", reject.message, call.span, f"{len(streams)} streams meet here")
        else:
            disagreement(walk, op, found, streams, origins, call, flow)
        walk.use(streams)
        return LOST
    return walk.node(op, streams, call, label)


def disagreement(
    walk: Walk, op: Op, found: tuple[int, int, str], streams: Flow, origins: list[syntax.Chain], call: syntax.Call, flow: Flow
) -> None:
    """Two streams of a merge do not go together: both places, each with the sum that gave its size."""
    first, second, what = found
    a, b = streams[first].shape or (), streams[second].shape or ()
    axes = tuple(i for i in range(min(len(a), len(b))) if a[i] != b[i] and (i > 0 or op.name != "concat"))
    labels, tries = [], []
    for which, other in ((second, b and a), (first, b)):
        ref = streams[which]
        path = origins[which] if origins else None
        label, fixes = account(walk, ref, axes, flow, path, other)
        labels.append(label)
        tries.extend(fixes)
    name = Label(call.name_span, f"joins {len(streams)} streams" + (" along channels" if op.name == "concat" else " element by element"))
    words = what.split(" (")[0]
    walk.complain("E0302", f"{'paths' if origins else 'streams'} of `{call.name}` disagree on {words}", labels[0].span, labels[0].text,
                  others=(labels[1], name), tries=tuple(tries))  # fmt: skip


def account(
    walk: Walk, ref: Ref, axes: tuple[int, ...], flow: Flow, path: syntax.Chain | None, wanted: Shape
) -> tuple[Label, list[Help]]:
    """Where a stream got the sizes in question, with the sum; and edits there that may give it the wanted ones."""
    entry = {r.index for r in flow}
    shape = show_shape(ref.shape or ())
    index = decider(walk.trace, ref.index, axes, entry)
    draft = walk.trace.drafts[index]
    if index in entry or (path is not None and draft.span.source is path.span.source and not _within(draft.span, path.span)
                          and not draft.entries):  # fmt: skip
        kept = keeper(walk.trace, ref.index, entry) if max(axes, default=0) > 0 else None
        if kept is not None:
            draft = walk.trace.drafts[kept]
            sum_ = draft.op.arithmetic(walk.trace.in_shapes(kept), draft.shape)
            return Label(draft.span, f"{show_shape(draft.shape)} here    {sum_}"), repairs(walk.trace, kept, axes, wanted)
        span = path.span if path is not None else draft.span
        return Label(span, f"{shape} here"), []
    sum_ = draft.op.arithmetic(walk.trace.in_shapes(index), draft.shape) if axes and max(axes) > 0 else ""
    shown = shape if draft.shape == ref.shape else f"{show_shape(draft.shape)} here, {shape} at its end"
    text = f"{shown} here" if draft.shape == ref.shape else shown
    return Label(draft.span, f"{text}    {sum_}".rstrip()), repairs(walk.trace, index, axes, wanted)


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def decider(trace: Trace, index: int, axes: tuple[int, ...], entry: set[int] | None) -> int:
    """The node, walking back from one, that last changed these axes of what flows."""
    while entry is None or index not in entry:
        draft = trace.drafts[index]
        if not draft.inputs or draft.op.family in ("merge", "linear"):
            return index
        before = trace.drafts[draft.inputs[0]].shape
        if len(before) != len(draft.shape) or any(before[i] != draft.shape[i] for i in axes if i < len(before)):
            return index
        if 0 in axes and "out_channels" in draft.op.attributes:
            return index
        index = draft.inputs[0]
    return index


def keeper(trace: Trace, index: int, entry: set[int]) -> int | None:
    """The last node before one whose window is larger than 1x1 and keeps the size."""
    while index not in entry and trace.drafts[index].inputs:
        op = trace.drafts[index].op
        if op.windowed() and op.__dict__["kernel"] != (1, 1):
            return index
        index = trace.drafts[index].inputs[0]
    return None


def repairs(trace: Trace, index: int, axes: tuple[int, ...], wanted: Shape) -> list[Help]:
    """Edits of a node's call that may give it other sizes."""
    draft = trace.drafts[index]
    call, op = draft.call, draft.op
    if not isinstance(call, syntax.Call):
        return []
    fixes: list[dict[str, str]] = []
    helps: list[Help] = []
    if op.windowed() and max(axes, default=0) > 0:
        if op.family == "pool":
            helps.extend(stride_one(call))
        if not op.__dict__.get("same"):
            fixes.append({"same": ""})
            odd = [k // 2 for k in op.__dict__["kernel"]]
            fixes.append({"padding": str(odd[0]) if odd[0] == odd[1] else f"{odd[0]}x{odd[1]}"})
        if op.family != "pool" and op.__dict__["stride"] != (1, 1):
            fixes.append({"stride": "1"})
    if "out_channels" in op.attributes and 0 in axes and wanted:
        fixes.append({"out_channels": str(wanted[0])})
    helps.extend(help for fix in fixes for help in [change(call, fix)] if help is not None)
    return helps


def stride_one(call: syntax.Call) -> list[Help]:
    """A pool whose stride is left to its window: keep the size with stride 1 and `same`."""
    for argument in call.arguments:
        value = argument.value
        if isinstance(value, syntax.WindowValue) and value.stride is None:
            edits = (Edit(value.size.span, f"{value.size.span.text}/1"), Edit(end_of_arguments(call), " same"))
            return [Help(f"a pool's stride is its window unless written: `{call.name} {value.size.span.text}/1 same`", edits)]
    return []


# --- residual -------------------------------------------------------------------------------------------------------------


def residual(walk: Walk, call: syntax.Call, env: Env, flow: Flow) -> Flow:
    """Body plus shortcut."""
    bound = walk.binder.op(ResidualCall, call, env, flow)
    if not has_paths(walk, call) or bound is None:
        walk.use(flow)
        return LOST
    assert call.paths is not None
    if len(call.paths) > 2:
        walk.complain("E0307", f"`residual` has a body and at most a shortcut, not {len(call.paths)} paths", call.span, "")
        walk.use(flow)
        return LOST
    if len(flow) != 1:
        shapes = ", ".join(show_shape(ref.shape or ()) for ref in flow)
        walk.complain("E0304", f"`residual` reads one stream, and a bundle of {len(flow)} flows in", call.span, f"{shapes} flow in",
                      helps=(Help("merge them first, or use `each { residual { ... } }`"),))  # fmt: skip
        walk.use(flow)
        return LOST
    return _Residual(walk, call, env, flow[0], bound.op.__dict__).out()


class _Residual:
    """One residual: its body and shortcut elaborated and added."""

    def __init__(self, walk: Walk, call: syntax.Call, env: Env, source: Ref, settings: dict[str, Any]) -> None:
        self.walk, self.call, self.env, self.source, self.settings = walk, call, env, source, settings

    def out(self) -> Flow:
        walk, call = self.walk, self.call
        assert call.paths is not None
        inner = self.env.inner()
        body = walk.chain(call.paths[0], inner, (self.source,))
        explicit = len(call.paths) == 2
        shortcut = walk.chain(call.paths[1], inner, (self.source,)) if explicit else (self.source,)
        if walk.lost(body) or walk.lost(shortcut) or walk.lost((self.source,)):
            walk.use((*body, *shortcut, self.source))
            return LOST
        for path, out in zip(call.paths, (body, shortcut), strict=False):
            if len(out) != 1:
                walk.complain("E0304", f"a path of `residual` gives a bundle of {len(out)} streams", path.span, "merge them first")
                walk.use((*body, *shortcut))
                return LOST
        if explicit and self.settings["shortcut"] != "identity":
            walk.complain("E0403", "`residual` has a shortcut path, and a word for another", call.name_span.to(end_of_arguments(call)),
                          f"`{self.settings['shortcut']}` and a second path")  # fmt: skip
            walk.use((*body, *shortcut))
            return LOST
        if explicit:
            return self.added(body[0], shortcut[0])
        if body[0].shape == self.source.shape:
            return self.added(body[0], self.source)
        return self.bridged(body[0])

    def bridged(self, body: Ref) -> Flow:
        """The body's shape is another than the input's: the kind of the shortcut says what then."""
        kind = self.settings["shortcut"]
        if kind == "optional":
            return (body,)
        source, target = self.source.shape or (), body.shape or ()
        stride = _stride(source, target)
        if stride is None or kind == "identity" or (kind == "pad" and target[0] < source[0]):
            self.mismatch(body, kind, stride)
            return LOST
        if kind == "project":
            shortcut = self.project(target[0], stride)
        else:
            shortcut = self.padded(target[0] - source[0], stride)
        return LOST if shortcut is None else self.added(body, shortcut)

    def project(self, channels: int, stride: tuple[int, int]) -> Ref | None:
        """`conv C 1x1/s -> bn`."""
        values = {"out_channels": channels, "kernel": (1, 1), "stride": stride}
        conv = self.built("conv", values, self.source)
        return None if conv is None else self.built("bn", {}, conv)

    def padded(self, extra: int, stride: tuple[int, int]) -> Ref | None:
        """Every s-th position, and channels of zeros: option A of He et al. 2015, arXiv:1512.03385, section 3.3."""
        ref: Ref | None = self.source
        if stride != (1, 1):
            ref = self.built("maxpool", {"kernel": (1, 1), "stride": stride}, self.source)
        return ref if ref is None or not extra else self.built("pad", {"channels": extra}, ref)

    def built(self, name: str, values: dict[str, Any], source: Ref) -> Ref | None:
        op = self.walk.binder.build(OPS[name], values, self.call, (source,))
        out = LOST if op is None else self.walk.node(op, (source,), self.call)
        return None if self.walk.lost(out) else out[0]

    def added(self, body: Ref, shortcut: Ref) -> Flow:
        """Body (dropped out as a whole, scaled) + shortcut."""
        walk, settings = self.walk, self.settings
        cls = OPS["add"]
        op = cls(scale=settings["scale"])
        assert isinstance(op, Merge)
        found = op.disagree((body.shape or (), shortcut.shape or ()))
        if found is not None or walk.lost((body, shortcut)):
            self.mismatch(body, "path", None, shortcut)
            return LOST
        if settings["drop"]:
            dropped = self.built("droppath", {"p": settings["drop"], "rescale": settings["rescale"]}, body)
            if dropped is None:
                return LOST
            body = dropped
        return walk.node(op, (body, shortcut), self.call)

    def mismatch(self, body: Ref, kind: str, stride: tuple[int, int] | None, shortcut: Ref | None = None) -> None:
        """The diagnostic of a body that does not go with its shortcut."""
        walk, call = self.walk, self.call
        assert call.paths is not None
        other = shortcut or self.source
        a, b = body.shape or (), other.shape or ()
        axes = tuple(i for i in range(min(len(a), len(b))) if a[i] != b[i])
        label, tries = account(walk, body, axes, (self.source,), call.paths[0], b)
        if shortcut is not None:
            second, more = account(walk, shortcut, axes, (self.source,), call.paths[1], a)
            tries = [*tries, *more]
        else:
            second = Label(call.name_span, f"{show_shape(b)} flows in, and along the shortcut")
            if stride is not None:
                tries = [*self.words(a, b), *tries]
        walk.use((body, other))
        differs = {"path": "the shortcut's", "identity": "its input's"}.get(kind)
        if differs is None:
            why = "a size that no stride gives" if stride is None else "fewer channels"
            message = f"`residual {kind}` cannot make a shortcut from {show_shape(b)} to {show_shape(a)}: {why}"
        else:
            message = f"the body of `residual` has another shape than {differs}"
        walk.complain("E0303", message, label.span, label.text, others=(second,), tries=tuple(tries))

    def words(self, target: Shape, source: Shape) -> list[Help]:
        place = Span(self.call.span.source, self.call.name_span.end, self.call.name_span.end)
        helps = [Help("`residual project` puts a 1x1 convolution and a `bn` on the shortcut", (Edit(place, " project"),))]
        if target[0] >= source[0]:
            helps.append(Help("`residual pad` fills the channels with zeros", (Edit(place, " pad"),)))
        return helps if not self.call.arguments else []


def _stride(source: Shape, target: Shape) -> tuple[int, int] | None:
    """The stride s with ceil(in / s) = out for height and width, the same for both where one serves; None without one."""
    if len(source) != 3 or len(target) != 3:
        return (1, 1) if len(source) == len(target) == 1 and source == target else None
    options = [_strides(length, out) for length, out in zip(source[1:], target[1:], strict=True)]
    if not options[0] or not options[1]:
        return None
    for s in options[0]:
        if s in options[1]:
            return s, s
    return options[0][0], options[1][0]


def _strides(length: int, out: int) -> range:
    """All s with ceil(length / s) = out."""
    if out > length:
        return range(0)
    low = ceil_div(length, out)
    high = (length - 1) // (out - 1) if out > 1 else length
    return range(low, max(high, low if ceil_div(length, low) == out else low - 1) + 1)
