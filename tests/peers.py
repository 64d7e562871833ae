"""torchvision's, timm's and Keras' nets beside ours: how a peer is made, filled with random numbers, stored and run.

Keras runs on torch, NASNet on JAX alone: `KERAS_BACKEND` is set before Keras is imported, so one process knows one of them.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from keras_nets import REBUILT
from safetensors.torch import save_file
from torch import Tensor, nn
from tv import load_models

os.environ.setdefault("KERAS_BACKEND", "torch")
Size = int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Peer:
    """A net of a framework that has the same arithmetic as ours.

    `make` gives it for an image size. `sizes` are the native one and, where the net allows it, another. `params` are ours. `outputs`
    brings what it gives into our form, `inputs` our images into its own.
    """

    framework: str
    make: Callable[[Size], Any]
    sizes: tuple[Size, ...]
    params: tuple[tuple[str, Any], ...] = ()
    outputs: Callable[[Any], list[Tensor]] | None = None
    inputs: float = 1.0
    channels: int = 3

    @property
    def keras(self) -> bool:
        return self.framework.startswith("keras")


def sides(size: Size) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else size


# --- torchvision and timm --------------------------------------------------------------------------------------------


def torchvision(name: str, *sizes: Size, **settings: Any) -> Peer:
    return Peer("torchvision", lambda size: getattr(load_models(), name)(**settings), sizes)


def densenet(name: str, *sizes: Size) -> Peer:
    """Sizes of DenseNet that torchvision has no function for."""
    growth, depths, first = {"densenet264": (32, (6, 12, 64, 48), 64), "densenet_bc100_k12": (12, (16, 16, 16), 24)}[
        name
    ]

    def make(size: Size) -> nn.Module:
        small = name == "densenet_bc100_k12"
        net: nn.Module = load_models().DenseNet(growth, depths, first, num_classes=10 if small else 1000)
        if small:  # the CIFAR nets begin with a 3x3 convolution alone
            features: Any = net.features
            features.conv0 = nn.Conv2d(3, first, 3, padding=1, bias=False)
            features.norm0, features.relu0, features.pool0 = nn.Identity(), nn.Identity(), nn.Identity()
        return net

    return Peer("torchvision", make, sizes)


def segmentation(name: str, *sizes: Size) -> Peer:
    def make(size: Size) -> nn.Module:
        load_models()
        from torchvision.models import segmentation

        net: nn.Module = getattr(segmentation, name)(weights=None, weights_backbone=None, aux_loss=True)
        return net

    return Peer("torchvision", make, sizes, outputs=lambda found: [found["out"]])


class RetinaNet(nn.Module):
    """torchvision's backbone and heads, without what turns their maps into boxes."""

    def __init__(self) -> None:
        super().__init__()
        load_models()
        from torchvision.models import detection

        whole = detection.retinanet_resnet50_fpn(weights=None, weights_backbone=None)
        self.backbone, self.head = whole.backbone, whole.head

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = list(self.backbone(x).values())
        scores, boxes = self.head.classification_head, self.head.regression_head
        return [scores.cls_logits(scores.conv(level)) for level in levels] + [
            boxes.bbox_reg(boxes.conv(level)) for level in levels
        ]


def timm(name: str, *sizes: Size, **settings: Any) -> Peer:
    def make(size: Size) -> nn.Module:
        load_models()  # timm imports torchvision
        import timm

        net: nn.Module = timm.create_model(name, **settings)
        return net

    return Peer("timm", make, sizes)


# --- Keras -----------------------------------------------------------------------------------------------------------


def keras(name: str, *sizes: Size, backend: str = "keras", inputs: float = 1.0, **settings: Any) -> Peer:
    def make(size: Size) -> Any:
        import keras

        height, width = sides(size)
        settings.setdefault("weights", None)
        settings.setdefault("classifier_activation", None)
        return getattr(keras.applications, name)(input_shape=(height, width, 3), **settings)

    return Peer(backend, make, sizes, inputs=inputs)


def rebuilt(name: str, size: Size, channels: int = 3) -> Peer:
    """A net that a book or a blog builds with Keras."""
    return Peer("keras", lambda _: REBUILT[name](), (size,), channels=channels)


ALIKE: tuple[Any, ...] = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)

