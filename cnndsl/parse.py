"""Source text to syntax tree: `parse(source)`. The only importer of lark.

The text is cut into tokens, the tokens into items (import, def, net, a bare net), and each item is parsed on its own. Where an
item does not parse, the complaint is noted, the link it stands in is replaced by a BROKEN token, and the item is parsed again:
so every independent syntax error of a file is reported in one run, and the rest of the file can still be checked.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import lark

from cnndsl import mistakes, strays, syntax
from cnndsl.build import Builder
from cnndsl.diagnostic import Diagnostic
from cnndsl.mistakes import CLOSES, OPENS, renamed
from cnndsl.recover import follows, mask
from cnndsl.source import Source, Span, shipped

STARTS = {"DEF": "def", "NET": "net", "FROM": "import", "IMPORT": "import"}
DEEPEST = 100
"""Braces and parentheses nest at most this deep: far beyond a readable spec, and shallow enough for every later phase."""
MOST_OPERATORS = 1_000
"""Operators of one expression: enough for any formula, and shallow enough for every later phase."""
OPERATORS = {"STAR", "PLUS", "MINUS", "SLASH", "DOUBLE_SLASH", "PERCENT", "COMPARISON", "OR", "AND", "NOT"}
MOST_ERRORS = 20
"""Syntax errors reported for one item."""

Tokens = list[Any]


_ONE_AT_A_TIME = Lock()
"""The parser's tables hold one builder, which knows the source it builds for: threads take turns."""


def parse(source: Source) -> syntax.File:
    """The syntax tree of a source. Syntax errors are in its `diagnostics`; it raises nothing on bad text."""
    with _ONE_AT_A_TIME:
        return _Parser(source).parse()


def parse_value(source: Source) -> syntax.Value | None:
    """The value that a text stands for as an argument (`3x3/2`, `0.5`, `relu`); None where it is none."""
    with _ONE_AT_A_TIME:
        return _parse_value(source)


def _parse_value(source: Source) -> syntax.Value | None:
    parser, builder = _grammar()
    builder.source = source
    tokens = list(parser.lex(source.text))
    interactive: Any = parser.parse_interactive(start="argument")
    if not tokens or len(tokens) > 50 or _Parser.feed(interactive, tokens) is not None:
        return None
    if "$END" not in interactive.accepts():
        return None
    value: syntax.Value = interactive.feed_eof(tokens[-1])
    return value


@cache
def _grammar() -> tuple[lark.Lark, Builder]:
    """The parser, built once a process; its tables are kept in the user's cache folder, as building takes 80 ms."""
    text = shipped("grammar/cnn.lark").read_text(encoding="utf-8")
    builder = Builder()
    key = hashlib.sha256(f"{text}{lark.__version__}{sys.version}".encode()).hexdigest()[:16]
    options: dict[str, Any] = {
        "parser": "lalr",
        "lexer": "basic",
        "start": ["import", "def", "net", "net_body", "argument"],
        "keep_all_tokens": True,
        "maybe_placeholders": True,
        "transformer": builder,
    }
    tables = _cache_folder() / f"grammar-{key}.tables"
    try:
        tables.parent.mkdir(parents=True, exist_ok=True)
        return lark.Lark(text, cache=str(tables), **options), builder
    except OSError:
        return lark.Lark(text, **options), builder


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "cnndsl"
    except RuntimeError:  # no home folder
        return Path(tempfile.mkdtemp(prefix="cnndsl-"))


