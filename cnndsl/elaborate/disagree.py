"""What is said where streams that meet do not fit: which nodes gave the sizes that disagree, and edits that may mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help, Label
from cnndsl.elaborate.bind import change, end_of_arguments
from cnndsl.elaborate.trace import Trace
from cnndsl.op import Shape, show_shape
from cnndsl.source import Span
from cnndsl.values import Flow, Ref

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk


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
            return Label(draft.span, f"{show_shape(draft.shape)} here    {sum_}"), repairs(
                walk.trace, kept, axes, wanted
            )
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
            return [
                Help(
                    f"a pool's stride is its window unless written: `{call.name} {value.size.span.text}/1 same`", edits
                )
            ]
    return []
