"""What keeps open sizes out of a net, as text: the specs of `tests/limits/`, whole text compared; and what holds of them all."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalogue import options, patience, text_of, working_in
from conftest import Golden

from cnndsl import api, check
from cnndsl.contract import covers
from cnndsl.graph import Graph
from cnndsl.suggest import apply

FOLDER = Path(__file__).parent / "limits"
SPECS = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.cnn"))]


def graph_of(path: Path, text: str = "") -> Graph:
    asked = options(path)
    return check(text or path, None if asked is None else asked[1])


@pytest.mark.parametrize("path", SPECS)
def test_whole_text(path: Path, golden: Golden) -> None:
    asked = options(path)
    with working_in(path.parent), patience():
        found = api.limits(path.name, None if asked is None else asked[1])
        contract = graph_of(Path(path.name)).contract
    golden(path.with_suffix(".txt"), f"{contract}\n\n{text_of(found)}")


@pytest.mark.parametrize("path", SPECS)
def test_every_help_lets_more_sizes_in(path: Path) -> None:
    """With the edit the net accepts all that it accepted, and a size that it did not."""
    asked = options(path)
    with patience():
        found = api.limits(path, None if asked is None else asked[1])
    before = graph_of(path).contract
    for diagnostic in found:
        for help_ in (help_ for help_ in diagnostic.helps if help_.edits):
            (text,) = apply(help_.edits).values()
            after = graph_of(path, text).contract
            assert covers(after, before), help_
            assert not covers(before, after), help_


@pytest.mark.parametrize("path", SPECS)
def test_the_smallest_example_is_the_smallest(path: Path) -> None:
    """Of all sizes up to 24 that the net does not accept, none is smaller than the smallest one that is named."""
    asked = options(path)
    contract = graph_of(path).contract
    assert contract is not None
    with patience():
        found = api.limits(path, None if asked is None else asked[1])
    named = [note.split()[3].rstrip(":") for d in found for note in d.notes if note.startswith("the smallest is")]
    sums = [sum(map(int, sizes.split("x"))) for sizes in named]
    rejected = [h + w for h in range(1, 25) for w in range(1, 25) if not contract.accepts(h, w)]
    for sizes in named:
        assert not contract.accepts(*map(int, sizes.split("x")))
    if sums:
        assert min(rejected) <= min(sums)
    if all(diagnostic.code != "E0218" for diagnostic in found):
        assert min(rejected) == min(sums)


def test_nothing_to_say_without_open_sizes() -> None:
    assert api.limits("resnet18") == ()
