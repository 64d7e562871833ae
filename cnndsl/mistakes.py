"""What to say about text that does not parse: a rule per mistake, from the token that did not fit and what would have.

It has more lines than other files: the rules are one list, and are read as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cnndsl.diagnostic import Diagnostic, Edit, Help, Label
from cnndsl.source import Span

WORDS = {
    "ARROW": "`->`",
    "VBAR": "`|`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "SEMICOLON": "`;`",
    "COMMA": "`,`",
    "EQUAL": "`=`",
    "NAME": "a name",
    "NUMBER": "a number",
    "SIZE": "sizes such as 3x3",
    "STRING": 'a "string"',
    "STREAM": "a stream such as @x",
    "STAR": "`*`",
    "PLUS": "`+`",
    "MINUS": "`-`",
    "SLASH": "`/`",
    "AS": "`as`",
    "IN": "`in`",
    "DOTS": "`..`",
}
BEGINS_ELEMENT = {"FOR", "EACH"}
OPERATORS = {"STAR", "PLUS", "MINUS", "SLASH", "DOUBLE_SLASH", "PERCENT", "COMPARISON"}
LINK_ENDS = {"ARROW", "VBAR", "SEMICOLON"}
OPENS, CLOSES = {"LBRACE", "LPAR"}, {"RBRACE", "RPAR"}


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
    if "SEMICOLON" in accepts:
        help_ = Help("end the line with `;`", (Edit(end, ";"),))
        return Diagnostic("E0114", "`;` is missing at the end", (Label(end, "`;` expected"),), tries=(help_,))
    return Diagnostic("E0105", f"the text ends where {expected(accepts)} is expected", (Label(end, "ends here"),))


def nothing_to_close(span: Span) -> Diagnostic:
    """A `}` or `)` behind the end of everything."""
    return Diagnostic("E0105", f"this `{span.text}` closes nothing", (Label(span, "one too many"),))


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


class Mistake(NamedTuple):
    """What is said about a token that does not fit, and the tokens to go on with: as they were meant, if that is clear.

    No tokens at all: what follows has no meaning without what is missing here.
    """

    diagnostic: Diagnostic
    meant: list[Any] | None = None


def unexpected(context: Context) -> Mistake:
    """The complaint about a token that does not fit where it stands."""
    for rule in RULES:
        found = rule(context)
        if found is not None:
            return found if isinstance(found, Mistake) else Mistake(found)
    return Mistake(
        Diagnostic(
            "E0105",
            f"expected {expected(context.accepts)}, found `{context.token}`",
            (Label(context.span(context.token), "not expected here"),),
        )
    )


def renamed(token: Any, kind: str, value: str) -> Any:
    """A token of another type at the same place."""
    return type(token).new_borrow_pos(kind, value, token)


def _inserted(c: Context, kind: str, value: str) -> list[Any]:
    """The tokens with one more before the one that did not fit."""
    return [*c.tokens[: c.at], renamed(c.before, kind, value), *c.tokens[c.at :]]


def _gap(c: Context) -> Span:
    """The empty place behind the token before the one that did not fit."""
    return Span(c.span(c.before).source, c.before.end_pos, c.before.end_pos)


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


def _window_of_names(c: Context, link: list[Any], at: int) -> Diagnostic | None:
    """`dwconv kxk/s`: a window whose parts are names."""
    match = re.fullmatch(r"([A-Za-z_]\w*?)x([A-Za-z_]\w*)", str(link[at - 1]))
    part = {"SLASH": "stride", "PLUS": "padding"}.get(link[at].type)
    if match is None or part is None or at + 1 >= len(link) + (c.at + 1 < len(c.tokens)):
        return None
    value = link[at + 1] if at + 1 < len(link) else c.tokens[c.at + 1]
    span = c.span(link[at - 1]).to(c.span(value))
    text = f"kernel={match[1]} {part}={value}"
    edits = (Edit(span, text),) if match[1] == match[2] else ()
    help_ = Help(f"give its parts by name: `{text}`", edits)
    return Diagnostic(
        "E0103",
        f"`{span.text}` is no window: only numbers stand on both sides of the `x`",
        (Label(span, "names and an `x` run into one name"),),
        tries=(help_,),
    )


def _bare_arithmetic(c: Context) -> Diagnostic | None:
    """`conv 2*n 3x3`, `conv n - 1 3x3`, `(relu) * n - 1`: an operator in an argument or a count without parentheses."""
    start = link_start(c.tokens, c.at)
    link = c.tokens[start : c.at + 1]
    if c.token.type in OPERATORS and c.at >= 2 and c.tokens[c.at - 2].type == "STAR" and c.at + 1 < len(c.tokens):
        return _in_parentheses(c, c.at, "a count")
    if not link or link[0].type != "NAME":
        return None
    at = next((i for i, token in enumerate(link) if i >= 2 and token.type in OPERATORS), None)
    if at is None or link[at - 1].type in ("EQUAL", "SIZE"):
        return None
    return _window_of_names(c, link, at) or _in_parentheses(c, start + at, f"an argument of `{link[0]}`")


def _in_parentheses(c: Context, at: int, what: str) -> Diagnostic:
    stop = min(at + 1, len(c.tokens) - 1)
    span = c.span(c.tokens[at - 1]).to(c.span(c.tokens[stop]))
    return Diagnostic(
        "E0110",
        f"arithmetic in {what} stands in parentheses",
        (Label(span, "parentheses are missing here"),),
        tries=(Help(f"write `({span.text})`", (Edit(span, f"({span.text})"),)),),
    )


def _reserved(c: Context) -> Mistake | None:
    """A reserved word where a name is expected."""
    word = str(c.token)
    if "NAME" not in c.accepts or not word.isidentifier() or c.token.type == "NAME":
        return None
    diagnostic = Diagnostic(
        "E0111",
        f"`{word}` is a word of the language and cannot be a name",
        (Label(c.span(c.token), "reserved"),),
        helps=(Help(f"take another name, such as `{word}_` or `my_{word}`"),),
    )
    return Mistake(diagnostic, [*c.tokens[: c.at], renamed(c.token, "NAME", word), *c.tokens[c.at + 1 :]])


def _too_late(c: Context) -> Mistake | None:
    """`let` or `default` or `input` behind the first layer. Its line is taken out, and put first where that mends it."""
    behind = "ARROW" in c.accepts or ("FOR" in c.accepts and c.before is not None and c.before.type == "ARROW")
    if c.token.type not in ("LET", "DEFAULT", "INPUT", "ABOUT") or not behind or "SEMICOLON" in c.accepts:
        return None
    diagnostic = Diagnostic(
        "E0112",
        f"`{c.token}` stands before the chain of layers, not behind it",
        (Label(c.span(c.token), "too late"),),
        helps=(Help(f"move this `{c.token}` to the beginning of the braces it stands in"),),
    )
    end = next((i for i in range(c.at, len(c.tokens)) if c.tokens[i].type == "SEMICOLON"), None)
    if c.token.type not in ("LET", "DEFAULT") or end is None:
        return Mistake(diagnostic)
    line, rest = c.tokens[c.at : end + 1], [*c.tokens[: c.at], *c.tokens[end + 1 :]]
    braces = [i for i in range(c.at) if c.tokens[i].type == "LBRACE"]
    outermost = len(braces) - sum(token.type == "RBRACE" for token in c.tokens[: c.at]) == 1
    first = braces[0] + 1 if braces and outermost else None
    return Mistake(diagnostic, rest if first is None else [*rest[:first], *line, *rest[first:]])


def _ends_chain(c: Context) -> bool:
    """Whether a chain is whole before the token that does not fit."""
    whole = c.before is not None and c.before.type not in OPENS and "FOR" not in c.accepts
    return whole and not {"ARROW", "RBRACE", "$END"}.isdisjoint(c.accepts)


def _needless_semicolon(c: Context) -> Mistake | None:
    """`input 3x8x8;`, `conv 8 3x3; relu`, `fc 10; }`: only `let`, `default` and facts end with one."""
    behind_input = c.before is not None and _ends_input(c.tokens, c.at - 1)
    if c.token.type != "SEMICOLON" or not (behind_input or _ends_chain(c)):
        return None
    after = c.tokens[c.at + 1].type if c.at + 1 < len(c.tokens) else ""
    message, kind, text, sign = (
        "no `;` stands here: it ends `let` and `default` lines, and facts",
        "",
        "leave the `;` out",
        "",
    )
    if not behind_input and after in (*BEGINS_ELEMENT, "NAME", "IF", "LPAR", "STREAM"):
        message, kind, text, sign = "elements are joined by `->`, not by `;`", "ARROW", "write `->`", " ->"
    diagnostic = Diagnostic(
        "E0105",
        message,
        (Label(c.span(c.token), "not expected here"),),
        tries=(Help(text, (Edit(c.span(c.token), sign),)),),
    )
    put = [renamed(c.token, kind, "->")] if kind else []
    return Mistake(diagnostic, [*c.tokens[: c.at], *put, *c.tokens[c.at + 1 :]])


def _path_without_combinator(c: Context) -> Diagnostic | None:
    """`conv 4 3x3 | relu`: a path where no combinator is open."""
    if c.token.type != "VBAR" or not _ends_chain(c):
        return None
    return Diagnostic(
        "E0105",
        "`|` stands between the paths of a combinator, and none is open here",
        (Label(c.span(c.token), "not expected here"),),
        helps=(Help("side by side: `concat { a | b }`; one behind the other: `a -> b`"),),
    )


def _missing_arrow(c: Context) -> Mistake | None:
    """`(conv 3 3x3) relu`, `} relu`: two elements with no arrow between them."""
    if (
        "ARROW" not in c.accepts
        or c.before is None
        or c.token.type not in (*BEGINS_ELEMENT, "NAME", "IF", "LPAR", "STREAM")
    ):
        return None
    diagnostic = Diagnostic(
        "E0113",
        f"an arrow is missing before `{c.token}`",
        (Label(c.span(c.token), "a second element begins here"),),
        tries=(Help("put `->` between the two", (Edit(_gap(c), " ->"),)),),
    )
    return Mistake(diagnostic, _inserted(c, "ARROW", "->"))


def _semicolon(c: Context) -> Mistake | None:
    """A line that ends with `;` without it."""
    if "SEMICOLON" not in c.accepts or c.before is None or c.token.type in (*OPERATORS, "COMMA", "EQUAL"):
        return None
    c = replace(c, at=_next_line(c) or c.at)
    diagnostic = Diagnostic(
        "E0114",
        f"`;` is missing before `{c.token}`",
        (Label(_gap(c), "`;` expected"),),
        tries=(Help("end the line with `;`", (Edit(_gap(c), ";"),)),),
    )
    return Mistake(diagnostic, _inserted(c, "SEMICOLON", ";"))


def _next_line(c: Context) -> int | None:
    """Where a `let` line seems to end: the index of the last token that begins an element on a new line."""
    for at in range(c.at - 1, 0, -1):
        before, token = c.tokens[at - 1], c.tokens[at]
        if token.type in ("LET", "DEFAULT"):
            return None
        gap = c.span(token).source.text[before.end_pos : token.start_pos]
        begins = token.type in ("NAME", "STREAM", "IF", "FOR", "EACH", "LPAR")
        if "\n" in gap and begins and before.type not in LINK_ENDS | OPENS | {"EQUAL", "STAR", "AS"}:
            return at
    return None


def _other_arrow(c: Context) -> Mistake | None:
    """`=>`, `-->`, `- >`."""
    for i in (c.at - 1, c.at):
        pair = c.tokens[max(i, 0) : i + 2]
        signs = [str(token) for token in pair]
        if i < 0 or signs not in (["=", ">"], ["-", "->"], ["-", ">"], ["=", ">="]):
            continue
        span = c.span(pair[0]).to(c.span(pair[1]))
        diagnostic = Diagnostic(
            "E0105",
            "an arrow is written `->`",
            (Label(span, "not an arrow"),),
            tries=(Help("write `->`", (Edit(span, "->"),)),),
        )
        return Mistake(diagnostic, [*c.tokens[:i], renamed(pair[0], "ARROW", "->"), *c.tokens[i + 2 :]])
    return None


def _python_call(c: Context) -> Mistake | None:
    """`conv(64, 3x3)` and `conv 64, 3x3`: commas and parentheses around arguments."""
    if c.token.type not in ("COMMA", "EQUAL"):
        return None
    start = link_start(c.tokens, c.at)
    head = start - 2
    if head >= 0 and c.tokens[start - 1].type == "LPAR" and c.tokens[head].type == "NAME":
        return _parentheses(c, head) if link_start(c.tokens, head) == head else None
    if c.token.type != "COMMA" or c.tokens[start].type != "NAME":
        return None
    diagnostic = Diagnostic(
        "E0105",
        "arguments are separated by spaces, not by commas",
        (Label(c.span(c.token), "not expected here"),),
        tries=(Help("leave the comma out", (Edit(c.span(c.token), ""),)),),
    )
    return Mistake(diagnostic, [*c.tokens[: c.at], *c.tokens[c.at + 1 :]])


def _parentheses(c: Context, head: int) -> Mistake:
    """The call at `head` with its arguments in parentheses."""
    depth, stop = 0, head + 1
    while stop < len(c.tokens):
        depth += (c.tokens[stop].type in OPENS) - (c.tokens[stop].type in CLOSES)
        if depth == 0:
            break
        stop += 1
    inner = c.tokens[head + 2 : stop]
    arguments = [token for token in inner if token.type != "COMMA"]
    last = c.tokens[min(stop, len(c.tokens) - 1)]
    commas = tuple(Edit(c.span(token), "") for token in inner if token.type == "COMMA")
    edits = (Edit(c.span(c.tokens[head + 1]), " "), *commas, Edit(c.span(last), ""))
    diagnostic = Diagnostic(
        "E0105",
        f"`{c.tokens[head]}` takes its arguments without parentheses and commas",
        (Label(c.span(c.tokens[head + 1]).to(c.span(last)), "separated by spaces"),),
        tries=(Help(f"write `{c.tokens[head]} {' '.join(map(str, arguments))}`".replace(" = ", "="), edits),),
    )
    return Mistake(diagnostic, [*c.tokens[: head + 1], *arguments, *c.tokens[stop + 1 :]])


def _other_closer(c: Context) -> Mistake | None:
    """A `}` where a `)` is open, and the other way round."""
    open_kind, needed, sign = ("LPAR", "RPAR", ")") if c.token.type == "RBRACE" else ("LBRACE", "RBRACE", "}")
    if c.token.type not in CLOSES or needed not in c.accepts or c.token.type in c.accepts:
        return None
    opened: list[Any] = []
    for token in c.tokens[: c.at]:
        if token.type in OPENS:
            opened.append(token)
        elif token.type in CLOSES and opened:
            opened.pop()
    if not opened or opened[-1].type != open_kind:
        return None
    diagnostic = Diagnostic(
        "E0104",
        f"`{opened[-1]}` is never closed",
        (Label(c.span(opened[-1]), "opened here"), Label(c.span(c.token), f"`{sign}` expected before this place")),
    )
    return Mistake(diagnostic, _inserted(c, needed, sign))


def _no_body(c: Context) -> Diagnostic | None:
    """`def f(n) conv n 3x3`: a body without braces."""
    begins = c.tokens[0].type in ("DEF", "NET") and c.at > 1
    if not begins or "LBRACE" not in c.accepts or any(token.type == "LBRACE" for token in c.tokens[: c.at]):
        return None
    return Diagnostic(
        "E0105",
        f"the body of `{c.tokens[1]}` stands in braces",
        (Label(c.span(c.token), "`{` expected before this place"),),
        helps=(Help(f"as in `{c.tokens[0]} {c.tokens[1]} {{ ... }}`"),),
    )


def _bare_path(c: Context) -> Mistake | None:
    """`from parts/tower.cnn import tower`: a path without quotes."""
    if c.before is None or c.before.type != "FROM":
        return None
    stop = next((i for i, token in enumerate(c.tokens) if token.type == "IMPORT"), None)
    if stop is None or stop == c.at:
        return None
    span = c.span(c.token).to(c.span(c.tokens[stop - 1]))
    diagnostic = Diagnostic(
        "E0105",
        "the file of an import stands in quotes",
        (Label(span, "not a string"),),
        tries=(Help(f'write `"{span.text}"`', (Edit(span, f'"{span.text}"'),)),),
    )
    return Mistake(diagnostic, [c.before, renamed(c.token, "STRING", f'"{span.text}"'), *c.tokens[stop:]])


def _size_with_commas(c: Context) -> Mistake | None:
    """`input 3, 8, 8` and `input 3 x 8 x 8`."""
    if c.before is None or not _ends_input(c.tokens, c.at - 1) or str(c.token) not in (",", "x"):
        return None
    stop = c.at
    while stop + 1 < len(c.tokens) and str(c.tokens[stop]) in (",", "x") and c.tokens[stop + 1].type == "NUMBER":
        stop += 2
    if stop == c.at:
        return None
    size = "x".join(str(token) for token in c.tokens[c.at - 1 : stop] if token.type == "NUMBER")
    span = c.span(c.before).to(c.span(c.tokens[stop - 1]))
    help_ = Help(f"write `input {size}`", (Edit(span, size),))
    diagnostic = Diagnostic(
        "E0105",
        "an input is channels x height x width, or one number",
        (Label(span, "as in 3x224x224"),),
        tries=(help_,),
    )
    kind = "SIZE" if "x" in size else "NUMBER"
    return Mistake(diagnostic, [*c.tokens[: c.at - 1], renamed(c.before, kind, size), *c.tokens[stop:]])


def _size_of_letters(c: Context) -> Mistake | None:
    """`input HxWx3`: the channels come first, and are a number."""
    if c.before is None or c.before.type != "INPUT" or "SIZE" not in c.accepts:
        return None
    label = Label(c.span(c.token), "as in 3x224x224, or 3xHxW for any size")
    return Mistake(Diagnostic("E0105", "an input is channels x height x width, or one number", (label,)), [])


RULES: tuple[Callable[[Context], Diagnostic | Mistake | None], ...] = (
    _other_arrow,
    _needless_semicolon,
    _path_without_combinator,
    _missing_element,
    _other_closer,
    _no_body,
    _bare_path,
    _size_with_commas,
    _size_of_letters,
    _python_call,
    _bare_arithmetic,
    _too_late,
    _semicolon,
    _reserved,
    _missing_arrow,
)
