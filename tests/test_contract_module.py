"""Modules of nets with open sizes: they take exactly the sizes of the contract, and say so before they compute."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from shipped_sizes import LIKE, SHIPPED, Case, flowing_in, openings, tried
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import cnndsl
from cnndsl.contract import Contract


class Idle(TorchDispatchMode):
    """While it is on, torch may compute nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} is called")


def opened(case: Case) -> tuple[nn.Module, Contract]:
    """The module for open sizes, on the device `meta`, and what it accepts."""
    with torch.device("meta"):
        module = cnndsl.load(case.spec, input=case.opened, **case.settings)
    contract = module.graph.contract
    assert isinstance(contract, Contract)
    return module.eval(), contract


def refusal(module: nn.Module, *images: Tensor) -> str:
    """What the module says about images that it does not take, before anything is computed of them."""
    with Idle(), pytest.raises(ValueError, match="takes") as caught:
        module(*images)
    return str(caught.value)


@pytest.mark.parametrize("net", SHIPPED)
def test_module_takes_what_the_contract_accepts(net: str) -> None:
    """The same shapes as a module for the net's own size gives, and one clear ValueError for every other size."""
    for case in openings(net):
        module, contract = opened(case)
        plain = case.module().eval()
        assert {key: array.shape for key, array in module.state_dict().items()} == {
            key: array.shape for key, array in plain.state_dict().items()
        }
        own = case.own.inputs[next(iter(case.opened))][1:]
        ran = 0
        for pair in tried(contract, own, len(case.own.nodes), random.Random(net), few=net in LIKE):
            at = dict(zip(contract.letters, pair, strict=True))
            images = [torch.zeros(1, *shape, device="meta") for shape in flowing_in(contract, at)]
            if not contract.accepts(*pair):
                said = refusal(module, *images)
                assert said.startswith(f"{net} takes [batch, ")
                assert all(text in said for text in contract.listed)
                assert said.endswith("; got " + " and ".join(str(list(image.shape)) for image in images))
            elif ran < 2:
                ran += 1
                with torch.no_grad():
                    found, expected = module(*images), plain(*images)
                one = isinstance(found, Tensor)
                for a, b in zip([found] if one else found, [expected] if one else expected, strict=True):
                    assert a.shape == b.shape
        assert ran


def test_what_else_is_no_input() -> None:
    """Other channels, an image without a batch, a vector, images of two sizes where one letter stands for both."""
    (case,) = openings("siamese")
    module, _ = opened(case)
    fits = torch.zeros(2, 1, 105, 107, device="meta")
    assert module(fits, fits).shape == (2, 1)
    for left, right in (
        (fits, torch.zeros(2, 1, 107, 105, device="meta")),
        (torch.zeros(2, 1, 106, 107, device="meta"), fits),
        (torch.zeros(2, 3, 105, 107, device="meta"), fits),
        (fits[0], fits[0]),
        (torch.zeros(2, 105, device="meta"), fits),
    ):
        assert str(list(left.shape)) in refusal(module, left, right)


@pytest.mark.parametrize(
    ("net", "shape"), [("lenet5", (1, 17, 114)), ("unet_same", (1, 16, 48)), ("mobilenet_v2", (3, 33, 40))]
)
def test_same_numbers_as_the_plain_module(net: str, shape: tuple[int, ...]) -> None:
    """A checkpoint of the one loads into the other, and at a size that both take the same numbers flow out."""
    torch.manual_seed(0)
    plain, module = cnndsl.load(net).eval(), cnndsl.load(net, input=f"{shape[0]}xHxW").eval()
    module.load_state_dict(plain.state_dict())
    image = torch.randn(2, *shape)
    with torch.no_grad():
        torch.testing.assert_close(module(image), plain(image), rtol=0, atol=0)
