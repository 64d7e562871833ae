"""Formulas and sets of sizes against brute force: every operation, every question and every text, size by size."""

from __future__ import annotations

import math
import operator
import pickle
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import formulas
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cnndsl.dims import (
    ALL,
    Box,
    Case,
    Dim,
    Form,
    Part,
    Sizes,
    Space,
    TooLong,
    TooMany,
    Unfollowed,
    at_hand,
    described,
    divided,
    evaluated,
    holds,
    joined,
    leftover,
    merged,
    nearest,
    written,
    zero_at,
)
from cnndsl.dims import (
    opened as size_of,
)
from cnndsl.dims.box import cut, without
from cnndsl.dims.form import negative_at, plus, quotient, times, within
from cnndsl.dims.sets import NONE, WIDEST, equal_to, least, negatives, pieced
from cnndsl.dims.steps import LONGEST, Steps, combined, divisors, floored, shifted

QUIET = settings(
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    max_examples=150,
)
FAR = 120
"""Sizes of one letter are tried up to here; the periods below multiply to less than half of it."""
SIDE = 14
"""Sizes of two letters are tried in a square of this side."""
GRID = [{"H": h, "W": w} for h in range(1, SIDE + 1) for w in range(1, SIDE + 1)]

# --- functions of one size ------------------------------------------------------------------------------------------

small = st.integers(-7, 7)
steps = st.builds(Steps, st.lists(small, max_size=4), st.lists(small, min_size=1, max_size=4), st.integers(-5, 5))
sets = st.builds(Sizes.of, st.lists(st.booleans(), max_size=6), st.lists(st.booleans(), min_size=1, max_size=4))


def spelled(head: list[int], tail: list[int], rise: int, n: int) -> int:
    """The definition: the head, then the period again and again, each time higher by the rise."""
    if n <= len(head):
        return head[n - 1]
    rounds, place = divmod(n - len(head) - 1, len(tail))
    return tail[place] + rounds * rise


def same(f: Steps, wanted: Callable[[int], int]) -> None:
    assert [f(n) for n in range(1, FAR)] == [wanted(n) for n in range(1, FAR)]


@QUIET
@given(
    st.lists(small, max_size=5), st.lists(small, min_size=1, max_size=6), small, st.integers(0, 5), st.integers(1, 4)
)
def test_a_function_is_kept_in_lowest_terms(
    head: list[int], tail: list[int], rise: int, more: int, periods: int
) -> None:
    f = Steps(head, tail, rise)
    same(f, lambda n: spelled(head, tail, rise, n))
    longer = Steps(*f.laid_out(len(f.head) + more, f.period * periods), f.rise * periods)
    assert longer == f
    assert hash(longer) == hash(f)
    assert [value for value, _ in zip(f.values(), range(FAR), strict=False)] == [f(n) for n in range(1, FAR + 1)]
    for shorter in range(len(f.head)):  # no shorter head, and no shorter period, says the same
        assert any(f(n + f.period) != f(n) + f.rise for n in range(shorter + 1, len(f.head) + 1))
    for period in range(1, f.period):
        start = len(f.head) + 1
        gains = {f(n + period) - f(n) for n in range(start, start + 2 * f.period)}
        assert len(gains) > 1


