"""Random nets whose sizes are left open, and what the compiler says of them one size at a time."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import cnndsl.ops  # noqa: F401 - fills the table of ops
from cnndsl import SpecError
from cnndsl.elaborate import elaborate
from cnndsl.graph import Graph, Node
from cnndsl.op import Reject, Shape
from cnndsl.source import Source
from cnndsl.workspace import Workspace, select

Sizes = tuple[int | str, ...]
At = Mapping[str, int]

# --- nets -------------------------------------------------------------------------------------------------------------


class Net(NamedTuple):
    """A spec, and the inputs to check it with: None where its own are open."""

    text: str
    inputs: tuple[Sizes, ...] | None


class Maker:
    """Writes one random net. All streams between its elements have `CHANNELS` channels, so that any follows any."""

    CHANNELS = 4

    def __init__(self, seed: int, compound: bool) -> None:
        self.random = random.Random(seed)
        self.compound = compound
        self.names = 0
        self.conditions = 0
        self.native = False
        self.one_letter = False
        self.blocks: list[str] = []

    def name(self) -> str:
        self.names += 1
        return f"s{self.names}"

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def net(self) -> Net:
        pick = self.random
        self.native = self.chance(0.35)
        several = self.chance(0.15)
        letters = pick.choice(
            [("H", "W")] * 4 + [("H", "H")] * 3 + [(pick.choice((5, 8, 17, 32)), "W"), ("H", pick.choice((7, 16, 20)))]
        )
        if self.compound:
            letters = pick.choice((("H", "H"), (9, "W")))
        self.one_letter = len({size for size in letters if isinstance(size, str)}) == 1
        inputs: tuple[Sizes, ...] = ((2, *letters),)
        if several:
            inputs = (inputs[0], (2, *pick.choice([letters, letters, ("H", "H"), ("H", 9)])))
            self.one_letter = len({size for shape in inputs for size in shape if isinstance(size, str)}) == 1
        own = {letter: pick.choice((8, 12, 15, 16, 21, 24, 32, 33)) for letter in ("H", "W")}
        shapes = [tuple(own.get(size, size) if self.native else size for size in shape) for shape in inputs]  # type: ignore[arg-type]
        lines = [f"input {'x'.join(map(str, shape))}" + f" as in{i}" * several for i, shape in enumerate(shapes)]
        start = f"conv {self.CHANNELS} 1x1 -> "
        if several:
            shared = " shared" * self.chance(0.5)
            join = "add" if inputs[0] == inputs[1] or self.chance(0.3) else f"concat -> conv {self.CHANNELS} 1x1"
            start = f"each{shared} {{ conv {self.CHANNELS} 1x1 -> {self.chain(1)} }} -> {join} -> "
        if self.compound:
            name = self.name()
            start += f"(id as {name} -> {self.condition(name)}) -> "
        body = start + self.chain(2)
        if self.native and self.chance(0.6):
            body += " -> " + self.end()
        elif self.chance(0.1):
            body += " -> globalavgpool -> fc 3"
        return Net("\n".join([*self.blocks, " ".join(lines) + " " + body]), inputs if self.native else None)

    def end(self) -> str:
        """What fixes the size: weights that read whole maps."""
        pick = self.random
        return pick.choice(
            [
                "fc 5",
                "flatten -> fc 5",
                "maxpool 2x2 ceil -> flatten -> fc 5",
                "local 3 2x2/2",
                "local 3 3x3 same",
                f"reshape {self.CHANNELS}x4x4 -> conv 2 1x1",
                "maxpool 3x3/2 -> reshape 1x16x16",
                "flatten -> bn -> relu",
                "id as last -> conv (@last.height) 1x1",
                "id as last -> conv (@last.height // 2 + 1) 1x1",
                "id as last -> conv (ceil(@last.width / 3)) 1x1",
                "id as last -> relu * (@last.width // 4)",
                "id as last -> for k in 0 .. (@last.height // 5) { conv (2 + k) 1x1 }",
                "id as last -> avgpool kernel=(@last.height)",
            ]
        )

    def chain(self, depth: int) -> str:
        return " -> ".join(self.element(depth) for _ in range(self.random.choice((1, 1, 2, 2, 3))))

    def element(self, depth: int) -> str:  # noqa: C901 - a case for every construct
        pick, c = self.random, self.CHANNELS
        if depth == 0 or self.chance(0.45):
            return self.layer()
        kind = pick.randrange(20)
        inner = self.chain(depth - 1)
        name = self.name()
        match kind:
            case 0:
                return f"concat {{ {inner} | {self.chain(depth - 1)} }} -> conv {c} 1x1"
            case 1 | 2:
                merge = pick.choice(("add", "mul", "max", "mean", "sub"))
                return f"{merge} {{ {inner} | {pick.choice(('id', self.chain(depth - 1)))} }}"
            case 3 | 4 | 5:
                word = pick.choice(("", "project ", "pad ", "optional "))
                return f"residual {word}{{ {inner} }}"
            case 6:
                gate = pick.choice((f"globalavgpool -> conv {c} 1x1", "globalmaxpool", "conv 1 1x1"))
                return f"mul {{ id | {gate} -> sigmoid }}"
            case 7:
                offset = pick.choice(("", "", " offset=1", " offset=2x0"))
                return f"id as {name} -> {inner} -> crop like=@{name}{offset}"
            case 8:
                return f"(id as {name} -> {inner} -> upsample like=@{name})"
            case 9:  # a level of a feature pyramid
                merge = (
                    f"add {{ {pick.choice(('upsample 2', f'upsample like=@{name}', f'deconv {c} 2x2/2'))} | @{name} }}"
                )
                return f"id as {name} -> {self.window('conv')} -> {merge}"
            case 10:
                pool = self.window("maxpool")
                return f"{pool} as {name} -> {pick.choice(('relu', f'conv {c} 3x3+1', inner))} -> unpool @{name}"
            case 11:
                return (
                    f"each shared {{ {inner} }}" if self.chance(0.3) else f"({self.layer()}) * {pick.choice((0, 2, 3))}"
                )
            case 12:
                return f"aux {{ {inner} }} -> {self.layer()}"
            case 13:
                return f"split 2 -> each {{ conv {c // 2} 3x3/2+1 }} -> concat"
            case 14:
                many = pick.choice(("3x3/2+1", "2x2/2", "3x3 same", "1x1/2"))
                return f"for k in 1 .. 3 {{ conv {c} {many} -> relu }}"
            case 15:
                self.blocks.append(
                    f"def b{name}(n, s = 1) {{ residual project {{ conv n 3x3/s+1 -> {inner} }} -> relu }}"
                )
                return f"b{name} {c} {pick.choice(('', 's=2'))}"
            case 16:
                return f"branch {{ {inner} | {self.layer()} }} -> concat -> conv {c} 1x1"
            case 17 | 18 if self.one_letter or self.chance(0.1):
                return f"(id as {name} -> {self.condition(name)})"
        return self.layer()

    def condition(self, name: str) -> str:
        """Two ways to go on, which the numbers of their leaky units tell apart."""
        pick = self.random
        self.conditions += 1
        size = f"@{name}." + pick.choice(("height", "width"))
        k, compare = pick.randrange(1, 7), pick.choice((">", ">=", "<", "<=", "==", "!="))
        tests = [
            f"{size} {compare} {k}",
            f"{size} {compare} {k}",
            f"ceil({size} / 2) {compare} {k}",
            f"{size} // 3 {compare} 1",
            f"{size} / 2 {compare} 1.5",
            f"{size} % 2 == 0",
            f"not {size} < {k}",
        ]
        several = [
            f"round({size} / 3) {compare} {k // 2}",
            f"{size} * {size} {compare} {k * k}",
            f"max({size}, {k}) {compare} {k}",
            f"{size} > {k} or {size} == 1",
            f"{size} > {k} and {size} != {k + 4}",
            f"{size} == {k} or {size} == {k + 1}",
            f"{size} * 0.5 > {k}",
            f"{size} // {size} == 1",
        ]
        test = pick.choice(several if self.compound else tests)
        sides = [f"leakyrelu 0.{self.conditions:02}{way}" for way in (1, 2)]
        return f"if {test} {{ {sides[0]} }} else {{ {sides[1]}{pick.choice(('', f' -> {self.layer()}'))} }}"

    def window(self, kind: str) -> str:
        pick, c = self.random, self.CHANNELS
        kernel = pick.choice(((1, 1), (2, 2), (3, 3), (3, 3), (5, 5), (1, 3), (3, 2), (4, 4)))
        stride = pick.choice(((1, 1), (1, 1), (2, 2), (2, 2), (3, 3), (1, 2), (4, 4)))
        padding = pick.choice(((0, 0), (0, 0), (1, 1), (kernel[0] // 2, kernel[1] // 2), (1, 0), (2, 2)))
        pool = kind.endswith("pool")
        if pool:
            padding = (min(padding[0], kernel[0] // 2), min(padding[1], kernel[1] // 2))
        same, more = self.chance(0.3), []
        if kind in ("conv", "dwconv", "sepconv", "maxpool", "minpool", "deconv") and self.chance(0.15):
            more.append("dilation=" + pick.choice(("2", "3", "2x1")))
        if pool and self.chance(0.4):
            more.append("ceil")
        if kind == "deconv" and not same and max(stride) > 1 and self.chance(0.3):
            more.append(
                "output_padding=1" if min(stride) > 1 else f"output_padding={'x'.join(str(s - 1) for s in stride)}"
            )
        number = "" if pool or kind == "dwconv" else f" {c}"
        spelled = f"{kernel[0]}x{kernel[1]}/{stride[0]}x{stride[1]}"
        tail = "same" if same else ""
        return " ".join([f"{kind}{number}", spelled + ("" if same else f"+{padding[0]}x{padding[1]}"), tail, *more])

    def layer(self) -> str:
        pick, c = self.random, self.CHANNELS
        if self.chance(0.6):
            kinds = ("conv", "conv", "dwconv", "sepconv", "maxpool", "avgpool", "minpool", "lppool", "deconv")
            return self.window(pick.choice(kinds))
        return pick.choice(
            [
                "upsample 2",
                "upsample 2x1",
                "upsample 3 bilinear",
                "pad 1",
                "pad 2x1",
                "pad bottom=1",
                "pad right=2 top=1",
                "crop top=1 left=1",
                "crop bottom=2",
                "crop top=1 bottom=1 left=1 right=1",
                "crop 4x4",
                "crop 6x3 offset=1",
                "adaptiveavgpool 5x5",
                "adaptivemaxpool 2x7",
                f"globalavgpool -> conv {c} 1x1",
                f"conv {c * 4} 1x1 -> pixelshuffle 2",
                "instancenorm",
                "gn 2",
                "gn 4",
                "bn -> relu",
                "channelshuffle 2",
                "ln -> gelu",
                "lrn",
                "slice 0 2 -> pad channels=2",
                "dropout 0.2",
            ]
        )


def numbered(seed: int, compound: bool = False) -> Net:
    """The random net of a seed. `compound`: with conditions that take several comparisons, or arithmetic of fractions."""
    return Maker(seed, compound).net()


# --- one size at a time ------------------------------------------------------------------------------------------------


class Concrete:
    """A spec elaborated at single sizes, with numbers alone: what a contract is held against."""

    def __init__(self, source: Source | str, net: str | None = None, inputs: tuple[Sizes, ...] | None = None) -> None:
        if isinstance(source, str):
            source = Source("<text>", source)
        self.module = Workspace().module(source)
        self.net = select(self.module, net)
        self.inputs: tuple[Sizes, ...] = inputs or tuple(item.size.sizes for item in self.net.inputs)
        self.known: dict[tuple[int, ...], Graph | None] = {}

    @property
    def letters(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(size for shape in self.inputs for size in shape if isinstance(size, str)))

    @property
    def native(self) -> dict[str, int] | None:
        """The sizes that the spec itself has; None where it leaves them open."""
        found: dict[str, int] = {}
        for item, shape in zip(self.net.inputs, self.inputs, strict=True):
            for size, letter in zip(item.size.sizes, shape, strict=True):
                if isinstance(letter, str):
                    if not isinstance(size, int):
                        return None
                    found.setdefault(letter, size)
        return found

    def at(self, at: At) -> Graph | None:
        """The graph at a size; None where the spec is in error there."""
        key = tuple(at[letter] for letter in self.letters)
        if key not in self.known:
            given = {str(i): tuple(at.get(s, s) for s in shape) for i, shape in enumerate(self.inputs)}  # type: ignore[call-overload]
            try:
                self.known[key] = elaborate(self.module, self.net, {}, given)
            except SpecError:
                self.known[key] = None
        return self.known[key]


@dataclass(frozen=True)
class Reference:
    """The network of a contract, as the plain graph at its reference size."""

    graph: Graph
    inputs: tuple[Sizes, ...]

    def shapes(self, at: At) -> list[Shape] | None:
        """The shapes of all its nodes at another size, by their shape rules; None where one of them says no."""
        shapes: list[Shape] = []
        waiting = list(self.inputs)
        for node in self.graph.nodes:
            operands = tuple(shapes[i] for i in node.inputs)
            if node.op.name == "input":
                shapes.append(tuple(at.get(size, size) for size in waiting.pop(0)))  # type: ignore[call-overload]
                continue
            if bridges(node) and node.op.name == "add" and operands[0] != operands[1]:
                return None  # a shortcut is not broadcast
            try:
                shapes.append(node.op.infer(*operands))
            except Reject:
                return None
        return shapes

    def same_weights(self, shapes: list[Shape]) -> bool:
        for node in self.graph.nodes:
            if node.shares is None:
                here = node.op.weights(*(shapes[i] for i in node.inputs))
                if here != self.graph.weights(node):
                    return False
        return True

    def same_choices(self, other: Graph) -> bool:
        """Whether another graph has the same layers, apart from what residuals put on their shortcuts."""
        return written(self.graph) == written(other)


def bridges(node: Node) -> bool:
    """Whether a residual without a shortcut path of its own made a node."""
    assert node.span is not None
    text = node.span.text
    if not re.match(r"residual\b", text):
        return False
    depth = 0
    for char in text:
        depth += (char in "{(") - (char in "})")
        if char == "|" and depth == 1:
            return False
    return True


def written(graph: Graph) -> list[Any]:
    """The layers that the spec has written, in order."""
    return [node.op for node in graph.nodes if node.op.name != "input" and not bridges(node)]
