"""Values of the modules torch lacks: against explicit loops, the paper's formula, autograd, or another route through torch."""

from __future__ import annotations

import ast
import inspect
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
import tv
from conformance import called, module_of, operands_of, parse_call, settled
from torch import Tensor, nn

from cnndsl import layers
from cnndsl.op import OPS
from cnndsl.ops.deconv import TransposedConv
from cnndsl.ops.pool import LPPool, MaxPool
from cnndsl.ops.reshape import Split

close = torch.testing.assert_close


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def of(call: str, *shapes: tuple[int, ...]) -> nn.Module:
    """The module of a call."""
    op = settled(parse_call(call))
    module = module_of(op.code(shapes, op.infer(*shapes)))
    assert module is not None
    return module


def apply(call: str, *operands: Tensor, training: bool = False) -> Tensor:
    """What a call makes of its operands."""
    op, shapes = settled(parse_call(call)), tuple(tuple(x.shape[1:]) for x in operands)
    code = op.code(shapes, op.infer(*shapes))
    module = module_of(code)
    if module is not None:
        module.train(training)
    return called(code, module, list(operands))


# --- TensorFlow's SAME -------------------------------------------------------------------------------------------


def same_windows(length: int, k: int, s: int, d: int = 1) -> list[list[int]]:
    """The places each window covers, those outside of the row among them.

    tensorflow.org/api_docs/python/tf/nn, "Notes on padding": out = ceil(in / stride), what is missing is shared out, the odd
    one goes behind.
    """
    out = (length + s - 1) // s
    missing = max((out - 1) * s + d * (k - 1) + 1 - length, 0)
    return [[i * s - missing // 2 + j * d for j in range(k)] for i in range(out)]


def gather_same(x: Tensor, k: tuple[int, int], s: tuple[int, int], d: tuple[int, int], empty: float) -> Tensor:
    """Every window of `[n, c, h, w]` under SAME, one by one: `[n, c, h', w', kh, kw]`; `empty` where it reaches outside."""
    rows, columns = (same_windows(x.shape[2 + a], k[a], s[a], d[a]) for a in (0, 1))
    out = torch.full((*x.shape[:2], len(rows), len(columns), *k), empty)
    for (i, ys), (j, xs) in itertools.product(enumerate(rows), enumerate(columns)):
        for (a, y), (b, z) in itertools.product(enumerate(ys), enumerate(xs)):
            if 0 <= y < x.shape[2] and 0 <= z < x.shape[3]:
                out[:, :, i, j, a, b] = x[:, :, y, z]
    return out


SAME = [
    ((3, 3), (2, 2), (1, 1)),
    ((2, 3), (1, 2), (1, 1)),
    ((1, 5), (3, 2), (1, 2)),
    ((3, 2), (1, 1), (2, 3)),
    ((2, 2), (3, 3), (1, 1)),
]
SIZES = [(7, 8), (6, 5), (1, 9)]


def window(k: Any, s: Any) -> str:
    return f"{k[0]}x{k[1]}/{s[0]}x{s[1]} same"


@pytest.mark.parametrize(("k", "s", "d"), SAME)
@pytest.mark.parametrize("size", SIZES)
def test_same_convolution(k: Any, s: Any, d: Any, size: Any) -> None:
    x = torch.randn(2, 3, *size)
    module = of(f"conv 4 {window(k, s)} dilation={d[0]}x{d[1]}", (3, *size))
    patches = gather_same(x, k, s, d, 0.0)
    weight, bias = module.get_parameter("weight"), module.get_parameter("bias")
    close(module(x), torch.einsum("nchwab,ocab->nohw", patches, weight) + bias[:, None, None], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("k", "s", "d"), SAME)
@pytest.mark.parametrize("size", SIZES)
def test_same_pools(k: Any, s: Any, d: Any, size: Any) -> None:
    x = torch.randn(2, 3, *size) - 3  # below 0: a padding of zeros would win
    dilated, plain = gather_same(x, k, s, d, -torch.inf), gather_same(x, k, s, (1, 1), torch.nan)
    dilation = f"dilation={d[0]}x{d[1]}"
    close(apply(f"maxpool {window(k, s)} {dilation}", x), dilated.amax((4, 5)))
    close(apply(f"minpool {window(k, s)} {dilation}", x), -gather_same(-x, k, s, d, -torch.inf).amax((4, 5)))
    close(apply(f"avgpool {window(k, s)}", x), plain.nanmean((4, 5)))
    close(apply(f"avgpool {window(k, s)} count_include_pad=true", x), plain.nan_to_num(0).mean((4, 5)))
    close(apply(f"lppool {window(k, s)} norm_type=3", x), plain.nan_to_num(0).abs().pow(3).sum((4, 5)).pow(1 / 3))


@pytest.mark.parametrize(("k", "s", "d"), SAME)
@pytest.mark.parametrize("size", SIZES)
def test_same_depthwise_separable_and_local(k: Any, s: Any, d: Any, size: Any) -> None:
    x = torch.randn(2, 3, *size)
    patches, plain = gather_same(x, k, s, d, 0.0), gather_same(x, k, s, (1, 1), 0.0)
    dilation = f"dilation={d[0]}x{d[1]}"
    depthwise = of(f"dwconv {window(k, s)} multiplier=2 bias=false {dilation}", (3, *size))
    weight = depthwise.get_parameter("weight").view(3, 2, *k)
    close(depthwise(x), torch.einsum("nchwab,cmab->ncmhw", patches, weight).flatten(1, 2), rtol=1e-4, atol=1e-5)
    separable = of(f"sepconv 5 {window(k, s)} {dilation}", (3, *size))
    inner = torch.einsum("nchwab,cab->nchw", patches, separable.get_parameter("depthwise.weight")[:, 0])
    mixed = torch.einsum("nchw,oc->nohw", inner, separable.get_parameter("pointwise.weight")[:, :, 0, 0])
    close(separable(x), mixed + separable.get_parameter("pointwise.bias")[:, None, None], rtol=1e-4, atol=1e-5)
    local = of(f"local 4 {window(k, s)}", (3, *size))
    weight = local.get_parameter("weight").view(*plain.shape[2:4], 4, 3, *k)
    close(
        local(x), torch.einsum("nchwab,hwocab->nohw", plain, weight) + local.get_parameter("bias"), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("k", "s", "d"), SAME)
@pytest.mark.parametrize("size", SIZES)
def test_same_transposed_convolution_is_the_gradient_of_a_same_convolution(k: Any, s: Any, d: Any, size: Any) -> None:
    """TensorFlow defines conv2d_transpose so; the gradient is autograd's, of the windows gathered one by one."""
    x = torch.randn(2, 4, *size)
    op = TransposedConv(out_channels=3, kernel=k, stride=s, dilation=d, same=True, bias=False)
    out = op.infer((4, *size))
    module = module_of(op.code(((4, *size),), out))
    assert module is not None
    image = torch.zeros(2, *out, requires_grad=True)
    rows, columns = (same_windows(out[1 + a], k[a], s[a], d[a]) for a in (0, 1))
    pads = [
        max(0, -columns[0][0]),
        max(0, columns[-1][-1] + 1 - out[2]),
        max(0, -rows[0][0]),
        max(0, rows[-1][-1] + 1 - out[1]),
    ]
    y = F.conv2d(F.pad(image, pads), module.get_parameter("weight"), stride=s, dilation=d)
    assert y.shape == x.shape
    (gradient,) = torch.autograd.grad(y, image, x)
    close(module(x), gradient, rtol=1e-4, atol=1e-5)


def test_a_max_pools_padding_never_wins_and_its_indices_are_without_padding() -> None:
    x = torch.full((1, 1, 4, 4), -5.0)
    x[0, 0, 3, 3] = -1
    op = parse_call("maxpool 3x3/2 same")
    assert isinstance(op, MaxPool)
    module = module_of(op.code_with_indices(((1, 4, 4),), (1, 2, 2)))
    assert module is not None
    y, places = module(x)
    assert y[0, 0].tolist() == [[-5, -5], [-5, -1]]
    assert places[0, 0, 1, 1] == 15
    assert torch.equal(x.flatten(2).gather(2, places.flatten(2)).view_as(y), y)


# --- pools -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    ["maxpool 2x2", "maxpool 3x3/2 ceil", "maxpool 3x3/2 same", "maxpool 3x3/2+1", "maxpool 2x3/3 ceil dilation=2x1"],
)
def test_unpooling_puts_the_largest_back_where_they_were(call: str) -> None:
    x = torch.randn(2, 3, 7, 8)
    op = parse_call(call)
    assert isinstance(op, MaxPool)
    module = module_of(op.code_with_indices(((3, 7, 8),), op.infer((3, 7, 8))))
    assert module is not None
    pooled, places = module(x)
    back = layers.MaxUnpool2d()(pooled, places, x)
    assert back.shape == x.shape
    kept = back != 0
    close(back[kept], x[kept])
    assert set(pooled.unique().tolist()) == set(back[kept].unique().tolist())


@pytest.mark.parametrize(
    "call",
    [
        "lppool 3x3/2 norm_type=1",
        "lppool 2x3/1x2+1 norm_type=3.5",
        "lppool 3x3/2+1 ceil",
        "lppool 3x3/2 ceil norm_type=4",
    ],
)
def test_lp_pool_is_the_norm_of_each_window(call: str) -> None:
    x = torch.randn(2, 3, 7, 8)
    op = parse_call(call)
    assert isinstance(op, LPPool)
    k, s, p, out = op.kernel, op.stride, op.padding, op.infer((3, 7, 8))
    expected = torch.zeros(2, *out)
    for i, j in itertools.product(range(out[1]), range(out[2])):
        top, left = i * s[0] - p[0], j * s[1] - p[1]
        part = x[:, :, max(top, 0) : top + k[0], max(left, 0) : left + k[1]]
        expected[:, :, i, j] = torch.linalg.vector_norm(part, op.norm_type, (2, 3))
    close(apply(call, x), expected, rtol=1e-4, atol=1e-5)


def test_lp_pool_of_zeros_has_a_gradient() -> None:
    x = torch.zeros(1, 1, 4, 4, requires_grad=True)
    y = apply("lppool 2x2", x)
    y.sum().backward()
    assert y.count_nonzero() == 0
    assert x.grad is not None
    assert x.grad.isfinite().all()


# --- normalisation -----------------------------------------------------------------------------------------------


def test_layer_norm_is_over_the_channels_of_each_position() -> None:
    x = torch.randn(2, 5, 3, 4)
    module = of("ln eps=1e-3", (5, 3, 4))
    with torch.no_grad():
        module.get_parameter("weight").copy_(torch.randn(5))
        module.get_parameter("bias").copy_(torch.randn(5))
    y = module(x)
    for n, i, j in itertools.product(range(2), range(3), range(4)):
        v = x[n, :, i, j]
        normal = (v - v.mean()) / (((v - v.mean()) ** 2).mean() + 1e-3).sqrt()
        close(
            y[n, :, i, j], normal * module.get_parameter("weight") + module.get_parameter("bias"), rtol=1e-4, atol=1e-5
        )
    close(apply("ln", x[:, :, 0, 0]), F.layer_norm(x[:, :, 0, 0], (5,)))


@pytest.mark.parametrize("shape", [(5,), (5, 3, 4)])
def test_l2norm_gives_every_position_length_1(shape: tuple[int, ...]) -> None:
    x = torch.randn(2, *shape)
    y = apply("l2norm", x)
    close((y * y).sum(1), torch.ones(2, *shape[1:]))
    close(y * (x * x).sum(1, keepdim=True).sqrt(), x)


@pytest.mark.parametrize("shape", [(5,), (5, 3, 4)])
def test_batch_norm_without_gamma(shape: tuple[int, ...]) -> None:
    x = torch.randn(4, *shape) * 3 + 2
    module, whole = of("bn scale=false", shape), of("bn", shape)
    with torch.no_grad():
        module.get_parameter("bias").copy_(torch.arange(5.0))
        whole.get_parameter("bias").copy_(torch.arange(5.0))
    close(module(x), whole(x))  # a gamma of 1
    module.eval(), whole.eval()
    close(module(x), whole(x))
    assert [name for name, _ in module.named_parameters()] == ["bias"]


def test_lrn_is_the_papers_formula_with_alpha_over_size() -> None:
    x = torch.randn(1, 6, 2, 2)
    y = apply("lrn 3 alpha=0.5 beta=0.75 k=2", x)
    for c in range(6):
        squares = (x[0, max(c - 1, 0) : c + 2] ** 2).sum(0)
        close(y[0, c], x[0, c] / (2 + 0.5 / 3 * squares) ** 0.75)


# --- fully connected, activations, factors -----------------------------------------------------------------------


def test_rbf_is_the_squared_distance_to_codes_that_every_build_has() -> None:
    x, module = torch.randn(3, 84), of("rbf 10", (84,))
    codes = module.get_buffer("codes")
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(codes, of("rbf 10", (84,)).get_buffer("codes"))
    expected = [[sum((float(a) - float(b)) ** 2 for a, b in zip(v, code, strict=True)) for code in codes] for v in x]
    close(module(x), torch.tensor(expected), rtol=1e-4, atol=1e-3)
    close(module(codes).diagonal(), torch.zeros(10))
    assert not list(module.parameters())


def test_the_codes_do_not_touch_the_random_state() -> None:
    before = torch.get_rng_state()
    of("rbf 10", (84,))
    assert torch.equal(before, torch.get_rng_state())


def test_maxout_is_the_largest_of_neighbours() -> None:
    x = torch.randn(2, 6, 3, 4)
    close(
        apply("maxout 3", x),
        torch.stack((torch.maximum(torch.maximum(x[:, 0], x[:, 1]), x[:, 2]), x[:, 3:].amax(1)), 1),
    )
    close(apply("maxout 2", x[:, :, 0, 0]), torch.maximum(x[:, 0::2, 0, 0], x[:, 1::2, 0, 0]))


def test_scale() -> None:
    x = torch.randn(2, 3, 4, 5)
    close(apply("scale 0.17", x), 0.17 * x)
    close(apply("scale 20 per_channel", x[:, :, 0, 0]), 20 * x[:, :, 0, 0])
    module = of("scale per_channel bias", (3, 4, 5))
    with torch.no_grad():
        module.get_parameter("weight").copy_(torch.tensor([1.0, 2, 3]))
        module.get_parameter("bias").copy_(torch.tensor([0.0, 5, 0]))
    close(module(x), torch.stack((x[:, 0], 2 * x[:, 1] + 5, 3 * x[:, 2]), 1))


def test_softmax_is_over_the_channels() -> None:
    x = torch.randn(2, 3, 4, 5)
    close(apply("softmax", x).sum(1), torch.ones(2, 4, 5))
    close(apply("logsoftmax", x).exp(), apply("softmax", x))


def test_fc_reads_c_h_w_order() -> None:
    x, module = torch.randn(2, 3, 4, 5), of("fc 1 bias=false", (3, 4, 5))
    weight = module.get_parameter("weight").view(3, 4, 5)
    close(apply_to(module, "fc 1 bias=false", x)[:, 0], (x * weight).sum((1, 2, 3)), rtol=1e-4, atol=1e-5)


def apply_to(module: nn.Module, call: str, x: Tensor) -> Tensor:
    """A call with a module that is there already."""
    op, shape = parse_call(call), tuple(x.shape[1:])
    return called(op.code((shape,), op.infer(shape)), module, [x])


# --- transposed convolution that interpolates --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "k"),
    [("deconv 3 4x4/2+1 bilinear", 2), ("deconv 3 4x4/2 same bilinear", 2), ("deconv 3 8x8/4+2 bilinear", 4)],
)
def test_bilinear_start_interpolates(call: str, k: int) -> None:
    """Away from the border it is torch's bilinear interpolation by the stride."""
    x = torch.randn(2, 3, 6, 7)
    y, expected = apply(call, x), F.interpolate(x, scale_factor=k, mode="bilinear")
    assert y.shape == expected.shape
    inside = slice(k, -k)
    close(y[:, :, inside, inside], expected[:, :, inside, inside], rtol=1e-4, atol=1e-5)