@QUIET
@given(steps, steps, st.integers(-4, 4), st.integers(-4, 4), st.integers(1, 7))
def test_arithmetic_of_functions(f: Steps, g: Steps, a: int, b: int, divisor: int) -> None:
    same(combined(f, g, a, b), lambda n: a * f(n) + b * g(n))
    same(shifted(f, a, b), lambda n: a * f(n) + b)
    same(floored(f, divisor), lambda n: f(n) // divisor)
    content = f.content()
    assert abs(content) == math.gcd(*(f(n) for n in range(1, FAR)))


@QUIET
@given(steps, small, sets)
def test_where_a_function_is_zero_negative_or_least(f: Steps, value: int, domain: Sizes) -> None:
    far = range(1, 3 * FAR)
    assert [n in equal_to(f, value) for n in far] == [f(n) == value for n in far]
    assert [n in negatives(f) for n in far] == [f(n) < 0 for n in far]
    low = least(f, domain)
    values = [f(n) for n in far if n in domain]
    if not values:
        assert low == math.inf
    elif low == -math.inf:
        assert domain.infinite and f.rise < 0
    else:
        assert low == min(values)


@QUIET
@given(st.lists(steps, min_size=1, max_size=3), st.lists(st.integers(0, 2), min_size=4, max_size=12), small)
def test_pieces_are_put_together(functions: list[Steps], marks: list[int], rise: int) -> None:
    sets_ = [Sizes.of((), [mark == i for mark in marks]) for i in range(len(functions))]
    level = [Steps(f.head, f.tail, rise * f.period) for f in functions]
    whole = pieced(zip(sets_, level, strict=True))
    assert whole is not None
    for n in range(1, FAR):
        which = next((i for i, sizes in enumerate(sets_) if n in sizes), 0)
        assert whole(n) == level[which](n)


def test_what_grows_at_different_rates_is_not_one_function() -> None:
    even, odd = Sizes.of((), (False, True)), Sizes.of((), (True, False))
    assert pieced([(even, Steps((), (1,), 1)), (odd, Steps((), (2,), 2))]) is None


def test_what_needs_more_numbers_is_too_long() -> None:
    assert Steps([n * n for n in range(LONGEST - 1)], (0,))(LONGEST - 1) == (LONGEST - 2) ** 2
    with pytest.raises(TooLong):
        Steps([n * n for n in range(LONGEST)], (0,))
    with pytest.raises(TooLong):
        equal_to(Steps((), (1,), 1), WIDEST + 1)


@QUIET
@given(st.integers(1, 5000))
def test_divisors(number: int) -> None:
    assert divisors(number) == tuple(d for d in range(1, number + 1) if number % d == 0)


# --- sets of sizes --------------------------------------------------------------------------------------------------


def members(sizes: Sizes) -> set[int]:
    return {n for n in range(-2, FAR) if n in sizes}


@QUIET
@given(sets, sets, st.integers(1, 90))
def test_sets_of_sizes(one: Sizes, other: Sizes, wanted: int) -> None:
    a, b, everything = members(one), members(other), set(range(1, FAR))
    assert members(one & other) == a & b
    assert members(one | other) == a | b
    assert members(one - other) == a - b
    assert members(~one) == everything - a
    assert (one <= other) == (a <= b)
    assert (one == other) == (a == b)
    assert bool(one) == bool(a)
    assert one.infinite == (max(a, default=0) > FAR // 2)
    assert one.first == min(a, default=0)
    assert [n for n, _ in zip(one, range(10), strict=False)] == sorted(a)[:10]
    closest = min(a, key=lambda n: (abs(n - wanted), n), default=0)
    assert one.nearest(wanted) == closest


def test_sets_of_all_none_and_a_few() -> None:
    assert members(ALL) == set(range(1, FAR)) and ALL.infinite
    assert not NONE and NONE.first == 0 and NONE.nearest(5) == 0
    assert members(Sizes.only(3, 9, 4)) == {3, 4, 9}
    assert Sizes.only(3).nearest(1000) == 3 and Sizes.only(300).nearest(1) == 300


# --- boxes ----------------------------------------------------------------------------------------------------------

boxes = st.fixed_dictionaries({"H": sets.filter(bool), "W": sets.filter(bool)})


def inside(box: Box) -> set[tuple[int, int]]:
    return {(at["H"], at["W"]) for at in GRID if holds(box, at)}


def apart(parts: Iterable[Box]) -> set[tuple[int, int]]:
    """All sizes of boxes, no two of which have one in common."""
    found: set[tuple[int, int]] = set()
    for part in parts:
        assert all(part.values()), "an empty box"
        assert not found & inside(part)
        found |= inside(part)
    return found


@QUIET
@given(boxes, st.lists(boxes, max_size=3))
def test_boxes(box: Box, others: list[Box]) -> None:
    assert apart(leftover(box, others)) == inside(box) - set().union(*map(inside, others))
    for other in others:
        assert apart(without(box, other)) == inside(box) - inside(other)
        common = next(iter(cut(box, other.items())), None)
        assert (inside(common) if common else set()) == inside(box) & inside(other)
        whole = joined(box, other)
        if whole is not None:
            assert inside(whole) == inside(box) | inside(other)
        else:
            assert box["H"] != other["H"] and box["W"] != other["W"]
    near = nearest(box, {"H": 5, "W": 9})
    assert holds(box, near)


# --- numbers that know their formula --------------------------------------------------------------------------------

Tree = tuple[Any, ...]
leaves = st.one_of(
    st.sampled_from([("H",), ("H",), ("W",)]),
    st.integers(-6, 9).map(lambda k: ("const", k)),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "+", "-", "*"]), inner, inner),
        st.tuples(st.sampled_from(["//", "%", "ceil", "floor", "round"]), inner, st.integers(1, 4)),
        st.tuples(st.just("neg"), inner),
    ),
    max_leaves=6,
)
one_letter = trees.filter(lambda tree: "'W'" not in repr(tree))
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "ceil": lambda a, b: math.ceil(divided(a, b)),
    "floor": lambda a, b: math.floor(divided(a, b)),
    "round": lambda a, b: round(divided(a, b)),
}
COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)


