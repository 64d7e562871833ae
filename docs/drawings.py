"""The drawings of the gallery: `docs/drawings/NET.svg` for every shipped net.

Coordinates come from graphviz and differ from version to version, so a file says which DOT text it was made of: its SHA-256, in
a comment. A drawing is stale where that is not the DOT text of today; only then `refresh` writes it anew.

What graphviz writes is made half as large: attributes become classes, places lose their second decimal.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from xml.sax.saxutils import escape

from published import graph_of

from cnndsl.draw import draw
from cnndsl.render import render
from cnndsl.shipped import shipped_nets

FOLDER = Path(__file__).resolve().parent / "drawings"
MARK = re.compile(r"<!-- sha256 of the DOT text: (\w+) -->")
LOOKS = (
    *("fill", "stroke", "stroke-width", "stroke-dasharray"),
    *("font-family", "font-size", "font-weight", "font-style", "text-anchor"),
)
PLACES = ("x", "y", "d", "points")
DEFAULTS = {("text-anchor", "start"), ("stroke", "transparent"), ("stroke", "none")}
NUMBER = re.compile(r"-?\d+\.\d+")
TITLE = "{http://www.w3.org/1999/xlink}title"


def drawing_of(net: str) -> str:
    """The DOT text of a net's drawing."""
    return draw(graph_of(net))


def hash_of(dot: str) -> str:
    return sha256(dot.encode()).hexdigest()


def refresh() -> Iterator[Path]:
    """Writes the drawings whose DOT text has changed, takes away those of nets that are no more, and gives their paths."""
    FOLDER.mkdir(exist_ok=True)
    for path in set(FOLDER.glob("*.svg")) - {FOLDER / f"{net}.svg" for net in shipped_nets()}:
        path.unlink()
        yield path
    for net in shipped_nets():
        path, dot = FOLDER / f"{net}.svg", drawing_of(net)
        if not path.exists() or made_of(path.read_text(encoding="utf-8")) != hash_of(dot):
            path.write_text(small(net, dot), encoding="utf-8", newline="\n")
            yield path


def made_of(svg: str) -> str | None:
    """What a drawing says it was made of."""
    found = MARK.search(svg)
    return found[1] if found else None


def small(net: str, dot: str) -> str:
    """The SVG of a DOT text, with its hash and without what a browser can do without."""
    root = ET.fromstring(render(dot))
    (whole,) = (element for element in root if _tag(element) == "g")
    shift = whole.attrib["transform"].rpartition("translate")[2]
    looks: dict[str, str] = {}
    lines = list(_elements(whole, looks))
    styles = (f".{name}{{{style}}}" for style, name in looks.items())
    size = f'viewBox="{root.attrib["viewBox"]}" width="{root.attrib["width"]}" height="{root.attrib["height"]}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            f"<!-- sha256 of the DOT text: {hash_of(dot)} -->",
            f"<title>{escape(net)}</title>",
            f"<style>{''.join(styles)}</style>",
            f'<g transform="translate{shift}">',
            *lines,
            "</g></svg>\n",
        ]
    )


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _elements(parent: ET.Element, looks: dict[str, str]) -> Iterator[str]:
    """What stands in a group, a line each; a box with a tooltip keeps its group."""
    for element in parent:
        match _tag(element):
            case "g":
                yield from _elements(element, looks)
            case "a":
                yield f"<g><title>{escape(element.attrib[TITLE])}</title>"
                yield from _elements(element, looks)
                yield "</g>"
            case "title":
                pass
            case tag:
                yield _element(tag, element, looks)


def _element(tag: str, element: ET.Element, looks: dict[str, str]) -> str:
    look = ";".join(
        f"{name}:{element.attrib[name]}"
        for name in LOOKS
        if name in element.attrib and (name, element.attrib[name]) not in DEFAULTS
    )
    name = looks.setdefault(look, f"c{len(looks)}")
    places = {key: NUMBER.sub(_rounded, element.attrib[key]) for key in PLACES if key in element.attrib}
    rectangle = _rectangle(places.get("points", ""))
    if tag == "polygon" and rectangle:
        tag, places = "rect", rectangle
    text = escape(element.text or "")
    where = "".join(f' {key}="{value}"' for key, value in places.items())
    return f'<{tag} class="{name}"{where}' + (f">{text}</{tag}>" if text else "/>")


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


def _rectangle(points: str) -> dict[str, str] | None:
    """A polygon of five points that is an upright rectangle, as one."""
    places = [tuple(map(float, point.split(","))) for point in points.split()]
    xs, ys = {x for x, _ in places}, {y for _, y in places}
    if (len(places), len(xs), len(ys)) != (5, 2, 2):
        return None
    sides = {"x": min(xs), "y": min(ys), "width": max(xs) - min(xs), "height": max(ys) - min(ys)}
    return {name: f"{side:.1f}".removesuffix(".0") for name, side in sides.items()}
