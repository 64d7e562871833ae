"""Reads PyTorch: checkpoints, safetensors files, state dicts, modules."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnndsl.diagnostic import Diagnostic, Help, SpecError
from cnndsl.op import Shape
from cnndsl.weights.checkpoint import Checkpoint, array_of, unreadable
from cnndsl.weights.unit import SPELLINGS, UNMATCHED, Array, Unit, grouped

HOLDERS = ("state_dict", "model_state_dict", "model", "module", "net", "params", "model_ema", "state_dict_ema", "ema")
"""Where training scripts keep the state dict among other things, the likeliest first."""


ROLES = frozenset({"weight", "bias", "running_mean", "running_var", UNMATCHED, "codes"})


def read_safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return from_mapping(load_file(path), str(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise unreadable(f"{path} is no safetensors file, or only a part of one", str(error)) from None


def read_torch(path: Path) -> Checkpoint:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: what it holds is looked at below
            try:
                loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError:  # the format before torch 1.6 cannot be mapped
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error) and "Unsupported" not in str(error):
            raise unreadable(f"{path} is no checkpoint, or only a part of one", _first_sentence(error)) from None
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        reason = f"it names `{named[1]}`" if named else _first_sentence(error)
        raise SpecError(
            [
                Diagnostic(
                    "E0602",
                    f"{path} holds more than arrays, and reading it would run code",
                    notes=(reason, "nothing of it was executed"),
                    helps=(Help("save only the arrays: `torch.save(module.state_dict(), path)`"),),
                )
            ]
        ) from None
    except Exception as error:  # whatever a damaged file makes torch raise
        raise unreadable(f"{path} is no checkpoint, or only a part of one", _first_sentence(error)) from None
    if not isinstance(loaded, Mapping):
        raise unreadable(f"{path} holds {type(loaded).__name__}, not a state dict")
    return from_mapping(loaded, str(path))


def _first_sentence(error: BaseException) -> str:
    return str(error).partition("\n")[0].partition(". ")[0] or type(error).__name__


def from_mapping(state: Mapping[str, Any], origin: str) -> Checkpoint:
    """The checkpoint of a state dict, or of a dictionary that holds one. Raises SpecError where there is none."""
    arrays = _arrays(state)
    if not arrays:
        holders = [name for name, value in state.items() if isinstance(value, Mapping) and _arrays(value)]
        holders.sort(key=lambda name: HOLDERS.index(name) if name in HOLDERS else len(HOLDERS))
        if not holders:
            raise unreadable(f"{origin} holds no arrays")
        arrays = _arrays(state[holders[0]])
    names = list(arrays)
    units = [
        Unit(name, {role: array.shape for role, array in found.items()}, found)
        for prefix, group in grouped(_once(arrays).items()).items()
        for name, found in _layers(prefix, group)
    ]
    return Checkpoint(origin, tuple(units), ordered=names != sorted(names))


def _layers(prefix: str, arrays: Mapping[str, Array]) -> Iterator[tuple[str, dict[str, Array]]]:
    """The arrays under one name as layers. What is not called as torch's own modules call theirs is a parameter of a block, a layer by itself."""
    called = {SPELLINGS.get(role, role) if "beta" in arrays else role: array for role, array in arrays.items()}
    usual = {role: array for role, array in called.items() if role in ROLES}
    if usual:
        yield prefix, usual
    for role, array in called.items():
        if role not in ROLES:
            yield f"{prefix}.{role}" if prefix else role, {"weight": array}


def _arrays(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """What is an array in a dictionary; numpy's are taken too."""
    found = {}
    for name, value in state.items():
        if isinstance(value, Tensor):
            found[str(name)] = value.detach()
        elif type(value).__module__ == "numpy" and hasattr(value, "dtype") and value.dtype.kind in "fiub":
            found[str(name)] = torch.as_tensor(value)
    return found


def _once(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Arrays by name; what is one memory under several names is one array, at the first of them."""
    names: dict[object, list[str]] = {}
    for name, tensor in tensors.items():
        whole = tensor.numel() > 0 and tensor.device.type != "meta"
        memory = (tensor.data_ptr(), tensor.shape, tensor.stride()) if whole else name
        names.setdefault(memory, []).append(name)
    return {first: array_of(first, tensors[first], *others) for first, *others in names.values()}


def from_module(module: nn.Module, shapes: tuple[Shape, ...]) -> Checkpoint:
    """The checkpoint of a module, its units in the order in which it runs them on inputs of these shapes, if it does."""
    found = from_mapping(module.state_dict(), f"the {type(module).__name__}")
    ran = executed(module, shapes)
    place = {name: k for k, name in enumerate(ran)}
    if not {unit.name for unit in found.units} <= set(place):  # a block's own parameters, too, are used who knows when
        return found
    units = tuple(sorted(found.units, key=lambda unit: place[unit.name]))
    return Checkpoint(found.origin, units, ordered=True, executed=True)


def executed(module: nn.Module, shapes: tuple[Shape, ...]) -> list[str]:
    """The names of the submodules with arrays of their own, in the order in which a training pass enters them.

    A copy without memory for its weights is run on empty images; empty where that fails.
    """
    names: list[str] = []
    with torch.no_grad():
        arrays = [*module.parameters(), *module.buffers()]
        memo: dict[int, Any] = {id(array): torch.empty_like(array, device="meta") for array in arrays}
        memo |= {id(p): nn.Parameter(memo[id(p)], p.requires_grad) for p in module.parameters()}
        try:
            twin = copy.deepcopy(module, memo).train()
            for name, part in twin.named_modules():
                if not (part._parameters or part._buffers):
                    continue
                part.register_forward_pre_hook(partial(_entered, names, name))
            twin(*(torch.empty(2, *shape, device="meta") for shape in shapes))
        except Exception:  # someone else's code on arrays without values: its order of definition is left
            return []
    return list(dict.fromkeys(names))


def _entered(names: list[str], name: str, part: nn.Module, inputs: Any) -> None:
    """A hook: notes that a submodule was entered."""
    names.append(name)
