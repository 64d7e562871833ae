"""What a command line asks of the phases: the graph of a spec, every net of a file, both as plain data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnndsl.diagnostic import Diagnostic, SpecError
from cnndsl.terminal import Failure

if TYPE_CHECKING:
    from cnndsl.graph import Graph
    from cnndsl.weights import Fit


def build(
    spec: str, settings: dict[str, Any] | None = None, inputs: Sequence[str] = (), at: Sequence[int] = ()
) -> Graph:
    """The checked graph of a spec, `-` for standard input; its formulas evaluated `at` sizes. Raises SpecError, Failure."""
    import cnndsl

    text = sys.stdin.read() if spec == "-" else spec
    graph = cnndsl.check(text, input=_given(inputs), **(settings or {}))
    if not at:
        return graph
    if graph.contract is None:
        raise Failure(f"{graph.name} has no open size for --at: leave one open, as in --input 3xHxW")
    try:
        return graph.at(*at)
    except (TypeError, ValueError) as error:
        raise Failure(str(error)) from None


def limits(spec: str, graph: Graph, settings: dict[str, Any], inputs: Sequence[str]) -> tuple[Diagnostic, ...]:
    """What keeps open sizes out of a net of a spec; nothing where none is open."""
    from cnndsl import api

    if graph.contract is None:
        return ()
    one = f"{spec}:{graph.name}" if spec.endswith(".cnn") else spec
    return api.limits(one, input=_given(inputs), **settings)


def _given(inputs: Sequence[str]) -> str | Sequence[str] | None:
    return None if not inputs else inputs[0] if len(inputs) == 1 else tuple(inputs)


def fitted(graph: Graph, weights: str | None, settings: dict[str, Any]) -> Fit | None:
    """What fits where of the checkpoint `--weights` names, if it names one. Raises SpecError."""
    if weights is None:
        return None
    from cnndsl.weights import fit

    return fit(graph, weights, fresh_heads=bool(settings))


def write_weights(graph: Graph, found: Fit, target: Path) -> None:
    """Writes the arrays of a checkpoint as safetensors with the names of the emitted source. Raises Failure."""
    from cnndsl.lower import lower
    from cnndsl.weights import filled

    try:
        filled(graph, lower, found).save(target)
    except OSError as error:
        raise Failure(f"cannot write {target}: {error.strerror or error}") from None


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


def entry(graph: Graph, fit: Fit | None = None) -> dict[str, Any]:
    """A checked net as plain data, with what fits of a checkpoint."""
    from cnndsl.contract import shape_json

    contract = {} if graph.contract is None else {"contract": graph.contract.to_json()}
    return {
        "net": graph.name,
        "file": graph.file,
        "inputs": {name: shape_json(shape) for name, shape in graph.inputs.items()},
        "outputs": {name: shape_json(shape) for name, shape in graph.outputs.items()},
        "params": graph.params,
        "macs": shape_json((graph.macs,))[0],
        **contract,
        **({"weights": fit.to_json()} if fit else {}),
    }


def failure(spec: str, error: SpecError) -> dict[str, Any]:
    """A spec that does not check as plain data."""
    return {"file": spec, "errors": [diagnostic.to_json() for diagnostic in error.diagnostics]}
