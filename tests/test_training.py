"""Every shipped net takes one step of an optimiser: the loss is finite and every parameter gets a gradient.

Classes, widths and depths are the net's own; images are as small as it takes them with the same weights, since nothing here depends on their size.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from published import PUBLISHED, graph_of

import cnndsl
from cnndsl import Graph, SpecError

SIZES = (32, 64, 96, 128, 140, 160, 188)


def smallest(net: str) -> dict[str, Any]:
    """Input shapes for `load`: small ones where the net is the same network there, else its own."""
    own = graph_of(net)
    if len(own.inputs) > 1 or len(next(iter(own.inputs.values()))) == 1:
        return {}
    channels, height, width = next(iter(own.inputs.values()))
    for size in SIZES:
        if size < max(height, width):
            try:
                graph = cnndsl.check(net, input=f"{channels}x{size}x{size}")
            except SpecError:
                continue
            if weights(graph) == weights(own):
                return {"input": f"{channels}x{size}x{size}"}
    return {}


def weights(graph: Graph) -> list[Any]:
    return [graph.weights(node) for node in graph.nodes]


@pytest.mark.parametrize("net", PUBLISHED)
def test_one_step(net: str) -> None:
    torch.manual_seed(0)
    module: Any = cnndsl.load(net, **smallest(net))
    trained = dict(module.named_parameters())
    trained = {name: parameter for name, parameter in trained.items() if parameter.requires_grad}
    assert sum(parameter.numel() for parameter in trained.values()) == graph_of(net).params
    optimizer = torch.optim.SGD(trained.values(), lr=1e-3)
    outputs = module(*(torch.randn(2, *shape) for shape in module.graph.inputs.values()))
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
    assert len(outputs) == len(module.graph.outputs) + len(module.graph.aux_outputs)
    loss = sum((output - 1).square().mean() for output in outputs)
    assert torch.isfinite(loss)
    loss.backward()
    missing = [name for name, parameter in trained.items() if parameter.grad is None]
    assert not missing
    assert all(bool(parameter.grad.isfinite().all()) for parameter in trained.values())
    optimizer.step()
    assert all(bool(parameter.isfinite().all()) for parameter in trained.values())
    assert not all(parameter.grad is None or not parameter.grad.any() for parameter in trained.values())
