"""The contract of a network: the input sizes it accepts, these and no others, and what flows out for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from cnndsl.dims import Box, Dim, Sizes, described, holds, joint, leftover
from cnndsl.op import Shape, show_shape
from cnndsl.source import Span

if TYPE_CHECKING:
    from cnndsl.graph import Graph

Why = Literal["shape", "shortcut", "weight", "attribute", "condition", "network"]
"""What keeps a size out: a shape rule or a shortcut that has no stride is an error of the spec at that size; the shape of a
weight, an attribute, a condition or another choice of layers would make it another network there."""


class Excluded(NamedTuple):
    """Sizes that a net does not take, the place that says so, the layer or choice there, and the sizes that came that far."""

    box: Box
    why: Why
    span: Span
    text: str
    domain: Box


class Accepted(NamedTuple):
    """A box of accepted sizes, and the graph whose shapes are formulas that hold for all of them."""

    box: Box
    graph: Graph


@dataclass(frozen=True)
class Contract:
    """Which input sizes a network accepts, exactly, and the shapes of its outputs as formulas.

    `letters` are the open sizes in the order of the inputs, `inputs` the shapes with those letters, by name. `cases` are boxes
    that do not overlap: together they are all accepted sizes. `excluded` says, place by place, what keeps the others out.
    """

    letters: tuple[str, ...]
    inputs: Mapping[str, tuple[int | str, ...]]
    cases: tuple[Accepted, ...]
    excluded: tuple[Excluded, ...] = field(default=(), compare=False, repr=False)

    def accepts(self, *sizes: int, **named: int) -> bool:
        """Whether the network accepts sizes: `accepts(224, 224)`, in the order height, width, or by letter, `accepts(H=224, W=224)`.

        Raises TypeError where it is not clear which size is meant.
        """
        at = self.at(*sizes, **named)
        return at is not None and self.case(at) is not None

    def at(self, *sizes: int, **named: int) -> dict[str, int] | None:
        """Sizes by letter; None where one letter would get two sizes, or a size that is not open another than it has.

        `height` and `width` name the letters of a net that has two.
        """
        if not all(isinstance(size, int) for size in (*sizes, *named.values())):
            raise TypeError("sizes are whole numbers")
        if set(named) == {"height", "width"} and len(self.letters) == 2:
            sizes, named = (named["height"], named["width"]), {}
        if named:
            if sizes or set(named) != set(self.letters):
                raise TypeError(f"sizes are for {', '.join(self.letters)}, got {', '.join(named) or 'none'}")
            return dict(named)
        places: Sequence[int | str] = self.letters
        if len(sizes) == 1 and len(self.letters) == 2:
            sizes = sizes * 2  # `--at 224` is 224x224
        if len(sizes) != len(places):
            places = [size for shape in self.inputs.values() for size in shape[-2:] if len(shape) == 3][: len(sizes)]
        if len(sizes) != len(places) or not set(self.letters) <= set(places):
            raise TypeError(f"sizes are for {', '.join(self.letters)}, got {len(sizes)}")
        at: dict[str, int] = {}
        for place, size in zip(places, sizes, strict=True):
            if (at.setdefault(place, size) if isinstance(place, str) else place) != size:
                return None
        return at

    def case(self, at: Mapping[str, int]) -> Accepted | None:
        """The case that sizes belong to; None where they are not accepted."""
        return next((case for case in self.cases if holds(case.box, at)), None)

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        """All accepted sizes, in as few boxes as joining finds."""
        return tuple(joint(case.box for case in self.cases))

    @property
    def outputs(self) -> dict[str, Shape]:
        """Shape of every output by name: formulas that print as such, for the sizes of the first case."""
        return self.cases[0].graph.outputs

    @property
    def reference(self) -> str:
        """The size whose numbers stand for the others, `224x224`: that of the spec, else the first that fits of 224, 448 ..."""
        return "x".join(str(self.reference_sizes[letter]) for letter in self.letters)

    @property
    def reference_sizes(self) -> dict[str, int]:
        """The same by letter."""
        first = next(size for shape in self.cases[0].graph.inputs.values() for size in shape if isinstance(size, Dim))
        return first.space.at

    @property
    def listed(self) -> list[str]:
        """The accepted sizes as text, box by box: `H = 0 mod 16, H >= 16; W = 0 mod 16, W >= 16`."""
        return [self._text(box) for box in self.boxes]

    def _text(self, box: Box) -> str:
        words = [described(box[letter], letter) for letter in self.letters]
        return "; ".join(f"({text})" if " or " in text and len(words) > 1 else text for text in words)

    @property
    def flows(self) -> list[tuple[str, list[str]]]:
        """The output shapes as formulas, each text with the boxes it is for: one text for most nets."""
        found: dict[str, list[Box]] = {}
        for case in self.cases:
            text = ", ".join(show_shape(shape) for shape in case.graph.outputs.values())
            found.setdefault(text, []).append(case.box)
        return [(text, [self._text(box) for box in joint(boxes)]) for text, boxes in found.items()]

    @property
    def accepted(self) -> str:
        """The accepted sizes as one text."""
        return " or ".join(self.listed)

    def __str__(self) -> str:
        takes = ", ".join(show_shape(shape) for shape in self.inputs.values())  # type: ignore[arg-type]
        return f"{takes} -> " + ", and -> ".join(f"{text} for {' or '.join(boxes)}" for text, boxes in self.flows)

    def to_json(self) -> dict[str, Any]:
        """Plain data: for every box and letter the text, the sizes before the pattern, and the pattern's residues."""
        return {
            "letters": list(self.letters),
            "text": self.accepted,
            "accepted": [{letter: _set_json(box[letter], letter) for letter in self.letters} for box in self.boxes],
            "outputs": [
                {
                    "where": self._text(case.box),
                    "shapes": {name: shape_json(shape) for name, shape in case.graph.outputs.items()},
                }
                for case in self.cases
            ],
        }


def _set_json(sizes: Sizes, letter: str) -> dict[str, Any]:
    head, period = sizes.length, sizes.period
    shown = list(takewhile(lambda n: n <= sizes.window, sizes))
    pattern = [n for n in shown if n > head]
    return {
        "text": described(sizes, letter),
        "sizes": [n for n in shown if n <= head],
        "then_from": pattern[0] if pattern else None,
        "modulus": period if pattern else None,
        "residues": sorted(n % period for n in pattern),
    }


def shape_json(shape: Shape) -> list[int | str]:
    """A shape as plain data: formulas as text."""
    return [size if type(size) is int else str(size) for size in shape]


def covers(one: Contract | None, other: Contract | None) -> bool:
    """Whether a contract accepts all that another accepts."""
    if one is None or other is None or one.letters != other.letters:
        return False
    return not any(leftover(box, one.boxes) for box in other.boxes)
