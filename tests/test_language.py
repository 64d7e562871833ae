"""Every sentence of the language's contract as a test: what a spec may say, what it means, and what is an error.

Shapes and parameter counts are worked out by hand beside each case; `conv n kxk` on c channels has n*c*k*k weights.
"""

from __future__ import annotations

from typing import Any

import pytest

from cnndsl import SpecError, check
from cnndsl.graph import Graph

Shape = tuple[int, ...]
MAPS = "input 4x8x8 "


def errors(spec: str, **params: Any) -> list[tuple[str, str]]:
    """Codes and messages of what is wrong with a spec."""
    with pytest.raises(SpecError) as caught:
        check(spec, **params)
    assert all(diagnostic.render().strip() for diagnostic in caught.value.diagnostics)
    return [(diagnostic.code, diagnostic.message) for diagnostic in caught.value.diagnostics]


def only_shape(graph: Graph) -> Shape:
    (shape,) = graph.outputs.values()
    return shape


def paths(graph: Graph, *, inputs: bool = False) -> list[str]:
    return [node.path for node in graph.nodes if inputs or node.op.name != "input"]


def ops(graph: Graph) -> list[str]:
    return [str(node.op) for node in graph.nodes if node.op.name != "input"]


# --- what a spec is ----------------------------------------------------------------------------------------------------

