"""From scopes to classes: scopes of one form share a class, and the numbers in which they differ are its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnndsl.emit.copies import Fresh
from cnndsl.emit.fold import fold
from cnndsl.emit.group import Group
from cnndsl.emit.params import solve
from cnndsl.emit.steps import Call, Loop, Region, Step, region_key, split_name, walk
from cnndsl.emit.tree import Scope, Tree
from cnndsl.emit.unroll import single, unroll


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
            solve(group)
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
