"""The phase that makes an `nn.Module` of a graph: it executes the source that `emit` prints.

The classes know their source, so modules copy and pickle by it: another process executes the same text again.
"""

from __future__ import annotations

import copy
import hashlib
import linecache
import sys
from types import ModuleType
from typing import Any

from torch import nn

from cnndsl.emit import emit
from cnndsl.graph import Graph
from cnndsl.weights.save import save


def lower(graph: Graph) -> nn.Module:
    """The net as a module in training mode, with the IR as `module.graph`."""
    module: nn.Module = getattr(execute(emit(graph), graph.name), MAIN)()
    module.graph = graph  # type: ignore[assignment]
    return module


MAIN = "__cnndsl_main__"
"""Under this name an executed source holds the class of the net."""


def execute(source: str, name: str = "net") -> ModuleType:
    """A Python module of emitted source. The same text gives the same module, so nets lowered twice share their classes.

    It stands in `sys.modules` and `linecache`: tracebacks and debuggers show its lines.
    """
    key = f"cnndsl_{name}_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    if key in sys.modules:
        return sys.modules[key]
    file = f"<{key}>"
    module = ModuleType(key)
    module.__file__ = file
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    sys.modules[key] = module
    try:
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[key], linecache.cache[file]
        raise
    last = None
    for value in list(vars(module).values()):
        if not isinstance(value, type) or value.__module__ != key:
            continue
        if issubclass(value, nn.Module):
            last = value
            value.__reduce_ex__ = _reducer(value, source, name)  # type: ignore[method-assign]
            value.__deepcopy__ = _deepcopy  # type: ignore[attr-defined]
        elif issubclass(value, tuple):
            value.__reduce__ = _tuple_reducer(value, source, name)  # type: ignore[method-assign]
    if last is not None:
        last.save = save  # type: ignore[attr-defined]
    setattr(module, MAIN, last)
    return module


def restore(source: str, name: str, kind: str) -> Any:
    """An instance of a class of emitted source, still empty: the first half of unpickling."""
    cls = getattr(execute(source, name), kind)
    return cls.__new__(cls)


def restore_tuple(source: str, name: str, kind: str, values: tuple[Any, ...]) -> Any:
    """A named tuple of emitted source."""
    return getattr(execute(source, name), kind)(*values)


def _reducer(cls: type, source: str, name: str) -> Any:
    def reduce(self: nn.Module, protocol: int) -> Any:
        if type(self) is not cls:  # a subclass that someone wrote: pickled by its own name
            return object.__reduce_ex__(self, protocol)
        return restore, (source, name, cls.__name__), self.__dict__

    return reduce


def _tuple_reducer(cls: type, source: str, name: str) -> Any:
    def reduce(self: tuple[Any, ...]) -> Any:
        return restore_tuple, (source, name, cls.__name__, tuple(self))

    return reduce


def _deepcopy(self: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """A copy with weights of its own. The graph is immutable: the copy has the same."""
    made = type(self).__new__(type(self))
    memo[id(self)] = made
    graph = self.__dict__.get("graph")
    if graph is not None:
        memo[id(graph)] = graph
    state = copy.deepcopy(self.__dict__, memo)
    made.__dict__.update(state)
    return made