def calculated(tree: Tree, h: Any, w: Any) -> Any:
    """An expression with numbers or open sizes in it."""
    match tree:
        case ("H",):
            return h
        case ("W",):
            return w
        case ("const", k):
            return k
        case ("neg", inner):
            return -calculated(inner, h, w)
    name, left, right = tree
    right = right if isinstance(right, int) else calculated(right, h, w)
    return BINARY[name](calculated(left, h, w), right)


def opened(h: int = 5, w: int = 7, **box: Sizes) -> Space:
    return Space({"H": ALL, "W": ALL, **box}, {"H": h, "W": w})


def computed(tree: Tree, space: Space) -> Any:
    """An expression of the open sizes of a space; assumed away where its formula is of no kind that is kept."""
    try:
        return calculated(tree, size_of("H", space), size_of("W", space))
    except (Unfollowed, TooLong):
        assume(False)


def plain(tree: Tree, at: dict[str, int]) -> int:
    found: int = calculated(tree, at["H"], at["W"])
    return found


def form_at(number: Any, at: dict[str, int]) -> int:
    (value,) = evaluated((number,), at)
    return value


places = st.fixed_dictionaries({"H": st.integers(1, SIDE), "W": st.integers(1, SIDE)})


@QUIET
@given(trees, places)
def test_a_formula_is_the_number_at_every_size_of_the_box(tree: Tree, at: dict[str, int]) -> None:
    space = opened(at["H"], at["W"])
    number = computed(tree, space)
    assert at_hand(number) == plain(tree, at)
    assert holds(space.box, at)
    inside_box = [place for place in GRID if holds(space.box, place)]
    assert [form_at(number, place) for place in inside_box] == [plain(tree, place) for place in inside_box]
    assert type(number) is int or not number.form.constant
    apart([space.box, *space.rest])


@settings(QUIET, max_examples=250)
@given(trees, trees, places, st.sampled_from(COMPARISONS), st.sampled_from([None, 0.0, 2.5, -1.5, 4.0, math.inf]))
def test_a_comparison_is_right_in_every_case_and_loses_no_size(
    left: Tree, right: Tree, at: dict[str, int], compare: Callable[[Any, Any], bool], number: float | None
) -> None:
    space = opened(at["H"], at["W"])

    def rule() -> bool:
        h, w = size_of("H", space), size_of("W", space)
        return compare(calculated(left, h, w), calculated(right, h, w) if number is None else number)

    def wanted(place: dict[str, int]) -> bool:
        return compare(plain(left, place), plain(right, place) if number is None else number)

    before = dict(space.box)
    try:
        cases = space.cases(rule)
    except (Unfollowed, TooLong, TooMany):
        assume(False)
        raise
    assert (space.box, space.at, space.rest) == (before, at, [])
    assert holds(cases[0].box, at)
    assert len(apart(case.box for case in cases)) == len(GRID)
    for case in cases:
        assert holds(case.box, case.at)
        for place in GRID:
            if holds(case.box, place):
                assert case.answer is wanted(place), place


