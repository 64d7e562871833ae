"""Which array of a checkpoint goes where in a net, or one diagnostic that shows both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cnndsl.diagnostic import SpecError
from cnndsl.graph import Graph
from cnndsl.weights import order
from cnndsl.weights.checkpoint import Checkpoint
from cnndsl.weights.flatten import unflattened
from cnndsl.weights.match import Order, match
from cnndsl.weights.read import read_weights
from cnndsl.weights.side_by_side import misfit
from cnndsl.weights.unit import UNMATCHED, Array, Side, Unit, bare, net_side

BY_NAME, BY_ORDER = "by name", "by structure"


@dataclass(frozen=True, slots=True)
class Fit:
    """What fits where: `arrays` by the net's names. `fresh` are the layers that keep their initial values.

    `dropped` are the checkpoint's arrays that nothing reads: a classifier for other classes, a layer that prepares images.
    """

    origin: str
    how: str
    arrays: dict[str, Array]
    fresh: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = f"{len(self.arrays)} array{'s' * (len(self.arrays) != 1)} of {self.origin}, matched {self.how}"
        return f"{count}; {self.remark}" if self.remark else count

    @property
    def layers(self) -> dict[str, str]:
        """The checkpoint's layer for each of the net's by path; `fresh` where it has none."""
        found: dict[str, str] = {}
        for name, array in self.arrays.items():
            found.setdefault(name.rpartition(".")[0], re.split(r"[./](?=[^./]*$)", array.key)[0])
        return found | dict.fromkeys(self.fresh, "fresh")

    def to_json(self) -> dict[str, Any]:
        """Plain data: the checkpoint's arrays by the net's names, what stays fresh, what is not used."""
        return {
            "checkpoint": self.origin,
            "matched": self.how,
            "arrays": {name: array.key for name, array in self.arrays.items()},
            "fresh": list(self.fresh),
            "unused": list(self.dropped),
        }

    @property
    def remark(self) -> str:
        """What is said about layers that keep their initial values, and of arrays that were left; empty where there are none."""
        fresh = f"{_some(self.fresh)}: fresh, not from {self.origin}" if self.fresh else ""
        dropped = f"{_some(self.dropped)} of {self.origin}: not used" if self.dropped else ""
        return "; ".join(filter(None, (fresh, dropped)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + f" and {len(names) - 4} more" * (len(names) > 4)


def fit(graph: Graph, weights: Any, fresh_heads: bool = False) -> Fit:
    """Matches a checkpoint to a net: by name where names agree, else by kind, shape and order of execution.

    With `fresh_heads` the layers that give the net's outputs may have another number of classes than the checkpoint's, or be missing
    there. Auxiliary classifiers may be missing in any case. Raises SpecError: E0601, E0602 for what cannot be read, E0603 for what does not fit.
    """
    checkpoint = read_weights(weights, graph.in_numbers().inputs.values())
    net = net_side(graph)
    for wanted in (net, _without_aux(net)):
        for heads in (
            frozenset[int](),
            *([_heads(wanted)] if fresh_heads else []),
        ):  # nothing is fresh that need not be
            for how, pairs in _pairings(wanted, checkpoint, heads):
                return _fit(graph, net, wanted, checkpoint, how, pairs)
    raise SpecError([misfit(graph, net, checkpoint)])


def _without_aux(net: Side) -> Side:
    """The net without what runs in training only: checkpoints for inference lack it."""
    main = [place for place, unit in enumerate(net.units) if unit.node is not None and not unit.node.aux]
    at = {place: k for k, place in enumerate(main)}
    before = tuple(frozenset(at[p] for p in net.before[place]) for place in main)
    return Side(tuple(net.units[place] for place in main), before)


def _heads(net: Side) -> frozenset[int]:
    """The units that give outputs: no unit reads their results."""
    read = frozenset[int]().union(*net.before)
    kinds = ("conv", "fc", "dwconv", "deconv", "local")
    return frozenset(place for place, unit in enumerate(net.units) if place not in read and unit.kind in kinds)


def _pairings(net: Side, checkpoint: Checkpoint, heads: frozenset[int]) -> Iterator[tuple[str, Sequence[int | None]]]:
    """Ways to pair the net's units with the checkpoint's, the most trustworthy first."""
    named = _by_name(net, checkpoint, heads)
    if named is not None:
        yield BY_NAME, named
        return
    for believed in _orders(checkpoint):
        pairs = match(net, checkpoint.units, believed, heads)
        if pairs is not None:
            yield BY_ORDER, pairs


def _orders(checkpoint: Checkpoint) -> Iterator[Order]:
    """What may be believed of the order of a checkpoint's units, one reading after another.

    A file's order is believed at once where the numbers in the names do not speak against it, else after them.
    """
    names, kinds = [unit.name for unit in checkpoint.units], [unit.kind for unit in checkpoint.units]
    stand = range(len(names))
    line = Order(order.in_line(len(names)), stand)
    numbers = order.by_names(names)
    if checkpoint.executed:
        yield line
    if checkpoint.flow is not None:
        yield Order(checkpoint.flow, stand, dict(enumerate(checkpoint.flow)))
        yield Order(checkpoint.flow, stand)
    if checkpoint.channels_last:
        halves = {place: frozenset([place - 1]) for place in stand if kinds[place].endswith("pointwise")}
        yield Order(numbers, stand, halves)
        yield Order(order.by_names(names, kinds), stand, halves)
        yield Order(order.by_last_numbers(names), stand, halves)
        yield Order(order.in_lines(kinds), stand, halves)
        return
    if checkpoint.ordered and order.follows(numbers):
        yield line
    yield Order(numbers, order.ranks(names), near=True)
    if checkpoint.ordered:
        yield line
    signatures = [unit.signature for unit in checkpoint.units]
    if len(set(signatures)) == len(signatures):  # shapes alone leave no choice
        yield Order((frozenset[int](),) * len(signatures), stand)


def _by_name(net: Side, checkpoint: Checkpoint, heads: frozenset[int]) -> list[int | None] | None:
    """The pairing by name where all names agree, but for a part that all of the checkpoint's have in front."""
    places = {unit.name: place for place, unit in enumerate(checkpoint.units)}
    first = next((unit.name for place, unit in enumerate(net.units) if place not in heads), None)
    if first is None:
        return None
    for name in places:
        front = name[: len(name) - len(first)]
        if not name.endswith(first) or (front and not front.endswith((".", "/"))):
            continue
        pairs = [places.get(front + unit.name) for unit in net.units]
        if all(
            (place is None and k in heads)
            or (place is not None and _takes(net.units[k], checkpoint.units[place], k in heads))
            for k, place in enumerate(pairs)
        ) and len({place for place in pairs if place is not None}) == len(places):
            return pairs
    return None


