"""Helps are tried before they are offered."""

from __future__ import annotations

import pytest

from cnndsl import SpecError, check
from cnndsl.suggest import apply


def helps(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        check(text)
    return [help_.text for diagnostic in caught.value.diagnostics for help_ in diagnostic.helps]


def mended(text: str) -> str:
    """The text after the first edit that is offered."""
    with pytest.raises(SpecError) as caught:
        check(text)
    edits = caught.value.diagnostics[0].helps[0].edits
    return next(iter(apply(edits).values()))


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("input 3x8x8 conv 4 3x3 -> rleu", "input 3x8x8 conv 4 3x3 -> relu"),
        ("input 3x8x8 conv 4 3x3 paddin=1", "input 3x8x8 conv 4 3x3 padding=1"),
        ("input 6x8x8 conv 6 3x3 groups=4", "input 6x8x8 conv 6 3x3 groups=3"),
        ("input 3x8x8 concat { maxpool 3x3 | id }", "input 3x8x8 concat { maxpool 3x3/1 same | id }"),
        ("input 3x8x8 residual { conv 4 3x3+1 }", "input 3x8x8 residual project { conv 4 3x3+1 }"),
        ("input 3x8x8 add { conv 4 1x1 as a | conv 5 1x1 }", "input 3x8x8 add { conv 4 1x1 as a | conv 4 1x1 }"),
        ("input 3x8x8 maxpool 2", "input 3x8x8 maxpool 2x2"),
    ],
)
def test_the_first_help_mends_the_spec(broken: str, whole: str) -> None:
    assert mended(broken) == whole
    check(whole)


def test_an_edit_that_does_not_help_is_not_offered() -> None:
    # the nearest name to `crop2` is `crop`, which needs sizes that are not there
    assert not any("crop" in text for text in helps("input 3x8x8 crop2"))


def test_a_help_may_bring_a_later_error_to_light() -> None:
    text = "input 3x8x8 residual { conv 4 3x3+1 } -> conv 8 3x3 groups=3"
    assert any("project" in text for text in helps(text))
