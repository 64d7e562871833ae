"""What holds for every op, as checks of one op with the shapes that flow in.

Each check compares what the op says of itself with what torch does, or with arithmetic of its own, and raises
AssertionError where they differ. Only `code` is taken from the op: it says which torch module runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, prod
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own documentation writes F
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cnndsl import layers
from cnndsl.footprint import Footprint
from cnndsl.op import BOOLEAN, OPS, REQUIRED, STREAM, Attribute, Code, Kind, Op, Reject, Shape, Volume, Window
from cnndsl.ops.pool import MaxPool

# --- running an op on torch --------------------------------------------------------------------------------------


def settled(op: Op) -> Op:
    """The op with a bias where it leaves that open, as elaboration settles it."""
    return op.replace(bias=True) if getattr(op, "bias", False) is None else op


def module_of(code: Code) -> nn.Module | None:
    """The submodule that a `Code` constructs; None where it is an expression alone."""
    if not code.module:
        return None
    scope = nn if code.module.startswith("nn.") else layers
    module: nn.Module = getattr(scope, code.module.removeprefix("nn."))(*code.args, **code.kwargs)
    return module


def called(code: Code, module: nn.Module | None, operands: list[Tensor]) -> Tensor:
    """The expression of the forward pass, evaluated."""
    names = [f"x{i}" for i in range(len(operands))]
    text = code.call.format(*names, m="module", all=", ".join(names))
    scope = {"torch": torch, "F": F, "module": module, **dict(zip(names, operands, strict=True))}
    result: Tensor = eval(text, scope)
    return result


def operands_of(op: Op, shapes: tuple[Shape, ...], batch: int, device: str) -> list[Tensor]:
    """Random operands. An `unpool` is handed the places of a pooling in the middle, not the pooling's output."""
    tensors = [torch.randn(batch, *shape, device=device) for shape in shapes]
    if op.name == "unpool":
        size = (batch, *shapes[1])
        tensors[1] = torch.zeros(size, dtype=torch.int64, device=device)
        if device == "cpu":
            tensors[1] = torch.randint(0, prod(shapes[2][1:]), size)
    return tensors


@dataclass(frozen=True)
class Ran:
    """What torch did: output shapes of a batch of 2 in training and of 1 in inference, the arrays, the MACs."""

    training: Shape
    inference: Shape
    arrays: dict[str, tuple[Shape, bool, bool]]
    macs: float


def run(op: Op, shapes: tuple[Shape, ...], out: Shape, device: str) -> Ran:
    """Runs the op's code. Raises what torch raises."""
    code = op.code(shapes, out)
    with torch.device(device):
        module = module_of(code)
    if module is not None and getattr(op, "fixed", False):
        module.requires_grad_(False)
    training = called(code, module, operands_of(op, shapes, 2, device))
    if module is not None:
        module.eval()
    with FlopCounterMode(display=False) as counter:
        inference = called(code, module, operands_of(op, shapes, 1, device))
    arrays = {}
    if module is not None:
        trained = {name: p.requires_grad for name, p in module.named_parameters()}
        arrays = {n: (tuple(t.shape), trained.get(n, False), n not in trained) for n, t in module.state_dict().items()}
    assert (training.shape[0], inference.shape[0]) == (2, 1), f"{op} changes the batch"
    return Ran(tuple(training.shape[1:]), tuple(inference.shape[1:]), arrays, counter.get_total_flops() / 2)


# --- the checks --------------------------------------------------------------------------------------------------


def check_shape(op: Op, shapes: tuple[Shape, ...], ran: Ran) -> None:
    """The shape rule gives what torch gives."""
    out = op.infer(*shapes)
    assert out == ran.training == ran.inference, f"{op} of {shapes}: {out}, torch {ran.training} and {ran.inference}"
    assert all(isinstance(n, int) and n >= 1 for n in out), f"{op} of {shapes}: {out}"


def check_weights(op: Op, shapes: tuple[Shape, ...], ran: Ran) -> None:
    """The weights are those of the module's state dict: names, shapes, what trains, what is a buffer."""
    said = {name: (w.shape, w.trains, w.buffer) for name, w in op.weights(*shapes).items()}
    assert said == ran.arrays, f"{op} of {shapes}: {said}, torch {ran.arrays}"


def check_macs(op: Op, shapes: tuple[Shape, ...], ran: Ran) -> None:
    """The MACs are half of the FLOPs that torch counts."""
    macs = op.macs(shapes, op.infer(*shapes))
    assert macs == ran.macs, f"{op} of {shapes}: {macs} MACs, torch {ran.macs}"


