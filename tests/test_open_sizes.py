"""What users see of sizes left open: commands, reports, drawings, emitted source; formulas evaluated against the same net at one size."""

from __future__ import annotations

import copy
import json
import pickle
import re
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest
import torch

from cnndsl import check, compile, limits, loads
from cnndsl.cli import main
from cnndsl.draw import draw
from cnndsl.graph import Graph
from cnndsl.report import Numbers, report
from cnndsl.suggest import apply

NETS = ["resnet50", "googlenet", "densenet121", "alexnet", "mobilenet_v2", "unet"]
ODD = "input 3xHxW  concat { maxpool 2x2/2 | conv 8 3x3/2+1 } -> conv 4 3x3+1"


@pytest.fixture
def cnndsl(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str, code: int = 0) -> str:
        assert main(arguments) == code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return out if code == 0 else err

    return call


def opened(net: str) -> Graph:
    channels = next(iter(check(net).inputs.values()))[0]
    return check(net, input=f"{channels}xHxW")


def value(formula: str, height: int, width: int) -> float:
    """A formula as it is printed, worked out by Python."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", formula).replace("×", "*")
    return eval(text, {"H": height, "W": width, "ceil": ceil, "floor": floor})  # type: ignore[no-any-return]


# --- formulas against numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", NETS)
def test_formulas_are_the_numbers_of_every_size(net: str) -> None:
    """Params, MACs, activations, memory and shapes of every row, as printed, beside the report of the net at one size."""
    graph = opened(net)
    assert graph.contract is not None
    native = graph.contract.reference_sizes
    for height, width in ((native["H"], native["W"]), (native["H"] + 7, native["W"] + 16)):
        alone = check(net, input=(next(iter(graph.inputs.values()))[0], height, width))
        assert graph.at(height, width) == alone
        for row, plain in zip(report(graph).rows, report(alone).rows, strict=True):
            assert row.path == plain.path and row.numbers.params == plain.numbers.params
            for name in ("macs", "activations", "memory"):
                assert value(str(getattr(row.numbers, name)), height, width) == getattr(plain.numbers, name)
            assert tuple(value(str(size), height, width) for size in row.shape) == plain.shape
        for name in ("macs", "activations"):
            formula = str(getattr(report(graph).total, name))
            assert value(formula, height, width) == getattr(report(alone).total, name)


def test_a_sum_of_products_is_one_term_where_sizes_are_even() -> None:
    """Every map of the padded U-Net is H/k x W/k, so its MACs are a multiple of H*W."""
    graph = check("unet_same", input="1xHxW")
    assert str(graph.macs) == "733,888*H*W"
    assert graph.at(64, 32).macs == 733_888 * 64 * 32


def test_what_is_at_hand_is_the_reference_size() -> None:
    numbers = report(opened("resnet50")).total
    assert numbers.here() == Numbers(25_557_032, 4_089_184_256, report(check("resnet50")).total.activations)


# --- commands ---------------------------------------------------------------------------------------------------------------


def test_check_prints_the_contract(cnndsl: Any) -> None:
    assert cnndsl("check", "specs/resnet.cnn:resnet50", "--input", "3xHxW").splitlines() == [
        "resnet50  [3, H, W] -> [1000]  25,557,032 params  4,089,184,256 MACs (8,178,368,512 FLOPs) at 224x224",
        "    accepts H >= 1; W >= 1",
        "    maps    [2048, ceil(H/32), ceil(W/32)] at conv5_x.bottleneck3.relu3",
        "    MACs    7,471,104*ceil(H/16)*ceil(W/16) + 1,310,720*ceil(H/8)*ceil(W/8) + 245,760*ceil(H/4)*ceil(W/4)"
        " + 14,417,920*ceil(H/32)*ceil(W/32) + 9,408*ceil(H/2)*ceil(W/2) + 2,048,000",
    ]
    assert "    or      32 <= H <= 63; 1568 <= W <= 1599" in cnndsl("check", "vgg16", "--input", "3xHxW")


def test_check_all_nets_of_a_file(cnndsl: Any) -> None:
    """The net of the contract's text: `cnndsl check specs/unet.cnn --input 3xHxW`."""
    out = cnndsl("check", "specs/unet.cnn", "--input", "3xHxW")
    assert "unet_same  [3, H, W] -> [2, H, W]" in out
    assert "    accepts H = 0 mod 16, H >= 16; W = 0 mod 16, W >= 16" in out


