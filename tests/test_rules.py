"""Shape rules against brute force: windows counted one by one, TensorFlow's SAME from its definition."""

from __future__ import annotations

import re

import pytest
from conformance import WINDOW, count_windows, parse_call, same_windows
from hypothesis import given, settings
from hypothesis import strategies as st

import cnndsl.ops  # noqa: F401 - fills OPS
from cnndsl.op import OPS, Example, Reject
from cnndsl.rules import bounded, ceil_div, divides, even_padding, window_arithmetic, window_size

counted = settings(max_examples=2000, derandomize=True, deadline=None, database=None)
small = st.integers(1, 7)


@counted
@given(length=st.integers(1, 40), k=small, s=small, p=st.integers(0, 6), d=st.integers(1, 4), ceil=st.booleans())
def test_windows_are_as_many_as_counted(length: int, k: int, s: int, p: int, d: int, ceil: bool) -> None:
    p = min(p, k // 2) if ceil else p  # a pool takes no more
    values = {"kernel": (k, 1), "stride": (s, 1), "padding": (p, 0), "dilation": (d, 1)}
    op = OPS["maxpool"](ceil=ceil, **values) if ceil else OPS["conv"](out_channels=1, **values)
    expected = count_windows(length, d * (k - 1) + 1, s, p, ceil)
    if expected == 0:
        with pytest.raises(Reject, match="does not fit"):
            window_size(op, (length, 3))
        return
    assert window_size(op, (length, 3)) == (expected, 3)


@counted
@given(length=st.integers(1, 40), k=small, s=small, d=st.integers(1, 4))
def test_same_puts_a_window_at_every_strideth_place(length: int, k: int, s: int, d: int) -> None:
    op = OPS["conv"](out_channels=1, kernel=(k, 1), stride=(s, 1), dilation=(d, 1), same=True)
    assert window_size(op, (length, 3)) == (same_windows(length, s), 3)


@pytest.mark.parametrize("k", range(1, 6))
@pytest.mark.parametrize("s", range(1, 5))
@pytest.mark.parametrize("d", range(1, 4))
def test_even_padding_is_what_same_needs_at_every_size(k: int, s: int, d: int) -> None:
    """SAME needs (out - 1)*stride + reach - in, half of it at the front; even where both halves agree at every size."""
    halves = set()
    for length in range(1, 60):
        total = max((len(range(0, length, s)) - 1) * s + d * (k - 1) + 1 - length, 0)
        halves.add((total // 2, total - total // 2))
    same_both = halves.pop() if len(halves) == 1 else None
    expected = same_both if same_both and same_both[0] == same_both[1] else None
    op = OPS["conv"](out_channels=1, kernel=(k, k), stride=(s, s), dilation=(d, d), same=True)
    assert even_padding(op) == expected


@pytest.mark.parametrize(
    ("call", "size", "out", "text"),
    [
        ("conv 64 7x7/2+3", (224, 224), (112, 112), "floor((224 + 2*3 - 7)/2) + 1 = 112"),
        ("conv 96 11x11/4", (227, 227), (55, 55), "(227 - 11)/4 + 1 = 55"),
        ("conv 8 5x5+2", (28, 28), (28, 28), "(28 + 2*2 - 5)/1 + 1 = 28"),
        ("maxpool 3x3/2 ceil", (112, 112), (56, 56), "ceil((112 - 3)/2) + 1 = 56"),
        ("maxpool 2x2/3+1 ceil", (2, 2), (1, 1), "ceil((2 + 2*1 - 2)/3) + 1 - 1 = 1"),
        ("conv 8 3x3 dilation=2", (9, 9), (5, 5), "(9 - 2*(3 - 1) - 1)/1 + 1 = 5"),
        ("conv 8 3x3/2 same", (7, 8), (4, 4), "ceil(7/2) = 4, ceil(8/2) = 4"),
        ("conv 8 1x7+0x3", (17, 17), (17, 17), "(17 - 1)/1 + 1 = 17, (17 + 2*3 - 7)/1 + 1 = 17"),
    ],
)
def test_the_sum_is_shown(call: str, size: tuple[int, int], out: tuple[int, int], text: str) -> None:
    op = parse_call(call)
    assert window_size(op, size) == out
    assert window_arithmetic(op, (3, *size), (8, *out)) == text


@given(a=st.integers(-1000, 1000), b=st.integers(1, 50))
def test_ceil_div_is_the_smallest_multiple_that_covers(a: int, b: int) -> None:
    q = ceil_div(a, b)
    assert q * b >= a > (q - 1) * b


def test_the_nearest_divisor_is_offered() -> None:
    with pytest.raises(Reject) as raised:
        divides("groups", "groups=5", 5, 24, "channels that flow in", 16)
    assert raised.value.fixes == ({"groups": "4"},)
    assert raised.value.attribute == "groups"
    divides("groups", "groups=8", 8, 24, "channels that flow in")


def test_the_bound_is_exact() -> None:
    assert bounded("the output", (2**31 - 1,)) == (2**31 - 1,)
    with pytest.raises(Reject, match=r"the output \[2147483648\] would hold 2147483648 numbers"):
        bounded("the output", (2**31,))


FIXABLE = [e for cls in OPS.values() for e in cls.examples if isinstance(e.result, str)]


@pytest.mark.parametrize("example", FIXABLE, ids=lambda e: e.call)
def test_one_of_the_proposals_mends_the_call(example: Example) -> None:
    """A rejection's fixes, put into the call: a user is offered those that check."""
    with pytest.raises(Reject) as raised:
        parse_call(example.call).infer(*example.inputs)
    fixes = raised.value.fixes
    assert not fixes or any(checks(edited(example.call, dict(fix)), example) for fix in fixes), fixes


def checks(call: str, example: Example) -> bool:
    try:
        parse_call(call).infer(*example.inputs)
    except Reject:
        return False
    return True


def edited(call: str, fix: dict[str, str]) -> str:
    """The call with some attributes set anew: in the window, by name, by position, or behind the rest."""
    words = call.split()
    positional = [key for key, spec in OPS[words[0]].attributes.items() if spec.positional]
    for key, text in fix.items():
        window = next((i for i, word in enumerate(words) if WINDOW.fullmatch(word)), 0)
        named = next((i for i, word in enumerate(words) if word.startswith(f"{key}=")), 0)
        if key == "kernel":
            words[window] = re.sub(r"^\d+x\d+", text, words[window])
        elif key == "padding" and window:
            words[window] = re.sub(r"\+.*", "", words[window]) + ("" if text == "0" else f"+{text}")
        elif key == "same" and text == "false":
            words.remove("same")
        elif named or key in positional:
            words[named or positional.index(key) + 1] = f"{key}={text}" if named else text
        else:
            words.append(f"{key}={text}" if text else key)
    return " ".join(words)


def test_an_edit_is_put_where_the_attribute_is() -> None:
    assert edited("conv 9 3x3/2+1 groups=2", {"groups": "3"}) == "conv 9 3x3/2+1 groups=3"
    assert edited("conv 9 3x3/2+1 groups=2", {"out_channels": "8"}) == "conv 8 3x3/2+1 groups=2"
    assert edited("conv 9 3x3/2+1", {"kernel": "2x2"}) == "conv 9 2x2/2+1"
    assert edited("conv 9 3x3/2+1 same", {"padding": "0"}) == "conv 9 3x3/2 same"
    assert edited("conv 9 3x3/2+1 same", {"same": "false"}) == "conv 9 3x3/2+1"
    assert edited("conv 9 3x3", {"same": ""}) == "conv 9 3x3 same"
