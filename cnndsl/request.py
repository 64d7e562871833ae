"""What a command line asks of the phases: the graph of a spec, every net of a file, both as plain data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnndsl.diagnostic import SpecError

if TYPE_CHECKING:
    from cnndsl.graph import Graph


def build(spec: str, settings: dict[str, Any] | None = None, inputs: Sequence[str] = ()) -> Graph:
    """The checked graph of a spec, `-` for standard input. Raises SpecError."""
    import cnndsl

    shape = None if not inputs else inputs[0] if len(inputs) == 1 else tuple(inputs)
    text = sys.stdin.read() if spec == "-" else spec
    return cnndsl.check(text, input=shape, **(settings or {}))


def checked(spec: str, settings: dict[str, Any], inputs: tuple[str, ...]) -> tuple[list[Graph], SpecError | None]:
    """The graphs of all nets that a SPEC of `check` stands for, and what is wrong with the others."""
    from cnndsl.api import check_all

    try:
        if not spec.endswith(".cnn"):
            return [build(spec, settings, inputs)], None
        graphs, diagnostics = check_all(Path(spec), inputs or None, **settings)
    except SpecError as error:
        return [], error
    return graphs, SpecError(diagnostics) if diagnostics else None


def entry(graph: Graph) -> dict[str, Any]:
    """A checked net as plain data."""
    return {
        "net": graph.name,
        "file": graph.file,
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "outputs": {name: list(shape) for name, shape in graph.outputs.items()},
        "params": graph.params,
        "macs": graph.macs,
    }


def failure(spec: str, error: SpecError) -> dict[str, Any]:
    """A spec that does not check as plain data."""
    return {"file": spec, "errors": [diagnostic.to_json() for diagnostic in error.diagnostics]}
