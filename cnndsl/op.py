"""What an op is: attributes, shape rule, weights, MACs, PyTorch code, examples; and the table of all ops.

A subclass of `Op` in any file of `cnndsl/ops/` is an op of the language. Its attributes are class variables made with
`arg` (positional), `attr` (by name) or `flag`, and they are the call syntax. Everything else reads the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

Shape = tuple[int, ...]
"""`(c, h, w)` or `(n,)`: the batch is left out."""
Pair = tuple[int, int]
"""Height and width."""

LARGEST = 2**31 - 1
"""The largest whole number an attribute takes, and the most numbers one weight may hold: torch counts no further safely."""


def show_shape(shape: Shape) -> str:
    """`[64, 56, 56]`, the one spelling of a shape."""
    return "[" + ", ".join(map(str, shape)) + "]"


class Reject(Exception):  # noqa: N818 - it is how a rule says no, not a failure of ours
    """A shape rule or an attribute says no; `elaborate` makes a diagnostic of it at the place of the call.

    `fixes` are changes to the call worth trying, each a mapping from attribute to the text of its new value
    (`{"groups": "4"}`, `{"same": ""}` for a flag). They are offered only if the spec then checks. `hint` is plain advice.
    """

    def __init__(
        self, message: str, *, attribute: str = "", hint: str = "", fixes: tuple[Mapping[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.message, self.attribute, self.hint, self.fixes = message, attribute, hint, fixes


class Window(NamedTuple):
    """A window as written: `7x7/2+3`, `3x3`. Also a bare pair such as the 6x6 of `adaptiveavgpool 6x6`."""

    kernel: Pair
    stride: Pair | None = None
    padding: Pair | None = None

    def __str__(self) -> str:
        stride = "" if self.stride is None else f"/{show_pair(self.stride)}"
        padding = "" if self.padding is None else f"+{show_pair(self.padding)}"
        return f"{self.kernel[0]}x{self.kernel[1]}{stride}{padding}"


class Volume(NamedTuple):
    """Three sizes as written: `512x7x7`, channels x height x width."""

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


def show_pair(pair: Pair) -> str:
    """`3` for a square, `1x7` otherwise."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


# --- kinds: what values an attribute takes -----------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A kind of attribute value. `convert` returns the value to keep, or None where it does not fit `expected`."""

    expected: str
    convert: Callable[[Any], Any]
    example: str
    words: tuple[str, ...] = ()


def _whole(low: int) -> Callable[[Any], Any]:
    def convert(value: Any) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            return None
        return int(value) if low <= value <= LARGEST else None

    return convert


def _pair(low: int) -> Callable[[Any], Any]:
    one = _whole(low)

    def convert(value: Any) -> Pair | None:
        if isinstance(value, Window) and value.stride is None and value.padding is None:
            value = value.kernel
        pair = value if isinstance(value, tuple) and type(value) is tuple else (value, value)
        if len(pair) != 2:
            return None
        height, width = one(pair[0]), one(pair[1])
        return None if height is None or width is None else (height, width)

    return convert