@QUIET
@given(one_letter, one_letter, places, st.sampled_from(COMPARISONS))
def test_questions_of_one_letter_always_have_an_answer(
    left: Tree, right: Tree, at: dict[str, int], compare: Callable[[Any, Any], bool]
) -> None:
    assume("'*'" not in repr((left, right)))
    space = opened(at["H"], at["W"])
    h, w = size_of("H", space), size_of("W", space)
    answer = compare(calculated(left, h, w), calculated(right, h, w))
    assert len(apart([space.box, *space.rest])) == len(GRID)
    for n in range(1, FAR):
        if n in space.box["H"]:
            assert answer is compare(calculated(left, n, 1), calculated(right, n, 1))


@QUIET
@given(one_letter, st.integers(-30, 30), st.integers(1, 6), st.sampled_from(COMPARISONS), places)
def test_a_quotient_compares_as_the_number_does(
    tree: Tree, dividend: int, divisor: int, compare: Callable[[Any, Any], bool], at: dict[str, int]
) -> None:
    """`@x.height / 10 <= 0.3`, `@x.height / 3 == 2`: as with the numbers, at every size."""
    assume("'*'" not in repr(tree))
    value = dividend / divisor
    space = opened(at["H"], at["W"])
    for other, swapped in ((value, False), (dividend, False), (value, True)):
        space = opened(at["H"], at["W"])
        whole = computed(tree, space)
        part = divided(whole, divisor)
        answer = compare(other, part) if swapped else compare(part, other)
        for n in range(1, FAR):
            if n in space.box["H"]:
                number = calculated(tree, n, 1) / divisor
                assert answer is (compare(other, number) if swapped else compare(number, other)), (n, str(part), other)


@pytest.mark.parametrize(("size", "divisor", "value"), [(57, 100, 0.57), (29, 100, 0.29), (7, 25, 0.28)])
def test_a_quotient_compares_as_its_float_does(size: int, divisor: int, value: float) -> None:
    """0.57 * 100 is less than 57, while 57 / 100 is 0.57: what counts is the division, which the numbers do too."""
    for compare in COMPARISONS:
        space = opened(size)
        answer = compare(divided(size_of("H", space), divisor), value)
        for n in range(1, 150):
            if n in space.box["H"]:
                assert answer is compare(n / divisor, value), (compare, n)


@QUIET
@given(one_letter, st.integers(1, 6), st.integers(1, 4), places)
def test_quotients_of_one_letter(tree: Tree, divisor: int, other: int, at: dict[str, int]) -> None:
    assume("'*'" not in repr(tree))
    space = opened(at["H"], at["W"])
    number = computed(tree, space)
    assume(isinstance(number, Dim))
    part = divided(number, divisor)
    assert isinstance(part, Part)
    assert float.__eq__(part, plain(tree, at) / divisor)
    for compare in COMPARISONS:
        space = opened(at["H"], at["W"])
        number = computed(tree, space)
        answer = compare(divided(number, divisor), divided(number, other))
        for n in range(1, FAR):
            if n in space.box["H"]:
                value = calculated(tree, n, 1)
                assert answer is compare(Fraction(value, divisor), Fraction(value, other))
    assert str(-part).endswith(f"/{divisor}")