def test_bilinear_filter_of_an_odd_kernel_and_of_groups() -> None:
    weight = of("deconv 2 3x3/2 bilinear", (2, 4, 4)).get_parameter("weight")
    triangle = torch.tensor([0.5, 1, 0.5])
    close(weight[0, 0], torch.outer(triangle, triangle))
    assert weight[0, 1].count_nonzero() == 0
    depthwise = of("deconv 4 3x3/2 bilinear groups=4", (4, 4, 4)).get_parameter("weight")
    close(depthwise, torch.outer(triangle, triangle).expand(4, 1, 3, 3))
    assert of("deconv 2 3x3/2 bilinear", (2, 4, 4)).get_parameter("bias").count_nonzero() == 0


# --- what is random ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.3, 0.8])
def test_dropout_without_rescaling(p: float) -> None:
    x = torch.ones(100, 1000)
    y = apply(f"dropout {p} rescale=false", x, training=True)
    assert set(y.unique().tolist()) <= {0.0, 1.0}
    assert abs(y.mean().item() - (1 - p)) < 0.01  # 100,000 draws: six standard deviations are 0.0095 at most
    close(apply(f"dropout {p} rescale=false", x), (1 - p) * x)


@pytest.mark.parametrize("rescale", [True, False])
def test_droppath_drops_whole_samples(rescale: bool) -> None:
    x = torch.randn(20_000, 2, 2, 1)
    y = apply(f"droppath 0.2 rescale={str(rescale).lower()}", x, training=True)
    dropped = (y == 0).flatten(1).all(1)
    assert abs(dropped.float().mean().item() - 0.2) < 0.017  # six standard deviations
    close(y[~dropped], x[~dropped] / (0.8 if rescale else 1))
    close(apply(f"droppath 0.2 rescale={str(rescale).lower()}", x), x if rescale else 0.8 * x)


