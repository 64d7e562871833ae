"""From scopes to classes: scopes of one form share a class, and the numbers in which they differ are its parameters."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnndsl.emit.fold import Fresh, fold, single, unroll
from cnndsl.emit.library import signature
from cnndsl.emit.steps import Call, Loop, Region, Setting, Step, region_key, split_name, walk
from cnndsl.emit.tree import Entry, Scope, Tree

WORDS = {"num_features": "channels", "num_channels": "channels", "normalized_shape": "channels", "kernel_size": "kernel"}
"""What parameters are called where torch's word is another."""
BY_NAME = {"stride", "padding", "dilation", "groups", "bias", "depth", "repeats", "p", "eps", "ceil_mode", "scale"}
"""Parameters that a call gives by name: a bare number would not say what it is."""
RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, "self", "super", "torch", "nn", "F", "Tensor", "range", "getattr", "i", "j", "k"})
"""Words that emitted code uses itself: no variable is called so."""


def safe(name: str) -> str:
    """A name for a variable."""
    return f"{name}_" if name in RESERVED else name


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression of parameters, such as `4 * {}` of `width`."""

    text: str
    names: tuple[str, ...]

    def show(self, named: Callable[[str], str]) -> str:
        return self.text.format(*map(named, self.names))

    @property
    def atomic(self) -> bool:
        return self.text == "{}"


@dataclass(slots=True)
class Param:
    """A parameter of a class with its value in every scope of the class; `default` is torch's own, None where it has none."""

    name: str
    column: tuple[Any, ...]
    default: Any = None

    @property
    def annotation(self) -> str:
        kinds = dict.fromkeys(_kind(value) for value in self.column)
        return " | ".join(kinds)


@dataclass(slots=True, eq=False)
class Group:
    """The scopes that share a class. `title` is the name of the `def` or the label."""

    scopes: list[Scope]
    title: str
    region: Region
    entry: Entry
    params: list[Param] = field(default_factory=list)
    ties: list[str] = field(default_factory=list)
    name: str = ""

    def keys(self) -> Iterator[str | None]:
        """How a call gives every parameter: None by position, else by name."""
        named = False
        for param in self.params:
            named = named or param.name in BY_NAME or param.default is not None
            yield param.name if named else None

    def defaults(self) -> dict[str, Any]:
        return {param.name: param.default for param in self.params if param.default is not None}


def classify(tree: Tree, fresh: Fresh) -> None:
    """Gives every scope its class, from the innermost out."""
    for row in tree.levels():
        groups: dict[Any, list[Scope]] = {}
        for scope in row:
            tree.steps(scope)
            _compare(scope)
            region = scope.entries[0].region
            region.steps = fold(region.steps, region.outs, 2 if scope.block else 3, fresh)
            if scope.block:
                region.steps = [_alone(step, fresh) for step in region.steps]
            groups.setdefault(_form(scope), []).append(scope)
        for scopes in groups.values():
            _unroll([scope.entries[0].region for scope in scopes], fresh)
            first = scopes[0].entries[0]
            group = Group(scopes, scopes[0].block or _label(scopes[0]), first.region, first)
            _solve(group)
            for scope in scopes:
                scope.group = group


def _label(scope: Scope) -> str:
    return split_name(scope.path.rpartition(".")[2])[0]


def _form(scope: Scope) -> Any:
    """Equal for scopes that can share a class: of one `def`, or one label, and alike up to numbers."""
    region, aux = scope.entries[0].region, scope.entries[0].aux
    parent = scope.entries[0].parent
    home = None if scope.block or parent is None or parent.frame is None else parent.frame.block
    mixed = not aux and any(step.aux for step in walk(region.steps))
    key = region_key(region.steps, region.params, region.outs, numbers=True)
    return scope.block, None if scope.block else (_label(scope), home), mixed, key


def _compare(scope: Scope) -> None:
    """Inlines the entries that do not run as the first one does."""

    def exact(region: Region) -> Any:
        settings = [[tuple(map(repr, number)) for number in step.numbers()] for step in region.steps]
        return region_key(region.steps, region.params, region.outs, numbers=True), settings

    if len(scope.entries) > 1:
        first = exact(scope.entries[0].region)
        for entry in scope.entries[1:]:
            entry.inlined = entry.inlined or exact(entry.region) != first


def _alone(step: Step, fresh: Fresh) -> Step:
    """A numbered call of a block as a loop of one copy: elsewhere the same `def` may repeat it."""
    if isinstance(step, Call) and isinstance(step.maker, Group):
        return single(step, fresh) or step
    return step


def _unroll(regions: Sequence[Region], fresh: Fresh) -> None:
    """Takes the loops apart that save no lines: those of one or two copies in every scope of the class."""
    rows = _unrolled([region.steps for region in regions], 0, fresh)
    for region, row in zip(regions, rows, strict=True):
        region.steps = row


