"""The attributes of one call as they fill up: each argument put to its place, or said why it has none."""

from __future__ import annotations

import re
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help, Label
from cnndsl.elaborate.evaluate import Evaluator
from cnndsl.elaborate.repair import arrow_missing, begins_element, edited, usage
from cnndsl.names import did_you_mean
from cnndsl.op import BOOLEAN, OPS, REQUIRED, STREAM, Attribute, Op, Window
from cnndsl.source import Span
from cnndsl.synonyms import ATTRIBUTES, nearest
from cnndsl.values import POISON, Env, Flow, describe, is_number, is_stream

NEEDLESS = {
    "valid": "without `same` and without a padding, nothing is padded: leave `valid` out",
    "floor": "sizes are rounded down unless `ceil` says otherwise: leave `floor` out",
}
"""Words of other languages for what a layer does anyway."""


def _without(argument: syntax.Argument) -> Edit:
    """Takes out an argument with the space before it."""
    return Edit(Span(argument.span.source, argument.span.start - 1, argument.span.end), "")


class Slots:
    """The attributes of one call as they fill up."""

    def __init__(self, cls: type[Op], evaluator: Evaluator, call: syntax.Call) -> None:
        self.cls, self.evaluator, self.call = cls, evaluator, call
        self.complain = evaluator.complain
        self.values: dict[str, Any] = {}
        self.streams: list[Flow] = []
        self.spans: dict[str, Span] = {}
        self.sound = True
        self.skipped: list[syntax.Argument] = []
        self.open = [name for name, spec in cls.attributes.items() if spec.positional]

    def fail(self, *report: Any, **rest: Any) -> None:
        self.sound = False
        if report:
            self.complain(*report, **rest)

    def take(self, argument: syntax.Argument, env: Env, flow: Flow, given: set[str] | None = None) -> None:
        """Puts an argument to its place. `given` are the attributes a call has, where this is a default line's argument."""
        attributes = self.cls.attributes
        if argument in self.skipped:
            return
        if argument.name is None:
            word = argument.value.name if isinstance(argument.value, syntax.Name) else ""
            target = self.flag(word, env)
            if target:
                spec = attributes[target]
                self.put(target, True if spec.kind is BOOLEAN else word, argument.span, given)
                return
            whole = all(n in self.values or spec.default is not REQUIRED for n, spec in attributes.items())
            if given is None and whole and word and begins_element(word, env):
                arrow_missing(self.complain, argument)
                self.fail()
                self.skipped.extend(self.call.arguments)
                return
            value = (
                self.evaluator.value(argument.value, env, flow) if not word else self.named_value(argument, env, flow)
            )
            self.positional(value, argument, given)
            return
        if argument.name not in attributes:
            place = Span(argument.span.source, argument.span.start, argument.span.start + len(argument.name))
            known = ", ".join(f"`{name}`" for name in attributes)
            self.fail(
                "E0202",
                f"`{self.cls.name}` has no attribute `{argument.name}`",
                place,
                "no such attribute",
                notes=(f"`{self.cls.name}` has {known}" if known else f"`{self.cls.name}` has no attributes",),
                tries=did_you_mean(place, argument.name, attributes, elsewhere=ATTRIBUTES),
            )
            return
        word = argument.value.name if isinstance(argument.value, syntax.Name) else ""
        if self.flag(word, env) and word not in {*env.module.blocks, *OPS}:
            self.fail(
                "E0204",
                f"`{word}` stands alone, without `{argument.name}=`",
                argument.span,
                "a flag is no value",
                tries=(Help(f"write `{word}`", (Edit(argument.span, word),)),),
            )
            return
        value = self.evaluator.value(argument.value, env, flow)
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
            return self.evaluator.value(name, env, flow)
        flags = [n for n, spec in self.cls.attributes.items() if spec.kind is BOOLEAN]
        words = [word for spec in self.cls.attributes.values() for word in spec.kind.words]
        known = [*flags, *words, *env.names(lambda value: True), *module.blocks]
        window = re.fullmatch(r"([A-Za-z_]\w*?)x(\1)", name.name) if self.cls.windowed() else None
        parts = (
            [Help(f"give its parts by name: `kernel={window[1]}`", (Edit(name.span, f"kernel={window[1]}"),))]
            if window
            else []
        )
        needless = [Help(NEEDLESS[name.name.lower()], (_without(argument),))] if name.name.lower() in NEEDLESS else []
        return self.complain(
            "E0204",
            f"`{name.name}` is neither a flag of `{self.cls.name}` nor a name in sight",
            name.span,
            "unknown name",
            tries=(*parts, *needless, *did_you_mean(name.span, name.name, known)),
        )

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
                self.too_early(free[0], argument)
                return
        if not free:
            self.fail(
                "E0402",
                f"`{self.cls.name}` takes no further argument",
                argument.span,
                f"{describe(value)} is one too many",
                helps=(Help(f"the call is `{usage(self.cls)}`"),),
            )
            return
        name = free[0]
        if self.cls.attributes[name].window:
            self.no_window(value, argument)
            self.open.remove(name)
            return
        self.convert(name, value, argument, given)

    def too_early(self, name: str, argument: syntax.Argument) -> None:
        """A window stands where another argument is expected: are the two swapped?"""
        behind = [a for a in self.call.arguments if a.name is None and a.span.start > argument.span.start]
        edits_ = (Edit(argument.span, behind[0].span.text), Edit(behind[0].span, argument.span.text)) if behind else ()
        swapped = Help(f"write `{edited(self.call, list(edits_))}`", edits_)
        expected = self.cls.attributes[name].kind.expected
        self.fail(
            "E0404",
            f"`{self.cls.name}` takes `{name}` before its window",
            argument.span,
            f"expected {expected}",
            helps=() if behind else (Help(f"the call is `{usage(self.cls)}`"),),
            tries=(swapped,) if behind else (),
        )

    def no_window(self, value: Any, argument: syntax.Argument) -> None:
        """Another value stands where a window is expected; `3 3` and `3` may mean 3x3."""
        at = self.call.arguments.index(argument) if argument in self.call.arguments else len(self.call.arguments)
        behind = [
            a for a in self.call.arguments[at + 1 : at + 2] if isinstance(a.value, syntax.Literal) and a.name is None
        ]
        tries = []
        if isinstance(argument.value, syntax.Literal) and is_number(value):
            if behind and is_number(behind[0].value.value):  # type: ignore[union-attr]
                self.skipped.append(behind[0])
                text = f"{argument.span.text}x{behind[0].span.text}"
                tries.append(Help(f"write `{text}`", (Edit(argument.span.to(behind[0].span), text),)))
            else:
                tries.append(Help(f"write `{value}x{value}`", (Edit(argument.span, f"{value}x{value}"),)))
        elif is_number(value):
            text = argument.span.text
            tries.append(Help(f"write `kernel={text}`", (Edit(argument.span, f"kernel={text}"),)))
        self.fail(
            "E0404",
            f"`{self.cls.name}` takes a window here, not {describe(value)}",
            argument.span,
            "expected a window, as in 3x3",
            tries=tuple(tries),
        )

    def window(self, value: Window, argument: syntax.Argument, given: set[str] | None) -> None:
        """A whole window fills kernel, stride and padding, as far as it has them."""
        for name, part in (("kernel", value.kernel), ("stride", value.stride), ("padding", value.padding)):
            if part is None:
                continue
            if name not in self.cls.attributes:
                self.fail(
                    "E0202", f"a window of `{self.cls.name}` has no {name}", argument.span, f"a {name} is written here"
                )
            else:
                square = name != "kernel" and part[0] == part[1]
                self.convert(name, part[0] if square else Window(part), argument, given)

    def convert(self, name: str, value: Any, argument: syntax.Argument, given: set[str] | None) -> None:
        spec = self.cls.attributes[name]
        if spec.kind is STREAM:
            if not is_stream(value) or len(value) != 1:
                self.fail(
                    "E0404",
                    f"`{name}` of `{self.cls.name}` cannot be {describe(value)}",
                    argument.span,
                    f"expected a stream, as in `{name}=@x`",
                )
                return
            self.streams.append(value)
            self.put(name, True, argument.span, given)
            return
        kept = spec.kind.convert(value)
        if kept is None:
            self.fail(
                "E0404",
                f"`{name}` of `{self.cls.name}` cannot be {describe(value)}",
                argument.value.span,
                f"expected {spec.kind.expected}",
                tries=_other_values(spec, value, argument.value.span),
            )
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
            others = (Label(self.spans[name], "first here"),) if name in self.spans else ()
            self.fail("E0403", f"`{name}` of `{self.cls.name}` is given twice", span, "again here", others=others)
            return
        rival = {"same": "padding", "padding": "same"}.get(name)
        if rival in self.values and self.values[rival] not in (False, POISON) and value is not False:
            others = (Label(self.spans[rival], "and this"),) if rival in self.spans else ()
            self.fail(
                "E0403",
                f"`same` sets the padding of `{self.cls.name}`: it takes no other",
                span,
                "this",
                others=others,
            )
            return
        self.values[name] = value
        self.spans[name] = span


def _other_values(spec: Attribute, value: Any, span: Span) -> tuple[Help, ...]:
    """What may have been meant by a value that an attribute does not take."""
    text = span.text
    if isinstance(value, str):
        bare = text.strip('"')
        near = [
            Help(f'did you mean `"{word}"`?', (Edit(span, f'"{word}"'),)) for word in nearest(value, spec.kind.words)
        ]
        return (*near, Help(f"write `{bare}`", (Edit(span, bare),)))
    if not is_number(value):
        return ()
    if "/" in text and "//" not in text:
        whole = text.replace("/", "//")
        return (Help(f"`//` divides and rounds down: `{whole}`", (Edit(span, whole),)),)
    if value != int(value) and text.startswith("("):
        return (Help(f"`round` gives a whole number: `(round{text})`", (Edit(span, f"(round{text})"),)),)
    if spec.kind.convert(0.5) is not None and value > 1 and text.isdigit():
        return (Help(f"in hundredths: `{value / 100}`", (Edit(span, str(value / 100)),)),)
    return ()
