"""The IR: a graph of typed, frozen node records.

The records stand in a tuple in topological order (a block's nodes are neighbours), so two equal specs give two equal
graphs and every phase walks it with a `for`. `Graph.nx` is the same graph as a `networkx.MultiDiGraph`, made when it is
first asked for: importing networkx takes longer than checking the largest shipped spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from cnndsl.dims import evaluated
from cnndsl.op import Op, Shape, Weight, numbers, show_shape
from cnndsl.source import Span

if TYPE_CHECKING:
    import networkx

    from cnndsl.contract import Contract


MODULE_NAMES = frozenset(
    [
        "T_destination",
        "add_module",
        "apply",
        "bfloat16",
        "buffers",
        "call_super_init",
        "children",
        "compile",
        "cpu",
        "cuda",
        "double",
        "dump_patches",
        "eval",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "ipu",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "xpu",
        "zero_grad",
        "graph",
        "save",
    ]
)
"""Attributes of `torch.nn.Module` (and ours): a submodule of that name would hide behind them, so it always takes an index.
A test holds the list against torch."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry into a block, a label or a `let`: what a node stands in.

    `path` is the dotted name of what was entered. `block` is the name of the `def`, None for a label or a `let`.
    `serial` tells entries apart: with `each shared` one path is entered several times.
    `arguments` are the values of the block's parameters, as text. `entered` are the shapes that flowed in.
    `repeat` counts the copies of a repetition (`* n`, `for`) from 1; 0 outside of one.
    """

    path: str
    block: str | None
    serial: int
    arguments: tuple[tuple[str, str], ...]
    entered: tuple[Shape, ...]
    repeat: int = 0
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Node:
    """An occurrence of an op.

    `inputs` are the indices of the operands, in order; `shape` is the output's, batch left out. `frames` are the blocks,
    labels and lets it stands in, outermost first. `shares` is the index of the node whose weights it uses (from
    `each shared`), else None; when both have the same path they are one module that is called twice. `aux` marks what runs in
    training only. `indices` marks a max pooling whose indices an `unpool` reads.
    """

    index: int
    path: str
    op: Op
    inputs: tuple[int, ...]
    shape: Shape
    frames: tuple[Frame, ...] = ()
    shares: int | None = None
    aux: bool = False
    indices: bool = False
    span: Span | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The last part of the path: what the node is called inside its innermost frame."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Output:
    """A named output of a net: the index of the node that gives it. `aux` outputs appear in training only."""

    name: str
    node: int
    aux: bool = False


@dataclass(frozen=True, eq=True)
class Graph:
    """A checked net: its nodes in topological order, its outputs, and what its `about` says."""

    name: str
    nodes: tuple[Node, ...]
    results: tuple[Output, ...]
    about: tuple[tuple[str, Any], ...] = ()
    file: str = field(default="", compare=False)
    contract: Contract | None = field(default=None, compare=False)
    """With sizes left open: those it accepts. The shapes of the nodes are formulas then."""

    def at(self, *sizes: int, **named: int) -> Graph:
        """The graph at sizes that were left open, in the order height, width or by letter: its shapes are numbers again.

        Raises ValueError where the network does not accept them, TypeError where it is not clear which size is meant.
        """
        if self.contract is None:
            raise TypeError(f"no size of {self.name} is open")
        at = self.contract.at(*sizes, **named)
        case = self.contract.case(at) if at is not None else None
        if case is None:
            shown = "x".join(map(str, sizes or named.values()))
            if at is None:
                takes = " and ".join(map(show_shape, self.contract.inputs.values()))  # type: ignore[arg-type]
                raise ValueError(f"{self.name} takes {takes}, which {shown} does not give sizes for")
            raise ValueError(f"{self.name} does not accept {shown}: it accepts {self.contract.accepted}")
        return case.graph._settled(at or {})

    def in_numbers(self) -> Graph:
        """The graph with sizes that were left open at their reference size: all its shapes are numbers."""
        return self if self.contract is None else self._settled(self.contract.reference_sizes)

    def _settled(self, at: Mapping[str, int]) -> Graph:
        """The graph with its formulas evaluated."""
        frames: dict[int, Frame] = {}
        nodes = []
        for node in self.nodes:
            for frame in node.frames:
                if id(frame) not in frames:
                    frames[id(frame)] = replace(frame, entered=tuple(evaluated(s, at) for s in frame.entered))
            op = node.op.replace(shape=evaluated(node.shape, at)) if node.op.name == "input" else node.op
            inside = tuple(frames[id(frame)] for frame in node.frames)
            nodes.append(replace(node, op=op, shape=evaluated(node.shape, at), frames=inside))
        return Graph(self.name, tuple(nodes), self.results, self.about, self.file)

    def in_shapes(self, node: Node) -> tuple[Shape, ...]:
        """The shapes of a node's operands, in order."""
        return tuple(self.nodes[i].shape for i in node.inputs)

    def weights(self, node: Node) -> dict[str, Weight]:
        """The weights a node owns, by name; none where it uses another node's."""
        if node.shares is not None:
            return {}
        return {k: w._replace(shape=numbers(w.shape)) for k, w in node.op.weights(*self.in_shapes(node)).items()}

    def node_params(self, node: Node) -> int:
        """How many trainable numbers a node owns."""
        return sum(prod(weight.shape) for weight in self.weights(node).values() if weight.trains)

    def node_macs(self, node: Node) -> int:
        """Multiply-accumulates of a node for one image."""
        return node.op.macs(self.in_shapes(node), node.shape)

    @property
    def inputs(self) -> dict[str, Shape]:
        """Shape of every input, by name, in the order of the spec."""
        return {node.path: node.shape for node in self.nodes if node.op.name == "input"}

    @property
    def outputs(self) -> dict[str, Shape]:
        """Shape of every output of inference, by name. Auxiliary outputs are in `aux_outputs`."""
        return {out.name: self.nodes[out.node].shape for out in self.results if not out.aux}

    @property
    def aux_outputs(self) -> dict[str, Shape]:
        """Shape of every output that appears in training only, by name."""
        return {out.name: self.nodes[out.node].shape for out in self.results if out.aux}

    @cached_property
    def params(self) -> int:
        """Trainable numbers: weights, biases, gamma and beta of normalisations. Auxiliary classifiers count too.

        Left out, as in the tables of the papers: running statistics, the codes of `rbf`, and what is `fixed`.
        """
        return sum(self.node_params(node) for node in self.nodes)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates for one image, of convolutions and fully connected layers (bias adds left out).

        FLOPs are twice as many. Auxiliary classifiers count too; `inference_macs` leaves them out.
        """
        return sum(self.node_macs(node) for node in self.nodes)

    @property
    def inference_params(self) -> int:
        """`params` without the auxiliary outputs' layers."""
        return sum(self.node_params(node) for node in self.nodes if not node.aux)

    @property
    def inference_macs(self) -> int:
        """`macs` without the auxiliary outputs' layers."""
        return sum(self.node_macs(node) for node in self.nodes if not node.aux)

    @cached_property
    def nx(self) -> networkx.MultiDiGraph[int]:
        """The graph as a `networkx.MultiDiGraph`: nodes are indices with the record as `node`, edges carry `operand`."""
        import networkx

        graph: networkx.MultiDiGraph[int] = networkx.MultiDiGraph(name=self.name, outputs=self.results)
        graph.add_nodes_from((node.index, {"node": node}) for node in self.nodes)
        graph.add_edges_from(
            (source, node.index, {"operand": k, "shape": self.nodes[source].shape})
            for node in self.nodes
            for k, source in enumerate(node.inputs)
        )
        return graph

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("name", "nodes", "results", "about", "file", "contract")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __str__(self) -> str:
        """A line per node: number, shape, path, op with its attributes, operands."""
        flows = ", ".join(f"{name} {show_shape(shape)}" for name, shape in self.inputs.items())
        lines = [f"net {self.name}: {flows}"]
        width = max((len(node.path) for node in self.nodes), default=0)
        for node in self.nodes:
            operands = ", ".join(f"%{i}" for i in node.inputs)
            marks = "  aux" * node.aux + (f"  weights of %{node.shares}" if node.shares is not None else "")
            lines.append(
                f"  %{node.index:<4} {node.path:<{width}}  {node.op}({operands}) : {show_shape(node.shape)}{marks}"
            )
        lines.extend(f"  return {out.name} = %{out.node}{' in training' * out.aux}" for out in self.results)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Graph {self.name}: {len(self.nodes)} nodes, {self.params:,} params, {self.macs:,} MACs>"