def test_droppath_is_torchvisions_stochastic_depth() -> None:
    if tv.load_models() is None:
        pytest.skip("torchvision cannot be imported")
    from torchvision.ops import stochastic_depth

    x = torch.randn(64, 3, 2, 2)
    torch.manual_seed(1)
    ours = apply("droppath 0.4", x, training=True)
    torch.manual_seed(1)
    close(ours, stochastic_depth(x, 0.4, "row", training=True))


def test_mean_with_drop_keeps_one_stream_at_least_and_averages_those_that_stay() -> None:
    streams = [torch.full((2, 3), 2.0**i) for i in range(3)]
    averages = {
        sum(kept) / len(kept): len(kept) for r in (1, 2, 3) for kept in itertools.combinations((1.0, 2.0, 4.0), r)
    }
    module = module_of(parse_call("mean drop=0.5").code(((3,),) * 3, (3,)))
    assert module is not None
    drawn = [module(*streams) for _ in range(4000)]
    assert all(y.min() == y.max() for y in drawn)
    counts = dict.fromkeys((1, 2, 3), 0)
    for y in drawn:
        match = min(averages, key=lambda mean: abs(mean - y[0, 0].item()))
        assert abs(match - y[0, 0].item()) < 1e-5
        counts[averages[match]] += 1
    # of 8 equal cases 3 keep one, 3 two, 1 three; the one that would keep none keeps one too
    for kept, chance in {1: 4 / 8, 2: 3 / 8, 3: 1 / 8}.items():
        assert abs(counts[kept] / 4000 - chance) < 6 * (chance * (1 - chance) / 4000) ** 0.5
    close(apply("mean drop=0.5", *streams), torch.full((2, 3), 7 / 3))


