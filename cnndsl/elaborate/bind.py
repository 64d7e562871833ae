"""Arguments of a call put to their places: an op's attributes, a block's parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import Help
from cnndsl.elaborate.evaluate import Evaluator
from cnndsl.elaborate.opening import Opening, settle_attribute
from cnndsl.elaborate.repair import argument_span, edits, usage
from cnndsl.elaborate.slots import Slots
from cnndsl.op import OPS, REQUIRED, Op, Reject
from cnndsl.values import LOST, Env, Flow


@dataclass(frozen=True, slots=True)
class Bound:
    """An op with its attributes settled, and the streams its attributes name (`like=@x`)."""

    op: Op
    streams: tuple[Flow, ...] = ()


class Binder:
    """Binds the arguments of calls to ops. `defaults` are the net's default lines: arguments by layer, with their environment."""

    def __init__(self, evaluator: Evaluator, opening: Opening) -> None:
        self.evaluator, self.complain, self.opening = evaluator, evaluator.complain, opening
        self.defaults: dict[str, list[tuple[syntax.Argument, Env]]] = {}
        self.built: set[str] = set()

    def op(self, cls: type[Op], call: syntax.Call, env: Env, flow: Flow) -> Bound | None:
        """The op of a call; None where its arguments are in error, which is reported."""
        slots = Slots(cls, self.evaluator, call)
        for argument in call.arguments:
            slots.take(argument, env, flow)
        self.fill(slots, cls, flow)
        missing = [
            name for name, spec in cls.attributes.items() if spec.default is REQUIRED and name not in slots.values
        ]
        for name in missing[:1] if slots.sound else []:
            spec = cls.attributes[name]
            what = "a window, as in 3x3" if spec.window else f"`{name}`: {spec.kind.expected}"
            missing_text = "no window here" if spec.window else f"`{name}` is missing"
            self.complain(
                "E0401",
                f"`{cls.name}` needs {what}",
                call.span,
                missing_text,
                helps=(Help(f"the call is `{usage(cls)}`"),),
            )
        if missing or not slots.sound:
            return None
        settle_attribute(self.complain, self.opening, call.span, f"an attribute of `{call.name}`")
        try:
            return Bound(cls(**slots.values), tuple(slots.streams))
        except Reject as reject:
            self.rejected(reject, call)
            return None

    def build(self, cls: type[Op], values: dict[str, Any], call: syntax.Call, flow: Flow) -> Op | None:
        """An op that a combinator puts there; the default lines hold for it too."""
        slots = Slots(cls, self.evaluator, call)
        slots.values.update(values)
        self.fill(slots, cls, flow)
        try:
            return cls(**slots.values)
        except Reject as reject:
            self.rejected(reject, call)
            return None

    def fill(self, slots: Slots, cls: type[Op], flow: Flow) -> None:
        """Takes from the default lines what the call leaves out."""
        given = set(slots.values)
        self.built.add(cls.name)
        for argument, env in self.defaults.get(cls.name, ()):
            slots.take(argument, env, flow, given)

    def idle_defaults(self, defaults: tuple[syntax.Default, ...], env: Env) -> None:
        """Reads the default lines of layers that a net has none of: what is wrong in them is wrong all the same."""
        for default in defaults:
            name = default.layer.name
            if name in OPS and name not in self.built:
                call = syntax.Call(name, default.layer.span, default.arguments, None, default.span)
                slots = Slots(OPS[name], self.evaluator, call)
                for argument in default.arguments:
                    slots.take(argument, env, LOST, set())

    def rejected(self, reject: Reject, call: syntax.Call) -> None:
        span = argument_span(call, reject.attribute) or call.span
        helps = (Help(reject.hint),) if reject.hint else ()
        self.complain("E0404", reject.message, span, "", helps=helps, tries=edits(reject, call))
