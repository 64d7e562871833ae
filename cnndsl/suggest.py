"""Helps that work, and the errors behind an error.

Every edit a diagnostic proposes is made and the spec is checked again: only what mends it is offered. And since the walk is silent
behind an error, the spec is checked once more as it would be with all the first mends made: what is wrong then, further down,
is wrong whatever becomes of the first errors, and is reported with them.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from cnndsl.diagnostic import Diagnostic, Edit, Help, Label
from cnndsl.source import Source, Span

MOST_SECONDS = 0.8
"""Trying stops after so much computing (a busy machine changes no message): a user waits for it."""
MOST_HELPS = 2
MOST_ROUNDS = 8
"""How often the mended spec is looked through for errors further down."""

BROAD = {"E0207", "E0208", "E0305", "E0307"}
"""Mending one of these changes what stands elsewhere: what is wrong behind it may come of the mend."""

_NUMBERS = re.compile(r"\d+")

Recheck = Callable[[Mapping[Source, str]], Sequence[Diagnostic]]
"""Checks the spec again with other texts in the place of some sources; the diagnostics that come of it."""


def suggest(diagnostics: Sequence[Diagnostic], recheck: Recheck) -> tuple[Diagnostic, ...]:
    """The diagnostics with those of their `tries` that work moved to `helps`, and with the errors that stand behind them."""
    until = time.thread_time() + MOST_SECONDS
    out: list[Diagnostic] = []
    mends: list[Edit] = []
    fresh = tuple(diagnostics)
    for _ in range(MOST_ROUNDS):
        found: list[Edit] = []
        for diagnostic, mend in _tried(fresh, mends, recheck, until):
            out.append(diagnostic)
            found.extend(edit for edit in mend if not _overlaps(edit, [*mends, *found]))
        if not found or time.thread_time() > until:
            break
        mends += found
        known = {diagnostic.place for diagnostic in out}
        behind = (_rebased(other, mends) for other in recheck(apply(mends)))
        fresh = tuple(other for other in behind if other is not None and other.place not in known)
    return tuple(out)


def _tried(
    diagnostics: Sequence[Diagnostic], mends: Sequence[Edit], recheck: Recheck, until: float
) -> Iterable[tuple[Diagnostic, tuple[Edit, ...]]]:
    """Every diagnostic with its helps, and with the edits that mend it: those of the best try, offered or not.

    An edit is offered when its diagnostic goes away and no other comes in its place. Where none is like that, one will do that
    brings to light another mistake further down.
    """
    before = Counter(map(_key, diagnostics))
    for diagnostic in diagnostics:
        clean: list[Help] = []
        partial: list[Help] = []
        pushed: list[Help] = []
        for help_ in diagnostic.tries:
            if len(clean) == MOST_HELPS or time.thread_time() > until:
                break
            if not help_.edits or help_ in clean or any(_overlaps(edit, mends) for edit in help_.edits):
                continue
            after = recheck(apply([*mends, *help_.edits]))
            new = [other for other in after if _key(other) not in before]
            if Counter(map(_key, after))[_key(diagnostic)] >= before[_key(diagnostic)]:
                continue
            if not new:
                clean.append(help_)
            elif all(_further_down(other, diagnostic) for other in new) and not any(
                _original(other.labels[0].span, [*mends, *help_.edits]) is None for other in new
            ):  # what is wrong in the text that the edit itself wrote is no other mistake
                (pushed if any(_alike(other, diagnostic) for other in new) else partial).append(help_)
        kept = clean or partial[:1]
        best = [*kept, *pushed]
        yield (
            replace(diagnostic, helps=(*kept, *diagnostic.helps), tries=()),
            best[0].edits if best and diagnostic.code not in BROAD else (),
        )


def _further_down(other: Diagnostic, diagnostic: Diagnostic) -> bool:
    """Whether a diagnostic of a mended text stands behind all places of the one that was mended."""
    if not other.labels or not diagnostic.labels:
        return False
    return other.labels[0].span.start > max(label.span.end for label in diagnostic.labels)


def _alike(other: Diagnostic, diagnostic: Diagnostic) -> bool:
    """Whether two diagnostics differ in numbers only: an edit that leads from one to the other has pushed the mistake on."""
    return (other.code, _NUMBERS.sub("0", other.message)) == (diagnostic.code, _NUMBERS.sub("0", diagnostic.message))


def _key(diagnostic: Diagnostic) -> tuple[str, str]:
    """What a diagnostic is about, whatever line an edit moved it to."""
    where = diagnostic.labels[0].span.text if diagnostic.labels else ""
    return diagnostic.code, f"{diagnostic.message} {where}"


def apply(edits: Sequence[Edit]) -> dict[Source, str]:
    """The texts of the sources after some edits."""
    texts: dict[Source, str] = {}
    for edit in sorted(edits, key=lambda e: -e.span.start):
        source = edit.span.source
        text = texts.get(source, source.text)
        texts[source] = text[: edit.span.start] + edit.replacement + text[edit.span.end :]
    return texts


def _overlaps(edit: Edit, others: Sequence[Edit]) -> bool:
    return any(
        edit.span.source is other.span.source
        and edit.span.start < other.span.end
        and other.span.start < edit.span.end
        or edit.span == other.span
        or (edit.span.source is other.span.source and edit.span.start == other.span.start)
        for other in others
    )


# --- from a mended text back to the one that was written ------------------------------------------------------------------


def _rebased(diagnostic: Diagnostic, mends: Sequence[Edit]) -> Diagnostic | None:
    """A diagnostic of the mended text with its places in the text as written; None where one of them was mended."""
    if not diagnostic.labels:
        return None
    labels = _labels(diagnostic.labels, mends)
    trail = _labels(diagnostic.trail, mends)
    if labels is None or trail is None:
        return None
    tries = tuple(moved for help_ in diagnostic.tries if (moved := _help(help_, mends)) is not None)
    return replace(diagnostic, labels=labels, trail=trail, tries=tries)


def _labels(labels: Sequence[Label], mends: Sequence[Edit]) -> tuple[Label, ...] | None:
    spans = [_original(label.span, mends) for label in labels]
    if None in spans:
        return None
    return tuple(Label(span, label.text) for span, label in zip(spans, labels, strict=True) if span is not None)


def _help(help_: Help, mends: Sequence[Edit]) -> Help | None:
    spans = [_original(edit.span, mends) for edit in help_.edits]
    if None in spans:
        return None
    edits = (Edit(span, e.replacement) for span, e in zip(spans, help_.edits, strict=True) if span is not None)
    return Help(help_.text, tuple(edits))


def _original(span: Span, mends: Sequence[Edit]) -> Span | None:
    """A range of a mended text as it was before; None where an edit wrote all of it."""
    own = sorted((e for e in mends if e.span.source.name == span.source.name), key=lambda e: e.span.start)
    if not own:
        return span
    start, end = span.start, span.end
    shift = 0
    for edit in own:
        first = edit.span.start + shift
        last = first + len(edit.replacement)
        if first <= span.start and span.end <= last and edit.replacement:
            return None
        growth = len(edit.replacement) - (edit.span.end - edit.span.start)
        start -= growth if span.start >= last else max(0, span.start - first)
        end -= growth if span.end >= last else max(0, span.end - first - (edit.span.end - edit.span.start))
        shift += growth
    return Span(own[0].span.source, start, max(start, end))
