"""How much text a net takes: `python benchmarks/tokens.py [--save docs/compactness.md]`.

Every shipped spec beside torchvision's, Keras' or timm's definition of the same net, in tokens of the pattern
`\\w+|[^\\w\\s]`. A spec counts with every block it uses, once, and with the lines that import them; its comments and its
`about` are left out. Of a framework's source only the classes, functions and tables that define the net count, and of
those only what computes: `Pruner` says what is taken away first. The frameworks are read, never imported.

The file has more than 300 lines, a quarter of them tables, because it stands alone: a script that imports nothing of
the project, and that a test loads by its path.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "specs"
TOKEN = re.compile(r"\w+|[^\w\s]")
ITEM = re.compile(r"^(def|net|from)\b", re.MULTILINE)
WORD = re.compile(r"(?<![@\w])(?<!\bas )[A-Za-z_]\w*(?!\s*=)")
"""A word of a spec that may name a block: no label, no reference, no attribute."""

VERSIONS = {"torchvision": "0.28.0", "keras": "3.15.1", "timm": "1.0.31"}
"""The page is made beside these."""


# --- where a framework defines a net -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """Definitions of one file of a framework, and what is known of their options where they define the net.

    `A.b` is the function `b` inside of the function `A`, or the entry `b` of the table `A`. What has a known value is
    folded (`if batch_norm:` leaves one of its branches) and is left out of signatures, calls and assignments.

    The function that calls the definitions with a net's depths or widths (`resnet50`, `NASNetMobile`) belongs to them, and what
    it calls to do so (`_resnet`): without it nothing says which net of the family this is, nor that VGG's layers are made of a
    row of its table; a spec's net has its depths, too. Loading is folded away in them. A function that hands nothing on
    (`alexnet`) does not count.
    """

    file: str
    names: str
    facts: Mapping[str, object] = field(default_factory=dict)


NO_DILATION: dict[str, object] = {"dilate": False, "replace_stride_with_dilation": None}
NO_HEAD: dict[str, object] = {"_forward_impl": None, "avgpool": None, "fc": None}
AUX = {"aux_logits": True}


NO_WEIGHTS: dict[str, object] = {"weights": None, "progress": None}
"""A function with a net's depths loads nothing."""


def _resnet(block: str, net: str) -> tuple[Part, ...]:
    blocks = Part("models/resnet.py", f"conv3x3 conv1x1 {block} ResNet", NO_DILATION)
    return blocks, Part("models/resnet.py", f"_resnet {net}", NO_WEIGHTS)


def _vgg(row: str, net: str) -> tuple[Part, ...]:
    facts = NO_WEIGHTS | {"batch_norm": net.endswith("_bn")}
    return (Part("models/vgg.py", f"VGG make_layers cfgs.{row} _vgg {net}", facts),)


def _segmentation(file: str, names: str) -> tuple[Part, ...]:
    backbone = (Part("models/resnet.py", "conv3x3 conv1x1 Bottleneck"), Part("models/resnet.py", "ResNet", NO_HEAD))
    head = (Part("models/segmentation/fcn.py", "FCNHead"), Part(f"models/segmentation/{file}.py", names))
    shared = (Part("models/segmentation/_utils.py", "_SimpleSegmentationModel"),)
    return *backbone, Part("models/_utils.py", "IntermediateLayerGetter"), *head, *shared


CONV_NORM = Part("ops/misc.py", "ConvNormActivation Conv2dNormActivation")
DIVISIBLE = Part("models/_utils.py", "_make_divisible")
INCEPTION = "Inception3 InceptionA InceptionB InceptionC InceptionD InceptionE InceptionAux BasicConv2d"
MBCONV = "_MBConvConfig MBConvConfig MBConv EfficientNet _efficientnet_conf _efficientnet efficientnet_b0"
SHUFFLENET = "channel_shuffle InvertedResidual ShuffleNetV2 _shufflenetv2 shufflenet_v2_x1_0"
RETINANET = (
    Part("models/resnet.py", "conv3x3 conv1x1 Bottleneck"),
    Part("models/resnet.py", "ResNet", NO_DILATION | NO_HEAD),
    Part("models/_utils.py", "IntermediateLayerGetter"),
    Part("models/detection/backbone_utils.py", "BackboneWithFPN"),
    Part("ops/feature_pyramid_network.py", "FeaturePyramidNetwork LastLevelP6P7"),
    Part("models/detection/retinanet.py", "RetinaNetHead RetinaNetClassificationHead RetinaNetRegressionHead"),
    CONV_NORM,
)
DENSENET = Part("models/densenet.py", "_DenseLayer _DenseBlock _Transition DenseNet")
VGG_ROWS = {11: "A", 13: "B", 16: "D", 19: "E"}