def check_arithmetic(op: Op, shapes: tuple[Shape, ...]) -> None:
    """The sums that are shown are right: each left side comes to its right side, and that is in the output shape."""
    out = op.infer(*shapes)
    text = op.arithmetic(shapes, out)
    kept = not shapes or out[1:] == shapes[0][1:]
    sliding = op.windowed() or (op.name in ("upsample", "pixelshuffle") and not getattr(op, "like", None))
    assert text or kept or not sliding, f"{op} changes the size and does not say how"
    for line in text.split(", ") if text else ():
        left, right = line.rsplit(" = ", 1)
        assert eval(left, {"floor": floor, "ceil": ceil}) == int(right), f"{op} of {shapes}: {line}"
        assert int(right) in (*out[1:], prod(out)), f"{op} of {shapes}: {line} is no size of {out}"


def check_text(op: Op) -> None:
    """The call that is shown reads back as the same op."""
    if op.written and not any(spec.kind is STREAM and getattr(op, n) for n, spec in op.attributes.items()):
        assert parse_call(str(op)) == op, f"{op!s} reads back as {parse_call(str(op))!s}"


def check(op: Op, shapes: tuple[Shape, ...], device: str = "meta") -> None:
    """All checks of an op that accepts the shapes."""
    op = settled(op)
    check_text(op)
    check_arithmetic(op, shapes)
    if getattr(op, "expands", False) or op.name == "input":
        return
    ran = run(op, shapes, op.infer(*shapes), device)
    check_shape(op, shapes, ran)
    check_weights(op, shapes, ran)
    check_macs(op, shapes, ran)
    if device == "cpu":
        check_footprint(op, shapes)
    if isinstance(op, MaxPool) and not op.zeros:
        check_indices(op, shapes[0], device)


def check_indices(op: MaxPool, shape: Shape, device: str) -> None:
    """A max pooling's indices point, in the maps without padding, at the numbers it gives."""
    out = op.infer(shape)
    module = module_of(op.code_with_indices((shape,), out))
    assert module is not None
    x = torch.randn(2, *shape, device=device)
    y, places = module(x)
    assert y.shape == places.shape == (2, *out)
    if device == "cpu":
        assert torch.equal(x.flatten(2).gather(2, places.flatten(2)).view_as(y), y)


def check_footprint(op: Op, shapes: tuple[Shape, ...]) -> None:
    """A row of the output changes when a row of an operand does, just where the footprint says so; columns alike.

    An op that changes nowhere at all (`scale 0`) may say what it would read. Ops in `SAY_MORE` may say more than they read.
    """
    out = op.infer(*shapes)
    generator = torch.Generator().manual_seed(0)
    module = module_of(op.code(shapes, out))
    if module is not None:
        module.double().eval().requires_grad_(False)
        for weight in module.parameters():
            weight.uniform_(0.5, 1.5, generator=generator)
    for k, reads in enumerate(op.footprint(shapes, out)):
        if op.name == "unpool" and k == 1:
            continue
        seen = changes(op, module, shapes, k, generator)
        if seen is None:
            continue
        assert reads is not None, f"{op} of {shapes} reads operand {k}, and says it does not"
        for pairs, footprint, n, m in zip(seen, reads, sides(shapes[k]), sides(out), strict=True):
            said = read_by(footprint, n, m)
            right = pairs <= said if op.name in SAY_MORE else pairs == said
            assert right, f"{op} of {shapes}, operand {k}: {sorted(said)}, torch {sorted(pairs)}"


SAY_MORE = ("unpool", "reshape")
"""Alone, an `unpool` does not know its pooling. A `reshape` from maps to maps of another size says that it reads all of them."""

Pairs = set[tuple[int, int]]
"""Positions of the output, each beside a position of an operand it reads."""


def sides(shape: Shape) -> tuple[int, int]:
    """Height and width; a vector is a single position."""
    return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)


def read_by(footprint: Footprint, n: int, m: int) -> Pairs:
    """What m positions read of n, by a footprint."""
    spans = [(i, footprint.at(i)) for i in range(m)]
    return {(i, j) for i, span in spans if span for j in range(span[0], span[1] + 1, footprint.step) if 0 <= j < n}


