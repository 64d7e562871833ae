"""The syntax tree: what was written, with a span on every node. Nothing here is checked yet.

Named tuples rather than frozen dataclasses: Python makes thirty of them in 2 ms instead of 14, which every command waits for.
"""

from __future__ import annotations

from typing import NamedTuple

from cnndsl.diagnostic import Diagnostic
from cnndsl.source import Source, Span

# --- values --------------------------------------------------------------------------------------------------------


class Literal(NamedTuple):
    """A number, a string, or true or false."""

    value: int | float | str | bool
    span: Span


class Name(NamedTuple):
    """A name where a value stands: a parameter, a loop variable, a block, an op, a flag, or `channels`."""

    name: str
    span: Span


class StreamValue(NamedTuple):
    """`@x` where a value stands; with `field`, `@x.channels`. `span` includes parentheses around it, `text_span` does not."""

    name: str
    field: str | None
    text_span: Span
    span: Span


class Size(NamedTuple):
    """Sizes joined by x, as in `3x224x224`, `7x7`, `3xHxW`: whole numbers, or letters where they are left open."""

    sizes: tuple[int | str, ...]
    span: Span


class WindowValue(NamedTuple):
    """`7x7/2+3`: a size, and the stride and padding behind it."""

    size: Size
    stride: Value | None
    padding: Value | None
    span: Span


class Binary(NamedTuple):
    """An operator between two values: arithmetic, a comparison, `and`, `or`."""

    operator: str
    left: Value
    right: Value
    span: Span


class Unary(NamedTuple):
    """`-x` or `not x`."""

    operator: str
    operand: Value
    span: Span


class Function(NamedTuple):
    """`min(a, b)`, `divisible(x, 8)`."""

    name: str
    name_span: Span
    arguments: tuple[Value, ...]
    span: Span


Value = Literal | Name | StreamValue | WindowValue | Binary | Unary | Function

# --- what computes ---------------------------------------------------------------------------------------------------


class Argument(NamedTuple):
    """An argument of a call; `name` is None where it is positional."""

    name: str | None
    value: Value
    span: Span


class Call(NamedTuple):
    """A layer, block, combinator or block-valued parameter with its arguments; `paths` is None without braces."""

    name: str
    name_span: Span
    arguments: tuple[Argument, ...]
    paths: tuple[Chain, ...] | None
    span: Span


class Group(NamedTuple):
    """A chain in parentheses."""

    chain: Chain
    span: Span


class Stream(NamedTuple):
    """`@x` at the beginning of a chain."""

    name: str
    span: Span


class If(NamedTuple):
    """`if condition { chain } else { chain }`; `otherwise` is None without an else."""

    condition: Value
    chain: Chain
    otherwise: Chain | If | None
    span: Span


class Row(NamedTuple):
    """The values of one copy: one value, or those of a tuple."""

    values: tuple[Value, ...]
    span: Span


class Range(NamedTuple):
    """`lo .. hi`: whole numbers from lo, hi left out."""

    low: Value
    high: Value
    span: Span


class Loop(NamedTuple):
    """`for pattern in rows { chain }`, or `each [shared] [pattern in rows] { chain }` where `each` is true."""

    each: bool
    shared: bool
    pattern: tuple[str, ...] | None
    rows: tuple[Row, ...] | Range | None
    chain: Chain
    span: Span


class Broken(NamedTuple):
    """A link that could not be parsed: it was reported, and it silences what would follow from it."""

    span: Span


Element = Call | Group | Stream | If | Loop | Broken


class Link(NamedTuple):
    """An element, how often it is repeated, and its label."""

    element: Element
    times: Value | None
    label: str | None
    label_span: Span | None
    span: Span


class Chain(NamedTuple):
    """Links joined by arrows."""

    links: tuple[Link, ...]
    span: Span


# --- definitions -------------------------------------------------------------------------------------------------------


class Parameter(NamedTuple):
    """A parameter of a block or a net, with its default."""

    name: str
    default: Value | None
    span: Span


class Let(NamedTuple):
    """`let a, b = chain;`"""

    names: tuple[Name, ...]
    chain: Chain
    span: Span


class Block(NamedTuple):
    """A `def`. `streams` are the names behind `on`. `chain` is None where the body could not be parsed."""

    name: str
    parameters: tuple[Parameter, ...]
    streams: tuple[Name, ...]
    lets: tuple[Let, ...]
    chain: Chain | None
    name_span: Span
    span: Span


class Default(NamedTuple):
    """`default bn eps=1e-3;`"""

    layer: Name
    arguments: tuple[Argument, ...]
    span: Span


class Input(NamedTuple):
    """`input 3x224x224 as image`."""

    size: Size
    label: str | None
    span: Span


class Fact(NamedTuple):
    """`year = 2014` in an `about`."""

    name: str
    value: int | float | str | bool
    span: Span


class Net(NamedTuple):
    """A network. `chain` is None where nothing is computed, or where the body could not be parsed (`broken`)."""

    name: str
    parameters: tuple[Parameter, ...]
    about: tuple[Fact, ...]
    defaults: tuple[Default, ...]
    inputs: tuple[Input, ...]
    lets: tuple[Let, ...]
    chain: Chain | None
    name_span: Span
    span: Span
    broken: bool = False


class Imported(NamedTuple):
    """A name taken from another file, and what it is called here."""

    name: str
    alias: str
    span: Span


class Import(NamedTuple):
    """`from "path" import name as alias, ...`"""

    path: str
    names: tuple[Imported, ...]
    path_span: Span
    span: Span


class File(NamedTuple):
    """A parsed spec. `diagnostics` are its syntax errors; what they spoiled is broken, and the rest is whole."""

    source: Source
    imports: tuple[Import, ...]
    blocks: tuple[Block, ...]
    nets: tuple[Net, ...]
    diagnostics: tuple[Diagnostic, ...]
