"""One complaint: a code, a sentence, places in the source with labels, notes and help; shown as text or as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from cnndsl.source import Source, Span

RED, BLUE, GREEN, BOLD, PLAIN = "\033[1;31m", "\033[1;34m", "\033[1;32m", "\033[1m", "\033[0m"
WIDEST = 160
"""Source lines are shown up to this many characters."""


@dataclass(frozen=True, slots=True)
class Label:
    """A place and what is to be said about it. The first label of a diagnostic is the primary one."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the text of a span."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Help:
    """Advice. `edits` are the change it proposes; they were tried, and the complaint went away."""

    text: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A complaint about a spec. `trail` holds the block calls that led there, outermost first, with what flowed in.

    `tries` are helps whose edits are yet to be checked; `suggest` moves those that work to `helps`.
    """

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    trail: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[Help, ...] = ()
    tries: tuple[Help, ...] = ()
    table: tuple[str, ...] = ()
    """Rows that are shown as they are: two sides beside each other."""
    severity: str = "error"
    """`error`, or `limit`: what keeps some of the open sizes out of a net that is sound otherwise."""

    @property
    def place(self) -> tuple[str, str]:
        """What makes two diagnostics one: their code and where they point."""
        return self.code, str(self.labels[0].span) if self.labels else self.message

    def render(self, color: bool = False) -> str:
        """The complaint as text, in the manner of rustc."""
        return _Renderer(color).render(self)

    def to_json(self) -> dict[str, Any]:
        """The complaint as plain data: places are 1-based lines and columns; an end column is not included."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "labels": [{**_place(label.span), "text": label.text} for label in self.labels],
            "trail": [{**_place(label.span), "text": label.text} for label in self.trail],
            "notes": list(self.notes),
            **({"table": list(self.table)} if self.table else {}),
            "help": [
                {"text": help.text, "edits": [{**_place(e.span), "replacement": e.replacement} for e in help.edits]}
                for help in self.helps
            ],
        }


