"""The nets that come with cnndsl and those of `tests/networks` with their sizes open, and sizes to try on them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cnndsl
from cnndsl.contract import Contract
from cnndsl.dims import Sizes
from cnndsl.graph import Graph
from cnndsl.op import Shape
from cnndsl.shipped import nets_of, shipped_nets

if TYPE_CHECKING:
    from torch import nn

FOLDER = Path(__file__).resolve().parent / "networks"
SETTINGS: dict[str, dict[str, Any]] = {
    "strings": {"kind": "a", "act": "hardswish"},
    "chan": {"d": 4},
    "oldcomments": {"a": 2},
}
LAYERS = 4000
"""So many are run for one net, over all the sizes that are tried."""
FEWEST, MOST = 12, 80
"""So many sizes are tried at least and at most."""


class Case(NamedTuple):
    """A net, its own graph, and the sizes of it that are open: inputs by name, with letters."""

    spec: str
    own: Graph
    settings: Mapping[str, Any]
    opened: Mapping[str, str]

    def graph(self, **at: int) -> Graph:
        """The net's graph with open sizes, or with numbers for the letters."""
        shapes = dict(self.opened)
        for letter, size in at.items():
            shapes = {name: text.replace(letter, str(size)) for name, text in shapes.items()}
        return cnndsl.check(self.spec, input=shapes, **self.settings)

    def module(self) -> nn.Module:
        """The module for the net's own size, on torch's device `meta`."""
        import torch

        with torch.device("meta"):
            return cnndsl.load(self.spec, **self.settings)


def openings(spec: str) -> Iterator[Case]:
    """Height and width of all maps that flow in open together, or where these have different sizes, those of one after the other."""
    settings = SETTINGS.get(Path(spec.partition(":")[0]).stem, {})
    own = cnndsl.check(spec, **settings)
    maps = {key: shape for key, shape in own.inputs.items() if len(shape) == 3}
    opened = {key: f"{shape[0]}xHxW" for key, shape in maps.items()}
    if len({shape[1:] for shape in maps.values()}) == 1:
        yield Case(spec, own, settings, opened)
        return
    for key, text in opened.items():
        yield Case(spec, own, settings, {key: text})


def nets(folder: Path) -> dict[str, str]:
    """All nets of a folder, as specs by name."""
    found = {}
    for path in sorted(folder.glob("*.cnn")):
        names = nets_of(path)
        found.update({f"{path.stem}:{net}" if len(names) > 1 else path.stem: f"{path}:{net}" for net in names})
        if not names:
            found[path.stem] = str(path)
    return found


SHIPPED = {net: net for net in shipped_nets()}
UNUSUAL = {
    name: spec for name, spec in nets(FOLDER / "unusual").items() if name != "bare_vec"
}  # a vector: no size to open
SPECS = {**SHIPPED, **nets(FOLDER), **{f"unusual:{name}": spec for name, spec in UNUSUAL.items()}}


def edges(sizes: Sizes) -> list[int]:
    """The sizes of a set that lie beside one that is not in it, and these."""
    last = sizes.window + sizes.period + 1
    return sorted({m for n in range(1, last) if (n in sizes) != (n + 1 in sizes) for m in (n, n + 1)})


def tried(contract: Contract, own: Sequence[int], layers: int, choose: random.Random) -> list[tuple[int, ...]]:
    """Sizes to try: the net's own, the smallest of every box, what lies on both sides of its borders, and mixtures of all these."""
    firsts = [tuple(sizes.first for sizes in box.values()) for box in contract.boxes]
    beside: list[tuple[int, ...]] = []  # one size just inside, the other on either side of a border
    around: list[tuple[int, ...]] = []
    for box, first in zip(contract.boxes, firsts, strict=True):
        borders = [edges(sizes) for sizes in box.values()]
        for place, border in enumerate(borders):
            beside += [(*first[:place], n, *first[place + 1 :]) for n in border]
        around += product(*(edges(sizes) + within(sizes, choose) for sizes in box.values()))
    marks = {n for box in contract.boxes for sizes in box.values() for n in edges(sizes)} | {1, 2, *own}
    mixtures = list(product(sorted(marks), repeat=len(own)))
    choose.shuffle(around)
    choose.shuffle(mixtures)
    most = min(max(LAYERS // layers, FEWEST), MOST)
    rest = [*around[: most // 2], *mixtures[: max(most // 4, 25 if layers < 50 else 0)]]
    picked = dict.fromkeys([tuple(own), *firsts, *beside[:most], *rest])
    return [pair for pair in picked if prod(pair) < 2_500_000]


def within(sizes: Sizes, choose: random.Random) -> list[int]:
    """Two more sizes of a set: in its first two periods and somewhat beyond, or anywhere between its ends."""
    last = sizes.window + 2 * sizes.period + 20 if sizes.infinite else sizes.window
    inside = [n for n in range(1, last) if n in sizes]
    return choose.sample(inside, min(2, len(inside)))


def flowing_in(contract: Contract, at: Mapping[str, int]) -> list[Shape]:
    return [tuple(at[n] if isinstance(n, str) else n for n in shape) for shape in contract.inputs.values()]
