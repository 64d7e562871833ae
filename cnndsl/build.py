"""Makes the syntax tree: a method per rule of `grammar/cnn.lark`, called as the parser reduces that rule.

Every method gets the children of its rule in order, punctuation included: lark's tokens, and nodes made before. None stands
for an optional part that is absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

from cnndsl import syntax
from cnndsl.source import Source, Span


class Token(Protocol):
    """What is used of lark's tokens."""

    type: str
    value: str
    start_pos: int | None
    end_pos: int | None


class Builder:
    """Reductions for one source. Set `source` before parsing."""

    source: Source

    def token_span(self, token: Any) -> Span:
        return Span(self.source, token.start_pos, token.end_pos)

    def spanning(self, children: Sequence[Any]) -> Span:
        """From the first child to the last."""
        there = [child for child in children if child is not None]
        return self.span_of(there[0]).to(self.span_of(there[-1]))

    def span_of(self, child: Any) -> Span:
        if isinstance(child, list):
            return self.spanning(child)
        span: Span = child.span if hasattr(child, "span") else self.token_span(child)
        return span

    @staticmethod
    def nodes(children: Sequence[Any]) -> list[Any]:
        """The children without tokens and absent parts."""
        return [child for child in children if child is not None and not hasattr(child, "start_pos")]

    @staticmethod
    def token(children: Sequence[Any], *kinds: str) -> Any:
        """The first token of these kinds, or None."""
        return next((c for c in children if c is not None and getattr(c, "type", None) in kinds), None)

    def tokens(self, children: Sequence[Any], kind: str) -> list[Any]:
        return [child for child in children if getattr(child, "type", None) == kind]

    def name_of(self, token: Any) -> syntax.Name:
        return syntax.Name(str(token), self.token_span(token))

    # values

    def number(self, children: list[Any]) -> syntax.Literal:
        text = str(children[0])
        value = int(text) if text.isdigit() else float(text)
        return syntax.Literal(value, self.token_span(children[0]))

    def negative(self, children: list[Any]) -> syntax.Literal:
        number: Any = self.number(children[1:]).value
        return syntax.Literal(-number, self.spanning(children))

    def string(self, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(str(children[0])[1:-1], self.token_span(children[0]))

    def true(self, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(True, self.token_span(children[0]))

    def false(self, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(False, self.token_span(children[0]))

    def name(self, children: list[Any]) -> syntax.Name:
        return self.name_of(children[0])

    def stream_value(self, children: list[Any]) -> syntax.StreamValue:
        span = self.token_span(children[0])
        return syntax.StreamValue(str(children[0])[1:], None, span, span)

    def stream_size(self, children: list[Any]) -> syntax.StreamValue:
        name, field = str(children[0])[1:].split(".")
        span = self.token_span(children[0])
        return syntax.StreamValue(name, field, span, span)

    def size_of(self, token: Any) -> syntax.Size:
        parts = (int(part) if part.isdigit() else part for part in str(token).split("x"))
        return syntax.Size(tuple(parts), self.token_span(token))

    def size(self, children: list[Any]) -> syntax.WindowValue:
        size = self.size_of(children[0])
        return syntax.WindowValue(size, None, None, size.span)

    def window(self, children: list[Any]) -> syntax.WindowValue:
        parts: dict[str, Any] = {"/": None, "+": None}
        for sign, part in pairwise(children):
            if hasattr(sign, "start_pos") and str(sign) in parts and part is not None:
                parts[str(sign)] = part
        return syntax.WindowValue(self.size_of(children[0]), parts["/"], parts["+"], self.spanning(children))

    def parens(self, children: list[Any]) -> Any:
        return children[1]._replace(span=self.spanning(children))

    def binary(self, children: list[Any]) -> syntax.Binary:
        left, operator, right = children
        return syntax.Binary(str(operator), left, right, self.spanning(children))

    def unary(self, children: list[Any]) -> syntax.Unary:
        return syntax.Unary(str(children[0]), children[1], self.spanning(children))

    def function(self, children: list[Any]) -> syntax.Function:
        return syntax.Function(
            str(children[0]), self.token_span(children[0]), tuple(self.nodes(children)), self.spanning(children)
        )

    # what computes

    def named(self, children: list[Any]) -> syntax.Argument:
        return syntax.Argument(str(children[0]), children[2], self.spanning(children))

    def as_arguments(self, nodes: list[Any]) -> tuple[syntax.Argument, ...]:
        return tuple(n if isinstance(n, syntax.Argument) else syntax.Argument(None, n, n.span) for n in nodes)

    def paths(self, children: list[Any]) -> list[Any]:
        return children

    def call(self, children: list[Any]) -> syntax.Call:
        head, *rest = children
        paths = tuple(self.nodes(rest.pop())) if isinstance(rest[-1], list) else None
        arguments = self.as_arguments(self.nodes(rest))
        return syntax.Call(str(head), self.token_span(head), arguments, paths, self.spanning(children))

    def group(self, children: list[Any]) -> syntax.Group:
        return syntax.Group(children[1], self.spanning(children))

    def stream(self, children: list[Any]) -> syntax.Stream:
        return syntax.Stream(str(children[0])[1:], self.token_span(children[0]))

    def broken(self, children: list[Any]) -> syntax.Broken:
        return syntax.Broken(self.token_span(children[0]))

    def otherwise(self, children: list[Any]) -> syntax.Chain:
        chain: syntax.Chain = children[2]
        return chain

    def else_if(self, children: list[Any]) -> syntax.If:
        return self.make_if(children[1:])

    def make_if(self, children: list[Any]) -> syntax.If:
        condition, chain, *otherwise = self.nodes(children)
        return syntax.If(condition, chain, otherwise[0] if otherwise else None, self.spanning(children))

    def pattern(self, children: list[Any]) -> list[Any]:
        return children

    def rows(self, children: list[Any]) -> list[syntax.Row]:
        return [row if isinstance(row, syntax.Row) else syntax.Row((row,), row.span) for row in self.nodes(children)]

    def range(self, children: list[Any]) -> syntax.Range:
        low, high = self.nodes(children)
        return syntax.Range(low, high, self.spanning(children))

    def many(self, children: list[Any]) -> syntax.Row:
        return syntax.Row(tuple(self.nodes(children)), self.spanning(children))

    def loop(self, children: list[Any]) -> syntax.Loop:
        names: tuple[str, ...] | None = None
        rows: Any = None
        for child in children:
            if isinstance(child, syntax.Range):
                rows = child
            elif isinstance(child, list) and isinstance(child[0], syntax.Row):
                rows = tuple(child)
            elif isinstance(child, list):
                names = tuple(str(token) for token in self.tokens(child, "NAME"))
        shared = self.token(children, "SHARED") is not None
        chain = next(child for child in children if isinstance(child, syntax.Chain))
        return syntax.Loop(str(children[0]) == "each", shared, names, rows, chain, self.spanning(children))

    def link(self, children: list[Any]) -> syntax.Link:
        element, rest = children[0], children[1:]
        count = next(iter(self.nodes(rest)), None)
        label = self.token(rest, "NAME")
        span = self.spanning(children)
        return syntax.Link(element, count, label and str(label), label and self.token_span(label), span)

    def chain(self, children: list[Any]) -> syntax.Chain:
        return syntax.Chain(tuple(self.nodes(children)), self.spanning(children))

    # definitions

    def param(self, children: list[Any]) -> syntax.Parameter:
        default = next(iter(self.nodes(children)), None)
        return syntax.Parameter(str(children[0]), default, self.spanning(children))

    def params(self, children: list[Any]) -> list[Any]:
        return children

    def names(self, children: list[Any]) -> list[Any]:
        return children

    def let(self, children: list[Any]) -> syntax.Let:
        names = tuple(self.name_of(token) for token in self.tokens(children[1], "NAME"))
        chain = next(child for child in children if isinstance(child, syntax.Chain))
        return syntax.Let(names, chain, self.spanning(children))

    def fact(self, children: list[Any]) -> syntax.Fact:
        return syntax.Fact(str(children[0]), children[2].value, self.spanning(children))

    def about(self, children: list[Any]) -> list[syntax.Fact]:
        return self.nodes(children)

    def default(self, children: list[Any]) -> syntax.Default:
        arguments = self.as_arguments(self.nodes(children[2:]))
        return syntax.Default(self.name_of(children[1]), arguments, self.spanning(children))

    def input(self, children: list[Any]) -> syntax.Input:
        label = self.token(children[2:], "NAME")
        return syntax.Input(self.size_of(children[1]), label and str(label), self.spanning(children))

    def body(self, children: list[Any]) -> list[Any]:
        return children

    def make_def(self, children: list[Any]) -> syntax.Block:
        names = self.tokens(children, "NAME")
        parts = {id(c): c for c in children if isinstance(c, list)}
        streams: tuple[syntax.Name, ...] = ()
        parameters: tuple[syntax.Parameter, ...] = ()
        for part in parts.values():
            found = tuple(c for c in part if isinstance(c, syntax.Parameter))
            if found:
                parameters = found
        on = self.token(children, "ON")
        if on is not None:
            behind = children[children.index(on) + 1]
            streams = tuple(self.name_of(token) for token in self.tokens(behind, "NAME"))
        body = children[-2]
        lets = tuple(c for c in body if isinstance(c, syntax.Let))
        span, name_span = self.spanning(children), self.token_span(names[0])
        return syntax.Block(str(names[0]), parameters, streams, lets, body[-1], name_span, span)

    def net_body(self, children: list[Any]) -> list[Any]:
        return children

    def make_net(self, children: list[Any]) -> syntax.Net:
        name = self.token(children, "NAME")
        listed = [c for c in children[:-2] if isinstance(c, list)]
        parameters = tuple(c for part in listed for c in part if isinstance(c, syntax.Parameter))
        return self.net_from(str(name), self.token_span(name), parameters, children[-2], self.spanning(children))

    def net_from(
        self, name: str, name_span: Span, parameters: tuple[syntax.Parameter, ...], body: list[Any], span: Span
    ) -> syntax.Net:
        """A net from the children of its body; a bare net comes here too."""
        facts = tuple(fact for part in body if isinstance(part, list) for fact in part)
        chain = next((c for c in body if isinstance(c, syntax.Chain)), None)
        return syntax.Net(
            name,
            parameters,
            facts,
            tuple(c for c in body if isinstance(c, syntax.Default)),
            tuple(c for c in body if isinstance(c, syntax.Input)),
            tuple(c for c in body if isinstance(c, syntax.Let)),
            chain,
            name_span,
            span,
        )

    def imported(self, children: list[Any]) -> syntax.Imported:
        names = self.tokens(children, "NAME")
        return syntax.Imported(str(names[0]), str(names[-1]), self.spanning(children))

    def make_import(self, children: list[Any]) -> syntax.Import:
        path = self.token(children, "STRING")
        names = tuple(c for c in children if isinstance(c, syntax.Imported))
        return syntax.Import(str(path)[1:-1], names, self.token_span(path), self.spanning(children))


for _rule, _method in {
    "if": "make_if",
    "for": "loop",
    "each": "loop",
    "def": "make_def",
    "net": "make_net",
    "import": "make_import",
}.items():
    setattr(Builder, _rule, getattr(Builder, _method))