@QUIET
@given(trees, places, st.sampled_from([int, float, round, bool, math.sqrt]))
def test_a_number_taken_as_such_leaves_the_sizes_that_have_it(
    tree: Tree, at: dict[str, int], take: Callable[[Any], Any]
) -> None:
    space = opened(at["H"], at["W"])
    number = computed(tree, space)
    assume(isinstance(number, Dim))
    assume(take is not math.sqrt or at_hand(number) >= 0)
    before = {**space.box}
    try:
        taken = take(number)
    except Unfollowed:
        assume(False)
        raise
    for place in GRID:
        if holds(space.box, place):
            value = take(plain(tree, place))
            assert value == (form_at(taken, place) if isinstance(taken, Dim) else taken)
    assert apart([space.box, *space.rest]) >= inside(before)


def test_a_number_taken_as_such_keeps_all_sizes_that_have_it() -> None:
    space = opened(9)
    assert int(size_of("H", space) // 4) == 2
    assert space.box["H"] == Sizes.only(8, 9, 10, 11)
    assert members(space.rest[0]["H"]) == set(range(1, FAR)) - {8, 9, 10, 11}


@QUIET
@given(trees, trees, places)
def test_a_quiet_space_answers_and_keeps_nothing(left: Tree, right: Tree, at: dict[str, int]) -> None:
    space = opened(at["H"], at["W"])
    one, other = computed(left, space), computed(right, space)
    assume(isinstance(one, Dim))
    space.quiet, space.rest, before = True, [], space.box
    try:
        assert (one == other) is (plain(left, at) == plain(right, at))
        assert (one < other) is (plain(left, at) < plain(right, at))
    except Unfollowed:
        assume(False)
    assert int(one) == plain(left, at)
    assert space.box is before and not space.rest


@QUIET
@given(trees, trees, places)
def test_a_finished_space_says_yes_to_what_holds_for_all(left: Tree, right: Tree, at: dict[str, int]) -> None:
    space = opened(at["H"], at["W"])
    one, other = computed(left, space), computed(right, space)
    assume(isinstance(one, Dim) and not space.rest)
    space.finished = True
    try:
        equal, below = one == other, one < other
    except Unfollowed:
        assume(False)
        raise
    if equal:
        assert all(plain(left, place) == plain(right, place) for place in GRID)
    if below:
        assert all(plain(left, place) < plain(right, place) for place in GRID)
    if all(plain(left, {"H": n, "W": m}) == plain(right, {"H": n, "W": m}) for n in range(1, 40) for m in range(1, 40)):
        assert equal


def test_a_product_is_split_into_its_factors() -> None:
    """`fc` on [8, H, W] with weights for 96 numbers: H*W = 12, in all six ways."""
    space = opened(3, 4)
    same_ = zero_at(plus((size_of("H", space) * size_of("W", space) * 8).form, Form(96), 1, -1), space.box)
    found = sorted((box["H"].first, box["W"].first) for box in same_)
    assert found == [(1, 12), (2, 6), (3, 4), (4, 3), (6, 2), (12, 1)]
    assert not any(sizes.infinite for box in same_ for sizes in box.values())


def test_two_letters_compared_are_not_followed() -> None:
    space = opened(5, 7)
    with pytest.raises(Unfollowed):
        bool(size_of("H", space) == size_of("W", space))
    with pytest.raises(Unfollowed):
        bool(size_of("H", space) < size_of("W", space))


@QUIET
@given(trees, trees, places, st.integers(1, 4))
def test_formulas_add_and_multiply(left: Tree, right: Tree, at: dict[str, int], divisor: int) -> None:
    space = opened(at["H"], at["W"])
    one, other = computed(left, space), computed(right, space)
    a, b = (n.form if isinstance(n, Dim) else Form(n) for n in (one, other))
    for place in [at, *GRID[::7]]:
        if not holds(space.box, place):
            continue
        x, y = plain(left, place), plain(right, place)
        assert plus(a, b, 2, -3)(place) == 2 * x - 3 * y
        assert times(a, b)(place) == x * y
        try:
            assert quotient(a, divisor)(place) == x // divisor
        except Unfollowed:
            assert a.single is None
    assert plus(a, a, 1, -1) == Form()
    assert hash(plus(a, b)) == hash(plus(a, b)) and plus(a, b).letters <= {"H", "W"}


@QUIET
@given(trees, boxes, places)
def test_formulas_on_a_box(tree: Tree, box: Box, at: dict[str, int]) -> None:
    """Where one is zero or negative, and what is left of it where functions have one value."""
    at = nearest(box, at)
    space = Space(dict(box), at)
    number = computed(tree, space)
    form, box = number.form if isinstance(number, Dim) else Form(number), space.box
    here = [place for place in GRID if holds(box, place)]
    assert [within(form, box)(place) for place in here] == [plain(tree, place) for place in here]
    for question, wanted in ((zero_at, lambda v: v == 0), (negative_at, lambda v: v < 0)):
        try:
            found = question(form, box)
        except (Unfollowed, TooLong):
            continue
        assert apart(found) == {(p["H"], p["W"]) for p in here if wanted(plain(tree, p))}


@QUIET
@given(one_letter, sets.filter(bool), sets.filter(bool), places)
def test_cases_of_a_shape_become_one(tree: Tree, one: Sizes, other: Sizes, at: dict[str, int]) -> None:
    """Two cases as one: what `ceil` gives for even and for odd sizes is one function."""
    space = opened(at["H"], at["W"])
    number = computed(tree, space)
    assume(isinstance(number, Dim) and not space.rest and other - one)
    assume(not number.form.products)
    other = other - one
    a: Case[tuple[int, ...]] = Case({"H": one, "W": ALL}, {"H": one.first, "W": 1}, (4, number))
    b: Case[tuple[int, ...]] = Case({"H": other, "W": ALL}, {"H": other.first, "W": 1}, (4, number + 1))
    whole = merged(a, b, space)
    if whole is None:
        return
    assert members(whole.box["H"]) == members(one) | members(other)
    for n in range(1, FAR):
        if n in whole.box["H"]:
            place = {"H": n, "W": 1}
            assert evaluated(whole.answer, place) == (4, plain(tree, place) + (n in other))


def test_cases_with_a_product_become_one() -> None:
    """`flatten` on [4, H, H]: a product of one letter."""
    space = opened(5)
    area = size_of("H", space) * size_of("H", space)
    even, odd = Sizes.of((), (False, True)), Sizes.of((), (True, False))
    whole = merged(Case({"H": even}, {"H": 2}, (area,)), Case({"H": odd}, {"H": 1}, (area + 1,)), space)
    for n in range(1, 20) if whole else ():
        assert whole is not None
        assert evaluated(whole.answer, {"H": n}) == (n * n + n % 2,)


@QUIET
@given(trees, places)
def test_pickling(tree: Tree, at: dict[str, int]) -> None:
    space = opened(at["H"], at["W"])
    number = computed(tree, space)
    copy = pickle.loads(pickle.dumps(number))
    assert at_hand(copy) == at_hand(number) and type(copy) is type(number)
    if isinstance(number, Dim):
        assert copy.form == number.form and hash(copy.form) == hash(number.form)
        assert copy.space.box == space.box and str(copy) == str(number)


# --- texts ----------------------------------------------------------------------------------------------------------

Texts = dict[str, int]


def read_share(counts: Texts) -> float:
    return counts["read"] / max(1, counts["read"] + counts["not read"])


def test_formulas_as_texts() -> None:
    """A formula's text, evaluated as arithmetic, is the formula at every size of the box it is written for."""
    counts = {"read": 0, "not read": 0}

    @settings(QUIET, max_examples=600)
    @given(trees, st.one_of(st.just({"H": ALL, "W": ALL}), boxes), places)
    def every_one(tree: Tree, box: Box, at: dict[str, int]) -> None:
        space = Space(dict(box), nearest(box, at))
        number = computed(tree, space)
        assume(isinstance(number, Dim))
        text = written(number.form, space.box)
        many = [{"H": n, "W": m} for n in (*range(1, 40), 97, 240, 1001) for m in (1, 2, 5, 8, 31, 1000)]
        try:
            for place in many:
                if holds(space.box, place):
                    assert formulas.evaluated(text, place) == number.form(place), (text, place)
            counts["read"] += 1
        except formulas.Unread:
            counts["not read"] += 1

    every_one()
    assert read_share(counts) > 0.7


window = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2), st.booleans())


