"""Contracts against torch: where a contract accepts a size the module runs and gives the shapes of the formulas, elsewhere it does not.

A module is loaded for the net's own size, so nothing in it knows of the contract. Its weights are zeros: shapes do not ask for them.
torch computes really where that is cheap, else on its device `meta`, which follows shapes alone. Meta lets a convolution give an
empty map where a processor raises, so a rejected size that passes there is run really as well. A net that has outputs in training
only is run in training: its contract is about these too.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, product
from math import ceil, floor, prod
from typing import Any

import pytest
import torch
from shipped_sizes import (
    ELSEWHERE,
    LIKE,
    RUNS_ANYWAY,
    SHIPPED,
    SPECS,
    UNUSUAL,
    Case,
    flowing_in,
    openings,
    tried,
    windows,
)
from torch import nn

import cnndsl
from cnndsl import SpecError
from cnndsl.graph import Graph
from cnndsl.op import Shape
from cnndsl.parse import parse
from cnndsl.source import Source

UP_TO = 20
"""All sizes up to this one are run of the smallest nets."""
CHEAP = 5e8
"""So many MACs are run really, which takes some ten milliseconds."""


# --- running ---------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Small layers wait for each other more than they gain; of errors only that there is one counts; a spec is read once."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    read = cache(lambda *of: parse(Source(*of)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnndsl.api.suggest", lambda diagnostics, recheck: diagnostics)
        patch.setattr("cnndsl.workspace.parse", lambda source: read(source.name, source.text, source.path))
        yield
    torch.set_num_threads(before)


class Runner:
    """A module at one size after another, really or on the device `meta`."""

    def __init__(self, case: Case) -> None:
        self.own = case.own
        self.training = bool(case.own.aux_outputs)
        self.meta = case.module().train(self.training)
        self.real = case.module().train(self.training).to_empty(device="cpu")
        for module in self.meta.modules():
            if isinstance(module, nn.BatchNorm2d):  # changes no shape, and takes meta longer than all the rest
                module.forward = nn.Identity().forward  # type: ignore[method-assign]
        for array in chain(self.real.parameters(), self.real.buffers()):
            array.data.zero_()

    def really(self, shapes: Sequence[Shape]) -> list[Shape] | None:
        """What flows out for inputs of these shapes; None where torch raises."""
        return self._run(self.real, "cpu", shapes)

    def shapes(self, shapes: Sequence[Shape], alone: Graph | None) -> list[Shape] | None:
        """The same, on the device `meta` where the network has much to do: the graph for these shapes knows, or their pixels tell."""
        pixels = sum(map(prod, shapes)) / sum(map(prod, self.own.inputs.values()))
        if (alone.macs if alone else pixels * self.own.macs) < CHEAP:
            return self.really(shapes)
        return self._run(self.meta, "meta", shapes)

    def _run(self, module: nn.Module, device: str, shapes: Sequence[Shape]) -> list[Shape] | None:
        batch = 2 if self.training else 1  # a norm in training wants more than one number
        try:
            with torch.no_grad():
                out = module(*(torch.zeros(batch, *shape, device=device) for shape in shapes))
        except (RuntimeError, ValueError):  # ValueError: a norm of a single number
            return None
        return [tuple(flow.shape[1:]) for flow in ([out] if isinstance(out, torch.Tensor) else out)]


# --- every net -------------------------------------------------------------------------------------------------------


def value(formula: int, at: Mapping[str, int]) -> Any:
    """A formula's value by the text that a reader sees."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", str(formula)).replace(" mod ", " % ")
    return eval(text, {"__builtins__": {}, "floor": floor, "ceil": ceil, **at})


def same(one: Graph, other: Graph) -> bool:
    """Whether two graphs are one network: the same layers and attributes, weights of the same shapes."""
    return list(layers_of(one)) == list(layers_of(other))


