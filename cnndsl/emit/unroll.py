"""Loops of one copy, and copies in the place of loops: so that scopes that repeat a block differently can share a class."""

from __future__ import annotations

from dataclasses import replace

from cnndsl.emit.copies import Fresh
from cnndsl.emit.steps import Call, Loop, Setting, Step, Value


def single(step: Call, fresh: Fresh) -> Loop | None:
    """A loop of one copy, for a block called once where its neighbours call it several times in a row."""
    if step.number is None or len(step.outs) != 1 or not step.creates or len(set(step.reads)) != len(step.reads):
        return None
    params = [fresh() for _ in step.reads]
    values = dict(zip(step.reads, params, strict=True))
    numbers = [(number[0], int(k == 0), *number[1:]) for k, number in enumerate(step.numbers())]
    body = step.rebuilt(iter(numbers), values.__getitem__)
    updates: list[Value | None] = [step.outs[0], *(None for _ in params[1:])]
    return Loop([body], [[step]], params, list(step.reads), updates, list(step.outs), [("carry", params[0])], step.aux)


def unroll(loop: Loop, depth: int, fresh: Fresh) -> list[Step]:
    """The copies of a loop in a row; `depth` is how many loops stand around it."""
    if depth == 0:
        return [step for copy in loop.copies for step in copy]
    row: list[Step] = []
    now = dict(zip(loop.params, loop.reads, strict=True))
    last = len(loop.copies) - 1
    final = {value: out for (kind, value), out in zip(loop.sources, loop.outs, strict=True) if kind == "exit"}
    final |= {
        update: out
        for (kind, value), out in zip(loop.sources, loop.outs, strict=True)
        for param, update in zip(loop.params, loop.updates, strict=True)
        if kind == "carry" and value == param and update is not None
    }
    for k in range(last + 1):
        values = dict(now)
        for step in loop.body:
            numbers = iter([_shifted(number, depth, k) for number in step.numbers()])
            copy = step.rebuilt(numbers, lambda v, at=values: at.get(v, v))  # type: ignore[misc]
            values |= {v: final[v] if k == last and v in final else fresh() for v in step.outs}
            row.append(replace(copy, outs=[values[v] for v in step.outs]))
        now = {p: values[p if u is None else u] for p, u in zip(loop.params, loop.updates, strict=True)}
    return row


def _shifted(number: Setting, depth: int, k: int) -> Setting:
    """A setting in copy `k` of the loop that `depth` others stand around."""
    step = number[depth + 1]
    base = number[0] + k * step if step else number[0]
    return (base, *number[1 : depth + 1], *number[depth + 2 :])
