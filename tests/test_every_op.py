"""Every op of the language against torch: on its examples, and on attributes and sizes drawn at random."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from math import prod
from typing import Any

import pytest
import torch
from conformance import (
    TOO_BIG,
    Case,
    Check,
    cases,
    check,
    check_arithmetic,
    check_footprint,
    check_macs,
    check_refused,
    check_shape,
    check_weights,
    outcome,
    parse_call,
    run,
    settled,
)
from hypothesis import HealthCheck, Phase, given, settings

import cnndsl.ops
from cnndsl import SpecError
from cnndsl.footprint import Reads
from cnndsl.op import LARGEST, OPS, Example, Op, Reject, Shape, Weight
from cnndsl.ops.conv import Conv

FAMILIES = ("conv", "linear", "norm", "pool", "activation", "regularize", "reshape", "merge", "boundary")
EXAMPLES = [(cls, example) for cls in OPS.values() for example in cls.examples]
LEGAL = [(cls, example) for cls, example in EXAMPLES if not isinstance(example.result, str)]


def call_of(value: object) -> str | None:
    """The name of a test case: the call of its example."""
    return value.call if isinstance(value, Example) else ""


TORCH_REFUSES_TOO = (
    "conv", "dwconv", "sepconv", "deconv", "maxpool", "minpool", "avgpool", "lppool", "gn", "instancenorm", "lrn", "prelu",
    "maxout", "pixelshuffle", "channelshuffle", "reshape",
)  # fmt: skip
"""Ops whose every rejection, but that for size, torch shares. The others are stricter than torch: `add` than broadcasting."""

drawn = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Any:
    """Small tensors: more threads cost more than they give."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=call_of)
def test_example(cls: type[Op], example: Example) -> None:
    if isinstance(example.result, str):
        with pytest.raises(Reject) as raised:
            parse_call(example.call).infer(*example.inputs)
        assert raised.value.message == example.result
        return
    op = parse_call(example.call)
    assert type(op) is cls
    assert op.infer(*example.inputs) == example.result
    check(op, example.inputs)


SAID_OTHERWISE = ("unpool", "concat", "add", "sub", "mul", "mean", "max", "input")
"""Ops whose examples cannot be written alone (`unpool` needs its pooling), or whose rejections elaboration words by itself."""


@pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=call_of)
def test_example_in_the_language(cls: type[Op], example: Example) -> None:
    """The example as a spec: the compiler gives its shape and counts its weights, or says its message."""
    if cls.name in ("unpool", "input"):
        return
    if isinstance(example.result, str):
        with pytest.raises(SpecError) as raised:
            cnndsl.check(spec_of(example))
        beside_same = example.result.startswith("`same` computes the padding, and")
        assert beside_same or cls.name in SAID_OTHERWISE or example.result in str(raised.value)
        return
    graph = cnndsl.check(spec_of(example))
    assert next(iter(graph.outputs.values())) == example.result
    op = settled(parse_call(example.call))
    assert graph.params == sum(prod(w.shape) for w in op.weights(*example.inputs).values() if w.trains)
    assert graph.macs == op.macs(example.inputs, example.result)


def spec_of(example: Example) -> str:
    """A net of one call: its inputs flow in, those after the first as the streams it refers to."""
    inputs = [f"input {'x'.join(map(str, shape))} as s{i}" for i, shape in enumerate(example.inputs)]
    start = "@s0 -> " if "@x" in example.call else ""
    return f"net one {{ {' '.join(inputs)}  {start}{example.call.replace('@x', '@s1')} }}"


@pytest.mark.parametrize("cls", OPS.values(), ids=list(OPS))
def test_says_what_it_is(cls: type[Op]) -> None:
    """A docstring with the call in backticks, shapes, a family; two legal examples, and one of every rejection below."""
    first, *rest = (cls.__doc__ or "").split("\n")
    assert f"`{cls.name}" in first
    assert first.endswith(".")
    assert any("[c" in line or "[n]" in line for line in rest)
    assert cls.family in FAMILIES
    assert sum(not isinstance(example.result, str) for example in cls.examples) >= 2
    for example in cls.examples:
        if isinstance(example.result, str):
            assert example.result[0] in "`abcdefghijklmnopqrstuvwxyz"
            assert not example.result.endswith(".")


@pytest.mark.parametrize(
    "cls", [cls for cls in OPS.values() if not getattr(cls, "expands", False)], ids=lambda c: c.name
)
def test_drawn(cls: type[Op]) -> None:
    """Legal draws run on torch as the op says; illegal ones raise Reject and nothing else, and torch refuses them too."""
    seen: Counter[str] = Counter()

    @drawn
    @given(cases(cls))
    def against_torch(case: Case) -> None:
        op, shapes = case
        result = op if isinstance(op, Reject) else outcome(op, shapes)
        seen["rejected" if isinstance(result, Reject) else "legal"] += 1
        if isinstance(op, Reject):
            return
        if not isinstance(result, Reject):
            check(op, shapes, "cpu")
        elif cls.name in TORCH_REFUSES_TOO and TOO_BIG not in result.message:
            check_refused(op, shapes)

    against_torch()
    few = not cls.attributes and cls.operands == 1
    assert seen["legal"] >= (10 if few else 20), f"{cls.name}: {seen}"


@pytest.mark.parametrize(
    "cls", [cls for cls in OPS.values() if not getattr(cls, "expands", False)], ids=lambda c: c.name
)
def test_huge(cls: type[Op]) -> None:
    """Attributes up to the largest: a Reject, or an op that torch runs (on the meta device, which computes nothing)."""

    @settings(drawn, max_examples=60)
    @given(cases(cls, huge=True))
    def against_torch(case: Case) -> None:
        op, shapes = case
        if isinstance(op, Reject):
            return
        result = outcome(op, shapes)
        if isinstance(result, Reject):
            return
        assert prod(result) <= LARGEST
        assert all(prod(weight.shape) <= LARGEST for weight in settled(op).weights(*shapes).values())
        check(op, shapes)

    against_torch()


