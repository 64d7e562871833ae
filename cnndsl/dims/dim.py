"""A size left open, as the shape rules see it: a number that knows its formula and takes note of every question put to it.

A walk is done at one size of a set (a box). `Dim` is that size's number, so rules compute with it as with any integer, and a formula.
A comparison answers for the number, and its `Space` keeps for which sizes of the box the answer is the same: where it is not the
same for all, the box becomes smaller and the rest of it waits for its own turn. So what a walk finds holds for every size of the
box it ends with, and no size is lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from cnndsl.dims.box import Box, cut, joined
from cnndsl.dims.form import (
    Form,
    Unfollowed,
    by_quotients,
    function_form,
    letter_form,
    negative_at,
    plus,
    quotient,
    times,
    within,
    zero_at,
)
from cnndsl.dims.formula import written
from cnndsl.dims.sets import pieced
from cnndsl.dims.space import Case, Elsewhere, Space
from cnndsl.dims.steps import Steps


class Dim(int):
    """An open size, or what is computed of open sizes: the number at the size in hand, and its formula.

    `int()` of it is the plain number, and keeps that the sizes must be those at which it is this number: an attribute
    is the same for all sizes. `at_hand` gives the number without a word.
    """

    form: Form
    space: Space

    def __new__(cls, value: int, form: Form, space: Space) -> Dim:
        made = super().__new__(cls, value)
        made.form, made.space = form, space
        return made

    def _made(self, value: int, form: Form) -> int:
        return _number(value, form, self.space)

    def __int__(self) -> int:
        if self.space.asking:
            raise Unfollowed(self.form.letters)
        if not self.space.finished and not self.space.quiet:
            wanted = self.space.chosen(at_hand(self))
            same = zero_at(plus(self.form, Form(wanted), 1, -1), self.space.box)
            if wanted != at_hand(self):
                raise Elsewhere(same)
            self.space.split(same)
        return at_hand(self)

    __index__ = __trunc__ = __floor__ = __ceil__ = __int__

    def __float__(self) -> float:
        return float(int(self))

    def __hash__(self) -> int:
        return hash(self.form)

    def __bool__(self) -> bool:
        return self != 0

    def __reduce__(self) -> Any:
        return Dim, (at_hand(self), self.form, self.space)

    # --- how it is written

    def __str__(self) -> str:
        return written(self.form, self.space.box)

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec.replace(",", ""))

    # --- arithmetic

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return float(self) + other if isinstance(other, float) else NotImplemented
        return self._made(at_hand(self) + at_hand(other), plus(self.form, form_of(other)))

    def __sub__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return float(self) - other if isinstance(other, float) else NotImplemented
        return self._made(at_hand(self) - at_hand(other), plus(self.form, form_of(other), 1, -1))

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return float(self) * other if isinstance(other, float) else NotImplemented
        return self._made(at_hand(self) * at_hand(other), times(self.form, form_of(other)))

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> int:
        return self._made(-at_hand(self), plus(self.form, Form(), -1))

    def __pos__(self) -> int:
        return self

    def __abs__(self) -> int:
        return -self if self < 0 else self

    def __floordiv__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return float(self) // other if isinstance(other, float) else NotImplemented
        divisor = int(other)
        if divisor < 0:
            return -self // -divisor
        if divisor == 0:
            raise ZeroDivisionError
        return self._made(at_hand(self) // divisor, quotient(self._rounded(divisor), divisor))

    def _rounded(self, divisor: int) -> Form:
        """The formula such that it can be divided: one of several letters keeps the sizes with the remainders in hand."""
        if self.form.single:
            return self.form
        form = within(self.form, self.space.box)
        if form.single or form.constant or self.space.finished:
            return form
        form, same = by_quotients(form, divisor, self.space.at)
        self.space.split(cut(self.space.box, same.items()))
        return form

    def __rfloordiv__(self, other: Any) -> Any:
        return other // int(self)

    def __mod__(self, other: Any) -> Any:
        if not isinstance(other, int) or self.form.single:
            return self - self // other * other
        self._rounded(int(other))
        return at_hand(self) % int(other)  # the same for all sizes that are left

    def __rmod__(self, other: Any) -> Any:
        return other % int(self)

    def __truediv__(self, other: Any) -> Any:
        return float(self) / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / float(self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __round__(self, digits: int = 0) -> int:  # type: ignore[override]
        return self

    # --- questions

    def __eq__(self, other: object) -> bool:
        if isinstance(other, float):
            return other.is_integer() and self == int(other)
        if not isinstance(other, int):
            return NotImplemented
        return self._holds(zero_at, plus(self.form, form_of(other), 1, -1))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> Any:
        if isinstance(other, float):
            return self < math.ceil(other) if math.isfinite(other) else other > 0
        if not isinstance(other, int):
            return NotImplemented
        return self._holds(negative_at, plus(self.form, form_of(other), 1, -1))

    def __gt__(self, other: Any) -> Any:
        if isinstance(other, float):
            return self > math.floor(other) if math.isfinite(other) else other < 0
        if not isinstance(other, int):
            return NotImplemented
        return self._holds(negative_at, plus(form_of(other), self.form, 1, -1))

    def __le__(self, other: Any) -> bool:
        return not self > other

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def _holds(self, question: Callable[[Form, Box], list[Box]], form: Form) -> bool:
        if self.space.quiet:
            value = form(self.space.at)
            return value == 0 if question is zero_at else value < 0
        try:
            return self.space.split(question(form, self.space.box))
        except Unfollowed:
            if self.space.finished:  # it is not so for all sizes, or nobody can tell
                return False
            raise


def at_hand(number: int) -> int:
    """The plain number at the size in hand. For limits and messages: nothing is kept of it."""
    return number.form(number.space.at) if isinstance(number, Dim) else number


def is_open(shape: tuple[int, ...]) -> bool:
    """Whether a shape depends on a size that is left open."""
    return any(isinstance(size, Dim) for size in shape)


def evaluated(shape: tuple[int, ...], at: Mapping[str, int]) -> tuple[int, ...]:
    """A shape with its formulas evaluated at sizes given by letter."""
    return tuple(size.form(at) if isinstance(size, Dim) else size for size in shape)


def form_of(number: int) -> Form:
    return number.form if isinstance(number, Dim) else Form(number)


def merged(one: Case[tuple[int, ...]], other: Case[tuple[int, ...]], space: Space) -> Case[tuple[int, ...]] | None:
    """Two cases of a shape as one: a box, and sizes that are functions of one letter each. None where they are not."""
    box = joined(one.box, other.box)
    if box is None or len(one.answer) != len(other.answer):
        return None
    sizes = []
    for a, b in zip(one.answer, other.answer, strict=True):
        form = _pieced(form_of(a), form_of(b), one.box, other.box)
        if form is None:
            return None
        sizes.append(_number(form(space.at), form, space))
    return Case(box, one.at, tuple(sizes))


def _pieced(a: Form, b: Form, first: Box, second: Box) -> Form | None:
    if a == b:
        return a
    if a.products or b.products:
        return None
    letters = {letter for letter in first if first[letter] != second[letter]}
    if not (a.letters | b.letters) <= letters or len(letters) != 1:
        return None
    (letter,) = letters
    steps = [form.single[1] if form.single else Steps((), (form.const,)) for form in (a, b)]
    whole = pieced([(first[letter], steps[0]), (second[letter], steps[1])])
    return None if whole is None else function_form(letter, whole)


def opened(letter: str, space: Space) -> Dim:
    """The size that a letter stands for."""
    return Dim(space.at[letter], letter_form(letter), space)


def _number(value: int, form: Form, space: Space) -> int:
    """A formula with its value at the size in hand as a number: an open size, or a plain integer where it is constant."""
    return form.const if form.constant else Dim(value, form, space)
