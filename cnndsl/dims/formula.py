"""How formulas and sets of sizes are written: `ceil(H/32)`, `118,013,952*ceil(H/2)*ceil(W/2)`, `H = 0 mod 16, H >= 16`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from math import gcd, lcm

from cnndsl.dims.form import Box, Form
from cnndsl.dims.steps import ALL, CACHED, Sizes, Steps, divisors

MOST_LISTED = 8
"""So many sizes or residues are listed one by one before a pattern that is no better is cut short."""


def written(form: Form, box: Box) -> str:
    """A formula, as short as it can be said of the sizes of a box: `floor(H/2)` is `H/2` where H is even."""
    terms = [_product(factors, coefficient, box) for factors, coefficient in form.products]
    if not terms and form.single is not None:
        letter, steps = form.single
        return function(letter, steps, box.get(letter, ALL))
    terms += [function(letter, steps, box.get(letter, ALL)) for letter, steps in form.singles]
    if form.const or not terms:
        terms.append(f"{form.const:,}")
    return " + ".join(terms).replace("+ -", "- ")


def _product(factors: tuple[tuple[str, Steps], ...], coefficient: int, box: Box) -> str:
    words = [function(letter, steps, box.get(letter, ALL)) for letter, steps in factors]
    numbers = [int(word.replace(",", "")) for word in words if word.replace(",", "").isdigit()]
    for number in numbers:
        coefficient *= number
    words = [f"({w})" if _is_sum(w) else w for w in words if not w.replace(",", "").isdigit()]
    return "*".join([f"{coefficient:,}"] * (coefficient != 1 or not words) + words)


def _is_sum(text: str) -> bool:
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
        return _few(letter, points)
    slope = gcd(rise, period)
    up, down = rise // slope, period // slope
    first, value = points[0]
    if all(down * (v - value) == up * (n - first) for n, v in points):
        return _line(letter, up, down, down * value - up * first)
    if up <= 0:
        return _listed(letter, steps, points)
    for factor in divisors(slope * max(1, domain.marks.period // gcd(period, domain.marks.period))):
        text = _rounded(letter, up * factor, down * factor, points)
        if text:
            return text
    return _listed(letter, steps, points)


def _points(steps: Steps, domain: Sizes) -> list[tuple[int, int]]:
    """Enough sizes of a domain, with the values there, to know the function by."""
    head = max(len(steps.head), len(domain.marks.head))
    last = head + 2 * lcm(steps.period, domain.marks.period)
    return [(n, steps(n)) for n in range(1, last + 1) if n in domain]


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


def _times(factor: int, text: str) -> str:
    return text if factor == 1 else f"-{text}" if factor == -1 else f"{factor:,}*{text}"


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


def _few(letter: str, points: list[tuple[int, int]]) -> str:
    """A function of a few sizes: a constant, a line, a rounded line, or its values."""
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
            text = _rounded(letter, factor, divisor, points) if (at_b - at_a) * divisor < 4 * factor * (b - a) else ""
            if text:
                return text
    return _table(letter, points)


def _listed(letter: str, steps: Steps, points: list[tuple[int, int]]) -> str:
    """A function that is no rounded line: by its values on one period, `(H + [0, 1, 1, 2][H mod 4])/2`."""
    period, rise = steps.period, steps.rise
    if period > MOST_LISTED or steps.head:
        return f"{letter}' of {period} kinds, {letter} mod {period}" if not rise else _rough(letter, steps)
    by_residue = [steps(n if n else period) - (rise if n == 0 else 0) for n in range(period)]
    kinds = ", ".join(map(str, by_residue))
    return f"[{kinds}][{letter} mod {period}]" + (f" + {_times(rise, f'floor({letter}/{period})')}" if rise else "")


def _rough(letter: str, steps: Steps) -> str:
    return f"about {steps.rise}*{letter}/{steps.period}"


def _table(letter: str, points: list[tuple[int, int]]) -> str:
    runs = [(value, [n for n, _ in group]) for value, group in groupby(points, key=lambda point: point[1])]
    shown = ", ".join(f"{value} at {_range(sizes)}" for value, sizes in runs[:MOST_LISTED])
    return f"[{shown}{', ...' if len(runs) > MOST_LISTED else ''}]"


# --- sets --------------------------------------------------------------------------------------------------------


def described(sizes: Sizes, letter: str) -> str:
    """A set of sizes: `H >= 32`, `H = 0 mod 16, H >= 16`, `63 <= H <= 94`, `H = 1, 3 or H >= 5`."""
    if not sizes:
        return f"no {letter}"
    if not sizes.infinite:
        return " or ".join(_interval(run, letter) for run in _runs(list(sizes)))
    return " or ".join(_pattern(sizes, letter))


def _pattern(sizes: Sizes, letter: str) -> Iterator[str]:
    """The sizes before the pattern begins, then residues and where they begin."""
    period = sizes.marks.period
    reach = sizes.window + period
    residues = sorted(
        {n % period for n in range(len(sizes.marks.head) + 1, len(sizes.marks.head) + period + 1) if n in sizes}
    )
    start = next(
        n for n in range(1, reach + 1) if all((m in sizes) == (m % period in residues) for m in range(n, reach + 1))
    )
    while start not in sizes:
        start += 1
    yield from (_interval(run, letter) for run in _runs([n for n in range(1, start) if n in sizes]))
    if period == 1:
        yield f"{letter} >= {start}"
        return
    missing = [n for n in range(period) if n not in residues]
    if len(missing) == 1 < len(residues) - 1:
        yield f"{letter} != {missing[0]} mod {period}, {letter} >= {start}"
    else:
        yield f"{letter} = {_any_of(residues)} mod {period}, {letter} >= {start}"


def _any_of(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + " or " * (len(numbers) > 1) + str(numbers[-1])


def _runs(numbers: list[int]) -> list[list[int]]:
    """Numbers in order, split where they are no neighbours; numbers far apart with one step between them are one run."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return runs


def _interval(run: list[int], letter: str) -> str:
    return f"{letter} = {run[0]}" if len(run) == 1 else f"{run[0]} <= {letter} <= {run[-1]}"


def _range(sizes: list[int]) -> str:
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]}..{sizes[-1]}"