def test_gaussian_samples_in_training_only() -> None:
    mean, log_variance = torch.full((100_000, 1), 3.0), torch.full((100_000, 1), 1.0)
    assert torch.equal(apply("gaussian", mean, log_variance), mean)
    y = apply("gaussian", mean, log_variance, training=True)
    assert abs(y.mean().item() - 3) < 0.04
    assert abs(y.var().item() - torch.e) < 0.1


# --- shapes and merges -------------------------------------------------------------------------------------------


def test_crops() -> None:
    x = torch.arange(2 * 3 * 7 * 8.0).view(2, 3, 7, 8)
    like = torch.zeros(2, 1, 4, 5)
    close(apply("crop 4x5", x), x[:, :, 1:5, 1:6])  # 3 rows and 3 columns too many: the odd one goes at the end
    close(apply("crop like=@x", x, like), x[:, :, 1:5, 1:6])
    close(apply("crop like=@x offset=3x2", x, like), x[:, :, 3:7, 2:7])
    close(apply("crop 2x2 offset=0", x), x[:, :, :2, :2])
    close(apply("crop top=1 right=2", x), x[:, :, 1:, :-2])


def test_pads() -> None:
    x = torch.randn(2, 3, 4, 5)
    y = apply("pad top=1 left=2 channels=3", x)
    close(y[:, :3, 1:, 2:], x)
    assert y.count_nonzero() == x.count_nonzero()
    assert y.shape == (2, 6, 5, 7)
    close(apply("pad 2x1", x)[:, :, 2:-2, 1:-1], x)
    close(apply("pad channels=2", x[:, :, 0, 0])[:, :3], x[:, :, 0, 0])


