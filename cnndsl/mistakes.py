"""What to say about text that does not parse: a rule per mistake, from the token that did not fit and what would have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cnndsl.diagnostic import Diagnostic, Edit, Help, Label
from cnndsl.source import Span

WORDS = {
    "ARROW": "`->`", "VBAR": "`|`", "LBRACE": "`{`", "RBRACE": "`}`", "LPAR": "`(`", "RPAR": "`)`",
    "SEMICOLON": "`;`", "COMMA": "`,`", "EQUAL": "`=`", "NAME": "a name", "NUMBER": "a number",
    "SIZE": "sizes such as 3x3", "STRING": 'a "string"', "STREAM": "a stream such as @x", "STAR": "`*`",
    "PLUS": "`+`", "MINUS": "`-`", "SLASH": "`/`", "AS": "`as`", "IN": "`in`", "DOTS": "`..`",
}  # fmt: skip
BEGINS_ELEMENT = {"FOR", "EACH"}
OPERATORS = {"STAR", "PLUS", "MINUS", "SLASH", "DOUBLE_SLASH", "PERCENT", "COMPARISON"}
LINK_ENDS = {"ARROW", "VBAR", "SEMICOLON"}
OPENS, CLOSES = {"LBRACE", "LPAR"}, {"RBRACE", "RPAR"}
LONGEST_NUMBER = 30


@dataclass(frozen=True)
class Context:
    """The tokens of an item, the index of the one that did not fit, and the types that would have."""

    tokens: list[Any]
    at: int
    accepts: Iterable[str]
    span: Callable[[Any], Span]

    @property
    def token(self) -> Any:
        return self.tokens[self.at]

    @property
    def before(self) -> Any:
        return self.tokens[self.at - 1] if self.at else None


def link_start(tokens: list[Any], at: int) -> int:
    """The index at which the link that holds a token begins."""
    start, depth = at, 0
    while start:
        kind = tokens[start - 1].type
        depth += kind in CLOSES
        if depth == 0 and (kind in LINK_ENDS or kind in OPENS or _ends_input(tokens, start - 1)):
            break
        depth -= kind in OPENS
        start -= 1
    return start


def _ends_input(tokens: list[Any], at: int) -> bool:
    """Whether an `input` line ends with this token."""
    if tokens[at].type == "NAME" and at >= 3 and tokens[at - 1].type == "AS":
        at -= 2
    follows = at >= 1 and tokens[at - 1].type == "INPUT"
    return follows and tokens[at].type in ("SIZE", "NUMBER")


def is_endless(text: str) -> bool:
    return any(len(part) > LONGEST_NUMBER for part in re.split("x", text))


def endless(span: Span) -> Diagnostic:
    return Diagnostic("E0106", f"a number of more than {LONGEST_NUMBER} characters", (Label(span, "too long"),))


def stray(span: Span) -> Diagnostic:
    text = span.text
    if text.startswith('"'):
        return Diagnostic("E0102", "a string that is not closed", (Label(span, 'a string ends with `"` on its line'),))
    hints = {
        "'": 'strings stand in double quotes: "..."',
        "&": "write `and`",
        "!": "write `not`",
        "^": "write `*`",
        "[": "write `(`",
    }
    helps = (Help(hints[text[0]]),) if text[0] in hints else ()
    return Diagnostic(
        "E0101", f"`{text[:20]}` has no meaning in a spec", (Label(span, "not expected here"),), helps=helps
    )


def run_on(span: Span, text: str) -> Diagnostic:
    number = re.match(r"\d+", text)
    digits = number.group() if number else ""
    rest = text[len(digits) :]
    if re.fullmatch(r"x[A-Za-z_]\w*", rest):
        advice = f"a window's parts are given by name where they are computed: `kernel={rest[1:]}`"
    else:
        advice = f"a product is written `({digits} * {rest})`"
    return Diagnostic(
        "E0103", f"the number {digits} runs into `{rest}`", (Label(span, "not a number"),), helps=(Help(advice),)
    )


def too_deep(span: Span, deepest: int) -> Diagnostic:
    return Diagnostic(
        "E0107", f"braces and parentheses nest more than {deepest} deep", (Label(span, f"level {deepest + 1}"),)
    )


def second_bare_net(span: Span, first: Span) -> Diagnostic:
    return Diagnostic(
        "E0109",
        "text outside of any `def` or `net`",
        (Label(span, "does this belong to a net?"), Label(first, "a net without a name begins here")),
        helps=(Help("a file holds one net without a name at most: name them, `net a { ... }  net b { ... }`"),),
    )


def unfinished(tokens: list[Any], accepts: Iterable[str], span: Callable[[Any], Span]) -> Diagnostic:
    """The text ends where more must follow."""
    opened: list[Any] = []
    for token in tokens:
        if token.type in ("LBRACE", "LPAR"):
            opened.append(token)
        elif token.type in ("RBRACE", "RPAR") and opened:
            opened.pop()
    end = Span(span(tokens[-1]).source, tokens[-1].end_pos, tokens[-1].end_pos)
    if opened:
        sign = "{" if opened[-1].type == "LBRACE" else "("
        closing = "}" if sign == "{" else ")"
        return Diagnostic(
            "E0104",
            f"`{sign}` is never closed",
            (Label(span(opened[-1]), "opened here"), Label(end, f"`{closing}` expected before this place")),
        )
    return Diagnostic("E0105", f"the text ends where {expected(accepts)} is expected", (Label(end, "ends here"),))


def expected(accepts: Iterable[str]) -> str:
    """What would have fitted, in words."""
    kinds = set(accepts) - {"BROKEN", "RUN_ON", "STRAY", "$END"}
    if {"NAME", "STREAM", "FOR"} <= kinds and "SIZE" not in kinds:
        return "a layer, a block or a stream"
    if {"NAME", "NUMBER", "LPAR"} <= kinds:
        return "a value"
    names = (
        [WORDS[kind] for kind in WORDS if kind in kinds]
        or [f"`{kind.lower()}`" for kind in sorted(kinds)]
        or ["the end"]
    )
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]


def unexpected(context: Context) -> Diagnostic:
    """The complaint about a token that does not fit where it stands."""
    for rule in RULES:
        diagnostic = rule(context)
        if diagnostic is not None:
            return diagnostic
    return Diagnostic(
        "E0105",
        f"expected {expected(context.accepts)}, found `{context.token}`",
        (Label(context.span(context.token), "not expected here"),),
    )


def _missing_element(c: Context) -> Diagnostic | None:
    """`-> ->`, `{ }`, `-> }`."""
    if c.token.type not in LINK_ENDS | CLOSES or "FOR" not in c.accepts or c.before is None:
        return None
    if c.before.type == "ARROW":
        label = Label(c.span(c.before), "nothing follows this arrow")
    elif c.before.type == "LBRACE" and c.token.type == "RBRACE":
        label = Label(
            c.span(c.before).to(c.span(c.token)), "a layer, a block or a stream belongs here; `id` does nothing"
        )
    else:
        label = Label(c.span(c.token), f"a layer, a block or a stream belongs before this `{c.token}`")
    return Diagnostic("E0108", "an element is missing", (label,))


def _bare_arithmetic(c: Context) -> Diagnostic | None:
    """`conv 2*n 3x3`, `conv n - 1 3x3`: an operator in an argument without parentheses."""
    start = link_start(c.tokens, c.at)
    link = c.tokens[start : c.at + 1]
    if not link or link[0].type != "NAME":
        return None
    at = next((i for i, token in enumerate(link) if i >= 2 and token.type in OPERATORS), None)
    if at is None or link[at - 1].type in ("EQUAL", "SIZE"):
        return None
    stop = min(start + at + 2, len(c.tokens))
    span = c.span(link[at - 1]).to(c.span(c.tokens[stop - 1]))
    return Diagnostic(
        "E0110",
        "arithmetic in an argument stands in parentheses",
        (Label(span, f"`{link[at]}` does not belong to the arguments of `{link[0]}`"),),
        helps=(Help(f"write `({span.text})`"),),
    )


def _reserved(c: Context) -> Diagnostic | None:
    """A reserved word where a name is expected."""
    word = str(c.token)
    if "NAME" not in c.accepts or not word.isidentifier() or c.token.type == "NAME":
        return None
    return Diagnostic(
        "E0111",
        f"`{word}` is a word of the language and cannot be a name",
        (Label(c.span(c.token), "reserved"),),
        helps=(Help(f"another name, such as `{word}_` or `my_{word}`"),),
    )


def _label_of_nothing(c: Context) -> Diagnostic | None:
    """`let` or `default` or `input` behind the first layer."""
    if c.token.type not in ("LET", "DEFAULT", "INPUT", "ABOUT") or "ARROW" not in c.accepts:
        return None
    return Diagnostic(
        "E0112",
        f"`{c.token}` stands before the chain of layers, not behind it",
        (Label(c.span(c.token), "too late"),),
        helps=(Help(f"move this `{c.token}` to the beginning of the braces it stands in"),),
    )


def _missing_arrow(c: Context) -> Diagnostic | None:
    """`(conv 3 3x3) relu`, `} relu`: two elements with no arrow between them."""
    if (
        "ARROW" not in c.accepts
        or c.before is None
        or c.token.type not in (*BEGINS_ELEMENT, "NAME", "IF", "LPAR", "STREAM")
    ):
        return None
    gap = Span(c.span(c.before).source, c.before.end_pos, c.before.end_pos)
    return Diagnostic(
        "E0113",
        f"an arrow is missing before `{c.token}`",
        (Label(c.span(c.token), "a second element begins here"),),
        helps=(Help("put `->` between the two", (Edit(gap, " ->"),)),),
    )


def _semicolon(c: Context) -> Diagnostic | None:
    """A line that ends with `;` without it."""
    if "SEMICOLON" not in c.accepts or c.before is None:
        return None
    gap = Span(c.span(c.before).source, c.before.end_pos, c.before.end_pos)
    return Diagnostic(
        "E0114",
        f"`;` is missing before `{c.token}`",
        (Label(gap, "`;` expected"),),
        helps=(Help("end the line with `;`", (Edit(gap, ";"),)),),
    )


RULES = (_missing_element, _bare_arithmetic, _label_of_nothing, _semicolon, _reserved, _missing_arrow)
