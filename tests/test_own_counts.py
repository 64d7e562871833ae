"""Nets whose numbers no paper prints: counted from the figures by hand, without the compiler."""

from __future__ import annotations

import pytest
from published import PUBLISHED, after, statistics

import cnndsl


def convolution(inputs: int, outputs: int, kernel: int, size: int, biases: int = 1) -> tuple[int, int]:
    """Parameters and MACs of a square convolution with `size` x `size` outputs; `biases` numbers a channel besides."""
    weights = inputs * outputs * kernel * kernel
    return weights + biases * outputs, weights * size * size


def total(*counts: tuple[int, int]) -> tuple[int, int]:
    return sum(params for params, _ in counts), sum(macs for _, macs in counts)


def test_siamese_count() -> None:
    tower = total(
        convolution(1, 64, 10, 96),
        convolution(64, 128, 7, 42),
        convolution(128, 128, 4, 18),
        convolution(128, 256, 4, 6),
        convolution(256 * 6 * 6, 4096, 1, 1),
    )
    entry = PUBLISHED["siamese"]
    assert (entry["params"], entry["macs"]) == (tower[0] + 4097, 2 * tower[1] + 4096)


@pytest.mark.parametrize(("net", "size", "border"), [("unet", 572, 2), ("unet_same", 512, 0)])
def test_unet_count(net: str, size: int, border: int) -> None:
    """Figure 1: 64 to 1024 maps down, 2x2 up-convolutions, the concatenation of both sides; 572 -> 388."""
    counts, channels = [], 1
    for level in range(5):
        width = 64 * 2**level
        for inputs in (channels, width):
            size -= border
            counts.append(convolution(inputs, width, 3, size))
        channels = width
        size //= 2 if level < 4 else 1
    for width in (512, 256, 128, 64):
        counts.append((2 * width * width * 4 + width, 2 * width * width * 4 * size * size))
        size *= 2
        for inputs in (2 * width, width):
            size -= border
            counts.append(convolution(inputs, width, 3, size))
    counts.append(convolution(64, 2, 1, size))
    entry = PUBLISHED[net]
    assert (entry["params"], entry["macs"]) == total(*counts)
    assert entry["outputs"] == [[2, size, size]]


def test_hrnet_count() -> None:
    counts = [convolution(c, c, 3, s, biases=2) for c, s in ((32, 64), (64, 32), (128, 16)) for _ in range(8)]
    upward = [(64, 32, 32), (128, 32, 16), (128, 64, 16)]
    downward = [(32, 64, 32), (32, 32, 32), (32, 128, 16), (64, 128, 16)]
    counts += [convolution(i, o, 1, s, biases=2) for i, o, s in upward]
    counts += [convolution(i, o, 3, s, biases=2) for i, o, s in downward]
    entry = PUBLISHED["hrnet_unit"]
    assert (entry["params"], entry["macs"]) == total(*counts)


def separable(inputs: int, n: int, kernel: int, size: int) -> tuple[int, int]:
    """Twice: depthwise, 1x1, norm."""
    return total(*(((k := c * kernel**2 + c * n) + 2 * n, k * size * size) for c in (inputs, n)))


def test_nasnet_counts() -> None:
    fit = (88 * 44 + 2 * 44, 88 * 44 * 28 * 28)
    normal = [fit, convolution(264, 44, 1, 28, biases=2), *(separable(44, 44, k, 28) for k in (5, 3, 5, 3, 3))]
    squeezes = [convolution(264, 88, 1, 28, biases=2)] * 2
    reduction = [*squeezes, *(separable(88, 88, k, 14) for k in (5, 7, 7, 5, 3))]
    for net, counts in (("nasnet_normal_cell", normal), ("nasnet_reduction_cell", reduction)):
        assert (PUBLISHED[net]["params"], PUBLISHED[net]["macs"]) == total(*counts)


NASNET_MOBILE = """
from "nasnet_cells.cnn" import normal, reduction, sep, squeeze

def first on x {              # the first cell of the stem: there is no cell before, and nothing to fit
  let h = @x -> squeeze 11;
  let x1 = add { @h -> sep 11 5x5 stride=2 | @x -> sep 11 7x7 stride=2 };
  let x2 = add { @h -> maxpool 3x3/2 same | @x -> sep 11 7x7 stride=2 };
  let x3 = add { @h -> avgpool 3x3/2 same | @x -> sep 11 5x5 stride=2 };
  let x4 = add { @x1 -> avgpool 3x3/1 same | @x2 };
  let x5 = add { @x1 -> sep 11 3x3 | @h -> maxpool 3x3/2 same };
  let y = concat { @x2 | @x3 | @x4 | @x5 };
  branch { @x | @y }
}

def newest on before, x { @x }

net mobile {
  input 3x224x224
  conv 32 3x3/2 -> bn -> first -> reduction 22
  -> (normal 44) * 4 -> reduction 88 -> (normal 88) * 4 -> reduction 176 -> (normal 176) * 4
  -> newest -> relu -> globalavgpool -> dropout 0.5 -> fc 1000
}
"""


def test_nasnet_cells_make_nasnet_mobile() -> None:
    """NASNet-A (4 @ 1056) of these cells: Keras NASNetMobile's 5,289,978 trainable parameters and 563,638,816 MACs.

    The paper's table 2 prints 5.3M and 564M; Keras counts 36,738 running statistics besides.
    """
    graph = cnndsl.check(NASNET_MOBILE)
    assert (graph.params, graph.macs) == (5_289_978, 563_638_816)
    assert graph.params + statistics(graph) == 5_326_716
    assert after(graph, "relu") == (1056, 7, 7)


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.0, 1.4])
def test_mobilenet_v2_widths(width: float) -> None:
    """Trainable parameters of the width multipliers, by a count of tables 1 and 2 without the compiler."""

    def round8(value: float) -> int:
        near = max(8, int(value + 4) // 8 * 8)
        return near + 8 if near < 0.9 * value else near

    table = [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)]
    channels = round8(32 * width)
    params = 27 * channels + 2 * channels
    for t, c, n in table:
        for _ in range(n):
            inner, out = t * channels, round8(c * width)
            params += (inner * (channels + 2) if t > 1 else 0) + inner * (9 + 2) + out * (inner + 2)
            channels = out
    last = round8(1280 * max(1.0, width))
    params += last * (channels + 2) + last * 1000 + 1000
    assert cnndsl.check("mobilenet_v2", width=width).params == params