def _densenet(depth: int) -> Part:
    return Part("models/densenet.py", f"_densenet densenet{depth}", NO_WEIGHTS)


def _squeezenet(version: str) -> tuple[Part, ...]:
    names = f"Fire SqueezeNet _squeezenet squeezenet{version}"
    return (Part("models/squeezenet.py", names, NO_WEIGHTS | {"version": version}),)


TORCHVISION: dict[str, tuple[Part, ...]] = {
    "alexnet(_torchvision)?": (Part("models/alexnet.py", "AlexNet"),),
    **{f"vgg{n}{norm}": _vgg(row, f"vgg{n}{norm}") for n, row in VGG_ROWS.items() for norm in ("", "_bn")},
    "googlenet(_torchvision)?": (Part("models/googlenet.py", "GoogLeNet Inception InceptionAux BasicConv2d", AUX),),
    "inception_v3(_keras)?": (Part("models/inception.py", INCEPTION, AUX),),
    **{f"resnet{n}": _resnet("BasicBlock", f"resnet{n}") for n in (18, 34)},
    **{f"resnet{n}(_v1|_v1_caffe|_keras)?": _resnet("Bottleneck", f"resnet{n}") for n in (50, 101, 152)},
    "resnext50.*": _resnet("Bottleneck", "resnext50_32x4d"),
    "resnext101_(32x4d|32x8d|keras)": _resnet("Bottleneck", "resnext101_32x8d"),
    **{net: _resnet("Bottleneck", net) for net in ("resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2")},
    **{f"densenet{n}(_keras)?": (DENSENET, _densenet(n)) for n in (121, 161, 169, 201)},
    **{f"squeezenet{version}": _squeezenet(version) for version in ("1_0", "1_1")},
    "mobilenet_v2(_keras)?": (Part("models/mobilenetv2.py", "InvertedResidual MobileNetV2"), CONV_NORM, DIVISIBLE),
    "shufflenet_v2": (Part("models/shufflenetv2.py", SHUFFLENET, NO_WEIGHTS),),
    "efficientnet_b0(_keras)?": (
        Part("models/efficientnet.py", MBCONV, NO_WEIGHTS | {"arch": "efficientnet_b0"}),
        *(CONV_NORM, Part("ops/misc.py", "SqueezeExcitation"), DIVISIBLE),
    ),
    "deeplabv3_resnet50": _segmentation(
        "deeplabv3", "DeepLabV3 DeepLabHead ASPPConv ASPPPooling ASPP _deeplabv3_resnet"
    ),
    "fcn_resnet50": _segmentation("fcn", "FCN _fcn_resnet"),
    "retinanet(_c5)?": RETINANET,
}
"""Nets, as patterns of their names, and where torchvision has them, up to details (a bias, a norm's constants, a stride)."""


def _keras(file: str, names: str, **facts: object) -> Part:
    return Part(f"src/applications/{file}.py", names, KERAS_OPTIONS | facts)


KERAS_OPTIONS: dict[str, object] = {
    "backend": SimpleNamespace(image_data_format=lambda: "channels_last"),
    "include_top": True,
    **dict.fromkeys(("weights", "weights_name", "classifier_activation", "pooling", "input_tensor", "input_shape")),
    **dict.fromkeys(("default_size", "rows", "cols", "row_axis", "col_axis")),
    **dict.fromkeys(("name", "bn_name", "ac_name", "conv_name", "block_name", "prefix", "get_config")),
    **dict.fromkeys(("kernel_initializer", "depthwise_initializer")),
    **dict.fromkeys(("bn_axis", "channel_axis", "channel_dim"), 3),
    "img_dim": 2,
}
"""Options of every Keras application: the head is there, no weights are loaded, the input is a new one, channels come last.

What only names layers goes with them, and what initialises weights.
"""

KERAS_PAD = _keras("imagenet_utils", "correct_pad")
KERAS_DENSENET = "dense_block transition_block conv_block DenseNet"
KERAS_NASNET = "NASNet _separable_conv_block _adjust_block _normal_a_cell _reduction_a_cell"

