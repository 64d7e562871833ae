"""Numbers of nets against published tables and sums made by hand; and how the tables show them."""

from __future__ import annotations

import io

import pytest

from cnndsl import check
from cnndsl.report import Numbers, Report, add, report
from cnndsl.table import Column, Line, Table, brief, count, one_line, show, show_bytes, summary_table

VGG16 = """
def stage(n, depth) { (conv n 3x3+1 -> relu) * depth -> maxpool 2x2/2 }
net vgg16 {
  input 3x224x224
  stage 64 2 -> stage 128 2 -> stage 256 3 -> stage 512 3 -> stage 512 3
  -> fc 4096 -> relu -> dropout 0.5 -> fc 4096 -> relu -> dropout 0.5 -> fc 1000
}
"""
WITH_AUX = """
def head(n) { globalavgpool -> fc n }
net two { input 3x8x8  conv 4 3x3+1 -> bn -> relu as low -> aux { head 5 } -> conv 8 3x3+1 -> head 5 }
"""


@pytest.fixture(scope="module")
def vgg16() -> Report:
    return report(check(VGG16))


def test_vgg16_rows_are_those_of_the_lecture(vgg16: Report) -> None:
    """CS231n 2016, lecture 7: memory (activations) and weights without biases of every layer of VGG-16."""
    slide = [
        (3_211_264, 1_728), (3_211_264, 36_864), (802_816, 0),
        (1_605_632, 73_728), (1_605_632, 147_456), (401_408, 0),
        (802_816, 294_912), (802_816, 589_824), (802_816, 589_824), (200_704, 0),
        (401_408, 1_179_648), (401_408, 2_359_296), (401_408, 2_359_296), (100_352, 0),
        (100_352, 2_359_296), (100_352, 2_359_296), (100_352, 2_359_296), (25_088, 0),
        (4_096, 102_760_448), (4_096, 16_777_216), (1_000, 4_096_000),
    ]  # fmt: skip
    rows = [row for row in vgg16.rows if row.op.split()[0] in ("conv", "maxpool", "fc")]
    biases = [row.shape[0] if row.numbers.params else 0 for row in rows]
    weights = [row.numbers.params - bias for row, bias in zip(rows, biases, strict=True)]
    assert [(row.numbers.activations, weight) for row, weight in zip(rows, weights, strict=True)] == slide


def test_vgg16_totals(vgg16: Report) -> None:
    """Simonyan & Zisserman 2014, table 2: 138M. The slide's rows sum to 15.2M activations, not to the 24M it prints."""
    assert vgg16.total.params == 138_357_544
    assert vgg16.total.macs == 15_470_264_320
    assert vgg16.total.flops == 2 * 15_470_264_320
    assert vgg16.stored_activations == 15_237_608
    relus, dropouts = 13_547_520 - 4_096 * 0 + 2 * 4_096, 2 * 4_096
    assert vgg16.total.activations == 15_237_608 + relus + dropouts
    assert vgg16.total.memory == 4 * vgg16.total.activations
    assert vgg16.untrained == 0


def test_rows_add_up_at_every_depth(vgg16: Report) -> None:
    for depth in (None, 1, 2, 9):
        assert add(row.numbers for row in vgg16.folded(depth)) == vgg16.total
    assert [row.path for row in vgg16.folded(1) if row.block] == [f"stage{i}" for i in range(1, 6)]
    assert vgg16.folded(1)[1].op == "stage 64 2"
    assert vgg16.folded(1)[1].shape == (64, 112, 112)


def test_auxiliary_outputs_are_counted_apart() -> None:
    numbers = report(check(WITH_AUX))
    assert numbers.total.params - numbers.inference.params == 4 * 5 + 5
    assert numbers.total.macs - numbers.inference.macs == 4 * 5
    assert numbers.untrained == 2 * 4 + 1  # running mean and variance of 4 maps, and the count of batches
    assert [row.path for row in numbers.rows if row.aux] == ["head1.globalavgpool", "head1.fc"]
    assert {row.note for row in numbers.rows if row.aux} == {"training only"}
    assert "without auxiliary" in dict(brief(numbers))["params"]


def test_shared_weights_are_counted_once() -> None:
    text = "net pair { input 8 as a input 8 as b  each shared { fc 3 } -> sub }"
    numbers = report(check(text))
    assert numbers.total.params == 8 * 3 + 3
    assert numbers.total.macs == 2 * 8 * 3
    assert [row.note for row in numbers.rows if row.op == "fc 3"] == ["", "same weights again"]


def test_summary_shows_blocks_above_their_layers(vgg16: Report) -> None:
    table = summary_table(vgg16)
    paths = [line.cells[0] for line in table.lines]
    assert paths[:3] == ["input", "stage1", "  stage1.conv1"]
    assert [column.head for column in table.columns][4] == "MACs (FLOPs = 2 x MACs)"
    opened = next(line for line in table.lines if line.cells[0] == "stage1")
    assert opened.cells[1:] == ("stage 64 2", "[64, 112, 112]", "", "", "", "")
    assert table.totals[0].cells[3:5] == ("138,357,544", "15,470,264,320")
    folded = summary_table(vgg16, depth=1)
    assert folded.lines[1].cells[:4] == ("stage1", "stage 64 2", "[64, 112, 112]", "38,720")


def test_report_as_plain_data(vgg16: Report) -> None:
    data = vgg16.to_json()
    assert sum(row["params"] for row in data["rows"]) == data["total"]["params"] == 138_357_544
    assert data["rows"][1] == {
        "path": "stage1.conv1",
        "op": "conv 64 3x3+1 bias",
        "shape": [64, 224, 224],
        "params": 1_792,
        "macs": 86_704_128,
        "activations": 3_211_264,
        "memory": 4 * 3_211_264,
        "block": False,
        "aux": False,
    }


def test_one_line(vgg16: Report) -> None:
    line = one_line(vgg16)
    assert line.startswith("vgg16  [3, 224, 224] -> [1000]  138,357,544 params")
    assert "15,470,264,320 MACs (30,940,528,640 FLOPs)" in line


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (602_112, "602.1 kB"), (5 * 10**15, "5.0 PB")]
)
def test_bytes(number: int, text: str) -> None:
    assert show_bytes(number) == text


def test_count_leaves_zero_out() -> None:
    assert (count(0), count(1234567)) == ("", "1,234,567")


def test_a_table_in_a_pipe_is_neither_cut_nor_coloured() -> None:
    stream = io.StringIO()
    path = ".".join(["block"] * 60)
    show(
        Table((Column("path"), Column("n", True)), (Line((path, "1"), "bold"), Line(("[red]", "22")))),
        stream,
        color=False,
    )
    lines = stream.getvalue().splitlines()
    assert any(path in line for line in lines)
    assert any(line.startswith("[red]") for line in lines)  # nothing a spec says is markup
    assert "\x1b" not in stream.getvalue()


def test_numbers_of_nothing() -> None:
    assert add([]) == Numbers(0, 0, 0)
