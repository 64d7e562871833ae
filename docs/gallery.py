"""The gallery of the shipped nets: what a spec is of, its size beside the published one, and the sizes it accepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from published import PUBLISHED, graph_of
from shipped_sizes import Case, openings

from cnndsl.graph import Graph
from cnndsl.op import Shape, show_shape
from cnndsl.shipped import shipped_nets

DOCS = Path(__file__).resolve().parent
FAMILIES = {
    "alexnet": "AlexNet",
    "densenet": "DenseNet",
    "googlenet": "GoogLeNet",
    "hrnet_unit": "HRNet",
    "lenet": "LeNet",
    "mobilenet_v2": "MobileNetV2",
    "nasnet_cells": "NASNet",
    "resnet": "ResNet",
    "siamese": "Siamese net",
    "unet": "U-Net",
    "vgg": "VGG",
    "zfnet": "ZFNet",
}
INTRODUCTION = """\
The nets that come with cnndsl, a family to a spec. Beside what the compiler counts stands what papers and frameworks say: params
are trainable numbers, MACs the multiply-accumulates of convolutions and fully connected layers for one image (FLOPs are twice as
many), bias adds left out. The tests hold one against the other.

The last lines of each net are its contract: the heights H and widths W of an image at which the spec describes the same network,
with the same weights, and what flows out as a formula. A net that flattens its maps into a fully connected layer takes those sizes
that give as many numbers, odd ones too. A net whose inputs have different sizes is shown with one of them open at a time.
`cnndsl check vgg16 --input 3xHxW` derives this for any spec; the tests run the nets with torch on both sides of the borders.

`cnndsl draw vgg16 -o vgg16.svg` draws a net, `cnndsl summary vgg16` lists its layers."""
LINKS = {"arXiv:": "https://arxiv.org/abs/", "doi:": "https://doi.org/"}
COUNTED = {
    "params": "params",
    "macs": "MACs",
    "inference_params": "params at inference",
    "inference_macs": "MACs at inference",
}
PRINTED = {**COUNTED, "flops": "FLOPs", "keras_params": "params", "table_activations": "activations"}


def gallery() -> Iterator[str]:
    """The lines of the page behind its title."""
    nets = shipped_nets()
    unknown = {path.stem for path in nets.values()} - set(FAMILIES)
    assert not unknown, f"families without a title: {unknown}"
    yield from (INTRODUCTION, "", "| net | | year | input | params | MACs |", "|---|---|---|---|---:|---:|")
    for net in nets:
        graph = graph_of(net)
        about = dict(graph.about)
        takes = ", ".join("x".join(map(str, shape)) for shape in graph.inputs.values())
        yield f"| [{net}](#{net}) | {about['title']} | {about['year']} | {takes} | {graph.params:,} | {graph.macs:,} |"
    for path, members in groupby(nets, key=nets.__getitem__):
        yield from ("", f"## {FAMILIES[path.stem]}", "", f"[specs/{path.name}](../specs/{path.name}). {_head(path)}")
        for net in members:
            yield from _net(net)


def _head(path: Path) -> str:
    """The comment a spec begins with: the paper."""
    lines = path.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    return " ".join(line.removeprefix("#").strip() for line in lines)


def _net(net: str) -> Iterator[str]:
    graph, published = graph_of(net), PUBLISHED[net]
    yield from ("", f"### {net}", "", _about(net, graph), "")
    yield from ("| | counted | published |", "|---|---:|---:|")
    for key, name in COUNTED.items():
        if key in published:
            yield f"| {name} | {getattr(graph, key):,} | {published[key]:,} |"
    yield from ("", f"Published: {published['source']}.", "")
    printed = [_printed(figure) for figure in published.get("printed", ())]
    if printed:
        yield from ("Figures in print:", "", *printed, "")
    training = f", in training also {_shapes(graph.aux_outputs)}" if graph.aux_outputs else ""
    yield from ("```text", f"{_inputs(graph.inputs)} -> {_shapes(graph.outputs)}{training}")
    for case in openings(net):
        yield from _contract(case)
    yield "```"


def _about(net: str, graph: Graph) -> str:
    """Title, year, paper with the place in it, drawing."""
    about = dict(graph.about)
    source = about.get("paper") or about["source"]
    for prefix, address in LINKS.items():
        if source.startswith(prefix):
            source = f"[{source}]({address}{source.removeprefix(prefix)})"
    table = str(about.get("table", ""))
    place = f", {'table ' if table[:1].isdigit() else ''}{table}" if table else ""
    drawing = f" [Drawing]({net}.svg)." if (DOCS / f"{net}.svg").exists() else ""
    return f"{about['title']}, {about['year']}: {source}{place}.{drawing}"


def _printed(figure: dict[str, Any]) -> str:
    text = f"- {figure['text']} {PRINTED[figure['what']]} in: {figure['where']}"
    return text if figure["agrees"] else f"{text}. It differs: {figure['note']}"


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
