"""A class of the emitted source: the scopes that share it and its parameters."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cnndsl.emit.steps import Region
from cnndsl.emit.tree import Entry, Scope

BY_NAME = {"stride", "padding", "dilation", "groups", "bias", "depth", "repeats", "p", "eps", "ceil_mode", "scale"}
"""Parameters that a call gives by name: a bare number would not say what it is."""
RESERVED = frozenset(
    {*keyword.kwlist, *keyword.softkwlist}
    | {"self", "super", "torch", "nn", "F", "Tensor", "range", "getattr", "sum", "i", "j", "ii", "jj"}
)
"""Words that emitted code uses itself: no variable is called so."""


def safe(name: str) -> str:
    """A name for a variable."""
    return f"{name}_" if name in RESERVED else name


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression of parameters, such as `4 * {}` of `width`."""

    text: str
    names: tuple[str, ...]

    def show(self, named: Callable[[str], str]) -> str:
        return self.text.format(*map(named, self.names))

    @property
    def atomic(self) -> bool:
        return self.text == "{}"


@dataclass(slots=True)
class Param:
    """A parameter of a class with its value in every scope of the class; `default` is torch's own, None where it has none."""

    name: str
    column: tuple[Any, ...]
    default: Any = None

    @property
    def annotation(self) -> str:
        kinds = dict.fromkeys(_kind(value) for value in self.column)
        return " | ".join(kinds)


@dataclass(slots=True, eq=False)
class Group:
    """The scopes that share a class. `title` is the name of the `def` or the label."""

    scopes: list[Scope]
    title: str
    region: Region
    entry: Entry
    params: list[Param] = field(default_factory=list)
    name: str = ""

    def keys(self) -> Iterator[str | None]:
        """How a call gives every parameter: None by position, else by name."""
        named = False
        for param in self.params:
            named = named or param.name in BY_NAME or param.default is not None
            yield param.name if named else None

    def defaults(self) -> dict[str, Any]:
        return {param.name: param.default for param in self.params if param.default is not None}


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"tuple[{', '.join(_kind(v) for v in value)}]"
    return "None" if value is None else type(value).__name__
