"""What is said where streams that meet do not fit: which nodes gave the sizes that disagree, and edits that may mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help, Label
from cnndsl.dims import is_open
from cnndsl.elaborate.repair import change, end_of_arguments
from cnndsl.elaborate.trace import Trace
from cnndsl.op import Op, Shape, show_shape
from cnndsl.source import Span
from cnndsl.values import Flow, Ref

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk


class Side(NamedTuple):
    """One of two streams that do not fit: where its size came from, what more there is to see, and edits that may mend it.

    `changed`: the size was changed on the way, rather than flowed in.
    """

    label: Label
    origin: tuple[Label, ...]
    tries: list[Help]
    changed: bool


def disagreement(
    walk: Walk,
    op: Op,
    found: tuple[int, int, str],
    streams: Flow,
    origins: list[syntax.Chain],
    call: syntax.Call,
    flow: Flow,
) -> None:
    """Two streams of a merge do not go together: both places, each with the sum that gave its size."""
    first, second, what = found
    a, b = streams[first].shape or (), streams[second].shape or ()
    axes = tuple(i for i in range(min(len(a), len(b))) if a[i] != b[i] and (i > 0 or op.name != "concat"))
    words = what.split(" (")[0]
    if op.name != "concat" and (1, 1) in (a[1:], b[1:]) and 0 in axes:  # a gate [c, 1, 1] beside [c', h, w]
        axes, words = (0,), "channels"
    sides = []
    for which, other in ((second, a), (first, b)):
        path = origins[which] if origins else None
        sides.append(account(walk, streams[which], axes, flow if origins else (), path, other))
    if sides[1].changed and not sides[0].changed:
        sides.reverse()
    tries = [*sides[0].tries, *sides[1].tries]
    if origins and len(a) == len(b) == 3 and max(axes, default=0) > 0:
        tries.extend(_fitted(origins[first], a, origins[second], b))
        tries.extend(_fitted(origins[second], b, origins[first], a))
    labels = [side.label for side in sides]
    if _same_place(labels[0].span, labels[1].span):
        labels = _further_back(walk.trace, streams[second], streams[first], axes) or labels
    message = f"{'paths' if origins else 'streams'} of `{call.name}` disagree on {words}"
    if words == "kind":
        message = f"`{call.name}` cannot merge maps and a vector"
        tries.extend(_flattened(origins[first if len(a) == 3 else second]) if origins else ())
    how = "along channels" if op.name == "concat" else "element by element"
    name = Label(call.name_span, f"merges {len(streams)} streams {how}")
    walk.complain(
        "E0302",
        message,
        labels[0].span,
        labels[0].text,
        others=(labels[1], *sides[0].origin, *sides[1].origin, name),
        tries=tuple(tries),
    )


def _same_place(one: Span, other: Span) -> bool:
    return one.source is other.source and one.start == other.start


def _further_back(trace: Trace, one: Ref, other: Ref, axes: tuple[int, ...]) -> list[Label] | None:
    """Where two streams that went through the same layers came from: the last places that differ."""
    indices = [decider(trace, ref.index, axes, None) for ref in (one, other)]
    while all(trace.drafts[index].inputs for index in indices):
        indices = [decider(trace, trace.drafts[index].inputs[0], axes, None) for index in indices]
        drafts = [trace.drafts[index] for index in indices]
        if not _same_place(drafts[0].span, drafts[1].span):
            shapes = [show_shape(ref.shape or ()) for ref in (one, other)]
            return [
                Label(draft.span, f"{show_shape(draft.shape)} from here, {shape} where they meet")
                for draft, shape in zip(drafts, shapes, strict=True)
            ]
    return None


def _flattened(path: syntax.Chain) -> list[Help]:
    end = Span(path.span.source, path.span.end, path.span.end)
    return [Help("`flatten` makes a vector of maps", (Edit(end, " -> flatten"),))]


def _fitted(path: syntax.Chain, shape: Shape, other: syntax.Chain, target: Shape) -> list[Help]:
    """Edits that bring one path to the size of the other, where one begins with a named stream: a skip, an odd size."""
    first, end = other.links[0].element, Span(path.span.source, path.span.end, path.span.end)
    larger = all(n >= m for n, m in zip(shape[1:], target[1:], strict=True))
    helps = []
    if isinstance(first, syntax.Stream) and len(other.links) == 1:
        if larger:
            cut = f"crop like=@{first.name}"
            helps.append(Help(f"cut it to that size: `{path.span.text} -> {cut}`", (Edit(end, f" -> {cut}"),)))
        elif path.span.text == "id":
            grown = f"upsample like=@{first.name}"
            helps.append(Help(f"bring it to that size: `{grown}` in the place of `id`", (Edit(path.span, grown),)))
    if larger and isinstance(path.links[0].element, syntax.Stream) and not is_open(target):
        cut = f"crop {target[1]}x{target[2]}"
        helps.append(Help(f"cut it to that size: `{path.span.text} -> {cut}`", (Edit(end, f" -> {cut}"),)))
    return helps


def account(walk: Walk, ref: Ref, axes: tuple[int, ...], flow: Flow, path: syntax.Chain | None, wanted: Shape) -> Side:
    """Where a stream got the sizes in question, with the sum; and edits there that may give it the wanted ones."""
    trace, entry = walk.trace, {r.index for r in flow}
    shape = show_shape(ref.shape or ())
    looked_at = tuple(axis for axis in axes if axis > 0) or axes
    index = decider(trace, ref.index, looked_at, entry)
    if path is not None and index in entry:
        return _unchanged(trace, ref, index, axes, looked_at, path, wanted, entry)
    draft = trace.drafts[index]
    at_the_end = "" if draft.shape == ref.shape else f", {shape} where it meets the other"
    label = Label(draft.span, f"{show_shape(draft.shape)} here{at_the_end}{_sum(trace, index, looked_at)}")
    tries = repairs(trace, index, axes, wanted)
    return Side(label, (), [*tries, *pad_all(trace, index, entry)] if max(axes, default=0) > 0 else tries, True)


def _unchanged(
    trace: Trace,
    ref: Ref,
    index: int,
    axes: tuple[int, ...],
    looked_at: tuple[int, ...],
    path: syntax.Chain,
    wanted: Shape,
    entry: set[int],
) -> Side:
    """A stream whose size is still that which flowed in: the last window that kept it, or the path and where it came from."""
    kept = keeper(trace, ref.index, entry) if max(axes, default=0) > 0 else None
    if kept is not None:
        draft = trace.drafts[kept]
        label = Label(draft.span, f"{show_shape(draft.shape)} here{_sum(trace, kept, looked_at)}")
        return Side(label, (), repairs(trace, kept, axes, wanted), False)
    how = "the size that flows in" if max(axes, default=0) > 0 else "the channels that flow in"
    how = "as it flows in" if ref.index in entry else how
    label = Label(path.span, f"{show_shape(ref.shape or ())} here{f', {how}' if axes else ''}")
    source = decider(trace, index, looked_at, None)
    sum_ = _sum(trace, source, looked_at)
    draft = trace.drafts[source]
    return Side(label, (Label(draft.span, f"{show_shape(draft.shape)} from here{sum_}"),) if sum_ else (), [], False)


def _sum(trace: Trace, index: int, axes: tuple[int, ...]) -> str:
    """The sum that gave a node's height and width, of the axis in question where they differ."""
    draft = trace.drafts[index]
    if max(axes, default=0) == 0:
        return ""
    sums = draft.op.arithmetic(trace.in_shapes(index), draft.shape).split(", ")
    chosen = sums if len(sums) != 2 or len(axes) > 1 else [sums[axes[0] - 1]]
    return f"    {', '.join(chosen)}" if chosen != [""] else ""


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