RIGHT: dict[str, tuple[str, Shape, int]] = {
    # grammar: spec, def, net, input, let, chain, link, element
    "bare chain": ("input 1x28x28  conv 32 3x3 -> relu -> maxpool 2x2/2", (32, 13, 13), 32 * 9 + 32),
    "bare chain after a def": ("def f { relu } input 4x8x8 f -> f", (4, 8, 8), 0),
    "vector input": ("input 100 fc 7", (7,), 707),
    "named input": ("input 4x8x8 as image  relu -> add { id | @image }", (4, 8, 8), 0),
    "new lines mean nothing": ("input\n4x8x8\nconv\n2\n1x1\n->\nrelu", (2, 8, 8), 10),
    "comments": ("# one\ninput 4x8x8 # two { -> \nrelu # three", (4, 8, 8), 0),
    "no parentheses": ("def f { relu } net a { input 4x8x8 f }", (4, 8, 8), 0),
    "empty parentheses": ("def f() { relu } net a() { input 4x8x8 f }", (4, 8, 8), 0),
    "net and block share a name": ("def a { relu } net a { input 4x8x8 a }", (4, 8, 8), 0),
    "about": ('net a { about { title = "A"; year = 2014; low = -1.5; deep = true; } input 4x8x8 relu }', (4, 8, 8), 0),
    "group": (MAPS + "(relu -> (tanh)) -> (id)", (4, 8, 8), 0),
    "let before the chain": (
        "net a { input 4x8x8 let a = conv 2 1x1; let b = relu; concat { @a | @b } }",
        (6, 8, 8),
        10,
    ),
    "let begins with what flows into the block": (
        "net a { input 4x8x8 let a = conv 2 1x1; let b = conv 3 1x1; concat { @a | @b } }",
        (5, 8, 8),
        10 + 15,
    ),
    "a let reads an earlier let": (
        "net a { input 4x8x8 let a = conv 2 1x1; let b = @a -> conv 3 1x1; concat { @a | @b } }",
        (5, 8, 8),
        10 + 9,
    ),
    "let in a def": (
        "def f { let a = conv 2 1x1; conv 3 1x1 -> concat { id | @a } } net a { input 4x8x8 f }",
        (5, 8, 8),
        25,
    ),
    "let takes a bundle apart": (
        "net a { input 4x8x8 let a, b = split 2; add { @a -> conv 3 1x1 | @b -> conv 3 1x1 } }",
        (3, 8, 8),
        18,
    ),
    # binding: arguments, then *, then as, then ->, then |
    "star binds before arrow": (MAPS + "conv 4 1x1 -> relu * 3", (4, 8, 8), 20),
    "star on a group": (MAPS + "(conv 4 1x1 -> relu) * 3", (4, 8, 8), 60),
    "star on a block": ("def f { conv 4 1x1 } input 4x8x8 f * 3", (4, 8, 8), 60),
    "star zero is id": (MAPS + "(conv 9 1x1) * 0 -> relu", (4, 8, 8), 0),
    "star by a name": ("net a(n = 3) { input 4x8x8 (conv 4 1x1) * n }", (4, 8, 8), 60),
    "star by an expression": ("net a(n = 3) { input 4x8x8 (conv 4 1x1) * (n - 1) }", (4, 8, 8), 40),
    "star then as": (MAPS + "(conv 4 1x1) * 2 as x -> add { id | @x }", (4, 8, 8), 40),
    "star on combinator": (MAPS + "add { conv 4 1x1 | id } * 2", (4, 8, 8), 40),
    "arrow binds before bar": (MAPS + "concat { relu -> conv 2 1x1 | tanh -> conv 3 1x1 }", (5, 8, 8), 25),
    "bar before the first path": (MAPS + "concat { | relu | tanh }", (8, 8, 8), 0),
    # windows
    "window": (MAPS + "conv 2 3x3", (2, 6, 6), 74),
    "window stride": (MAPS + "conv 2 3x3/2", (2, 3, 3), 74),
    "window padding": (MAPS + "conv 2 3x3+1", (2, 8, 8), 74),
    "window both": (MAPS + "conv 2 3x3/2+1", (2, 4, 4), 74),
    "window rectangular": (MAPS + "conv 2 1x7+0x3", (2, 8, 8), 58),
    "window stride pair": (MAPS + "maxpool 2x1/2x1", (4, 4, 8), 0),
    "window named parts": ("net a(s = 2, p = 1) { input 4x8x8 conv 2 3x3/s+p }", (2, 4, 4), 74),
    "window computed parts": ("net a(k = 3) { input 4x8x8 conv 2 3x3/(k - 1)+(k // 2) }", (2, 4, 4), 74),
    "window parts by name": (
        "net a(k = 5, s = 2) { input 4x8x8 dwconv kernel=k stride=s padding=(k // 2) }",
        (4, 4, 4),
        4 * 25 + 4,
    ),
    "part beside a window": ("def f(w, s) { sepconv 2 w stride=s } input 4x8x8 f 3x3+1 2", (2, 4, 4), 36 + 10),
    "kernel by name as window": (MAPS + "conv 2 kernel=3x1 padding=1x0", (2, 8, 8), 26),
    "same even input": (MAPS + "conv 2 3x3/2 same", (2, 4, 4), 74),
    "same ceil": ("input 4x7x7 conv 2 3x3/2 same", (2, 4, 4), 74),
    "same pool": ("input 4x7x9 maxpool 3x3/2 same", (4, 4, 5), 0),
    "same transposed": ("input 4x7x7 deconv 2 4x4/2 same", (2, 14, 14), 4 * 2 * 16 + 2),
    "conv stride is 1": (MAPS + "conv 2 2x2", (2, 7, 7), 34),
    "pool stride is its window": (MAPS + "maxpool 2x2", (4, 4, 4), 0),
    "pool stride written": (MAPS + "maxpool 2x2/1", (4, 7, 7), 0),
    # arguments
    "string": (MAPS + 'residual shortcut="project" { conv 9 1x1 }', (9, 8, 8), 45 - 0 + 36 + 18),
    "flag": ("input 4x7x7 maxpool 2x2 ceil", (4, 4, 4), 0),
    "flag long": ("input 4x7x7 maxpool 2x2 ceil=true", (4, 4, 4), 0),
    "flag off": ("input 4x7x7 maxpool 2x2 ceil=false", (4, 3, 3), 0),
    "long form takes a parameter": ("net a(c = true) { input 4x7x7 maxpool 2x2 ceil=c }", (4, 4, 4), 0),
    "residual kind by parameter": (
        'net a(k = "project") { input 4x8x8 residual shortcut=k { conv 9 1x1 -> bn } }',
        (9, 8, 8),
        36 + 18 + 36 + 18,
    ),
    "reshape by name": ("net a(s = 8) { input 256 reshape channels=4 height=s width=s }", (4, 8, 8), 0),
    "reshape": ("input 256 reshape 4x8x8", (4, 8, 8), 0),
    "negative argument": (MAPS + "leakyrelu -0.5", (4, 8, 8), 0),
    "negative by name": (MAPS + "leakyrelu negative_slope=-0.5", (4, 8, 8), 0),
    # expressions
    "plus minus": (MAPS + "conv (1 + 5 - 2) 1x1", (4, 8, 8), 20),
    "precedence": (MAPS + "conv (1 + 2 * 3 - 8 / 4 // 2) 1x1", (6, 8, 8), 30),
    "modulo": (MAPS + "conv (11 % 4) 1x1", (3, 8, 8), 15),
    "unary minus": (MAPS + "conv (-2 + 5) 1x1", (3, 8, 8), 15),
    "division that is whole": (MAPS + "conv (6 / 2) 1x1", (3, 8, 8), 15),
    "functions": (MAPS + "conv (min(9, max(2, 3)) + ceil(0.5) + floor(1.9) + round(2.4)) 1x1", (7, 8, 8), 35),
    "divisible": (MAPS + "conv (divisible(35.2, 8)) 1x1", (32, 8, 8), 160),
    "divisible never below 90 percent": (MAPS + "conv (divisible(11, 8)) 1x1", (16, 8, 8), 80),
    "channels": (MAPS + "conv (2 * channels) 1x1 -> conv (channels / 4) 1x1", (2, 8, 8), 40 + 18),
    "stream sizes": ("net a { input 4x8x6 as x conv (@x.channels + @x.height + @x.width) 1x1 }", (18, 8, 6), 90),
    "comparisons": (
        MAPS + "if 1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3 and 1 != 2 and 1 == 1 { conv 1 1x1 } else { id }",
        (1, 8, 8),
        5,
    ),
    "or not": (MAPS + "if not (false or 1 == 2) { conv 1 1x1 } else { id }", (1, 8, 8), 5),
    "and stops early": ("net a(n = 0) { input 4x8x8 if n > 0 and 4 // n > 1 { conv 1 1x1 } -> relu }", (4, 8, 8), 0),
    "strings compare": ('net a(k = "b") { input 4x8x8 if k == "b" { conv 1 1x1 } }', (1, 8, 8), 5),
    "blocks compare": (
        "def f { relu } def g { tanh } def h(b) { if b == f { conv 1 1x1 } else { conv 2 1x1 } } input 4x8x8 h g -> h f",
        (1, 8, 8),
        10 + 3,
    ),
    # if
    "if true": (MAPS + "if true { conv 1 1x1 }", (1, 8, 8), 5),
    "if false is id": (MAPS + "if false { conv 1 1x1 } -> relu", (4, 8, 8), 0),
    "if else": (MAPS + "if false { conv 1 1x1 } else { conv 2 1x1 }", (2, 8, 8), 10),
    "else if": (
        "net a(n = 2) { input 4x8x8 if n == 1 { conv 1 1x1 } else if n == 2 { conv 2 1x1 } else { conv 3 1x1 } }",
        (2, 8, 8),
        10,
    ),
    "if on channels": (MAPS + "if channels == 4 { conv 1 1x1 } -> if channels == 4 { conv 2 1x1 }", (1, 8, 8), 5),
    # rows
    "for atoms": (MAPS + "for n in 2 3 5 { conv n 1x1 }", (5, 8, 8), 10 + 9 + 20),
    "for tuples": (MAPS + "for (n, w) in (2, 1x1) (3, 3x3+1) { conv n w }", (3, 8, 8), 10 + 57),
    "for windows": (MAPS + "for w in 1x1 3x3/2+1 { conv 4 w }", (4, 4, 4), 20 + 148),
    "for range": (MAPS + "for i in 1 .. 4 { conv i 1x1 }", (3, 8, 8), 5 + 4 + 9),
    "for empty range is id": (MAPS + "for i in 3 .. 3 { conv i 1x1 } -> relu", (4, 8, 8), 0),
    "for range of expressions": (
        "net a(n = 2) { input 4x8x8 for i in (n - 1) .. (n + 1) { conv i 1x1 } }",
        (2, 8, 8),
        9,
    ),
    "for computed row": (
        "net a(n = 2) { input 4x8x8 for (a, b) in (n, 2 * n) (n + 1, 1) { conv (a + b) 1x1 } }",
        (4, 8, 8),
        30 + 28,
    ),
    "for blocks": ("input 4x8x8 for f in relu tanh { f }", (4, 8, 8), 0),
    "for strings": ('input 4x8x8 for s in "a" "b" { if s == "b" { conv 1 1x1 } }', (1, 8, 8), 5),
    "negative rows": (MAPS + "for i in -1 .. 1 { conv (i + 2) 1x1 }", (2, 8, 8), 5 + 4),
    # values
    "block value": ("def f(n) { conv n 1x1 } def g(b, n) { b n -> b n } input 4x8x8 g f 3", (3, 8, 8), 15 + 12),
    "op value": ("def unit(n, act) { conv n 1x1 -> act } input 4x8x8 unit 3 hardswish", (3, 8, 8), 15),
    "op value default": ("def unit(n, act = relu) { conv n 1x1 -> act } input 4x8x8 unit 3", (3, 8, 8), 15),
    "op value with arguments": ("def unit(c) { c 3 1x1 } input 4x8x8 unit conv", (3, 8, 8), 15),
    "window value": ("def unit(w) { conv 3 w } input 4x8x8 unit 3x3/2+1", (3, 4, 4), 111),
    "boolean value": ("def unit(up) { if up { upsample 2 } } input 4x8x8 unit true", (4, 16, 16), 0),
    "stream value": ("def up(to) { upsample like=@to } input 4x8x8 as x maxpool 2x2 -> up @x", (4, 8, 8), 0),
    "stream value read": ("def join(s) { concat { @s | id } } input 4x8x8 as x relu -> join @x", (8, 8, 8), 0),
    "stream value asks for its size": (
        "def fit(n, s) { if @s.height < 8 { maxpool 2x2 } -> conv n 1x1 } input 4x8x8 as x maxpool 2x2 as y"
        " -> concat { id | @x -> fit 2 @y }",
        (6, 4, 4),
        10,
    ),
    "default uses earlier parameter": ("def f(n, m = 2 * n) { conv m 1x1 } input 4x8x8 f 3", (6, 8, 8), 30),
    "default uses channels": ("def f(n = channels // 2) { conv n 1x1 } input 4x8x8 f -> f", (1, 8, 8), 10 + 3),
    "argument by name": ("def f(n, m) { conv n 1x1 -> conv m 1x1 } input 4x8x8 f m=2 n=3", (2, 8, 8), 15 + 8),
    "by name after by place": ("def f(n, m = 1, k = 1) { conv (n + m + k) 1x1 } input 4x8x8 f 3 k=2", (6, 8, 8), 30),
    "net default uses earlier": ("net a(n = 2, m = n + 1) { input 4x8x8 conv m 1x1 }", (3, 8, 8), 15),
    "reserved prefix is a name": ("def format { relu } def inner { tanh } input 4x8x8 format -> inner", (4, 8, 8), 0),
    # default lines
    "default": ("net a { default conv bias=false; input 4x8x8 conv 2 1x1 }", (2, 8, 8), 8),
    "default reaches into blocks": (
        "def f { conv 2 1x1 } net a { default conv bias=false; input 4x8x8 f }",
        (2, 8, 8),
        8,
    ),
    "default yields to the call": (
        "net a { default conv bias=false; input 4x8x8 conv 2 1x1 bias=true }",
        (2, 8, 8),
        10,
    ),
    "default of a flag": ("net a { default maxpool ceil; input 4x7x7 maxpool 2x2 }", (4, 4, 4), 0),
    "default takes a parameter": ("net a(b = false) { default conv bias=b; input 4x8x8 conv 2 1x1 }", (2, 8, 8), 8),
    "several defaults": (
        "net a { default bn scale=false; default conv padding=1 bias=true; input 4x8x8 conv 2 3x3 -> bn }",
        (2, 8, 8),
        74 + 2,
    ),
    "default for a projection": (
        "net a { default bn scale=false; input 4x8x8 residual project { conv 2 1x1 -> bn } }",
        (2, 8, 8),
        8 + 2 + 8 + 2,
    ),
    # bias rule
    "bias": (MAPS + "conv 2 1x1 -> relu", (2, 8, 8), 10),
    "no bias before bn": (MAPS + "conv 2 1x1 -> bn", (2, 8, 8), 8 + 4),
    "bias said before bn": (MAPS + "conv 2 1x1 bias=true -> bn", (2, 8, 8), 10 + 4),
    "no bias said": (MAPS + "conv 2 1x1 bias=false -> relu", (2, 8, 8), 8),
    "bn in another block": ("def f { conv 2 1x1 } def g { bn } input 4x8x8 f -> g", (2, 8, 8), 8 + 4),
    "dwconv before bn": (MAPS + "dwconv 3x3+1 -> bn", (4, 8, 8), 36 + 8),
    "sepconv before bn": (MAPS + "sepconv 2 3x3+1 -> bn", (2, 8, 8), 36 + 8 + 4),
    "deconv before bn": (MAPS + "deconv 2 2x2/2 -> bn", (2, 16, 16), 32 + 4),
    "default bias for every conv": (
        "net a { default conv bias=true; input 4x8x8 conv 2 1x1 -> bn }",
        (2, 8, 8),
        10 + 4,
    ),
    # combinators
    "branch": (MAPS + "branch { relu | conv 2 1x1 } -> concat", (6, 8, 8), 10),
    "concat": (MAPS + "concat { relu | conv 2 1x1 | id }", (10, 8, 8), 10),
    "add": (MAPS + "add { relu | id | tanh }", (4, 8, 8), 0),
    "sub": (MAPS + "sub { relu | id }", (4, 8, 8), 0),
    "mul": (MAPS + "mul { relu | id }", (4, 8, 8), 0),
    "mean": (MAPS + "mean { relu | id }", (4, 8, 8), 0),
    "mean drop": (MAPS + "mean drop=0.15 { relu | id }", (4, 8, 8), 0),
    "max": (MAPS + "max { relu | id }", (4, 8, 8), 0),
    "merge of a bundle": (MAPS + "branch { relu | id } -> add -> branch { relu | id } -> mean", (4, 8, 8), 0),
    "add of a vector": (MAPS + "mul { id | globalavgpool -> flatten }", (4, 8, 8), 0),
    "mul of c11": (MAPS + "mul { id | globalavgpool -> sigmoid }", (4, 8, 8), 0),
    "mul of 1hw": (MAPS + "mul { id | conv 1 1x1 -> sigmoid }", (4, 8, 8), 5),
    "each": (MAPS + "branch { relu | tanh } -> each { conv 2 1x1 } -> concat", (4, 8, 8), 20),
    "each shared": (MAPS + "branch { relu | tanh } -> each shared { conv 2 1x1 } -> concat", (4, 8, 8), 10),
    "each rows": (MAPS + "each n in 1 2 3 { conv n 1x1 } -> concat", (6, 8, 8), 5 + 10 + 15),
    "each range": (MAPS + "each i in 0 .. 3 { conv 2 1x1 } -> add", (2, 8, 8), 30),
    "each tuples": (MAPS + "each (n, w) in (1, 1x1) (2, 3x3+1) { conv n w } -> concat", (3, 8, 8), 5 + 74),
    "each windows": (MAPS + "concat { each w in 1x1 3x3+1 { conv 1 w } }", (2, 8, 8), 5 + 37),
    "each shared rows": (MAPS + "each shared i in 0 .. 3 { conv 2 1x1 } -> concat", (6, 8, 8), 10),
    "residual": (MAPS + "residual { conv 4 3x3+1 }", (4, 8, 8), 148),
    "residual identity": (MAPS + "residual identity { conv 4 3x3+1 }", (4, 8, 8), 148),
    "residual path": (MAPS + "residual { conv 2 3x3+1 | conv 2 1x1 }", (2, 8, 8), 74 + 10),
    "residual project equal shapes": (MAPS + "residual project { conv 4 3x3+1 }", (4, 8, 8), 148),
    "residual project channels": (MAPS + "residual project { conv 6 3x3+1 }", (6, 8, 8), 222 + 24 + 12),
    "residual project stride": (MAPS + "residual project { conv 4 3x3/2+1 }", (4, 4, 4), 148 + 16 + 8),
    "residual project odd": ("input 4x7x7 residual project { conv 4 3x3/2+1 }", (4, 4, 4), 148 + 16 + 8),
    "residual project stride 3": ("input 4x7x7 residual project { conv 4 3x3/3+1 }", (4, 3, 3), 148 + 16 + 8),
    "residual pad": (MAPS + "residual pad { conv 6 3x3/2+1 }", (6, 4, 4), 222),
    "residual optional equal": (MAPS + "residual optional { conv 4 1x1 }", (4, 8, 8), 20),
    "residual optional differs": (MAPS + "residual optional { conv 5 1x1 }", (5, 8, 8), 25),
    "residual scale": (MAPS + "residual scale=0.17 { conv 4 1x1 }", (4, 8, 8), 20),
    "residual drop": (MAPS + "residual drop=0.5 { conv 4 1x1 }", (4, 8, 8), 20),
    "residual drop rescale": (MAPS + "residual drop=0.5 rescale=false { conv 4 1x1 }", (4, 8, 8), 20),
    "residual of a vector": ("input 8 residual { fc 8 }", (8,), 72),
    "id": (MAPS + "id -> id", (4, 8, 8), 0),
    "as": (MAPS + "relu as a -> conv 2 1x1 as b -> concat { @a | @b }", (6, 8, 8), 10),
    "as in a path seen in the next": (MAPS + "concat { conv 2 1x1 as a | @a -> conv 3 1x1 }", (5, 8, 8), 10 + 9),
    "label again in other braces": (
        MAPS + "concat { id -> relu as a | id } -> concat { tanh as b | id -> (relu as c) }",
        (16, 8, 8),
        0,
    ),
    "label in copies": (MAPS + "(conv 4 1x1 as a -> add { @a | relu }) * 3", (4, 8, 8), 60),
    "label in for copies": (MAPS + "for i in 0 .. 3 { conv 4 1x1 as a -> add { @a | relu } }", (4, 8, 8), 60),
    "label of a bundle": (
        MAPS + "branch { relu | tanh } as pair -> concat -> conv 4 1x1 -> concat { id | @pair }",
        (12, 8, 8),
        36,
    ),
    "label inside braces shadows": (
        MAPS + "relu as a -> (conv 2 1x1 as b -> concat { @a | @b }) -> relu",
        (6, 8, 8),
        10,
    ),
    # bundles
    "bundles are flat": (MAPS + "branch { branch { relu | tanh } | id } -> concat", (12, 8, 8), 0),
    "bundle path in concat": (MAPS + "concat { branch { relu | tanh } | id }", (12, 8, 8), 0),
    "a bundle of one is that stream": (MAPS + "each i in 0 .. 1 { conv 2 1x1 } -> relu", (2, 8, 8), 10),
    "one path that gives a bundle": (MAPS + "concat { each i in 0 .. 3 { conv 2 1x1 } }", (6, 8, 8), 30),
    "one path that gives a bundle of one": (MAPS + "concat { each i in 0 .. 1 { conv 2 1x1 } }", (2, 8, 8), 10),
    "one path that names a bundle": (
        "net a { input 4x8x8 let p = branch { relu | tanh }; concat { @p } }",
        (8, 8, 8),
        0,
    ),
    "one path split": (MAPS + "add { split 2 }", (2, 8, 8), 0),
    "path left out": (MAPS + "concat { relu | if false { conv 9 1x1 } | tanh }", (8, 8, 8), 0),
    "path kept": (MAPS + "concat { relu | if true { conv 9 1x1 } | tanh }", (17, 8, 8), 45),
    "path with else is kept": (MAPS + "concat { relu | if false { conv 9 1x1 } else { id } }", (8, 8, 8), 0),
    "path with more than an if is kept": (MAPS + "concat { relu | if false { conv 9 1x1 } -> tanh }", (8, 8, 8), 0),
    "else if without else is left out": (
        MAPS + "concat { relu | if false { conv 9 1x1 } else if false { conv 8 1x1 } | id }",
        (8, 8, 8),
        0,
    ),
    "two written paths, one left": (MAPS + "concat { relu | if false { conv 9 1x1 } }", (4, 8, 8), 0),
    "split": (MAPS + "split 4 -> concat", (4, 8, 8), 0),
    "on two": (
        "def f on a, b { add { @a -> conv 2 1x1 | @b } } input 4x8x8 branch { relu | conv 2 1x1 } -> f",
        (2, 8, 8),
        20,
    ),
    "on one": ("def f on x { relu -> add { id | @x } } input 4x8x8 f", (4, 8, 8), 0),
    "on with parameters": (
        "def f(n) on a, b { concat { @a | @b } -> conv n 1x1 } input 4x8x8 branch { id | id } -> f 3",
        (3, 8, 8),
        27,
    ),
    "block hands a bundle on": (
        "def cell(n) on before, x { let y = add { @before -> conv n 1x1 | @x -> conv n 1x1 }; branch { @x | @y } }"
        " input 4x8x8 branch { id | id } -> (cell 4) * 3 -> concat",
        (8, 8, 8),
        3 * 40,
    ),
    "recursion": ("def f(n) { if n == 0 { id } else { conv 4 1x1 -> f (n - 1) } } input 4x8x8 f 5", (4, 8, 8), 100),
    "mutual recursion": (
        "def f(n) { if n > 0 { conv 4 1x1 -> g (n - 1) } } def g(n) { if n > 0 { relu -> f (n - 1) } } input 4x8x8 f 5",
        (4, 8, 8),
        60,
    ),
    "used before it is defined": ("def g { f } def f { relu } input 4x8x8 g", (4, 8, 8), 0),
    "block inside concat": ("def f(n) { conv n 1x1 } input 4x8x8 concat { f 1 | f 2 }", (3, 8, 8), 15),
    "parameter hides nothing outside": (
        "def f(n) { conv n 1x1 -> g } def g { relu } net a(n = 9) { input 4x8x8 f 2 }",
        (2, 8, 8),
        10,
    ),
    # several inputs
    "several inputs": ("input 4x8x8 as a input 4x8x8 as b sub", (4, 8, 8), 0),
    "inputs in order": ("input 1x8x8 as a input 2x8x8 as b each { conv 3 1x1 } -> add", (3, 8, 8), 6 + 9),
    "inputs by name": (
        "input 1x8x8 as a input 2x8x8 as b add { @a -> conv 3 1x1 | @b -> conv 3 1x1 }",
        (3, 8, 8),
        6 + 9,
    ),
    "inputs to a block": ("def f on p, q { concat { @p | @q } } input 1x8x8 as a input 2x8x8 as b f", (3, 8, 8), 0),
    "let of the inputs": ("net a { input 1x8x8 as a input 2x8x8 as b let s = concat; @s -> relu }", (3, 8, 8), 0),
    # layers
    "conv attributes": (MAPS + "conv 4 3x3+2 dilation=2 groups=2 bias=false", (4, 8, 8), 72),
    "dwconv multiplier": (MAPS + "dwconv 3x3+1 multiplier=2", (8, 8, 8), 72 + 8),
    "deconv output_padding": ("input 4x5x5 deconv 2 3x3/2+1 output_padding=1", (2, 10, 10), 72 + 2),
    "deconv bilinear": (MAPS + "deconv 4 4x4/2+1 bilinear bias=false", (4, 16, 16), 256),
    "local": ("input 4x5x5 local 2 3x3", (2, 3, 3), 2 * 36 * 9 + 2 * 9),
    "rbf": ("input 84 rbf 10", (10,), 0),
    "bn scale": (MAPS + "bn scale=false", (4, 8, 8), 4),
    "norms": (MAPS + "bn -> lrn -> gn 2 -> ln -> instancenorm -> l2norm", (4, 8, 8), 24),
    "lrn attributes": (MAPS + "lrn 5 alpha=1e-4 beta=0.75 k=2", (4, 8, 8), 0),
    "bn attributes": (MAPS + "bn eps=1e-3 momentum=0.01", (4, 8, 8), 8),
    "pools": (MAPS + "maxpool 2x2/1 -> avgpool 2x2/1 -> minpool 2x2/1 -> lppool 2x2/1", (4, 4, 4), 0),
    "unpool": (MAPS + "maxpool 2x2 as p -> relu -> unpool @p", (4, 8, 8), 0),
    "global pools": (MAPS + "branch { globalavgpool | globalmaxpool } -> concat", (8, 1, 1), 0),
    "adaptive pools": (MAPS + "branch { adaptiveavgpool 3x2 | adaptivemaxpool 3x2 } -> concat", (8, 3, 2), 0),
    "activations": (
        MAPS
        + "relu -> relu6 -> leakyrelu -> prelu -> elu -> selu -> gelu -> silu -> mish -> hardswish -> hardsigmoid ->"
        " sigmoid -> tanh -> softplus -> softmax -> logsoftmax -> abs",
        (4, 8, 8),
        1,
    ),
    "maxout": (MAPS + "maxout 2", (2, 8, 8), 0),
    "dropouts": (MAPS + "dropout 0.3 -> dropout 0.3 rescale=false -> dropout2d 0.2 -> droppath 0.1", (4, 8, 8), 0),
    "flatten": (MAPS + "flatten", (256,), 0),
    "fc reads the volume": (MAPS + "fc 10", (10,), 2570),
    "pad": (MAPS + "pad 2", (4, 12, 12), 0),
    "pad sides": (MAPS + "pad top=1 bottom=2 left=3 right=4 channels=5", (9, 11, 15), 0),
    "crop": (MAPS + "crop 4x5", (4, 4, 5), 0),
    "crop like": (MAPS + "relu as x -> pad 3 -> crop like=@x", (4, 8, 8), 0),
    "crop like offset": (MAPS + "relu as x -> pad 3 -> crop like=@x offset=5", (4, 8, 8), 0),
    "crop sides": (MAPS + "crop top=1 bottom=2 left=3 right=4", (4, 5, 1), 0),
    "upsample": (MAPS + "upsample 2 -> upsample 2 bilinear", (4, 32, 32), 0),
    "upsample like": ("input 4x9x9 as x maxpool 2x2 -> upsample like=@x bilinear align_corners=true", (4, 9, 9), 0),
    "pixelshuffle": (MAPS + "pixelshuffle 2", (1, 16, 16), 0),
    "channelshuffle": (MAPS + "channelshuffle 2", (4, 8, 8), 0),
    "slice": (MAPS + "slice 1 3", (2, 8, 8), 0),
    "scale": (
        MAPS + "scale -> scale 0.5 -> scale per_channel -> scale a=0 per_channel bias=true",
        (4, 8, 8),
        1 + 1 + 4 + 8,
    ),
    "gaussian": ("input 8 branch { fc 2 | fc 2 } -> gaussian", (2,), 36),
    "min and max of one": (MAPS + "conv (min(3)) 1x1 -> conv (max(2)) 1x1", (2, 8, 8), 15 + 8),
    "fixed": (MAPS + "conv 2 1x1 fixed -> deconv 2 4x4/2+1 bilinear fixed bias=false -> bn fixed", (2, 16, 16), 0),
    "se": (MAPS + "mul { id | globalavgpool -> conv 2 1x1 -> relu -> conv 4 1x1 -> sigmoid }", (4, 8, 8), 10 + 12),
    "se with fc": (MAPS + "mul { id | globalavgpool -> fc 2 -> relu -> fc 4 -> sigmoid }", (4, 8, 8), 10 + 12),
}


