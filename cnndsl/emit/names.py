"""Names for the variables of a forward pass: `x` flows; what lives on beside it is called as the spec calls it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count

from cnndsl.emit.group import safe
from cnndsl.emit.statements import Nesting, Statement
from cnndsl.emit.steps import Call, Loop, Step, Value

FLOWING = ("x", "y", "z", "u", "v", "w")
"""What streams without a name of their own are called, in this order."""
END = 1 << 60


@dataclass(slots=True)
class Plan:
    """How a loop is written: `copies` before it, `moves` and `appends` at the end of its body."""

    nesting: Nesting
    copies: list[tuple[str, str]]
    moves: list[tuple[str, Value]]
    appends: list[tuple[str, Value]]


@dataclass(slots=True)
class _Live:
    """The row of statements being named: who holds which name, until when."""

    last: dict[Value, int]
    held: set[str]
    wanted: dict[Value, str]
    branch: dict[Value, str]
    holder: dict[str, Value] = field(default_factory=dict)

    def dying(self, at: int) -> set[str]:
        return {name for name, value in self.holder.items() if self.last.get(value, -1) <= at}


class Names:
    """The variables of one method: `of` names values, `loops` holds a plan for every loop, by its identity."""

    def __init__(self) -> None:
        self.of: dict[Value, str] = {}
        self.loops: dict[int, Plan] = {}
        self.lists: set[Value] = set()
        self.inputs: set[str] = set()
        self.hints: dict[Value, str] = {}
        self.aux: set[Value] = set()

    def is_list(self, value: Value) -> bool:
        return value in self.lists

    def start(self, params: Sequence[Value], labels: Sequence[str]) -> None:
        """Names what flows into a method: `x`, or one name for each."""
        for value, label in zip(params, labels, strict=True):
            self.of[value] = label
        self.inputs = set(labels)

    def row(
        self,
        nesting: Nesting,
        params: Iterable[Value],
        ends: Sequence[Value],
        held: set[str],
        wanted: dict[Value, str],
    ) -> None:
        """Names the values of a row of statements. `held` names belong to others, `wanted` are names to give where free."""
        statements = nesting.statements()
        last: dict[Value, int] = {}
        for at, statement in enumerate(statements):
            for value in statement.reads:
                last[value] = at
        for end in ends:
            for value in nesting.ending(end):
                last[value] = END
        live = _Live(last, held, wanted, _branches(statements, nesting))
        for value in params:
            live.holder[self.of[value]] = value
        for at, statement in enumerate(statements):
            self._statement(statements, at, statement, live)
            for name in live.dying(at):
                del live.holder[name]

    def _statement(self, statements: Sequence[Statement], at: int, statement: Statement, live: _Live) -> None:
        step = statement.step
        if isinstance(step, Loop):
            self._loop(at, step, live)
            return
        dying = live.dying(at)
        for value in step.outs:
            name = self._choose(value, step, statement, statements, at, live, dying)
            self.of[value] = name
            live.holder[name] = value
            dying.discard(name)

    def _choose(
        self,
        value: Value,
        step: Call,
        statement: Statement,
        statements: Sequence[Statement],
        at: int,
        live: _Live,
        dying: set[str],
    ) -> str:
        taken = (live.holder.keys() - dying) | live.held

        def first(names: Iterable[str]) -> str | None:
            return next((name for name in names if name not in taken), None)

        wish = live.wanted.get(value)
        if wish is not None and wish not in taken:
            return wish
        if value % 2 and value > 0:
            return first(chain(["indices"], (f"indices{n}" for n in count(2)))) or ""
        later = live.last.get(value, at)
        soon = next((n for n in range(at + 1, len(statements)) if not statements[n].step.aux), END)
        called = (step.label if len(step.outs) == 1 else "") or self.hints.get(value, "")
        if called and (later > soon or step.aux or value in self.aux) and (label := first([safe(called)])):
            return label
        flows = [
            self.of[v] for v in dict.fromkeys(statement.reads) if self.of[v] in dying and self.of[v] not in live.held
        ]
        if (
            len(flows) == 1
            and len(set(statement.reads)) == 1
            and (flows[0] in self.inputs or flows[0] in live.branch.values())
        ):
            return flows[0]
        if (flow := first(["x"])) and not step.aux:
            return flow
        if flow := first(name for name in flows if name in FLOWING or len(set(statement.reads)) == 1):
            return flow
        hints = [live.branch[value]] if value in live.branch else list(FLOWING[1:])
        if step.aux:
            hints.insert(0, "aux")
        base = safe(step.label or step.stem or step.name or step.kind or "y")
        return first(chain(hints, [base], (f"{base}_{n}" for n in count(2)))) or base

    def _new(self, taken: set[str], base: str) -> str:
        names = chain(FLOWING, [base], (f"{base}{n}" for n in count(2)))
        return next(name for name in names if name not in taken)

    def _loop(self, at: int, loop: Loop, live: _Live) -> None:
        """Names a loop's variables: those of what flows in where it ends here, new ones with a copy where it lives on."""
        dying = live.dying(at) - live.held
        stays = {start for start, update in zip(loop.reads, loop.updates, strict=True) if update is None}
        copies: list[tuple[str, str]] = []
        held = set(live.held) | (live.holder.keys() - dying)
        mine: set[str] = set()
        for param, start, update in zip(loop.params, loop.reads, loop.updates, strict=True):
            if update is None:
                self.of[param] = self.of[start]
                if start in self.lists:
                    self.lists.add(param)
                held.add(self.of[start])
        for param, start, update in zip(loop.params, loop.reads, loop.updates, strict=True):
            if update is None:
                continue
            name = self.of[start]
            if name not in dying or start in stays or name in mine:
                others = {self.of[s] for s in loop.reads}
                name = self._new(held | mine | others | set(live.holder), "state")
                copies.append((name, self.of[start]))
            self.of[param] = name
            mine.add(name)
        self._body(at, loop, live, held, mine, copies)

    def _body(
        self, at: int, loop: Loop, live: _Live, held: set[str], mine: set[str], copies: list[tuple[str, str]]
    ) -> None:
        moves = [(p, u) for p, u in zip(loop.params, loop.updates, strict=True) if u is not None]
        exits: list[tuple[str, Value]] = []
        appends: list[tuple[str, Value]] = []
        taken = held | mine
        for (kind, value), out in zip(loop.sources, loop.outs, strict=True):
            if kind == "carry":
                name = self.of[value]
            elif kind == "exit":
                same = next((p for p, u in moves if u == value), None)
                name = self.of[same] if same is not None else live.wanted.get(out) or self._new(taken, "last")
                if same is None:
                    exits.append((name, value))
            else:
                name = next(n for n in chain(["branches"], (f"branches{k}" for k in count(2))) if n not in taken)
                appends.append((name, value))
                self.lists.add(out)
            taken = taken | {name}
            self.of[out] = name
            live.holder[name] = out
        targets = [(self.of[p], u) for p, u in moves] + exits
        ends = [value for _, value in (*targets, *appends)]
        nesting = Nesting(loop.body, ends)
        wanted: dict[Value, str] = {}
        for name, value in targets:
            wanted.setdefault(value, name)
        held_inside = held | {name for name, _ in appends}
        self.row(nesting, [p for p, _ in moves], ends, held_inside, wanted)
        self.loops[id(loop)] = Plan(nesting, copies, targets, appends)


def _branches(statements: Sequence[Statement], nesting: Nesting) -> dict[Value, str]:
    """`branch2` for the values on the way to the second operand of a merge of three streams or more."""
    found: dict[Value, str] = {}
    ends = [(nesting.nested[v], list(nesting.ending(v))) for v in nesting.ends if v in nesting.nested]
    rows = [*ends, *((s.step, s.reads) for s in reversed(statements))]
    for step, reads in rows:
        if not isinstance(step, Call):
            continue
        root = _merge(step, nesting)
        if root is not None:
            for at, value in enumerate(root.reads, 1):
                if nesting.uses.get(value) == 1:
                    found.setdefault(value, f"branch{at}")
        elif len(step.outs) == 1 and step.outs[0] in found and len(reads) == 1 and nesting.uses.get(reads[0]) == 1:
            found.setdefault(reads[0], found[step.outs[0]])
    return found


def _merge(step: Step, nesting: Nesting) -> Call | None:
    """The merge of many streams that a statement is, or has at the bottom of its chain."""
    while isinstance(step, Call):
        if not step.name and len(step.reads) >= 3:
            return step
        inner = nesting.nested.get(step.reads[0]) if len(step.reads) == 1 else None
        if inner is None:
            return None
        step = inner
    return None
