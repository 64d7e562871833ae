"""Texts and places in them: a `Source` is a named text, a `Span` a half-open range of it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

MAX_BYTES = 4_000_000
"""A spec longer than this is refused before it is read: the longest shipped one has under 5,000 bytes."""

PACKAGE = Path(__file__).resolve().parent


def shipped(relative: str) -> Path:
    """The place of a file that ships with cnndsl, such as `grammar/cnn.lark` or `specs`.

    A wheel carries `grammar/` and `specs/` inside the package; a checkout has them beside it.
    """
    inside = PACKAGE / relative
    return inside if inside.exists() else PACKAGE.parent / relative


@dataclass(frozen=True, eq=False)
class Source:
    """A named text. `path` is where it was read from, None for a text given as a string."""

    name: str
    text: str = field(repr=False)
    path: Path | None = None

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        starts.extend(i + 1 for i, char in enumerate(self.text) if char == "\n")
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its end."""
        start = self._starts[number - 1]
        stop = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:stop].rstrip("\r")


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """The half-open range [start, end) of a source, in characters."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    def to(self, other: Span) -> Span:
        """The range from the start of this span to the end of another of the same source."""
        return Span(self.source, self.start, max(self.end, other.end))