def test_check_json(cnndsl: Any, tmp_path: Path) -> None:
    (tmp_path / "odd.cnn").write_text(ODD)
    (entry,) = json.loads(cnndsl("check", str(tmp_path / "odd.cnn"), "--json", "--why"))
    assert entry["inputs"] == {"input": [3, "H", "W"]} and entry["outputs"] == {"conv2": [4, "H/2", "W/2"]}
    assert entry["macs"] == "153*H*W" and entry["params"] == 624
    contract = entry["contract"]
    assert contract["letters"] == ["H", "W"] and contract["text"] == "H = 0 mod 2, H >= 2; W = 0 mod 2, W >= 2"
    (box,) = contract["accepted"]
    assert {key: box["H"][key] for key in ("sizes", "then_from", "modulus", "residues")} == {
        "sizes": [], "then_from": 2, "modulus": 2, "residues": [0],
    }  # fmt: skip
    assert [limit["code"] for limit in entry["limits"]] == ["E0301", "E0302"]
    assert {limit["severity"] for limit in entry["limits"]} == {"limit"}


def test_check_says_why(cnndsl: Any, tmp_path: Path) -> None:
    (tmp_path / "odd.cnn").write_text(ODD)
    out = cnndsl("check", str(tmp_path / "odd.cnn"), "--why")
    assert "limit[E0302]: paths of `concat` disagree on height and width" in out
    assert "[3, floor(H/2), floor(W/2)] here" in out and "[8, ceil(H/2), ceil(W/2)] here" in out
    assert "= note: only where H is odd or W is odd" in out
    assert "= note: the smallest is 3x2: [8, 2, 1] here; [3, 1, 1] here" in out


def test_summary_at(cnndsl: Any) -> None:
    formulas = cnndsl("summary", "resnet18", "--input", "3xHxW")
    assert "9,408*ceil(H/2)*ceil(W/2)" in formulas and "[512, ceil(H/32), ceil(W/32)]" in formulas
    assert cnndsl("summary", "resnet18", "--input", "3xHxW", "--at", "224") == cnndsl("summary", "resnet18")
    assert cnndsl("summary", "resnet18", "--input", "3xHxW", "--at", "96x160") == cnndsl(
        "summary", "resnet18", "--input", "3x96x160"
    )


def test_summary_json_has_formulas(cnndsl: Any) -> None:
    data = json.loads(cnndsl("summary", "resnet18", "--input", "3xHxW", "--json"))
    assert data["rows"][1]["shape"] == [64, "ceil(H/2)", "ceil(W/2)"]
    assert data["rows"][1]["macs"] == "9,408*ceil(H/2)*ceil(W/2)"
    assert data["total"]["params"] == 11_689_512


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("summary", "alexnet", "--input", "3xHxW", "--at", "300"), "alexnet does not accept 300"),
        (("summary", "alexnet", "--at", "224"), "leave one open, as in --input 3xHxW"),
        (("draw", "alexnet", "--input", "3xHxW", "--at", "1x2x3", "-o", "-"), "sizes are for H, W, got 3"),
    ],
)
def test_wrong_sizes_are_said_to_be(cnndsl: Any, arguments: tuple[str, ...], said: str) -> None:
    assert said in cnndsl(*arguments, code=1)


@pytest.mark.parametrize("size", ["", "0", "224x", "H", "2e3", "-1"])
def test_at_takes_sizes(cnndsl: Any, size: str) -> None:
    assert "is no size; write 224" in cnndsl("summary", "alexnet", "--input", "3xHxW", "--at", size, code=2)


# --- drawings, source, copies ------------------------------------------------------------------------------------------------


def test_drawing_shows_formulas() -> None:
    graph = opened("resnet50")
    text = draw(graph)
    assert "64×ceil(H/2)×ceil(W/2)" in text and "4,089,184,256 MACs (8,178,368,512 FLOPs) at 224x224" in text
    assert draw(graph.at(224)) == draw(check("resnet50"))


