"""cnndsl: a declarative language for convolutional networks, and its compiler to PyTorch.

`check` gives the graph of a spec and never imports torch; `load` and `loads` give an `nn.Module`, with the weights of a checkpoint if one
is given; `compile` gives its source.
With sizes left open the graph has a `contract`, and `limits` says what keeps the other sizes out.
"""

from __future__ import annotations

from cnndsl.api import check as check
from cnndsl.api import compile as compile
from cnndsl.api import limits as limits
from cnndsl.api import load as load
from cnndsl.api import loads as loads
from cnndsl.contract import Contract as Contract
from cnndsl.diagnostic import Diagnostic as Diagnostic
from cnndsl.diagnostic import FreshWeights as FreshWeights
from cnndsl.diagnostic import SpecError as SpecError
from cnndsl.graph import Graph as Graph
from cnndsl.graph import Node as Node

__version__ = "0.1.0"
__all__ = [
    "Contract",
    "Diagnostic",
    "FreshWeights",
    "Graph",
    "Node",
    "SpecError",
    "check",
    "compile",
    "limits",
    "load",
    "loads",
]
