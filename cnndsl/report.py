"""The numbers of a net: a row per layer, totals, and the same folded to blocks.

Params are the trainable numbers a layer owns. MACs are multiply-accumulates for one image (FLOPs = 2 x MACs). Activations
are the numbers in a layer's output for one image, and memory is their size in bytes as 32-bit floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any

from cnndsl.contract import shape_json
from cnndsl.dims import is_open
from cnndsl.field import Field
from cnndsl.graph import Frame, Graph, Node
from cnndsl.op import Shape, numbers

FLOAT_BYTES = 4
"""Bytes of a 32-bit float, torch's default."""

IN_PLACE = frozenset({"activation", "regularize"})
"""Families whose result can overwrite what flows in: tables of the literature count no memory for them."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is added up: of one layer, of a block, of a whole net."""

    params: int = 0
    macs: int = 0
    activations: int = 0

    @property
    def memory(self) -> int:
        """Bytes of the activations as 32-bit floats."""
        return self.activations * FLOAT_BYTES

    @property
    def flops(self) -> int:
        """Floating-point operations: a multiply-accumulate counts as two."""
        return 2 * self.macs

    def __add__(self, other: Numbers) -> Numbers:
        return Numbers(self.params + other.params, self.macs + other.macs, self.activations + other.activations)

    def here(self) -> Numbers:
        """The plain numbers, with open sizes those of the reference size."""
        return Numbers(*numbers((self.params, self.macs, self.activations)))

    def to_json(self) -> dict[str, int | str]:
        names = ("params", "macs", "activations", "memory")
        return dict(zip(names, shape_json(tuple(getattr(self, name) for name in names)), strict=True))


