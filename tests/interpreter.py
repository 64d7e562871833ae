"""An independent reading of a graph: every node by itself through torch, no source, no classes, no loops."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import cnndsl.layers
from cnndsl import Graph, Node


def code_of(graph: Graph, node: Node) -> Any:
    """How a node prints as PyTorch."""
    op: Any = node.op
    shapes = graph.in_shapes(node)
    return op.code_with_indices(shapes, node.shape) if node.indices else op.code(shapes, node.shape)


def interpret(graph: Graph, state: dict[str, Tensor], inputs: list[Tensor], training: bool = False) -> list[Tensor]:
    """The outputs of a graph with the weights of `state`, whose keys are paths."""
    names: dict[str, Any] = {**vars(cnndsl.layers), "torch": torch, "nn": nn}
    modules: dict[str, nn.Module] = {}
    values: dict[int, Tensor] = {}
    indices: dict[int, Tensor] = {}
    feed = iter(inputs)
    for node in graph.nodes:
        if node.op.name == "input":
            values[node.index] = next(feed)
            continue
        if node.aux and not training:
            continue
        code = code_of(graph, node)
        if code.module and node.path not in modules:
            module = eval(code.module, names)(*code.args, **dict(code.kwargs))
            prefix = f"{node.path}."
            module.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
            modules[node.path] = module.train(training)
        operands = [values[i] for i in node.inputs]
        if node.op.name == "unpool":
            operands[1] = indices[node.inputs[1]]
        words = [f"operand{k}" for k in range(len(operands))]
        text = code.call.format(*words, m="module", all=", ".join(words))
        result = eval(text, names, {**dict(zip(words, operands, strict=True)), "module": modules.get(node.path)})
        if node.indices:
            result, indices[node.index] = result
        values[node.index] = result
    return [values[out.node] for out in graph.results if training or not out.aux]
