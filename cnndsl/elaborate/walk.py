"""The walk over one net: its state, chains and elements. Each kind of element has a file of its own beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnndsl import syntax
from cnndsl.diagnostic import Diagnostic, Edit, Help, Label
from cnndsl.dims import Unfollowed
from cnndsl.elaborate import calls, entrance, repeat
from cnndsl.elaborate.bind import Binder
from cnndsl.elaborate.evaluate import Evaluator
from cnndsl.elaborate.opening import Opening, unfollowed
from cnndsl.elaborate.trace import Trace
from cnndsl.elaborate.trail import entered
from cnndsl.graph import Graph
from cnndsl.source import Span
from cnndsl.values import LOST, POISON, Env, Flow, Ref
from cnndsl.workspace import Module

MOST_ERRORS = 50
"""A net's errors are reported up to so many."""
MOST_STEPS = 200_000
"""Elements of one net, times the streams that flow in, that add no node: what repetitions of `id` may do."""
MOST_CHAINS = 1_000
"""Chains nest at most this deep, blocks and the braces in them together: each takes a dozen of Python's frames."""


SHOWN = 3
"""So many calls are shown from each end of a long chain of blocks."""


class Stop(Exception):  # noqa: N818 - it ends a walk
    """The walk cannot go on: a limit is reached, and was reported."""


