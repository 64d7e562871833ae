"""A net takes at most a third of the tokens of torchvision's definition, and at most 32 lines."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from published import PUBLISHED, ROOT

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
HAS_TORCHVISION = TOKENS.torchvision_models() is not None


@pytest.mark.parametrize("net", PUBLISHED)
def test_at_most_32_lines(net: str) -> None:
    assert TOKENS.lines(TOKENS.definition(shipped_nets()[net], net)) <= 32


@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed")
@pytest.mark.parametrize("net", TOKENS.LAYOUT)
def test_a_third_of_torchvision(net: str) -> None:
    spec = TOKENS.definition(shipped_nets()[net], net)
    assert 3 * TOKENS.tokens(spec) <= TOKENS.tokens(TOKENS.pruned(TOKENS.torchvision_source(net)))


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


def test_pruning_keeps_what_computes() -> None:
    source = '''
class Net(nn.Module):
    """Words."""
    def __init__(self, n: int = 3, init_weights: bool = True) -> None:
        super().__init__()
        _log_api_usage_once(self)
        if n < 0:
            raise ValueError("negative")
        self.conv: nn.Module = nn.Conv2d(n, n, 1)
        for m in self.modules():
            nn.init.zeros_(m.weight)
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
'''
    kept = "class Net(nn.Module): def __init__(self, n=3): super().__init__() self.conv = nn.Conv2d(n, n, 1)"
    kept += " def forward(self, x): return self.conv(x)"
    assert TOKENS.TOKEN.findall(TOKENS.pruned(source)) == TOKENS.TOKEN.findall(kept)


@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed")
def test_page_is_up_to_date() -> None:
    if importlib.metadata.version("torchvision").split("+")[0] != "0.28.0":
        pytest.skip("the page was made beside torchvision 0.28.0")
    text = (ROOT / "docs" / "compactness.md").read_text(encoding="utf-8")
    assert text == TOKENS.page(TOKENS.rows()), "run: python benchmarks/tokens.py --save docs/compactness.md"
