"""Blocks expanded, names resolved, shapes inferred, in one walk: a parsed net to a `Graph`.

The walk goes on behind an error with a poisoned stream that silences what follows from it, so that one run reports every
independent error. Merges and shortcuts stand in `combine.py`, arguments in `bind.py`, expressions in `evaluate.py`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import Any

from cnndsl import combine, syntax
from cnndsl.bind import Binder, change, edits
from cnndsl.diagnostic import Diagnostic, Edit, Help, Label, SpecError
from cnndsl.evaluate import Evaluator, is_number
from cnndsl.graph import Graph
from cnndsl.ops.reshape import Split
from cnndsl.op import LARGEST, OPS, STREAM, Op, Reject, Shape, show_shape
from cnndsl.source import Source, Span
from cnndsl.trace import Trace
from cnndsl.values import LOST, POISON, BlockValue, Env, Flow, OpValue, Ref, describe, is_stream, show
from cnndsl.workspace import COMBINATORS, Module, did_you_mean, layer_names

MOST_NODES = 200_000
"""A net may have so many nodes; the largest published ones have a few thousand."""
DEEPEST = 100
"""Block calls nest at most this deep."""
MOST_CALLS = 20_000
"""Block calls of one net that add no node: what recursion may do without building anything."""
MOST_ERRORS = 50


class _Stop(Exception):
    """The walk cannot go on: a limit is reached, and was reported."""


def elaborate(
    module: Module, net: syntax.Net, params: Mapping[str, Any] | None = None, inputs: Mapping[str, Shape] | None = None
) -> Graph:
    """The graph of a net of a module.

    `params` are values of the net's parameters; `inputs` are shapes that take the place of the spec's, by input name. Raises
    SpecError with every independent error.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 12_000))  # DEEPEST blocks, each of a few dozen frames
    walk = Walk(module, net)
    try:
        graph = walk.net(params or {}, inputs or {})
    except _Stop:
        graph = None
    finally:
        sys.setrecursionlimit(limit)
    if walk.diagnostics or graph is None:
        raise SpecError(walk.diagnostics)
    return graph


