"""How formulas and sets of sizes are written: `ceil(H/32)`, `9,408*ceil(H/2)*ceil(W/2)`, `H = 0 mod 16, H >= 16`."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import groupby, takewhile
from math import gcd, lcm
from typing import NamedTuple

from cnndsl.dims.box import Box
from cnndsl.dims.form import Form
from cnndsl.dims.sets import ALL, Sizes
from cnndsl.dims.steps import CACHED, Steps, divisors

MOST_LISTED = 8
"""So many sizes or residues are listed one by one before a pattern that is no better is cut short."""


def written(form: Form, box: Box) -> str:
    """A formula, as short as it can be said of the sizes of a box: `floor(H/2)` is `H/2` where H is even. What grows fastest first."""
    if not form.products and form.single is not None:
        letter, steps = form.single
        return function(letter, steps, box.get(letter, ALL))
    const = Fraction(form.const)
    terms: dict[str, Fraction] = {}
    growth: dict[str, Fraction] = {}
    for factors, coefficient in form.products:
        text, factor, rate = _product(factors, box)
        if not text:
            const += coefficient * factor
            continue
        terms[text] = terms.get(text, Fraction(0)) + coefficient * factor
        growth[text] = growth.get(text, Fraction(0)) + abs(coefficient * rate)
    texts = [_times(terms[text], text) for text in sorted(terms, key=lambda text: -growth[text]) if terms[text]]
    texts += [function(letter, steps, box.get(letter, ALL)) for letter, steps in form.singles]
    if const or not texts:
        texts.append(f"{int(const):,}" if const.denominator == 1 else str(const))
    return " + ".join(texts).replace("+ -", "- ")


def _product(factors: tuple[tuple[str, Steps], ...], box: Box) -> tuple[str, Fraction, Fraction]:
    """A product as text and a factor before it, with constants and `H/2` taken out; and how fast it grows."""
    words: list[str] = []
    factor = rate = Fraction(1)
    for letter, steps in factors:
        domain = box.get(letter, ALL)
        points = _points(steps, domain)
        slope = Fraction(steps.rise, steps.period) if domain.infinite else Fraction(*reversed(points[-1]))
        rate *= slope
        if all(value == points[0][1] for _, value in points):
            factor *= points[0][1]
        elif all(value == slope * n for n, value in points):
            factor *= slope
            words.append(letter)
        else:
            words.append(_factor(function(letter, steps, domain)))
    return "*".join(words), factor, rate


def is_sum(text: str) -> bool:
    """Whether a text is a sum outside of all parentheses."""
    depth = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == " " and depth == 0:
            return True
    return False


@lru_cache(CACHED)
def function(letter: str, steps: Steps, domain: Sizes) -> str:
    """A function of a letter as a text, of the sizes in a domain."""
    points = _points(steps, domain)
    if not points:
        return "?"
    rise, period = steps.rise, steps.period
    if not domain.infinite:
        return _few(letter, steps, domain, points)
    slope = gcd(rise, period)
    up, down = rise // slope, period // slope
    first, value = points[0]
    if all(down * (v - value) == up * (n - first) for n, v in points):
        return _line(letter, up, down, down * value - up * first)
    if up <= 0:
        return _derived(letter, steps, domain)
    for factor in divisors(slope * max(1, domain.period // gcd(period, domain.period))):
        text = _rounded(letter, up * factor, down * factor, points)
        if text:
            return text
    return _derived(letter, steps, domain)


def _points(steps: Steps, domain: Sizes) -> list[tuple[int, int]]:
    """Enough sizes of a domain, with the values there, to know the function by."""
    head = max(len(steps.head), domain.length)
    last = head + 2 * lcm(steps.period, domain.period)
    return [(n, steps(n)) for n in takewhile(lambda n: n <= last, domain)]


def _line(letter: str, up: int, down: int, shift: int) -> str:
    """(up*letter + shift) / down, which is whole."""
    if up == 0:
        return f"{shift // down:,}"
    common = gcd(up, down, shift)
    up, down, shift = up // common, down // common, shift // common
    if shift % down == 0 and down > 1:
        return _plus(f"{_times(up, letter)}/{down}", shift // down)
    top = _plus(_times(up, letter), shift)
    return top if down == 1 else f"({top})/{down}" if shift else f"{top}/{down}"


def _times(factor: int | Fraction, text: str) -> str:
    if isinstance(factor, Fraction) and factor.denominator > 1:
        return f"{factor.numerator:,}/{factor.denominator:,}*{text}"
    return text if factor == 1 else f"-{text}" if factor == -1 else f"{int(factor):,}*{text}"


def _plus(text: str, addend: int) -> str:
    return text if addend == 0 else f"{text} {'+' if addend > 0 else '-'} {abs(addend):,}"


def _rounded(letter: str, factor: int, divisor: int, points: list[tuple[int, int]]) -> str:
    """factor*floor((letter + shift)/divisor) + addend, or with ceil, whichever has the smaller shift; empty where it is none."""
    remainder = points[0][1] % factor
    if any((value - remainder) % factor for _, value in points):
        return ""
    # floor((n + shift)/divisor) = q means q*divisor <= n + shift < (q + 1)*divisor, for all points at once
    low = max((value - remainder) // factor * divisor - n for n, value in points)
    high = min(((value - remainder) // factor + 1) * divisor - n for n, value in points) - 1
    if low > high:
        return ""
    if remainder > factor - remainder:
        remainder, low, high = remainder - factor, low + divisor, high + divisor
    shift = 0 if low <= 0 <= high else low if low > 0 else high
    up = divisor - 1  # floor((n + shift)/d) = ceil((n + shift - d + 1)/d)
    above = 0 if low <= up <= high else low - up if low > up else high - up
    if abs(above) < abs(shift):
        text = f"ceil({_top(letter, above)}/{divisor})"
    else:
        text = f"floor({_top(letter, shift)}/{divisor})"
    return _plus(_times(factor, text), remainder)


def _top(letter: str, shift: int) -> str:
    return letter if shift == 0 else f"({_plus(letter, shift)})"


def _few(letter: str, steps: Steps, domain: Sizes, points: list[tuple[int, int]]) -> str:
    """A function of a few sizes: a constant, a line, a rounded line, as it was computed, or its values."""
    values = {value for _, value in points}
    if len(values) == 1:
        return f"{points[0][1]:,}"
    (a, at_a), (b, at_b) = points[0], points[-1]
    common = gcd(at_b - at_a, b - a)
    up, down = (at_b - at_a) // common, (b - a) // common
    if all((v - at_a) * down == up * (n - a) for n, v in points):
        return _line(letter, up, down, down * at_a - up * a)
    for divisor in range(2, b + 1):
        for factor in (1, 2, 4, 8):
            near = abs((at_b - at_a) * divisor - factor * (b - a)) <= 2 * factor * divisor
            text = _rounded(letter, factor, divisor, points) if near else ""
            if text:
                return text
    return _derived(letter, steps, domain) if steps.made is not None else _table(letter, points)


def _derived(letter: str, steps: Steps, domain: Sizes) -> str:
    """A function that is no rounded line: as it was computed, else by its values on one period."""
    if steps.made is not None:
        how, parts, (a, b) = steps.made
        if how == "line":
            return _multiple(letter, parts[0], a, b, domain)
        texts = [_factor(function(letter, part, domain)) for part in parts]
        if how == "floor":
            return f"floor({texts[0]}/{a})"
        return f"{_times(a, texts[0])} + {_times(b, texts[1])}".replace("+ -", "- ")
    period, rise, start = steps.period, steps.rise, len(steps.head) + 1
    kinds = [steps(n) - rise * (n // period) for n in (start + (r - start) % period for r in range(period))]
    text = f"[{', '.join(map(str, kinds))}][{letter} mod {period}]"
    text += f" + {_times(rise, f'floor({letter}/{period})')}" if rise else ""
    return f"{text} from {letter} = {start} on" if steps.head else text


def _multiple(letter: str, part: Steps, a: int, b: int, domain: Sizes) -> str:
    """a*part + b; -floor(-x/d) is ceil(x/d)."""
    if a < 0 and part.made is not None and part.made[0] == "floor":
        (inner,), (divisor, _) = part.made[1:]
        return _plus(_times(-a, f"ceil({_factor(_negated(letter, inner, domain))}/{divisor})"), b)
    text = function(letter, part, domain)
    return _plus(_times(a, text if a == 1 else _factor(text)), b)


def _negated(letter: str, steps: Steps, domain: Sizes) -> str:
    """-steps, from how it was computed: what it was computed of is older, so that this comes to an end."""
    if steps.made is not None and steps.made[0] == "floor":
        return _multiple(letter, steps, -1, 0, domain)
    if steps.made is None or steps.made[0] == "sum":
        return f"-{_factor(function(letter, steps, domain))}"
    (part,), (a, b) = steps.made[1:]
    return _multiple(letter, part, -a, -b, domain)


def _factor(text: str) -> str:
    return f"({text})" if is_sum(text) else text


def _table(letter: str, points: list[tuple[int, int]]) -> str:
    """A function of a few sizes by its values."""
    runs = [(value, [n for n, _ in group]) for value, group in groupby(points, key=lambda point: point[1])]
    shown = ", ".join(f"{value} at {_range(sizes)}" for value, sizes in runs[:MOST_LISTED])
    return f"[{shown}{', ...' if len(runs) > MOST_LISTED else ''}]"


# --- sets --------------------------------------------------------------------------------------------------------


class Piece(NamedTuple):
    """Sizes from `low` to `high` (None: without an end) that leave one of `residues` when divided by `modulus`."""

    low: int
    high: int | None
    modulus: int = 1
    residues: tuple[int, ...] = (0,)


def pieces(sizes: Sizes) -> list[Piece]:
    """A set of sizes as few simple ones, in order."""
    if not sizes.infinite:
        return _runs(list(sizes))
    period = sizes.period
    reach = sizes.window + period
    pattern = range(sizes.length + 1, sizes.window + 1)
    residues = tuple(sorted({n % period for n in pattern if n in sizes}))
    start = reach - period
    while start > 1 and ((start - 1) in sizes) == ((start - 1) % period in residues):
        start -= 1
    before = [n for n in range(1, start) if n in sizes]
    low = next(n for n in range(start, start + period) if n in sizes)
    return [*_runs(before), Piece(low, None, period, residues)]


def _runs(numbers: list[int]) -> list[Piece]:
    """Numbers in order as runs of neighbours, or of three and more that keep one distance."""
    found: list[Piece] = []
    at = 0
    while at < len(numbers):
        step = numbers[at + 1] - numbers[at] if at + 1 < len(numbers) else 1
        end = at
        while end + 1 < len(numbers) and numbers[end + 1] - numbers[end] == step:
            end += 1
        if step > 1 and end - at < 2:
            end, step = at, 1
        found.append(Piece(numbers[at], numbers[end], step, (numbers[at] % step,)))
        at = end + 1
    return found


def described(sizes: Sizes, letter: str) -> str:
    """A set of sizes: `H >= 32`, `H = 0 mod 16, H >= 16`, `63 <= H <= 94`, `H = 1 or H >= 5`."""
    return " or ".join(_piece(piece, letter) for piece in pieces(sizes)) or f"no {letter}"


def _piece(piece: Piece, letter: str) -> str:
    low, high, modulus, residues = piece
    if low == high:
        return f"{letter} = {low}"
    bounds = f"{letter} >= {low}" if high is None else f"{low} <= {letter} <= {high}"
    if modulus == 1:
        return bounds
    missing = [n for n in range(modulus) if n not in residues]
    if len(missing) == 1 < len(residues):
        return f"{letter} != {missing[0]} mod {modulus}, {bounds}"
    return f"{letter} = {_listed(residues)} mod {modulus}, {bounds}"


def _listed(residues: tuple[int, ...]) -> str:
    """`0, 2`, or `0..7, 12..15` where three and more are neighbours."""
    runs: list[list[int]] = []
    for residue in residues:
        if runs and residue == runs[-1][-1] + 1:
            runs[-1].append(residue)
        else:
            runs.append([residue])
    return ", ".join(f"{run[0]}..{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _range(sizes: list[int]) -> str:
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]}..{sizes[-1]}"
