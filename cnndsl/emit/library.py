"""What emitted code draws on: the constructors of torch.nn, by their arguments, and the classes of `layers.py`, as text."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_CONV = ("in_channels", "out_channels", "kernel_size")
_TORCH: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "nn.Conv2d": (_CONV, {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True}),
    "nn.ConvTranspose2d": (
        _CONV,
        {"stride": 1, "padding": 0, "output_padding": 0, "groups": 1, "bias": True, "dilation": 1},
    ),
    "nn.Linear": (("in_features", "out_features"), {"bias": True}),
    "nn.BatchNorm1d": (("num_features",), {"eps": 1e-5, "momentum": 0.1, "affine": True}),
    "nn.BatchNorm2d": (("num_features",), {"eps": 1e-5, "momentum": 0.1, "affine": True}),
    "nn.InstanceNorm2d": (("num_features",), {"eps": 1e-5, "affine": False}),
    "nn.GroupNorm": (("num_groups", "num_channels"), {"eps": 1e-5, "affine": True}),
    "nn.LayerNorm": (("normalized_shape",), {"eps": 1e-5, "elementwise_affine": True}),
    "nn.LocalResponseNorm": (("size",), {"alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "nn.MaxPool2d": (("kernel_size",), {"padding": 0, "dilation": 1, "return_indices": False, "ceil_mode": False}),
    "nn.AvgPool2d": (("kernel_size",), {"padding": 0, "ceil_mode": False, "count_include_pad": True}),
    "nn.AdaptiveAvgPool2d": (("output_size",), {}),
    "nn.AdaptiveMaxPool2d": (("output_size",), {}),
    "nn.Dropout": (("p",), {}),
    "nn.Dropout2d": (("p",), {}),
    "nn.LeakyReLU": ((), {"negative_slope": 0.01}),
    "nn.PReLU": ((), {"num_parameters": 1, "init": 0.25}),
    "nn.PixelShuffle": (("upscale_factor",), {}),
    "nn.ChannelShuffle": (("groups",), {}),
    "nn.ZeroPad2d": (("padding",), {}),
}
"""The positional arguments of torch's modules, and the defaults of those given by name (PyTorch 2.11, torch.nn)."""


@dataclass(frozen=True)
class Definition:
    """A top-level name of `layers.py`: its text, the names it mentions, and the arguments of its constructor."""

    text: str
    mentions: frozenset[str]
    positional: tuple[str, ...] = ()
    defaults: tuple[tuple[str, Any], ...] = ()


@cache
def layers() -> tuple[dict[str, Definition], dict[str, str]]:
    """The definitions of `layers.py` in their order, and the import statement of every name it imports."""
    text = Path(__file__).parent.with_name("layers.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    found: dict[str, Definition] = {}
    imports: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                imports[alias.asname or alias.name] = _import(node, alias)
        for name in _defined(node):
            start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            mentions = frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name)) - {name}
            found[name] = Definition(
                "\n".join(lines[start - 1 : node.end_lineno]), mentions, *_constructor(node, found)
            )
    return found, imports


def _import(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    renamed = f" as {alias.asname}" if alias.asname else ""
    if alias.asname == "F":
        return "from torch.nn import functional as F"
    source = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
    return f"{source}import {alias.name}{renamed}"


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _constructor(
    node: ast.stmt, known: Mapping[str, Definition]
) -> tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]:
    """The positional arguments of a class, and the defaults of the others; those of its base where it has none itself."""
    if not isinstance(node, ast.ClassDef):
        return (), ()
    init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if init is None:
        base = ast.unparse(node.bases[0]) if node.bases else ""
        if base in known:
            return known[base].positional, known[base].defaults
        names, defaults = _TORCH.get(base, ((), {}))
        return names, tuple(defaults.items())
    names = tuple(a.arg for a in init.args.args[1:])
    required = len(names) - len(init.args.defaults)
    pairs = []
    for name, default in zip(names[required:], init.args.defaults, strict=True):
        try:
            pairs.append((name, ast.literal_eval(default)))
        except ValueError:
            continue
    return names[:required], tuple(pairs)


def signature(maker: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The positional arguments of a constructor, and the defaults of the others, as far as they are known."""
    if maker in _TORCH:
        return _TORCH[maker]
    definition = layers()[0].get(maker)
    return (definition.positional, dict(definition.defaults)) if definition else ((), {})


def arguments(maker: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[str | None, ...], list[Any]]:
    """The arguments of a constructor in one order with the defaults filled in: names (None: by position) and values.

    So two calls differ in values only, where one leaves out what the other gives.
    """
    given = list(args)
    names, defaults = signature(maker)
    if not maker or len(given) != len(names):
        return (*(None for _ in given), *kwargs), [*given, *kwargs.values()]
    full = {**({"stride": 0} if "stride" in kwargs else {}), **defaults, **kwargs}
    return (*(None for _ in given), *full), [*given, *full.values()]


def copies(names: Iterable[str]) -> tuple[list[str], set[str]]:
    """The texts of `layers.py` behind these names and those they mention, in the order of the file; the imports they need."""
    found, imports = layers()
    wanted: set[str] = set()
    pending = [name for name in names if name in found]
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending.extend(other for other in found[name].mentions if other in found)
    used = {name for key in wanted for name in found[key].mentions if name in imports}
    return [definition.text for name, definition in found.items() if name in wanted], used


def import_lines(names: set[str]) -> list[str]:
    """Sorted import statements for names: torch's, and those that `layers.py` imports."""
    known = {
        **layers()[1],
        "torch": "import torch",
        "nn": "from torch import nn",
        "Tensor": "from torch import Tensor",
        "NamedTuple": "from typing import NamedTuple",
    }
    plain, sources = set(), dict[str, set[str]]()
    for name in names:
        statement = known.get(name, "")
        if statement.startswith("import "):
            plain.add(statement)
        elif statement:
            source, _, what = statement[5:].partition(" import ")
            sources.setdefault(source, set()).add(what)
    froms = [f"from {source} import {', '.join(sorted(what))}" for source, what in sorted(sources.items())]
    lines = [*sorted(plain), *froms]
    ours = [line for line in lines if line.split()[1].partition(".")[0] == "torch"]
    others = [line for line in lines if line not in ours]
    return [*others, *([""] if others and ours else []), *ours]
