"""From the graph to scopes: every block, label and `let` with what flows in and out of it, and its calls in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from cnndsl.emit.library import arguments
from cnndsl.emit.steps import Call, Region, Step, Value, abstract, split_name
from cnndsl.graph import Frame, Graph, Node
from cnndsl.op import numbers


@dataclass(slots=True, eq=False)
class Entry:
    """One entry into a scope: a contiguous run of nodes, `first` to `stop`, which is not reached."""

    path: str
    frame: Frame | None
    parent: Entry | None
    first: int
    stop: int = 0
    aux: bool = True
    items: list[Node | Entry] = field(default_factory=list)
    reads: list[tuple[int, int, Value]] = field(default_factory=list)
    gives: list[Value] = field(default_factory=list)
    region: Region = field(default_factory=Region)
    inlined: bool = False


@dataclass(slots=True, eq=False)
class Scope:
    """A path of the module tree: its entries (several with `each shared`), its class, and the arguments of that class."""

    path: str
    entries: list[Entry]
    height: int = 0
    group: Any = None
    values: dict[str, Any] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)

    @property
    def block(self) -> str | None:
        """The name of the `def`, None for a label, a `let` and the net itself."""
        frame = self.entries[0].frame
        return frame.block if frame else None


class Tree:
    """The scopes of a graph, by path; "" is the net itself."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.root = Entry("", None, None, 0, len(graph.nodes))
        self.inner: list[Entry] = []
        self.scopes: dict[str, Scope] = {"": Scope("", [self.root])}
        self._enter()
        self._connect()
        self._measure()
        for scope in self.scopes.values():
            _unify(scope.entries, graph)
        self.root.region.params = [2 * node.index for node in graph.nodes if node.op.name == "input"]
        self.root.region.outs = [2 * out.node for out in graph.results]

    def levels(self) -> Iterator[list[Scope]]:
        """The scopes by height: those without scopes inside first, the net last."""
        rows: dict[int, list[Scope]] = {}
        for scope in self.scopes.values():
            rows.setdefault(scope.height, []).append(scope)
        for height in sorted(rows):
            yield rows[height]

    def _enter(self) -> None:
        """Opens an entry wherever a frame begins and hands every node to the innermost one."""
        opaque = _transparent(self.graph)
        stack: list[tuple[int, Entry]] = []
        for node in self.graph.nodes:
            frames = [f for f in node.frames if f.serial not in opaque]
            depth = 0
            while depth < min(len(frames), len(stack)) and frames[depth].serial == stack[depth][0]:
                depth += 1
            for _, closed in stack[depth:]:
                closed.stop = node.index
            del stack[depth:]
            for frame in frames[depth:]:
                parent = stack[-1][1] if stack else self.root
                entry = Entry(frame.path, frame, parent, node.index)
                parent.items.append(entry)
                self.scopes.setdefault(frame.path, Scope(frame.path, [])).entries.append(entry)
                stack.append((frame.serial, entry))
            home = stack[-1][1] if stack else self.root
            home.items.append(node)
            self.inner.append(home)
            if not node.aux:
                self.root.aux = False
                for _, entry in stack:
                    entry.aux = False
        for _, closed in stack:
            closed.stop = len(self.graph.nodes)

    def _connect(self) -> None:
        """Finds what every entry reads from outside, and what of it is read outside."""
        given: set[tuple[int, Value]] = set()  # by identity: an entry and one inside it may begin at the same node

        def give(value: Value, reader: int) -> None:
            entry: Entry | None = self.inner[value // 2]
            while entry is not None and entry.stop <= reader and entry.parent is not None:
                if (id(entry), value) not in given:
                    given.add((id(entry), value))
                    entry.gives.append(value)
                entry = entry.parent

        for node in self.graph.nodes:
            for k, value in enumerate(operands(node)):
                entry: Entry | None = self.inner[node.index]
                while entry is not None and value // 2 < entry.first:
                    entry.reads.append((node.index - entry.first, k, value))
                    entry = entry.parent
                give(value, node.index)
        for out in self.graph.results:
            give(2 * out.node, len(self.graph.nodes))

    def _measure(self) -> None:
        """Heights, from the deepest paths up."""
        for path in sorted(self.scopes, key=lambda p: p.count(".") + bool(p), reverse=True):
            scope = self.scopes[path]
            inner = [self.scopes[i.path].height for e in scope.entries for i in e.items if isinstance(i, Entry)]
            scope.height = 1 + max(inner, default=-1)

    def steps(self, scope: Scope) -> None:
        """Fills the regions of a scope's entries. The scopes inside have their classes already."""
        for entry in scope.entries:
            names: set[str] = set()
            for item in entry.items:
                entry.region.steps.extend(self._calls(item, entry, names))
            scope.made = scope.made or names

    def _calls(self, item: Node | Entry, home: Entry, names: set[str]) -> list[Step]:
        if isinstance(item, Node):
            if item.op.name == "input":
                return []
            call = self._node(item, home)
        elif item.inlined:
            prefix = _relative(item.path, home)
            made = self.scopes[item.path].made
            return [_moved(step, prefix, item.aux and not home.aux, names, made) for step in item.region.steps]
        else:
            call = self._scope(item, home)
        if call.name:
            call.creates = call.name not in names
            names.add(call.name)
        return [call]

    def _node(self, node: Node, home: Entry) -> Call:
        shapes = tuple(numbers(shape) for shape in self.graph.in_shapes(node))
        op: Any = node.op
        code = (op.code_with_indices if node.indices else op.code)(shapes, numbers(node.shape))
        keys, values = arguments(code.module, code.args, code.kwargs)
        call, literals = abstract(code.call)
        name = _relative(node.path, home) if code.module else ""
        stem, number = split_name(name, node.op.name)
        label = "" if split_name(node.name, node.op.name)[0] == node.op.name else node.name
        return Call(
            name,
            code.module,
            keys,
            [(value,) for value in (*values, *literals)],
            call,
            operands(node),
            [2 * node.index, 2 * node.index + 1] if node.indices else [2 * node.index],
            kind=node.op.name,
            stem=stem,
            number=None if number is None else (number,),
            fixed=bool(getattr(op, "fixed", False) and op.weights(*shapes)),
            aux=node.aux and not home.aux,
            heavy=bool(op.weights(*shapes)) and node.op.family not in ("norm", "activation"),
            closes=op.family == "pool" and op.windowed(),
            label=label,
            shape=node.shape,
        )

    def _scope(self, entry: Entry, home: Entry) -> Call:
        scope = self.scopes[entry.path]
        name = _relative(entry.path, home)
        stem, number = split_name(name, scope.block or "")
        outs = entry.region.outs
        return Call(
            name,
            scope.group,
            tuple(scope.group.keys()),
            [(scope.values[param.name],) for param in scope.group.params],
            "{m}({all})",
            list(entry.region.params),
            list(outs),
            kind=scope.block or "",
            stem=stem,
            number=None if number is None else (number,),
            aux=entry.aux and not home.aux,
            heavy=True,
            label="" if stem == scope.block else name,
            shape=self.graph.nodes[outs[0] // 2].shape if len(outs) == 1 else (),
        )


def operands(node: Node) -> list[Value]:
    """The values that a node reads; an `unpool` reads the indices of its pooling."""
    values = [2 * i for i in node.inputs]
    if node.op.name == "unpool":
        values[1] += 1
    return values


def _relative(path: str, home: Entry) -> str:
    return path[len(home.path) + 1 :] if home.path else path


def _moved(step: Step, prefix: str, aux: bool, names: set[str], made: set[str]) -> Step:
    """A step of an entry that has no class of its own, as a step of the scope around it."""
    if not isinstance(step, Call):
        raise AssertionError("an entry is inlined before its repetitions are found")
    name = f"{prefix}.{step.name}" if step.name else ""
    creates = step.creates and step.name not in made and name not in names
    names.add(name)
    return replace(step, name=name, stem=name, number=None, creates=creates, aux=aux or step.aux, form=None)


def _transparent(graph: Graph) -> set[int]:
    """Frames that are no module of their own: a label on a single layer, whose path is the layer's."""
    found = set()
    for node in graph.nodes:
        for frame in reversed(node.frames):
            if node.path.startswith(f"{frame.path}."):
                break
            found.add(frame.serial)
    return found


def _unify(entries: list[Entry], graph: Graph) -> None:
    """Settles what flows in and out of a scope, in one order for all its entries.

    Two operands are one parameter where they are one value in every entry. An entry that reads otherwise is inlined.
    """
    first = entries[0]
    places = [(offset, k) for offset, k, _ in first.reads]
    for entry in entries[1:]:
        entry.inlined = [
            (offset, k) for offset, k, _ in entry.reads
        ] != places or entry.stop - entry.first != first.stop - first.first
    alike = [entry for entry in entries if not entry.inlined]
    groups = sorted(set(zip(*([v for _, _, v in e.reads] for e in alike), strict=True)))
    given = {value - 2 * entry.first for entry in alike for value in entry.gives}
    gives = sorted(given, key=lambda offset: (graph.nodes[first.first + offset // 2].aux, offset))
    for k, entry in enumerate(alike):
        entry.region.params = [values[k] for values in groups]
        entry.region.outs = [2 * entry.first + offset for offset in gives]
    for entry in entries:
        if entry.inlined:
            entry.region.outs = list(dict.fromkeys(entry.gives))
            entry.region.params = list(dict.fromkeys(value for _, _, value in entry.reads))
