"""Reads whatever a user gives as weights. Files are told apart by what they hold, not by their names.

Nothing in a file is executed: torch's files are read with `weights_only=True`, Keras' as JSON and HDF5 arrays.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from cnndsl.op import Shape
from cnndsl.weights.checkpoint import Checkpoint, unreadable
from cnndsl.weights.keras import read_keras, read_model
from cnndsl.weights.pytorch import from_mapping, from_module, read_safetensors, read_torch

ZIP, HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"


def read_weights(weights: Any, shapes: Iterable[Shape]) -> Checkpoint:
    """The checkpoint of whatever a user gave; `shapes` are the inputs of the net, with which a module is run. Raises SpecError."""
    if isinstance(weights, str | Path):
        return read_file(Path(weights))
    if hasattr(weights, "get_config") and hasattr(weights, "layers"):
        return read_model(weights)
    if isinstance(weights, nn.Module):
        return from_module(weights, tuple(shapes))
    if isinstance(weights, Mapping):
        return from_mapping(weights, "the state dict")
    raise unreadable(
        f"{type(weights).__name__} is no checkpoint", "a path, a state dict, an `nn.Module` or a Keras model are read"
    )


def read_file(path: Path) -> Checkpoint:
    """The checkpoint in a file. Raises SpecError with E0601 where it cannot be read, E0602 where it holds code."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise unreadable(f"cannot read {path}: {error.strerror or error}") from None
    if head.startswith(HDF5) or (head.startswith(ZIP) and _is_keras(path)):
        return read_keras(path)
    if len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= path.stat().st_size:
        return read_safetensors(path)
    if path.suffix == ".safetensors":
        raise unreadable(f"{path} is no safetensors file, or only a part of one")
    return read_torch(path)


def _is_keras(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "config.json" in archive.namelist()
    except Exception:  # whatever a damaged archive makes zipfile raise
        return False
