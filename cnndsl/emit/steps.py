"""What a forward pass is made of before it is text: calls, and loops of calls.

Values are whole numbers: node `i` gives `2*i`, and `2*i + 1` for the indices of its pooling; variables that only loops have
are negative. A setting is a tuple `(value, step, ...)`: the value in the first copy and, for every loop around it from
the outermost in, by how much it grows from copy to copy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from typing import Any, NamedTuple

from cnndsl.op import Shape

Value = int
Setting = tuple[Any, ...]

_NAME = re.compile(r"(.*?[^0-9])([1-9][0-9]*)")
_NUMBER = re.compile(r"(?<![\w.{])\d+(?:\.\d+)?(?![\w.}])")
_HOLE = re.compile(r"\{(\d+|all|m|n\d+)\}")


def variables() -> Callable[[], Value]:
    """A source of values that no node gives: -1, -2, ..."""
    numbers = count(1)
    return lambda: -next(numbers)


def split_name(name: str, base: str = "") -> tuple[str, int | None]:
    """`conv12` is `conv` and 12; a name without a number has None. `base` is what was numbered, such as `relu6` in `relu61`."""
    rest = name.removeprefix(base)
    if base and rest != name and (not rest or (rest.isdigit() and rest[0] != "0")):
        return base, int(rest) if rest else None
    match = _NAME.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, None)


@cache
def abstract(call: str) -> tuple[str, tuple[Any, ...]]:
    """A call with its numbers taken out: `{0}[:, 3:5]` is `{0}[:, {n0}:{n1}]` with (3, 5)."""
    numbers: list[Any] = []

    def hole(match: re.Match[str]) -> str:
        text = match[0]
        numbers.append(float(text) if "." in text else int(text))
        return f"{{n{len(numbers) - 1}}}"

    return _NUMBER.sub(hole, call), tuple(numbers)


class Hole(NamedTuple):
    """A place in a call: `0` and up or `all` for operands, `m` for the module, `n0` and up for numbers.

    `bare`: whether an operator stands beside it, so that a sum put there needs parentheses.
    """

    before: str
    name: str
    bare: bool


@cache
def holes(call: str) -> tuple[tuple[Hole, ...], str]:
    """The places of a call, each with the text before it, and the text after the last one."""
    found, at = [], 0
    for match in _HOLE.finditer(call):
        left, right = call[: match.start()].rstrip(), call[match.end() :].lstrip()
        closed = (not left or left[-1] in "(,[") and (not right or right[0] in "),]")
        found.append(Hole(call[at : match.start()], match[1], not closed))
        at = match.end()
    return tuple(found), call[at:]


@cache
def is_sum(call: str) -> bool:
    """Whether a call is an operator's expression, such as `{0} + {1}`."""
    bare, before = call, ""
    while bare != before:
        bare, before = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", bare), bare
    return " " in bare or bare.startswith("-")


@cache
def repeats(call: str) -> frozenset[str]:
    """The operands that a call mentions more than once."""
    names = [hole.name for hole in holes(call)[0]]
    return frozenset(name for name in names if names.count(name) > 1)


