"""What layers, attributes and sizes are called elsewhere: in torch, Keras, TensorFlow, Caffe, Darknet and in papers."""

from __future__ import annotations

from collections.abc import Iterable

LAYERS = {
    "conv": "conv1d conv2d conv3d convolution convolution2d convolutional cnn",
    "dwconv": "depthwise depthwiseconv depthwiseconv2d depthwiseconvolution convdw convdepthwise",
    "sepconv": "separableconv separableconv2d separable depthwiseseparable",
    "deconv": "convtranspose convtranspose2d conv2dtranspose transposedconv transposeconv deconvolution upconv convt",
    "local": "locallyconnected locallyconnected2d",
    "fc": "linear dense fullyconnected innerproduct mlp affine connected",
    "bn": "batchnorm batchnorm2d batchnormalization norm batch",
    "ln": "layernorm layernorm2d layernormalization",
    "gn": "groupnorm groupnormalization",
    "lrn": "localresponsenorm localresponsenormalization responsenorm",
    "instancenorm": "in2d instancenorm2d instancenormalization",
    "maxpool": "maxpool2d maxpooling maxpooling2d pool pooling mp",
    "avgpool": "avgpool2d averagepool averagepooling averagepooling2d meanpool ap",
    "globalavgpool": "gap globalaveragepooling globalaveragepooling2d globalaveragepool globalpool avgpoolglobal",
    "globalmaxpool": "gmp globalmaxpooling globalmaxpooling2d",
    "adaptiveavgpool": "adaptiveavgpool2d adaptivepool",
    "adaptivemaxpool": "adaptivemaxpool2d",
    "unpool": "maxunpool maxunpool2d unpooling",
    "leakyrelu": "lrelu leaky",
    "silu": "swish",
    "hardswish": "hswish",
    "hardsigmoid": "hsigmoid",
    "sigmoid": "logistic",
    "softplus": "plus",
    "logsoftmax": "logsoftmaxlayer",
    "dropout": "drop",
    "dropout2d": "spatialdropout spatialdropout2d",
    "droppath": "stochasticdepth",
    "flatten": "view squeeze",
    "reshape": "unflatten",
    "pad": "zeropad zeropad2d zeropadding zeropadding2d padding",
    "crop": "cropping cropping2d centercrop",
    "upsample": "upsampling upsampling2d interpolate resize",
    "pixelshuffle": "depthtospace subpixel",
    "channelshuffle": "shuffle",
    "concat": "cat concatenate merge filterconcat depthconcat route",
    "add": "sum plus eltwise elementwiseadd",
    "mul": "multiply product times",
    "sub": "subtract minus",
    "mean": "average avg",
    "max": "maximum",
    "id": "identity noop passthrough input",
    "residual": "shortcut skip res resblock",
    "branch": "parallel fork split",
}
ATTRIBUTES = {
    "out_channels": "filters channels outputs out num_output n planes",
    "out_features": "units outputs out num_output n features",
    "kernel": "kernel_size ksize size pool_size window k filter_size",
    "stride": "strides subsample step s",
    "padding": "pad pads p border border_mode",
    "dilation": "dilation_rate rate dilations atrous",
    "groups": "group cardinality num_groups",
    "num_groups": "groups group g",
    "multiplier": "depth_multiplier channel_multiplier",
    "bias": "use_bias bias_term has_bias",
    "ceil": "ceil_mode round_up",
    "eps": "epsilon",
    "p": "rate prob probability drop_rate dropout ratio",
    "negative_slope": "alpha slope leak",
    "mode": "interpolation",
    "fixed": "frozen freeze trainable requires_grad",
    "scale": "gamma affine",
    "scale_factor": "factor scale size",
    "k": "pieces num_pieces",
}
SIZES = {"channels": "c channel depth filters", "height": "h rows", "width": "w columns cols"}
FUNCTIONS = {
    "divisible": "make_divisible round_filters round_to",
    "round": "rint",
    "ceil": "ceiling",
    "floor": "int trunc",
}
"""Ours, and the names it goes by elsewhere, in lower case; in `LAYERS` also without `_`."""

CLOSE = 0.05
"""A second name is offered only where it is about as near as the first."""
NEAR, NEAR_IF_SHORT = 0.6, 0.5
LONGEST = 80
"""Names longer than this are compared with none: likeness takes time that grows with the square of the length."""


def nearest(name: str, known: Iterable[str], most: int = 1, elsewhere: dict[str, str] | None = None) -> list[str]:
    """The known names closest to a misspelt one, or the one that means the same elsewhere; best first."""
    if len(name) > LONGEST:
        return []
    pool = sorted({k for k in known if k != name and len(k) <= LONGEST})
    folded = _folded(name)
    same = [k for k in pool if _folded(k) == folded]
    meant = [
        ours for ours, others in (elsewhere or {}).items() if ours in pool and folded in map(_folded, others.split())
    ]
    if same or meant:
        return (same or meant)[:most]
    scored = [(_likeness(folded, _folded(k)), k, k) for k in pool]
    for ours, others in (elsewhere or {}).items():
        if ours in pool:
            scored.extend((_likeness(folded, other), ours, other) for other in others.split() if len(other) > 4)
    best = sorted(
        (s for s in scored if s[0] >= (NEAR if len(folded) > 3 else NEAR_IF_SHORT)), key=lambda s: (-s[0], s[1])
    )
    names = list(dict.fromkeys(ours for score, ours, _ in best if score >= best[0][0] - CLOSE))
    return names[:most]


def _folded(name: str) -> str:
    return name.lower().replace("_", "")


def _likeness(a: str, b: str) -> float:
    """From 0 to 1: the share of letters that two names have in common, in order."""
    from difflib import SequenceMatcher  # not needed where nothing is misspelt

    return SequenceMatcher(None, a, b).ratio()
