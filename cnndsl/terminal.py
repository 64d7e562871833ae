"""What the command line does to the outside: colours, files written beside and renamed, errors in one line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from cnndsl.diagnostic import BOLD, PLAIN, RED, SpecError
from cnndsl.files import write_whole

if TYPE_CHECKING:
    from cnndsl.table import Table


class Failure(click.ClickException):
    """Something outside of a spec went wrong: exit code 1 and one line."""

    def show(self, file: IO[Any] | None = None) -> None:
        complain(self.message)


def wants_color(stream: IO[str]) -> bool:
    """Colours only on a terminal, and not where NO_COLOR (no-color.org) or a dumb terminal says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def complain(message: str) -> None:
    """`error: message` on stderr."""
    head = f"{RED}error{PLAIN}{BOLD}" if wants_color(sys.stderr) else "error"
    tail = PLAIN if wants_color(sys.stderr) else ""
    click.echo(f"{head}: {message}{tail}", err=True, color=wants_color(sys.stderr))


def print_json(data: Any, stream: IO[str] | None = None) -> None:
    """Plain data, on stdout unless a stream is given."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False), file=stream)


def print_diagnostics(error: SpecError) -> None:
    """A spec's errors on stderr."""
    color = wants_color(sys.stderr)
    click.echo(error.render(color) + "\n", err=True, color=color)


def print_table(table: Table) -> None:
    """A table on stdout."""
    from cnndsl.table import show

    show(table, sys.stdout, wants_color(sys.stdout))


def print_pairs(pairs: tuple[tuple[str, str], ...], stream: IO[str]) -> None:
    """Named lines, their values aligned."""
    width = max(len(name) for name, _ in pairs)
    bold, plain = (BOLD, PLAIN) if wants_color(stream) else ("", "")
    for name, value in pairs:
        click.echo(f"  {bold}{name:<{width}}{plain}  {value}", file=stream, color=wants_color(stream))


def write(path: Path, data: bytes) -> None:
    """Writes a file, whole or not at all. Raises Failure where it cannot be written."""
    try:
        write_whole(path, data)
    except FileNotFoundError:
        raise Failure(f"cannot write {path}: there is no folder {path.parent}") from None
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror or error}") from None