def test_channel_shuffle_and_pixel_shuffle_are_their_formulas() -> None:
    x = torch.randn(1, 6, 2, 3)
    y = apply("channelshuffle 3", x)
    for i, j in itertools.product(range(3), range(2)):
        close(y[:, j * 3 + i], x[:, i * 2 + j])
    x = torch.randn(1, 8, 2, 3)
    y = apply("pixelshuffle 2", x)
    for c, i, j, a, b in itertools.product(range(2), range(2), range(3), range(2), range(2)):
        assert y[0, c, 2 * i + a, 2 * j + b] == x[0, c * 4 + a * 2 + b, i, j]


def test_upsample() -> None:
    x = torch.randn(1, 2, 3, 4)
    close(apply("upsample 2x3", x), x.repeat_interleave(2, 2).repeat_interleave(3, 3))
    close(apply("upsample like=@x", x, torch.zeros(1, 1, 6, 12)), apply("upsample 2x3", x))
    corners = apply("upsample 3 bilinear align_corners", x)
    close(corners[:, :, ::8, ::11], x[:, :, ::2, ::3])


def test_merges_spread_vectors_and_single_maps() -> None:
    x, v, gate = torch.randn(2, 3, 4, 5), torch.randn(2, 3), torch.randn(2, 1, 4, 5)
    spread = v.view(2, 3, 1, 1)
    close(apply("add", v, x, gate), x + spread + gate)
    close(apply("add scale=0.17", x, v), 0.17 * x + spread)
    close(apply("sub", v, x), spread - x)
    close(apply("mul", x, spread, gate), x * spread * gate)
    close(apply("mean", x, v), (x + spread) / 2)
    close(apply("max", v, x, gate), torch.stack(torch.broadcast_tensors(x, spread, gate)).amax(0))
    close(apply("concat", x, gate), torch.cat((x, gate), 1))


