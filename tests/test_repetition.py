"""Paths side by side and layers in a row that are almost alike: what is folded into loops computes what was written.

Random nets of such paths, drawn from fixed seeds, against the interpreter that knows no loops: equal to the last bit.
"""

from __future__ import annotations

import random

import pytest
import torch
from interpreter import interpret

import cnndsl

BLOCKS = """
def b(n) { conv n 3x3+1 -> bn -> relu }
def c(n, k) { if k == 0 { conv n 1x1 } else { add { conv n 1x1 -> relu | c n (k - 1) -> bn } } }
"""
ATOMS = (
    "conv 4 3x3+1", "conv 4 1x1", "bn", "relu", "conv 4 3x3 same dilation=2", "maxpool 3x3/1 same", "sigmoid", "id", "b 4", "b 4",
    "residual { b 4 }", "c 4 1", "c 4 2",
)  # fmt: skip


class Writer:
    """Writes nets of four channels whose shapes always fit."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def chain(self, length: int) -> str:
        return " -> ".join(self.random.choice(ATOMS) for _ in range(length))

    def paths(self, depth: int) -> str:
        """Paths of which most are one chain, and some begin or end otherwise."""
        common = self.chain(self.random.randint(1, 3))
        written = []
        for _ in range(self.random.randint(2, 6)):
            kind = self.random.random()
            if kind < 0.6 or not depth:
                written.append(common)
            elif kind < 0.75:
                written.append(f"{self.chain(1)} -> {common}")
            elif kind < 0.9:
                written.append(f"{common} -> {self.chain(1)}")
            else:
                written.append(self.body(depth - 1))
        return f"{self.random.choice(['add', 'mean', 'max'])} {{ {' | '.join(written)} }}"

    def body(self, depth: int) -> str:
        kinds = (
            lambda: self.chain(self.random.randint(1, 3)),
            lambda: self.paths(depth),
            lambda: self.paths(depth),
            lambda: f"({self.chain(self.random.randint(1, 3))}) * {self.random.randint(2, 5)}",
            lambda: (
                f"branch {{ {self.chain(2)} | {self.chain(2)} | {self.chain(2)} }} -> each {{ {self.chain(2)} }} -> add"
            ),
            lambda: f"each k in 1 2 3 {{ conv 4 3x3 same dilation=k -> {self.chain(1)} }} -> add",
        )
        return " -> ".join(self.random.choice(kinds)() for _ in range(self.random.randint(1, 4)))


@pytest.mark.parametrize("seed", range(60))
def test_a_folded_net_computes_what_was_written(seed: int) -> None:
    writer = Writer(seed)
    for _ in range(5):
        text = f"{BLOCKS} net x {{ input 4x6x6 {writer.body(2)} }}"
        module = cnndsl.loads(text).eval()
        x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(seed))
        (expected,) = interpret(module.graph, module.state_dict(), [x])
        assert torch.equal(module(x), expected), text
