"""What was read from a file, a state dict or a module: units, with what is known of their order."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from cnndsl.diagnostic import Diagnostic, SpecError
from cnndsl.weights.unit import Array, Unit


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Arrays of a checkpoint as units, with what is known of their order.

    `ordered`: they stand in an order that means something, not sorted by name. `flow`: the units whose results flow into each, where the
    file says so. `executed`: the units stand in the order in which a module ran them. `channels_last`: flattened maps are in h, w, c order.
    `left_out`: arrays of layers that prepare images, which are no part of a net here.
    """

    origin: str
    units: tuple[Unit, ...]
    ordered: bool = True
    flow: tuple[frozenset[int], ...] | None = None
    executed: bool = False
    channels_last: bool = False
    left_out: tuple[str, ...] = ()


def array_of(key: str, tensor: Tensor, *also: str) -> Array:
    """A tensor as it is stored, under its name and others of the same memory."""
    return Array(key, tuple(tensor.shape), tensor, str(tensor.dtype).removeprefix("torch."), also=also)


def unreadable(message: str, *notes: str) -> SpecError:
    """E0601, of a file or object."""
    return SpecError([Diagnostic("E0601", message, notes=notes)])
