"""The public functions: each chains phases and does nothing else."""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cnndsl.ops  # noqa: F401 - fills the table of ops
from cnndsl.contract import covers
from cnndsl.diagnostic import Diagnostic, FreshWeights, Help, SpecError
from cnndsl.elaborate import Elaboration, elaborate
from cnndsl.elaborate.entrance import Sizes
from cnndsl.graph import Graph
from cnndsl.op import LARGEST
from cnndsl.shipped import locate
from cnndsl.source import Source
from cnndsl.suggest import suggest
from cnndsl.workspace import Module, Workspace, read, select

if TYPE_CHECKING:
    from torch import nn

MOST_REPORTED = 100
"""Diagnostics of one run: nobody reads more."""
Inputs = str | Mapping[str, str] | Sequence[str] | Sequence[int] | None
"""Input shapes that take the place of the spec's: "3x299x299" or (3, 299, 299), several in order ["1x105x105", "10"], or by name
{"left": "1x105x105"} or ["left=1x105x105"]. A letter leaves a size open: "3xHxW"."""


def check(spec: str | Path, /, input: Inputs = None, **params: Any) -> Graph:
    """The checked graph of a spec: a path, "file.cnn:net", a shipped net's name, or the text itself.

    `input` replaces the shape the spec reads, as in "3x299x299". `params` are the net's parameters. Raises SpecError with every
    independent error. torch is not imported.
    """
    return _check(*_find(spec), input, params)


def load(spec: str | Path, /, input: Inputs = None, weights: Any = None, **params: Any) -> nn.Module:
    """The `nn.Module` of a spec: a path, "file.cnn:net" or a shipped net's name.

    `weights` fills it: a torch checkpoint, a safetensors or Keras file, a state dict, a module or a Keras model. Arrays match by name, or by
    the kind, shape and order of the layers. With `params` (`classes=10`) the layers that give the outputs may stay fresh, with a warning
    (`FreshWeights`). Raises SpecError as `check` does, and where the weights cannot be read or do not fit.
    """
    path, net = locate(spec)
    return _lowered(_check(read(path), net, input, params), weights, params)


def loads(text: str, /, input: Inputs = None, weights: Any = None, **params: Any) -> nn.Module:
    """The `nn.Module` of a spec given as text. Takes and raises what `load` does."""
    return _lowered(_check(Source("<text>", text.removeprefix("\ufeff")), None, input, params), weights, params)


def _lowered(graph: Graph, weights: Any, params: Mapping[str, Any]) -> nn.Module:
    from cnndsl.lower import lower

    if weights is None:
        return lower(graph)
    from cnndsl.weights import filled, fit

    found = fit(graph, weights, fresh_heads=bool(params))
    module: nn.Module = filled(graph, lower, found)
    if found.remark:
        warnings.warn(found.remark, FreshWeights, stacklevel=3)
    return module


def compile(spec: str | Path, /, input: Inputs = None, **params: Any) -> str:
    """The stand-alone PyTorch source of a spec, given as to `check`. Raises SpecError as `check` does."""
    from cnndsl.emit import emit

    return emit(check(spec, input, **params))


def limits(spec: str | Path, /, input: Inputs = None, **params: Any) -> tuple[Diagnostic, ...]:
    """What keeps open sizes out of a net: a diagnostic for each place of the spec, with the sizes and the smallest of them.

    Takes what `check` takes. Helps were tried: with the edit the place keeps out nothing, more sizes are accepted, and none is
    lost. Raises SpecError as `check` does.
    """
    source, net = _find(spec)
    _check(source, net, input, params)
    shapes = input_shapes(input)

    def found(opened: _Opened) -> tuple[Graph, list[Diagnostic]]:
        elaboration = Elaboration(opened.module, select(opened.module, net), params, shapes)
        checked = elaboration.graph()
        return checked, elaboration.limits(checked)

    def recheck(texts: Mapping[Source, str]) -> Sequence[Diagnostic]:
        try:
            opened = _opened(source, texts)
            if opened.workspace.diagnostics:
                return opened.workspace.diagnostics
            edited, left = found(opened)
        except SpecError as error:
            return error.diagnostics
        gains = covers(edited.contract, graph.contract) and not covers(graph.contract, edited.contract)
        return left if gains else diagnostics

    graph, diagnostics = found(_opened(source, {}))
    return suggest(diagnostics, recheck)


def check_all(path: Path, /, input: Inputs = None, **params: Any) -> tuple[list[Graph], list[Diagnostic]]:
    """The graphs of all nets of a file that check, and the diagnostics of those that do not."""
    source = read(path)
    opened = _opened(source, {})
    graphs: list[Graph] = []
    if not opened.module.nets and not opened.workspace.diagnostics:
        select(opened.module, None)
    found: list[Diagnostic] = []
    for name in opened.module.nets or [""]:
        try:
            graphs.append(_check(source, name or None, input, params, opened))
        except SpecError as error:
            found.extend(error.diagnostics)
    unique: dict[tuple[str, str], Diagnostic] = {}
    for diagnostic in found:
        unique.setdefault(diagnostic.place, diagnostic)
    return graphs, in_order(unique.values())


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """As a reader meets them: those of the spec as a whole, then file by file as they were opened, from top to bottom."""
    files: dict[str, int] = {}
    for diagnostic in diagnostics:
        for label in diagnostic.labels[:1]:
            files.setdefault(label.span.source.name, len(files))

    def place(diagnostic: Diagnostic) -> tuple[int, int]:
        spans = [label.span for label in diagnostic.labels[:1]]
        return (files[spans[0].source.name], spans[0].start) if spans else (-1, 0)

    return sorted(diagnostics, key=place)


