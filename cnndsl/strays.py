"""Tokens that are wrong wherever they stand: what to say about them, and what they may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf
from typing import Any

from cnndsl.diagnostic import Diagnostic, Edit, Help, Label
from cnndsl.mistakes import renamed
from cnndsl.source import Source, Span

LONGEST_NUMBER = 30
"""Characters of a number: no size of a network has more."""
SIGNS = {
    "\u2192": ("ARROW", "->"),
    "\u21d2": ("ARROW", "->"),
    "&&": ("AND", "and"),
    "&": ("AND", "and"),
    "!": ("NOT", "not"),
    "^": ("STAR", "*"),
    "\u00d7": ("STAR", "*"),
    "\u2212": ("MINUS", "-"),
    "\u2013": ("MINUS", "-"),
}
"""Signs of other languages and of word processors, with the token that they stand for."""


def clean(tokens: Iterator[Any], source: Source, diagnostics: list[Diagnostic]) -> Iterator[Any]:
    """The tokens, with those that are wrong wherever they stand reported and replaced by what they may have meant.

    A STRAY token is left where nothing is known that it may have meant: it is reported with its item.
    """
    pending = list(tokens)
    at = 0
    while at < len(pending):
        token = pending[at]
        at += 1
        if token.type == "RUN_ON":
            diagnostics.append(run_on(Span(source, token.start_pos, token.end_pos), str(token)))
            yield renamed(token, "NUMBER", "1")
        elif token.type in ("NUMBER", "SIZE") and is_endless(str(token)):
            diagnostics.append(endless(Span(source, token.start_pos, token.end_pos)))
            yield renamed(token, token.type, "1" if token.type == "NUMBER" else "1x1")
        elif token.type == "STRAY":
            found, at = _stray(pending, at - 1, source, diagnostics)
            yield from found
        else:
            yield token


def _stray(tokens: list[Any], at: int, source: Source, diagnostics: list[Diagnostic]) -> tuple[list[Any], int]:
    """What takes the place of characters that mean nothing, and the index behind them."""
    first, text = tokens[at], str(tokens[at])
    line_end = source.text.find("\n", first.start_pos)
    line_end = len(source.text) if line_end < 0 else line_end
    stop = at + 1
    while stop < len(tokens) and tokens[stop].type == "STRAY" and tokens[stop].start_pos == tokens[stop - 1].end_pos:
        if text[0] in "[]'\"" or str(tokens[stop]) in "[]'\"":
            break
        text += str(tokens[stop])
        stop += 1
    span = Span(source, first.start_pos, tokens[stop - 1].end_pos)
    if text == '"':
        diagnostics.append(unclosed(Span(source, first.start_pos, line_end)))
        while stop < len(tokens) and tokens[stop].start_pos < line_end:
            stop += 1
        return [first], stop
    if text == "'":
        closing = source.text.find("'", first.end_pos, line_end)
        if closing >= 0:
            span = Span(source, first.start_pos, closing + 1)
            diagnostics.append(quotes(span))
            while stop < len(tokens) and tokens[stop].start_pos <= closing:
                stop += 1
            return [renamed(first, "STRING", f'"{span.text[1:-1]}"')], stop
    if text == "[":
        closing = source.text.find("]", first.end_pos, line_end)
        other = Span(source, closing, closing + 1) if closing >= 0 else None
        diagnostics.append(brackets(span, other))
        return [], stop
    if text == "]":
        return [], stop
    if text in SIGNS:
        kind, meant = SIGNS[text]
        diagnostics.append(stand_in(span, meant))
        return [renamed(first, kind, meant)], stop
    token = renamed(first, "STRAY", text)
    token.end_pos = span.end
    return [token], stop


def is_endless(text: str) -> bool:
    return any(len(part) > LONGEST_NUMBER for part in text.split("x")) or ("e" in text.lower() and float(text) == inf)


def endless(span: Span) -> Diagnostic:
    if span.end - span.start <= LONGEST_NUMBER:
        return Diagnostic("E0106", "a number too large for a computer", (Label(span, "too large"),))
    return Diagnostic("E0106", f"a number of more than {LONGEST_NUMBER} characters", (Label(span, "too long"),))


HINTS = {
    "'": 'strings stand in double quotes: "..."',
    "`": "names stand as they are, without quotes",
    ":": "a value is given with `=`",
    "~": "an arrow is written `->`",
    "?": "a choice is written `if condition { ... } else { ... }`",
    "$": "a parameter is named as it is",
    ".": "a size of a stream is written `@x.channels`, a range `0 .. 4`",
}
"""What may help, by the first character of what has no meaning."""


def stray(span: Span) -> Diagnostic:
    """One or more characters that mean nothing."""
    helps = (Help(HINTS[span.text[0]]),) if span.text[0] in HINTS else ()
    return Diagnostic(
        "E0101", f"`{span.text[:20]}` has no meaning in a spec", (Label(span, "not expected here"),), helps=helps
    )


def stand_in(span: Span, meant: str) -> Diagnostic:
    """A sign of another language for one that a spec writes in another way."""
    help_ = Help(f"write `{meant}`", (Edit(span, meant),))
    return Diagnostic(
        "E0101", f"`{span.text}` has no meaning in a spec", (Label(span, "not expected here"),), tries=(help_,)
    )


def brackets(opening: Span, closing: Span | None) -> Diagnostic:
    """`[5x5]`."""
    others = [Label(closing)] if closing else []
    edits = (Edit(opening, ""), Edit(closing, "")) if closing else ()
    return Diagnostic(
        "E0101",
        "square brackets have no meaning in a spec",
        (Label(opening, "not expected here"), *others),
        tries=(Help("leave the brackets out", edits),) if edits else (),
    )


def quotes(span: Span) -> Diagnostic:
    """`'LeNet'`."""
    return Diagnostic(
        "E0101",
        "a string stands in double quotes",
        (Label(span, "single quotes have no meaning in a spec"),),
        tries=(Help(f'write `"{span.text[1:-1]}"`', (Edit(span, f'"{span.text[1:-1]}"'),)),),
    )


def unclosed(span: Span) -> Diagnostic:
    """A string without an end on its line."""
    return Diagnostic("E0102", "a string is not closed", (Label(span, 'no `"` follows on this line'),))


def run_on(span: Span, text: str) -> Diagnostic:
    """`2n`, `3xk`."""
    number = re.match(r"\d+", text)
    digits = number.group() if number else ""
    rest = text[len(digits) :]
    if re.fullmatch(r"x[A-Za-z_]\w*", rest):
        help_ = Help(f"a window's parts are given by name where they are computed: `kernel={rest[1:]}`")
    else:
        help_ = Help(f"a product is written `({digits} * {rest})`", (Edit(span, f"({digits} * {rest})"),))
    return Diagnostic(
        "E0103",
        f"the number {digits} runs into `{rest}`",
        (Label(span, "not a number"),),
        helps=() if help_.edits else (help_,),
        tries=(help_,) if help_.edits else (),
    )


def too_deep(span: Span, deepest: int) -> Diagnostic:
    return Diagnostic(
        "E0107", f"braces and parentheses nest more than {deepest} deep", (Label(span, f"level {deepest + 1}"),)
    )


def too_long(span: Span, most: int) -> Diagnostic:
    """Arithmetic of thousands of operators."""
    return Diagnostic(
        "E0107", f"an expression has more than {most:,} operators", (Label(span, f"operator {most + 1:,}"),)
    )