def _number(fits: Callable[[float], bool]) -> Callable[[Any], Any]:
    def convert(value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e30:
            return None
        return float(value) if fits(float(value)) else None

    return convert


COUNT = Kind("a whole number, 1 or more", _whole(1), "4")
NATURAL = Kind("a whole number, 0 or more", _whole(0), "0")
INTEGER = Kind("a whole number", _whole(-LARGEST), "-1")
PAIR = Kind("a whole number or HxW, 1 or more", _pair(1), "2x1")
PAIR0 = Kind("a whole number or HxW, 0 or more", _pair(0), "1x0")
NUMBER = Kind("a number", _number(lambda x: True), "0.1")
POSITIVE = Kind("a number above 0", _number(lambda x: x > 0), "0.1")
PROBABILITY = Kind("a probability, at least 0 and below 1", _number(lambda x: 0 <= x < 1), "0.5")
FRACTION = Kind("a number from 0 to 1", _number(lambda x: 0 <= x <= 1), "0.1")
BOOLEAN = Kind("true or false", lambda value: value if isinstance(value, bool) else None, "true")
STREAM = Kind("a stream, as in like=@x", lambda value: None, "@x")
VOLUME = Kind("sizes, as in 512x7x7", lambda value: value if isinstance(value, Volume) else None, "512x7x7")


def choice(*words: str) -> Kind:
    """One of a few words, each of which works as a flag: `bilinear` is `mode="bilinear"`."""
    return Kind(" or ".join(words), lambda value: value if value in words else None, words[0], words)


REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()


@dataclass(frozen=True)
class Attribute:
    """A typed field of an op. `positional`: filled by an argument without a name, in order of definition.

    `flag`: may be named alone. `window`: filled by a window (`3x3/2+1`) together with `stride` and `padding`.
    """

    kind: Kind
    default: Any = REQUIRED
    positional: bool = False
    flag: bool = False
    window: bool = False
    name: str = ""


def arg(kind: Kind, default: Any = REQUIRED) -> Any:
    """A positional attribute; `default` makes it optional."""
    return Attribute(kind, default, positional=True)


def attr(kind: Kind, default: Any = REQUIRED) -> Any:
    """An attribute given by name."""
    return Attribute(kind, default, flag=kind is BOOLEAN or bool(kind.words))


def flag() -> Any:
    """A switch that is off unless it is named."""
    return Attribute(BOOLEAN, False, flag=True)


def window() -> Any:
    """The kernel of a window op: a positional window fills it, and `stride` and `padding` where the window has them."""
    return Attribute(PAIR, REQUIRED, positional=True, window=True)


# --- what an op tells about itself -----------------------------------------------------------------------------


class Weight(NamedTuple):
    """An array a node owns. `trains`: the optimiser changes it (running statistics and fixed codes do not train)."""

    shape: Shape
    trains: bool = True
    buffer: bool = False


class Code(NamedTuple):
    """How an op prints as PyTorch.

    `module` is the constructor of the submodule, `nn.Conv2d`, or a class of `cnndsl/layers.py`; empty for an op that is an
    expression. `args` and `kwargs` are its arguments (numbers, booleans, strings, tuples). `call` is the expression of the forward
    pass: `{m}` stands for the submodule, `{0}`, `{1}` ... for the operands, `{all}` for all of them joined by commas.
    """

    module: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    call: str = "{m}({0})"


class Example(NamedTuple):
    """A call with the shapes that flow in, and what comes of it: the output shape, or the message of its rejection.

    `call` is spec text, as in `conv 64 3x3/2+1`. Several shapes are a bundle that flows in.
    """

    call: str
    inputs: tuple[Shape, ...]
    result: Shape | str


OPS: dict[str, type[Op]] = {}
"""Every op by its name in the language. Filled when `cnndsl.ops` is imported, read-only afterwards."""


class Op:
    """An op with its attributes settled: immutable, equal to another of the same kind and attributes."""

    name: ClassVar[str] = ""
    family: ClassVar[str] = ""
    attributes: ClassVar[dict[str, Attribute]] = {}
    operands: ClassVar[int | None] = 1
    """How many streams flow in; None for any number (a bundle)."""
    written: ClassVar[bool] = True
    """Whether a spec can call it by its name; False for what only combinators and the front of a net build."""
    examples: ClassVar[tuple[Example, ...]] = ()

    __slots__ = ("__dict__",)

    def __init_subclass__(cls, *, name: str = "", family: str = "", **rest: Any) -> None:
        super().__init_subclass__(**rest)
        own = {k: _named(v, k) for k, v in vars(cls).items() if isinstance(v, Attribute)}
        cls.attributes = {**cls.attributes, **own}
        for key in own:
            delattr(cls, key)
        cls.family = family or cls.family
        if not name:
            return
        if name in OPS:
            raise TypeError(f"two ops are called {name}: {OPS[name].__module__} and {cls.__module__}")
        cls.name = name
        OPS[name] = cls

    def __init__(self, **values: Any) -> None:
        """Keeps `values`, and the defaults of what they leave out. Values are of their kinds already."""
        unknown = values.keys() - self.attributes.keys()
        if unknown:
            raise TypeError(f"{self.name} has no attribute {', '.join(sorted(unknown))}")
        settled = {k: values.get(k, spec.default) for k, spec in self.attributes.items()}
        self.__dict__.update(self.settle(settled))

    def settle(self, values: dict[str, Any]) -> dict[str, Any]:
        """Completes attributes that depend on one another, such as a pool's stride. Raises Reject on a contradiction."""
        return values

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self.name} is immutable")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.name, *self.__dict__.values()))

    def __reduce__(self) -> Any:
        return (_restore, (self.name, dict(self.__dict__)))

    def replace(self, **values: Any) -> Op:
        """The same op with other values of some attributes."""
        return type(self)(**{**self.__dict__, **values})

    def __str__(self) -> str:
        """As it would be written in a spec: `conv 64 7x7/2+3 groups=2`. Defaults are left out."""
        return " ".join(part for part in (self.name, self.label()) if part)

    __repr__ = __str__

    def label(self) -> str:
        """The attributes as they would be written, without the name of the op."""
        parts = []
        for key, spec in self.attributes.items():
            value = getattr(self, key)
            if spec.window:
                parts.append(self._window_label())
            elif key in ("stride", "padding") and self.windowed():
                continue
            elif value == spec.default or value is None or spec.kind is STREAM:
                continue  # a stream is an operand: the graph shows it
            elif spec.flag and value is True:
                parts.append(key)
            elif spec.kind.words:
                parts.append(value)
            elif spec.positional:
                parts.append(show_value(value))
            else:
                parts.append(f"{key}={show_value(value)}")
        return " ".join(parts)

    @classmethod
    def windowed(cls) -> bool:
        """Whether the op slides a window over its input."""
        return any(spec.window for spec in cls.attributes.values())

    def _window_label(self) -> str:
        values = self.__dict__
        stride, padding = values["stride"], values.get("padding", (0, 0))
        shown = stride if stride != (1, 1) or self.attributes["stride"].default is None else None
        return str(Window(values["kernel"], shown, padding if padding != (0, 0) else None))

    def infer(self, *shapes: Shape) -> Shape:
        """The shape that flows out, from those that flow in. Raises Reject where the rule is violated."""
        raise NotImplementedError

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        """The arrays it owns, by their names in the state dict of its module."""
        return {}

    def macs(self, shapes: tuple[Shape, ...], out: Shape) -> int:
        """Multiply-accumulates for one image, bias adds left out. Only convolutions and `fc` have any."""
        return 0

    def arithmetic(self, shapes: tuple[Shape, ...], out: Shape) -> str:
        """The sum that gave the height and width, `(28 + 2*2 - 5)/1 + 1 = 28`; empty where the size is kept."""
        return ""

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        """How it prints as PyTorch."""
        raise NotImplementedError


def show_value(value: Any) -> str:
    """An attribute's value as a spec spells it."""
    if isinstance(value, Window | Volume):
        return str(value)
    if isinstance(value, tuple):
        return show_pair(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)
    return str(value)


def _named(attribute: Attribute, name: str) -> Attribute:
    return Attribute(attribute.kind, attribute.default, attribute.positional, attribute.flag, attribute.window, name)


def _restore(name: str, values: dict[str, Any]) -> Op:
    import cnndsl.ops  # noqa: F401 - fills OPS

    return OPS[name](**values)
