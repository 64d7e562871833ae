"""A net takes at most 32 lines, and at most a third of the tokens of torchvision's or else of Keras' definition."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from published import ROOT

from cnndsl.shipped import shipped_nets


def load_tokens() -> Any:
    """`benchmarks/tokens.py`, which is no module of the package."""
    spec = importlib.util.spec_from_file_location("compactness_tokens", ROOT / "benchmarks" / "tokens.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TOKENS = load_tokens()
NETS = list(shipped_nets())
MEASURED = [net for net in NETS if TOKENS.yardstick(net)]

LARGE = {
    "inception_resnet_v2.*": "nine kinds of modules; Keras' functions take a line for a convolution with its norm, too"
}
"""Nets that are too long, as patterns, and why. docs/compactness.md lists them with their numbers."""


def marked(nets: list[str], missing: dict[str, str]) -> list[Any]:
    """The nets as parameters, with a mark on those that are known to miss."""
    why = {net: reason for net in nets for names, reason in missing.items() if re.fullmatch(names, net)}
    return [pytest.param(n, marks=pytest.mark.xfail(reason=why[n], strict=False)) if n in why else n for n in nets]


def test_every_shipped_net_is_measured() -> None:
    assert list(TOKENS.shipped()) == NETS


@pytest.mark.parametrize("net", NETS)
def test_at_most_32_lines(net: str) -> None:
    assert TOKENS.lines(TOKENS.definition(shipped_nets()[net], net)) <= 32


@pytest.mark.parametrize("path", sorted(set(shipped_nets().values())), ids=lambda path: path.stem)
def test_a_family_takes_at_most_32_lines_a_net(path: Path) -> None:
    """With the blocks that its nets share counted once, wherever they stand."""
    nets = [net for net, file in shipped_nets().items() if file == path]
    texts = {text for net in nets for text in TOKENS.parts_of_spec(path, net)}
    assert sum(map(TOKENS.lines, texts)) <= 32 * len(nets)


@pytest.mark.parametrize("net", marked(MEASURED, LARGE))
def test_a_third_of_a_framework(net: str) -> None:
    size = TOKENS.size(TOKENS.yardstick(net), net)
    if size is None:
        pytest.skip(f"{TOKENS.yardstick(net)} is not installed")
    assert 3 * TOKENS.tokens(TOKENS.definition(shipped_nets()[net], net)) <= size.graph


@pytest.mark.parametrize("framework", TOKENS.FRAMEWORKS)
def test_every_pattern_has_its_nets(framework: str) -> None:
    for names in TOKENS.FRAMEWORKS[framework]:
        assert any(re.fullmatch(names, net) for net in NETS), names


def test_tokens_counts_blocks_and_imports(tmp_path: Path) -> None:
    """By hand: a net with a block, a block of that block from another file, and one that it does not use."""
    (tmp_path / "a.cnn").write_text("def inner(n) { conv n 3x3 }  # six times\ndef unused { relu }\n")
    spec = 'from "a.cnn" import inner as it\ndef outer { it 4 }\ndef other { relu }\n'
    spec += 'net x { about { title = "x"; } input 1x8x8 outer }\n'
    (tmp_path / "b.cnn").write_text(spec)
    text = TOKENS.definition(tmp_path / "b.cnn", "x")
    expected = (
        'from "a.cnn" import inner as it net x { input 1x8x8 outer } def outer { it 4 } def inner(n) { conv n 3x3 }'
    )
    assert TOKENS.TOKEN.findall(text) == TOKENS.TOKEN.findall(expected)


def test_a_block_counts_once_however_many_imports_lead_to_it(tmp_path: Path) -> None:
    """A label, a reference and an attribute of the name of a block are no uses of it; an unused import does not count."""
    (tmp_path / "a.cnn").write_text("def unit { relu }\ndef one { unit }\ndef two { one -> unit }\n")
    (tmp_path / "c.cnn").write_text("def far { relu }\ndef size { relu }\n")
    imports = 'from "a.cnn" import one, two\n'
    spec = f'{imports}from "c.cnn" import far, size\nnet x {{ input 8 one as far -> two -> @far -> conv size=3 }}\n'
    (tmp_path / "b.cnn").write_text(spec)
    expected = f"{imports} net x {{ input 8 one as far -> two -> @far -> conv size=3 }}"
    expected += "def one { unit } def two { one -> unit } def unit { relu }"
    text = TOKENS.definition(tmp_path / "b.cnn", "x")
    assert TOKENS.TOKEN.findall(text) == TOKENS.TOKEN.findall(expected)


def same(source: str, facts: dict[str, object], kept: str) -> bool:
    """Whether pruning leaves these tokens."""
    return bool(TOKENS.TOKEN.findall(TOKENS.pruned(source, facts)) == TOKENS.TOKEN.findall(kept))


def test_pruning_keeps_what_computes() -> None:
    source = '''
class Net(nn.Module):
    """Words."""
    def __init__(self, n: int = 3, init_weights: bool = True, batch_norm: bool = False) -> None:
        super().__init__()
        _log_api_usage_once(self)
        if n < 0:
            raise ValueError("negative")
        self.conv: nn.Module = nn.Conv2d(n, n, 1)
        if batch_norm:
            self.bn = nn.BatchNorm2d(n)
        for m in self.modules():
            nn.init.zeros_(m.weight)
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
'''
    kept = "class Net(nn.Module): def __init__(self, n=3): super().__init__() self.conv = nn.Conv2d(n, n, 1)"
    kept += " def forward(self, x): return self.conv(x)"
    assert same(source, {"batch_norm": False}, kept)


def test_pruning_keeps_the_depths_of_a_net() -> None:
    source = """
