"""The parameters of a class: the numbers in which the scopes that share it differ, under telling names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cnndsl.emit.group import BY_NAME, Formula, Group, Param, safe
from cnndsl.emit.library import signature
from cnndsl.emit.steps import Loop, Setting, Step
from cnndsl.emit.tree import Scope

WORDS = {
    "num_features": "channels",
    "num_channels": "channels",
    "normalized_shape": "channels",
    "kernel_size": "kernel",
}
"""What parameters are called where torch's word is another."""
SPELLINGS = {
    "stride": {"stride", "strides", "s"},
    "padding": {"padding", "pad", "p"},
    "dilation": {"dilation", "rate", "d"},
    "kernel": {"kernel", "window", "size", "k"},
}
"""What specs call the parameters of a window. Only that attribute is taken for them, equal as another may be by chance."""


@dataclass(slots=True)
class _Slot:
    """A number of a class: where it stands in the first scope, and its name among the arguments of its constructor."""

    settings: list[Setting]
    at: int
    role: str
    default: Any
    counts: tuple[int, ...] = ()
    repeats: bool = False

    @property
    def family(self) -> str:
        """Numbers of two families are never one parameter, equal as they may be, unless the spec says so."""
        return self.role if self.role in SPELLINGS else ""


def _slots(steps: Sequence[Step], counts: tuple[int, ...] = ()) -> Iterator[_Slot]:
    for step in steps:
        if isinstance(step, Loop):
            total = [step.total]
            slot = _Slot(total, 0, "repeats", None, counts, repeats=True)
            yield slot
            step.total = total[0]
            yield from _slots(step.body, (*counts, len(step.copies)))
            continue
        names, defaults = _signature(step.maker)
        for at in range(len(step.settings)):
            key = step.keys[at] if at < len(step.keys) else None
            role = (
                key
                or WORDS.get(names[at] if at < len(names) else "")
                or (names[at] if at < len(step.keys) and at < len(names) else "size")
            )
            yield _Slot(step.settings, at, role, defaults.get(role), counts)


def _signature(maker: Any) -> tuple[Sequence[str], dict[str, Any]]:
    if isinstance(maker, Group):
        return [param.name for param in maker.params], maker.defaults()
    return signature(maker)


def solve(group: Group) -> None:
    """Finds the parameters of a class and puts them in the place of the numbers that differ."""
    if len(group.scopes) == 1:
        return
    rows = [list(_slots(scope.entries[0].region.steps)) for scope in group.scopes]
    solver = _Solver(group)
    parts = [
        [_column(slots, d) for d in range(len(slots[0].settings[slots[0].at]))] for slots in zip(*rows, strict=True)
    ]
    for slot, columns in zip(rows[0], parts, strict=True):
        for column in columns:
            if not _constant(column):
                solver.add(column, slot)
    solver.settle()
    for slot, columns in zip(rows[0], parts, strict=True):
        slot.settings[slot.at] = tuple(c[0] if _constant(c) else solver.formula[slot.family, _key(c)] for c in columns)
    _store_totals(group.region.steps, iter(rows[0]))
    group.params = solver.ordered()
    for n, scope in enumerate(group.scopes):
        scope.values = {param.name: param.column[n] for param in group.params}


def _store_totals(steps: Sequence[Step], slots: Iterator[_Slot]) -> None:
    """Puts the counts of the loops back: unlike settings they stand alone."""
    for step in steps:
        if isinstance(step, Loop):
            step.total = next(slots).settings[0]
            _store_totals(step.body, slots)
        else:
            for _ in step.settings:
                next(slots)


def _column(slots: Sequence[_Slot], d: int) -> tuple[Any, ...]:
    """The values (d = 0) or their growth in the d-th loop around them, scope by scope.

    A loop of one copy cannot tell the growth: it takes that of the others.
    """
    if not d:
        return tuple(
            slot.settings[slot.at][0] for slot in slots
        )  # None is a value here, such as that of `align_corners`
    column = [None if slot.counts[d - 1] == 1 else slot.settings[slot.at][d] for slot in slots]
    known = next((value for value in column if value is not None), 0)
    return tuple(known if value is None else value for value in column)


def _constant(column: Sequence[Any]) -> bool:
    return len(set(map(repr, column))) == 1


def _key(column: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(repr, column))


Column = tuple[str, tuple[str, ...]]
"""The values of a number in all scopes, and the family of numbers it belongs to."""


def _may_be(name: str, slot: _Slot) -> bool:
    """Whether a parameter of this name can be meant by a number: `stride` is no padding."""
    return all(name not in spellings or slot.family == family for family, spellings in SPELLINGS.items())


