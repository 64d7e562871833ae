"""Lines of Python as a formatter would break them."""

from __future__ import annotations

WIDTH = 120
_PAIRS = {")": "(", "]": "[", "}": "{"}


def wrap(text: str, indent: int, comment: str = "") -> list[str]:
    """A statement on one line where it fits, else broken at its last bracket, its parts below one another."""
    pad = " " * indent
    if len(pad) + len(text) <= WIDTH:
        whole = f"{pad}{text}  # {comment}" if comment else f"{pad}{text}"
        return [whole if len(whole) <= WIDTH else f"{pad}{text}"]
    terms = _terms(text)
    if terms:
        lead, first, *rest = terms
        lines = [f"{pad}{lead}(", *wrap(first, indent + 4)]
        for term in rest:
            lines.extend(wrap(term, indent + 4))
        return [*lines, f"{pad})"]
    opening = _opening(text)
    if opening is None:
        return [pad + text]
    end = _closing(text)
    head, body, tail = text[: opening + 1], text[opening + 1 : end], text[end:]
    lines = [pad + head]
    if len(pad) + 4 + len(body) <= WIDTH:
        lines.append(f"{pad}    {body}")
    else:
        parts = _parts(body)
        # one part is an expression in parentheses, of which a comma would make a tuple
        pieces = [f"{part}," for part in parts] if len(parts) > 1 or body.endswith(",") else _sum(parts[0], 0)
        for piece in pieces:
            lines.extend(wrap(piece, indent + 4))
    last = f"{pad}{tail}"
    lines.append(f"{last}  # {comment}" if comment and len(last) + len(comment) + 4 <= WIDTH else last)
    return lines


def _terms(text: str) -> list[str]:
    """The head (`x = ` or `return `) and the terms of a sum, each behind its operator; nothing for what is no sum of several."""
    head = "return " if text.startswith("return ") else text[: text.find(" = ") + 3] if " = " in text else ""
    if not head or "(" in head:
        return []
    terms = _sum(text, len(head))
    return [head, *terms] if len(terms) > 1 else []


def _sum(text: str, start: int) -> list[str]:
    """The terms of the sum or product that begins at a place of a text, each behind its operator."""
    terms, depth = [], 0
    for at in range(start, len(text)):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
        elif depth == 0 and text[at : at + 3] in (" + ", " - ", " * "):
            terms.append(text[start:at])
            start = at + 1
    return [*terms, text[start:]]


def _closing(text: str) -> int:
    """The place of the last closing bracket."""
    return max(text.rfind(bracket) for bracket in _PAIRS)


def _opening(text: str) -> int | None:
    """The place of the bracket that the last closing one closes."""
    end = _closing(text)
    if end < 0:
        return None
    depth, quoted = 0, False
    for at in range(end, -1, -1):
        if text[at] == '"':
            quoted = not quoted
        if quoted:
            continue
        if text[at] in _PAIRS:
            depth += 1
        elif text[at] in "([{":
            depth -= 1
            if depth == 0:
                return at if at + 1 < end else None
    return None


def _parts(body: str) -> list[str]:
    """The text between brackets, cut at its commas."""
    parts, depth, start, quoted = [], 0, 0, False
    for at, char in enumerate(body):
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(body[start:at].strip())
            start = at + 1
    rest = body[start:].strip()
    return [*parts, rest] if rest else parts
