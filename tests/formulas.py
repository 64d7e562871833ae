"""What `cnndsl.dims.formula` writes, read back: formulas evaluated, descriptions of sets of sizes asked about a size."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction


class Unread(Exception):  # noqa: N818 - a text of a kind that these tests do not read
    """A text that is none of those read here; it is passed over."""


THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
CALLS: dict[str, Callable[..., Fraction]] = {
    "floor": lambda x: Fraction(math.floor(x)),
    "ceil": lambda x: Fraction(math.ceil(x)),
    "min": min,
    "max": max,
}
OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Mod: lambda a, b: a % b,
}


def evaluated(text: str, at: Mapping[str, int]) -> Fraction:
    """A formula's text as arithmetic of fractions. Raises Unread where it is no such text."""
    try:
        tree = ast.parse(THOUSANDS.sub("", text).replace(" mod ", " % "), mode="eval")
    except SyntaxError:
        raise Unread(text) from None
    return _value(tree.body, at, text)


def _value(tree: ast.expr, at: Mapping[str, int], text: str) -> Fraction:
    def of(part: ast.expr) -> Fraction:
        return _value(part, at, text)

    match tree:
        case ast.Constant(value=int(number)):
            return Fraction(number)
        case ast.Name(id=letter) if letter in at:
            return Fraction(at[letter])
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -of(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](of(left), of(right))
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in CALLS:
            return CALLS[name](*map(of, arguments))
        case ast.Subscript(value=ast.List(elts=elements), slice=place):
            return of(elements[int(of(place))])
    raise Unread(text)


NUMBER = r"\d{1,3}(?:,\d{3})+|\d+"
LISTED = r"\d+(?:\.\.\d+)?(?:, \d+(?:\.\.\d+)?)*(?! <=)"


def conditions(text: str, letter: str) -> Iterator[list[Callable[[int], bool]]]:
    """The alternatives of a description of sizes, each a list of conditions that hold together."""
    for part in re.split(rf" or (?=no {letter}|{letter}\b|(?:{NUMBER}) <= )", text):
        yield list(_together(part, letter))


def _together(text: str, letter: str) -> Iterator[Callable[[int], bool]]:
    while text:
        for pattern, condition in PATTERNS:
            found = re.match(pattern.replace("LETTER", letter) + r"(?:, |$)", text)
            if found:
                yield condition(*map(_numbers, found.groups()))
                text = text[found.end() :]
                break
        else:
            raise Unread(text)


def _numbers(text: str) -> frozenset[int]:
    """`0..2, 31`: all of them."""
    runs = [part.split("..") for part in text.split(", ")]
    return frozenset(n for run in runs for n in range(_number(run[0]), _number(run[-1]) + 1))


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _only(numbers: frozenset[int]) -> int:
    (number,) = numbers
    return number


PATTERNS: tuple[tuple[str, Callable[..., Callable[[int], bool]]], ...] = (
    (rf"LETTER = ({LISTED}) mod ({NUMBER})", lambda r, m: lambda n: n % _only(m) in r),
    (rf"LETTER != ({LISTED}) mod ({NUMBER})", lambda r, m: lambda n: n % _only(m) not in r),
    (rf"LETTER = ({LISTED})", lambda sizes: lambda n: n in sizes),
    (rf"LETTER >= ({NUMBER})", lambda low: lambda n: n >= _only(low)),
    (rf"LETTER <= ({NUMBER})", lambda high: lambda n: n <= _only(high)),
    (rf"({NUMBER}) <= LETTER <= ({NUMBER})", lambda low, high: lambda n: _only(low) <= n <= _only(high)),
    ("no LETTER", lambda: lambda n: False),
)


def says(text: str, letter: str) -> Callable[[int], bool]:
    """A description of sizes as a test of a size. Raises Unread where it is no such text."""
    alternatives = list(conditions(text, letter))
    return lambda n: any(all(condition(n) for condition in together) for together in alternatives)


def accepts(text: str, letters: tuple[str, ...]) -> Callable[[Mapping[str, int]], bool]:
    """What a contract says of its sizes, `H >= 2; W >= 1 or (H = 1 or H = 4); W >= 4`, as a test of sizes by letter."""
    if len(letters) == 1:
        alone = says(text, letters[0])
        return lambda at: alone(at[letters[0]])
    next_box = rf" or (?=\(?(?:no {letters[0]}|{letters[0]}\b|(?:{NUMBER}) <= {letters[0]}\b))"
    boxes: list[list[Callable[[int], bool]]] = []
    while text:
        box: list[Callable[[int], bool]] = []
        for letter in letters:
            if text.startswith("("):
                words, _, text = text[1:].partition(")")
            else:
                found = re.search("; " if letter != letters[-1] else next_box, text)
                words, text = (text[: found.start()], text[found.start() :]) if found else (text, "")
            text = text.removeprefix("; ") if letter != letters[-1] else text.removeprefix(" or ")
            box.append(says(words, letter))
        boxes.append(box)
    return lambda at: any(all(test(at[k]) for test, k in zip(box, letters, strict=True)) for box in boxes)
