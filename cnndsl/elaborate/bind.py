"""Arguments of a call put to their places: an op's attributes, a block's parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help
from cnndsl.elaborate.evaluate import Evaluator, is_number
from cnndsl.names import did_you_mean
from cnndsl.op import BOOLEAN, OPS, REQUIRED, STREAM, Attribute, Op, Reject, Window
from cnndsl.source import Span
from cnndsl.values import POISON, Env, Flow, describe, is_stream


@dataclass(frozen=True, slots=True)
class Bound:
    """An op with its attributes settled, and the streams its attributes name (`like=@x`)."""

    op: Op
    streams: tuple[Flow, ...] = ()


def end_of_arguments(call: syntax.Call) -> Span:
    """The empty place behind the last argument of a call, where another can be put."""
    end = call.arguments[-1].span.end if call.arguments else call.name_span.end
    return Span(call.span.source, end, end)


class Binder:
    """Binds the arguments of calls to ops. `defaults` are the net's default lines: arguments by layer, with their environment."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator, self.complain = evaluator, evaluator.complain
        self.defaults: dict[str, list[tuple[syntax.Argument, Env]]] = {}

    def op(self, cls: type[Op], call: syntax.Call, env: Env, flow: Flow) -> Bound | None:
        """The op of a call; None where its arguments are in error, which is reported."""
        slots = _Slots(cls, self, call)
        for argument in call.arguments:
            slots.take(argument, env, flow)
        self.fill(slots, cls, flow)
        missing = [
            name for name, spec in cls.attributes.items() if spec.default is REQUIRED and name not in slots.values
        ]
        for name in missing[:1] if slots.sound else []:
            spec = cls.attributes[name]
            what = "a window, as in 3x3" if spec.window else f"`{name}`, {spec.kind.expected}"
            self.complain("E0401", f"`{cls.name}` needs {what}", call.span, f"`{name}` is missing",
                          helps=(Help(f"the call is `{usage(cls)}`"),))  # fmt: skip
        if missing or not slots.sound:
            return None
        try:
            return Bound(cls(**slots.values), tuple(slots.streams))
        except Reject as reject:
            self.rejected(reject, call)
            return None

    def build(self, cls: type[Op], values: dict[str, Any], call: syntax.Call, flow: Flow) -> Op | None:
        """An op that a combinator puts there; the default lines hold for it too."""
        slots = _Slots(cls, self, call)
        slots.values.update(values)
        self.fill(slots, cls, flow)
        try:
            return cls(**slots.values)
        except Reject as reject:
            self.rejected(reject, call)
            return None

    def fill(self, slots: _Slots, cls: type[Op], flow: Flow) -> None:
        """Takes from the default lines what the call leaves out."""
        given = set(slots.values)
        for argument, env in self.defaults.get(cls.name, ()):
            slots.take(argument, env, flow, given)

    def rejected(self, reject: Reject, call: syntax.Call) -> None:
        span = argument_span(call, reject.attribute) or call.span
        helps = (Help(reject.hint),) if reject.hint else ()
        self.complain("E0404", reject.message, span, "", helps=helps, tries=edits(reject, call))


