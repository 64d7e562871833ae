"""Formulas in the open sizes: sums of products of functions of one letter each, and the sizes at which one is zero or negative."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cnndsl.dims.box import Box, cut
from cnndsl.dims.sets import ALL, Sizes, equal_to, least, negatives, zeros
from cnndsl.dims.steps import CACHED, IDENTITY, Steps, combined, divisors, floored, shifted

Factor = tuple[str, Steps]
"""A letter and a function of it."""


class Unfollowed(Exception):  # noqa: N818 - it says that a question has no answer of this form
    """A question about sizes whose answer is no union of boxes: it ties letters to one another."""

    def __init__(self, letters: Iterable[str]) -> None:
        super().__init__()
        self.letters = sorted(letters)


@dataclass(frozen=True)
class Form:
    """const + the sum of `singles` (a function of a letter) + the sum of `products` (coefficient times factors).

    Factors have no common divisor, stand in order, and are not constant, so equal products are equal tuples.
    """

    const: int = 0
    singles: tuple[Factor, ...] = ()
    products: tuple[tuple[tuple[Factor, ...], int], ...] = ()

    @property
    def letters(self) -> set[str]:
        return {letter for letter, _ in self.singles} | {k for factors, _ in self.products for k, _ in factors}

    @property
    def constant(self) -> bool:
        return not self.singles and not self.products

    @cached_property
    def single(self) -> Factor | None:
        """The one letter it depends on, and all of it as a function of that letter; None where there are more."""
        if self.products or len(self.singles) != 1:
            return None
        letter, steps = self.singles[0]
        return letter, shifted(steps, 1, self.const) if self.const else steps

    def __call__(self, at: Mapping[str, int]) -> int:
        total = self.const + sum(steps(at[letter]) for letter, steps in self.singles)
        for factors, coefficient in self.products:
            for letter, steps in factors:
                coefficient *= steps(at[letter])
            total += coefficient
        return total


def letter_form(letter: str) -> Form:
    return Form(0, ((letter, IDENTITY),))


def function_form(letter: str, steps: Steps) -> Form:
    """A function of one letter as a formula."""
    return Form(steps.tail[0]) if steps.constant else Form(0, ((letter, steps),))


@lru_cache(CACHED)
def plus(one: Form, other: Form, a: int = 1, b: int = 1) -> Form:
    """a*one + b*other."""
    const = a * one.const + b * other.const
    singles: dict[str, Steps] = {letter: shifted(steps, a, 0) for letter, steps in one.singles}
    for letter, steps in other.singles:
        singles[letter] = combined(singles[letter], steps, 1, b) if letter in singles else shifted(steps, b, 0)
    products = {factors: a * coefficient for factors, coefficient in one.products}
    for factors, coefficient in other.products:
        products[factors] = products.get(factors, 0) + b * coefficient
    return _form(const, singles, products)


def _form(const: int, singles: Mapping[str, Steps], products: Mapping[tuple[Factor, ...], int]) -> Form:
    const += sum(steps.tail[0] for steps in singles.values() if steps.constant)
    kept = {letter: steps for letter, steps in singles.items() if not steps.constant}
    if len(kept) == 1 and const:
        kept = {letter: shifted(steps, 1, const) for letter, steps in kept.items()}
        const = 0
    return Form(
        const,
        tuple(sorted(kept.items(), key=lambda item: item[0])),
        tuple((factors, coefficient) for factors, coefficient in sorted(products.items(), key=_order) if coefficient),
    )


def _order(item: tuple[tuple[Factor, ...], int]) -> tuple[tuple[str, int], ...]:
    return tuple((letter, hash(steps)) for letter, steps in item[0])


@lru_cache(CACHED)
def times(one: Form, other: Form) -> Form:
    """The product of two formulas."""
    if one.constant:
        return plus(other, Form(), one.const)
    if other.constant:
        return plus(one, Form(), other.const)
    total = Form()
    for c1, f1 in _terms(one):
        for c2, f2 in _terms(other):
            total = plus(total, _product(c1 * c2, [*f1, *f2]))
    return total


def _terms(form: Form) -> Iterator[tuple[int, tuple[Factor, ...]]]:
    single = form.single
    if single is not None:
        yield 1, (single,)
        return
    if form.const:
        yield form.const, ()
    for factor in form.singles:
        yield 1, (factor,)
    for factors, coefficient in form.products:
        yield coefficient, factors


def _product(coefficient: int, factors: list[Factor]) -> Form:
    if not factors:
        return Form(coefficient)
    if len(factors) == 1:
        letter, steps = factors[0]
        return function_form(letter, shifted(steps, coefficient, 0))
    lowest = []
    for letter, steps in factors:
        content = steps.content()
        coefficient *= content
        lowest.append((letter, steps.each(lambda value, c=content: value // c, steps.rise // content)))  # type: ignore[misc]
    key = tuple(sorted(lowest, key=lambda factor: (factor[0], hash(factor[1]))))
    return Form(0, (), ((key, coefficient),))


def quotient(form: Form, divisor: int) -> Form:
    """floor(form / divisor), for a divisor above 0. Raises Unfollowed where letters meet and their part does not come out even."""
    if form.constant:
        return Form(form.const // divisor)
    single = form.single
    if single is not None:
        return function_form(single[0], floored(single[1], divisor))
    if any(steps.content() % divisor for _, steps in form.singles) or any(c % divisor for _, c in form.products):
        raise Unfollowed(form.letters)
    singles = tuple((letter, floored(steps, divisor)) for letter, steps in form.singles)
    return Form(form.const // divisor, singles, tuple((factors, c // divisor) for factors, c in form.products))


def remainder(steps: Steps, divisor: int) -> Steps:
    """steps mod divisor."""
    return combined(steps, floored(steps, divisor), 1, -divisor)


def by_quotients(form: Form, divisor: int, at: Mapping[str, int]) -> tuple[Form, Box]:
    """A formula rewritten with divisor*q + r for each of its functions, where r is the one at `at`; and where it is that.

    All but its constant is a multiple of the divisor then.
    """
    box: Box = {}

    def split(letter: str, steps: Steps) -> Form:
        rest = steps(at[letter]) % divisor
        box[letter] = box.get(letter, ALL) & equal_to(remainder(steps, divisor), rest)
        return plus(function_form(letter, floored(steps, divisor)), Form(rest), divisor)

    total = Form(form.const)
    for letter, steps in form.singles:
        total = plus(total, split(letter, steps))
    for factors, coefficient in form.products:
        term = Form(coefficient)
        for letter, steps in factors:
            term = times(term, split(letter, steps))
        total = plus(total, term)
    return total, box


# --- where a formula is zero or negative -------------------------------------------------------------------------


def within(form: Form, domain: Box) -> Form:
    """The formula with every function that has one value on a domain replaced by that value."""
    total = Form(form.const)
    for letter, steps in form.singles:
        total = plus(total, _settled(letter, steps, domain))
    for factors, coefficient in form.products:
        term = Form(coefficient)
        for letter, steps in factors:
            term = times(term, _settled(letter, steps, domain))
        total = plus(total, term)
    return total


@lru_cache(CACHED)
def _only_value(steps: Steps, domain: Sizes) -> int | None:
    if not domain:
        return None
    value = steps(domain.first)
    return value if domain <= equal_to(steps, value) else None


def _settled(letter: str, steps: Steps, domain: Box) -> Form:
    value = _only_value(steps, domain.get(letter, ALL))
    return function_form(letter, steps) if value is None else Form(value)


def zero_at(form: Form, domain: Box) -> list[Box]:
    """The sizes of a domain at which a formula is 0, as boxes that do not overlap. Raises Unfollowed where they are none."""
    form = within(form, domain)
    if form.constant:
        return [] if form.const else [dict(domain)]
    single = form.single
    if single is not None:
        return cut(domain, [(single[0], zeros(single[1]))])
    if form.singles or len(form.products) != 1:
        raise Unfollowed(form.letters)
    ((factors, coefficient),) = form.products
    wanted, rest = divmod(-form.const, coefficient)
    if rest or not wanted:
        if not wanted and not rest:
            raise Unfollowed(form.letters)
        return []
    return list(_factored(factors, wanted, domain))


def _factored(factors: tuple[Factor, ...], wanted: int, domain: Box) -> Iterator[Box]:
    """The parts of a domain where a product has the wanted value: a part for every way to write that as a product."""
    (letter, steps), rest = factors[0], factors[1:]
    if not rest:
        yield from cut(domain, [(letter, equal_to(steps, wanted))])
        return
    for divisor in divisors(abs(wanted)):
        for value in (divisor, -divisor):
            for box in cut(domain, [(letter, equal_to(steps, value))]):
                yield from _factored(rest, wanted // value, box)


def negative_at(form: Form, domain: Box) -> list[Box]:
    """The sizes of a domain at which a formula is below 0, as boxes. Raises Unfollowed where they are none."""
    form = within(form, domain)
    if form.constant:
        return [dict(domain)] if form.const < 0 else []
    single = form.single
    if single is not None:
        return cut(domain, [(single[0], negatives(single[1]))])
    if _bound(form, domain) >= 0:
        return []
    if _bound(plus(form, Form(), -1), domain) > 0:
        return [dict(domain)]
    raise Unfollowed(form.letters)


def _bound(form: Form, domain: Box) -> float:
    """A number that the formula is not below, on a domain."""
    total = float(form.const) + sum(least(steps, domain.get(letter, ALL)) for letter, steps in form.singles)
    for factors, coefficient in form.products:
        lows = [least(steps, domain.get(letter, ALL)) for letter, steps in factors]
        if coefficient < 0 or any(low < 0 for low in lows):
            return -float("inf")
        product = float(coefficient)
        for low in lows:
            product *= low
        total += product
    return total