def test_source_of_a_padded_unet() -> None:
    """The whole of the check, as it is printed."""
    source = compile("unet_same", input="1xHxW")
    assert (
        """\
def check_sizes(image: Tensor) -> None:
    \"\"\"Raises ValueError for an input that the net does not accept.\"\"\"
    H = image.shape[2] if image.dim() == 4 else 0
    W = image.shape[3] if image.dim() == 4 else 0
    accepted = H >= 16 and H % 16 == 0 and W >= 16 and W % 16 == 0
    accepted = accepted and list(image.shape[1:]) == [1, H, W]
"""
        in source
    )
    assert "-> [64, H, W]" in source and "torch.randn(1, 1, 512, 512)" in source
    assert "check_sizes" not in compile("unet_same")


def test_graph_copies_with_its_contract() -> None:
    graph = opened("alexnet")
    for other in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph)):
        assert other.contract is not None and str(other.contract) == str(graph.contract)
        assert other.at(227).macs == graph.at(227).macs and str(other) == str(graph)
    assert "[96, floor((H - 7)/4), floor((W - 7)/4)]" in str(graph)


def test_sizes_by_place_and_by_letter() -> None:
    contract = check("input 3xHx64 as left  input 1xHxH as right  branch { @left -> conv 2 3x3 | @right }").contract
    assert contract is not None
    assert contract.letters == ("H",)
    assert contract.accepts(3) and contract.accepts(H=3) and not contract.accepts(2)
    assert contract.at(5, 64) == {"H": 5} and contract.at(5, 63) is None
    with pytest.raises(TypeError, match="sizes are for H"):
        contract.accepts(W=3)


def test_sizes_by_name() -> None:
    contract = check("vgg16", input="3xHxW").contract
    assert contract is not None
    assert contract.accepts(height=224, width=255) and not contract.accepts(height=224, width=256)
    assert contract == check("vgg16", input=(3, "H", "W")).contract
    for wrong in ((224.0, 224), ("224", "224"), (None, None)):
        with pytest.raises(TypeError, match="whole numbers"):
            contract.accepts(*wrong)  # type: ignore[arg-type]


def test_several_formulas_are_all_shown(cnndsl: Any, tmp_path: Path) -> None:
    """Below 3 the coarse map is 1x1 before it grows to 2x2, and the fine one is added everywhere: another output."""
    (tmp_path / "pyramid.cnn").write_text(
        "net p { input 3xHxW  conv 8 3x3/2+1 as fine -> conv 8 3x3/2+1 -> upsample 2 -> add { @fine | id } }"
    )
    assert str(check(tmp_path / "pyramid.cnn").contract) == (
        "[3, H, W] -> [8, ceil(H/2), ceil(W/2)] for H = 0, 3 mod 4, H >= 3; W = 0, 3 mod 4, W >= 3"
        ", and -> [8, 2, 2] for 1 <= H <= 2; 1 <= W <= 2"
    )
    out = cnndsl("check", str(tmp_path / "pyramid.cnn"))
    assert "    gives   [8, 2, 2] for 1 <= H <= 2; 1 <= W <= 2" in out
    assert "formulas are for H = 0, 3 mod 4" in cnndsl("summary", str(tmp_path / "pyramid.cnn"))


@pytest.mark.parametrize("label", ["H", "W", "accepted", "list", "image", "check_sizes"])
def test_an_input_may_be_called_like_anything(label: str) -> None:
    module = loads(f"net n {{ input 3xHxW as {label}  conv 4 3x3 }}")
    assert module(torch.zeros(1, 3, 5, 6)).shape == (1, 4, 3, 4)
    with pytest.raises(ValueError, match="takes"):
        module(torch.zeros(1, 3, 2, 6))


def test_no_help_that_does_not_parse() -> None:
    """A crop to a formula is no spec."""
    net = "net k { input 3xHxW as x  conv 4 3x3/2 -> deconv 4 3x3/2 -> add { id | @x -> conv 4 1x1 } }"
    for found in limits(net):
        for help_ in found.helps:
            if help_.edits:
                (text,) = apply(help_.edits).values()
                check(text)
