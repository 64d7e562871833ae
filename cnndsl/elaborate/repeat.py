"""Repetition: `element * n`, `for`, `each`, `each shared`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cnndsl import syntax
from cnndsl.diagnostic import Edit, Help, Label
from cnndsl.elaborate.nodes import MOST_NODES
from cnndsl.elaborate.opening import settle_attribute
from cnndsl.op import show_shape
from cnndsl.source import Span
from cnndsl.values import LOST, POISON, Env, Flow, Ref, describe, is_number

if TYPE_CHECKING:
    from cnndsl.elaborate.walk import Walk


def repeated(walk: Walk, link: syntax.Link, env: Env, flow: Flow, arrow: bool) -> Flow:
    """`element * n`: n copies in a row."""
    assert link.times is not None
    count = walk.evaluator.value(link.times, env, flow)
    if count is POISON:
        walk.use(flow)
        return LOST
    if not is_number(count) or count != count // 1 or count < 0:
        walk.complain(
            "E0410",
            f"an element is repeated a whole number of times, not {describe(count)}",
            link.times.span,
            "after `*`",
        )
        walk.use(flow)
        return LOST
    element = link.element
    if isinstance(element, syntax.Call) and element.arguments and element.paths is None:
        text = Span(element.span.source, element.span.start, element.arguments[-1].span.end).text
        last = element.arguments[-1].span.text
        walk.complain(
            "E0115",
            "a call with arguments repeats in parentheses",
            link.span,
            f"does `*` belong to `{last}`?",
            tries=(
                Help(
                    f"to repeat the call: `({text}) * {link.times.span.text}`",
                    (Edit(Span(element.span.source, element.span.start, element.arguments[-1].span.end), f"({text})"),),
                ),
                Help(
                    f"to multiply: `{text.removesuffix(last)}({last} * {link.times.span.text})`",
                    (Edit(element.arguments[-1].span.to(link.times.span), f"({last} * {link.times.span.text})"),),
                ),
            ),
        )
    label, count = link.label, int(count)
    settle_attribute(walk.complain, walk.opening, link.times.span, "the number of copies")
    if label is None:
        return copies(walk, count, link, env, flow, arrow)
    with walk.trace.inside(label, flow, link.span):
        return copies(walk, count, link, env, flow, arrow)


def copies(walk: Walk, count: int, link: syntax.Link, env: Env, flow: Flow, arrow: bool) -> Flow:
    for copy in counted(walk, count, link.span):
        with numbered(walk, copy):
            flow = walk.element(link.element, env.inner(), flow, arrow or copy > 1)
    return flow


def counted(walk: Walk, count: int, span: Span) -> Iterator[int]:
    """1 to count; stops where the copies would exceed the limit, as soon as the first shows their size."""
    start = len(walk.trace.drafts)
    for copy in range(1, count + 1):
        yield copy
        if copy == 1:
            each = len(walk.trace.drafts) - start
            if each * count + start > MOST_NODES or count > MOST_NODES:
                walk.stop(
                    "E0502",
                    f"{count:,} copies of {each:,} node{'s' * (each != 1)}",
                    span,
                    f"a net may have {MOST_NODES:,} nodes",
                )


@contextmanager
def numbered(walk: Walk, copy: int) -> Iterator[None]:
    before, walk.repeat = walk.repeat, copy
    try:
        yield
    finally:
        walk.repeat = before


def copies_of(walk: Walk, loop: syntax.Loop, env: Env, flow: Flow) -> list[tuple[Any, ...]] | range | None:
    """The values of every copy; None where they are in error."""
    if not pattern_fits(walk, loop):
        return None
    if isinstance(loop.rows, syntax.Range):
        ends = []
        for end in (loop.rows.low, loop.rows.high):
            value = walk.evaluator.value(end, env, flow)
            if value is POISON:
                return None
            if not is_number(value) or value != value // 1:
                walk.complain(
                    "E0409", f"a range cannot end in {describe(value)}", end.span, "a whole number belongs here"
                )
                return None
            ends.append(int(value))
            settle_attribute(walk.complain, walk.opening, end.span, "the end of the range")
        return range(ends[0], ends[1])
    assert loop.rows is not None and loop.pattern is not None
    rows = []
    for row in loop.rows:
        values = tuple(walk.evaluator.value(value, env, flow) for value in row.values)
        if len(values) != len(loop.pattern):
            names = f"{len(loop.pattern)} name{'s' * (len(loop.pattern) != 1)}"
            walk.complain(
                "E0409",
                f"a row of {len(values)} value{'s' * (len(values) != 1)} for {names}",
                row.span,
                f"the names are {', '.join(loop.pattern)}",
            )
            return None
        rows.append(values)
    return rows


def bound(walk: Walk, loop: syntax.Loop, values: Any, env: Env) -> Env:
    """The environment of a copy, with the values of its row."""
    inner = env.inner()
    names = loop.pattern or ()
    inner.values.update(zip(names, values if isinstance(values, tuple) else (values,), strict=True))
    return inner


def loop(walk: Walk, loop: syntax.Loop, env: Env, flow: Flow, arrow: bool) -> Flow:
    """`for pattern in rows { chain }`: the copies in a row."""
    rows = copies_of(walk, loop, env, flow)
    if rows is None:
        walk.use(flow)
        return LOST
    for copy in counted(walk, len(rows), loop.span):
        with numbered(walk, copy):
            flow = walk.chain(loop.chain, bound(walk, loop, rows[copy - 1], env), flow, arrow or copy > 1)
    return flow


def pattern_fits(walk: Walk, loop: syntax.Loop) -> bool:
    if isinstance(loop.rows, syntax.Range) and loop.pattern is not None and len(loop.pattern) != 1:
        walk.complain(
            "E0409", f"a range gives one number, not {len(loop.pattern)}", loop.rows.span, "one name is enough"
        )
        return False
    return True


def each(walk: Walk, loop: syntax.Loop, env: Env, flow: Flow) -> Flow:
    """`each`: the chain on every stream of the bundle, or a copy per row on what flows in."""
    sources: list[tuple[Flow, Env]]
    if loop.pattern is None:
        sources = [((ref,), env.inner()) for ref in flow]
    else:
        rows = copies_of(walk, loop, env, flow)
        if rows is None:
            walk.use(flow)
            return LOST
        if len(rows) > MOST_NODES:
            walk.stop("E0502", f"{len(rows):,} copies", loop.span, f"a net may have {MOST_NODES:,} nodes")
        sources = [(flow, bound(walk, loop, row, env)) for row in rows]
    if not sources:
        walk.complain("E0305", "`each` has no rows: nothing flows out", loop.span, "no copy")
        walk.use(flow)
        return LOST
    out: list[Ref] = []
    first: tuple[list[int], list[Any]] | None = None
    for copy in counted(walk, len(sources), loop.span):
        start, marks = len(walk.trace.drafts), len(walk.trace.scope.items)
        with numbered(walk, copy):
            out.extend(walk.chain(loop.chain, sources[copy - 1][1], sources[copy - 1][0]))
        if not loop.shared or walk.diagnostics:
            continue
        weighted, items = walk.trace.weighted(start, len(walk.trace.drafts)), walk.trace.scope.items[marks:]
        if first is None:
            first = weighted, items
        elif can_share(walk, loop, first[0], weighted):
            walk.opening.settle("weight", loop.span)
            walk.trace.share(first[0], weighted, first[1], items)
    return tuple(out)


def can_share(walk: Walk, loop: syntax.Loop, first: list[int], copy: list[int]) -> bool:
    pair = walk.trace.mismatch(first, copy)
    if pair is None:
        return True
    drafts = walk.trace.drafts
    known = [index for index in pair if index >= 0]
    reads = [f"`{drafts[i].op}` reads {', '.join(map(show_shape, walk.trace.in_shapes(i)))}" for i in known]
    where = drafts[known[-1]]
    text = f"{reads[0]} in one copy, {reads[-1]} in another"
    if len(known) == 1:
        text = f"one copy has `{where.op}` here, and another has nothing in its place"
    word = loop.span.text.index("shared") + loop.span.start
    shared = Span(loop.span.source, word, word + len("shared"))
    walk.complain(
        "E0311",
        "the copies of `each shared` cannot have one set of weights",
        where.span,
        text,
        others=(Label(shared, "shared here"),),
        tries=(Help("without `shared`, every copy has weights of its own", (Edit(shared, ""),)),),
    )
    return False
