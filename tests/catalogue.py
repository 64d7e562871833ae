"""The catalogue of broken specs in `tests/errors/`: which there are, and what is said about each.

A spec is checked with all its nets. A first line `# cnndsl check THIS:net --set name=value --input 3x8x8` says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnndsl import api, suggest
from cnndsl.arguments import read_value
from cnndsl.diagnostic import Diagnostic, SpecError

ERRORS = Path(__file__).parent / "errors"
OPTIONS = "# cnndsl check THIS"


def cases() -> list[Path]:
    """The broken specs, sorted by name. What they import stands in a folder below."""
    return sorted(ERRORS.glob("*.cnn"))


def complaints(path: Path) -> tuple[Diagnostic, ...]:
    """Every diagnostic of a broken spec, with helps tried to the end however slow the machine."""
    asked = options(path)
    with working_in(path.parent), patience():
        try:
            if asked is not None:
                net, inputs, settings = asked
                api.check(f"{path.name}:{net}" if net else path.name, inputs, **settings)
                return ()
            return tuple(api.check_all(Path(path.name))[1])
        except SpecError as error:
            return error.diagnostics


def text_of(diagnostics: tuple[Diagnostic, ...]) -> str:
    """As the command line prints them."""
    return SpecError(diagnostics).render() + "\n"


def options(path: Path) -> tuple[str, tuple[str, ...], dict[str, Any]] | None:
    """The net, the inputs and the parameters that the first line of a spec asks for; None where it asks for nothing."""
    first = path.read_bytes().split(b"\n")[0].decode("utf-8", "replace").strip()
    if not first.startswith(OPTIONS):
        return None
    net, *words = first.removeprefix(OPTIONS).split(" ")
    pairs = list(zip(words[::2], words[1::2], strict=True))
    settings = {
        key: read_value(value) for flag, text in pairs if flag == "--set" for key, value in [text.split("=", 1)]
    }
    return net.removeprefix(":"), tuple(text for flag, text in pairs if flag == "--input"), settings


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Another current folder, so that messages name files without their folders."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def patience() -> Iterator[None]:
    before, suggest.MOST_SECONDS = suggest.MOST_SECONDS, 60.0
    try:
        yield
    finally:
        suggest.MOST_SECONDS = before
