"""Reads Keras: `.keras` archives, `.weights.h5`, the older `.h5` files, and models in memory. Keras itself is not needed for files.

Kernels come as height, width, in, out and leave as torch has them. Where the file has the model's configuration, it says which layer
reads which; `.weights.h5` has the names of the layers and, class by class, their order in the model.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import torch

from cnndsl.diagnostic import SpecError
from cnndsl.op import Shape
from cnndsl.weights.checkpoint import Checkpoint, array_of, unreadable
from cnndsl.weights.keras_flow import classes, flow_of, snake
from cnndsl.weights.unit import SPELLINGS, Array, Step, Unit

KERNEL = (Step(axes=(3, 2, 0, 1)),)  # height, width, in, out; of a transposed convolution height, width, out, in
MATRIX = (Step(axes=(1, 0)),)

NAMES = SPELLINGS | {"alpha": "weight"}
"""What torch calls the arrays of a normalisation and of a PReLU."""

NORMS = {
    2: ("moving_mean", "moving_variance"),
    3: ("beta", "moving_mean", "moving_variance"),  # the field has no batch normalisation with gamma alone
    4: ("gamma", "beta", "moving_mean", "moving_variance"),
}
ROLES: dict[str, Sequence[str]] = {
    "conv2d": ("kernel", "bias"),
    "depthwise_conv2d": ("depthwise_kernel", "bias"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "conv2d_transpose": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "layer_normalization": ("gamma", "beta"),
    "group_normalization": ("gamma", "beta"),
    "p_re_lu": ("alpha",),
}
"""The arrays of a layer in Keras' order, by its class."""
PREPARES = "normalization"
"""Keras' layer that brings images to mean 0 and variance 1: the caller's business here."""
OLDER_DEPTHWISE = {"kernel": "depthwise_kernel"}


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with arrays: its path in the model, its class in snake case, its arrays by Keras' names."""

    path: str
    kind: str
    arrays: Mapping[str, Array]


def read_keras(path: Path) -> Checkpoint:
    """The checkpoint in a `.keras`, `.weights.h5` or `.h5` file. Raises SpecError with E0601."""
    import h5py

    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))
                arrays = archive.read("model.weights.h5")
            with h5py.File(io.BytesIO(arrays), "r") as file:
                return _checkpoint(_stored(file), config, str(path))
        with h5py.File(path, "r") as file:
            if "layer_names" in file.attrs or "model_weights" in file:
                text = file.attrs.get("model_config")
                layers = _older(file.get("model_weights", file))
                return _checkpoint(layers, json.loads(text) if text is not None else None, str(path))
            return _checkpoint(_stored(file), None, str(path))
    except SpecError:
        raise
    except Exception as error:  # whatever a damaged file makes zipfile, json and HDF5 raise
        raise unreadable(f"{path} is no Keras file, or only a part of one", str(error).strip("'\"")) from None


def read_model(model: Any) -> Checkpoint:
    """The checkpoint of a Keras model in memory, whatever its backend."""
    layers = []
    for path, layer in _layers_of(model, ""):
        roles = _roles(snake(type(layer).__name__), [weight.name for weight in layer.weights])
        found = {}
        for role, weight in zip(roles, layer.weights, strict=True):
            value = weight.value
            array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else weight.numpy()
            found[role] = _array(f"{path}/{weight.name}", array)
        layers.append(Layer(path, snake(type(layer).__name__), found))
    return _checkpoint(layers, json.loads(model.to_json()), f"the Keras model {model.name}")