KERAS: dict[str, tuple[Part, ...]] = {
    "vgg16": (_keras("vgg16", "VGG16"),),
    "vgg19": (_keras("vgg19", "VGG19"),),
    **{
        f"resnet{n}(_v1|_v1_caffe|_keras)?": (
            _keras("resnet", "ResNet", preact=False),
            _keras("resnet", f"residual_block_v1 stack_residual_blocks_v1 ResNet{n}"),
        )
        for n in (50, 101, 152)
    },
    **{
        f"resnet{n}v2_keras": (
            _keras("resnet", "ResNet", preact=True),
            _keras("resnet", "residual_block_v2 stack_residual_blocks_v2"),
            _keras("resnet_v2", f"ResNet{n}V2"),
        )
        for n in (50, 101, 152)
    },
    "inception_v3(_keras)?": (_keras("inception_v3", "InceptionV3 conv2d_bn"),),
    "inception_resnet_v2(_keras)?": (
        _keras(
            "inception_resnet_v2", "InceptionResNetV2 conv2d_bn CustomScaleLayer inception_resnet_block", block_idx=None
        ),
    ),
    "xception(_timm)?": (_keras("xception", "Xception"),),
    **{f"densenet{n}(_keras)?": (_keras("densenet", f"{KERAS_DENSENET} DenseNet{n}"),) for n in (121, 169, 201)},
    "mobilenet_v1|mobilenet_keras": (
        _keras("mobilenet", "MobileNet _conv_block _depthwise_conv_block", block_id=None),
    ),
    "mobilenet_v2(_keras)?": (_keras("mobilenet_v2", "MobileNetV2 _inverted_res_block _make_divisible"), KERAS_PAD),
    "efficientnet_b0(_keras)?": (
        _keras("efficientnet", "EfficientNet block DEFAULT_BLOCKS_ARGS EfficientNetB0"),
        KERAS_PAD,
    ),
    **{
        f"nasnet_{size.lower()}(_keras)?": (_keras("nasnet", f"{KERAS_NASNET} NASNet{size}", block_id=None), KERAS_PAD)
        for size in ("Mobile", "Large")
    },
}
"""The same for Keras."""

INCEPTION_V4 = "Mixed3a Mixed4a Mixed5a InceptionA ReductionA InceptionB ReductionB InceptionC InceptionV4"
DARKNET = "DarkBlock DarkStage create_csp_stem _get_stage_fn _get_block_fn _get_attn_fn create_csp_stages CspNet"

TIMM: dict[str, tuple[Part, ...]] = {
    "inception_v4": (Part("models/inception_v4.py", INCEPTION_V4),),
    "dpn68": (Part("models/dpn.py", "BnAct BnActConv2d DualPathBlock DPN", {"b": False, "small": True}),),
    "se_resnet50(_timm)?": (Part("models/senet.py", "SEModule Bottleneck SEResNetBottleneck SENet"),),
    "hrnet_w18": (
        Part("models/hrnet.py", "HighResolutionModule SequentialList HighResolutionNet"),
        Part("models/resnet.py", "BasicBlock Bottleneck"),
    ),
    "darknet53": (Part("models/cspnet.py", DARKNET),),
}
"""The same for timm, of nets that neither of the others has, with all the options that timm has for them."""

FRAMEWORKS = {"torchvision": TORCHVISION, "keras": KERAS, "timm": TIMM}


# --- specs ---------------------------------------------------------------------------------------------------------


def tokens(text: str) -> int:
    """How many words, numbers and marks a text has."""
    return len(TOKEN.findall(text))


def lines(text: str) -> int:
    """How many lines of a text are not blank."""
    return sum(bool(line.strip()) for line in text.splitlines())


@dataclass(frozen=True)
class Spec:
    """A file without its comments and its `about`: nets and blocks by name, and imports by the name they give.

    An import is its line, the file it reads and the name there.
    """

    nets: dict[str, str]
    blocks: dict[str, str]
    imports: dict[str, tuple[str, Path, str]]


@cache
def read(path: Path) -> Spec:
    """The parts of a spec's file."""
    text = re.sub(r"#[^\n]*", "", path.read_text(encoding="utf-8"))
    text = re.sub(r"\babout\s*\{[^}]*\}", "", text)
    starts = [match.start() for match in ITEM.finditer(text)]
    spec = Spec({}, {}, {})
    for part in (text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)):
        if named := re.match(r"(def|net)\s+(\w+)", part):
            (spec.nets if named[1] == "net" else spec.blocks)[named[2]] = part
        elif source := re.match(r'from\s+"([^"]+)"\s+import\b(.*)', part, re.DOTALL):
            for original, _, new in re.findall(r"(\w+)(\s+as\s+(\w+))?", source[2]):
                spec.imports[new or original] = (part, path.with_name(source[1]), original)
    return spec