class _Solver:
    """Names the columns of differing numbers, after the block's own parameters where they coincide."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.first: dict[Column, tuple[tuple[Any, ...], _Slot]] = {}
        self.formula: dict[Column, Formula] = {}
        self.params: dict[str, Param] = {}
        self.written = _written(group.scopes)

    def add(self, column: tuple[Any, ...], slot: _Slot) -> None:
        self.first.setdefault((slot.family, _key(column)), (column, slot))

    def settle(self) -> None:
        """The columns that are a parameter of the block; then those that follow from one; then new parameters."""
        left: list[tuple[tuple[Any, ...], _Slot]] = []
        for column, slot in self.first.values():
            names = (n for n, values in self.written.items() if _key(values) == _key(column) and _may_be(n, slot))
            name = next(names, None)
            if name is None:
                left.append((column, slot))
            else:
                self._param(name, column, slot)
        for column, slot in left:
            formula = self._derived(column, slot)
            if formula is not None:
                self.formula[slot.family, _key(column)] = formula
                continue
            self._param(self._fresh_name(slot.role), column, slot)

    def _param(self, name: str, column: tuple[Any, ...], slot: _Slot) -> None:
        default = slot.default if any(repr(v) == repr(slot.default) for v in column) else None
        known = self.params.get(name)
        if known is None:
            self.params[name] = Param(name, column, default)
        elif known.default is None:
            known.default = default
        self.formula[slot.family, _key(column)] = Formula("{}", (name,))

    def _fresh_name(self, role: str) -> str:
        name, number = role, 2
        while name in self.params or name in self.written:
            name = f"{role}{number}"
            number += 1
        return name

    def _derived(self, column: tuple[Any, ...], slot: _Slot) -> Formula | None:
        """A column as a multiple of a parameter of the block, its product with another, or (for counts) one more or less."""
        if any(type(value) is not int or value <= 0 for value in column):
            return None
        numbers = {
            n: c
            for n, c in self.written.items()
            if _may_be(n, slot) and all(type(v) is int and v > 0 for v in c) and len(set(c)) > 1
        }
        for name, values in numbers.items():
            factors = {a / b for a, b in zip(column, values, strict=True)}
            if len(factors) == 1 and (factor := factors.pop()) == int(factor):
                return self._using(Formula(f"{int(factor)} * {{}}", (name,)), slot)
            if slot.repeats and len({b - a for a, b in zip(column, values, strict=True)}) == 1:
                less = values[0] - column[0]
                return self._using(Formula(f"{{}} - {less}" if less > 0 else f"{{}} + {-less}", (name,)), slot)
        inner = {
            n: p.column
            for n, p in self.params.items()
            if n not in self.written and all(type(v) is int and v > 0 for v in p.column)
        }
        for a, first in inner.items():  # what flows in, times an expansion: `6 * in_channels`, `expand * in_channels`
            factors = {z / x for x, z in zip(first, column, strict=True)}
            if len(factors) == 1 and (factor := factors.pop()) == int(factor):
                return Formula(f"{int(factor)} * {{}}", (a,))
            for b, second in numbers.items():
                if b not in BY_NAME and all(x * y == z for x, y, z in zip(first, second, column, strict=True)):
                    return self._using(Formula("{} * {}", (b, a)), slot)
        return None

    def _using(self, formula: Formula, slot: _Slot) -> Formula:
        for name in formula.names:
            if name not in self.params:
                self.params[name] = Param(name, self.written[name])
        return formula

    def ordered(self) -> list[Param]:
        """What flows in first, then the block's parameters in their order, then the others; those given by name last."""
        order = list(self.written)

        def place(param: Param) -> tuple[bool, int, int]:
            named = param.name in order
            kind = 1 if named else 0 if param.name.startswith(("in_", "channels")) else 2
            return param.default is not None or param.name in BY_NAME, kind, order.index(param.name) if named else 0

        ordered = sorted(self.params.values(), key=place)
        return sorted(ordered, key=lambda param: param.default is not None)


def _written(scopes: Sequence[Scope]) -> dict[str, tuple[Any, ...]]:
    """The parameters of a block, where they are numbers or switches, with their value in every scope."""
    columns: dict[str, list[Any]] = {}
    for scope in scopes:
        frame = scope.entries[0].frame
        for name, text in frame.arguments if frame else ():
            columns.setdefault(safe(name), []).append(_value(text))
    return {n: tuple(c) for n, c in columns.items() if len(c) == len(scopes) and not any(v is None for v in c)}


def _value(text: str) -> Any:
    """What the text of an argument means to PyTorch: `3x3` is 3."""
    if text in ("true", "false"):
        return text == "true"
    sides = text.split("x")
    if len(sides) == 2 and all(side.isdigit() for side in sides):
        height, width = map(int, sides)
        return height if height == width else (height, width)
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None