def test_reshape_and_slices() -> None:
    x = torch.arange(24.0).view(1, 24)
    close(apply("reshape 2x3x4", x), x.view(1, 2, 3, 4))
    close(apply("reshape 4x3x2", x.view(1, 2, 3, 4)), x.view(1, 4, 3, 2))
    split = parse_call("split 3")
    assert isinstance(split, Split)
    parts = [apply(str(part), x) for part in split.slices(24)]
    close(torch.cat(parts, 1), x)
    assert [tuple(part.shape) for part in parts] == [(1, *split.infer((24,)))] * 3


# --- how the modules behave as modules ---------------------------------------------------------------------------

CLASSES = [
    name for name, value in vars(layers).items() if inspect.isclass(value) and value.__module__ == layers.__name__
]


def needed(name: str) -> list[str]:
    """A top-level name of the file and those it mentions, in the order of the file."""
    tree = ast.parse(Path(layers.__file__).read_text())
    nodes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    found: set[str] = set()
    queue = [name]
    while queue:
        current = queue.pop()
        found.add(current)
        names = {node.id for node in ast.walk(nodes[current]) if isinstance(node, ast.Name)}
        queue += [other for other in nodes if other in names - found]
    return [ast.unparse(node) for key, node in nodes.items() if key in found]


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_stands_alone(name: str) -> None:
    """Emitted source copies the class with what it mentions; torch's four names are all it finds there."""
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "Tensor": Tensor}
    exec("\n\n".join(needed(name)), scope)
    assert issubclass(scope[name], nn.Module)
    assert scope[name].__doc__


