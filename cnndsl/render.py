"""DOT text to a picture: `render(dot, format)` runs graphviz' `dot`."""

from __future__ import annotations

FORMATS = ("svg", "png", "pdf", "dot")
"""What `render` writes. `dot` is the text itself."""

PNG_DPI = 144
"""Twice the 72 points of an inch: sharp on a slide."""

INSTALL = "the program `dot` of graphviz is missing: install it with `apt-get install graphviz` (or `brew`, `conda`)"


class RenderError(Exception):
    """The picture could not be made; the message says what to do."""


def render(dot: str, format: str = "svg") -> bytes:
    """The picture of a DOT text in one of `FORMATS`.

    Raises RenderError where `dot` is not installed or does not take the text, ValueError for another format.
    """
    if format not in FORMATS:
        raise ValueError(f"format {format!r} is none of {', '.join(FORMATS)}")
    if format == "dot":
        return dot.encode()
    import graphviz

    source = f"digraph{dot.removeprefix('digraph')}"
    if format == "png":
        source = source.replace("{", f"{{\n\tdpi={PNG_DPI}", 1)
    try:
        return bytes(graphviz.Source(source).pipe(format=format, quiet=True))
    except graphviz.ExecutableNotFound:
        raise RenderError(INSTALL) from None
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip().splitlines()
        raise RenderError(f"`dot` failed: {said[0] if said else f'exit code {error.returncode}'}") from None
