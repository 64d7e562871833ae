"""The text of a class: its constructor and its forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from cnndsl.emit.group import Formula, Group
from cnndsl.emit.layout import wrap
from cnndsl.emit.library import signature
from cnndsl.emit.names import Names
from cnndsl.emit.statements import Nesting, Statement
from cnndsl.emit.steps import Call, Loop, Setting, Step, Value, holes, is_sum, walk
from cnndsl.op import show_shape

LOOP_VARIABLES = "ij"


@dataclass(frozen=True, slots=True)
class Turn:
    """A loop around a line: its variable and the number it starts from."""

    variable: str
    start: int


@dataclass(slots=True)
class Block:
    """Lines of one indentation."""

    indent: int
    lines: list[str] = field(default_factory=list)

    def add(self, text: str, comment: str = "") -> None:
        self.lines.extend(wrap(text, self.indent, comment))


# --- numbers -----------------------------------------------------------------------------------------------------


def literal(value: Any) -> str:
    """A value as Python writes it, strings in double quotes."""
    return f'"{value}"' if isinstance(value, str) else repr(value)


def number(setting: Setting, turns: Sequence[Turn], named: Callable[[str], str]) -> str:
    """A setting as an expression of parameters and of the variables of the loops around it."""
    base, growth = setting[0], setting[1:]
    moving = [(step, turn) for step, turn in zip(growth, turns, strict=False) if step != 0]
    if not moving:
        return base.show(named) if isinstance(base, Formula) else literal(base)
    terms: list[str] = []
    rest: Any = base
    for step, turn in moving:
        variable = turn.variable
        if turn.start and isinstance(rest, int) and isinstance(step, int):
            rest -= step * turn.start
        elif turn.start:
            variable = f"({turn.variable} - {turn.start})"
        factor = step.show(named) if isinstance(step, Formula) else literal(step)
        if isinstance(step, Formula) and not step.atomic:
            factor = f"({factor})"
        terms.append(variable if step == 1 else f"{factor} * {variable}")
    if isinstance(rest, Formula):
        return " + ".join((rest.show(named), *terms))
    if rest > 0 and all(term.startswith("-") for term in terms):
        return " ".join((str(rest), *(f"- {term[1:]}" for term in terms)))
    tail = "" if rest == 0 else f" + {rest}" if rest > 0 else f" - {-rest}"
    return " + ".join(terms) + tail


def span(loop: Loop, turn: Turn, named: Callable[[str], str]) -> str:
    """`range(2, 5)`: the numbers a loop runs through."""
    count = loop.total[0]
    if not isinstance(count, Formula):
        return f"range({turn.start}, {turn.start + count})" if turn.start else f"range({count})"
    base, sign, offset = count.text.partition(" - ") if " - " in count.text else count.text.partition(" + ")
    shift = turn.start + (int(offset) if sign == " + " else -int(offset) if sign else 0)
    if "*" in base:
        base, shift = count.text, turn.start
    moved = base if shift == 0 else f"{base} + {shift}" if shift > 0 else f"{base} - {-shift}"
    stop = Formula(moved, count.names).show(named)
    return f"range({turn.start}, {stop})" if turn.start else f"range({stop})"


def turn_of(loop: Loop, depth: int) -> Turn:
    """The variable of a loop. It counts as the names of the submodules do, else from 0."""
    variable = LOOP_VARIABLES[depth % 2] * (depth // 2 + 1)
    for step in walk(loop.body):
        if isinstance(step, Call) and step.number is not None:
            steps = step.number[1:]
            if steps[depth] == 1 and not any(steps[:depth]):
                return Turn(variable, step.number[0])
    return Turn(variable, 0)


def plain(name: str) -> str:
    return name


# --- constructors ------------------------------------------------------------------------------------------------


def constructor(call: Call, turns: Sequence[Turn]) -> str:
    """`nn.Conv2d(64, 128, 3, padding=1)`; arguments that are the defaults are left out."""
    defaults = call.maker.defaults() if isinstance(call.maker, Group) else signature(call.maker)[1]
    maker = call.maker.name if isinstance(call.maker, Group) else call.maker
    parts = []
    for key, setting in zip(call.keys, call.settings, strict=False):
        fixed = not any(setting[1:]) and not isinstance(setting[0], Formula)
        if key is not None and key in defaults and fixed and repr(setting[0]) == repr(defaults[key]):
            continue
        value = number(setting, turns, plain)
        parts.append(value if key is None else f"{key}={value}")
    text = f"{maker}({', '.join(parts)})"
    return f"{text}.requires_grad_(False)" if call.fixed else text


def submodule(call: Call, turns: Sequence[Turn]) -> str:
    """The name of a submodule as an f-string's inside: `conv{i}`."""
    if call.number is None or not any(call.number[1:]):
        return call.name if call.number is None else f"{call.stem}{call.number[0]}"
    return f"{call.stem}{{{number(call.number, turns, plain)}}}"


def build(steps: Sequence[Step], block: Block, turns: tuple[Turn, ...] = ()) -> None:
    """The lines that make the submodules."""
    for step in steps:
        if isinstance(step, Loop):
            if any(isinstance(s, Call) and s.creates and s.name for s in walk(step.body)):
                turn = turn_of(step, len(turns))
                block.add(f"for {turn.variable} in {span(step, turn, plain)}:")
                inner = Block(block.indent + 4)
                build(step.body, inner, (*turns, turn))
                block.lines.extend(inner.lines)
        elif step.name and step.creates:
            name, made = submodule(step, turns), constructor(step, turns)
            block.add(f'self.add_module(f"{name}", {made})' if "{" in name else f"self.{name} = {made}")


# --- the forward pass --------------------------------------------------------------------------------------------