def net50(*, weights: W = None, progress: bool = True, width: int = 2, **kwargs: Any) -> Net:
    weights = W.verify(weights)
    _ovewrite_named_param(kwargs, "groups", 32)
    return _net(Block, [3, 4, 6, 3], weights, progress, **kwargs)
def _net(block: type, depths: list[int], weights: W, progress: bool, **kwargs: Any) -> Net:
    if weights is not None:
        _ovewrite_named_param(kwargs, "num_classes", len(weights.meta["categories"]))
    model = Net(block, depths, **kwargs)
    if weights is not None:
        model.load_state_dict(weights.get_state_dict(progress=progress))
    return model
"""
    kept = "def net50(*, width=2, **kwargs): _ovewrite_named_param(kwargs, 'groups', 32)"
    kept += " return _net(Block, [3, 4, 6, 3], **kwargs)"
    kept += " def _net(block, depths, **kwargs): model = Net(block, depths, **kwargs) return model"
    assert same(source, TOKENS.NO_WEIGHTS, kept)


def test_pruning_keeps_what_computes_in_keras() -> None:
    """By hand: the plumbing of a Keras application goes; a condition that depends on more than its options stays."""
    source = '''
def Net(include_top=True, weights="imagenet", input_tensor=None, classes=1000, classifier_activation="softmax", name="n"):
    """Words."""
    if not (weights in {"imagenet", None} or file_utils.exists(weights)):
        raise ValueError("weights")
    if input_tensor is None:
        x = layers.Input(shape=input_shape)
    else:
        x = input_tensor
    bn_axis = 3 if backend.image_data_format() == "channels_last" else 1
    with backend.name_scope("a"):
        x = layers.Conv2D(8, 3, name=f"{name}_conv", kernel_initializer="he_normal")(x)
    if x.shape[bn_axis] != 8:
        x = layers.BatchNormalization(axis=bn_axis, epsilon=1e-3)(x)
    if include_top:
        imagenet_utils.validate_activation(classifier_activation, weights)
        x = layers.Dense(classes, activation=classifier_activation, name="predictions")(x)
    else:
        x = layers.GlobalMaxPooling2D()(x)
    model = Functional(inputs, x, name=name)
    if weights == "imagenet":
        model.load_weights(weights_path)
    return model
'''
    kept = "def Net(classes=1000): x = layers.Input() x = layers.Conv2D(8, 3)(x)"
    kept += " if x.shape[bn_axis] != 8: x = layers.BatchNormalization(epsilon=0.001)(x)"
    kept += " x = layers.Dense(classes)(x) model = Functional(inputs, x) return model"
    assert same(source, TOKENS.KERAS_OPTIONS, kept)


@pytest.mark.parametrize("framework", TOKENS.VERSIONS)
def test_frameworks_are_as_expected(framework: str) -> None:
    """Every definition that the tables name is there, and something is left of each."""
    folder = TOKENS.package(framework)
    if folder is None:
        pytest.skip(f"{framework} is not installed")
    for part in (part for parts in TOKENS.FRAMEWORKS[framework].values() for part in parts):
        for text in TOKENS.source_of(folder, part):
            assert TOKENS.tokens(TOKENS.pruned(text, part.facts)) > 5, part


def test_page_is_up_to_date() -> None:
    for framework, version in TOKENS.VERSIONS.items():
        if TOKENS.package(framework) is None or importlib.metadata.version(framework).split("+")[0] != version:
            pytest.skip(f"the page was made beside {framework} {version}")
    text = (ROOT / "docs" / "compactness.md").read_text(encoding="utf-8")
    assert text == TOKENS.page(), "run: python benchmarks/tokens.py --save docs/compactness.md"
