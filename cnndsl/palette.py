"""Colours of drawings: a fill per family of ops, and the greys of everything else. The only file with colours in it.

The fills are light enough for black text (contrast above 7:1) and tell apart in the common kinds of colour blindness by
lightness as well as hue: they follow Okabe & Ito's palette (Color Universal Design, 2008), mixed with white.
"""

from __future__ import annotations

from typing import NamedTuple


class Paint(NamedTuple):
    """A fill and the outline that goes with it."""

    fill: str
    outline: str


FAMILIES: dict[str, Paint] = {
    "conv": Paint("#a9d4f5", "#2f6f9f"),
    "linear": Paint("#c9c4ee", "#5b4fa3"),
    "pool": Paint("#f6b9a0", "#a8491f"),
    "norm": Paint("#e4ecf3", "#7c8c9b"),
    "activation": Paint("#fbe7a1", "#a68410"),
    "merge": Paint("#a8dfc4", "#1f7a54"),
    "reshape": Paint("#e9d5e4", "#8d5f80"),
    "regularize": Paint("#ececec", "#8a8a8a"),
    "boundary": Paint("#ffffff", "#444444"),
}
OTHER = Paint("#f2f2f2", "#777777")
"""For a family that has no colour of its own."""

INK = "#1c1c1c"
EDGE = "#555555"
EDGE_TEXT = "#5a5a5a"
BLOCK = Paint("#fafafa", "#b5b5b5")
BLOCK_INSIDE = Paint("#f1f3f5", "#b5b5b5")


def paint(family: str) -> Paint:
    """The colours of a family of ops."""
    return FAMILIES.get(family, OTHER)