def changes(
    op: Op, module: nn.Module | None, shapes: tuple[Shape, ...], k: int, generator: torch.Generator
) -> tuple[Pairs, Pairs] | None:
    """Which rows and columns of the output change with which of operand k, tried one by one; None where nothing ever does.

    Every row and every column is made larger and smaller at random: each is an image of one batch, whose first is as it was.
    """
    height, width = sides(shapes[k])
    tries = [(axis, j, sign) for axis, n in ((0, height), (1, width)) for j in range(n) for sign in (1, -1)]
    operands = operands_of(op, shapes, 1, "cpu")
    for i, (tensor, shape) in enumerate(zip(operands, shapes, strict=True)):
        if tensor.is_floating_point():
            operands[i] = torch.rand(1, *shape, dtype=torch.float64, generator=generator) + 0.5
        operands[i] = operands[i].repeat(1 + len(tries), *(1 for _ in shape))
    whole = operands[k].view(1 + len(tries), -1, height, width)
    for image, (axis, j, sign) in enumerate(tries, start=1):
        line = whole[image, :, j] if axis == 0 else whole[image, :, :, j]
        line += sign * (2 + torch.rand(line.shape, dtype=torch.float64, generator=generator))
    out = op.infer(*shapes)
    y = called(op.code(shapes, out), module, operands)
    y = y.view(len(y), -1, *sides(out))
    differs = ((y[1:] - y[:1]).abs() > 1e-9 * y[:1].abs().clamp_min(1)).any(1)
    if y.isnan().any() or not differs.any():
        return None
    rows = {
        (i, j)
        for (axis, j, _), one in zip(tries, differs, strict=True)
        if axis == 0
        for i in one.any(1).nonzero()[:, 0].tolist()
    }
    columns = {
        (i, j)
        for (axis, j, _), one in zip(tries, differs, strict=True)
        if axis == 1
        for i in one.any(0).nonzero()[:, 0].tolist()
    }
    return rows, columns


TOO_BIG = "would hold"
"""In the message of a rejection for size: torch may try, and run out of memory."""


def check_refused(op: Op, shapes: tuple[Shape, ...]) -> None:
    """What the op rejects, torch refuses too."""
    op = settled(op)
    try:
        run(op, shapes, (1, 1, 1), "cpu")
    except (RuntimeError, ValueError, IndexError, TypeError):
        return
    raise AssertionError(f"{op} rejects {shapes}, torch does not")


# --- windows, counted one by one ---------------------------------------------------------------------------------


def count_windows(length: int, reach: int, stride: int, padding: int, round_up: bool) -> int:
    """How many windows slide over a row: positions are tried one by one.

    With `round_up` the row goes on for stride - 1 places behind the padding, and a window must start before that padding.
    """
    end = length + padding + (stride - 1 if round_up else 0)
    count, start = 0, -padding
    while start + reach <= end:
        count += not round_up or start < length
        start += stride
    return count


def same_windows(length: int, stride: int) -> int:
    """How many windows TensorFlow's SAME puts: one at every stride-th place of the row."""
    return len(range(0, length, stride))


# --- ops from the text of an example -----------------------------------------------------------------------------

WINDOW = re.compile(r"(\d+)x(\d+)(?:/(\d+)(?:x(\d+))?)?(?:\+(\d+)(?:x(\d+))?)?")


def parse_value(text: str) -> Any:
    """A value as a call has it: numbers, true and false, sizes."""
    if text in ("true", "false"):
        return text == "true"
    sizes = text.split("x")
    if all(size.isdigit() for size in sizes):
        numbers = tuple(int(size) for size in sizes)
        whole = {1: numbers[0], 2: Window((numbers[0], numbers[-1]))}
        return whole[len(sizes)] if len(sizes) < 3 else Volume(*numbers)
    try:
        return float(text)
    except ValueError:
        return text.strip('"')


def parse_call(text: str) -> Op:
    """The op of a simple call, as in `conv 64 7x7/2+3 bias=false`. Raises Reject as the op does."""
    name, *words = text.split()
    cls = OPS[name]
    values: dict[str, Any] = {}
    free = [key for key, spec in cls.attributes.items() if spec.positional]
    for word in words:
        key, _, value = word.rpartition("=")
        if key:
            values[key] = converted(cls.attributes[key], value)
            continue
        match = WINDOW.fullmatch(word)
        flagged = (
            word if word in cls.attributes else next((k for k, a in cls.attributes.items() if word in a.kind.words), "")
        )
        if flagged:
            values[flagged] = True if cls.attributes[flagged].kind is BOOLEAN else word
        elif free and cls.attributes[free[0]].window and match:
            free.pop(0)
            values |= window_values(match)
        else:
            position = free.pop(0) if free else "shape"
            values[position] = converted(cls.attributes[position], word)
    return cls(**values)


def converted(spec: Attribute, text: str) -> Any:
    """A value of the attribute's kind."""
    if spec.kind is STREAM:
        return True
    value = spec.kind.convert(parse_value(text))
    assert value is not None, f"{spec.name}={text} is not {spec.kind.expected}"
    return value