class _Parser:
    """Parses one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic] = []
        self.lark, self.builder = _grammar()
        self.builder.source = source

    def parse(self) -> syntax.File:
        tokens = list(strays.clean(self.lark.lex(self.source.text), self.source, self.diagnostics))
        imports: list[syntax.Import] = []
        blocks: list[syntax.Block] = []
        nets: list[syntax.Net] = []
        bare: list[Tokens] = []
        for item in self.items(tokens):
            start = STARTS.get(item[0].type)
            if start is None:
                bare.append(item)
                continue
            tree = None if self.too_deep(item) else self.item(item, start)
            if isinstance(tree, syntax.Import):
                imports.append(tree)
            elif isinstance(tree, syntax.Block):
                blocks.append(tree)
            elif isinstance(tree, syntax.Net):
                nets.append(tree)
            elif start == "def" and len(item) > 1 and item[1].type == "NAME":
                blocks.append(self.lost_block(item))
            elif start == "net" and len(item) > 1 and item[1].type == "NAME":
                nets.append(self.lost_net(item))
        nets.extend(self.bare_nets(bare))
        self.diagnostics.sort(key=lambda diagnostic: diagnostic.labels[0].span.start)
        return syntax.File(self.source, tuple(imports), tuple(blocks), tuple(nets), tuple(self.diagnostics))

    # --- tokens and items

    def items(self, tokens: Tokens) -> Iterator[Tokens]:
        """Cuts the tokens at the reserved words that begin an item, and behind the brace that closes one."""
        item: Tokens = []
        depth = 0
        for token in tokens:
            begins = token.type in STARTS and not (token.type == "IMPORT" and item and item[0].type == "FROM")
            if item and begins:
                yield item
                item, depth = [], 0
            item.append(token)
            if token.type == "LBRACE":
                depth += 1
            elif token.type == "RBRACE":
                depth -= 1
                if depth == 0 and item[0].type in ("DEF", "NET"):
                    yield item
                    item = []
            elif item[0].type == "FROM" and self.import_ends(item):
                yield item[:-1]
                item, depth = [token], 0
        if item:
            yield item

    @staticmethod
    def import_ends(item: Tokens) -> bool:
        """Whether the last token can no longer belong to the import before it."""
        last, before = item[-1].type, item[-2].type if len(item) > 1 else ""
        if last in ("INPUT", "ABOUT", "DEFAULT", "LET"):
            return True
        return last == "NAME" and before == "NAME" and any(token.type == "IMPORT" for token in item)

    def too_deep(self, item: Tokens) -> bool:
        """Whether braces, or the operators of an expression and its parentheses, go deeper than later phases do."""
        operators = [0]  # of what is open, outermost first
        total = 0
        for token in item:
            kind = token.type
            if kind in OPENS:
                operators.append(0)
                if len(operators) > DEEPEST + 1:
                    self.diagnostics.append(strays.too_deep(self.span(token), DEEPEST))
                    return True
            elif kind in CLOSES or kind in mistakes.LINK_ENDS:
                total -= operators[-1]
                operators[-1] = 0
                if kind in CLOSES and len(operators) > 1:
                    operators.pop()
            elif kind in OPERATORS:
                operators[-1] += 1
                total += 1
                if total > MOST_OPERATORS:
                    self.diagnostics.append(strays.too_long(self.span(token), MOST_OPERATORS))
                    return True
        return False

    # --- one item

    def item(self, tokens: Tokens, start: str) -> Any:
        """The tree of an item, or None where it has none even with its broken links put aside."""
        seen: dict[int, int] = {}
        found: list[Diagnostic] = []
        tree = None
        odd = [token for token in tokens if token.type == "STRAY"]
        for _ in range(0 if any(str(token) == '"' for token in odd) else MOST_ERRORS):
            interactive: Any = self.lark.parse_interactive(start=start)
            failed = self.feed(interactive, tokens)
            if failed is None:
                tree, missing = self.finish(interactive, tokens)
                found.extend([missing] if missing else ())
                break
            at = tokens[failed]
            seen[at.start_pos] = seen.get(at.start_pos, 0) + 1
            meant = None
            if seen[at.start_pos] == 1 and not follows(tokens, failed):
                found_here, meant = mistakes.unexpected(
                    mistakes.Context(tokens, failed, interactive.accepts(), self.span)
                )
                if found_here.labels[0].span not in {d.labels[0].span for d in found}:
                    found.append(found_here)
            cut = mask(tokens, failed) if meant is None else meant
            if not cut or seen[at.start_pos] > 2:
                break
            tokens = cut
        self.diagnostics.extend(found)
        said = [label.span for diagnostic in found for label in diagnostic.labels]
        self.diagnostics.extend(
            strays.stray(span)
            for span in map(self.span, odd)
            if span.text != '"' and not any(s.start <= span.start < s.end for s in said)
        )
        return tree

    @staticmethod
    def feed(interactive: Any, tokens: Tokens) -> int | None:
        """Feeds the tokens; the index of the first that does not fit, or None."""
        for index, token in enumerate(tokens):
            try:
                interactive.feed_token(token)
            except lark.exceptions.UnexpectedToken:
                return index
        return None

    def finish(self, interactive: Any, tokens: Tokens) -> tuple[Any, Diagnostic | None]:
        """Ends an item. Where braces are missing at its end, says so and closes them to read what there is."""
        last, missing = tokens[-1], None
        while True:
            accepts = interactive.accepts()
            if "$END" in accepts:
                return interactive.feed_eof(last), missing
            if missing is None:
                missing = mistakes.unfinished(tokens, accepts, self.span)
            closer = next((kind for kind in ("RPAR", "RBRACE") if kind in accepts), None)
            if closer is None:
                return None, missing
            interactive.feed_token(renamed(last, closer, "}" if closer == "RBRACE" else ")"))

    # --- what is left of an item that could not be read

    def lost_block(self, item: Tokens) -> syntax.Block:
        span = self.span(item[0]).to(self.span(item[-1]))
        return syntax.Block(str(item[1]), (), (), (), None, self.span(item[1]), span)

    def lost_net(self, item: Tokens) -> syntax.Net:
        span = self.span(item[0]).to(self.span(item[-1]))
        return syntax.Net(str(item[1]), (), (), (), (), (), None, self.span(item[1]), span, broken=True)

    def bare_nets(self, items: list[Tokens]) -> Iterator[syntax.Net]:
        """The net that is written without `net name { }`, named after the file."""
        for number, item in enumerate(items):
            if item[0].type in CLOSES:
                self.diagnostics.append(mistakes.nothing_to_close(self.span(item[0])))
                continue
            span = self.span(item[0]).to(self.span(item[-1]))
            if number:
                self.diagnostics.append(mistakes.second_bare_net(span, self.span(items[0][0])))
                continue
            name = Path(self.source.name).stem
            name = name if name.isidentifier() else "net"
            body = None if self.too_deep(item) else self.item(item, "net_body")
            if body is None:
                yield syntax.Net(name, (), (), (), (), (), None, self.span(item[0]), span, broken=True)
            else:
                yield self.builder.net_from(name, self.span(item[0]), (), body, span)

    def span(self, token: Any) -> Span:
        return Span(self.source, token.start_pos, token.end_pos)
