"""`residual`: a body, its shortcut, and their sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help, Label
from cnndsl.dims import at_hand, here
from cnndsl.elaborate import nodes
from cnndsl.elaborate.combine import has_paths
from cnndsl.elaborate.disagree import account
from cnndsl.elaborate.repair import end_of_arguments
from cnndsl.op import BOOLEAN, NUMBER, OPS, PROBABILITY, Op, Shape, attr, choice, numbers, show_shape, show_sizes
from cnndsl.ops.merge import Merge
from cnndsl.rules import ceil_div
from cnndsl.source import Span
from cnndsl.values import LOST, Env, Flow, Ref

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk


class ResidualCall(Op):
    """`residual [identity|project|pad|optional] [scale=] [drop=] [rescale=] { body [| shortcut] }`: its attributes."""

    shortcut: str = attr(choice("identity", "project", "pad", "optional"), "identity")
    scale: float = attr(NUMBER, 1.0)
    drop: float = attr(PROBABILITY, 0.0)
    rescale: bool = attr(BOOLEAN, True)


ResidualCall.name = "residual"


def residual(walk: Walk, call: syntax.Call, env: Env, flow: Flow) -> Flow:
    """Body plus shortcut."""
    bound = walk.binder.op(ResidualCall, call, env, flow)
    if not has_paths(walk, call) or bound is None:
        walk.use(flow)
        return LOST
    assert call.paths is not None
    if len(call.paths) > 2:
        walk.complain("E0307", "`residual` has a body and at most a shortcut", call.span, f"{len(call.paths)} paths")
        walk.use(flow)
        return LOST
    if len(flow) != 1:
        shapes = ", ".join(show_shape(ref.shape or ()) for ref in flow)
        walk.complain(
            "E0304",
            f"`residual` reads one stream, and a bundle of {len(flow)} flows in",
            call.span,
            f"{shapes} flow in",
            helps=(Help("merge them first, or use `each { residual { ... } }`"),),
        )
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
                walk.complain(
                    "E0304", f"a path of `residual` gives a bundle of {len(out)} streams", path.span, "merge them first"
                )
                walk.use((*body, *shortcut))
                return LOST
        if explicit and self.settings["shortcut"] != "identity":
            walk.complain(
                "E0403",
                "`residual` has a shortcut path, and a word for another",
                call.name_span.to(end_of_arguments(call)),
                f"`{self.settings['shortcut']}` and a second path",
            )
            walk.use((*body, *shortcut))
            return LOST
        if explicit:
            return self.added(body[0], shortcut[0])
        source, target = numbers(self.source.shape or ()), numbers(body[0].shape or ())
        if source == target:
            self.keep_equal(body[0], self.source)
            return self.added(body[0], self.source)
        return self.bridged(body[0], source, target)

    def keep_equal(self, body: Ref, shortcut: Ref) -> None:
        """With open sizes: leaves those at which body and shortcut have one shape, as they have at the size in hand."""
        self.walk.opening.decide(
            lambda: here(body.shape or ()) == here(shortcut.shape or ()), "shortcut", self.call.span
        )

    def bridged(self, body: Ref, source: Shape, target: Shape) -> Flow:
        """The body's shape is another than the input's: the kind of the shortcut says what then."""
        kind = self.settings["shortcut"]
        stride = _stride(source, target)
        if not self.walk.opening.decide(lambda: self.goes(body), "shortcut", self.call.span):
            self.mismatch(body, kind, stride)
            return LOST
        if kind == "optional":
            return (body,)
        assert stride is not None
        project = kind == "project"
        shortcut = self.project(target[0], stride) if project else self.padded(target[0] - source[0], stride)
        if shortcut is None:
            return LOST
        self.keep_equal(body, shortcut)
        return self.added(body, shortcut)

    def goes(self, body: Ref) -> bool:
        """Whether the kind of the shortcut allows for the body's shape."""
        kind = self.settings["shortcut"]
        source, target = here(self.source.shape or ()), here(body.shape or ())
        if source == target:
            return True
        if len(source) != 3 or len(target) != 3:
            return kind == "optional" and len(source) == len(target) == 1
        if kind == "identity" or (kind == "pad" and target[0] < source[0]):
            return False
        return all(_has_stride(length, out) for length, out in zip(source[1:], target[1:], strict=True))

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
        out = LOST if op is None else nodes.node(self.walk, op, (source,), self.call)
        return None if self.walk.lost(out) else out[0]

    def added(self, body: Ref, shortcut: Ref) -> Flow:
        """Body (dropped out as a whole, scaled) + shortcut."""
        walk, call, settings = self.walk, self.call, self.settings
        cls = OPS["add"]
        op = cls(scale=settings["scale"])
        assert isinstance(op, Merge)
        shapes = body.shape or (), shortcut.shape or ()
        fits = walk.opening.decide(lambda: op.disagree((here(shapes[0]), here(shapes[1]))) is None, "shape", call.span)
        if not fits or walk.lost((body, shortcut)):
            self.mismatch(body, "path", None, shortcut)
            return LOST
        if settings["drop"]:
            dropped = self.built("droppath", {"p": settings["drop"], "rescale": settings["rescale"]}, body)
            if dropped is None:
                return LOST
            body = dropped
        return nodes.node(walk, op, (body, shortcut), self.call)

    def mismatch(self, body: Ref, kind: str, stride: tuple[int, int] | None, shortcut: Ref | None = None) -> None:
        """The diagnostic of a body that does not go with its shortcut."""
        walk, call = self.walk, self.call
        assert call.paths is not None
        other = shortcut or self.source
        a, b = body.shape or (), other.shape or ()
        axes = tuple(i for i in range(min(len(a), len(b))) if a[i] != b[i])
        side = account(walk, body, axes, (self.source,), call.paths[0], b)
        label, tries = side.label, side.tries
        if shortcut is not None:
            other_side = account(walk, shortcut, axes, (self.source,), call.paths[1], a)
            second, tries = other_side.label, [*tries, *other_side.tries]
        else:
            second = Label(call.name_span, f"{show_shape(b)} flows in, and along the shortcut")
            if stride is not None and kind == "identity":
                tries = [*self.words(a, b), *tries]
        walk.use((body, other))
        if kind == "path":
            message = "body and shortcut of `residual` have different shapes"
        elif kind == "identity":
            message = "the body of `residual` gives another shape than flows in"
        else:
            why = "it cannot take channels away"
            if stride is None:
                why = f"no stride gives {show_sizes(a[1:])}" if len(a) == 3 else "one of them is a vector"
            message = f"`residual {kind}` cannot make a shortcut from {show_shape(b)} to {show_shape(a)}: {why}"
        walk.complain("E0303", message, label.span, label.text, others=(second,), tries=tuple(tries))

    def words(self, target: Shape, source: Shape) -> list[Help]:
        place = Span(self.call.span.source, self.call.name_span.end, self.call.name_span.end)
        helps = [
            Help("`residual project` puts a 1x1 convolution and a `bn` on the shortcut", (Edit(place, " project"),))
        ]
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


def _has_stride(length: int, out: int) -> bool:
    """Whether there is an s with ceil(length / s) = out."""
    if out > length:
        return False
    low = ceil_div(at_hand(length), at_hand(out))
    # `low` is the smallest stride that gives `out` or less; with open sizes, the questions keep those for which it is
    smallest = ceil_div(length, low) <= out and (low == 1 or ceil_div(length, low - 1) > out)
    return smallest and ceil_div(length, low) == out


def _strides(length: int, out: int) -> range:
    """All s with ceil(length / s) = out."""
    if out > length:
        return range(0)
    low = ceil_div(length, out)
    high = (length - 1) // (out - 1) if out > 1 else length
    return range(low, max(high, low if ceil_div(length, low) == out else low - 1) + 1)
