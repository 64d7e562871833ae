"""Checkpoints in and out: what fits where in a net, a module filled with it, and the module's own file.

`unit` and `match` know no torch: they pair layers by roles, shapes and order. `checkpoint` and `keras` read, `flatten` turns dense
layers, `side_by_side` says why a checkpoint does not fit, `save` writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnndsl.graph import Graph
from cnndsl.weights.fit import Fit as Fit
from cnndsl.weights.fit import fit as fit


def filled(graph: Graph, lower: Callable[[Graph], Any], found: Fit) -> Any:
    """The module of a graph with the arrays that `fit` found; layers without any keep their initial values."""
    import torch

    with torch.device("cpu" if found.fresh else "meta"):  # no time for initial values that are overwritten
        module = lower(graph)
    state = {}
    for name, old in module.state_dict().items():
        if name in found.arrays:
            array = found.arrays[name].torch().reshape(old.shape)
            state[name] = array.to(dtype=old.dtype, copy=True, memory_format=torch.contiguous_format)
        else:
            state[name] = old if not old.is_meta else torch.zeros(old.shape, dtype=old.dtype)
    module.load_state_dict(state, assign=True)
    module.__dict__["source_of_weights"] = {name: array.unread() for name, array in found.arrays.items()}
    return module
