"""A layer added to the graph where its shape rule agrees, and the diagnostic where it does not."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help, Label
from cnndsl.dims import Dim, is_open
from cnndsl.elaborate.disagree import decider
from cnndsl.elaborate.opening import settle_attribute
from cnndsl.elaborate.repair import argument_span, arrow_missing, edits
from cnndsl.names import COMBINATORS
from cnndsl.op import LARGEST, OPS, Op, Reject, Shape, numbers, show_shape
from cnndsl.ops.reshape import Split
from cnndsl.source import Span
from cnndsl.values import LOST, Flow

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk


MOST_NODES = 200_000
"""A net may have so many nodes; the largest published ones have a few thousand."""


def no_paths(walk: Walk, call: syntax.Call, kind: str) -> bool:
    if call.paths is None:
        return True
    for argument in call.arguments:
        word = argument.value.name if isinstance(argument.value, syntax.Name) and argument.name is None else ""
        if word in COMBINATORS or (word in OPS and OPS[word].family == "merge"):
            arrow_missing(walk.complain, argument)
            return False
    span = Span(call.span.source, call.paths[0].span.start, call.paths[-1].span.end)
    walk.complain("E0306", f"the {kind} `{call.name}` takes no braces", span, "only combinators have paths")
    return False


def node(walk: Walk, op: Op, operands: Flow, call: syntax.Call, label: str = "") -> Flow:
    """Adds a node where the shape rule agrees; a diagnostic where it does not."""
    shapes = tuple(ref.shape for ref in operands if ref.shape is not None)
    try:
        shape = walk.opening.infer(op, shapes, call.span)
        size_fits(op, shapes, shape)
    except Reject as reject:
        rejected(walk, op, reject, operands, call)
        walk.use(operands)
        return LOST
    changing = walk.opening.keep_weights(op, shapes, call.span)
    if changing is not None:
        open_weight(walk, op, changing, operands, call)
        walk.use(operands)
        return LOST
    if len(walk.trace.drafts) + (op.__dict__["parts"] if isinstance(op, Split) else 1) > MOST_NODES:
        walk.stop("E0502", f"more than {MOST_NODES:,} nodes", call.span, "one too many")
    indices = tuple(ref.index for ref in operands)
    if isinstance(op, Split):
        channels = int(shapes[0][0])  # where the slices begin and end are attributes
        settle_attribute(walk.complain, walk.opening, call.span, "the number of channels of a part")
        return tuple(
            walk.trace.add(part, indices, part.infer(*shapes), call.span, op.name, call) for part in op.slices(channels)
        )
    return (walk.trace.add(op, indices, shape, call.span, label or op.name, call),)


def open_weight(walk: Walk, op: Op, size: Dim, operands: Flow, call: syntax.Call) -> None:
    """A net without a size of its own whose weights would depend on it."""
    flowing = show_shape(operands[0].shape or ())
    example = "x".join("224" if isinstance(size, str) else str(size) for size in walk.syntax.inputs[0].size.sizes)
    walk.complain(
        "E0218",
        f"a weight of `{op.name}` would have another shape for every size: {size} is in it",
        call.span,
        f"{flowing} flows in",
        others=(Label(walk.syntax.inputs[0].size.span, "left open here"),),
        helps=(
            Help(
                f"say the size the weights are for, as in `input {example}`; `--input` with letters then lists what fits"
            ),
            Help("`globalavgpool` before it makes one number of each map"),
        ),
    )


def size_fits(op: Op, shapes: tuple[Shape, ...], shape: Shape) -> None:
    """Raises Reject for arrays beyond what a tensor library counts."""
    output = () if is_open(shape) else shape
    for what, size in [("an output", output)] + [(f"a weight `{k}`", w.shape) for k, w in op.weights(*shapes).items()]:
        if prod(numbers(size)) > LARGEST:
            raise Reject(f"{what} of {show_shape(size)} has {prod(size):,} numbers, more than {LARGEST:,}")


def rejected(walk: Walk, op: Op, reject: Reject, operands: Flow, call: syntax.Call) -> None:
    """A shape rule says no: what flows in, and the node that gave it its shape."""
    others = []
    flowing = show_shape(operands[0].shape or ())
    source = decider(walk.trace, operands[0].index, (0, 1, 2), None)
    draft = walk.trace.drafts[source]
    if not (draft.span.source is call.span.source and draft.span.start <= call.span.start < draft.span.end):
        resized = walk.trace.in_shapes(source)[:1] != (draft.shape,) and draft.inputs
        changed = resized and walk.trace.in_shapes(source)[0][1:] != draft.shape[1:]
        sum_ = draft.op.arithmetic(walk.trace.in_shapes(source), draft.shape) if changed else ""
        others.append(Label(draft.span, f"{show_shape(draft.shape)} from here" + (f"    {sum_}" if sum_ else "")))
    span = argument_span(call, reject.attribute) or call.span
    helps, tries = (Help(reject.hint),) if reject.hint else (), edits(reject, call)
    notes: tuple[str, ...] = ()
    if len(operands[0].shape or ()) == 1 and reject.message.startswith("expected maps") and reject.hint:
        before = Span(call.span.source, call.span.start, call.span.start)
        if not op.windowed() or op.__dict__["kernel"] == (1, 1):  # a larger window does not fit into 1x1
            tries = (*tries, Help(reject.hint, (Edit(before, f"reshape {(operands[0].shape or ())[0]}x1x1 -> "),)))
        helps, notes = (), ("`fc` and `flatten` give vectors: layers that read maps stand before them",)
    if "does not fit into" in reject.message:
        tries = (*_channels_first(walk), *tries)
    walk.complain(
        "E0301",
        reject.message,
        span,
        f"{flowing} flows in",
        others=tuple(others),
        helps=helps,
        tries=tries,
        notes=notes,
    )


def _channels_first(walk: Walk) -> tuple[Help, ...]:
    """`input 224x224x3`: the channels may have been written last."""
    sizes = [(item.size.span, item.size.sizes) for item in walk.syntax.inputs if len(item.size.sizes) == 3]
    turned = [(span, f"{s[2]}x{s[0]}x{s[1]}") for span, s in sizes if s[2] in (1, 3, 4) and s[0] not in (1, 3, 4)]
    return tuple(Help(f"the channels come first: `input {text}`", (Edit(span, text),)) for span, text in turned)