class _Slots:
    """The attributes of one call as they fill up."""

    def __init__(self, cls: type[Op], binder: Binder, call: syntax.Call) -> None:
        self.cls, self.binder, self.call = cls, binder, call
        self.complain = binder.complain
        self.values: dict[str, Any] = {}
        self.streams: list[Flow] = []
        self.spans: dict[str, Span] = {}
        self.sound = True
        self.open = [name for name, spec in cls.attributes.items() if spec.positional]

    def fail(self, *report: Any, **rest: Any) -> None:
        self.sound = False
        if report:
            self.complain(*report, **rest)

    def take(self, argument: syntax.Argument, env: Env, flow: Flow, given: set[str] | None = None) -> None:
        """Puts an argument to its place. `given` are the attributes a call has, where this is a default line's argument."""
        attributes = self.cls.attributes
        if argument.name is None:
            word = argument.value.name if isinstance(argument.value, syntax.Name) else ""
            target = self.flag(word, env)
            if target:
                spec = attributes[target]
                self.put(target, True if spec.kind is BOOLEAN else word, argument.span, given)
                return
            value = (
                self.binder.evaluator.value(argument.value, env, flow)
                if not word
                else self.named_value(argument, env, flow)
            )
            self.positional(value, argument, given)
            return
        if argument.name not in attributes:
            place = Span(argument.span.source, argument.span.start, argument.span.start + len(argument.name))
            known = ", ".join(f"`{name}`" for name in attributes) or "none"
            self.fail("E0202", f"`{self.cls.name}` has no attribute `{argument.name}`", place, f"it has {known}",
                      tries=did_you_mean(place, argument.name, attributes))  # fmt: skip
            return
        value = self.binder.evaluator.value(argument.value, env, flow)
        if value is POISON:
            self.fail()
        elif attributes[argument.name].window and isinstance(value, Window):
            self.window(value, argument, given)
        else:
            self.convert(argument.name, value, argument, given)

    def flag(self, word: str, env: Env) -> str:
        """The attribute that a word named alone sets; empty where it is no flag of this op."""
        if not word or env.find(word) is not None:
            return ""
        spec = self.cls.attributes.get(word)
        if spec is not None and spec.kind is BOOLEAN:
            return word
        return next((name for name, spec in self.cls.attributes.items() if word in spec.kind.words), "")

    def named_value(self, argument: syntax.Argument, env: Env, flow: Flow) -> Any:
        """The value of a bare name: where it means nothing, the flags of this op are among what may have been meant."""
        name = argument.value
        assert isinstance(name, syntax.Name)
        module = env.module
        unknown = env.find(name.name) is None and name.name not in {*module.blocks, *module.broken, *OPS, "channels"}
        if not unknown:
            return self.binder.evaluator.value(name, env, flow)
        flags = [n for n, spec in self.cls.attributes.items() if spec.kind is BOOLEAN]
        words = [word for spec in self.cls.attributes.values() for word in spec.kind.words]
        known = [*flags, *words, *env.names(lambda value: True), *module.blocks]
        return self.complain("E0204", f"`{name.name}` is neither a flag of `{self.cls.name}` nor a name in sight", name.span,
                             "unknown name", tries=did_you_mean(name.span, name.name, known))  # fmt: skip

    def positional(self, value: Any, argument: syntax.Argument, given: set[str] | None) -> None:
        if value is POISON:
            self.fail()
            self.open = self.open[1:]
            return
        free = [name for name in self.open if name not in self.values]
        if isinstance(value, Window) and (value.stride or value.padding or self.cls.windowed()):
            target = next((name for name in free if self.cls.attributes[name].window), "")
            if target == free[0] if free else False:
                self.window(value, argument, given)
                return
            if target and free:
                self.fail("E0404", f"`{self.cls.name}` takes {self.cls.attributes[free[0]].kind.expected} before its window",
                          argument.span, f"`{free[0]}` belongs here", helps=(Help(f"the call is `{usage(self.cls)}`"),))  # fmt: skip
                return
        if not free:
            self.fail("E0402", f"`{self.cls.name}` takes no further argument", argument.span, f"{describe(value)} is one too many",
                      helps=(Help(f"the call is `{usage(self.cls)}`"),))  # fmt: skip
            return
        name = free[0]
        if self.cls.attributes[name].window:
            size = f"{value}x{value}" if is_number(value) else "3x3"
            self.fail("E0404", f"`{self.cls.name}` takes a window here, not {describe(value)}", argument.span, "as in 3x3",
                      tries=(Help(f"write `{size}`", (Edit(argument.span, size),)),))  # fmt: skip
            self.open.remove(name)
            return
        self.convert(name, value, argument, given)

    def window(self, value: Window, argument: syntax.Argument, given: set[str] | None) -> None:
        """A whole window fills kernel, stride and padding, as far as it has them."""
        for name, part in (("kernel", value.kernel), ("stride", value.stride), ("padding", value.padding)):
            if part is None:
                continue
            if name not in self.cls.attributes:
                self.fail("E0202", f"a window of `{self.cls.name}` has no {name}", argument.span, "")
            else:
                self.convert(name, Window(part), argument, given)

    def convert(self, name: str, value: Any, argument: syntax.Argument, given: set[str] | None) -> None:
        spec = self.cls.attributes[name]
        if spec.kind is STREAM:
            if not is_stream(value) or len(value) != 1:
                self.fail(
                    "E0404",
                    f"`{name}` of `{self.cls.name}` is a stream, as in @x, not {describe(value)}",
                    argument.span,
                    "",
                )
                return
            self.streams.append(value)
            self.put(name, True, argument.span, given)
            return
        kept = spec.kind.convert(value)
        if kept is None:
            words = spec.kind.words
            tries = (
                did_you_mean(argument.value.span, value, words)
                if isinstance(value, str)
                else _rounded(spec, value, argument)
            )
            self.fail("E0404", f"`{name}` of `{self.cls.name}` is {spec.kind.expected}, not {describe(value)}", argument.span, "",
                      tries=tries)  # fmt: skip
            self.values[name] = POISON
            return
        self.put(name, kept, argument.span, given)

    def put(self, name: str, value: Any, span: Span, given: set[str] | None) -> None:
        """Sets an attribute, once. What a call says beats a default line, and `same` beats or yields to a padding."""
        if given is not None:
            rival = {"same": "padding", "padding": "same"}.get(name)
            if name not in given and rival not in given:
                self.values[name] = value
            return
        if name in self.values:
            self.fail("E0403", f"`{name}` of `{self.cls.name}` is given twice", span, "again here")
            return
        rival = {"same": "padding", "padding": "same"}.get(name)
        if rival in self.values and self.values[rival] not in (False, POISON) and value is not False:
            self.fail(
                "E0403", f"`same` sets the padding of `{self.cls.name}`: it takes no other", span, "a second padding"
            )
            return
        self.values[name] = value
        self.spans[name] = span


def _rounded(spec: Attribute, value: Any, argument: syntax.Argument) -> tuple[Help, ...]:
    """For a fraction where a whole number belongs: divide with `//`."""
    text = argument.value.span.text
    if isinstance(value, float) and "/" in text and "//" not in text:
        return (Help("`//` divides and rounds down", (Edit(argument.value.span, text.replace("/", "//")),)),)
    return ()


def usage(cls: type[Op]) -> str:
    """How a layer is called, as its docstring shows it."""
    doc = (cls.__doc__ or "").split("`")
    return doc[1] if len(doc) > 2 else cls.name


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