def pattern(message: str) -> str:
    """A message without its numbers, what it quotes, what it adds in parentheses or behind a colon."""
    short = re.sub(r"`[^`]*`", "`", message.partition(": ")[0])
    return re.sub(r"\[[\d, ]+\]|\d+(x\d+)*", "#", re.sub(r" \(.*?\)| padded by [\dx]+", "", short))


REJECTED = [(cls, example.result) for cls, example in EXAMPLES if isinstance(example.result, str)]
SHARED_RULES = {pattern(message) for _, message in REJECTED if message.startswith("`same`") or message[0] != "`"}


@pytest.mark.parametrize("cls", OPS.values(), ids=list(OPS))
def test_every_rejection_has_an_example(cls: type[Op]) -> None:
    """Messages of drawn rejections, numbers left out, are those of the op's examples, or of any op's for a shared rule."""
    known = {pattern(message) for owner, message in REJECTED if owner is cls} | SHARED_RULES
    met: dict[str, str] = {}

    @settings(drawn, max_examples=60)
    @given(cases(cls, huge=True))
    def collect(case: Case) -> None:
        op, shapes = case
        result = op if isinstance(op, Reject) else outcome(op, shapes)
        if isinstance(result, Reject):
            met.setdefault(pattern(result.message), result.message)

    collect()
    missing = [text for key, text in met.items() if key not in known]
    assert not missing, f"{cls.name}: no example of {missing}"


@pytest.mark.parametrize(("cls", "example"), LEGAL, ids=call_of)
def test_is_a_value(cls: type[Op], example: Example) -> None:
    """Equal to its like, hashable, picklable, immutable."""
    op = parse_call(example.call)
    assert op == parse_call(example.call)
    assert hash(op) == hash(parse_call(example.call))
    assert pickle.loads(pickle.dumps(op)) == op
    with pytest.raises(AttributeError):
        op.name = "other"  # type: ignore[misc]


# --- the suite itself: a wrong op must not pass -------------------------------------------------------------------


class OneTooMany(Conv):
    """A convolution that adds a row."""

    def infer(self, *shapes: Shape) -> Shape:
        c, h, w = super().infer(*shapes)
        return c, h + 1, w


class NoBias(Conv):
    """A convolution that forgets its bias."""

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"weight": super().weights(*shapes)["weight"]}


class Transposed(Conv):
    """A convolution that says its weight the wrong way round."""

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        shape = super().weights(*shapes)["weight"].shape
        return super().weights(*shapes) | {"weight": Weight((shape[1], shape[0], *shape[2:]))}


class Frozen(Conv):
    """A convolution that says its weights do not train."""

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {name: w._replace(trains=False) for name, w in super().weights(*shapes).items()}


class Flops(Conv):
    """A convolution that counts two operations a MAC."""

    def macs(self, shapes: tuple[Shape, ...], out: Shape) -> int:
        return 2 * super().macs(shapes, out)


class Sideways(Conv):
    """A convolution that says height and width the wrong way round."""

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        ((rows, columns),) = super().footprint(shapes, out)
        return ((columns, rows),)


class Lax(Conv):
    """A convolution whose groups need not divide."""

    def infer(self, *shapes: Shape) -> Shape:
        return (self.out_channels, *self.replace(groups=1).infer(*shapes)[1:])


class Strict(Conv):
    """A convolution that rejects what torch accepts."""

    def infer(self, *shapes: Shape) -> Shape:
        raise Reject("not today")


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [
        (OneTooMany, check_shape),
        (NoBias, check_weights),
        (Transposed, check_weights),
        (Frozen, check_weights),
        (Flops, check_macs),
    ],
)
def test_a_wrong_op_fails_its_check_and_no_other(wrong: type[Op], failing: Check) -> None:
    shapes = ((3, 9, 9),)
    op = wrong(out_channels=4, kernel=(3, 3), bias=True)
    right = Conv(out_channels=4, kernel=(3, 3), bias=True)
    ran = run(op, shapes, right.infer(*shapes), "meta")
    for one in (check_shape, check_weights, check_macs):
        one(right, shapes, ran)
        if one is failing or (wrong is OneTooMany and one is check_macs):
            with pytest.raises(AssertionError):
                one(op, shapes, ran)
        else:
            one(op, shapes, ran)


def test_wrong_sums_fail() -> None:
    class WrongSum(Conv):
        def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
            return f"({shapes[0][1]} - 3)/1 = {out[1]}"

    class Silent(Conv):
        def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
            return ""

    for wrong in (WrongSum, Silent):
        with pytest.raises(AssertionError):
            check_arithmetic(wrong(out_channels=4, kernel=(3, 3)), ((3, 9, 9),))


def test_a_wrong_footprint_fails() -> None:
    check_footprint(Conv(out_channels=4, kernel=(3, 1), bias=True), ((3, 9, 9),))
    with pytest.raises(AssertionError, match="operand 0"):
        check_footprint(Sideways(out_channels=4, kernel=(3, 1), bias=True), ((3, 9, 9),))


def test_a_lax_op_meets_torchs_refusal_and_a_strict_one_its_consent() -> None:
    with pytest.raises(ValueError, match="divisible by groups"):
        run(Lax(out_channels=4, kernel=(3, 3), groups=2), ((3, 9, 9),), (4, 7, 7), "cpu")
    with pytest.raises(AssertionError, match="torch does not"):
        check_refused(Strict(out_channels=4, kernel=(3, 3)), ((3, 9, 9),))
