"""The graph while it grows: nodes as drafts, the scopes that name them, and the finishing that makes a `Graph` of them.

A name is final only when all its neighbours are known (`conv` or `conv1`?), and whether a convolution has a bias only when it
is known who reads it. So drafts are kept until the walk is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cnndsl import syntax
from cnndsl.elaborate.naming import Item, alias, bump, origin, same, settle_names
from cnndsl.graph import Frame, Graph, Node, Output
from cnndsl.op import Op, Shape
from cnndsl.source import Span
from cnndsl.values import Flow, Ref


class Entry:
    """One entry into a scope: a frame to be."""

    __slots__ = ("arguments", "block", "call", "flow", "frame", "item", "repeat", "serial", "span")

    def __init__(
        self,
        item: Item,
        block: str | None,
        serial: int,
        arguments: tuple[tuple[str, str], ...],
        flow: Flow,
        repeat: int,
        span: Span,
        call: syntax.Call | None,
    ) -> None:
        self.item, self.block, self.serial, self.arguments = item, block, serial, arguments
        self.flow, self.repeat, self.span, self.call = flow, repeat, span, call
        self.frame: Frame | None = None


class Draft:
    """A node to be. `call` is where in the syntax tree it came from, for edits that a diagnostic proposes."""

    __slots__ = ("aux", "call", "entries", "indices", "inputs", "item", "op", "shape", "shares", "span")

    def __init__(
        self,
        op: Op,
        inputs: tuple[int, ...],
        shape: Shape,
        entries: tuple[Entry, ...],
        item: Item,
        span: Span,
        aux: bool,
        call: Any,
    ) -> None:
        self.op, self.inputs, self.shape, self.entries = op, inputs, shape, entries
        self.item, self.span, self.aux, self.call = item, span, aux, call
        self.shares: int | None = None
        self.indices = False


class Trace:
    """The drafts of one net."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.root = Item("", None)
        self.entries: tuple[Entry, ...] = ()
        self.serials = 0
        self.aux = 0
        self.used: set[int] = set()

    @property
    def scope(self) -> Item:
        return self.entries[-1].item if self.entries else self.root

    def add(self, op: Op, inputs: tuple[int, ...], shape: Shape, span: Span, name: str = "", call: Any = None) -> Ref:
        """A new node in the scope where the walk stands."""
        scope = self.scope
        item = Item(name or op.name, scope)
        scope.items.append(item)
        item.draft = Draft(op, inputs, shape, self.entries, item, span, self.aux > 0, call)
        self.used.update(inputs)
        self.drafts.append(item.draft)
        return Ref(len(self.drafts) - 1, shape, item)

    @contextmanager
    def inside(
        self,
        name: str,
        flow: Flow,
        span: Span,
        block: str | None = None,
        arguments: tuple[tuple[str, str], ...] = (),
        repeat: int = 0,
        call: syntax.Call | None = None,
    ) -> Iterator[Item]:
        """Enters a scope. One in which nothing came to stand leaves no trace."""
        parent, before = self.scope, self.entries
        item = Item(name, parent, block)
        parent.items.append(item)
        self.serials += 1
        self.entries = (*before, Entry(item, block, self.serials, arguments, flow, repeat, span, call))
        try:
            yield item
        finally:
            self.entries = before
            if not item.items and parent.items[-1] is item:
                parent.items.pop()

    # --- weights used twice

    def owner(self, index: int) -> int:
        shares = self.drafts[index].shares
        return index if shares is None else shares

    def weighted(self, start: int, stop: int) -> list[int]:
        """The drafts of a range that own weights."""
        return [i for i in range(start, stop) if self.drafts[i].op.weights(*self.in_shapes(i))]

    def in_shapes(self, index: int) -> tuple[Shape, ...]:
        return tuple(self.drafts[i].shape for i in self.drafts[index].inputs)

    def mismatch(self, first: list[int], copy: list[int]) -> tuple[int, int] | None:
        """The first two weighted drafts of two copies whose weights cannot be one set; -1 where one has no partner."""
        for a, b in zip(first, copy, strict=False):
            one, other = self.drafts[a].op, self.drafts[b].op
            if one.name != other.name or one.weights(*self.in_shapes(a)) != other.weights(*self.in_shapes(b)):
                return a, b
        if len(first) == len(copy):
            return None
        shorter = min(len(first), len(copy))
        return (first[shorter], -1) if len(first) > shorter else (-1, copy[shorter])

    def share(self, first: list[int], copy: list[int], items: list[Item], copies: list[Item]) -> None:
        """Gives a copy the weights of the first, and the same modules where they are equal in everything."""
        for a, b in zip(first, copy, strict=True):
            self.drafts[b].shares = self.owner(a)
        if len(items) == len(copies):
            for one, other in zip(items, copies, strict=True):
                if same(one, other):
                    alias(one, other)

    # --- finishing

    def finish(
        self, name: str, results: list[tuple[Ref, bool]], about: tuple[tuple[str, Any], ...], file: str
    ) -> Graph:
        self._settle_bias()
        self._settle_indices()
        settle_names(self.root)
        nodes = tuple(self._node(index) for index in range(len(self.drafts)))
        outputs = self._outputs(results)
        return Graph(name, nodes, outputs, about, file)

    def _settle_bias(self) -> None:
        """A convolution that a `bn` reads has no bias and every other one has, unless it says."""
        without: set[int] = set()
        for draft in self.drafts:
            if draft.op.name == "bn":
                without.add(self.owner(draft.inputs[0]))
        for index, draft in enumerate(self.drafts):
            if "bias" in draft.op.attributes and draft.op.__dict__["bias"] is None:
                draft.op = draft.op.replace(bias=self.owner(index) not in without)

    def _settle_indices(self) -> None:
        paths = {origin(draft.item) for draft in self.drafts if draft.indices}
        for draft in self.drafts:
            draft.indices = draft.indices or origin(draft.item) in paths

    def _node(self, index: int) -> Node:
        draft = self.drafts[index]
        frames = []
        for entry in draft.entries:
            if entry.frame is None:
                entry.frame = Frame(
                    entry.item.path(),
                    entry.block,
                    entry.serial,
                    entry.arguments,
                    tuple(ref.shape or () for ref in entry.flow),
                    entry.repeat,
                    entry.span,
                )
            frames.append(entry.frame)
        prefix = frames[-1].path if frames else ""
        item = origin(draft.item)
        path = item.path() if item is not draft.item else f"{prefix}.{item.name}" if prefix else item.name
        return Node(
            index,
            path,
            draft.op,
            draft.inputs,
            draft.shape,
            tuple(frames),
            draft.shares,
            draft.aux,
            draft.indices,
            draft.span,
        )

    @staticmethod
    def _outputs(results: list[tuple[Ref, bool]]) -> tuple[Output, ...]:
        names: list[str] = []
        for ref, _ in results:
            label = (
                ref.label if isinstance(ref.label, str) else origin(ref.label).name if ref.label is not None else "out"
            )
            names.append(label)
        final: list[str] = []
        for i, name in enumerate(names):
            while name in final or (names.count(name) > 1 and name in names[:i]):
                name = bump(name)
            final.append(name)
        return tuple(Output(name, ref.index, aux) for name, (ref, aux) in zip(final, results, strict=True))