class SpecError(Exception):
    """A spec does not check. `diagnostics` are all its independent errors; `str()` is their rendered text."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def render(self, color: bool = False) -> str:
        return "\n\n".join(diagnostic.render(color) for diagnostic in self.diagnostics)

    def __str__(self) -> str:
        return self.render()


class FreshWeights(UserWarning):
    """Layers of a net were left with their initial values, or arrays of a checkpoint were not used."""


class Complain(Protocol):
    """How a phase reports an error: code, message, place, label, and helps whose edits are to be tried."""

    def __call__(
        self,
        code: str,
        message: str,
        span: Span,
        text: str = "",
        *,
        others: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        helps: tuple[Help, ...] = (),
        tries: tuple[Help, ...] = (),
    ) -> Any: ...


def _place(span: Span) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"file": span.source.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column}


class _Renderer:
    """Turns a diagnostic into lines. Long spans are marked on their first line."""

    def __init__(self, color: bool) -> None:
        self.color = color

    def paint(self, text: str, style: str) -> str:
        return f"{style}{text}{PLAIN}" if self.color and text else text

    def render(self, diagnostic: Diagnostic) -> str:
        lines = [
            self.paint(f"{diagnostic.severity}[{diagnostic.code}]", RED)
            + self.paint(f": {clip(diagnostic.message)}", BOLD)
        ]
        spans = [label.span for label in diagnostic.labels]
        gutter = len(str(max((span.source.position(span.start)[0] for span in spans), default=1)))
        sources: list[Source] = []
        for span in spans:
            if span.source not in sources:
                sources.append(span.source)
        for source in sources:
            lines.extend(self.excerpt(diagnostic, source, gutter, first=source is sources[0]))
        pad = " " * gutter
        lines.extend(f"{pad} {self.paint('=', BLUE)} {self.via(call)}" for call in diagnostic.trail)
        lines.extend(f"{pad} {self.paint('=', BLUE)} note: {clip(note)}" for note in diagnostic.notes)
        lines.extend(f"{pad} {self.paint('|', BLUE)} {row}".rstrip() for row in diagnostic.table)
        lines.extend(f"{self.paint('help', GREEN)}: {clip(help.text)}" for help in diagnostic.helps)
        return "\n".join(lines)

    @staticmethod
    def via(call: Label) -> str:
        return f"in {clip(call.text)}, called at {call.span}"

    def excerpt(self, diagnostic: Diagnostic, source: Source, gutter: int, first: bool) -> list[str]:
        labels = [label for label in diagnostic.labels if label.span.source is source]
        bar = self.paint("|", BLUE)
        arrow = self.paint("-->" if first else ":::", BLUE)
        out = [f"{' ' * gutter}{arrow} {labels[0].span}", f"{' ' * gutter} {bar}"]
        by_line: dict[int, list[Label]] = {}
        for label in labels:
            by_line.setdefault(source.position(label.span.start)[0], []).append(label)
        previous = 0
        for number in sorted(by_line):
            if previous and number > previous + 1:
                out.append(" " * (gutter - 1) + self.paint("...", BLUE))
            previous = number
            line = source.line(number)
            for near in _near(by_line[number], len(line)):
                cut, text = _cut(line, near[0])
                out.append(f"{self.paint(str(number).rjust(gutter), BLUE)} {bar} {text}".rstrip())
                marks = self.marks(near, diagnostic.labels[0], text, cut)
                out.extend(f"{' ' * gutter} {bar} {mark}" for mark in marks)
        return out

    def marks(self, labels: list[Label], primary: Label, text: str, cut: int) -> list[str]:
        """Underlines of one source line: all rulers on one row where they do not overlap, texts below, right to left."""
        rows: list[str] = []
        for group in _disjoint(labels):
            rows.extend(self.group(group, primary, text, cut))
        return rows

    def group(self, group: list[Label], primary: Label, text: str, cut: int) -> list[str]:
        places = []
        for label in group:
            start = _column(label) - cut
            length = max(1, min(label.span.end - label.span.start, len(text) - start))
            mark, style = ("^", RED) if label is primary else ("-", BLUE)
            places.append((start, length, mark, style, clip(label.text)))
        last = places[-1]
        ruler, at = "", 0
        for start, length, mark, style, _ in places:
            ruler += " " * width(text[at:start]) + self.paint(mark * max(1, width(text[start : start + length])), style)
            at = start + length
        rows = [f"{ruler} {self.paint(last[4], last[3])}".rstrip()]
        rows.extend(
            " " * width(text[:start]) + self.paint(said, style)
            for start, _, _, style, said in reversed(places[:-1])
            if said
        )
        return rows


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _column(label: Label) -> int:
    """Where a label begins on its line, from 0."""
    return label.span.source.position(label.span.start)[1] - 1


def _near(labels: list[Label], length: int) -> list[list[Label]]:
    """The labels of a line by their start; those of a line too long to show in groups that one excerpt shows."""
    groups: list[list[Label]] = []
    for label in sorted(labels, key=lambda label: label.span.start):
        if groups and (length <= WIDEST or _column(label) - _column(groups[-1][0]) < WIDEST // 2):
            groups[-1].append(label)
        else:
            groups.append([label])
    return groups


def _cut(line: str, first: Label) -> tuple[int, str]:
    """The part of a line that is shown, and how much before it is left out."""
    if len(line) <= WIDEST:
        return 0, line.replace("\t", " ")
    column = _column(first)
    cut = 0 if column < WIDEST // 2 else column - WIDEST // 4
    text = line[cut : cut + WIDEST].replace("\t", " ")
    text = "..." + text[3:] if cut else text
    return cut, text[:-3] + "..." if cut + WIDEST < len(line) else text


def clip(text: str) -> str:
    """A text without the middle of what is too long to read."""
    return text if len(text) <= 4 * WIDEST else f"{text[: 2 * WIDEST]} ... {text[-WIDEST:]}"


def _disjoint(labels: list[Label]) -> list[list[Label]]:
    """Splits labels of one line, sorted by start, into groups whose spans do not overlap."""
    groups: list[list[Label]] = []
    for label in labels:
        for group in groups:
            if group[-1].span.end <= label.span.start:
                group.append(label)
                break
        else:
            groups.append([label])
    return groups
