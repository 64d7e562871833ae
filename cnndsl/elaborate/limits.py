"""What keeps open sizes out of a net, place by place: for which sizes, the smallest of them, and edits that may let them in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from cnndsl.contract import Contract, Excluded, Why
from cnndsl.diagnostic import Diagnostic, Label
from cnndsl.dims import ALL, NONE, Box, Sizes, described, hull, joint, leftover
from cnndsl.source import Span

Explained = Callable[[dict[str, int]], tuple[Sequence[Diagnostic], Sequence[Diagnostic]]]
"""The diagnostics of a walk at sizes: with formulas, and with the numbers of those sizes."""

SHOWN = 3
"""So many boxes are written out."""

DECISIONS: dict[Why, str] = {
    "weight": "the weights of `{}` are for the size the spec has; at others it would have other weights",
    "attribute": "an attribute is computed from the size, and is another at other sizes",
    "condition": "a condition on the size comes out the other way at other sizes",
    "network": "at some sizes the spec describes other layers",
    "shortcut": "the shortcut would have another stride, or none, at other sizes",
    "shape": "some sizes do not fit",
}


def limits(contract: Contract, explained: Explained) -> list[Diagnostic]:
    """A diagnostic for each place that keeps sizes out, with the sizes it keeps out in a note."""
    places: dict[tuple[str, str], list[Excluded]] = {}
    for found in contract.excluded:
        places.setdefault((found.why, str(found.span)), []).append(found)
    out = [_limit(group, explained) for group in places.values()]
    unique = {diagnostic.place: diagnostic for diagnostic in reversed(out)}
    return list(reversed(unique.values()))


def _limit(group: list[Excluded], explained: Explained) -> Diagnostic:
    first, boxes = group[0], [found.box for found in group]
    notes = [f"only where {_where_all(group)}"]
    if first.why == "weight":
        notes = [f"the smallest size that does not fit is {'x'.join(map(str, smallest(boxes).values()))}"]
    diagnostic = Diagnostic("E0218", DECISIONS[first.why].format(first.text), (Label(first.span),), severity="limit")
    if first.why in ("shape", "shortcut"):
        formulas = _at(first.span, explained(typical(boxes))[0])
        if formulas is not None:
            diagnostic = replace(formulas, severity="limit")
            notes.append(example(boxes, first.span, lambda at: explained(at)[1]))
    return replace(diagnostic, notes=(*diagnostic.notes, *notes))


def example(boxes: Sequence[Box], place: Span, plain: Callable[[dict[str, int]], Sequence[Diagnostic]]) -> str:
    """The smallest sizes of some boxes, with what a diagnostic says of them; `plain` gives the diagnostics of the net at sizes."""
    at = smallest(boxes)
    found = _at(place, plain(at))
    said = [label.text.split("    ")[0] for label in found.labels[:2] if label.text] if found else []
    return f"the smallest is {'x'.join(map(str, at.values()))}" + (f": {'; '.join(said)}" if said else "")


def _at(place: Span, diagnostics: Sequence[Diagnostic]) -> Diagnostic | None:
    """The diagnostic that a walk gives at a place; None where it has none there, because it would go another way."""
    for found in diagnostics:
        spans = [label.span for label in (*found.labels, *found.trail)]
        if any(span.source.name == place.source.name and place.start <= span.start <= place.end for span in spans):
            return found
    return None


def smallest(boxes: Iterable[Box]) -> dict[str, int]:
    """The smallest sizes in some boxes, by letter: those with the least sum, of several with the largest height."""
    firsts = [{letter: sizes.first for letter, sizes in box.items()} for box in boxes]
    return min(firsts, key=lambda at: (sum(at.values()), *(-size for size in at.values())))


def typical(boxes: Sequence[Box]) -> dict[str, int]:
    """The smallest square in some boxes, which shows what is wrong with all axes at once; without one, the smallest sizes."""
    sides = [side for box in boxes if (side := intersection(box).first)]
    return dict.fromkeys(boxes[0], min(sides)) if sides else smallest(boxes)


def intersection(box: Box) -> Sizes:
    """The sizes that every letter of a box may have."""
    common = ALL
    for sizes in box.values():
        common = common & sizes
    return common


def _where_all(group: Sequence[Excluded]) -> str:
    """The sizes that a place keeps out; one after the other where it is met several times, as in a block that calls itself."""
    whole = _by_letter([found.box for found in group], hull([found.domain for found in group]))
    if whole is not None:
        return whole
    times: list[tuple[Box, list[Box]]] = []
    for found in group:
        if not times or times[-1][0] != found.domain:
            times.append((found.domain, []))
        times[-1][1].append(found.box)
    texts = [only_where(boxes, domain) for domain, boxes in times]
    more = f"; and {len(texts) - SHOWN} times more" if len(texts) > SHOWN else ""
    return "; then ".join(texts[:SHOWN]) + more


def only_where(boxes: Sequence[Box], domain: Box) -> str:
    """Some sizes of a domain as text."""
    by_letter = _by_letter(boxes, domain)
    if by_letter is not None:
        return by_letter
    few = joint(leftover(domain, boxes))
    shown = " or ".join("; ".join(described(sizes, letter) for letter, sizes in box.items()) for box in few[:SHOWN])
    return f"it is none of {shown}{' or ...' if len(few) > SHOWN else ''}"


def _by_letter(boxes: Sequence[Box], domain: Box) -> str | None:
    """Some sizes of a domain as text where one letter alone decides: `H is odd or W is odd`; None where it is not so."""
    left = leftover(domain, boxes)
    alone = {letter: sizes - _union(box[letter] for box in left) for letter, sizes in domain.items()}
    slabs = [{**domain, letter: sizes} for letter, sizes in alone.items() if sizes]
    if slabs and not any(leftover(box, slabs) for box in boxes):
        words = [_where(sizes, letter, domain[letter]) for letter, sizes in alone.items() if sizes]
        return " or ".join(words) if all(words) else "; ".join(described(domain[letter], letter) for letter in domain)
    return None


def _union(sets: Iterable[Sizes]) -> Sizes:
    whole = NONE
    for sizes in sets:
        whole = whole | sizes
    return whole


def _where(sizes: Sizes, letter: str, domain: Sizes) -> str:
    """A part of a domain as text; nothing for all of it."""
    if sizes == domain:
        return ""
    for residue, word in ((1, "odd"), (0, "even")):
        if sizes == domain & Sizes.of((), (residue == 1, residue == 0)):
            return f"{letter} is {word}"
    return described(sizes, letter)
