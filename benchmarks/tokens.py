"""How much text a net takes: `python benchmarks/tokens.py [--save docs/compactness.md]`.

Every shipped spec beside torchvision's definition of the same net, in tokens of the pattern `\\w+|[^\\w\\s]`. A spec counts
with all blocks it uses, its comments and its `about` left out. Of torchvision's source only the classes and functions
that define the net count, and of those only what computes: `pruned` says what is taken away first. torchvision is
read, never imported.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "specs"
TOKEN = re.compile(r"\w+|[^\w\s]")
ITEM = re.compile(r"^(def|net|from|input)\b", re.MULTILINE)

LAYOUT: dict[str, tuple[str, tuple[str, ...]]] = {
    "alexnet": ("alexnet", ("AlexNet",)),
    **{f"vgg{n}": ("vgg", ("VGG", "make_layers")) for n in (11, 13, 16, 19)},
    "googlenet": ("googlenet", ("GoogLeNet", "Inception", "BasicConv2d")),
    **{f"resnet{n}": ("resnet", ("conv3x3", "BasicBlock", "conv1x1", "ResNet")) for n in (18, 34)},
    **{f"resnet{n}": ("resnet", ("conv3x3", "conv1x1", "Bottleneck", "ResNet")) for n in (50, 101, 152)},
    **{
        f"densenet{n}": ("densenet", ("_DenseLayer", "_DenseBlock", "_Transition", "DenseNet"))
        for n in (121, 161, 169, 201)
    },
    "mobilenet_v2": ("mobilenetv2", ("InvertedResidual", "MobileNetV2")),
}
"""Where torchvision defines a net: the file in `torchvision/models`, and the classes and functions there."""

ELSEWHERE = {
    "mobilenet_v2": (
        ("ops/misc.py", ("ConvNormActivation", "Conv2dNormActivation")),
        ("models/_utils.py", ("_make_divisible",)),
    )
}
"""The classes and functions of other files that a net is made of."""

CONFIGURATIONS = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}
"""A row of `cfgs` in vgg.py belongs to each of these."""

NO_ARITHMETIC = {
    *("init_weights", "zero_init_residual", "memory_efficient", "transform_input", "_version", "__constants__"),
    *("aux_logits", "dropout_aux", "aux1", "aux2", "aux_defined", "inception_aux_block"),
}
"""Parameters and variables of initialisation, checkpointing, auxiliary classifiers and preprocessing."""

NO_ARITHMETIC_METHODS = {"any_requires_grad", "_transform_input", "eager_outputs"}


def tokens(text: str) -> int:
    """How many words, numbers and marks a text has."""
    return len(TOKEN.findall(text))


def lines(text: str) -> int:
    """How many lines of a text are not blank."""
    return sum(bool(line.strip()) for line in text.splitlines())


# --- specs ---------------------------------------------------------------------------------------------------------


def stripped(text: str) -> str:
    """A spec without its comments and its `about`."""
    text = re.sub(r"#[^\n]*", "", text)
    return re.sub(r"\babout\s*\{[^}]*\}", "", text)


def items(text: str) -> dict[tuple[str, str], str]:
    """The blocks, nets and imports of a stripped spec, by kind and name."""
    starts = [match.start() for match in ITEM.finditer(text) if match[1] != "input"]
    parts = [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
    named = [(re.match(r"(def|net)\s+(\w+)|from", part), part) for part in parts]
    return {(m[1] or "from", m[2] or part): part for m, part in named if m}


def definition(path: Path, net: str) -> str:
    """The text that defines a net: the net and every block that it uses, at any depth, from whatever file."""
    found = items(stripped(path.read_text(encoding="utf-8")))
    blocks = {name: part for (kind, name), part in found.items() if kind == "def"}
    imports = [part for (kind, _), part in found.items() if kind == "from"]
    parts, waiting, seen = [found["net", net]], [found["net", net]], set[str]()
    used: list[str] = []
    while waiting:
        words = set(re.findall(r"[A-Za-z_]\w*", waiting.pop()))
        for name in sorted(words - seen & words):
            seen.add(name)
            if name in blocks:
                parts.append(blocks[name])
                waiting.append(blocks[name])
            for line in imports:
                source = re.match(r'from\s+"([^"]+)"\s+import\b(.*)', line, re.DOTALL)
                if source and re.search(rf"\b{name}\b", source[2]):
                    original = re.search(rf"(\w+)\s+as\s+{name}\b", source[2])
                    used.append(_block(path.with_name(source[1]), original[1] if original else name))
    return "".join([*(line for line in imports if used), *parts, *used])


def _block(path: Path, name: str) -> str:
    """The text of a block of another file, with what it uses there."""
    text = path.read_text(encoding="utf-8")
    wrapped = f"{text}\nnet it_is_only_a_caller {{ {name} }}\n"
    found = items(stripped(wrapped))
    blocks = {block: part for (kind, block), part in found.items() if kind == "def"}
    seen: list[str] = [name]
    for block in seen:
        seen.extend(word for word in re.findall(r"\w+", blocks[block]) if word in blocks and word not in seen)
    return "".join(blocks[block] for block in seen)


def shipped() -> dict[str, Path]:
    """The file of every shipped net."""
    found: dict[str, Path] = {}
    for path in sorted(SPECS.glob("*.cnn")):
        found |= {name: path for kind, name in items(stripped(path.read_text(encoding="utf-8"))) if kind == "net"}
    return found


# --- torchvision ---------------------------------------------------------------------------------------------------


def torchvision_models() -> Path | None:
    """The folder of torchvision's models, None where it is not installed."""
    spec = importlib.util.find_spec("torchvision")
    return Path(spec.submodule_search_locations[0]) / "models" if spec and spec.submodule_search_locations else None