@dataclass(slots=True, eq=False)
class Call:
    """A call of a submodule, or an expression of torch where `name` is empty.

    `maker` constructs the submodule: `nn.Conv2d`, a class of `layers.py`, or the class of a block. `keys` and `settings` are
    its arguments (key None: by position), then the numbers of `call`. `number` is that of a name such as `conv12`.
    `label` is what the spec calls the result, `creates` says that no earlier call made the submodule.
    `heavy`: it has weights and is no normalisation or activation; `closes`: a pooling, which ends a chain of calls.
    """

    name: str
    maker: Any
    keys: tuple[str | None, ...]
    settings: list[Setting]
    call: str
    reads: list[Value]
    outs: list[Value]
    kind: str = ""
    stem: str = ""
    number: Setting | None = None
    creates: bool = True
    fixed: bool = False
    aux: bool = False
    heavy: bool = False
    closes: bool = False
    label: str = ""
    shape: Shape = ()
    form: Any = None

    def signature(self) -> Any:
        """Equal for calls that differ in numbers only."""
        if self.form is None:
            stem = self.stem if self.number is not None else self.name
            arity = (len(self.reads), len(self.outs))
            self.form = (
                stem,
                self.number is None,
                self.creates,
                self.maker,
                self.keys,
                self.call,
                self.fixed,
                self.aux,
                arity,
            )
        return self.form

    def numbers(self) -> Iterator[Setting]:
        """The number of the name, then the settings."""
        if self.number is not None:
            yield self.number
        yield from self.settings

    def rebuilt(self, numbers: Iterator[Setting], value: Callable[[Value], Value]) -> Call:
        """The same call with other numbers and operands."""
        number = None if self.number is None else next(numbers)
        settings = [next(numbers) for _ in self.settings]
        return replace(self, number=number, settings=settings, reads=[value(v) for v in self.reads])


@dataclass(slots=True, eq=False)
class Loop:
    """Copies of a few steps that differ by steady steps of their numbers.

    `body` is the first copy, closed over `params`, which start as `reads`. `updates[k]` is the value of the body that the
    k-th parameter takes after a copy, None where it keeps its own. `outs` come of `sources`: a parameter's last value, a value of
    the last copy, or a list of the values of all copies.
    """

    body: list[Step]
    copies: list[list[Step]]
    params: list[Value]
    reads: list[Value]
    updates: list[Value | None]
    outs: list[Value]
    sources: list[tuple[str, Value]]
    aux: bool = False
    total: Any = None
    label: str = ""
    form: Any = None

    def __post_init__(self) -> None:
        if self.total is None:
            self.total = (len(self.copies),)

    def signature(self) -> Any:
        if self.form is None:
            self.form = (
                "loop",
                len(self.copies),
                self.aux,
                region_key(self.body, self.params, self._ends(), numbers=False),
            )
        return self.form

    def _ends(self) -> list[Any]:
        return [*self.updates, *(value for _, value in self.sources)]

    def key(self) -> Any:
        """Equal for loops that differ in settings and in the number of copies only."""
        kinds = tuple(kind for kind, _ in self.sources)
        kept = tuple(update is None for update in self.updates)
        return ("loop", kinds, kept, self.aux, region_key(self.body, self.params, self._ends(), numbers=True))

    def numbers(self) -> Iterator[Setting]:
        for step in self.body:
            yield from step.numbers()

    def rebuilt(self, numbers: Iterator[Setting], value: Callable[[Value], Value]) -> Loop:
        """The same loop with other numbers in its body and other operands."""
        body = [step.rebuilt(numbers, lambda v: v) for step in self.body]
        return replace(self, body=body, reads=[value(v) for v in self.reads])


Step = Call | Loop


def region_key(steps: Sequence[Step], params: Sequence[Value], ends: Sequence[Any], numbers: bool) -> Any:
    """What two runs of steps have in common when they differ in settings only: forms, and who reads what.

    With `numbers`, the numbers of the submodules' names belong to it.
    """
    local: dict[Value, int] = {}
    for value in params:
        local.setdefault(value, len(local))
    parts = []
    for step in steps:
        form = step.key() if isinstance(step, Loop) and numbers else step.signature()
        named = step.number if numbers and isinstance(step, Call) else None
        parts.append((form, named, tuple(local.get(v, "?") for v in step.reads)))
        for value in step.outs:
            local.setdefault(value, len(local))
    return len(params), tuple(parts), tuple(local.get(v) if v is not None else None for v in ends)


def walk(steps: Sequence[Step]) -> Iterator[Step]:
    """Every step, those inside loops too, outermost first."""
    for step in steps:
        yield step
        if isinstance(step, Loop):
            yield from walk(step.body)


@dataclass(slots=True, eq=False)
class Region:
    """The forward pass of a class: what flows in, the steps, what flows out."""

    params: list[Value] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    outs: list[Value] = field(default_factory=list)
