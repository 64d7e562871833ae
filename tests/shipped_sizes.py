"""The nets that come with cnndsl and those of `tests/networks` with their sizes open, sizes to try on them, and where torch differs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
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
SIBLINGS = {
    "alexnet": "caffenet alexnet_single_tower",
    "densenet121": "densenet169 densenet201 densenet264 densenet161 densenet121_keras densenet169_keras densenet201_keras",
    "densenet40_k12": "densenet100_k12",
    "plain20_cifar": "plain56_cifar",
    "preact_resnet164": "preact_resnet1001",
    "resnet18": "resnet34",
    "resnet20_cifar": "resnet32_cifar resnet44_cifar resnet56_cifar resnet110_cifar resnet1202_cifar",
    "resnet50": "resnet101 resnet152",
    "resnet50_keras": "resnet101_keras resnet152_keras",
    "resnet50_v1": "resnet50_v1_caffe resnet101_v1 resnet152_v1",
    "resnet50v2_keras": "resnet101v2_keras resnet152v2_keras",
    "resnext50_32x4d": "resnext101_32x4d resnext101_64x4d resnext101_32x8d resnext50_keras resnext101_keras",
    "retinanet": "retinanet_c5",
    "swapout_20x2": "swapout_20x4 swapout_32x4",
    "vgg11": "vgg13 vgg16 vgg19 vgg_face",
    "vgg11_bn": "vgg13_bn vgg16_bn vgg19_bn",
    "weighted_resnet118": "weighted_resnet1192",
    "wide_resnet50_2": "wide_resnet101_2",
    "wrn_16_8": "wrn_28_10",
    "zfnet": "zfnet_wide",
}
"""Nets that differ from another in depth, width or constants alone: their layers have the same windows, and their contracts the same
boxes (`test_siblings_are_of_one_structure`). All sizes are tried on the first of them, few on the others."""
LIKE = {sibling: net for net, siblings in SIBLINGS.items() for sibling in siblings.split()}
FEW = 8
"""So many sizes beside borders are tried on a sibling."""
WINDOWS = (
    "kernel",
    "stride",
    "padding",
    "dilation",
    "ceil",
    "same",
    "size",
    "factor",
    "output_padding",
    "top",
    "left",
    "offset",
)

UNTIED = (
    "an untied layer has weights for so many positions, and torch multiplies them with as many in another arrangement"
)
FIT = "`fit` asks which map is higher: where the older one has no more rows, the spec describes another network"
RUNS_ANYWAY: dict[str, tuple[str, Callable[[str, int, int], bool]]] = {
    "hrnet_unit": (
        "torch stretches a map of height or width 1 along that axis alone; the language stretches 1x1 maps or none",
        lambda name, h, w: name == "high" and {h, w} == {1, 64},
    ),
    "hrnet_w18": (
        "`to` asks which map is higher: where the two lowest have one row each, the spec describes another network",
        lambda name, h, w: h <= 16,
    ),
    "nasnet_large": (FIT, lambda name, h, w: h <= 18),
    "nasnet_mobile": (FIT, lambda name, h, w: h <= 18),
    "nasnet_large_keras": (FIT, lambda name, h, w: h <= 18),
    "nasnet_mobile_keras": (FIT, lambda name, h, w: h <= 18),
    "networks:nasnet_cifar": (FIT, lambda name, h, w: h <= 2),
    "stochastic_depth_110": (
        "torch stretches a map of one row or column in a sum; the language stretches 1x1 maps or none",
        lambda name, h, w: not {h, w}.isdisjoint({3, 6}),
    ),
    "unusual:fixed_everything": (UNTIED, lambda name, h, w: (h - 4) * (w - 4) == 16 and h != w),
    "unusual:localnet": (UNTIED, lambda name, h, w: (h - 2) * (w - 2) == 49 and h != w),
}
"""Rejected sizes at which torch runs the module all the same, and why."""

ELSEWHERE: dict[str, tuple[str, Callable[[int, int], bool]]] = {
    "unusual:squeeze_excite_block_param": (
        "`residual optional` is left out at the net's own size, and so in its contract; on maps of one pixel alone it would add",
        lambda h, w: max(h, w) <= 2,
    ),
}
"""Accepted sizes at which a spec that is checked for them alone has another shortcut than at its own, and why."""


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
SPECS = {
    **SHIPPED,
    **{f"networks:{name}" if name in SHIPPED else name: spec for name, spec in nets(FOLDER).items()},
    **{f"unusual:{name}": spec for name, spec in UNUSUAL.items()},
}


def windows(graph: Graph) -> set[tuple[str, ...]]:
    """What the layers of a graph make of heights and widths."""
    return {(node.op.name, *(str(getattr(node.op, key, "")) for key in WINDOWS)) for node in graph.nodes}


def edges(sizes: Sizes) -> list[int]:
    """The sizes of a set that lie beside one that is not in it, and these."""
    last = sizes.window + sizes.period + 1
    return sorted({m for n in range(1, last) if (n in sizes) != (n + 1 in sizes) for m in (n, n + 1)})


def tried(
    contract: Contract, own: Sequence[int], layers: int, choose: random.Random, few: bool = False
) -> list[tuple[int, ...]]:
    """Sizes to try: the net's own, the smallest of every box, what lies on both sides of its borders, and mixtures of all these.

    Where few are enough, the mixtures are left out.
    """
    firsts = [tuple(sizes.first for sizes in box.values()) for box in contract.boxes]
    beside: list[tuple[int, ...]] = []  # one size just inside, the other on either side of a border
    around: list[tuple[int, ...]] = []
    for box, first in zip(contract.boxes, firsts, strict=True):
        borders = [edges(sizes) for sizes in box.values()]
        for place, border in enumerate(borders):
            beside += [(*first[:place], n, *first[place + 1 :]) for n in border]
        around += product(*(edges(sizes) + within(sizes, choose) for sizes in box.values()))
    if few:
        return list(dict.fromkeys([tuple(own), *firsts, *beside[:FEW]]))
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
