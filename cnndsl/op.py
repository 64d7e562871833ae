"""What an op is: attributes, shape rule, weights, MACs, PyTorch code, examples; and the table of all ops.

A subclass of `Op` in any file of `cnndsl/ops/` is an op of the language. Its attributes are class variables made with
`arg` (positional), `attr` (by name) or `flag`, and they are the call syntax. Everything else reads the class. What an author of
an op needs can be imported from here, the kinds of attributes too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from cnndsl.attributes import BOOLEAN as BOOLEAN
from cnndsl.attributes import COUNT as COUNT
from cnndsl.attributes import FRACTION as FRACTION
from cnndsl.attributes import INTEGER as INTEGER
from cnndsl.attributes import LARGEST as LARGEST
from cnndsl.attributes import NATURAL as NATURAL
from cnndsl.attributes import NUMBER as NUMBER
from cnndsl.attributes import PAIR as PAIR
from cnndsl.attributes import PAIR0 as PAIR0
from cnndsl.attributes import POSITIVE as POSITIVE
from cnndsl.attributes import PROBABILITY as PROBABILITY
from cnndsl.attributes import REQUIRED as REQUIRED
from cnndsl.attributes import STREAM as STREAM
from cnndsl.attributes import VOLUME as VOLUME
from cnndsl.attributes import Attribute as Attribute
from cnndsl.attributes import Kind as Kind
from cnndsl.attributes import Pair as Pair
from cnndsl.attributes import Shape as Shape
from cnndsl.attributes import Volume as Volume
from cnndsl.attributes import Window as Window
from cnndsl.attributes import arg as arg
from cnndsl.attributes import attr as attr
from cnndsl.attributes import choice as choice
from cnndsl.attributes import flag as flag
from cnndsl.attributes import numbers as numbers
from cnndsl.attributes import show_pair as show_pair
from cnndsl.attributes import show_shape as show_shape
from cnndsl.attributes import show_sizes as show_sizes
from cnndsl.attributes import show_value as show_value
from cnndsl.attributes import window as window
from cnndsl.footprint import Reads, same_position


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

    def footprint(self, shapes: tuple[Shape, ...], out: Shape) -> tuple[Reads, ...]:
        """What a position of the output reads of every operand: the same position, unless an op says otherwise."""
        return tuple(same_position(shape, out) for shape in shapes)

    def code(self, shapes: tuple[Shape, ...], out: Shape) -> Code:
        """How it prints as PyTorch."""
        raise NotImplementedError


def _named(attribute: Attribute, name: str) -> Attribute:
    return Attribute(attribute.kind, attribute.default, attribute.positional, attribute.flag, attribute.window, name)


def _restore(name: str, values: dict[str, Any]) -> Op:
    import cnndsl.ops  # noqa: F401 - fills OPS

    return OPS[name](**values)
