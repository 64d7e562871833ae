"""The shipped specs against what papers and frameworks print about them, and against torch running them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
import torch
from published import PUBLISHED, graph_of, statistics, table_activations
from torch.utils.flop_counter import FlopCounterMode

import cnndsl
from cnndsl.graph import Graph
from cnndsl.shipped import shipped_nets

PRINTED = [(net, figure) for net, entry in PUBLISHED.items() for figure in entry.get("printed", ())]
COUNTS: dict[str, Callable[[Graph], int]] = {
    "params": lambda graph: graph.params,
    "macs": lambda graph: graph.macs,
    "flops": lambda graph: 2 * graph.macs,
    "inference_params": lambda graph: graph.inference_params,
    "inference_macs": lambda graph: graph.inference_macs,
    "keras_params": lambda graph: graph.params + statistics(graph),
    "table_activations": table_activations,
}


# --- every net -------------------------------------------------------------------------------------------------------


def test_every_net_has_published_facts() -> None:
    assert set(PUBLISHED) == set(shipped_nets())


@pytest.mark.parametrize("net", PUBLISHED)
def test_exact_numbers(net: str) -> None:
    graph, entry = graph_of(net), PUBLISHED[net]
    assert graph.params == entry["params"]
    assert graph.macs == entry["macs"]
    assert graph.inference_params == entry.get("inference_params", entry["params"])
    assert graph.inference_macs == entry.get("inference_macs", entry["macs"])
    assert [list(shape) for shape in graph.outputs.values()] == entry["outputs"]
    assert [list(shape) for shape in graph.aux_outputs.values()] == entry.get("aux_outputs", [])
    assert entry["source"]


@pytest.mark.parametrize(("net", "figure"), PRINTED, ids=[f"{net}-{f['what']}-{f['text']}" for net, f in PRINTED])
def test_printed_figures(net: str, figure: dict[str, Any]) -> None:
    printed = Decimal(figure["text"])
    last_digit = Decimal(1).scaleb(int(printed.as_tuple().exponent))
    counted = Decimal(COUNTS[figure["what"]](graph_of(net)))
    rounded = (counted / last_digit).quantize(Decimal(1), ROUND_HALF_UP) * last_digit
    assert (rounded == printed) is figure["agrees"], (
        f"{counted} rounds to {rounded}, {figure['where']} prints {printed}"
    )
    assert figure["where"]
    assert figure["agrees"] or figure["note"], "a figure that does not agree says why"


@pytest.mark.parametrize("net", PUBLISHED)
def test_about_names_the_paper(net: str) -> None:
    about = dict(graph_of(net).about)
    assert about["title"]
    assert 1998 <= about["year"] <= 2026
    assert "paper" in about or "source" in about
    assert not {key for key in about if "error" in key} or {"measured", "ilsvrc_top5_error"} & about.keys()


# --- they run --------------------------------------------------------------------------------------------------------


def outputs_of(result: Any) -> list[list[int]]:
    """The shapes of what a module gave, without the batch."""
    return [list(output.shape[1:]) for output in ([result] if isinstance(result, torch.Tensor) else result)]


@pytest.mark.parametrize("net", PUBLISHED)
def test_module_agrees(net: str) -> None:
    """torch itself counts the same parameters and floating-point operations, and gives outputs of the same shapes."""
    graph, entry = graph_of(net), PUBLISHED[net]
    with torch.device("meta"):
        module = cnndsl.load(net)
        images = [torch.empty(2, *shape) for shape in graph.inputs.values()]
        assert sum(p.numel() for p in module.parameters() if p.requires_grad) == entry["params"]
        with FlopCounterMode(display=False) as counter:
            result = module.eval()(*images)
        assert counter.get_total_flops() == 2 * 2 * entry.get("inference_macs", entry["macs"])  # two images
        assert outputs_of(result) == entry["outputs"]
        assert outputs_of(module.train()(*images)) == entry["outputs"] + entry.get("aux_outputs", [])


def test_siamese_shares_its_tower() -> None:
    """|a - b| is |b - a|, and an image beside itself leaves the bias alone: there is one tower."""
    torch.manual_seed(0)
    module = cnndsl.load("siamese").eval()
    left, right = torch.rand(2, 1, 105, 105), torch.rand(2, 1, 105, 105)
    with torch.no_grad():
        torch.testing.assert_close(module(left, right), module(right, left))
        same = module(left, left)
    bias = next(array for name, array in module.state_dict().items() if array.shape == (1,))
    torch.testing.assert_close(same, torch.sigmoid(bias).expand(2, 1))


def test_lenet5_squashes_as_published() -> None:
    """Appendix A: f(a) = A tanh(S a) with A = 1.7159, S = 2/3, so that f(1) = 1 and f(-1) = -1."""
    squash = cnndsl.loads('from "lenet.cnn" import squash\ninput 3 squash').eval()
    given = torch.tensor([[-1.0, 0.0, 1.0]])
    torch.testing.assert_close(squash(given), given, atol=1e-4, rtol=0)
    assert not any(parameter.requires_grad for parameter in squash.parameters())


def test_alexnet_normalises_as_published() -> None:
    """Section 3.3: b_i = a_i / (2 + 1e-4 * (sum of a_j^2 over five neighbouring maps))^0.75, the sum cut off at the ends."""
    torch.manual_seed(0)
    block = cnndsl.loads('from "alexnet.cnn" import norm_pool\ninput 7x9x9 norm_pool').eval()
    maps = torch.randn(1, 7, 9, 9) * 50
    squares = [maps[:, max(0, i - 2) : i + 3].pow(2).sum(1) for i in range(7)]
    expected = maps / (2 + 1e-4 * torch.stack(squares, 1)) ** 0.75
    torch.testing.assert_close(block(maps), torch.nn.functional.max_pool2d(expected, 3, 2))


def test_nasnet_fit_as_published() -> None:
    """slim's factorized reduction: pixels (0, 2, ...) and (1, 3, ...) through 1x1 convolutions of their own."""
    torch.manual_seed(0)
    text = 'from "nasnet_cells.cnn" import fit\ndef f on old, new { @old -> fit 6 @new -> add { id | @new } }\n'
    module = cnndsl.loads(text + "input 4x8x8 as a input 6x4x4 as b f").eval()
    old, new = torch.randn(2, 4, 8, 8), torch.zeros(2, 6, 4, 4)
    first, second = (array for array in module.state_dict().values() if array.ndim == 4)
    x = old.relu()
    paths = [torch.nn.functional.conv2d(x[:, :, i::2, i::2], w) for i, w in ((0, first), (1, second))]
    expected = torch.cat(paths, 1) / (1 + 1e-5) ** 0.5  # a fresh norm: mean 0, variance 1
    torch.testing.assert_close(module(old, new), expected)