PEERS: dict[str, Peer] = {
    "alexnet_torchvision": torchvision("alexnet", 224, 161),
    **{f"vgg{n}": torchvision(f"vgg{n}", 224) for n in (11, 13, 16, 19)},
    **{f"vgg{n}_bn": torchvision(f"vgg{n}_bn", 224, 64) for n in (11, 13, 16, 19)},
    "vgg_face": torchvision("vgg16", 224, num_classes=2622),
    **{f"squeezenet1_{n}": torchvision(f"squeezenet1_{n}", 224, 97) for n in (0, 1)},
    "googlenet_torchvision": torchvision(
        "googlenet", 224, 101, weights=None, transform_input=False, aux_logits=True, init_weights=False
    ),
    "inception_v3": torchvision(
        "inception_v3", 299, 331, weights=None, transform_input=False, aux_logits=True, init_weights=False
    ),
    **{f"resnet{n}": torchvision(f"resnet{n}", 224, 65) for n in (18, 34, 50, 101, 152)},
    **{n: torchvision(n, 224, 65) for n in ("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d")},
    **{n: torchvision(n, 224, 65) for n in ("wide_resnet50_2", "wide_resnet101_2")},
    **{f"densenet{n}": torchvision(f"densenet{n}", 224, 65) for n in (121, 161, 169, 201)},
    "densenet264": densenet("densenet264", 224, 65),
    "densenet_bc100_k12": densenet("densenet_bc100_k12", 32, 40),
    "mobilenet_v2": torchvision("mobilenet_v2", 224, 65),
    "shufflenet_v2": torchvision("shufflenet_v2_x1_0", 224, 97),
    "efficientnet_b0": torchvision("efficientnet_b0", 224, 97),
    **{n: segmentation(n, 520, (97, 141)) for n in ("deeplabv3_resnet50", "fcn_resnet50")},
    "retinanet": Peer("torchvision", lambda size: RetinaNet(), (800, (129, 193))),
    "inception_v4": timm("inception_v4", 299, 235),
    "inception_resnet_v2": timm("inception_resnet_v2", 299, 235),
    "xception_timm": timm("legacy_xception", 299, 150),
    "resnext101_32x4d": timm("resnext101_32x4d", 224, 65),
    "se_resnet50": timm("legacy_seresnet50", 224, 65),
    "se_resnet50_timm": timm("seresnet50", 224, 65),
    "mobilenet_v1": timm("mobilenetv1_100", 224, 97),
    "darknet53": timm("darknet53", 256, 97, act_layer=functools.partial(nn.LeakyReLU, negative_slope=0.1)),
    "dpn68": timm("dpn68", 224, 97),
    "hrnet_w18": timm("hrnet_w18", 224, 160),
    "nasnet_large": timm("nasnetalarge", 331, 203),
    **{f"resnet{n}_keras": keras(f"ResNet{n}", 224, 97) for n in (50, 101, 152)},
    **{f"resnet{n}v2_keras": keras(f"ResNet{n}V2", 224, 97) for n in (50, 101, 152)},
    "inception_v3_keras": keras("InceptionV3", 299, 150),
    "inception_resnet_v2_keras": keras("InceptionResNetV2", 299, 150),
    "xception": keras("Xception", 299, 150),
    "mobilenet_keras": keras("MobileNet", 224, 97),
    "mobilenet_v2_keras": keras("MobileNetV2", 224, 97),
    "efficientnet_b0_keras": keras("EfficientNetB0", 224, 97, inputs=255.0),
    **{f"densenet{n}_keras": keras(f"DenseNet{n}", 224, 97) for n in (121, 169, 201)},
    "convnetjs_cifar10": rebuilt("convnetjs_cifar10", 32),
    "keras_mnist": rebuilt("keras_mnist", 28, channels=1),
    "cats_and_dogs": rebuilt("cats_and_dogs", 150),
    **{n: rebuilt(n, 28, channels=1) for n in ("autoencoder", "vae", "vae_dense")},
    "nasnet_mobile_keras": keras("NASNetMobile", 224, 160, backend="keras-jax"),
    "nasnet_large_keras": keras("NASNetLarge", 331, 203, backend="keras-jax"),
}
"""By our net's name. VGG16 and VGG19 of Keras are `OTHERS`: one net of ours has two peers."""

OTHERS: dict[str, tuple[str, Peer]] = {
    **{f"vgg{n} (Keras)": (f"vgg{n}", keras(f"VGG{n}", 224)) for n in (16, 19)},
    "mobilenet_v2 at width 0.35": (
        "mobilenet_v2",
        Peer("torchvision", lambda size: load_models().mobilenet_v2(width_mult=0.35), (96,), (("width", 0.35),)),
    ),
    **{
        f"mobilenet_v2_keras at alpha {a}": (
            "mobilenet_v2_keras",
            Peer("keras", keras("MobileNetV2", 96, alpha=a).make, (96,), (("alpha", a),)),
        )
        for a in (0.35, 1.3)
    },
}


def available(framework: str) -> bool:
    """Whether a framework is installed, and is the one this process can run."""
    name, _, backend = framework.partition("-")
    if importlib.util.find_spec(name) is None or (name != "keras" and load_models() is None):
        return False
    return name != "keras" or os.environ["KERAS_BACKEND"] == (backend or "torch")


# --- random numbers --------------------------------------------------------------------------------------------------