def layers_of(graph: Graph) -> Iterator[Any]:
    """What makes a network, without what makes no difference.

    On a map of one row `residual project` and `residual pad` take the stride 1 where the same net takes 2 on larger ones: a window of
    one pixel reads the first row either way. So such a stride counts as 1, and a pool that is left with nothing to do is left out.
    """
    stands_for: dict[int, int] = {}
    for node in graph.nodes:
        op, inputs = node.op, tuple(stands_for.get(i, i) for i in node.inputs)
        if getattr(op, "kernel", None) == (1, 1) and len(node.shape) == 3:
            stride = tuple(1 if out == 1 else s for s, out in zip(op.stride, node.shape[1:], strict=True))  # type: ignore[attr-defined]
            op = op.replace(stride=stride)
            if op.name == "maxpool" and stride == (1, 1):
                stands_for[node.index] = inputs[0]
                continue
        stands_for[node.index] = len(set(stands_for.values()))
        yield op.name if op.name == "input" else op, inputs, [w.shape for w in graph.weights(node).values()]


def at_numbers(case: Case, at: Mapping[str, int]) -> Graph | None:
    """The net's graph elaborated for a size alone; None where that is an error."""
    try:
        return case.graph(**at)
    except SpecError:
        return None


def all_outputs(graph: Graph) -> list[Shape]:
    return [*graph.outputs.values(), *graph.aux_outputs.values()]


@pytest.mark.parametrize("name", SPECS)
def test_torch_agrees(name: str) -> None:
    """At every size that is tried torch runs or raises as the contract says, and a check of that size alone says the same."""
    anyway = {found for case in openings(SPECS[name]) for found in agreement(name, case, few=name in LIKE)}
    unlisted = {found for found in anyway if name not in RUNS_ANYWAY or not RUNS_ANYWAY[name][1](*found)}
    assert not unlisted, "torch runs what the contract rejects"


def agreement(name: str, case: Case, few: bool) -> Iterator[tuple[str, int, int]]:
    """Fails where the contract is wrong; gives the rejected sizes at which torch runs, with the input they are of."""
    opened, runner = case.graph(), Runner(case)
    contract = opened.contract
    assert contract is not None
    own = case.own.inputs[next(iter(case.opened))][1:]
    for pair in tried(contract, own, len(opened.nodes), random.Random(case.spec), few):
        at = dict(zip(contract.letters, pair, strict=True))
        shapes = flowing_in(contract, at)
        alone = at_numbers(case, at)
        found = runner.shapes(shapes, alone)
        inside = contract.case(at)
        if inside is None:
            assert alone is None or not same(alone, case.own), (
                f"{pair} is rejected, yet the spec describes the same network there"
            )
            if found is not None and runner.really(shapes) is not None:
                yield next(iter(case.opened)), *pair
            continue
        settled = opened.at(**at)
        assert alone is not None, f"{pair} is accepted, yet the spec is in error there"
        elsewhere = name in ELSEWHERE and ELSEWHERE[name][1](*pair)
        assert same(alone, settled) != elsewhere, f"{pair} is accepted, yet the spec describes another network there"
        assert found is not None, f"{pair} is accepted, yet torch raises"
        assert found == all_outputs(settled) == all_outputs(alone), pair
        assert found == [tuple(value(n, at) for n in shape) for shape in all_outputs(inside.graph)], pair


@pytest.mark.parametrize("name", LIKE)
def test_siblings_are_of_one_structure(name: str) -> None:
    """A net on which few sizes are tried has the windows and the boxes of one on which many are."""
    (mine,), (first,) = openings(name), openings(LIKE[name])
    assert windows(mine.own) == windows(first.own)
    contracts = [case.graph().contract for case in (mine, first)]
    assert contracts[0] and contracts[1] and contracts[0].listed == contracts[1].listed


