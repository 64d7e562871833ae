"""Values of expressions: names looked up, arithmetic done. What goes wrong is reported once, and gives POISON."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import Complain, Edit, Help, Label
from cnndsl.dims import Dim, Part, divided
from cnndsl.elaborate.opening import Opening
from cnndsl.names import did_you_mean
from cnndsl.op import LARGEST, OPS, Volume, Window
from cnndsl.source import Span
from cnndsl.synonyms import FUNCTIONS as SYNONYMS
from cnndsl.synonyms import SIZES
from cnndsl.values import FUNCTIONS, POISON, BlockValue, Env, Flow, OpValue, describe, is_number, is_stream

BIGGEST = 10**18
"""Whole numbers beyond this are no sizes of a network; arithmetic stops there."""
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divided,
    "//": operator.floordiv,
    "%": operator.mod,
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Evaluator:
    """Evaluates expressions; `complain` takes what goes wrong."""

    def __init__(self, complain: Complain, opening: Opening) -> None:
        self.complain, self.opening = complain, opening
        self.inside = False
        self.named: dict[str, Span] = {}
        """Every stream that was named so far, in sight or not."""

    def value(self, expr: syntax.Value, env: Env, flow: Flow | None) -> Any:
        """The value of an expression. `flow` is what flows in where it stands, None where nothing does."""
        if self.inside or not isinstance(expr, syntax.Binary | syntax.Unary | syntax.Function):
            return self.part_of(expr, env, flow)
        self.inside = True
        try:
            return self.opening.answer(lambda: self.part_of(expr, env, flow))
        finally:
            self.inside = False

    def part_of(self, expr: syntax.Value, env: Env, flow: Flow | None) -> Any:
        """The value of an expression that may stand inside another."""
        if isinstance(expr, syntax.Literal):
            return expr.value
        if isinstance(expr, syntax.Name):
            return self.name(expr, env, flow)
        if isinstance(expr, syntax.WindowValue):
            return self.window(expr, env, flow)
        if isinstance(expr, syntax.StreamValue):
            return self.stream(expr, env)
        if isinstance(expr, syntax.Unary):
            return self.unary(expr, env, flow)
        if isinstance(expr, syntax.Function):
            return self.function(expr, env, flow)
        return self.binary(expr, env, flow)

    def name(self, expr: syntax.Name, env: Env, flow: Flow | None) -> Any:
        found = env.find(expr.name)
        if found is not None:
            return found
        if expr.name == "channels" and flow is not None:
            return self.channels(expr.span, flow)
        module = env.module
        if expr.name in module.blocks:
            return module.blocks[expr.name]
        if expr.name in module.broken:
            return POISON
        if expr.name in OPS and OPS[expr.name].written:
            return OpValue(OPS[expr.name])
        known = [*env.names(lambda value: True), "channels", *module.blocks, *(n for n in OPS if OPS[n].written)]
        tries = did_you_mean(expr.span, expr.name, known)
        return self.complain("E0204", f"`{expr.name}` means nothing here", expr.span, "unknown name", tries=tries)

    def channels(self, span: Span, flow: Flow) -> Any:
        if len(flow) != 1:
            return self.complain(
                "E0304",
                f"`channels` of a bundle of {len(flow)} streams",
                span,
                "which of them?",
                helps=(Help("name the stream, and write `@name.channels`"),),
            )
        shape = flow[0].shape
        return POISON if shape is None else shape[0]

    def stream(self, expr: syntax.StreamValue, env: Env) -> Any:
        value = self.find_stream(expr.name, expr.text_span, env)
        if value is POISON or expr.field is None:
            return value
        if expr.field not in ("channels", "height", "width"):
            place = Span(expr.span.source, expr.text_span.end - len(expr.field), expr.text_span.end)
            tries = did_you_mean(place, expr.field, ("channels", "height", "width"), elsewhere=SIZES)
            return self.complain(
                "E0214",
                f"a stream has no `{expr.field}`",
                place,
                "`channels`, `height` or `width` belongs here",
                tries=tries,
            )
        if len(value) != 1:
            return self.complain(
                "E0304",
                f"`@{expr.name}` is a bundle of {len(value)} streams: it has no {expr.field}",
                expr.span,
                "which of them?",
            )
        shape = value[0].shape
        if shape is None:
            return POISON
        if len(shape) == 1 and expr.field != "channels":
            return self.complain(
                "E0301",
                f"`@{expr.name}` is a vector of {shape[0]} numbers: it has no {expr.field}",
                expr.span,
                "no maps here",
            )
        return shape[("channels", "height", "width").index(expr.field)]

    def find_stream(self, name: str, span: Span, env: Env) -> Any:
        """The bundle a stream name stands for."""
        value = env.find(name)
        if is_stream(value) or value is POISON:
            return value
        if value is not None:
            return self.complain("E0203", f"`{name}` is {describe(value)}, not a stream", span, "not a stream")
        known = env.names(lambda v: is_stream(v))
        elsewhere = self.named.get(name)
        others = (Label(elsewhere, "seen in its own braces alone"),) if elsewhere else ()
        return self.complain(
            "E0203",
            f"there is no stream `@{name}` here",
            span,
            "unknown stream" if known or elsewhere else "no stream in sight has a name",
            others=others,
            tries=did_you_mean(span, f"@{name}", [f"@{k}" for k in known]),
        )

    def window(self, expr: syntax.WindowValue, env: Env, flow: Flow | None) -> Any:
        sizes = tuple(size for size in expr.size.sizes if isinstance(size, int))
        if len(sizes) != len(expr.size.sizes):
            return self.complain(
                "E0404",
                f"`{expr.size.span.text}` has a letter where a number belongs",
                expr.size.span,
                "sizes are left open in an `input` only",
                helps=(Help("a window whose parts are computed takes them by name, as in `kernel=k`"),),
            )
        stride, padding = (None if part is None else self.part(part, env, flow) for part in (expr.stride, expr.padding))
        if POISON in (stride, padding):
            return POISON
        if len(sizes) == 3 and stride is None and padding is None:
            return Volume(*sizes)
        if len(sizes) != 2:
            return self.complain(
                "E0404",
                f"a window has a height and a width, as in 3x3, not {len(sizes)} sizes",
                expr.span,
                "not a window",
            )
        return Window((sizes[0], sizes[1]), stride, padding)

    def part(self, expr: syntax.Value, env: Env, flow: Flow | None) -> Any:
        """A stride or a padding: a whole number, or a pair such as 2x1."""
        value = self.value(expr, env, flow)
        if value is POISON:
            return POISON
        if isinstance(value, Window) and value.stride is None and value.padding is None:
            return value.kernel
        whole = int(value) if is_number(value) and (isinstance(value, int) or value == value // 1) else -1
        if 0 <= whole <= LARGEST:
            return whole, whole
        return self.complain(
            "E0404", f"a stride or padding is a whole number or HxW, not {describe(value)}", expr.span, "in a window"
        )

    def unary(self, expr: syntax.Unary, env: Env, flow: Flow | None) -> Any:
        value = self.value(expr.operand, env, flow)
        if value is POISON:
            return POISON
        if expr.operator == "not":
            if isinstance(value, bool):
                return not value
            return self.complain(
                "E0405", f"`not` takes true or false, not {describe(value)}", expr.operand.span, "not a condition"
            )
        if is_number(value):
            return -value
        return self.complain("E0406", f"`-` takes a number, not {describe(value)}", expr.operand.span, "not a number")

    def binary(self, expr: syntax.Binary, env: Env, flow: Flow | None) -> Any:
        left = self.value(expr.left, env, flow)
        if expr.operator in ("and", "or"):
            return self.logic(expr, left, env, flow)
        right = self.value(expr.right, env, flow)
        if left is POISON or right is POISON:
            return POISON
        if expr.operator in ("==", "!="):
            return self.equal(left, right) == (expr.operator == "==")
        for side, value in ((expr.left, left), (expr.right, right)):
            if not is_number(value):
                return self.complain(
                    "E0406", f"`{expr.operator}` takes numbers, not {describe(value)}", side.span, "not a number"
                )
        if expr.operator in COMPARISONS:
            return COMPARISONS[expr.operator](left, right)
        if expr.operator in ("/", "//", "%") and right == 0:
            return self.complain("E0407", f"`{expr.operator}` divides by zero", expr.right.span, "this is 0")
        return self.bounded(ARITHMETIC[expr.operator](left, right), expr.span)

    @staticmethod
    def equal(left: Any, right: Any) -> bool:
        if isinstance(left, BlockValue) and isinstance(right, BlockValue):
            return left.block is right.block
        if isinstance(left, bool) != isinstance(right, bool):
            return False
        return bool(left == right)

    def logic(self, expr: syntax.Binary, left: Any, env: Env, flow: Flow | None) -> Any:
        """`and` and `or`: the right side is evaluated only where the left leaves it open."""
        if left is not POISON and not isinstance(left, bool):
            return self.complain(
                "E0405",
                f"`{expr.operator}` takes true or false, not {describe(left)}",
                expr.left.span,
                "not a condition",
            )
        if left is POISON or left == (expr.operator == "or"):
            return left
        right = self.value(expr.right, env, flow)
        if right is not POISON and not isinstance(right, bool):
            return self.complain(
                "E0405",
                f"`{expr.operator}` takes true or false, not {describe(right)}",
                expr.right.span,
                "not a condition",
            )
        return right

    def bounded(self, value: Any, span: Span) -> Any:
        """A number as a result: whole where it is whole, poison where it is beyond any network."""
        if isinstance(value, Dim | Part):
            return value
        if isinstance(value, float) and value.is_integer() and abs(value) <= BIGGEST:
            return int(value)
        if abs(value) > BIGGEST or value != value:
            return self.complain("E0408", "a number beyond 10 to the 18th", span, "too large")
        return value

    def function(self, expr: syntax.Function, env: Env, flow: Flow | None) -> Any:
        place = expr.name_span
        if expr.name not in FUNCTIONS:
            tries = did_you_mean(place, expr.name, FUNCTIONS, elsewhere=SYNONYMS)
            return self.complain("E0205", f"there is no function `{expr.name}`", place, "unknown function", tries=tries)
        function, fewest, most = FUNCTIONS[expr.name]
        values = [self.value(argument, env, flow) for argument in expr.arguments]
        if not fewest <= len(values) <= most:
            takes = "one or more arguments" if most > 2 else f"{most} argument{'s' * (most > 1)}"
            given = f"{len(values)} given" if values else "none given"
            return self.complain("E0402", f"`{expr.name}` takes {takes}", expr.span, given)
        if POISON in values:
            return POISON
        for argument, value in zip(expr.arguments, values, strict=True):
            if not is_number(value):
                return self.complain(
                    "E0406", f"`{expr.name}` takes numbers, not {describe(value)}", argument.span, "not a number"
                )
        if expr.name == "divisible" and (values[1] < 1 or values[1] != values[1] // 1):
            return self.complain(
                "E0406", "the divisor is a whole number, 1 or more", expr.arguments[1].span, f"{values[1]} here"
            )
        return self.bounded(function(*values), expr.span)

    def condition(self, expr: syntax.Value, env: Env, flow: Flow) -> Any:
        """True, false or POISON."""
        value = self.value(expr, env, flow)
        if value is POISON or isinstance(value, bool):
            return value
        compared = f"{expr.span.text} > 0"
        tries = (Help(f"compare it: `{compared}`", (Edit(expr.span, compared),)),) if is_number(value) else ()
        message = f"a condition is true or false, not {describe(value)}"
        return self.complain("E0405", message, expr.span, "not a condition", tries=tries)
