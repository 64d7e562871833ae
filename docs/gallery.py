"""The gallery of the shipped nets: the idea of each, its drawing, its size beside the published one, and the sizes it accepts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from drawings import drawing_of
from published import PUBLISHED, graph_of
from shipped_sizes import Case, openings

from cnndsl.graph import Graph
from cnndsl.op import Shape, show_shape
from cnndsl.shipped import shipped_nets

DOCS = Path(__file__).resolve().parent
FIELDS: dict[str, dict[str, str]] = {
    "Classifiers in a row": {
        "lenet": "LeNet",
        "alexnet": "AlexNet",
        "zfnet": "ZFNet",
        "maxout": "Maxout networks",
        "nin": "Network in Network",
        "vgg": "VGG",
    },
    "Inception": {
        "googlenet": "GoogLeNet",
        "inception_v3": "Inception-v3",
        "inception_v4": "Inception-v4, Inception-ResNet",
        "xception": "Xception",
    },
    "Residual nets": {
        "resnet": "ResNet",
        "resnet_v2": "ResNet V2",
        "wide_resnet": "Wide ResNet",
        "resnext": "ResNeXt",
        "se_resnet": "SE-ResNet",
        "darknet": "Darknet-53",
    },
    "Residual nets on CIFAR, and their rivals": {
        "resnet_cifar": "ResNet for CIFAR",
        "preact_resnet": "Pre-activation ResNet",
        "stochastic_depth": "Stochastic depth",
        "rir": "ResNet in ResNet",
        "dfn": "Deeply-fused net",
        "swapout": "Swapout",
        "fractalnet": "FractalNet",
        "weighted_resnet": "Weighted residuals",
        "ror": "RoR",
    },
    "Dense connections and several paths": {
        "densenet": "DenseNet",
        "dpn": "Dual path network",
        "hrnet": "HRNet",
        "hrnet_unit": "A unit of HRNet",
    },
    "Small nets and nets found by search": {
        "squeezenet": "SqueezeNet",
        "mobilenet_v1": "MobileNet",
        "nasnet_cells": "Cells of NASNet",
        "nasnet": "NASNet",
        "mobilenet_v2": "MobileNetV2",
        "shufflenet_v2": "ShuffleNet V2",
        "efficientnet": "EfficientNet",
    },
    "Segmentation": {
        "fcn": "Fully convolutional nets",
        "unet": "U-Net",
        "encoder_decoder": "Encoder and decoder",
        "segnet": "SegNet",
        "pspnet": "PSPNet",
        "deeplab": "DeepLabv3",
    },
    "Detection": {
        "yolo": "YOLO",
        "rpn": "Region proposal network",
        "fpn": "RetinaNet",
    },
    "Pairs, codes, and images that are made": {
        "siamese": "Siamese net",
        "dcgan": "DCGAN",
        "autoencoder": "Autoencoders",
    },
    "Lectures and tutorials": {"classroom": "Classroom nets"},
}
"""Fields, and in each the specs with their titles, in order of their papers."""

IDEAS: dict[str, str] = tomllib.loads((DOCS / "ideas.toml").read_text(encoding="utf-8"))
INTRODUCTION = """\
The nets that come with cnndsl, a family to a spec: the idea of each, its drawing, and its numbers. Beside what the compiler counts
stands what papers and frameworks say: params are trainable numbers, MACs the multiply-accumulates of convolutions and fully
connected layers for one image (FLOPs are twice as many), bias adds left out. The tests hold one against the other. Errors and scores
are quoted, not measured here: in percent of a test set, by others' training.

The last lines of each net are its contract: the heights H and widths W of an image at which the spec describes the same network,
with the same weights, and what flows out as a formula. A net that flattens its maps into a fully connected layer takes those sizes
that give as many numbers, odd ones too. A net whose inputs have different sizes is shown with one of them open at a time.
`cnndsl check vgg16 --input 3xHxW` derives this for any spec; the tests run the nets with torch on both sides of the borders.