def is_text(spec: str) -> bool:
    """Whether a string is a spec itself and no name of one."""
    spec = spec.removeprefix("\ufeff")
    return "\n" in spec or "{" in spec or "->" in spec or re.match(r"\s*(input|net|def|from)\s", spec) is not None


def _find(spec: str | Path) -> tuple[Source, str | None]:
    if isinstance(spec, str) and is_text(spec):
        return Source("<text>", spec.removeprefix("\ufeff")), None
    path, net = locate(spec)
    return read(path), net


class _Opened(NamedTuple):
    """A spec that was read: its files, and the module of its own names."""

    workspace: Workspace
    module: Module


def _opened(source: Source, texts: Mapping[Source, str]) -> _Opened:
    """A source parsed and its imports followed, with `texts` in the place of some sources."""
    overrides = {
        other.path.resolve(): text for other, text in texts.items() if other.path is not None and other is not source
    }
    if source in texts:
        source = Source(source.name, texts[source], source.path)
    with _uncollected():
        workspace = Workspace(overrides)
        return _Opened(workspace, workspace.module(source))


def _check(
    source: Source, net: str | None, input: Inputs, params: Mapping[str, Any], opened: _Opened | None = None
) -> Graph:
    """Parses (unless that was done), elaborates; on errors tries the edits they propose and raises them all."""
    shapes = input_shapes(input)
    try:
        return _elaborated(opened or _opened(source, {}), net, shapes, params)
    except SpecError as error:
        if not any(diagnostic.tries for diagnostic in error.diagnostics):
            raise
        diagnostics = error.diagnostics

    def recheck(texts: Mapping[Source, str]) -> Sequence[Diagnostic]:
        try:
            _elaborated(_opened(source, texts), net, shapes, params)
        except SpecError as error:
            return error.diagnostics
        return ()

    raise SpecError(suggest(diagnostics, recheck))


def _elaborated(opened: _Opened, net: str | None, shapes: Mapping[str, Sizes], params: Mapping[str, Any]) -> Graph:
    """The graph of a net of an opened spec. Raises SpecError with what is wrong in its files and in the net."""
    workspace, module = opened
    diagnostics = list(workspace.diagnostics)
    graph = None
    with _uncollected():
        try:
            graph = elaborate(module, _selected(module, net, diagnostics), params, shapes)
        except SpecError as error:
            diagnostics.extend(error.diagnostics)
        said = {diagnostic.place for diagnostic in diagnostics}
        diagnostics.extend(diagnostic for diagnostic in workspace.unknown if diagnostic.place not in said)
    if diagnostics or graph is None:
        raise SpecError(in_order(diagnostics)[:MOST_REPORTED])
    return graph


@contextmanager
def _uncollected() -> Iterator[None]:
    """Holds the cyclic garbage collector back: it would walk the growing tree and graph again and again, and find nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _selected(module: Module, net: str | None, diagnostics: list[Diagnostic]) -> Any:
    """The net that is meant; where the file does not parse, that there is none needs no complaint of its own."""
    try:
        return select(module, net)
    except SpecError:
        if diagnostics and net is None:
            raise SpecError(()) from None
        raise


def input_shapes(given: Inputs) -> dict[str, Sizes]:
    """Input shapes, with letters for what is left open, by name, or by place ("0", "1" ...) where no name is given. Raises SpecError for text that is no shape."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {name: _shape(str(text)) for name, text in given.items()}
    whole = not isinstance(given, str) and len(given) > 0 and isinstance(given[0], int)
    if whole and all(isinstance(size, int) or len(size) == 1 for size in given):
        given = "x".join(map(str, given))  # (3, 299, 299), as shapes are in Python
    shapes: dict[str, Sizes] = {}
    for place, text in enumerate([given] if isinstance(given, str) else given):
        name, _, size = str(text).rpartition("=")
        shapes[name or str(place)] = _shape(size)
    return shapes


def _shape(text: str) -> Sizes:
    parts = text.strip().split("x")
    sizes = tuple(int(p) if p.isascii() and p.isdigit() and len(p) < 11 else p for p in parts)
    channels, *rest = sizes
    opens = [size for size in rest if isinstance(size, str) and re.fullmatch("[A-Za-z]", size)]
    numbers = [size for size in sizes if isinstance(size, int) and 0 < size <= LARGEST]
    if len(sizes) in (1, 3) and isinstance(channels, int) and len(opens) + len(numbers) == len(sizes):
        return sizes
    raise SpecError(
        [
            Diagnostic(
                "E0404",
                f"`{text}` is no input shape",
                helps=(Help("as in 3x224x224 (channels, height, width), 3xHxW to leave sizes open, or 100"),),
            )
        ]
    )
