"""What is matched: units, the arrays of one layer, on the side of a net and on the side of a checkpoint.

A unit is what torch calls a leaf module: a convolution with its kernel and bias, a normalisation with gamma, beta and running
statistics. A `sepconv` is two of them. No torch here: arrays are names and shapes until they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cnndsl.graph import Graph, Node
from cnndsl.op import Shape

if TYPE_CHECKING:
    from torch import Tensor

UNMATCHED = "num_batches_tracked"
"""A counter that many checkpoints lack: it never decides what fits, and is taken where it is there."""

SPELLINGS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
"""What torch calls the arrays of a norm, by the names of the paper, of Keras and of norms written by hand."""

HALVES = (" depthwise", " pointwise")
"""What the kind of such a unit ends with."""
Signature = tuple[tuple[str, Shape], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A change of layout that can be undone: axes permuted, or the same numbers under another shape."""

    axes: tuple[int, ...] = ()
    before: Shape = ()
    after: Shape = ()

    def apply(self, tensor: Tensor) -> Tensor:
        return tensor.permute(self.axes) if self.axes else tensor.reshape(self.after)

    def undo(self, tensor: Tensor) -> Tensor:
        if not self.axes:
            return tensor.reshape(self.before)
        return tensor.permute(tuple(self.axes.index(axis) for axis in range(len(self.axes))))


@dataclass(frozen=True, slots=True)
class Array:
    """An array of a checkpoint: its full name, its shape once `steps` brought it to torch's layout, the numbers as they were stored."""

    key: str
    shape: Shape
    tensor: Tensor | None
    dtype: str
    steps: tuple[Step, ...] = ()
    also: tuple[str, ...] = ()
    """Other names of the same memory: modules that share their weights."""

    def unread(self) -> Array:
        """The same without the numbers."""
        return replace(self, tensor=None)

    def torch(self) -> Tensor:
        """The numbers in torch's layout."""
        assert self.tensor is not None
        tensor = self.tensor
        for step in self.steps:
            tensor = step.apply(tensor)
        return tensor


@dataclass(frozen=True, slots=True)
class Unit:
    """The arrays of one layer by their role (`weight`, `bias`, `running_mean` ...).

    `name` is the path of the layer. `shapes` are in torch's layout. Of a checkpoint's unit, `arrays` are the arrays themselves; of
    a net's, `node` is what owns them. `kind` is the layer's class, where it is known.
    """

    name: str
    shapes: Mapping[str, Shape]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    node: Node | None = None
    kind: str = ""

    @property
    def layer(self) -> str:
        """The layer's name; both halves of a separable convolution of Keras are of one."""
        return self.name.rpartition("/")[0] if self.kind.endswith(HALVES) else self.name

    @property
    def signature(self) -> Signature:
        """What two units that belong together have in common: roles and shapes. A 1x1 kernel counts as a matrix."""
        return tuple(sorted((role, bare(shape)) for role, shape in self.shapes.items() if role != UNMATCHED))

    @property
    def wild(self) -> Signature:
        """The signature of a classifier whatever its number of classes."""
        return tuple((role, (0, *shape[1:])) for role, shape in self.signature)

    def __str__(self) -> str:
        shown = ", ".join(
            f"{role} {'x'.join(map(str, shape)) or 'scalar'}"
            for role, shape in self.shapes.items()
            if role not in (UNMATCHED, "running_var")
        )
        return f"{self.name or '(no name)'}: {shown}"


def bare(shape: Shape) -> Shape:
    """A shape without the ones at its end."""
    cut = len(shape)
    while cut and shape[cut - 1] == 1:
        cut -= 1
    return shape[:cut]


@dataclass(frozen=True, slots=True)
class Side:
    """Units with what is known of their order: `before[i]` are the units that come before unit `i` in any case."""

    units: tuple[Unit, ...]
    before: tuple[frozenset[int], ...]


def net_side(graph: Graph) -> Side:
    """The units of a net in the order of execution; before a unit come those whose results flow into it."""
    units: list[Unit] = []
    before: list[frozenset[int]] = []
    own: dict[int, int] = {}
    flows: list[frozenset[int]] = []  # the units whose results arrive in a node's output, without a unit between
    for node in graph.nodes:
        arriving = frozenset[int]().union(*(flows[i] for i in node.inputs))
        if node.shares is not None:
            flows.append(frozenset([own[node.shares]]) if node.shares in own else arriving)
            continue
        for prefix, shapes in grouped((name, weight.shape) for name, weight in graph.weights(node).items()).items():
            name = f"{node.path}.{prefix}" if prefix else node.path
            units.append(Unit(name, shapes, node=node, kind=node.op.name))
            before.append(arriving)
            own[node.index] = len(units) - 1
            arriving = frozenset([len(units) - 1])
        flows.append(arriving)
    return Side(tuple(units), tuple(before))


def grouped(arrays: Iterable[tuple[str, Any]]) -> dict[str, dict[str, Any]]:
    """What stands under dotted names, by the part in front of the last dot."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in arrays:
        prefix, _, role = name.rpartition(".")
        found.setdefault(prefix, {})[role] = value
    return found