@dataclass(frozen=True, slots=True)
class Row:
    """A layer, or a block with all that stands in it.

    `op` is the layer or the block's call as a spec writes it. `shape` is the output's (of a block: of its last layer).
    `parents` are the blocks and labels it stands in, outermost first. `block` marks a block. `note` says what else matters. `field` are
    the receptive fields (of a block: of its last layer), where they were asked for, and `weights` is the layer of a checkpoint that fits.
    """

    path: str
    op: str
    shape: Shape
    numbers: Numbers
    parents: tuple[Frame, ...] = ()
    block: bool = False
    aux: bool = False
    in_place: bool = False
    note: str = ""
    field: Field | None = None
    weights: str = ""

    @property
    def depth(self) -> int:
        return len(self.parents)

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "op": self.op,
            "shape": shape_json(self.shape),
            **self.numbers.to_json(),
            "block": self.block,
            "aux": self.aux,
            **(self.field.to_json() if self.field is not None else {}),
            **({"weights": self.weights} if self.weights else {}),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """A net in numbers. `total` counts auxiliary classifiers, `inference` leaves them out.

    `untrained` counts the numbers a net stores and does not train: running statistics, fixed weights.
    """

    net: str
    file: str
    inputs: tuple[tuple[str, Shape], ...]
    outputs: tuple[tuple[str, Shape], ...]
    aux_outputs: tuple[tuple[str, Shape], ...]
    rows: tuple[Row, ...]
    total: Numbers
    inference: Numbers
    untrained: int
    accepted: tuple[str, ...] = ()
    """With sizes left open: those the net accepts, box by box. Shapes and numbers are formulas then."""
    flows: tuple[tuple[str, list[str]], ...] = ()
    """With sizes left open: the outputs' shapes as text with the sizes they are for, several where one formula is not enough."""
    reference: str = ""
    """With sizes left open: the size whose numbers are told beside the formulas."""

    @property
    def stored_activations(self) -> int:
        """Activations at inference where activation functions and dropout work in place, as in the literature's tables."""
        return sum(row.numbers.activations for row in self.rows if not row.aux and not row.in_place)

    @property
    def at(self) -> str:
        """` at 224x224` behind numbers that stand for formulas; nothing where no size is open."""
        return f" at {self.reference}" if self.reference else ""

    @property
    def features(self) -> Row | None:
        """The last maps whose size depends on an open one, where no output's does: what flows into a classifier."""
        if not self.reference or any(is_open(shape) for _, shape in self.outputs):
            return None
        return next((row for row in reversed(self.rows) if is_open(row.shape) and not row.aux), None)

    def folded(self, depth: int | None) -> tuple[Row, ...]:
        """The rows with every block below `depth` levels made one row; all of them for None. They do not overlap."""
        if depth is None:
            return self.rows
        folded: list[Row] = []
        for parents, rows in _runs(self.rows, max(depth, 1)):
            folded.extend([_block(parents[-1], rows)] if parents else rows)
        return tuple(folded)

    def heads(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, each block that opens announced by a row of its own, with the numbers of all that stands in it."""
        sums = self._sums()
        path: tuple[tuple[str, int], ...] = ()
        for row in rows:
            keys = tuple(_key(frame) for frame in row.parents)
            for level in range(_common(path, keys), len(keys)):
                yield sums[keys[: level + 1]]
            yield row
            path = keys

    def _sums(self) -> dict[tuple[tuple[str, int], ...], Row]:
        inside: dict[tuple[tuple[str, int], ...], list[Row]] = {}
        frames: dict[tuple[tuple[str, int], ...], Frame] = {}
        for row in self.rows:
            for level, frame in enumerate(row.parents):
                keys = tuple(_key(f) for f in row.parents[: level + 1])
                inside.setdefault(keys, []).append(row)
                frames[keys] = frame
        return {keys: _block(frames[keys], rows) for keys, rows in inside.items()}

    def to_json(self, depth: int | None = None) -> dict[str, Any]:
        """Plain data; the rows do not overlap, so their numbers add up to the total."""
        return {
            "net": self.net,
            "file": self.file,
            "inputs": {name: shape_json(shape) for name, shape in self.inputs},
            "outputs": {name: shape_json(shape) for name, shape in self.outputs},
            "aux_outputs": {name: shape_json(shape) for name, shape in self.aux_outputs},
            "rows": [row.to_json() for row in self.folded(depth)],
            "total": self.total.to_json(),
            "inference": self.inference.to_json(),
            "untrained": self.untrained,
        }


def report(graph: Graph, fields: Sequence[Field] = (), weights: Mapping[str, str] = MappingProxyType({})) -> Report:
    """The numbers of a checked net, a row per node in the order of the graph.

    Each with its receptive field if they are given, and with the layer of a checkpoint that fits, by path, if those are.
    """
    rows = tuple(
        _row(graph, node, fields[node.index] if fields else None, weights.get(node.path, "")) for node in graph.nodes
    )
    stored = sum(prod(w.shape) for node in graph.nodes for w in graph.weights(node).values())
    total = add(row.numbers for row in rows)
    return Report(
        net=graph.name,
        file=graph.file,
        inputs=tuple(graph.inputs.items()),
        outputs=tuple(graph.outputs.items()),
        aux_outputs=tuple(graph.aux_outputs.items()),
        rows=rows,
        total=total,
        inference=add(row.numbers for row in rows if not row.aux),
        untrained=stored - total.params,
        accepted=tuple(graph.contract.listed) if graph.contract else (),
        flows=tuple(graph.contract.flows) if graph.contract else (),
        reference=graph.contract.reference if graph.contract else "",
    )


def add(numbers: Iterable[Numbers]) -> Numbers:
    """Their sum."""
    return sum(numbers, start=Numbers())


def _row(graph: Graph, node: Node, field: Field | None, weights: str) -> Row:
    own = Numbers(graph.node_params(node), graph.node_macs(node), prod(node.shape))
    shared = "" if node.shares is None else f"weights of {graph.nodes[node.shares].path}"
    if node.shares is not None and graph.nodes[node.shares].path == node.path:
        shared = "same weights again"
    notes = (shared, "training only" if node.aux else "")
    return Row(
        path=node.path,
        op=str(node.op),
        shape=node.shape,
        numbers=own,
        parents=node.frames,
        aux=node.aux,
        in_place=node.op.family in IN_PLACE,
        note=", ".join(note for note in notes if note),
        field=field,
        weights=weights,
    )


def _block(frame: Frame, rows: list[Row]) -> Row:
    call = " ".join((frame.block, *(value for _, value in frame.arguments))) if frame.block else ""
    aux = all(row.aux for row in rows)
    last = next((row for row in reversed(rows) if row.aux == aux), rows[-1])
    return Row(
        path=frame.path,
        op=call,
        shape=last.shape,
        numbers=add(row.numbers for row in rows),
        parents=last.parents[: _level(frame, last)],
        block=True,
        aux=aux,
        note="training only" if aux else "",
        field=last.field,
    )


def _level(frame: Frame, row: Row) -> int:
    return next(level for level, parent in enumerate(row.parents) if _key(parent) == _key(frame))


def _runs(rows: tuple[Row, ...], depth: int) -> Iterator[tuple[tuple[Frame, ...], list[Row]]]:
    """Splits rows into runs that stand in the same block `depth` levels down; rows in fewer blocks come with `()`."""
    run: list[Row] = []
    current: tuple[Frame, ...] = ()
    for row in rows:
        parents = row.parents[:depth] if row.depth >= depth else ()
        if run and tuple(map(_key, parents)) != tuple(map(_key, current)):
            yield current, run
            run = []
        current = parents
        run.append(row)
    if run:
        yield current, run


def _key(frame: Frame) -> tuple[str, int]:
    return frame.path, frame.serial


def _common(a: tuple[tuple[str, int], ...], b: tuple[tuple[str, int], ...]) -> int:
    """How many leading entries agree."""
    for level, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return level
    return min(len(a), len(b))
