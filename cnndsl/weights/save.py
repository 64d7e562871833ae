"""Writes a module's weights as safetensors, under its own names or those of the checkpoint they came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cnndsl.files import write_whole

OWN, SOURCE = "own", "source"


def save(module: Any, path: str | Path, names: str = OWN) -> None:
    """Writes the state dict as a safetensors file; under the names and in the layout of its source with `names="source"`.

    What was loaded from a checkpoint and not changed comes out equal to the last bit, in the source's types. Layers that were left
    fresh keep their own names. The file appears whole or not at all. Raises ValueError for other `names`, or where the module
    has no source; OSError where it cannot be written.
    """
    import safetensors.torch

    if names not in (OWN, SOURCE):
        raise ValueError(f"names is {OWN!r} or {SOURCE!r}, not {names!r}")
    state = module.state_dict()
    tensors = _named_by_source(module, state) if names == SOURCE else state
    # copies: safetensors refuses arrays that share their memory
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_whole(Path(path), safetensors.torch.save(plain, {"format": "pt"}))


def _named_by_source(module: Any, state: dict[str, Any]) -> dict[str, Any]:
    import torch

    arrays = module.__dict__.get("source_of_weights")
    if arrays is None:
        raise ValueError("the module was made without `weights=`, so it has no names of a source")
    found = {}
    for name, tensor in state.items():
        array = arrays.get(name)
        if array is None:
            if name.rpartition(".")[2] != "num_batches_tracked":
                found[name] = tensor
            continue
        tensor = tensor.reshape(array.shape)
        for step in reversed(array.steps):
            tensor = step.undo(tensor)
        found.update(dict.fromkeys((array.key, *array.also), tensor.to(getattr(torch, array.dtype))))
    return found