class Forward:
    """Writes the forward pass of a class. `kept` collects the parameters that it reads, which the constructor keeps."""

    def __init__(self, group: Group, names: Names, attribute: Callable[[str], str], shapes: bool) -> None:
        self.group, self.names, self.shapes = group, names, shapes
        self.attribute = attribute
        self.kept: dict[str, None] = {}
        self.shown: Any = None

    def named(self, name: str) -> str:
        self.kept[name] = None
        return f"self.{self.attribute(name)}"

    def expression(self, value: Value, nesting: Nesting, turns: Sequence[Turn]) -> str:
        """A value: its variable, or the call that gives it."""
        call = nesting.nested.get(value)
        return self.names.of[value] if call is None else self.call(call, nesting, turns)

    def call(self, call: Call, nesting: Nesting, turns: Sequence[Turn]) -> str:
        """A call with everything that is nested in it."""
        places, tail = holes(call.call)
        first = len(call.keys)
        text = ""
        for place in places:
            text += place.before
            if place.name == "m":
                name = submodule(call, turns)
                text += f'getattr(self, f"{name}")' if "{" in name else f"self.{name}"
            elif place.name == "all":
                text += ", ".join(self._starred(v, nesting, turns) for v in call.reads)
            elif place.name[0] == "n":
                text += number(call.settings[first + int(place.name[1:])], turns, self.named)
            else:
                value = call.reads[int(place.name)]
                inner = nesting.nested.get(value)
                operand = self.expression(value, nesting, turns)
                text += f"({operand})" if place.bare and inner is not None and is_sum(inner.call) else operand
        text += tail
        only = call.reads[0] if len(call.reads) == 1 else None
        if only is not None and self.names.is_list(only):
            text = text.replace(f"(*{self.names.of[only]})", self.names.of[only])
        return text

    def _starred(self, value: Value, nesting: Nesting, turns: Sequence[Turn]) -> str:
        return ("*" if self.names.is_list(value) else "") + self.expression(value, nesting, turns)

    def rows(
        self, steps: Sequence[Step], nesting: Nesting, block: Block, turns: tuple[Turn, ...], defaults: set[Value]
    ) -> None:
        """The statements of a row. `defaults` are values that are None where auxiliary steps do not run."""
        for aux, group in groupby(nesting.statements(), lambda statement: statement.step.aux):
            run = list(group)
            if aux:
                self._run(run, nesting, block, turns, defaults)
            else:
                self._plain(run, nesting, block, turns)

    def _run(
        self, run: list[Statement], nesting: Nesting, block: Block, turns: tuple[Turn, ...], defaults: set[Value]
    ) -> None:
        """Statements that run in training only."""
        escaping = [v for s in run for v in s.step.outs if v in defaults]
        step = run[0].step
        if len(run) == 1 and isinstance(step, Call) and escaping == step.outs:
            block.add(f"{self.names.of[escaping[0]]} = {self.call(step, nesting, turns)} if self.training else None")
            return
        if escaping:
            block.add(" = ".join((*(self.names.of[v] for v in escaping), "None")))
        block.add("if self.training:")
        inner = Block(block.indent + 4)
        self._plain(run, nesting, inner, turns)
        block.lines.extend(inner.lines)

    def _plain(self, run: list[Statement], nesting: Nesting, block: Block, turns: tuple[Turn, ...]) -> None:
        for statement in run:
            step = statement.step
            if isinstance(step, Loop):
                self.loop(step, block, turns)
            elif step.outs:
                targets = ", ".join(self.names.of[v] for v in step.outs)
                block.add(f"{targets} = {self.call(step, nesting, turns)}", self.comment(step))

    def comment(self, step: Call) -> str:
        """The shape of what a line gives, where it is another than that of the line before."""
        if not self.shapes or not step.shape or step.shape == self.shown:
            return ""
        self.shown = step.shape
        return show_shape(step.shape)

    def loop(self, loop: Loop, block: Block, turns: tuple[Turn, ...]) -> None:
        """A loop: copies of variables that live on, the header, the body, what the next turn begins with."""
        plan = self.names.loops[id(loop)]
        for target, source in plan.copies:
            block.add(f"{target} = {source}")
        turn = turn_of(loop, len(turns))
        around = (*turns, turn)
        body = Block(block.indent + 4)
        self.rows([_always(s) for s in loop.body] if loop.aux else loop.body, plan.nesting, body, around, set())
        moves = [(target, self.expression(v, plan.nesting, around)) for target, v in plan.moves]
        moves = [(target, text) for target, text in moves if target != text]
        items = [(name, self.expression(v, plan.nesting, around)) for name, v in plan.appends]
        uses = any("{" in submodule(s, around) for s in walk(loop.body) if isinstance(s, Call) and s.number) or any(
            any(n[len(around) : len(around) + 1]) for s in loop.body for n in s.numbers()
        )
        header = f"for {turn.variable if uses else '_'} in {span(loop, turn, self.named)}"
        if len(items) == 1 and not moves and not body.lines:
            block.add(f"{items[0][0]} = [{items[0][1]} {header}]")
            return
        for name, _ in items:
            block.add(f"{name} = []")
        block.add(f"{header}:")
        block.lines.extend(body.lines)
        tail = Block(block.indent + 4)
        for name, text in items:  # first: what they read may be the variables that the next line assigns anew
            tail.add(f"{name}.append({text})")
        if moves:
            last = loop.body[-1]
            shape = self.comment(last) if len(moves) == 1 and isinstance(last, Call) else ""
            tail.add(f"{', '.join(t for t, _ in moves)} = {', '.join(e for _, e in moves)}", shape)
        block.lines.extend(tail.lines)


def _always(step: Step) -> Step:
    """A step of a loop that runs in training only, as a whole."""
    step.aux = False
    return step