def randomize(module: nn.Module, images: Tensor) -> None:
    """Random weights and statistics: every norm's are near those of the images that flow through it, so no signal dies or explodes."""
    torch.manual_seed(0)
    module.to_empty(device="cpu")
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    for part in module.modules():
        if isinstance(part, ALIKE):
            nn.init.normal_(part.weight, std=(2 / part.weight[0].numel()) ** 0.5)
            if part.bias is not None:
                nn.init.normal_(part.bias, std=0.1)
    for part in norms:
        for array, low, high in ((part.weight, 0.7, 1.3), (part.bias, -0.2, 0.2)):
            if array is not None:
                nn.init.uniform_(array, low, high)
        assert part.running_mean is not None
        assert part.running_var is not None
        part.running_mean.zero_()
        part.running_var.fill_(1)
        part.num_batches_tracked = torch.tensor(0)
    measure(module, norms, images)
    for part in norms:
        assert part.running_mean is not None
        assert part.running_var is not None
        part.running_mean += 0.1 * part.running_var.sqrt() * torch.randn_like(part.running_mean)
        part.running_var *= torch.empty_like(part.running_var).uniform_(0.8, 1.3)
        part.running_var += 1e-4


def measure(module: nn.Module, norms: Sequence[Any], images: Tensor) -> None:
    """One pass in which every norm takes the statistics of what flows through it."""
    momenta = [part.momentum for part in norms]
    module.eval()
    for part in norms:
        part.momentum = 1.0
        part.train()
    with torch.no_grad():
        module(images)
    for part, momentum in zip(norms, momenta, strict=True):
        part.momentum = momentum
    module.eval()


def randomize_keras(model: Any, inputs: float) -> None:
    """Random weights and statistics for a Keras model; `inputs` is the deviation of its images."""
    import keras
    import numpy as np

    random = np.random.default_rng(0)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for weight in model.weights:
        name, shape = weight.path.rpartition("/")[2], tuple(weight.shape)
        if not shape or "normalization/" in weight.path and name in ("mean", "variance"):
            continue  # of a layer that prepares images
        if name == "gamma":
            values = random.uniform(0.7, 1.3, shape)
        elif name in ("beta", "bias"):
            values = random.uniform(-0.2, 0.2, shape)
        elif name.startswith("moving"):
            continue
        else:
            depthwise = name == "depthwise_kernel" or (name == "kernel" and len(shape) == 4 and shape[3] == 1)
            reach = np.prod(shape[:2] if depthwise and shape[2] > 1 else shape[:-1])
            values = random.normal(0, (2 / reach) ** 0.5, shape)
        weight.assign(values.astype("float32"))
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(random.normal(0, inputs, (2, *model.input_shape[1:])).astype("float32"), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        mean, variance = (np.asarray(_plain(array)) for array in (norm.moving_mean, norm.moving_variance))
        norm.moving_mean.assign(mean + 0.1 * variance**0.5 * random.normal(size=mean.shape).astype("float32"))
        # maps that are nearly constant would have their rounding blown up to the size of a signal
        variance = variance * random.uniform(0.8, 1.3, variance.shape).astype("float32") + 0.1 * mean**2 + 1e-4
        norm.moving_variance.assign(variance)


def _plain(array: Any) -> Any:
    import keras

    return keras.ops.convert_to_numpy(array)


def filled(peer: Peer) -> Any:
    """A peer at its native size with random weights and statistics."""
    if peer.keras:
        model = peer.make(peer.sizes[0])
        randomize_keras(model, peer.inputs)
        return model
    with torch.device("meta"):
        module = peer.make(peer.sizes[0])
    small = min(peer.sizes, key=lambda size: sides(size)[0])
    randomize(module, torch.randn(2, peer.channels, *sides(small)))
    return module


# --- files, runs -----------------------------------------------------------------------------------------------------


def stored(peer: Peer, made: Any, folder: Path) -> list[Path]:
    """The files in which a framework's users keep its weights; of torch's one in the order of definition, one sorted by name."""
    if peer.keras:
        paths = [folder / "net.keras", folder / "net.weights.h5"]
        made.save(paths[0])
        made.save_weights(paths[1])
        return paths
    paths = [folder / "net.pth", folder / "net.safetensors"]
    state = made.state_dict()
    torch.save(state, paths[0])
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, paths[1])
    return paths


def run(peer: Peer, made: Any, images: Tensor) -> list[Tensor]:
    """What a peer gives for images `[n, c, h, w]`, as ours does."""
    if not peer.keras:
        with torch.no_grad():
            found = made(images)
        if peer.outputs is not None:
            return peer.outputs(found)
        return [found] if isinstance(found, Tensor) else list(found)
    size = sides(peer.sizes[0])
    if tuple(images.shape[2:]) != size and tuple(images.shape[2:]) != made.input_shape[1:3]:
        other = peer.make((images.shape[2], images.shape[3]))
        other.set_weights(made.get_weights())
        made = other
    found = made((images.permute(0, 2, 3, 1) * peer.inputs).numpy(), training=False)
    outputs = [torch.tensor(_plain(output)) for output in (found if isinstance(found, list | tuple) else [found])]
    return [output.permute(0, 3, 1, 2) if output.dim() == 4 else output for output in outputs]