class Walk:
    """One walk over one net."""

    def __init__(self, module: Module, net: syntax.Net, opening: Opening) -> None:
        self.module, self.syntax, self.opening = module, net, opening
        self.trace = Trace()
        self.evaluator = Evaluator(self.complain, opening)
        self.binder = Binder(self.evaluator, opening)
        self.diagnostics: list[Diagnostic] = []
        self.reported: set[tuple[Any, ...]] = set()
        self.calls: list[tuple[syntax.Call, Flow]] = []
        self.idle_calls = self.steps = self.depth = 0
        self.repeat = 0
        self.side: list[tuple[Ref, bool]] = []
        self.named: dict[int, str] = {}

    def complain(
        self,
        code: str,
        message: str,
        span: Span,
        text: str = "",
        *,
        others: tuple[Label, ...] = (),
        helps: tuple[Help, ...] = (),
        tries: tuple[Help, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> Any:
        """Reports an error, once for every place, with the block calls that led there. Returns POISON."""
        key = (code, span.source, span.start, span.end)
        if key not in self.reported and not self.opening.muted:
            self.reported.add(key)
            self.opening.give_up()
            labels = (Label(span, text), *others)
            trail, left_out = self.trail(span)
            if left_out:
                notes = (*notes, f"{left_out} calls between the first {SHOWN} and the last {SHOWN} are left out here")
            self.diagnostics.append(Diagnostic(code, message, labels, trail, notes, helps, tries))
            if len(self.diagnostics) >= MOST_ERRORS:
                raise Stop
        return POISON

    def trail(self, span: Span) -> tuple[tuple[Label, ...], int]:
        """The block calls that led to a place, without the middle of a recursion; and how many calls that is."""
        calls = list(self.calls)
        last = calls[-1][0].span if calls else span
        if calls and last.source is span.source and last.start <= span.start < last.end:
            calls.pop()  # the error is in the call itself, not in the block
        hidden = max(0, len(calls) - 2 * SHOWN)
        shown = [*calls[:SHOWN], *calls[-SHOWN:]] if hidden else calls
        return tuple(entered(call, flow) for call, flow in shown), hidden

    def stop(self, code: str, message: str, span: Span, text: str = "", **rest: Any) -> None:
        self.complain(code, message, span, text, **rest)
        raise Stop

    def net(self, params: Mapping[str, Any], inputs: Mapping[str, entrance.Sizes]) -> Graph | None:
        net, env = self.syntax, Env(self.module)
        entrance.net_parameters(self, params, env)
        for default in net.defaults:
            for argument in default.arguments:
                self.binder.defaults.setdefault(default.layer.name, []).append((argument, env))
        flow = entrance.inputs(self, inputs, env)
        if net.broken:
            return None
        for let in net.lets:
            self.let(let, env, flow)
        if net.chain is None:
            self.complain("E0219", f"the net `{net.name}` has no layers", net.name_span, "nothing is computed")
            return None
        out = self.chain(net.chain, env, flow)
        self.binder.idle_defaults(net.defaults, env)
        results = [(ref, False) for ref in out] + self.side
        entrance.unread(self, results)
        if self.diagnostics:
            return None
        self.opening.space.finished = True
        about = tuple((fact.name, fact.value) for fact in net.about)
        return self.trace.finish(net.name, results, about, self.module.file.source.name)

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
                self.complain(
                    "E0308",
                    f"`let` names {len(let.names)} streams, and {len(out)} flow{'s' * (len(out) == 1)} out",
                    let.span,
                    f"{len(let.names)} names, {len(out)} stream{'s' * (len(out) != 1)}",
                )
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
            self.use(value)
            return
        env.values[name] = value
        env.spans[name] = span
        self.evaluator.named.setdefault(name, span)
        self.named.update((ref.index, name) for ref in value)

    def chain(self, chain: syntax.Chain, env: Env, flow: Flow, arrow: bool = False) -> Flow:
        """What flows out of a chain. `arrow`: something flows in by an arrow, which `@x` would throw away."""
        self.depth += 1
        if self.depth > MOST_CHAINS:
            self.stop("E0501", f"blocks and braces nest more than {MOST_CHAINS:,} deep", chain.span, "one too deep")
        for link in chain.links:
            flow = self.link(link, env, flow, arrow)
            arrow = True
        self.depth -= 1
        return flow

    def link(self, link: syntax.Link, env: Env, flow: Flow, arrow: bool) -> Flow:
        element, label = link.element, link.label
        if link.times is not None:
            out = repeat.repeated(self, link, env, flow, arrow)
        elif label is None:
            return self.element(element, env, flow, arrow)
        elif isinstance(element, syntax.Call) and calls.names_itself(self, element, env):
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

    def step(self, streams: int, span: Span) -> None:
        """Counts what is done, by the streams it is done on; stops what builds nothing, and does so again and again."""
        self.steps += streams
        nodes = len(self.trace.drafts)
        if self.steps > MOST_STEPS + 20 * nodes:
            self.stop(
                "E0502",
                f"{self.steps:,} elements and streams make {nodes:,} node{'s' * (nodes != 1)}",
                span,
                "repeats too often what builds nothing",
            )

    def element(self, element: syntax.Element, env: Env, flow: Flow, arrow: bool, label: str = "") -> Flow:
        self.step(len(flow), element.span)
        start = len(self.trace.drafts)
        try:
            return self.element_of(element, env, flow, arrow, label)
        except Unfollowed as question:
            unfollowed(self, element, question.letters)
            self.use(flow)
            self.trace.used.update(range(start, len(self.trace.drafts)))
            return LOST

    def element_of(self, element: syntax.Element, env: Env, flow: Flow, arrow: bool, label: str) -> Flow:
        if isinstance(element, syntax.Call):
            return calls.call(self, element, env, flow, label)
        if isinstance(element, syntax.Group):
            return self.chain(element.chain, env, flow, arrow)
        if isinstance(element, syntax.Stream):
            return self.stream(element, env, flow, arrow)
        if isinstance(element, syntax.If):
            return self.choose(element, env, flow, arrow)
        if isinstance(element, syntax.Loop):
            return (
                repeat.each(self, element, env, flow) if element.each else repeat.loop(self, element, env, flow, arrow)
            )
        self.use(flow)
        return LOST

    def stream(self, element: syntax.Stream, env: Env, flow: Flow, arrow: bool) -> Flow:
        if arrow:
            self.use(flow)
            self.complain(
                "E0310",
                f"`@{element.name}` after an arrow throws away what flows in",
                element.span,
                "begins a chain anew",
                tries=tuple(
                    Help(f"to {do} the two: `{merge}`", (Edit(element.span, merge),))
                    for do, merge in (
                        ("add", f"add {{ id | @{element.name} }}"),
                        ("join", f"concat {{ id | @{element.name} }}"),
                    )
                ),
            )
            return LOST
        value = self.evaluator.find_stream(element.name, element.span, env)
        if value is POISON:
            return LOST
        self.step(len(value), element.span)
        found: Flow = value
        return found

    def choose(self, element: syntax.If, env: Env, flow: Flow, arrow: bool) -> Flow:
        choice: syntax.If | syntax.Chain | None = element
        while isinstance(choice, syntax.If):
            condition = self.condition(choice, env, flow)
            if condition is POISON:
                self.use(flow)
                return LOST
            choice = choice.chain if condition else choice.otherwise
        return flow if choice is None else self.chain(choice, env.inner(), flow, arrow)

    def condition(self, choice: syntax.If, env: Env, flow: Flow) -> Any:
        """True, false or POISON; with open sizes, the sizes at which it comes out the other way are left."""
        value = self.evaluator.condition(choice.condition, env, flow)
        self.opening.settle("condition", choice.condition.span, "true" if value is True else "false")
        return value

    @staticmethod
    def lost(flow: Flow) -> bool:
        return any(ref.shape is None for ref in flow)

    def use(self, flow: Flow) -> None:
        """Marks streams as read, where what reads them is in error."""
        self.trace.used.update(ref.index for ref in flow)