def uses(file: Path, text: str) -> Iterator[tuple[str, Path, str]]:
    """The blocks that a text of a file may use: the line that imports it (or nothing), the block's file and its name there."""
    spec = read(file)
    for word in WORD.findall(text):
        if word in spec.blocks:
            yield "", file, word
        elif word in spec.imports:
            yield spec.imports[word]


def parts_of_spec(path: Path, net: str) -> list[str]:
    """What defines a net: lines that import, the net, and every block that it uses, at any depth, each once."""
    text = read(path).nets[net]
    imports, blocks, waiting = dict[str, None](), dict[tuple[Path, str], str](), [(path, text)]
    for file, part in waiting:
        for line, place, name in uses(file, part):
            imports[line] = None
            if (place, name) not in blocks:
                blocks[place, name] = read(place).blocks[name]
                waiting.append((place, blocks[place, name]))
    return [*imports, text, *blocks.values()]


def definition(path: Path, net: str) -> str:
    """The text that defines a net."""
    return "".join(parts_of_spec(path, net))


def shipped() -> dict[str, Path]:
    """The file of every shipped net."""
    return {net: path for path in sorted(SPECS.glob("*.cnn")) for net in read(path).nets}


# --- sources -------------------------------------------------------------------------------------------------------

NO_ARITHMETIC = {
    *("init_weights", "zero_init_residual", "zero_init_last", "memory_efficient", "transform_input", "_version"),
    *(
        "__constants__",
        "__annotations__",
        "any_requires_grad",
        "_transform_input",
        "eager_outputs",
        "prior_probability",
    ),
    *("_load_from_state_dict", "compute_loss", "BETWEEN_THRESHOLDS", "box_coder", "_loss_type"),
    *("get_result_from_inner_blocks", "get_result_from_layer_blocks"),  # TorchScript's `self.blocks[i](x)`
    *("get_classifier", "reset_classifier", "group_matcher", "set_grad_checkpointing", "grad_checkpointing"),
    *("forward_intermediates", "prune_intermediate_layers", "feature_info", "dd", "device", "dtype"),
}
"""Parameters, variables and methods of initialisation, checkpointing, preprocessing, losses, loading, devices."""

INITIALISES = (
    "nn.init.",
    "torch.nn.init.",
    "_log_api_usage_once",
    "warnings.warn",
    "imagenet_utils.validate_activation",
)
NO_VALUE = ("cast(", "layers.Rescaling(", "layers.Normalization(", "layers.Activation(activation=classifier_activation")