class Pruner(ast.NodeTransformer):
    """Takes away what does not compute, so that the count is fair to torchvision (and rather in its favour).

    Docstrings, annotations, decorators, asserts and checks that only raise or warn, initialisation of weights, logging,
    TorchScript's and checkpointing's branches, auxiliary classifiers, preprocessing, wrappers of `_forward`.
    """

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = []
        methods = {method.name: method for method in node.body if isinstance(method, ast.FunctionDef)}
        if "_forward_impl" in methods or "_transform_input" in methods:  # `forward` calls the other one, and no more
            node.body.remove(methods["forward"])
        return self._body(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        if node.name in NO_ARITHMETIC_METHODS or any("jit" in ast.unparse(mark) for mark in node.decorator_list):
            return None
        node.decorator_list, node.returns = [], None
        arguments = node.args
        kept = [a for a in arguments.args if a.arg not in NO_ARITHMETIC]
        given = dict(zip([a.arg for a in arguments.args][::-1], arguments.defaults[::-1], strict=False))
        arguments.args, arguments.defaults = kept, [given[a.arg] for a in kept if a.arg in given]
        for argument in [*kept, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
            if argument:
                argument.annotation = None
        return self._body(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.keywords = [word for word in node.keywords if word.arg not in NO_ARITHMETIC]
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        words = set(re.findall(r"\w+", ast.unparse(node.test)))
        skipped = "is_scripting" in words or bool(words & NO_ARITHMETIC) or _only_complains(node.body)
        if skipped and (_only_complains(node.body) or words & {"is_scripting", "memory_efficient"}):
            return [part for part in map(self.visit, node.orelse) if part is not None]
        return None if skipped else self._body(node)

    def visit_For(self, node: ast.For) -> ast.AST | None:
        return None if "self.modules()" in ast.unparse(node.iter) else self._body(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        logs = ast.unparse(node).startswith(("_log_api_usage_once", "warnings.warn"))
        return None if isinstance(node.value, ast.Constant) or logs else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        target = node.targets[0]
        name = target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""
        return None if name in NO_ARITHMETIC else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.visit_Assign(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if isinstance(node.value, ast.Tuple):
            kept = [e for e in node.value.elts if not (isinstance(e, ast.Name) and e.id in NO_ARITHMETIC)]
            node.value = kept[0] if len(kept) == 1 else ast.Tuple(kept, ast.Load())
        return self.generic_visit(node)

    def _body(self, node: ast.AST) -> ast.AST:
        result = self.generic_visit(node)
        if not getattr(result, "body", True):
            result.body = [ast.Pass()]  # type: ignore[attr-defined]
        return result


def _only_complains(body: list[ast.stmt]) -> bool:
    return all(isinstance(part, ast.Raise) or "warnings.warn" in ast.unparse(part) for part in body[:1])


def pruned(source: str) -> str:
    """What computes of a piece of Python."""
    return ast.unparse(ast.fix_missing_locations(Pruner().visit(ast.parse(source))))


def torchvision_source(net: str) -> str | None:
    """torchvision's definition of a net, unpruned; None where it has none. Raises LookupError for another layout."""
    models = torchvision_models()
    if net not in LAYOUT or models is None:
        return None
    name, wanted = LAYOUT[net]
    path = models / f"{name}.py"
    places = [(path, wanted), *((models.parent / file, names) for file, names in ELSEWHERE.get(net, ()))]
    texts = [text for place, names in places for text in _named(place, names)]
    if net in CONFIGURATIONS:
        row = re.search(rf'^ *"{CONFIGURATIONS[net]}": (\[.*\]),$', path.read_text(encoding="utf-8"), re.MULTILINE)
        texts.append(row[1] if row else "")
    return "\n\n".join(texts)


def _named(path: Path, wanted: tuple[str, ...]) -> list[str]:
    """The text of some classes and functions of a file."""
    source = path.read_text(encoding="utf-8")
    parts = {getattr(part, "name", ""): part for part in ast.parse(source).body}
    missing = set(wanted) - parts.keys()
    if missing:
        raise LookupError(f"torchvision's {path.name} has no {', '.join(sorted(missing))}")
    return [ast.get_source_segment(source, parts[name]) or "" for name in wanted]


# --- the table -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A net: lines and tokens of its spec, tokens of torchvision's whole definition and of what computes in it."""

    net: str
    file: str
    lines: int
    tokens: int
    whole: int | None
    graph: int | None

    @property
    def ratio(self) -> float | None:
        """torchvision's graph-only tokens for one of the spec's."""
        return self.graph / self.tokens if self.graph else None


def rows() -> list[Row]:
    """A row per shipped net."""
    result = []
    for net, path in shipped().items():
        text, torch = definition(path, net), torchvision_source(net)
        whole, graph = (tokens(without_comments(torch)), tokens(pruned(torch))) if torch else (None, None)
        result.append(Row(net, path.name, lines(text), tokens(text), whole, graph))
    return result


def without_comments(source: str) -> str:
    """Python without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(body, list) and isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body[:1] = [ast.Pass()] if len(body) == 1 else []  # type: ignore[attr-defined]
    return ast.unparse(tree)


def page(table: list[Row]) -> str:
    """The table as a page of the documentation."""
    version = importlib.metadata.version("torchvision").split("+")[0] if torchvision_models() else "none"
    head = [
        "# Compactness",
        "",
        f"Made by `python benchmarks/tokens.py --save docs/compactness.md` beside torchvision {version}.",
        "",
        r"A token is a match of `\w+|[^\w\s]`. A spec counts with every block it uses; comments and `about` do not count.",
        "Of torchvision the classes and functions that define the net count, without comments and docstrings (*whole*), and",
        "of those what computes (*graph only*: no annotations, no checks that only raise or warn, no initialisation of weights,",
        "no TorchScript, checkpointing, auxiliary classifiers or preprocessing). The functions that call the classes with a net's",
        "depths do not count either. GoogLeNet's spec has its auxiliary classifiers all the same. torchvision's `alexnet` is",
        "the one of 2014: no groups, no normalisation.",
        "",
        "| net | spec | lines | tokens | torchvision, whole | graph only | graph only : spec |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in table:
        ratio = "" if row.ratio is None else f"{row.ratio:.1f}"
        cells = (row.net, row.file, row.lines, row.tokens, row.whole or "", row.graph or "", ratio)
        head.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(head) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", type=Path, help="write the page here as well")
    text = page(rows())
    print(text, end="")
    arguments = parser.parse_args()
    if arguments.save:
        arguments.save.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
