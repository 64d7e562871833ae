"""`torchvision.models` as an oracle, imported even where torchvision's compiled operators do not fit the torch at hand.

A torchvision built for another torch (CUDA beside CPU, say) cannot load its operators, and then its import fails while it
registers what they do on the meta device. The models need none of them: declaring the names first is enough.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from typing import Any

OPERATORS = ("nms", "qnms")
"""The operators whose absence stops the import."""


def load_models() -> Any:
    """The module `torchvision.models`, or None where torchvision is not installed or cannot be imported."""
    if importlib.util.find_spec("torchvision") is None:
        return None
    import torch

    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    _declared.append(library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):  # as it is, then with the missing operators declared
            try:
                import torchvision.models
            except RuntimeError:
                for name in OPERATORS:
                    with contextlib.suppress(RuntimeError):
                        library.define(f"{name}(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor")
            except ImportError:
                return None
            else:
                return torchvision.models
    return None


_declared: list[Any] = []
"""A library lives as long as its declarations are wanted."""