@pytest.mark.parametrize("name", [*(net for net in SHIPPED if net.startswith("lenet")), *UNUSUAL])
def test_every_small_size(name: str) -> None:
    """Height and width from 1 on, each with each, on the processor: torch raises where the contract rejects, and nowhere else."""
    for case in openings({**SHIPPED, **UNUSUAL}[name]):
        contract, runner = case.graph().contract, Runner(case)
        assert contract is not None
        _, anyway = RUNS_ANYWAY.get(f"unusual:{name}", ("", lambda name, h, w: False))
        for h, w in product(range(1, UP_TO + 1), repeat=2):
            runs = runner.really(flowing_in(contract, {"H": h, "W": w})) is not None
            assert runs == (contract.accepts(h, w) or anyway(next(iter(case.opened)), h, w)), (h, w)


# --- what needs a test of its own --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "sizes", "gives"),
    [
        ("alexnet", (67, 1187), (1000,)),
        ("alexnet", (258, 258), (1000,)),
        ("densenet161", (29, 61), (1000,)),
        ("googlenet", (79, 799), (1000,)),
        ("resnet152", (1, 1), (1000,)),
        ("resnet50", (97, 33), (1000,)),
        ("unet", (188, 205), (2, 4, 20)),
        ("vgg16", (32, 1568), (1000,)),
        ("vgg16", (1599, 63), (1000,)),
        ("zfnet_wide", (1214, 94), (1000,)),
    ],
)
def test_large_ones_run_really(net: str, sizes: tuple[int, int], gives: Shape) -> None:
    """Modules as they are loaded, at the corners of what they accept: numbers flow out."""
    torch.manual_seed(0)
    channels = next(iter(cnndsl.check(net).inputs.values()))[0]
    with torch.no_grad():
        out = cnndsl.load(net).eval()(torch.randn(1, channels, *sizes))
    assert tuple(out.shape) == (1, *gives)
    assert out.isfinite().all()


@pytest.mark.parametrize(
    ("net", "accepted", "inference"),
    [
        ("googlenet", (223, 223), [(222, 223), (64, 64), (224, 300)]),
        ("inception_v3", (299, 299), [(298, 299), (75, 75)]),
    ],
)
def test_training_outputs_are_part_of_the_contract(
    net: str, accepted: tuple[int, int], inference: list[tuple[int, int]]
) -> None:
    """The auxiliary classifiers are what keeps smaller images out: torch takes them at inference, and raises in training."""
    (case,) = openings(SPECS[net])
    contract, module = case.graph().contract, case.module()
    assert contract is not None and contract.accepts(*accepted)
    module.train()(torch.zeros(2, 3, *accepted, device="meta"))
    for sizes in inference:
        assert not contract.accepts(*sizes)
        image = torch.zeros(2, 3, *sizes, device="meta")
        assert tuple(module.eval()(image).shape) == (2, 1000)
        with pytest.raises(RuntimeError):
            module.train()(image)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("hrnet_unit", ("high", 1, 64)),
        ("hrnet_unit", ("high", 64, 1)),
        ("hrnet_w18", ("input", 16, 21)),
        ("nasnet_large", ("input", 18, 3)),
        ("nasnet_mobile_keras", ("input", 18, 3)),
        ("networks:nasnet_cifar", ("input", 1, 32)),
        ("networks:nasnet_cifar", ("input", 2, 2)),
        ("stochastic_depth_110", ("input", 3, 16)),
        ("unusual:fixed_everything", ("input", 5, 20)),
        ("unusual:localnet", ("input", 3, 51)),
    ],
)
def test_what_torch_runs_anyway(name: str, at: tuple[str, int, int]) -> None:
    """The list of these is not out of date: the contract rejects the size, torch runs it, alone it is an error or another network."""
    assert RUNS_ANYWAY[name][1](*at)
    (case,) = (case for case in openings(SPECS[name]) if at[0] in case.opened)
    contract = case.graph().contract
    sizes = dict(zip("HW", at[1:], strict=True))
    assert contract is not None and not contract.accepts(**sizes)
    assert Runner(case).really(flowing_in(contract, sizes)) is not None
    alone = at_numbers(case, sizes)
    assert alone is None or not same(alone, case.own)