def slid(n: Any, kernel: int, stride: int, padding: int, up: bool) -> Any:
    room = n + 2 * padding - kernel
    return (-(-room // stride) if up else room // stride) + 1


def test_formulas_of_windows_as_texts() -> None:
    """What convolutions, pools and their transposes make of a size: the texts that users see most."""
    counts = {"read": 0, "not read": 0}

    @settings(QUIET, max_examples=400)
    @given(st.lists(st.one_of(window, st.integers(2, 3)), min_size=1, max_size=5), st.integers(1, 3))
    def every_one(layers: list[Any], each: int) -> None:
        space = opened(60)
        size: Any = size_of("H", space)
        for layer in layers:
            size = size * layer if isinstance(layer, int) else slid(size, *layer)
            if not size >= 1:
                assume(False)
            space.rest = []
        assume(isinstance(size, Dim))
        size = size * each
        text = written(size.form, space.box)
        try:
            for n in (*range(1, 150), 224, 1000):
                if n in space.box["H"]:
                    assert formulas.evaluated(text, {"H": n}) == size.form({"H": n}), (text, n)
            counts["read"] += 1
        except formulas.Unread:
            counts["not read"] += 1

    every_one()
    assert read_share(counts) > 0.8


def test_sets_of_sizes_as_texts() -> None:
    """The description of a set says of every size whether it is in the set."""
    counts = {"read": 0, "not read": 0}
    longer = st.builds(Sizes.of, st.lists(st.booleans(), max_size=30), st.lists(st.booleans(), min_size=1, max_size=12))
    sparse = st.builds(
        lambda first, step, many: Sizes.only(*range(first, first + step * many, step)),
        st.integers(1, 300),
        st.integers(1, 8),
        st.integers(1, 40),
    )

    @settings(QUIET, max_examples=600)
    @given(st.one_of(sets, longer, sparse))
    def every_one(sizes: Sizes) -> None:
        text = described(sizes, "H")
        try:
            test = formulas.says(text, "H")
        except formulas.Unread:
            counts["not read"] += 1
            return
        for n in range(1, 700):
            assert test(n) is (n in sizes), (text, n)
        counts["read"] += 1

    every_one()
    assert read_share(counts) > 0.95


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("H >= 3", {3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
        ("H = 0 mod 4, H >= 8", {8, 12}),
        ("H = 1..3 mod 4, H >= 8", {9, 10, 11}),
        ("H = 1 or 3 <= H <= 5 or H >= 11", {1, 3, 4, 5, 11, 12}),
        ("H = 3 or H = 0, 1 mod 4, H >= 8", {3, 8, 9, 12}),
        ("H != 0 mod 2, H >= 8", {9, 11}),
        ("H = 0 mod 2, 4 <= H <= 8", {4, 6, 8}),
        ("no H", set()),
    ],
)
def test_the_reader_of_descriptions_itself(text: str, sizes: set[int]) -> None:
    test = formulas.says(text, "H")
    assert {n for n in range(1, 13) if test(n)} == sizes


def test_the_reader_of_formulas_itself() -> None:
    assert formulas.evaluated("1,000*ceil((H - 1)/2)*(W + 3) - 2", {"H": 4, "W": 1}) == 7998
    assert formulas.evaluated("[0, 1, 5][H mod 3] + floor(H/3)", {"H": 5}) == 6
    assert formulas.evaluated("H/2", {"H": 5}) == Fraction(5, 2)
    with pytest.raises(formulas.Unread):
        formulas.evaluated("about 3*H/2", {"H": 5})