def _layers_of(model: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The layers with weights of a model and of the models in it, with their paths."""
    for layer in model.layers:
        name = f"{path}/{layer.name}" if path else layer.name
        if hasattr(layer, "layers"):
            yield from _layers_of(layer, name)
        elif layer.weights:
            yield name, layer


# --- files -----------------------------------------------------------------------------------------------------------


def _stored(file: Any) -> list[Layer]:
    """The layers of a `.weights.h5`, class by class in the order of the model; other classes' layers may come in between."""
    found = list(_groups(file, ""))
    found.sort(key=lambda entry: (entry[0], entry[1]))
    layers = []
    for _, _, path, kind, group in found:
        data = [_own(group, key) for key in sorted(group, key=int)]
        roles = _roles(kind, [""] * len(data))
        named = {role: _array(f"{path}/{role}", array[()]) for role, array in zip(roles, data, strict=True)}
        layers.append(Layer(path, kind, named))
    return layers


def _groups(group: Any, path: str) -> Iterator[tuple[int, str, str, str, Any]]:
    """Every layer below: its number among its class, the class with its container, its path, its class, its arrays."""
    if "layers" not in group:
        return
    for key in group["layers"]:
        inner = _own(group["layers"], key)
        match = re.fullmatch(r"(.*?)(?:_(\d+))?", key)
        assert match is not None
        kind, number = match[1], int(match[2] or 0)
        given = inner["vars"].attrs.get("name", key) if "vars" in inner else key
        name = f"{path}/{given}" if path else str(given)
        if "layers" in inner:
            yield from _groups(inner, name)
        elif len(inner.get("vars", ())):
            yield number, f"{path}/{kind}", name, kind, inner["vars"]


def _own(group: Any, path: str) -> Any:
    """What stands in a file itself: links that lead elsewhere, into other files as well, are not followed."""
    import h5py

    for key in path.split("/"):
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise ValueError(f"{path} is a link to something else")
        group = group[key]
    return group


def _array(key: str, data: Any) -> Array:
    """A numpy array in Keras' layout."""
    plain = data if data.dtype.kind in "fiub" else data.astype("float32")
    return array_of(key, torch.tensor(plain))


def _older(file: Any) -> list[Layer]:
    """The layers of an `.h5` file, in the order of the model."""
    layers = []
    for name in map(_text, file.attrs["layer_names"]):
        group = _own(file, name)
        keys = [_text(key) for key in group.attrs.get("weight_names", ())] or list(_datasets(group))
        parts: dict[str, dict[str, Array]] = {}
        for key in keys:
            path, _, role = key.rpartition("/")
            parts.setdefault(path, {})[role.partition(":")[0]] = _array(key, _own(group, key)[()])
        for path, found in parts.items():
            inner = path.rpartition("/")[2]
            layers.append(Layer(name if inner in (name, "") else f"{name}/{inner}", _guess(found), found))
    return layers


def _datasets(group: Any, path: str = "") -> Iterator[str]:
    """The arrays below a group that does not list them: those of a model in the model."""
    for key in group:
        inner = f"{path}/{key}" if path else key
        found = _own(group, key)
        if hasattr(found, "shape"):
            yield inner
        else:
            yield from _datasets(found, inner)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _guess(arrays: Mapping[str, Any]) -> str:
    """A layer's class by the names of its arrays."""
    if "pointwise_kernel" in arrays:
        return "separable_conv2d"
    if "depthwise_kernel" in arrays:
        return "depthwise_conv2d"
    if "kernel" in arrays:
        return "dense" if len(arrays["kernel"].shape) == 2 else "conv2d"
    return "batch_normalization" if "moving_mean" in arrays else ""


def _roles(kind: str, names: Sequence[str]) -> Sequence[str]:
    """What the arrays of a layer are called: by their own names, else by their place."""
    if all(names):
        return [OLDER_DEPTHWISE.get(name, name) if kind == "depthwise_conv2d" else name for name in names]
    roles = NORMS.get(len(names), ()) if kind == "batch_normalization" else ROLES.get(kind, ())
    return roles[: len(names)] if len(roles) >= len(names) else [f"array{place}" for place in range(len(names))]


# --- units -----------------------------------------------------------------------------------------------------------


def _checkpoint(layers: list[Layer], config: Any, origin: str) -> Checkpoint:
    """The layers as units in torch's layout; with a model's configuration also what flows into what."""
    kinds = {} if config is None else dict(classes(config, ""))
    units: list[Unit] = []
    ends: dict[str, tuple[int, int]] = {}
    prepares = [layer for layer in layers if kinds.get(layer.path, layer.kind) == PREPARES]
    for layer in layers:
        if layer in prepares:
            continue
        found = _units(Layer(layer.path, kinds.get(layer.path, layer.kind), layer.arrays))
        ends[layer.path] = (len(units), len(units) + len(found) - 1)
        units.extend(found)
    if not units:
        raise unreadable(f"{origin} holds no arrays of layers")
    flow = flow_of(config, ends, len(units)) if config is not None else None
    left_out = tuple(array.key for layer in prepares for array in layer.arrays.values())
    return Checkpoint(origin, tuple(units), flow=flow, channels_last=True, left_out=left_out)


def _units(layer: Layer) -> list[Unit]:
    """A layer's arrays in torch's layout: one unit, of a separable convolution two."""
    parts: dict[str, dict[str, Array]] = {}
    for role, array in layer.arrays.items():
        shape = array.shape
        name, part, steps = NAMES.get(role, role), "", tuple[Step, ...]()
        if role == "kernel" and layer.kind == "depthwise_conv2d":
            role = "depthwise_kernel"
        if role == "depthwise_kernel":
            kh, kw, c, m = shape
            steps = (Step(axes=(2, 3, 0, 1)), Step(before=(c, m, kh, kw), after=(c * m, 1, kh, kw)))
            name, part = "weight", "depthwise" if "pointwise_kernel" in layer.arrays else ""
        elif role in ("kernel", "pointwise_kernel"):
            steps = KERNEL if len(shape) == 4 else MATRIX if len(shape) == 2 else ()
            name, part = "weight", "pointwise" if role == "pointwise_kernel" else ""
        elif role == "bias" and "pointwise_kernel" in layer.arrays:
            part = "pointwise"
        elif role == "alpha" and len(shape) > 1 and prod(shape) == shape[-1]:
            steps = (Step(before=shape, after=shape[-1:]),)
        parts.setdefault(part, {})[name] = replace(array, shape=_after(shape, steps), steps=steps)
    return [
        Unit(
            f"{layer.path}/{part}" if part else layer.path,
            {role: array.shape for role, array in arrays.items()},
            arrays,
            kind=f"{layer.kind} {part}",
        )
        for part, arrays in parts.items()
    ]


def _after(shape: Shape, steps: tuple[Step, ...]) -> Shape:
    for step in steps:
        shape = tuple(shape[axis] for axis in step.axes) if step.axes else step.after
    return shape
