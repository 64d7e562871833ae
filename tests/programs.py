"""Random specs as text: `specs()` writes whole programs with every construct of the language.

The writer keeps track of the shapes that flow, so that most programs are right; now and then it writes something without
looking. What a program means is not known here: the tests compare what `check` says with what PyTorch does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Shape = tuple[int, ...]
Flow = tuple[Shape, ...]
Draw = Callable[[st.SearchStrategy[Any]], Any]

ACTIVATIONS = (
    "relu",
    "relu6",
    "elu",
    "gelu",
    "silu",
    "mish",
    "hardswish",
    "hardsigmoid",
    "sigmoid",
    "tanh",
    "softplus",
    "abs",
)
MOST_NUMBERS = 20_000
"""Streams larger than this are pooled, not convolved: the programs are run."""


@dataclass
class Scope:
    """Named streams in sight, and the values of parameters by kind."""

    streams: dict[str, Flow] = field(default_factory=dict)
    ops: list[str] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)

    def inner(self) -> Scope:
        return Scope(dict(self.streams), list(self.ops), list(self.counts))


class Writer:
    """Writes one program with the choices of `draw`. `fuel` bounds its length; `careless` allows what may be wrong."""

    def __init__(self, draw: Draw, careless: bool) -> None:
        self.draw, self.careless = draw, careless
        self.fuel = self.pick(range(4, 22))
        self.defs: list[str] = []
        self.names = 0

    # --- choices

    def pick(self, options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def chance(self, percent: int) -> bool:
        return bool(self.draw(st.integers(0, 99)) < percent)

    def fresh(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def slip(self) -> bool:
        """Whether to write something without looking at the shapes."""
        return self.careless and self.chance(4)

    # --- chains

    def chain(self, flow: Flow, scope: Scope, depth: int, least: int = 1) -> tuple[str, Flow]:
        """Some links, and what flows out."""
        parts = []
        for _ in range(self.pick(range(least, 4)) if depth else self.pick(range(2, 6))):
            text, flow = self.link(flow, scope, depth)
            parts.append(text)
            if self.fuel <= 0:
                break
        return " -> ".join(parts) or "id", flow

    def link(self, flow: Flow, scope: Scope, depth: int) -> tuple[str, Flow]:
        self.fuel -= 1
        text, flow = self.element(flow, scope, depth)
        if self.chance(12):
            name = self.fresh("s")
            text = f"({text})" if "->" in text or " * " in text else text
            text += f" as {name}"
            scope.streams[name] = flow
        return text, flow

    def element(self, flow: Flow, scope: Scope, depth: int) -> tuple[str, Flow]:
        if self.slip():
            return self.pick(
                (
                    "conv 3 3x3",
                    "maxpool 2x2",
                    "concat",
                    "fc 4",
                    "cnov 3",
                    "@nothing",
                    "conv 4 3x3 groups=3",
                    "residual { conv 5 1x1 }",
                    "let",
                    "conv 2n 1x1",
                    "for i in 0 .. 3 { relu",
                    "add { relu }",
                )
            ), flow
        if len(flow) > 1:
            return self.of_bundle(flow, scope, depth)
        simple = self.of_vector if len(flow[0]) == 1 else self.of_maps
        if depth > 2 or self.fuel <= 0 or self.chance(45):
            return simple(flow[0], scope)
        return self.structure(flow, scope, depth, simple)

    # --- layers

    def act(self, scope: Scope) -> str:
        return str(self.pick((*scope.ops, *ACTIVATIONS)))

    def of_vector(self, shape: Shape, scope: Scope) -> tuple[str, Flow]:
        (n,) = shape
        kind = self.pick(("reshape", "fc", "act", "norm", "dropout", "gaussian", "merge"))
        if kind == "fc":
            out = self.pick((1, 3, 4, 8))
            return f"fc {out}{self.pick(('', '', ' bias=false'))}", ((out,),)
        if kind == "reshape" and n % 4 == 0:
            return self.pick((f"reshape {n // 4}x2x2", f"reshape channels={n // 4} height=2 width=2")), (
                (n // 4, 2, 2),
            )
        if kind == "norm":
            return self.pick(("bn", "ln", "l2norm", "softmax", "logsoftmax")), (shape,)
        if kind == "dropout":
            return "dropout 0.3", (shape,)
        if kind == "gaussian":
            return "(branch { fc 3 | fc 3 } -> gaussian)", ((3,),)
        if kind == "merge":
            return f"{self.pick(('mean drop=0.3', 'add', 'mul', 'max', 'mean'))} {{ {self.act(scope)} | id }}", (shape,)
        return self.act(scope), (shape,)

    def of_maps(self, shape: Shape, scope: Scope) -> tuple[str, Flow]:
        c, h, w = shape
        if c * h * w > MOST_NUMBERS:
            return "conv 2 1x1", ((2, h, w),)
        kind = self.pick(("conv", "conv", "conv", "act", "norm", "pool", "other", "other"))
        if kind == "conv":
            return self.convolution(shape, scope)
        if kind == "norm":
            return self.pick(
                (
                    "bn",
                    "bn",
                    "lrn 3",
                    "ln",
                    "l2norm",
                    "gn 1",
                    "dropout 0.4",
                    "dropout2d 0.2",
                    "droppath 0.2",
                    "scale",
                    "scale 0.5 per_channel bias=true",
                    "prelu",
                    "leakyrelu 0.2",
                    "softmax",
                )
            ), (shape,)
        if kind == "pool":
            return self.pool(shape)
        if kind == "other":
            return self.rearranged(shape, scope)
        return self.act(scope), (shape,)

    def convolution(self, shape: Shape, scope: Scope) -> tuple[str, Flow]:
        c, h, w = shape
        out = self.pick((1, 2, 3, 4, 6, 8))
        written = str(out)
        if scope.counts and self.chance(30):
            return f"conv (1 + {self.pick(scope.counts)} % 3) 1x1", ((0, h, w),) if self.careless else self.fixed(shape)
        if self.chance(15):
            written, out = "(2 * channels)", 2 * c
        bias = self.pick(("", "", "", " bias=false", " bias=true"))
        form = self.pick(
            (
                "1x1",
                "3x3+1",
                "3x3 same",
                "1x3+0x1",
                "3x3/2+1",
                "same/2",
                "valid",
                "dw",
                "sep",
                "deconv",
                "grouped",
                "local",
            )
        )
        half: Flow = ((out, -(-h // 2), -(-w // 2)),)
        if form in ("1x1", "3x3+1", "3x3 same", "1x3+0x1"):
            return f"conv {written} {form}{bias}", ((out, h, w),)
        if form == "3x3/2+1":
            return f"conv {written} kernel=3 stride=2 padding=1{bias}", half
        if form == "same/2":
            return f"conv {written} {self.pick(('3x3', '2x2', '5x5'))}/2 same{bias}", half
        if form == "valid" and h > 2 and w > 2:
            return f"conv {written} 3x3{bias}", ((out, h - 2, w - 2),)
        if form == "dw":
            return f"dwconv 3x3+1 multiplier=2{bias}", ((2 * c, h, w),)
        if form == "sep":
            return f"sepconv {written} 3x3 same{bias}", ((out, h, w),)
        if form == "deconv" and c * h * w < 2000:
            return f"deconv {written} {self.pick(('2x2/2', '4x4/2+1', '3x3/2 same'))}{bias}", ((out, 2 * h, 2 * w),)
        if form == "grouped" and c % 2 == 0:
            return f"conv 4 3x3+2 dilation=2 groups=2{bias}", ((4, h, w),)
        if form == "local" and c * h * w < 500:
            return "local 2 1x1", ((2, h, w),)
        return f"conv {written} 1x1{bias}", ((out, h, w),)

    @staticmethod
    def fixed(shape: Shape) -> Flow:
        return (shape,)

    def pool(self, shape: Shape) -> tuple[str, Flow]:
        c, h, w = shape
        name = self.pick(("maxpool", "avgpool", "minpool", "lppool"))
        form = self.pick(("2x2", "2x2 ceil", "3x3/2 same", "3x3/1 same", "3x3/2+1", "global", "adaptive"))
        if form == "global":
            return self.pick(("globalavgpool", "globalmaxpool")), ((c, 1, 1),)
        if form == "adaptive":
            return self.pick(("adaptiveavgpool 2x2", "adaptivemaxpool 2x2")), ((c, 2, 2),)
        if form == "3x3/1 same":
            return f"{name} 3x3/1 same", (shape,)
        if form in ("3x3/2 same", "2x2 ceil"):
            return f"{name} {form}", ((c, -(-h // 2), -(-w // 2)),)
        if form == "3x3/2+1" and name in ("maxpool", "avgpool"):
            return f"{name} 3x3/2+1", ((c, (h - 1) // 2 + 1, (w - 1) // 2 + 1),)
        if h < 2 or w < 2:
            return "relu", (shape,)
        return f"{name} 2x2", ((c, h // 2, w // 2),)

    def rearranged(self, shape: Shape, scope: Scope) -> tuple[str, Flow]:
        c, h, w = shape
        kind = self.pick(
            ("unpool", "flatten", "fc", "pad", "crop", "upsample", "shuffle", "pixels", "slice", "maxout", "like", "se")
        )
        if kind == "flatten":
            return "flatten", ((c * h * w,),)
        if kind == "fc":
            return "fc 5", ((5,),)
        if kind == "pad":
            return "pad top=1 left=2 channels=1", ((c + 1, h + 1, w + 2),)
        if kind == "crop" and h > 2 and w > 2:
            return self.pick((f"crop {h - 1}x{w - 2}", "crop top=1 right=2")), ((c, h - 1, w - 2),)
        if kind == "upsample" and c * h * w < 2000:
            return self.pick(("upsample 2", "upsample 2 bilinear", "upsample 2 bilinear align_corners=true")), (
                (c, 2 * h, 2 * w),
            )
        if kind == "shuffle" and c % 2 == 0:
            return "channelshuffle 2", (shape,)
        if kind == "pixels" and c % 4 == 0:
            return "pixelshuffle 2", ((c // 4, 2 * h, 2 * w),)
        if kind == "slice" and c > 2:
            return f"slice 1 {c - 1}", ((c - 2, h, w),)
        if kind == "maxout" and c % 2 == 0:
            return "maxout 2", ((c // 2, h, w),)
        if kind == "unpool" and h % 2 == 0 and w % 2 == 0:
            name = self.fresh("p")
            return f"(maxpool 2x2 as {name} -> relu -> unpool @{name})", (shape,)
        if kind == "se":
            gate = self.pick(("conv channels 1x1", f"fc {c}"))
            return f"mul {{ id | globalavgpool -> {gate} -> sigmoid }}", (shape,)
        like = [name for name, flow in scope.streams.items() if len(flow) == 1 and len(flow[0]) == 3]
        if kind == "like" and like:
            name = self.pick(like)
            return f"upsample like=@{name}", ((c, *scope.streams[name][0][1:]),)
        return self.act(scope), (shape,)

    # --- what holds other elements

    def structure(self, flow: Flow, scope: Scope, depth: int, simple: Any) -> tuple[str, Flow]:
        kinds = [
            "residual",
            "merge",
            "branch",
            "repeat",
            "if",
            "for",
            "each",
            "aux",
            "block",
            "recursion",
            "values",
            "group",
            "named",
        ]
        kind = self.pick(kinds)
        shape = flow[0]
        if kind == "residual":
            return self.residual(shape, scope, depth)
        if kind == "merge":
            return self.merge(flow, scope, depth)
        if kind == "branch":
            return self.branch(flow, scope, depth)
        if kind == "repeat":
            body = self.keeping(shape, scope, depth)
            return f"({body}) * {self.pick((0, 1, 2, 3))}", flow
        if kind == "if":
            return self.choice(flow, scope, depth)
        if kind == "for":
            return self.loop(flow, scope, depth)
        if kind == "each":
            return self.each_row(shape, scope)
        if kind == "aux":
            body, _ = self.chain(flow, scope.inner(), depth + 2)
            return f"aux {self.pick(('', self.fresh('side')))} {{ {body} }}", flow
        if kind == "block":
            return self.block(flow, depth)
        if kind == "recursion":
            return self.recursion(shape, depth)
        if kind == "values":
            return self.valued(shape)
        if kind == "group":
            body, out = self.chain(flow, scope.inner(), depth + 1)
            return f"({body})", out
        return self.named(shape, scope, simple)

    def keeping(self, shape: Shape, scope: Scope, depth: int) -> str:
        """A chain that gives the shape it takes."""
        if len(shape) == 1:
            return str(self.pick((f"fc {shape[0]} -> relu", "relu", "dropout 0.2", f"residual {{ fc {shape[0]} }}")))
        c = shape[0]
        parts = (
            f"conv {c} 3x3+1 -> bn -> relu",
            "dwconv 3x3 same -> bn",
            f"residual {{ conv {c} 1x1 }}",
            "relu",
            f"(conv 2 1x1 -> relu) -> conv {c} 1x1",
            "maxpool 3x3/1 same",
            "add { conv channels 1x1 | id }",
            f"concat {{ conv 1 1x1 | id }} -> conv {c} 1x1",
        )
        return str(self.pick(parts))

    def residual(self, shape: Shape, scope: Scope, depth: int) -> tuple[str, Flow]:
        settings = self.pick(("", "", " scale=0.3", " drop=0.3", " drop=0.3 rescale=false"))
        body = self.keeping(shape, scope, depth)
        if len(shape) == 1:
            return f"residual{settings} {{ {body} }}", (shape,)
        c, h, w = shape
        half = (-(-h // 2), -(-w // 2))
        kind = self.pick(("identity", "project", "pad", "optional", "path", "long"))
        if kind == "identity":
            return f"residual{settings} {{ {body} }}", (shape,)
        if kind == "path":
            return f"residual{settings} {{ {body} -> conv 3 1x1 | conv 3 1x1 }}", ((3, h, w),)
        stride = self.pick((1, 2))
        size = (h, w) if stride == 1 else half
        out = c + 2
        if kind == "long":
            return f'residual shortcut="project"{settings} {{ {body} -> conv {out} 3x3/{stride}+1 -> bn }}', (
                (out, *size),
            )
        return f"residual {kind}{settings} {{ {body} -> conv {out} 3x3/{stride}+1 -> bn }}", ((out, *size),)

    def merge(self, flow: Flow, scope: Scope, depth: int) -> tuple[str, Flow]:
        shape = flow[0]
        inner = scope.inner()
        if self.chance(50) and len(shape) == 3:
            widths = [self.pick((1, 2, 3)) for _ in range(self.pick((2, 3)))]
            paths = [f"{self.keeping(shape, inner, depth)} -> conv {n} 1x1" for n in widths]
            total = sum(widths)
            if self.chance(30):
                paths.append("if channels > 100 { relu }")
            if self.chance(30):
                paths.append("id")
                total += shape[0]
            bar = self.pick(("", "| "))
            return f"concat {{ {bar}{' | '.join(paths)} }}", ((total, *shape[1:]),)
        name = self.pick(("mean drop=0.2", "add", "sub", "mul", "mean", "max"))
        count = 2 if name == "sub" else self.pick((2, 3))
        return f"{name} {{ {' | '.join(self.keeping(shape, inner, depth) for _ in range(count))} }}", (shape,)

    def branch(self, flow: Flow, scope: Scope, depth: int) -> tuple[str, Flow]:
        if len(flow[0]) == 3 and flow[0][0] % 2 == 0 and self.chance(25):
            c, h, w = flow[0]
            return "split 2", ((c // 2, h, w),) * 2
        inner = scope.inner()
        paths, out = [], []
        for _ in range(self.pick((2, 2, 3))):
            text, flowed = (
                (self.keeping(flow[0], inner, depth), flow) if self.chance(50) else self.chain(flow, inner, depth + 1)
            )
            paths.append(text)
            out.extend(flowed)
        return f"branch {{ {' | '.join(paths)} }}", tuple(out)

    def choice(self, flow: Flow, scope: Scope, depth: int) -> tuple[str, Flow]:
        truth = self.chance(50)
        condition = (
            self.pick(("channels > 0", "1 < 2 and not false", "7 // 2 == 3 or 1 > 2"))
            if truth
            else self.pick(("channels > 10000", "1 > 2", "not (min(3, 4) == 3)"))
        )
        if len(flow) > 1:
            condition = "true" if truth else "false"
        first, yes = self.chain(flow, scope.inner(), depth + 1)
        if self.chance(40):
            return f"if {condition} {{ {first} }}", yes if truth else flow
        second, no = self.chain(flow, scope.inner(), depth + 1)
        middle = self.pick(("", "", " else if 1 > 2 { relu }"))
        return f"if {condition} {{ {first} }}{middle} else {{ {second} }}", yes if truth else no

    def loop(self, flow: Flow, scope: Scope, depth: int) -> tuple[str, Flow]:
        name, shape = self.fresh("n"), flow[0]
        if len(shape) == 1:
            return f"for {name} in 2 3 4 {{ fc {name} -> relu }}", ((4,),)
        if self.chance(30):
            inner = scope.inner()
            inner.counts.append(name)
            return f"for {name} in 0 .. {self.pick((0, 1, 3))} {{ {self.keeping(shape, inner, depth)} }}", flow
        if self.chance(50):
            return f"for ({name}, w) in (2, 1x1) ((1 + 2), 3x3+1) {{ conv {name} w -> relu }}", ((3, *shape[1:]),)
        return f"for {name} in 3 2 {{ conv {name} 1x1 }}", ((2, *shape[1:]),)

    def each_row(self, shape: Shape, scope: Scope) -> tuple[str, Flow]:
        shared = self.pick(("", " shared"))
        if len(shape) == 1:
            return f"each{shared} i in 0 .. 2 {{ fc 3 }}", ((3,), (3,))
        if shared or self.chance(40):
            return f"each{shared} i in 0 .. 3 {{ conv 2 3x3 same -> {self.act(scope)} }}", ((2, *shape[1:]),) * 3
        return "each n in 1 2 3 { conv n 1x1 }", tuple((n, *shape[1:]) for n in (1, 2, 3))

    def named(self, shape: Shape, scope: Scope, simple: Any) -> tuple[str, Flow]:
        """A stream named before is merged in."""
        same = [name for name, flow in scope.streams.items() if flow == (shape,)]
        beside = [
            name
            for name, flow in scope.streams.items()
            if len(flow) == 1 and len(shape) == 3 and flow[0][1:] == shape[1:]
        ]
        if same and self.chance(50):
            return f"{self.pick(('add', 'mul', 'mean'))} {{ id | @{self.pick(same)} }}", (shape,)
        if beside:
            name = self.pick(beside)
            return f"concat {{ @{name} | id }}", ((shape[0] + scope.streams[name][0][0], *shape[1:]),)
        text, out = simple(shape, scope)
        return text, out

    # --- bundles

    def of_bundle(self, flow: Flow, scope: Scope, depth: int) -> tuple[str, Flow]:
        alike = len(set(flow)) == 1
        maps = all(len(shape) == 3 for shape in flow)
        kind = self.pick(("merge", "merge", "each", "block", "if"))
        if kind == "each" and depth < 3:
            if alike and self.chance(50):
                return f"each shared {{ {self.keeping(flow[0], scope, depth)} }}", flow
            if maps:
                return "each { conv 3 1x1 -> relu }", tuple((3, *shape[1:]) for shape in flow)
        if kind == "block" and self.fuel > 0:
            return self.stream_block(flow)
        if kind == "if" and depth < 2 and self.fuel > 0:
            return self.choice(flow, scope, depth)
        if alike:
            return self.pick(("add", "mean", "max", "mul")), flow[:1]
        if maps and len({shape[1:] for shape in flow}) == 1:
            return "concat", ((sum(shape[0] for shape in flow), *flow[0][1:]),)
        if maps:
            return "(each { globalavgpool } -> concat)", ((sum(shape[0] for shape in flow), 1, 1),)
        return "(each { fc 3 } -> add)", ((3,),)

    def stream_block(self, flow: Flow) -> tuple[str, Flow]:
        name, streams = self.fresh("cell"), [self.fresh("x") for _ in flow]
        body = " | ".join(f"@{stream} -> relu" for stream in streams)
        if self.chance(50):
            self.defs.append(f"def {name} on {', '.join(streams)} {{ branch {{ {body} }} }}")
            return f"{name} * {self.pick((1, 2))}", flow
        head = f"def {name} on {', '.join(streams)}"
        if len(flow) == 2:
            self.defs.append(f"{head} {{ let a, b = branch {{ {body} }} -> each {{ fc 2 }}; concat {{ @a | @b }} }}")
        else:
            width = 2 * len(flow)
            others = " | ".join(f"@{stream} -> fc {width}" for stream in streams)
            self.defs.append(f"{head} {{ each {{ fc 2 }} -> concat -> add {{ id | {others} }} }}")
        return name, ((2 * len(flow),),)

    # --- blocks

    def block(self, flow: Flow, depth: int) -> tuple[str, Flow]:
        name = self.fresh("block")
        lets, scope = "", Scope()
        if self.chance(30) and len(flow[0]) == 3:
            let = self.fresh("t")
            lets = f"let {let} = {self.keeping(flow[0], scope, depth)}; "
            body, out = self.chain(flow, scope, depth + 1)
            body = f"({body}) -> flatten -> concat {{ id | @{let} -> flatten }}"
            out = ((sum(_numbers(shape) for shape in out) + _numbers(flow[0]),),) if len(out) == 1 else out
            if len(out) > 1:
                return "relu", flow
        else:
            body, out = self.chain(flow, scope, depth + 1)
        self.defs.append(f"def {name} {{ {lets}{body} }}")
        return f"{name}", out

    def recursion(self, shape: Shape, depth: int) -> tuple[str, Flow]:
        name = self.fresh("again")
        body = self.keeping(shape, Scope(), depth)
        form = self.pick(("line", "nest"))
        if form == "line":
            self.defs.append(f"def {name}(n, f = relu) {{ if n > 0 {{ {body} -> f -> {name} (n - 1) f=f }} }}")
        else:
            self.defs.append(f"def {name}(n) {{ if n == 0 {{ id }} else {{ add {{ {body} | {name} (n - 1) }} }} }}")
        return f"{name} {self.pick((0, 1, 2, 3))}", (shape,)

    def valued(self, shape: Shape) -> tuple[str, Flow]:
        """Blocks, ops, windows and streams as arguments."""
        name = self.fresh("unit")
        act = self.pick(ACTIVATIONS)
        if len(shape) == 1:
            self.defs.append(f"def {name}(n, act = {act}, k = n + 1) {{ fc k -> act -> fc n }}")
            return f"({name} 4) * 2", ((4,),)
        form = self.pick(("op", "block", "window", "stream", "string"))
        if form == "op":
            self.defs.append(f"def {name}(n, act = {act}) {{ conv n 1x1 -> bn -> act }}")
            return f"({name} 4 {self.pick(('', 'relu', 'act=tanh'))}) * 2", ((4, *shape[1:]),)
        if form == "block":
            inner = self.fresh("piece")
            self.defs.append(f"def {inner}(n) {{ conv n 3x3+1 -> {act} }}")
            self.defs.append(f"def {name}(b, n, times = 2) {{ b n -> (b n) * (times - 1) }}")
            return f"{name} {inner} 3", ((3, *shape[1:]),)
        if form == "window":
            self.defs.append(f"def {name}(w, s = 1) {{ conv 2 w stride=s }}")
            return f"{name} 3x3+1", ((2, *shape[1:]),)
        if form == "string":
            self.defs.append(f'def {name}(kind) {{ if kind == "wide" {{ conv 8 1x1 }} else {{ conv 2 1x1 }} }}')
            return f'{name} "{self.pick(("wide", "slim"))}" -> conv 2 1x1', ((2, *shape[1:]),)
        stream = self.fresh("z")
        self.defs.append(f"def {name}(to) {{ if @to.height > 0 {{ concat {{ id | @to -> conv 1 1x1 }} }} }}")
        return f"({act} as {stream} -> {name} @{stream})", ((shape[0] + 1, *shape[1:]),)

    # --- the whole

    def net(self) -> str:
        scope = Scope()
        flow: list[Shape] = []
        lines = []
        for _ in range(self.pick((1, 1, 1, 2))):
            shape = self.pick(((1, 8, 8), (3, 8, 8), (4, 7, 9), (2, 12, 6), (8,), (4, 6, 6)))
            flow.append(shape)
            lines.append(f"input {'x'.join(map(str, shape))}")
        if len(flow) > 1:
            lines = [f"{line} as in{i}" for i, line in enumerate(lines)]
        if self.chance(30):
            lines.insert(
                0,
                self.pick(
                    (
                        "default conv bias=true;",
                        "default bn eps=1e-3 momentum=0.01;",
                        "default conv bias=false;",
                        "default bn scale=false;",
                        "default maxpool ceil;",
                    )
                ),
            )
            if "ceil" in lines[0]:
                self.careless = True
        body, _ = self.chain(tuple(flow), scope, 0)
        form = self.pick(("net", "net", "parameters", "bare"))
        defs = "\n".join(self.defs)
        if form == "bare" and not lines[0].startswith("default"):
            return f"{defs}\n{' '.join(lines)}\n{body}\n"
        head = "net random(n = 3, act = relu)" if form == "parameters" else "net random"
        return f"{defs}\n{head} {{\n  " + "\n  ".join(lines) + f"\n  {body}\n}}\n"


def _numbers(shape: Shape) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


@st.composite
def specs(draw: Draw, careless: bool | None = None) -> str:
    """A whole spec as text; most are right, those written carelessly about as often wrong as right."""
    return Writer(draw, draw(st.booleans()) if careless is None else careless).net()