def _unrolled(rows: Sequence[list[Step]], depth: int, fresh: Fresh) -> list[list[Step]]:
    done: list[list[Step]] = [[] for _ in rows]
    pending = [list(reversed(row)) for row in rows]
    while pending[0]:
        steps = [row.pop() for row in pending]
        loops = [step for step in steps if isinstance(step, Loop)]
        counts = {len(loop.copies) for loop in loops}
        if len(loops) != len(steps):
            for row, step in zip(done, steps, strict=True):
                row.append(step)
        elif len(counts) == 1 and counts < {1, 2}:
            for queue, loop in zip(pending, loops, strict=True):
                queue.extend(reversed(unroll(loop, depth, fresh)))
        else:
            bodies = _unrolled([loop.body for loop in loops], depth + 1, fresh)
            for row, loop, body in zip(done, loops, bodies, strict=True):
                loop.body = body
                row.append(loop)
    return done


# --- parameters --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Slot:
    """A number of a class: where it stands in the first scope, and its name among the arguments of its constructor."""

    settings: list[Setting]
    at: int
    role: str
    default: Any
    counts: tuple[int, ...] = ()
    repeats: bool = False


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
            role = key or WORDS.get(names[at] if at < len(names) else "") or (names[at] if at < len(step.keys) and at < len(names) else "size")
            yield _Slot(step.settings, at, role, defaults.get(role), counts)


def _signature(maker: Any) -> tuple[Sequence[str], dict[str, Any]]:
    if isinstance(maker, Group):
        return [param.name for param in maker.params], maker.defaults()
    return signature(maker)


def _solve(group: Group) -> None:
    """Finds the parameters of a class and puts them in the place of the numbers that differ."""
    if len(group.scopes) == 1:
        return
    rows = [list(_slots(scope.entries[0].region.steps)) for scope in group.scopes]
    solver = _Solver(group)
    parts = [[_column(slots, d) for d in range(len(slots[0].settings[slots[0].at]))] for slots in zip(*rows, strict=True)]
    for slot, columns in zip(rows[0], parts, strict=True):
        for column in columns:
            if not _constant(column):
                solver.add(column, slot)
    solver.settle()
    for slot, columns in zip(rows[0], parts, strict=True):
        slot.settings[slot.at] = tuple(c[0] if _constant(c) else solver.formula[_key(c)] for c in columns)
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
    column = [None if d and slot.counts[d - 1] == 1 else slot.settings[slot.at][d] for slot in slots]
    known = next((value for value in column if value is not None), 0)
    return tuple(known if value is None else value for value in column)


def _constant(column: Sequence[Any]) -> bool:
    return len(set(map(repr, column))) == 1


def _key(column: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(repr, column))


class _Solver:
    """Names the columns of differing numbers, after the block's own parameters where they coincide."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.first: dict[tuple[str, ...], tuple[tuple[Any, ...], _Slot]] = {}
        self.formula: dict[tuple[str, ...], Formula] = {}
        self.params: dict[str, Param] = {}
        self.written = _written(group.scopes)

    def add(self, column: tuple[Any, ...], slot: _Slot) -> None:
        self.first.setdefault(_key(column), (column, slot))

    def settle(self) -> None:
        """The columns that are a parameter of the block; then those that follow from one; then new parameters."""
        left: dict[tuple[str, ...], tuple[tuple[Any, ...], _Slot]] = {}
        for key, (column, slot) in self.first.items():
            name = next((n for n, values in self.written.items() if _key(values) == key), None)
            if name is None:
                left[key] = (column, slot)
            else:
                self._param(name, column, slot)
        for key, (column, slot) in left.items():
            formula = self._derived(column, slot)
            if formula is not None:
                self.formula[key] = formula
                continue
            self._param(self._fresh_name(slot.role), column, slot)

    def _param(self, name: str, column: tuple[Any, ...], slot: _Slot) -> None:
        default = slot.default if any(repr(v) == repr(slot.default) for v in column) else None
        self.params[name] = Param(name, column, default)
        self.formula[_key(column)] = Formula("{}", (name,))

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
        numbers = {n: c for n, c in self.written.items() if all(type(v) is int and v > 0 for v in c) and len(set(c)) > 1}
        for name, values in numbers.items():
            factors = {a / b for a, b in zip(column, values, strict=True)}
            if len(factors) == 1 and (factor := factors.pop()) == int(factor):
                return self._using(Formula(f"{int(factor)} * {{}}", (name,)), slot)
            if slot.repeats and len({b - a for a, b in zip(column, values, strict=True)}) == 1:
                less = values[0] - column[0]
                return self._using(Formula(f"{{}} - {less}" if less > 0 else f"{{}} + {-less}", (name,)), slot)
        inner = {n: p.column for n, p in self.params.items() if n not in self.written and all(type(v) is int for v in p.column)}
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


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"tuple[{', '.join(_kind(v) for v in value)}]"
    return type(value).__name__
