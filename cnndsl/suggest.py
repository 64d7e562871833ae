"""Helps that work: every edit a diagnostic proposes is made, the spec checked again, and only what mends it is offered."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cnndsl.diagnostic import Diagnostic, Edit, Help
from cnndsl.source import Source

MOST_SECONDS = 0.8
"""Trying stops after so much computing (a busy machine changes no message): a user waits for it."""
MOST_HELPS = 2

_NUMBERS = re.compile(r"\d+")

Recheck = Callable[[Mapping[Source, str]], Sequence[Diagnostic]]
"""Checks the spec again with other texts in the place of some sources; the diagnostics that come of it."""


def suggest(diagnostics: Sequence[Diagnostic], recheck: Recheck) -> tuple[Diagnostic, ...]:
    """The diagnostics with those of their `tries` that work moved to `helps`.

    An edit works when its diagnostic goes away and no other comes in its place. Where none does, one will do that brings to light
    an independent error further down, which the mended one had silenced.
    """
    until = time.thread_time() + MOST_SECONDS
    before = Counter(map(_key, diagnostics))
    out = []
    for diagnostic in diagnostics:
        clean: list[Help] = []
        partial: list[Help] = []
        for help_ in diagnostic.tries:
            if len(clean) == MOST_HELPS or time.thread_time() > until:
                break
            if not help_.edits or help_ in clean:
                continue
            after = recheck(apply(help_.edits))
            new = [other for other in after if _key(other) not in before]
            if Counter(map(_key, after))[_key(diagnostic)] >= before[_key(diagnostic)]:
                continue
            if not new:
                clean.append(help_)
            elif all(_further_down(other, diagnostic) for other in new):
                partial.append(help_)
        kept = clean or partial[:1]
        out.append(replace(diagnostic, helps=(*kept, *diagnostic.helps), tries=()))
    return tuple(out)


def _further_down(other: Diagnostic, diagnostic: Diagnostic) -> bool:
    """Whether a diagnostic of a mended text stands behind all places of the one that was mended."""
    if not other.labels or (other.code, _NUMBERS.sub("0", other.message)) == (
        diagnostic.code,
        _NUMBERS.sub("0", diagnostic.message),
    ):
        return False  # the same mistake, pushed on
    last = max(label.span.end for label in diagnostic.labels)
    return other.labels[0].span.start > last


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