def window_values(match: re.Match[str]) -> dict[str, Any]:
    """Kernel, stride and padding of `7x7/2+3`."""
    numbers = [int(part) if part else None for part in match.groups()]
    pairs = {"kernel": numbers[:2], "stride": numbers[2:4], "padding": numbers[4:]}
    return {key: (a, a if b is None else b) for key, (a, b) in pairs.items() if a is not None}


# --- ops and shapes drawn at random ------------------------------------------------------------------------------

SMALL: tuple[Any, ...] = (
    1,
    2,
    3,
    4,
    5,
    6,
    0.1,
    0.5,
    1.5,
    0,
    -1,
    (1, 1),
    (2, 2),
    (3, 3),
    (1, 3),
    (3, 2),
    (2, 1),
    (5, 5),
    (0, 1),
)
"""What is tried as the value of an attribute: a kind keeps of it what it takes."""
HUGE: tuple[Any, ...] = (2**31 - 1, 2**20 + 1, (2**31 - 1, 2**31 - 1), (2**20, 1), 1e30)
CHANNELS, SIZES = (1, 2, 3, 4, 6, 8, 12), (1, 2, 3, 4, 5, 6, 7, 8, 9)


def values_of(kind: Kind, pool: tuple[Any, ...]) -> list[Any]:
    """The values of a pool that a kind takes."""
    kept = [kind.convert(value) for value in (*pool, True, False, *kind.words)]
    return list(dict.fromkeys(value for value in kept if value is not None))


def attribute_values(spec: Attribute, huge: bool) -> st.SearchStrategy[Any]:
    """Values of an attribute, drawn from what its kind takes."""
    if spec.kind is STREAM:
        return st.just(True) if spec.default is REQUIRED else st.sampled_from((None, True))
    values = values_of(spec.kind, SMALL + HUGE if huge else SMALL)
    drawn = st.sampled_from(values) if values else st.nothing()
    return drawn if spec.default is REQUIRED else st.one_of(st.just(spec.default), drawn)


def shapes_of_one() -> st.SearchStrategy[Shape]:
    """Maps, and now and then a vector."""
    maps = st.tuples(st.sampled_from(CHANNELS), st.sampled_from(SIZES), st.sampled_from(SIZES))
    return st.one_of(maps, maps, maps, st.tuples(st.sampled_from(CHANNELS)))


@st.composite
def attributes(draw: st.DrawFn, cls: type[Op], huge: bool = False) -> dict[str, Any]:
    """Values for attributes of an op, few of them other than the defaults. They may contradict one another."""
    values: dict[str, Any] = {}
    for name, spec in cls.attributes.items():
        if spec.kind is STREAM or spec.default is REQUIRED or draw(st.booleans()):
            values[name] = draw(attribute_values(spec, huge))
    return values


@st.composite
def shapes_for(draw: st.DrawFn, op: Op) -> tuple[Shape, ...]:
    """As many shapes as flow into the op, often ones that go together."""
    first = draw(shapes_of_one())
    if op.name == "unpool":
        before = (first[0], draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES)))
        pooled = (before[0], draw(st.integers(1, before[1])), draw(st.integers(1, before[2])))
        return draw(st.sampled_from((pooled, pooled, pooled, first))), pooled, before
    extra = sum(spec.kind is STREAM and getattr(op, name) is True for name, spec in op.attributes.items())
    count = draw(st.integers(1, 4)) if op.operands is None else op.operands + extra
    beside = [first, (first[0],), (first[0], 1, 1), (1, *first[1:]), (first[0] + 1, *first[1:])]
    related = st.sampled_from([shape for shape in beside if len(shape) != 2])
    return (first, *(draw(st.one_of(st.just(first), related, shapes_of_one())) for _ in range(count - 1)))[:count]


Case = tuple[Op | Reject, tuple[Shape, ...]]


@st.composite
def cases(draw: st.DrawFn, cls: type[Op], huge: bool = False) -> Case:
    """An op and the shapes that flow in, or the rejection that its attributes met."""
    values = draw(attributes(cls, huge))
    if cls.name == "reshape" and draw(st.booleans()):
        shape = draw(shapes_of_one())
        whole = draw(st.permutations((*shape, *(1,) * (3 - len(shape)))))
        return cls(volume=Volume(*whole)), (shape,)
    if cls.name == "input":
        return cls(shape=draw(shapes_of_one())), ()
    try:
        op = cls(**values)
    except Reject as reject:
        return reject, ()
    return op, draw(shapes_for(op))


def outcome(op: Op, shapes: tuple[Shape, ...]) -> Shape | Reject:
    """What the shape rule says. Whatever else it raises is a fault."""
    try:
        return op.infer(*shapes)
    except Reject as reject:
        return reject


Check = Callable[[Op, tuple[Shape, ...], Ran], None]