@pytest.mark.parametrize("name", RIGHT)
def test_means(name: str) -> None:
    spec, shape, params = RIGHT[name]
    graph = check(spec)
    assert only_shape(graph) == shape
    assert graph.params == params
    assert check(spec) == graph


@pytest.mark.parametrize("given", [(4, 9, 7), [4, 9, 7], "4x9x7", ["4x9x7"], {"input": "4x9x7"}], ids=str)
def test_an_input_size_is_given_in_several_ways(given: Any) -> None:
    assert check(MAPS + "relu", input=given).inputs == {"input": (4, 9, 7)}


# --- what is an error --------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[str, str]] = {
    "a number runs into a letter": ("net a(n = 2) { input 4x8x8 conv 2n 1x1 }", "E0103"),
    "reserved word as a block": ("def for { relu } input 4x8x8 relu", "E0111"),
    "reserved word as a parameter": ("def f(each) { relu } input 4x8x8 f 1", "E0111"),
    "reserved word as a label": (MAPS + "relu as let -> relu", "E0111"),
    "reserved word as a net": ("net input { input 4x8x8 relu }", "E0111"),
    "block called like a layer": ("def conv { relu } input 4x8x8 relu", "E0211"),
    "block called like a combinator": ("def residual { relu } input 4x8x8 relu", "E0211"),
    "block called like a merge": ("def concat { relu } input 4x8x8 relu", "E0211"),
    "parameter like a flag": ("def f(ceil) { maxpool 2x2 ceil=ceil } input 4x8x8 f true", "E0212"),
    "parameter like a shortcut": ("def f(project) { relu } input 4x8x8 f 1", "E0212"),
    "net parameter like a flag": ("net a(bilinear = 1) { input 4x8x8 relu }", "E0212"),
    "two blocks of a name": ("def f { relu } def f { tanh } input 4x8x8 f", "E0209"),
    "two nets of a name": ("net a { input 4x8x8 relu } net a { input 4x8x8 relu }", "E0209"),
    "two parameters of a name": ("def f(n, n) { conv n 1x1 } input 4x8x8 f 1 2", "E0209"),
    "unknown layer": (MAPS + "cnov 3 1x1", "E0201"),
    "unknown name": (MAPS + "conv widht 1x1", "E0204"),
    "unknown attribute": (MAPS + "conv 3 1x1 strid=2", "E0202"),
    "unknown stream": (MAPS + "relu -> add { id | @x }", "E0203"),
    "unknown function": (MAPS + "conv (sqrt(4)) 1x1", "E0205"),
    "unknown size of a stream": ("net a { input 4x8x8 as x conv (@x.depth) 1x1 }", "E0214"),
    "unknown parameter": ("def f(n) { conv n 1x1 } input 4x8x8 f m=3", "E0213"),
    "argument missing": ("def f(n) { conv n 1x1 } input 4x8x8 f", "E0401"),
    "argument too many": ("def f(n) { conv n 1x1 } input 4x8x8 f 1 2", "E0402"),
    "argument twice": ("def f(n) { conv n 1x1 } input 4x8x8 f 1 n=2", "E0403"),
    "arithmetic without parentheses": ("net a(n = 1) { input 4x8x8 conv n+1 1x1 }", "E0110"),
    "a call with arguments repeats in parentheses": (MAPS + "conv 4 1x1 * 6", "E0115"),
    "a block call with arguments repeats in parentheses": ("def f(n) { conv n 1x1 } input 4x8x8 f 4 * 6", "E0115"),
    "second label": (MAPS + "relu as a -> tanh as a -> add { id | @a }", "E0210"),
    "second label in a later path": (MAPS + "concat { relu as a | tanh as a }", "E0210"),
    "label like a let": ("net a { input 4x8x8 let a = relu; tanh as a -> add { id | @a } }", "E0210"),
    "label like an input": (MAPS[:-1] + " as a  relu as a", "E0210"),
    "label like a parameter": ("def f(n) { conv n 1x1 as n } input 4x8x8 f 3", "E0210"),
    "two lets of a name": ("net a { input 4x8x8 let a = relu; let a = tanh; @a }", "E0210"),
    "stream after an arrow": (MAPS + "relu as a -> tanh -> @a", "E0310"),
    "stream after an arrow in a group": (MAPS + "relu as a -> tanh -> (@a -> relu)", "E0310"),
    "stream after an arrow in an if": (MAPS + "relu as a -> tanh -> if true { @a }", "E0310"),
    "stream after an arrow in a repetition": (MAPS + "relu as a -> (@a -> relu) * 2", "E0310"),
    "unread let": ("net a { input 4x8x8 let a = conv 2 1x1; relu }", "E0309"),
    "unread input": ("input 4x8x8 as a input 4x8x8 as b @a -> relu", "E0309"),
    "unread stream": (MAPS + "concat { @x | @x }", "E0203"),
    "label not seen outside its braces": (
        MAPS + "(relu as a -> tanh) -> concat { id | add { relu as b | id } } -> add { id | @b }",
        "E0203",
    ),
    "label of a copy not seen behind it": (MAPS + "(relu as a) * 2 -> add { id | @a }", "E0203"),
    "label of another block": ("def f { relu as a } input 4x8x8 f -> add { id | @a }", "E0203"),
    "one path alone": (MAPS + "concat { relu }", "E0307"),
    "one path alone in branch": (MAPS + "branch { relu } -> relu", "E0307"),
    "a merge of one stream": (MAPS + "relu -> concat", "E0305"),
    "residual shapes differ": (MAPS + "residual { conv 5 1x1 }", "E0303"),
    "residual identity differs": (MAPS + "residual identity { conv 5 1x1 }", "E0303"),
    "residual size by no stride": ("input 4x8x8 residual project { conv 4 3x3 }", "E0303"),
    "residual pad size by no stride": ("input 4x8x8 residual pad { conv 4 3x3 }", "E0303"),
    "residual optional size by no stride": ("input 4x8x8 residual optional { conv 4 3x3 }", "E0303"),
    "residual pad of fewer channels": (MAPS + "residual pad { conv 3 1x1 }", "E0303"),
    "residual larger": (MAPS + "residual project { upsample 2 }", "E0303"),
    "residual path differs": (MAPS + "residual { conv 5 1x1 | conv 6 1x1 }", "E0303"),
    "residual of three": (MAPS + "residual { relu | relu | relu }", "E0307"),
    "residual kind and path": (MAPS + "residual project { relu | relu }", "E0403"),
    "concat of sizes": (MAPS + "concat { conv 2 3x3 | relu }", "E0302"),
    "add of channels": (MAPS + "add { conv 2 1x1 | relu }", "E0302"),
    "sub of three": (MAPS + "sub { id | id | id }", "E0305"),
    "layer given a bundle": (MAPS + "branch { relu | tanh } -> conv 2 1x1", "E0304"),
    "on two given one": ("def f on a, b { add { @a | @b } } input 4x8x8 f", "E0306"),
    "on two given three": ("def f on a, b { add { @a | @b } } input 4x8x8 branch { id | id | id } -> f", "E0306"),
    "on one given two": ("def f on a { @a } input 4x8x8 branch { id | id } -> f", "E0306"),
    "let takes apart another number": ("net a { input 4x8x8 let a, b = split 4; add { @a | @b } }", "E0308"),
    "let takes apart a stream": ("net a { input 4x8x8 let a, b = relu; add { @a | @b } }", "E0308"),
    "braces on a layer": (MAPS + "conv 2 1x1 { relu }", "E0306"),
    "braces on a block": ("def f { relu } input 4x8x8 f { relu }", "E0306"),
    "aux of two paths": (MAPS + "relu -> aux { fc 1 | fc 2 }", "E0307"),
    "condition is a number": (MAPS + "if 1 { relu }", "E0405"),
    "row of another length": (MAPS + "for (a, b) in (1, 2) (3, 4, 5) { conv a 1x1 -> conv b 1x1 }", "E0409"),
    "range of fractions": (MAPS + "for a in 0 .. 2.5 { conv 2 1x1 }", "E0409"),
    "repeated by a fraction": (MAPS + "relu * 2.5", "E0410"),
    "repeated by a negative": (MAPS + "relu * (-1)", "E0410"),
    "each without rows": (MAPS + "each i in 3 .. 3 { relu } -> concat", "E0305"),
    "each shared of other shapes": (
        MAPS + "branch { relu | conv 2 1x1 } -> each shared { conv 3 1x1 } -> concat",
        "E0311",
    ),
    "unpool of another layer": (MAPS + "avgpool 2x2 as p -> unpool @p", "E0312"),
    "division by zero": (MAPS + "conv (1 / 0) 1x1", "E0407"),
    "fraction as channels": (MAPS + "conv (5 / 2) 1x1", "E0404"),
    "string as channels": (MAPS + 'conv "2" 1x1', "E0404"),
    "window as channels": (MAPS + "conv 3x3 2", "E0404"),
    "window too large": (MAPS + "conv 2 9x9", "E0301"),
    "groups do not divide": (MAPS + "conv 4 1x1 groups=3", "E0301"),
    "channels of a bundle": (MAPS + "branch { id | id } -> if channels > 3 { add } else { concat }", "E0304"),
    "no input": ("net a { relu }", "E0219"),
    "no layers": ("net a { input 4x8x8 }", "E0219"),
    "weights of an open size": ("input 3xHxW fc 10", "E0218"),
    "an attribute of an open size": ("input 3xHxW as x conv (@x.height) 3x3", "E0218"),
    "a condition that an open size decides": (
        "input 3xHxW as x if @x.height % 2 == 0 { maxpool 2x2/2 } else { id }",
        "E0218",
    ),
    "two letters compared": ("input 3xHxW as x input 3xAxB as y add { @x | @y }", "E0220"),
    "net parameter without a value": ("net a(n) { input 4x8x8 conv n 1x1 }", "E0411"),
    "default for no layer": ("net a { default cnov bias=true; input 4x8x8 relu }", "E0201"),
    "default of no attribute": ("net a { default conv bais=true; input 4x8x8 conv 2 1x1 }", "E0202"),
    "unclosed brace": ("net a { input 4x8x8 relu", "E0104"),
    "element missing": (MAPS + "relu -> -> tanh", "E0108"),
    "empty path": (MAPS + "concat { relu | | tanh }", "E0108"),
    "unclosed string": (MAPS + 'residual shortcut="project { relu }', "E0102"),
    "stray character": (MAPS + "relu ? tanh", "E0101"),
    "same and a padding": (MAPS + "conv 2 3x3+1 same", "E0403"),
    "stream called": ("input 4x8x8 as a  relu -> a", "E0201"),
    "number called": ("def f(n) { n } input 4x8x8 f 3", "E0201"),
}


@pytest.mark.parametrize("name", WRONG)
def test_is_an_error(name: str) -> None:
    spec, code = WRONG[name]
    assert code in [found for found, _ in errors(spec)]