def test_every_class_is_of_use() -> None:
    """Some op prints each class."""
    calls = [(e.call, e.inputs) for cls in OPS.values() for e in cls.examples if not isinstance(e.result, str)]
    calls += [
        (call, ((3, 8, 8),)) for call in ("deconv 3 3x3/2 same bilinear", "local 2 3x3/2 same", "lppool 3x3/2 same")
    ]
    calls += [("bn scale=false", ((8,),))]
    ops = [(settled(parse_call(call)), shapes) for call, shapes in calls if not call.startswith("split")]
    assert set(CLASSES) <= {op.code(shapes, op.infer(*shapes)).module for op, shapes in ops}


PLAIN = [
    ("conv 64 7x7/2+3 bias=false", (3, 224, 224), "nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)"),
    ("conv 192 1x7+0x3", (768, 17, 17), "nn.Conv2d(768, 192, (1, 7), padding=(0, 3))"),
    ("conv 64 3x3 same", (3, 32, 32), "nn.Conv2d(3, 64, 3, padding=1)"),
    ("conv 64 3x3/2 same", (3, 32, 32), "Conv2dSame(3, 64, 3, stride=2)"),
    ("conv 64 1x1/2 same", (3, 32, 32), "nn.Conv2d(3, 64, 1, stride=2)"),
    ("dwconv 3x3/2+1 bias=false", (96, 9, 9), "nn.Conv2d(96, 96, 3, stride=2, padding=1, groups=96, bias=False)"),
    ("deconv 8 4x4/2 same", (3, 8, 8), "nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1)"),
    ("deconv 8 3x3/2 same", (3, 8, 8), "ConvTranspose2dSame(3, 8, 3, stride=2)"),
    ("deconv 8 1x1/2 same", (3, 8, 8), "nn.ConvTranspose2d(3, 8, 1, stride=2, output_padding=1)"),
    ("maxpool 2x2/2", (3, 8, 8), "nn.MaxPool2d(2)"),
    ("maxpool 3x3/2 ceil", (3, 8, 8), "nn.MaxPool2d(3, stride=2, ceil_mode=True)"),
    ("maxpool 3x3/1 same dilation=2", (3, 8, 8), "MaxPool2dSame(3, stride=1, dilation=2)"),
    ("avgpool 3x3/1 same", (3, 8, 8), "nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)"),
    ("avgpool 3x3/1 count_include_pad=false", (3, 8, 8), "nn.AvgPool2d(3, stride=1)"),
    ("globalavgpool", (3, 8, 8), "nn.AdaptiveAvgPool2d(1)"),
    ("bn eps=1e-3", (3, 8, 8), "nn.BatchNorm2d(3, eps=0.001)"),
    ("bn", (3,), "nn.BatchNorm1d(3)"),
    ("lrn 5 k=2", (3, 8, 8), "nn.LocalResponseNorm(5, k=2.0)"),
    ("leakyrelu 0.1", (3,), "nn.LeakyReLU(negative_slope=0.1)"),
    ("gelu tanh", (3,), "nn.GELU(approximate='tanh')"),
    ("fc 10", (512, 7, 7), "nn.Linear(25088, 10)"),
    ("flatten", (512, 7, 7), "nn.Flatten()"),
    ("pad 1", (3, 8, 8), "nn.ZeroPad2d(1)"),
    ("upsample 2 bilinear", (3, 8, 8), "nn.Upsample(scale_factor=2, mode='bilinear')"),
]


@pytest.mark.parametrize(("call", "shape", "text"), PLAIN, ids=[call for call, _, _ in PLAIN])
def test_prints_as_a_person_would_write_it(call: str, shape: tuple[int, ...], text: str) -> None:
    op = settled(parse_call(call))
    code = op.code((shape,), op.infer(shape))
    arguments = [*map(repr, code.args), *(f"{key}={value!r}" for key, value in code.kwargs.items())]
    assert f"{code.module}({', '.join(arguments)})" == text