def pad_all(trace: Trace, index: int, entry: set[int]) -> list[Help]:
    """`same` behind every convolution up to a node that lets the size shrink, where there are several."""
    calls: dict[int, syntax.Call] = {}
    while index not in entry and trace.drafts[index].inputs:
        draft = trace.drafts[index]
        before = trace.drafts[draft.inputs[0]].shape
        shrinks = draft.op.windowed() and len(before) == 3 and draft.shape[1:] != before[1:]
        if shrinks and isinstance(draft.call, syntax.Call) and draft.op.__dict__["stride"] == (1, 1):
            calls[draft.call.span.start] = draft.call
        index = draft.inputs[0]
    sources = {id(call.span.source) for call in calls.values()}
    edits = tuple(Edit(end_of_arguments(call), " same") for call in calls.values())
    return (
        [Help(f"write `same` behind all {len(edits)} of them", edits)] if len(edits) > 1 and len(sources) == 1 else []
    )


def stride_one(call: syntax.Call) -> list[Help]:
    """A pool whose stride is left to its window: keep the size with stride 1 and `same`."""
    for argument in call.arguments:
        value = argument.value
        if isinstance(value, syntax.WindowValue) and value.stride is None:
            edits = (Edit(value.size.span, f"{value.size.span.text}/1"), Edit(end_of_arguments(call), " same"))
            return [
                Help(
                    f"a pool's stride is its window unless written: `{call.name} {value.size.span.text}/1 same`", edits
                )
            ]
    return []
