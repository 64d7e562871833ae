"""The nets that ship with cnndsl, and where a name leads: `resnet50`, `specs/resnet.cnn`, `my.cnn:net`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from cnndsl.diagnostic import Diagnostic, Help, SpecError
from cnndsl.source import shipped
from cnndsl.synonyms import nearest

NET = re.compile(r"^net\s+([A-Za-z_]\w*)", re.MULTILINE)
COMMENT = re.compile(r"#[^\n]*")


def nets_of(path: Path) -> list[str]:
    """The names of the nets a file holds, found without parsing it."""
    return NET.findall(COMMENT.sub("", path.read_text(encoding="utf-8")))


@cache
def shipped_nets() -> dict[str, Path]:
    """Every shipped net's file, by the net's name, in order of file and line."""
    found: dict[str, Path] = {}
    for path in sorted(shipped("specs").glob("*.cnn")):
        found.update((name, path) for name in nets_of(path))
    return found


def _exists(path: Path) -> bool:
    """Whether there is such a file; False too for a name that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def locate(spec: str | Path) -> tuple[Path, str | None]:
    """The file and the net's name (None where it is left open) of what a user calls a spec. Raises SpecError."""
    text = str(spec)
    name = None
    if re.search(r"[^:]:\w+$", text) and not _exists(Path(text)):
        text, name = text.rsplit(":", 1)
    path = Path(text)
    if path.suffix == ".cnn" or _exists(path) and not path.is_dir():
        return path, name
    nets = shipped_nets()
    if name is None and text in nets:
        return nets[text], text
    family = shipped("specs") / f"{text}.cnn"
    if _exists(family):
        return family, name
    close = nearest(text, [*nets, *(p.stem for p in shipped("specs").glob("*.cnn"))], 3)
    helps = (Help("did you mean " + " or ".join(f"`{c}`" for c in close) + "?"),) if close else ()
    raise SpecError(
        [
            Diagnostic(
                "E0206",
                f"there is no shipped net `{text}`, nor a file of that name",
                notes=("`cnndsl list` shows the shipped nets; a file ends in .cnn",),
                helps=helps,
            )
        ]
    )