OTHER_SIZES = [
    "conv 4 3x3/2 same", "sepconv 4 3x3/2 same", "deconv 4 3x3/2 same", "maxpool 3x3/2 same", "avgpool 3x3/2 same",
    "lppool 3x3/2 same", "ln", "crop top=1", "upsample 2", "scale per_channel", "maxout 2", "droppath 0.1", "slice 0 2",
]  # fmt: skip


@pytest.mark.parametrize("call", OTHER_SIZES)
def test_a_module_runs_at_other_sizes_and_in_channels_last(call: str) -> None:
    """A module built for one image size gives what one built for another gives, with its weights."""
    op = settled(parse_call(call))
    module = of(call, (4, 32, 32)).eval()
    for size in ((9, 12), (7, 5)):
        x = torch.randn(2, 4, *size)
        assert module(x).shape == (2, *op.infer((4, *size)))
        close(module(x.contiguous(memory_format=torch.channels_last)), module(x))
        with torch.autocast("cpu", torch.bfloat16):
            assert module(x).isfinite().all()


@pytest.mark.parametrize(
    "call", ["conv 4 3x3/2 same", "maxpool 2x2/1 same", "avgpool 3x3/2 same", "deconv 4 3x3/2 same", "ln"]
)
def test_exports_with_open_sizes(call: str) -> None:
    """`torch.export` with the height and width left open: no size is baked in, none guarded against."""
    module = of(call, (4, 32, 32)).eval()
    height, width = torch.export.Dim("height", min=4, max=512), torch.export.Dim("width", min=4, max=512)
    program = torch.export.export(module, (torch.randn(2, 4, 32, 33),), dynamic_shapes=({2: height, 3: width},))
    x = torch.randn(2, 4, 17, 20)
    close(program.module()(x), module(x))


COMPILED = [
    "conv 4 3x3/2 same",
    "maxpool 3x3/2 same",
    "avgpool 3x3/2 same",
    "deconv 4 3x3/2 same",
    "lppool 3x3/2 same",
    "crop 3x3",
]


@pytest.mark.parametrize("call", COMPILED)
def test_compiles_in_one_graph(call: str) -> None:
    """`torch.compile` traces it without a break, at sizes that change."""
    module = of(call, (4, 32, 32)).eval()
    compiled = torch.compile(module, backend="eager", fullgraph=True, dynamic=True)
    for size in ((9, 12), (17, 8)):
        x = torch.randn(2, 4, *size)
        close(compiled(x), module(x))


SMALL_CALLS = {
    "adaptiveavgpool": "adaptiveavgpool 2x3", "adaptivemaxpool": "adaptivemaxpool 2x3", "avgpool": "avgpool 2x2",
    "channelshuffle": "channelshuffle 2", "conv": "conv 3 3x3", "crop": "crop top=1", "deconv": "deconv 3 2x2/2",
    "droppath": "droppath 0.2", "dwconv": "dwconv 3x3", "fc": "fc 3", "gn": "gn 2", "local": "local 3 3x3", "lppool": "lppool 2x2",
    "maxout": "maxout 2", "maxpool": "maxpool 2x2", "minpool": "minpool 2x2", "pad": "pad 1", "pixelshuffle": "pixelshuffle 2",
    "rbf": "rbf 3", "reshape": "reshape 2x4x12", "sepconv": "sepconv 3 3x3", "slice": "slice 1 3", "upsample": "upsample 2",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in OPS if name not in ("input", "split", "unpool")])
def test_gradients_flow(name: str) -> None:
    """Every op lets a finite gradient through to its operands and its weights."""
    op = settled(parse_call(SMALL_CALLS.get(name, name)))
    shapes = ((4, 4, 6),) * (2 if op.operands is None else op.operands)
    code = op.code(shapes, op.infer(*shapes))
    module = module_of(code)
    operands = [x.requires_grad_() for x in operands_of(op, shapes, 3, "cpu")]
    called(code, module, operands).square().sum().backward()
    leaves = [*operands, *(module.parameters() if module is not None else ())]
    assert all(leaf.grad is not None and leaf.grad.isfinite().all() for leaf in leaves)