class Walk:
    """One walk over one net."""

    def __init__(self, module: Module, net: syntax.Net) -> None:
        self.module, self.syntax = module, net
        self.trace = Trace()
        self.evaluator = Evaluator(self.complain)
        self.binder = Binder(self.evaluator)
        self.diagnostics: list[Diagnostic] = []
        self.reported: set[tuple[Any, ...]] = set()
        self.calls: list[Label] = []
        self.idle_calls = 0
        self.repeat = 0
        self.side: list[tuple[Ref, bool]] = []

    # --- complaints

    def complain(
        self, code: str, message: str, span: Span, text: str = "", *, others: tuple[Label, ...] = (),
        helps: tuple[Help, ...] = (), tries: tuple[Help, ...] = (), notes: tuple[str, ...] = (),
    ) -> Any:  # fmt: skip
        """Reports an error, once for every place, with the block calls that led there. Returns POISON."""
        key = (code, span.source, span.start, span.end)
        if key not in self.reported:
            self.reported.add(key)
            labels = (Label(span, text), *others)
            self.diagnostics.append(Diagnostic(code, message, labels, self.trail(), notes, helps, tries))
            if len(self.diagnostics) >= MOST_ERRORS:
                raise _Stop
        return POISON

    def trail(self) -> tuple[Label, ...]:
        """The block calls that led here, without the middle of a recursion."""
        calls = list(dict.fromkeys(self.calls))
        return tuple(calls if len(calls) <= 8 else calls[:4] + calls[-4:])

    def stop(self, code: str, message: str, span: Span, text: str = "", **rest: Any) -> None:
        self.complain(code, message, span, text, **rest)
        raise _Stop

    # --- the net

    def net(self, params: Mapping[str, Any], inputs: Mapping[str, Shape]) -> Graph | None:
        net, env = self.syntax, Env(self.module)
        self.net_parameters(params, env)
        for default in net.defaults:
            for argument in default.arguments:
                self.binder.defaults.setdefault(default.layer.name, []).append((argument, env))
        flow = self.inputs(inputs, env)
        if net.broken:
            return None
        for let in net.lets:
            self.let(let, env, flow)
        if net.chain is None:
            self.complain("E0219", f"the net `{net.name}` has no layers", net.name_span, "nothing is computed")
            return None
        out = self.chain(net.chain, env, flow)
        results = [(ref, False) for ref in out] + self.side
        self.unread(results)
        if self.diagnostics:
            return None
        about = tuple((fact.name, fact.value) for fact in net.about)
        return self.trace.finish(net.name, results, about, self.module.file.source.name)

    def net_parameters(self, params: Mapping[str, Any], env: Env) -> None:
        net = self.syntax
        known = [parameter.name for parameter in net.parameters]
        for name in params:
            if name not in known and not net.broken:
                listed = ", ".join(f"`{k}`" for k in known) or "none"
                tries = did_you_mean(net.name_span, name, ())
                close = [Help(f"did you mean `{k}`?") for k in _nearest(name, known)]
                self.complain("E0213", f"the net `{net.name}` has no parameter `{name}`", net.name_span,
                              f"its parameters: {listed}", helps=tuple(close), tries=tries)  # fmt: skip
        for parameter in net.parameters:
            if parameter.name in params:
                env.values[parameter.name] = self.outside_value(parameter, params[parameter.name], env)
            elif parameter.default is not None:
                env.values[parameter.name] = self.evaluator.value(parameter.default, env, None)
            else:
                self.complain("E0411", f"the net `{net.name}` needs a value for `{parameter.name}`", parameter.span, "no default",
                              helps=(Help(f"give one: `--set {parameter.name}=...`, or `load(..., {parameter.name}=...)`"),))  # fmt: skip
                env.values[parameter.name] = POISON

    def outside_value(self, parameter: syntax.Parameter, value: Any, env: Env) -> Any:
        """A parameter's value from outside; text is read as a spec would have it: a number, a window, a block, a layer."""
        if isinstance(value, bool | int | float):
            return value
        if not isinstance(value, str):
            return self.complain("E0404", f"`{parameter.name}` cannot be a {type(value).__name__}", parameter.span,
                                 "takes a number, true or false, or text")  # fmt: skip
        from cnndsl.parse import parse_value

        expr = parse_value(Source(f"{parameter.name}={value}", value))
        if expr is None or (isinstance(expr, syntax.Name) and not self.known(expr.name)):
            return value
        return self.evaluator.value(expr, env, None)

    def known(self, name: str) -> bool:
        return name in self.module.blocks or (name in OPS and OPS[name].written)

    def inputs(self, given: Mapping[str, Shape], env: Env) -> Flow:
        net, refs = self.syntax, []
        if not net.inputs and not net.broken:
            self.complain("E0219", f"the net `{net.name}` has no `input`", net.name_span, "what flows in?",
                          helps=(Help("say what it reads, as in `input 3x224x224`"),))  # fmt: skip
            return LOST
        names = [item.label or "input" for item in net.inputs]
        for name in given:
            if name and name not in names:
                self.complain("E0213", f"the net `{net.name}` has no input `{name}`", net.name_span,
                              "its inputs: " + ", ".join(f"`{n}`" for n in names))  # fmt: skip
        if "" in given and len(names) > 1:
            self.complain("E0213", f"the net `{net.name}` has {len(names)} inputs: say which one `--input` means", net.name_span,
                          helps=(Help(f"name it, as in `{names[0]}={'x'.join(map(str, given['']))}`"),))  # fmt: skip
        for item, name in zip(net.inputs, names, strict=True):
            shape = given.get(name) or (given.get("") if len(names) == 1 else None) or self.input_shape(item)
            if shape is None:
                refs.append(LOST[0])
            else:
                ref = self.trace.add(OPS["input"](shape=shape), (), shape, item.span, name)
                refs.append(ref)
            if item.label:
                self.bind(item.label, (Ref(refs[-1].index, refs[-1].shape, item.label),), env, item.span)
        return tuple(refs)

    def input_shape(self, item: syntax.Input) -> Shape | None:
        sizes = item.size.sizes
        letters = sorted({size for size in sizes if isinstance(size, str)})
        if isinstance(sizes[0], str) or len(sizes) not in (1, 3):
            self.complain("E0404", "an input is channels x height x width, or one number", item.size.span, "as in 3x224x224")
            return None
        if letters:
            example = "x".join("224" if isinstance(size, str) else str(size) for size in sizes)
            self.complain("E0218", f"this net leaves {' and '.join(letters)} open", item.size.span, "no size to check with",
                          helps=(Help(f"say a size, as in `--input {example}`"),))  # fmt: skip
            return None
        shape = tuple(int(size) for size in sizes)
        if min(shape) < 1 or prod(shape) > LARGEST:
            self.complain("E0404", f"an input of {show_shape(shape)}", item.size.span, "sizes are 1 or more, and no more than memory holds")
            return None
        return shape

    def unread(self, results: list[tuple[Ref, bool]]) -> None:
        """Reports every stream that nothing reads."""
        used = self.trace.used | {ref.index for ref, _ in results}
        for index, draft in enumerate(self.trace.drafts):
            if index in used:
                continue
            where = Label(draft.span, "")
            self.calls = [
                Label(e.span, f"`{e.block}`") for e in draft.entries if e.block is not None
            ]
            what = f"the input `{draft.item.base}`" if draft.op.name == "input" else f"what `{draft.op.name}` gives here"
            self.complain("E0309", f"nothing reads {what}", where.span, f"{show_shape(draft.shape)} goes nowhere")

    # --- chains

    def let(self, let: syntax.Let, env: Env, flow: Flow) -> None:
        if len(let.names) == 1:
            name = let.names[0]
            with self.trace.inside(name.name, flow, let.span):
                out = self.chain(let.chain, env, flow)
            self.bind(name.name, tuple(Ref(ref.index, ref.shape, name.name) for ref in out), env, name.span)
            return
        out = self.chain(let.chain, env, flow)
        if len(out) != len(let.names):
            if not self.lost(out):
                self.complain("E0308", f"`let` names {len(let.names)} streams, and {len(out)} flow{'s' * (len(out) == 1)} out", let.span,
                              f"{len(let.names)} names, {len(out)} stream{'s' * (len(out) != 1)}")  # fmt: skip
            self.use(out)
            out = LOST * len(let.names)
        for name, ref in zip(let.names, out, strict=True):
            self.bind(name.name, (Ref(ref.index, ref.shape, name.name),), env, name.span)

    def bind(self, name: str, value: Any, env: Env, span: Span) -> None:
        """Gives a stream its name in the braces where it stands."""
        if name in env.values:
            first = env.spans.get(name)
            others = (Label(first, "first here"),) if first else ()
            self.complain("E0210", f"`{name}` is taken in these braces", span, "a second of that name", others=others)
            return
        env.values[name] = value
        env.spans[name] = span

    def chain(self, chain: syntax.Chain, env: Env, flow: Flow, arrow: bool = False) -> Flow:
        """What flows out of a chain. `arrow`: something flows in by an arrow, which `@x` would throw away."""
        for link in chain.links:
            flow = self.link(link, env, flow, arrow)
            arrow = True
        return flow

    def link(self, link: syntax.Link, env: Env, flow: Flow, arrow: bool) -> Flow:
        element, label = link.element, link.label
        if link.count is not None:
            out = self.repeated(link, env, flow, arrow)
        elif label is None:
            return self.element(element, env, flow, arrow)
        elif isinstance(element, syntax.Call) and self.names_itself(element, env):
            out = self.element(element, env, flow, arrow, label)
        else:
            with self.trace.inside(label, flow, link.span):
                out = self.element(element, env, flow, arrow)
        if label is None:
            return out
        assert link.label_span is not None
        out = tuple(Ref(ref.index, ref.shape, label) for ref in out)
        self.bind(label, out, env, link.label_span)
        return out

    def names_itself(self, call: syntax.Call, env: Env) -> bool:
        """Whether a label takes the place of the call's own name: so it is for layers, and for blocks."""
        target = self.callee(call, env, report=False)
        if isinstance(target, BlockValue):
            return True
        return isinstance(target, OpValue) and call.paths is None and target.op is not Split

    def repeated(self, link: syntax.Link, env: Env, flow: Flow, arrow: bool) -> Flow:
        """`element * n`: n copies in a row."""
        assert link.count is not None
        count = self.evaluator.value(link.count, env, flow)
        if count is POISON:
            self.use(flow)
            return LOST
        if not is_number(count) or count != count // 1 or count < 0:
            self.complain("E0410", f"an element is repeated a whole number of times, not {describe(count)}", link.count.span, "after `*`")
            self.use(flow)
            return LOST
        element = link.element
        if isinstance(element, syntax.Call) and element.arguments and element.paths is None:
            text = Span(element.span.source, element.span.start, element.arguments[-1].span.end).text
            last = element.arguments[-1].span.text
            self.complain("E0115", "a call with arguments repeats in parentheses", link.span, f"does `*` belong to `{last}`?", tries=(
                Help(f"to repeat the call: `({text}) * {link.count.span.text}`",
                     (Edit(Span(element.span.source, element.span.start, element.arguments[-1].span.end), f"({text})"),)),
                Help(f"to multiply: `{element.name} ... ({last} * {link.count.span.text})`",
                     (Edit(element.arguments[-1].span.to(link.count.span), f"({last} * {link.count.span.text})"),)),
            ))  # fmt: skip
        label = link.label
        if label is None:
            return self.copies(int(count), link, env, flow, arrow)
        with self.trace.inside(label, flow, link.span):
            return self.copies(int(count), link, env, flow, arrow)

    def copies(self, count: int, link: syntax.Link, env: Env, flow: Flow, arrow: bool) -> Flow:
        for copy in self.counted(count, link.span):
            with self.numbered(copy):
                flow = self.element(link.element, env.inner(), flow, arrow or copy > 1)
        return flow

    def counted(self, count: int, span: Span) -> Iterator[int]:
        """1 to count; stops where the copies would exceed the limit, as soon as the first shows their size."""
        start = len(self.trace.drafts)
        for copy in range(1, count + 1):
            yield copy
            if copy == 1:
                each = len(self.trace.drafts) - start
                if each * count + start > MOST_NODES or count > MOST_NODES:
                    self.stop("E0502", f"{count:,} copies of {each:,} node{'s' * (each != 1)}", span,
                              f"a net may have {MOST_NODES:,} nodes")  # fmt: skip

    @contextmanager
    def numbered(self, copy: int) -> Iterator[None]:
        before, self.repeat = self.repeat, copy
        try:
            yield
        finally:
            self.repeat = before

    # --- elements

    def element(self, element: syntax.Element, env: Env, flow: Flow, arrow: bool, label: str = "") -> Flow:
        if isinstance(element, syntax.Call):
            return self.call(element, env, flow, label)
        if isinstance(element, syntax.Group):
            return self.chain(element.chain, env, flow, arrow)
        if isinstance(element, syntax.Stream):
            return self.stream(element, env, flow, arrow)
        if isinstance(element, syntax.If):
            return self.choose(element, env, flow, arrow)
        if isinstance(element, syntax.Loop):
            return self.each(element, env, flow) if element.each else self.loop(element, env, flow, arrow)
        self.use(flow)
        return LOST

    def stream(self, element: syntax.Stream, env: Env, flow: Flow, arrow: bool) -> Flow:
        if arrow:
            self.use(flow)
            self.complain("E0310", f"`@{element.name}` after an arrow throws away what flows in", element.span, "begins a chain anew",
                          helps=(Help(f"to merge the two: `concat {{ id | @{element.name} }}`, or `add`"),))  # fmt: skip
            return LOST
        value = self.evaluator.find_stream(element.name, element.span, env)
        return LOST if value is POISON else value

    def choose(self, element: syntax.If, env: Env, flow: Flow, arrow: bool) -> Flow:
        condition = self.evaluator.condition(element.condition, env, flow)
        if condition is POISON:
            self.use(flow)
            return LOST
        if condition:
            return self.chain(element.chain, env.inner(), flow, arrow)
        if isinstance(element.otherwise, syntax.If):
            return self.choose(element.otherwise, env, flow, arrow)
        return flow if element.otherwise is None else self.chain(element.otherwise, env.inner(), flow, arrow)

    def rows(self, loop: syntax.Loop, env: Env, flow: Flow) -> list[tuple[Any, ...]] | range | None:
        """The values of every copy; None where they are in error."""
        if isinstance(loop.rows, syntax.Range):
            ends = []
            for end in (loop.rows.low, loop.rows.high):
                value = self.evaluator.value(end, env, flow)
                if value is POISON:
                    return None
                if not is_number(value) or value != value // 1:
                    self.complain("E0409", f"a range goes from one whole number to another, not {describe(value)}", end.span, "")
                    return None
                ends.append(int(value))
            return range(ends[0], ends[1])
        assert loop.rows is not None and loop.pattern is not None
        rows = []
        for row in loop.rows:
            values = tuple(self.evaluator.value(value, env, flow) for value in row.values)
            if len(values) != len(loop.pattern):
                names = f"{len(loop.pattern)} name{'s' * (len(loop.pattern) != 1)}"
                self.complain("E0409", f"a row of {len(values)} value{'s' * (len(values) != 1)} for {names}", row.span,
                              f"the names are {', '.join(loop.pattern)}")  # fmt: skip
                return None
            rows.append(values)
        return rows

    def bound(self, loop: syntax.Loop, values: Any, env: Env) -> Env:
        """The environment of a copy, with the values of its row."""
        inner = env.inner()
        names = loop.pattern or ()
        inner.values.update(zip(names, values if isinstance(values, tuple) else (values,), strict=True))
        return inner

    def loop(self, loop: syntax.Loop, env: Env, flow: Flow, arrow: bool) -> Flow:
        """`for pattern in rows { chain }`: the copies in a row."""
        rows = self.pattern_fits(loop) and self.rows(loop, env, flow)
        if rows is None or rows is False:
            self.use(flow)
            return LOST
        for copy in self.counted(len(rows), loop.span):
            with self.numbered(copy):
                flow = self.chain(loop.chain, self.bound(loop, rows[copy - 1], env), flow, arrow or copy > 1)
        return flow

    def pattern_fits(self, loop: syntax.Loop) -> bool:
        if isinstance(loop.rows, syntax.Range) and loop.pattern is not None and len(loop.pattern) != 1:
            self.complain("E0409", f"a range gives one number, not {len(loop.pattern)}", loop.rows.span, "one name is enough")
            return False
        return True

    def each(self, loop: syntax.Loop, env: Env, flow: Flow) -> Flow:
        """`each`: the chain on every stream of the bundle, or a copy per row on what flows in."""
        sources: list[tuple[Flow, Env]]
        if loop.pattern is None:
            sources = [((ref,), env.inner()) for ref in flow]
        else:
            rows = self.pattern_fits(loop) and self.rows(loop, env, flow)
            if rows is None or rows is False:
                self.use(flow)
                return LOST
            if len(rows) > MOST_NODES:
                self.stop("E0502", f"{len(rows):,} copies", loop.span, f"a net may have {MOST_NODES:,} nodes")
            sources = [(flow, self.bound(loop, row, env)) for row in rows]
        if not sources:
            self.complain("E0305", "`each` has no rows: nothing flows out", loop.span, "no copy")
            self.use(flow)
            return LOST
        out: list[Ref] = []
        first: tuple[list[int], list[Any]] | None = None
        for copy in self.counted(len(sources), loop.span):
            start, marks = len(self.trace.drafts), len(self.trace.scope.items)
            with self.numbered(copy):
                out.extend(self.chain(loop.chain, sources[copy - 1][1], sources[copy - 1][0]))
            if not loop.shared or self.diagnostics:
                continue
            weighted, items = self.trace.weighted(start, len(self.trace.drafts)), self.trace.scope.items[marks:]
            if first is None:
                first = weighted, items
            elif self.can_share(loop, first[0], weighted):
                self.trace.share(first[0], weighted, first[1], items)
        return tuple(out)

    def can_share(self, loop: syntax.Loop, first: list[int], copy: list[int]) -> bool:
        pair = self.trace.mismatch(first, copy)
        if pair is None:
            return True
        drafts = self.trace.drafts
        known = [index for index in pair if index >= 0]
        texts = [f"`{drafts[i].op}` reads {', '.join(map(show_shape, self.trace.in_shapes(i)))}" for i in known]
        where = drafts[known[-1]]
        self.complain("E0311", "the copies of `each shared` cannot have one set of weights", where.span, " and ".join(texts),
                      others=(Label(Span(loop.span.source, loop.span.start, loop.span.start + 4), "shared here"),),
                      helps=(Help("without `shared`, every copy has weights of its own"),))  # fmt: skip
        return False

    # --- calls

    def callee(self, call: syntax.Call, env: Env, report: bool = True) -> Any:
        """What a call's name stands for: BlockValue, OpValue, a combinator's name, or POISON."""
        value = env.find(call.name)
        if isinstance(value, BlockValue | OpValue) or value is POISON:
            return value
        module = env.module
        if call.name in module.blocks:
            return module.blocks[call.name]
        if call.name in module.broken:
            return POISON
        if call.name in COMBINATORS:
            return call.name
        if call.name in OPS and OPS[call.name].written:
            return OpValue(OPS[call.name])
        if not report:
            return POISON
        if is_stream(value):
            return self.complain("E0201", f"`{call.name}` is a stream, not a layer", call.name_span, "a stream",
                                 tries=(Help(f"a chain begins with it: `@{call.name}`", (Edit(call.name_span, f"@{call.name}"),)),))  # fmt: skip
        if value is not None:
            return self.complain("E0201", f"`{call.name}` is {describe(value)}, not a layer or a block", call.name_span, "cannot be called")
        callable_names = env.names(lambda v: isinstance(v, BlockValue | OpValue))
        known = [*callable_names, *module.blocks, *COMBINATORS, *layer_names()]
        return self.complain("E0201", f"there is no layer or block `{call.name}`", call.name_span, "unknown",
                             tries=did_you_mean(call.name_span, call.name, known))  # fmt: skip

    def call(self, call: syntax.Call, env: Env, flow: Flow, label: str = "") -> Flow:
        target = self.callee(call, env)
        if target is POISON:
            self.use(flow)
            for argument in call.arguments:
                if not isinstance(argument.value, syntax.Name):
                    self.evaluator.value(argument.value, env, flow)
            return LOST
        if isinstance(target, BlockValue):
            return self.block(target, call, env, flow, label)
        if isinstance(target, OpValue):
            if target.op.family == "merge":
                return combine.merge(self, target.op, call, env, flow, label)
            return self.layer(target.op, call, env, flow, label)
        return combine.COMBINATORS[target](self, call, env, flow)

    def no_paths(self, call: syntax.Call, kind: str) -> bool:
        if call.paths is None:
            return True
        span = Span(call.span.source, call.paths[0].span.start, call.paths[-1].span.end)
        self.complain("E0306", f"the {kind} `{call.name}` takes no braces", span, "only combinators have paths")
        return False

    def block(self, value: BlockValue, call: syntax.Call, env: Env, flow: Flow, label: str) -> Flow:
        block = value.block
        if not self.no_paths(call, "block"):
            self.use(flow)
            return LOST
        if len(self.calls) >= DEEPEST:
            self.stop("E0501", f"blocks call one another more than {DEEPEST} deep", call.span, f"`{block.name}` once more",
                      helps=(Help(f"`{block.name}` calls itself without an end: an `if` must stop it"),) if self.recursive(block.name) else ())  # fmt: skip
        self.idle_calls += 1
        if self.idle_calls > MOST_CALLS + 4 * len(self.trace.drafts):
            self.stop("E0501", f"{self.idle_calls:,} block calls, and no end", call.span, f"`{block.name}` once more")
        inner = Env(value.module)
        shapes = " and ".join(show_shape(ref.shape) for ref in flow if ref.shape is not None)
        self.calls.append(Label(call.span, f"`{_one_line(call)}`" + (f" with {shapes} flowing in" if shapes else "")))
        try:
            if not self.parameters(block, call, env, inner, flow) or block.chain is None:
                self.use(flow)
                return LOST
            self.streams(block, call, inner, flow)
            arguments = tuple((name, show(inner.values.get(name))) for name in (p.name for p in block.parameters))
            with self.trace.inside(label or block.name, flow, call.span, block.name, arguments, self.repeat) as item:
                before, self.repeat = self.repeat, 0
                for let in block.lets:
                    self.let(let, inner, flow)
                out = self.chain(block.chain, inner, flow)
                self.repeat = before
        finally:
            self.calls.pop()
        return tuple(Ref(ref.index, ref.shape, item) for ref in out) if len(out) == 1 and item.items else out

    def recursive(self, name: str) -> bool:
        return sum(call.text.startswith((f"`{name} ", f"`{name}`")) for call in self.calls) > 1

    def streams(self, block: syntax.Block, call: syntax.Call, inner: Env, flow: Flow) -> None:
        """Binds the names behind `on`."""
        if not block.streams:
            return
        wanted, here = len(block.streams), len(flow)
        if wanted != here:
            if not self.lost(flow):
                names = ", ".join(name.name for name in block.streams)
                self.complain("E0306", f"`{block.name}` works on {wanted} stream{'s' * (wanted != 1)} ({names}), and {here} flow{'s' * (here == 1)} in",
                              call.span, f"{here} stream{'s' * (here != 1)} here", others=(Label(block.name_span, f"`on {names}`"),))  # fmt: skip
            self.use(flow)
            flow = LOST * wanted
        for name, ref in zip(block.streams, flow, strict=True):
            self.bind(name.name, (Ref(ref.index, ref.shape, name.name),), inner, name.span)

    def parameters(self, block: syntax.Block, call: syntax.Call, env: Env, inner: Env, flow: Flow) -> bool:
        """Binds a block's parameters to the arguments of a call, and to their defaults. False where that fails."""
        names = [parameter.name for parameter in block.parameters]
        free, sound = list(names), True
        usage = " ".join([block.name, *names])
        for argument in call.arguments:
            value = self.evaluator.value(argument.value, env, flow)
            if argument.name is not None and argument.name not in names:
                place = Span(argument.span.source, argument.span.start, argument.span.start + len(argument.name))
                self.complain("E0213", f"the block `{block.name}` has no parameter `{argument.name}`", place, f"the call is `{usage}`",
                              others=(Label(block.name_span, "defined here"),), tries=did_you_mean(place, argument.name, names))  # fmt: skip
                sound = False
            elif argument.name is None and not free:
                many = f"{len(names)} argument{'s' * (len(names) != 1)}" if names else "no arguments"
                self.complain("E0402", f"the block `{block.name}` takes {many}", argument.span, "one too many",
                              others=(Label(block.name_span, "defined here"),))  # fmt: skip
                sound = False
            elif argument.name is not None and argument.name not in free:
                self.complain("E0403", f"`{argument.name}` of `{block.name}` is given twice", argument.span, "again here")
                sound = False
            else:
                name = argument.name or free[0]
                free.remove(name)
                inner.values[name] = value
                inner.spans[name] = argument.span
        for parameter in block.parameters:
            if parameter.name not in free:
                continue
            if parameter.default is not None:
                inner.values[parameter.name] = self.evaluator.value(parameter.default, inner, flow)
            elif sound:
                self.complain("E0401", f"the block `{block.name}` needs `{parameter.name}`", call.span, f"the call is `{usage}`",
                              others=(Label(parameter.span, "no default"),))  # fmt: skip
                sound = False
        return sound

    def layer(self, cls: type[Op], call: syntax.Call, env: Env, flow: Flow, label: str) -> Flow:
        """A layer: its attributes bound, its shape rule applied."""
        sound = self.no_paths(call, "layer")
        if cls.operands is not None and len(flow) != cls.operands and not self.lost(flow):
            self.bundle_error(cls, call, flow)
            sound = False
        bound = self.binder.op(cls, call, env, flow)
        if bound is None or not sound or self.lost(flow):
            self.use(flow)
            return LOST
        operands = [ref for ref in flow]
        for value in bound.streams:
            operands.extend(self.stream_operand(bound.op, value[0], call))
        if self.lost(tuple(operands)):
            self.use(tuple(operands))
            return LOST
        return self.node(bound.op, tuple(operands), call, label)

    def stream_operand(self, op: Op, ref: Ref, call: syntax.Call) -> Flow:
        """What a stream attribute adds to a layer's operands: the stream, and for `unpool` also what the pool read."""
        if op.name != "unpool" or ref.shape is None:
            return (ref,)
        draft = self.trace.drafts[ref.index]
        if draft.op.name != "maxpool":
            self.complain("E0312", f"`unpool` undoes a maxpool, and this stream comes from `{draft.op.name}`", call.span,
                          "name the maxpool itself, as in `maxpool 2x2/2 as pool`", others=(Label(draft.span, "gives that stream"),))  # fmt: skip
            return LOST
        draft.indices = True
        before = draft.inputs[0]
        return (ref, Ref(before, self.trace.drafts[before].shape))

    def bundle_error(self, cls: type[Op], call: syntax.Call, flow: Flow) -> None:
        shapes = ", ".join(show_shape(ref.shape or ()) for ref in flow)
        if cls.operands == 1:
            self.complain("E0304", f"`{cls.name}` reads one stream, and a bundle of {len(flow)} flows in", call.span, f"{shapes} flow in",
                          helps=(Help(f"merge them first, as in `concat -> {_one_line(call)}`, or use `each {{ {_one_line(call)} }}`"),))  # fmt: skip
        else:
            self.complain("E0304", f"`{cls.name}` reads a bundle of {cls.operands} streams, and {len(flow)} flow{'s' * (len(flow) == 1)} in",
                          call.span, f"{shapes} here")  # fmt: skip

    def node(self, op: Op, operands: Flow, call: syntax.Call, label: str = "") -> Flow:
        """Adds a node where the shape rule agrees; a diagnostic where it does not."""
        shapes = tuple(ref.shape for ref in operands if ref.shape is not None)
        try:
            shape = op.infer(*shapes)
            self.size_fits(op, shapes, shape)
        except Reject as reject:
            self.rejected(op, reject, operands, call)
            self.use(operands)
            return LOST
        if len(self.trace.drafts) >= MOST_NODES:
            self.stop("E0502", f"more than {MOST_NODES:,} nodes", call.span, "one too many")
        indices = tuple(ref.index for ref in operands)
        if isinstance(op, Split):
            return tuple(
                self.trace.add(part, indices, part.infer(*shapes), call.span, op.name, call) for part in op.slices(shapes[0][0])
            )
        return (self.trace.add(op, indices, shape, call.span, label or op.name, call),)

    @staticmethod
    def size_fits(op: Op, shapes: tuple[Shape, ...], shape: Shape) -> None:
        """Raises Reject for arrays beyond what a tensor library counts."""
        for what, size in [("an output", shape)] + [(f"a weight `{k}`", w.shape) for k, w in op.weights(*shapes).items()]:
            if prod(size) > LARGEST:
                raise Reject(f"{what} of {show_shape(size)} has {prod(size):,} numbers, more than {LARGEST:,}")

    def rejected(self, op: Op, reject: Reject, operands: Flow, call: syntax.Call) -> None:
        """A shape rule says no: what flows in, and the node that gave it its shape."""
        from cnndsl.bind import argument_span

        others = []
        flowing = show_shape(operands[0].shape or ())
        source = combine.decider(self.trace, operands[0].index, (0, 1, 2), None)
        draft = self.trace.drafts[source]
        if not (draft.span.source is call.span.source and draft.span.start <= call.span.start < draft.span.end):
            sum_ = draft.op.arithmetic(self.trace.in_shapes(source), draft.shape)
            others.append(Label(draft.span, f"{show_shape(draft.shape)} from here" + (f"    {sum_}" if sum_ else "")))
        span = argument_span(call, reject.attribute) or call.span
        helps = (Help(reject.hint),) if reject.hint else ()
        self.complain("E0301", reject.message, span, f"{flowing} flows in", others=tuple(others), helps=helps, tries=edits(reject, call))

    # --- poison

    @staticmethod
    def lost(flow: Flow) -> bool:
        return any(ref.shape is None for ref in flow)

    def use(self, flow: Flow) -> None:
        """Marks streams as read, where what reads them is in error."""
        self.trace.used.update(ref.index for ref in flow)


def _one_line(call: syntax.Call) -> str:
    """A call as written, without its paths, on one line."""
    end = call.arguments[-1].span.end if call.arguments else call.name_span.end
    text = re.sub(r"\s+", " ", call.span.source.text[call.span.start : end])
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(name: str, known: list[str]) -> list[str]:
    from cnndsl.workspace import nearest

    return nearest(name, known)


__all__ = ["STREAM", "Walk", "change", "elaborate"]