def _takes(mine: Unit, theirs: Unit, head: bool) -> bool:
    return mine.signature == theirs.signature or (head and mine.wild == theirs.wild)


def _fit(graph: Graph, net: Side, wanted: Side, checkpoint: Checkpoint, how: str, pairs: Sequence[int | None]) -> Fit:
    arrays: dict[str, Array] = {}
    kept: set[int] = set()
    for unit, place in zip(wanted.units, pairs, strict=True):
        if place is None or unit.signature != checkpoint.units[place].signature:
            continue
        kept.add(place)
        theirs = checkpoint.units[place].arrays
        for role, shape in unit.shapes.items():
            if role in theirs and (role != UNMATCHED or bare(theirs[role].shape) == bare(shape)):
                array = unflattened(graph, unit, role, theirs[role]) if checkpoint.channels_last else theirs[role]
                arrays[f"{unit.name}.{role}"] = array
    fresh = [unit for unit in net.units if not any(f"{unit.name}.{role}" in arrays for role in unit.shapes)]
    dropped = [array.key for k, unit in enumerate(checkpoint.units) if k not in kept for array in unit.arrays.values()]
    left = (*dropped, *checkpoint.left_out)
    return Fit(checkpoint.origin, how, arrays, tuple(unit.name for unit in fresh), left)
