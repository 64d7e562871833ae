"""What a Keras model's configuration says: the class of every layer, and what flows into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def snake(name: str) -> str:
    """Keras' own spelling of a class in the names of its files: `SeparableConv2D` is `separable_conv2d`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def classes(config: Any, path: str) -> Iterator[tuple[str, str]]:
    """The class of every layer of a model's configuration, by its path."""
    for layer in config["config"].get("layers", ()):
        name = layer["config"].get("name", layer.get("name", ""))
        inner = f"{path}/{name}" if path else name
        yield inner, snake(layer["class_name"])
        if "layers" in layer["config"]:
            yield from classes(layer, inner)


def flow_of(config: Any, ends: Mapping[str, tuple[int, int]], count: int) -> tuple[frozenset[int], ...] | None:
    """The units whose results flow into each unit, or None where the configuration does not tell."""
    before: list[frozenset[int] | None] = [None] * count

    def inside(model: Any, path: str, arriving: Sequence[frozenset[int]]) -> frozenset[int]:
        """What flows out of a model that these flow into."""
        flows: dict[str, frozenset[int]] = {}
        inputs, last = list(arriving), frozenset[int]()
        for layer in model["config"]["layers"]:
            name = layer["config"].get("name", layer.get("name", ""))
            here = f"{path}/{name}" if path else name
            calls = list(_read(layer.get("inbound_nodes", ())))
            if layer["class_name"] == "InputLayer":
                last = inputs.pop(0) if inputs else frozenset()
            else:
                sources = [flows[source] for source in calls] if calls else [last]
                last = through(layer, here, sources)
            flows[name] = last
        outs = list(_read(model["config"].get("output_layers", ())))
        return frozenset().union(*(flows[name] for name in outs)) if outs else last

    def through(layer: Any, here: str, sources: Sequence[frozenset[int]]) -> frozenset[int]:
        """What flows out of a layer."""
        if "layers" in layer["config"]:
            return inside(layer, here, sources)
        if here not in ends:
            return frozenset().union(*sources)
        first, last = ends[here]
        for place in range(first, last + 1):
            before[place] = frozenset().union(*sources) if place == first else frozenset([place - 1])
        return frozenset([last])

    try:
        inside(config, "", ())
    except (KeyError, IndexError, TypeError):
        return None
    found = [units for units in before if units is not None]
    return tuple(found) if len(found) == count else None


def _read(node: Any) -> Iterator[str]:
    """The layers that a call in a configuration reads, whatever generation of Keras wrote it."""
    if isinstance(node, Mapping):
        if "keras_history" in node:
            yield node["keras_history"][0]
            return
        for value in node.values():
            yield from _read(value)
    elif isinstance(node, list | tuple):
        if len(node) >= 3 and isinstance(node[0], str) and isinstance(node[1], int):
            yield node[0]
            return
        for value in node:
            yield from _read(value)