`cnndsl draw vgg16 -o vgg16.svg` draws a net, `cnndsl summary vgg16` lists its layers. In drawings a block that is copied several
times in a row is drawn once, with how often."""
LINKS = {"arXiv:": "https://arxiv.org/abs/", "doi:": "https://doi.org/"}
COUNTED = {
    "params": "params",
    "macs": "MACs",
    "inference_params": "params at inference",
    "inference_macs": "MACs at inference",
}
ERRORS = {"top1_error": "top-1", "top5_error": "top-5"}
SHOWN = 8000
"""Drawings whose DOT text is this long at most are shown on the page: some 25 layers, as they are drawn."""
PRINTED = {**COUNTED, "flops": "FLOPs", "keras_params": "params", "table_activations": "activations"}


def gallery() -> Iterator[str]:
    """The lines of the page behind its title."""
    families = {path.stem: list(nets) for path, nets in groupby(shipped_nets(), key=shipped_nets().__getitem__)}
    placed = [stem for stems in FIELDS.values() for stem in stems]
    assert sorted(placed) == sorted(families), f"a family has no place, or two: {set(placed) ^ set(families)}"
    yield from (INTRODUCTION, "", "| net | | year | input | params | MACs |", "|---|---|---|---|---:|---:|")
    for field, stems in FIELDS.items():
        yield f"| **{field}** | | | | | |"
        yield from (_row(net) for stem in stems for net in families[stem])
    for stems in FIELDS.values():
        for stem, title in stems.items():
            path = shipped_nets()[families[stem][0]]
            yield from ("", f"## {title}", "", f"[specs/{path.name}](../specs/{path.name}). {_head(path)}")
            for net in families[stem]:
                yield from _net(net)


def _row(net: str) -> str:
    graph = graph_of(net)
    about = dict(graph.about)
    takes = ", ".join("x".join(map(str, shape)) for shape in graph.inputs.values())
    return f"| [{net}](#{net}) | {about['title']} | {about['year']} | {takes} | {graph.params:,} | {graph.macs:,} |"


def _head(path: Path) -> str:
    """The comment a spec begins with: the paper."""
    lines = path.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    return " ".join(line.removeprefix("#").strip() for line in lines)


def _net(net: str) -> Iterator[str]:
    graph, published = graph_of(net), PUBLISHED[net]
    yield from ("", f"### {net}", "", _about(graph), "", IDEAS[net], "", _drawing(net), "")
    yield from ("| | counted | published |", "|---|---:|---:|")
    for key, name in COUNTED.items():
        if key in published:
            yield f"| {name} | {getattr(graph, key):,} | {published[key]:,} |"
    yield from ("", f"Published: {published['source']}.", "")
    printed = [_printed(figure) for figure in published.get("printed", ())]
    if printed:
        yield from ("Figures in print:", "", *printed, "")
    errors = [
        f"- {error['text']}: {error['where']}{_unchecked(error)}" for error in published.get("errors", _errors(graph))
    ]
    if errors:
        yield from ("Errors and scores in print:", "", *errors, "")
    training = f", in training also {_shapes(graph.aux_outputs)}" if graph.aux_outputs else ""
    yield from ("```text", f"{_inputs(graph.inputs)} -> {_shapes(graph.outputs)}{training}")
    for case in openings(net):
        yield from _contract(case)
    yield "```"


def _about(graph: Graph) -> str:
    """Title, year, paper with the place in it, and whose code a net follows."""
    about = dict(graph.about)
    source = str(about.get("paper") or about["source"])
    for prefix, address in LINKS.items():
        if source.startswith(prefix):
            source = f"[{source}]({address}{source.removeprefix(prefix)})"
    table = str(about.get("table", ""))
    place = f", {'table ' if table[:1].isdigit() else ''}{table}" if table else ""
    follows = f"; as in {about['source']}" if "paper" in about and "source" in about else ""
    reading = f" A reading of the paper: {about['reading']}." if "reading" in about else ""
    return f"{about['title']}, {about['year']}: {source}{place}{follows}.{reading}"


def _drawing(net: str) -> str:
    """The drawing itself where it is small, else a link to it."""
    path = f"drawings/{net}.svg"
    if len(drawing_of(net)) > SHOWN:
        return f"[Drawing]({path})"
    return f'<a href="{path}"><img src="{path}" height="480" alt="drawing of {net}"></a>'


def _errors(graph: Graph) -> Iterator[dict[str, Any]]:
    """What the spec itself says of errors."""
    about = dict(graph.about)
    errors = [f"{name} {about[key]}" for key, name in ERRORS.items() if key in about]
    if errors:
        yield {"text": ", ".join(errors), "where": about["measured"]}
    if "ilsvrc_top5_error" in about:
        yield {"text": f"top-5 {about['ilsvrc_top5_error']}", "where": "ILSVRC, the authors' entry"}


def _printed(figure: dict[str, Any]) -> str:
    text = f"- {figure['text']} {PRINTED[figure['what']]} in: {figure['where']}{_unchecked(figure)}"
    return text if figure["agrees"] else f"{text}. It differs: {figure['note']}"


def _unchecked(figure: dict[str, Any]) -> str:
    return "" if figure.get("checked", True) else " (not looked up again)"


def _contract(case: Case) -> Iterator[str]:
    """Accepted sizes, and what flows out there as formulas."""
    contract = case.graph().contract
    assert contract is not None
    gives = {_shapes(accepted.graph.outputs) for accepted in contract.cases}
    assert len(gives) == 1, f"{case.spec} has a formula for every box: say which is which"
    yield f"{_inputs(contract.inputs)} -> {gives.pop()}"
    yield from (f"  {'or' if place else 'for'} {text}" for place, text in enumerate(contract.listed))


def _inputs(shapes: Mapping[str, tuple[int | str, ...]]) -> str:
    """Shapes of what flows in, by name where there are several."""
    texts = [show_shape(shape) for shape in shapes.values()]  # type: ignore[arg-type]
    return texts[0] if len(texts) == 1 else ", ".join(map(" ".join, zip(shapes, texts, strict=True)))


def _shapes(shapes: Mapping[str, Shape]) -> str:
    return ", ".join(map(show_shape, shapes.values()))