class Pruner(ast.NodeTransformer):
    """Takes away what does not compute, so that the count is fair to a framework (and rather in its favour).

    Docstrings, annotations, decorators, asserts and checks that only raise or warn, initialisation of weights, logging,
    TorchScript's and checkpointing's branches, preprocessing, losses, loading, wrappers of `_forward`; of an option
    with a known value, the branch that the net does not take. Of Keras also the names of layers, the axis of the
    channels, and the last softmax, which no spec has.
    """

    def __init__(self, facts: Mapping[str, object]) -> None:
        self.facts = dict(facts)
        self.names = NO_ARITHMETIC | facts.keys()

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = []
        methods = {method.name: method for method in node.body if isinstance(method, ast.FunctionDef)}
        if "_forward_impl" in methods or "_transform_input" in methods:  # `forward` calls the other one, and no more
            node.body.remove(methods["forward"])
        return self._body(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        if node.name in self.names or any("jit" in ast.unparse(mark) for mark in node.decorator_list):
            return None
        node.decorator_list, node.returns = [], None
        arguments = node.args
        kept = [a for a in arguments.args if a.arg not in self.names]
        given = dict(zip([a.arg for a in arguments.args][::-1], arguments.defaults[::-1], strict=False))
        arguments.args, arguments.defaults = kept, [given[a.arg] for a in kept if a.arg in given]
        only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        named = [(a, value) for a, value in only if a.arg not in self.names]
        arguments.kwonlyargs, arguments.kw_defaults = [a for a, _ in named], [value for _, value in named]
        for argument in [*kept, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
            if argument:
                argument.annotation = None
        return self._body(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [given for given in node.args if _name(given) not in self.facts]
        node.keywords = [word for word in node.keywords if not {word.arg, _name(word.value)} & self.names]
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.AST] | None:
        known = self._known(node.test)
        if known is not None:
            return self._visited(node.body if known else node.orelse)
        words = set(re.findall(r"\w+", ast.unparse(node.test)))
        if _only_complains(node.body) or words & {"is_scripting", "memory_efficient"}:
            return self._visited(node.orelse)
        if _only_complains(node.orelse):
            node.orelse = []
        return None if words & NO_ARITHMETIC else self._unless_empty(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        known = self._known(node.test)
        chosen: ast.AST = node if known is None else node.body if known else node.orelse
        return self.generic_visit(node) if chosen is node else self.visit(chosen)

    def visit_With(self, node: ast.With) -> ast.AST | list[ast.AST]:
        return self._visited(node.body) if "name_scope" in ast.unparse(node.items[0]) else self.generic_visit(node)

    def visit_For(self, node: ast.For) -> ast.AST | None:
        return None if ".modules()" in ast.unparse(node.iter) else self._unless_empty(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        noise = isinstance(node.value, ast.Constant) or ast.unparse(node).startswith(INITIALISES)
        called = getattr(node.value, "func", None)  # `feature_info.append(...)`
        owner = _name(called.value) if isinstance(called, ast.Attribute) else ""
        return None if noise or owner in NO_ARITHMETIC else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        target = node.targets[0]
        names = {_name(part) for part in (target.elts if isinstance(target, ast.Tuple) else [target])}
        idle = ast.unparse(node.value).startswith(NO_VALUE)
        return None if names <= self.names or idle else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.visit_Assign(ast.copy_location(ast.Assign([node.target], node.value), node))

    def _known(self, test: ast.expr) -> bool | None:
        """What a condition is, None where it depends on more than the facts."""
        try:
            return bool(eval(ast.unparse(test), {"__builtins__": {}}, self.facts))
        except (NameError, TypeError, AttributeError):
            return None

    def _visited(self, body: list[ast.stmt]) -> list[ast.AST]:
        found = [self.visit(part) for part in body]
        return list(chain.from_iterable(part if isinstance(part, list) else [part] for part in found if part))

    def _unless_empty(self, node: ast.If | ast.For) -> ast.AST | None:
        self.generic_visit(node)
        return self._filled(node) if node.body or node.orelse else None

    def _body(self, node: ast.AST) -> ast.AST:
        return self._filled(self.generic_visit(node))

    def _filled(self, node: ast.AST) -> ast.AST:
        if not getattr(node, "body", True):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _only_complains(body: list[ast.stmt]) -> bool:
    return all(isinstance(part, ast.Raise) or "warnings.warn" in ast.unparse(part) for part in body[:1])


def pruned(source: str, facts: Mapping[str, object]) -> str:
    """What computes of a piece of Python, where something is known of its options."""
    return ast.unparse(ast.fix_missing_locations(Pruner(facts).visit(ast.parse(source))))


def without_comments(source: str) -> str:
    """Python without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(body, list) and isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body[:1] = [ast.Pass()] if len(body) == 1 else []  # type: ignore[attr-defined]
    return ast.unparse(tree)


def package(framework: str) -> Path | None:
    """The folder of a framework, None where it is not installed."""
    spec = importlib.util.find_spec(framework)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def parts_of(framework: str, net: str) -> tuple[Part, ...]:
    """What defines a net in a framework; nothing where it does not have it."""
    return next((parts for names, parts in FRAMEWORKS[framework].items() if re.fullmatch(names, net)), ())


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def source_of(folder: Path, part: Part) -> Iterator[str]:
    """The definitions that a part names. Raises LookupError where a framework's version has another layout."""
    for dotted in part.names.split():
        found: ast.AST | None = _tree(folder / part.file)
        for name in dotted.split("."):
            found = found and _member(found, name)
        if found is None:
            raise LookupError(f"{part.file} has no {dotted}")
        yield ast.unparse(found)


def _member(node: ast.AST, name: str) -> ast.AST | None:
    """A class, function or table of a module, a function of a function, an entry of a table."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
        rows = zip(node.value.keys, node.value.values, strict=True)
        return next((value for key, value in rows if isinstance(key, ast.Constant) and key.value == name), None)
    for part in getattr(node, "body", []):
        targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
        if getattr(part, "name", None) == name or name in map(_name, filter(None, targets)):
            return part  # type: ignore[no-any-return]
    return None


# --- the table -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Size:
    """Tokens of a framework's definition of a net: all of it, and what computes in it."""

    whole: int
    graph: int


def size(framework: str, net: str) -> Size | None:
    """The size of a net in a framework, None where it does not have it or is not installed."""
    folder, parts = package(framework), parts_of(framework, net)
    if folder is None or not parts:
        return None
    texts = [(text, part.facts) for part in parts for text in source_of(folder, part)]
    whole = sum(tokens(without_comments(text)) for text, _ in texts)
    return Size(whole, sum(tokens(pruned(text, facts)) for text, facts in texts))


def yardstick(net: str) -> str | None:
    """The framework that a net is measured by: torchvision where it has the net, else Keras where that has it."""
    return next((name for name in ("torchvision", "keras") if parts_of(name, net)), None)


@dataclass(frozen=True)
class Row:
    """A net: lines and tokens of its spec, and its sizes in the frameworks."""

    net: str
    file: str
    lines: int
    tokens: int
    sizes: dict[str, Size | None]

    @property
    def misses(self) -> list[str]:
        """What is longer than 32 lines or a third of the framework that it is measured by."""
        name = yardstick(self.net)
        found = self.sizes[name] if name else None
        long = [f"{self.lines} lines"] if self.lines > 32 else []
        large = [f"1 : {found.graph / self.tokens:.1f} of {name}"] if found and 3 * self.tokens > found.graph else []
        return long + large

    def __str__(self) -> str:
        cells: list[object] = [self.net, self.file, self.lines, self.tokens]
        for found in self.sizes.values():
            cells += [found.whole, found.graph, f"{found.graph / self.tokens:.1f}"] if found else [""] * 3
        return f"| {' | '.join(map(str, cells))} |"


def row(net: str, path: Path) -> Row:
    """The row of a net."""
    text = definition(path, net)
    return Row(net, path.name, lines(text), tokens(text), {name: size(name, net) for name in FRAMEWORKS})


def page() -> str:
    """The table as a page of the documentation."""
    rows = [row(net, path) for net, path in shipped().items()]
    missed = [f"| {found.net} | {', '.join(found.misses)} |" for found in rows if found.misses]
    beside = ", ".join(f"{name} {importlib.metadata.version(name).split('+')[0]}" for name in VERSIONS)
    short = ["", "## Too long", "", TOO_LONG, "", "| net | |", "|---|---|", *missed] if missed else []
    return "\n".join([HEAD.replace("BESIDE", beside), *map(str, rows), *short]) + "\n"


HEAD = r"""# Compactness

Made by `python benchmarks/tokens.py --save docs/compactness.md` beside BESIDE.

A token is a match of `\w+|[^\w\s]`. A spec counts with every block it uses, once, and with the lines that import them;
comments and `about` do not count. Of a framework the classes, functions and tables that define the net count, without
comments and docstrings (*whole*), and of those what computes (*graph*): no annotations, no checks that only raise or
warn, no initialisation of weights, no TorchScript, checkpointing, preprocessing, losses or loading, and of an option
that tells nets of a family apart (batch normalisation in VGG, the version of SqueezeNet) the branch of this net alone.
Other options stay, as parameters of a block stay in a spec, and so do auxiliary classifiers, which the specs have too.
The functions that call the definitions with a net's depths or widths count, too, as a spec's net has them: without what
they load. Of RetinaNet the backbone, the pyramid and the heads count, not anchors, boxes and losses.

Of Keras' functions also everything that follows from `include_top=True`, `weights=None`, `input_tensor=None` and
channels that come last is folded away, and with it `pooling`, the input's shape, the axis of the channels and the
softmax of `classifier_activation`; `name=` arguments, and what only makes names, do not count either.

A framework has a net here if its net is the same up to details: a bias, the constants of a norm, where a stride stands, an
auxiliary classifier. Its `alexnet` is the one of 2014 (no groups, no normalisation). timm is shown where neither of the
others has the net, for information: its definitions have many more options. *Ratio*: the framework's tokens (graph)
for one of the spec's.

| net | spec | lines | tokens | torchvision, whole | graph | ratio | Keras, whole | graph | ratio | timm, whole | graph | ratio |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""

TOO_LONG = """\
More than 32 lines with all blocks, or more than a third of torchvision's tokens (graph) where torchvision has the net,
else of Keras' where Keras has it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", type=Path, help="write the page here as well")
    arguments = parser.parse_args()
    text = page()
    print(text, end="")
    if arguments.save:
        arguments.save.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
