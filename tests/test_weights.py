"""Weights in and out: what matches, what is said where it does not, and files that mean harm."""

from __future__ import annotations

import json
import os
import pickle
import random
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import programs
import pytest
import safetensors
import torch
from hypothesis import given, settings
from peers import PEERS, Peer, available
from safetensors.torch import load_file, save_file
from test_random_programs import QUIET, checked
from torch import Tensor, nn

import cnndsl
from cnndsl import FreshWeights, SpecError
from cnndsl.weights import Fit, fit
from cnndsl.weights.order import by_names, natural
from cnndsl.weights.unit import net_side

SMALL = """
def unit(n, stride = 1) { conv n 3x3/stride+1 -> bn -> relu }
net small(classes = 4) {
  input 3x16x16
  unit 8 -> residual project { unit 8 -> conv 8 3x3+1 -> bn } -> relu -> residual project { unit 16 2 -> conv 16 3x3+1 -> bn }
  -> sepconv 16 3x3+1 -> globalavgpool -> fc classes
}
"""


class Small(nn.Module):
    """The same net as `SMALL`, its parts called and ordered in another way: shortcut and classifier are defined first."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.classifier = nn.Linear(16, classes)
        self.short = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8))
        self.first = nn.Sequential(*self.pair(8, 8, 1))
        self.second = nn.Sequential(*self.pair(8, 16, 2))
        self.depth = nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False)
        self.point = nn.Conv2d(16, 16, 1)

    @staticmethod
    def pair(c: int, n: int, stride: int) -> tuple[nn.Module, ...]:
        first = (nn.Conv2d(c, n, 3, stride, 1, bias=False), nn.BatchNorm2d(n), nn.ReLU())
        return (*first, nn.Conv2d(n, n, 3, 1, 1, bias=False), nn.BatchNorm2d(n))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        x = (x + self.first(x)).relu()
        x = self.short(x) + self.second(x)
        found: Tensor = self.classifier(self.point(self.depth(x)).mean((2, 3)))
        return found


@pytest.fixture
def small() -> Small:
    torch.manual_seed(0)
    module = Small()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return module.eval()


def same(ours: nn.Module, theirs: nn.Module) -> bool:
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        return torch.allclose(ours.eval()(images), theirs(images), atol=1e-6)


def refused(weights: Any, code: str, spec: str = SMALL, **params: Any) -> str:
    with pytest.raises(SpecError) as caught:
        cnndsl.loads(spec, weights=weights, **params)
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == [code]
    return str(caught.value)


# --- what is read ----------------------------------------------------------------------------------------------------


def test_a_module_and_its_state_dict(small: Small) -> None:
    assert same(cnndsl.loads(SMALL, weights=small), small)
    assert same(cnndsl.loads(SMALL, weights=small.state_dict()), small)


@pytest.mark.parametrize("holder", ["state_dict", "model", None])
def test_a_checkpoint_of_a_training_script(small: Small, tmp_path: Path, holder: str | None) -> None:
    state = {f"module.{name}": value for name, value in small.state_dict().items()}  # as DataParallel names them
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}
    torch.save({"epoch": 3, "optimizer": optimizer, holder: state} if holder else state, tmp_path / "c.pth")
    assert same(cnndsl.loads(SMALL, weights=tmp_path / "c.pth"), small)


def test_the_format_before_torch_1_6(small: Small, tmp_path: Path) -> None:
    torch.save(small.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert same(cnndsl.loads(SMALL, weights=str(tmp_path / "old.pth")), small)


def test_safetensors_and_numpy(small: Small, tmp_path: Path) -> None:
    save_file(small.state_dict(), tmp_path / "net.bin")  # told apart by what is in it
    assert same(cnndsl.loads(SMALL, weights=tmp_path / "net.bin"), small)
    assert same(cnndsl.loads(SMALL, weights={k: v.numpy() for k, v in small.state_dict().items()}), small)


def test_half_precision_is_widened(small: Small) -> None:
    state = {name: value.half() if value.is_floating_point() else value for name, value in small.state_dict().items()}
    module = cnndsl.loads(SMALL, weights=state)
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}
    assert same(module, small.half().float())


def test_weights_are_copies(small: Small) -> None:
    module = cnndsl.loads(SMALL, weights=small)
    for parameter in module.parameters():
        assert parameter.requires_grad
        parameter.data.zero_()
    assert small.classifier.weight.abs().sum() > 0


def test_statistics_without_a_counter(small: Small) -> None:
    """Checkpoints from before torch 0.4.1, and Keras', have no `num_batches_tracked`."""
    state = {name: value for name, value in small.state_dict().items() if "num_batches" not in name}
    assert same(cnndsl.loads(SMALL, weights=state), small)


def test_names_that_agree_need_no_order() -> None:
    module = cnndsl.loads(SMALL).eval()
    state = list(module.state_dict().items())
    random.Random(0).shuffle(state)
    found = fit(cnndsl.check(SMALL), dict(state))
    assert found.how == "by name"
    assert all(name == array.key for name, array in found.arrays.items())


def test_shared_weights_are_one() -> None:
    text = "input 1x8x8 as a input 1x8x8 as b each shared { conv 2 3x3 -> relu } -> sub -> flatten -> fc 1"
    tower, head = nn.Conv2d(1, 2, 3), nn.Linear(72, 1)

    class Twins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.head = tower, tower, head

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            found: Tensor = self.head((self.left(a).relu() - self.right(b).relu()).flatten(1))
            return found

    theirs = Twins()
    a, b = torch.randn(2, 1, 1, 8, 8)
    assert torch.allclose(cnndsl.loads(text, weights=theirs)(a, b), theirs(a, b), atol=1e-6)
    assert torch.allclose(cnndsl.loads(text, weights=theirs.state_dict())(a, b), theirs(a, b), atol=1e-6)


class Scaled(nn.Module):
    """A block with a parameter of its own, `[n, 1, 1]`, and a norm that calls its arrays as papers do."""

    class Norm(nn.Module):
        def __init__(self, n: int) -> None:
            super().__init__()
            self.gamma, self.beta = nn.Parameter(torch.randn(n)), nn.Parameter(torch.randn(n))

        def forward(self, x: Tensor) -> Tensor:
            y = nn.functional.layer_norm(x.movedim(1, -1), self.gamma.shape, self.gamma, self.beta)
            return y.movedim(-1, 1)

    def __init__(self, n: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.randn(n, 1, 1))
        self.norm, self.wide, self.narrow = self.Norm(n), nn.Linear(n, 2 * n), nn.Linear(2 * n, n)

    def forward(self, x: Tensor) -> Tensor:
        y = self.wide(self.norm(x).movedim(1, -1)).relu()
        return x + self.gamma * self.narrow(y).movedim(-1, 1)


def test_parameters_of_a_block_and_norms_written_by_hand(tmp_path: Path) -> None:
    theirs = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Scaled(8), Scaled(8))
    text = """def block { residual { ln -> conv 16 1x1 -> relu -> conv 8 1x1 -> scale per_channel } }
    input 3x16x16 conv 8 3x3+1 -> block * 2"""
    state = theirs.state_dict()
    for weights in (theirs, state, dict(sorted(state.items()))):
        module: Any = cnndsl.loads(text, weights=weights)
        assert same(module, theirs)
        module.save(tmp_path / "source.safetensors", names="source")
        assert equal(load_file(tmp_path / "source.safetensors"), state)


# --- order -----------------------------------------------------------------------------------------------------------


def keys(found: Fit) -> dict[str, str]:
    return {name: array.key for name, array in found.arrays.items()}


def skeleton(peer: Peer) -> nn.Module:
    with torch.device("meta"):
        module: nn.Module = peer.make(peer.sizes[0])
    return module


@pytest.mark.parametrize(
    "net",
    [
        *("resnet50", "densenet121", "googlenet_torchvision", "inception_v3", "mobilenet_v2", "shufflenet_v2"),
        *(
            "retinanet",
            "deeplabv3_resnet50",
            "xception_timm",
            "nasnet_large",
            "inception_resnet_v2",
            "dpn68",
            "hrnet_w18",
        ),
        *("efficientnet_b0", "se_resnet50", "wide_resnet50_2", "darknet53"),
    ],
)
def test_any_order_of_a_state_dict_gives_the_same_pairs(net: str) -> None:
    """In the order of definition, sorted by name as in safetensors, shuffled; and the module, which is run."""
    if not available(PEERS[net].framework):
        pytest.skip(f"{PEERS[net].framework} cannot be imported")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = skeleton(PEERS[net])
    graph, state = cnndsl.check(net), module.state_dict()
    defined = keys(fit(graph, state))
    assert sorted(defined.values()) == sorted(state)
    assert keys(fit(graph, dict(sorted(state.items())))) == defined
    shuffled = list(state.items())
    random.Random(0).shuffle(shuffled)
    assert keys(fit(graph, dict(shuffled))) == defined
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert keys(fit(graph, module)) == defined


def test_auxiliary_heads_that_are_defined_last() -> None:
    """torchvision defines aux1, aux2 behind inception5b and runs them behind 4a and 4d: what they read tells them apart."""
    found = keys(fit(cnndsl.check("googlenet_torchvision"), skeleton(PEERS["googlenet_torchvision"]).state_dict()))
    heads = {name: key for name, key in found.items() if key.startswith("aux")}
    first, second = ({key.partition(".")[0] for name, key in heads.items() if tag in name} for tag in ("aux1", "aux2"))
    graph = cnndsl.check("googlenet_torchvision")
    widths = {node.path: graph.in_shapes(node)[0][0] for node in graph.nodes if node.aux and node.op.name == "conv"}
    assert sorted(widths.values()) == [512, 528]
    assert {key.partition(".")[0] for key in heads.values()} == {"aux1", "aux2"}
    for path, width in widths.items():
        assert found[f"{path}.weight"] == ("aux1" if width == 512 else "aux2") + ".conv.conv.weight"
    assert first.isdisjoint(second)


def test_a_shortcut_that_is_defined_first() -> None:
    """timm's Xception defines `skip` before `rep` and runs it after: both hold [128, 64, 1, 1]."""
    if not available("timm"):
        pytest.skip("timm cannot be imported")
    found = keys(fit(cnndsl.check("xception_timm"), skeleton(PEERS["xception_timm"]).state_dict()))
    graph = cnndsl.check("xception_timm")
    for node in graph.nodes:
        if node.op.name == "conv" and node.op.kernel == (1, 1):  # type: ignore[attr-defined]
            assert ".skip." in found[f"{node.path}.weight"]


def test_names_tell_order() -> None:
    names = ["layer1.0.conv1", "layer1.0.bn1", "layer1.1.conv1", "layer1.10.conv1", "layer2.0.conv1"]
    assert list(map(set, by_names(names))) == [set(), set(), {0, 1}, {2}, {0, 1, 2, 3}]
    assert by_names(["repeat_1.0", "repeat.0", "branch7x7", "branch1x1"]) == (frozenset({1}), *[frozenset()] * 3)
    assert sorted(["conv10", "conv9", "branch_pool", "branch1x1"], key=natural) == [
        "branch1x1",
        "branch_pool",
        "conv9",
        "conv10",
    ]


def test_layers_without_names_go_by_their_order(small: Small) -> None:
    """Numbers for names, in an order that the flow allows; in another one there is nothing to go by."""
    modules = [small.stem, small.first, small.short, small.second, small.depth, small.point, small.classifier]
    leaves = [leaf for part in modules for leaf in part.modules() if leaf.state_dict() and not list(leaf.children())]
    state = {f"{k}.{role}": value for k, leaf in enumerate(leaves) for role, value in leaf.state_dict().items()}
    assert same(cnndsl.loads(SMALL, weights=state), small)
    turned = {f"{k}.{role}": v for k, leaf in enumerate(reversed(leaves)) for role, v in leaf.state_dict().items()}
    text = refused(turned, "E0603")
    assert "the state dict does not fit small" in text


def test_random_nets_whose_layers_have_no_names() -> None:
    """Numbered in the order of execution, every array finds its place; so it does in every spelling of that order, and by name."""
    seen = [0]

    @settings(QUIET, max_examples=150)
    @given(programs.specs())
    def every_one(spec: str) -> None:
        graph = checked(spec)
        if graph is None or not (units := net_side(graph).units):
            return
        arrays = {f"{unit.name}.{role}": np.zeros(shape) for unit in units for role, shape in unit.shapes.items()}
        seen[0] += 1
        assert fit(graph, arrays).how == "by name"
        for head in ("", "block.", "layer"):
            place = {unit.name: f"{head}{k}" for k, unit in enumerate(units)}
            numbered = {
                f"{place[unit.name]}.{role}": arrays[f"{unit.name}.{role}"] for unit in units for role in unit.shapes
            }
            for state in (numbered, dict(sorted(numbered.items()))):
                found = {name: array.key for name, array in fit(graph, state).arrays.items()}
                assert found == {name: f"{place[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}" for name in found}
                assert len(found) == len(arrays)

    every_one()
    assert seen[0] > 80


# --- heads -----------------------------------------------------------------------------------------------------------


def test_other_classes_leave_the_head_fresh(small: Small) -> None:
    with pytest.warns(FreshWeights, match=r"^fc: fresh, not from the state dict; classifier.weight, classifier.bias"):
        module = cnndsl.loads(SMALL, weights=small.state_dict(), classes=7)
    head = module.get_submodule("fc")
    assert head.weight.shape == (7, 16)  # type: ignore[union-attr]
    module.fc, small.classifier = nn.Identity(), nn.Identity()  # type: ignore[assignment]
    assert same(module, small)


def test_a_backbone_without_a_head(small: Small) -> None:
    state = {name: value for name, value in small.state_dict().items() if "classifier" not in name}
    with pytest.warns(FreshWeights, match="^fc: fresh"):
        cnndsl.loads(SMALL, weights=state, classes=7)
    assert "`classes=N` leaves that one fresh" in refused(state, "E0603")


def test_a_head_is_not_left_fresh_unasked() -> None:
    text = refused(Small(9).state_dict(), "E0603")
    assert "the checkpoint has 9 classes: `classes=9` takes them" in text
    assert "! fc: weight 4x16, bias 4" in text


def test_a_head_that_fits_is_not_left_fresh() -> None:
    """Two heads that differ in their width alone, listed the other way round: each finds its own though either may stay fresh."""
    text = "net n(k = 3) { input 8x4x4  relu -> branch { conv k 1x1 as scores | conv (2 * k) 1x1 as boxes } }"
    heads = {"a.weight": torch.randn(6, 8, 1, 1), "a.bias": torch.randn(6)}
    heads |= {"b.weight": torch.randn(3, 8, 1, 1), "b.bias": torch.randn(3)}
    found = fit(cnndsl.check(text), heads, fresh_heads=True)
    assert not found.fresh
    assert {array.key for name, array in found.arrays.items() if name.startswith("scores")} == {"b.weight", "b.bias"}


def test_a_checkpoint_for_inference_has_no_auxiliary_heads() -> None:
    state = skeleton(Peer("torchvision", PEERS["googlenet_torchvision"].make, (224,))).state_dict()
    found = fit(cnndsl.check("googlenet_torchvision"), {k: v for k, v in state.items() if not k.startswith("aux")})
    assert len(found.fresh) == 2 * 4
    assert "fresh, not from" in found.remark


# --- what does not fit -----------------------------------------------------------------------------------------------


def test_both_sides_stand_beside_each_other(small: Small) -> None:
    state = small.state_dict()
    state["second.0.weight"] = torch.zeros(16, 8, 5, 5)
    text = refused(state, "E0603")
    assert "1 layer of the net without weights, 1 layer of the checkpoint left over" in text
    assert "no weights fit this layer" in text
    assert "weight 16x8x3x3" in text
    assert "second.0: weight 16x8x5x5" in text


@pytest.mark.parametrize("missing", ["short.1.running_mean", "depth.weight", "classifier.bias", "stem.0.weight"])
def test_nothing_is_left_random(small: Small, missing: str) -> None:
    state = small.state_dict()
    del state[missing]
    refused(state, "E0603")
    refused(state | {"more.weight": torch.zeros(3)}, "E0603")


def test_no_array_is_left_over(small: Small) -> None:
    assert "more: weight 3" in refused(small.state_dict() | {"more.weight": torch.zeros(3)}, "E0603")


@pytest.mark.parametrize("weights", [{}, {"epoch": 3}, 17, [], {"state_dict": {}}])
def test_what_holds_no_weights(weights: Any) -> None:
    refused(weights, "E0601")


def test_a_wrong_net(tmp_path: Path) -> None:
    torch.save(cnndsl.load("lenet5").state_dict(), tmp_path / "lenet.pth")
    assert "lenet.pth does not fit small" in refused(tmp_path / "lenet.pth", "E0603")


# --- files that are damaged or mean harm -----------------------------------------------------------------------------


class Harm:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("wrap", [lambda harm: harm, lambda harm: {"a.weight": torch.zeros(3), "b": harm}])
@pytest.mark.parametrize("new", [True, False])
def test_pickled_code_is_not_run(tmp_path: Path, wrap: Any, new: bool) -> None:
    torch.save(wrap(Harm(tmp_path / "harm")), tmp_path / "net.pth", _use_new_zipfile_serialization=new)
    assert "nothing of it was executed" in refused(tmp_path / "net.pth", "E0602")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Harm(tmp_path / "harm")))
    refused(tmp_path / "plain.pkl", "E0602")
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", pickle.dumps(Harm(tmp_path / "harm")))
        archive.writestr("model.weights.h5", pickle.dumps(Harm(tmp_path / "harm")))
    refused(tmp_path / "net.keras", "E0601")
    assert not (tmp_path / "harm").exists()


def test_a_whole_module_is_code(small: Small, tmp_path: Path) -> None:
    torch.save(small, tmp_path / "module.pth")
    assert "torch.save(module.state_dict(), path)" in refused(tmp_path / "module.pth", "E0602")


def files_of(module: nn.Module, folder: Path) -> list[Path]:
    torch.save(module.state_dict(), folder / "net.pth")
    torch.save(module.state_dict(), folder / "old.pth", _use_new_zipfile_serialization=False)
    save_file(module.state_dict(), folder / "net.safetensors")
    with h5py.File(folder / "net.weights.h5", "w") as file:
        for k, (name, value) in enumerate(module.state_dict().items()):
            group = file.create_group(f"layers/dense_{k}/vars" if k else "layers/dense/vars")
            group.attrs["name"] = name
            group["0"] = value.numpy()
    with zipfile.ZipFile(folder / "net.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": []}}))
        archive.write(folder / "net.weights.h5", "model.weights.h5")
    return [folder / name for name in ("net.pth", "old.pth", "net.safetensors", "net.weights.h5", "net.keras")]


def outcome(path: Path) -> set[str]:
    """The codes of what is said about a file; none where it is loaded."""
    try:
        cnndsl.loads(SMALL, weights=path)
    except SpecError as error:
        return {diagnostic.code for diagnostic in error.diagnostics}
    return set()


def test_damaged_files(small: Small, tmp_path: Path) -> None:
    """Cut off anywhere, or with bytes turned over: a diagnostic, or an array with other numbers; never another exception."""
    chance = random.Random(0)
    for path in files_of(small, tmp_path):
        data = path.read_bytes()
        hurt = tmp_path / f"hurt{path.suffix}"
        for share in (0.0, 0.001, 0.1, 0.5, 0.9, 0.999):
            hurt.write_bytes(data[: int(share * len(data))])
            with pytest.raises(SpecError) as caught:
                cnndsl.loads(SMALL, weights=hurt)
            assert {d.code for d in caught.value.diagnostics} <= {"E0601", "E0602", "E0603"}, path
        for _ in range(12):
            turned = bytearray(data)
            for _ in range(chance.choice([1, 20, 400])):
                turned[chance.randrange(len(turned))] ^= chance.randrange(1, 256)
            hurt.write_bytes(turned)
            assert outcome(hurt) <= {"E0601", "E0602", "E0603"}, path


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.pth", "E0601")
    refused(tmp_path, "E0601")


def test_links_in_a_keras_file_are_not_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["array"] = np.zeros(3, "float32")
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "array")
    refused(tmp_path / "net.weights.h5", "E0601")


# --- out -------------------------------------------------------------------------------------------------------------


def equal(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """To the last bit, in the same types."""
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        and bool((left[name] == right[name]).all())
        for name in left
    )


def test_save_and_load_again(small: Small, tmp_path: Path) -> None:
    module = cnndsl.loads(SMALL, weights=small)
    module.save(tmp_path / "own.safetensors")  # type: ignore[operator]
    assert equal(load_file(tmp_path / "own.safetensors"), module.state_dict())
    again = cnndsl.loads(SMALL, weights=tmp_path / "own.safetensors")
    assert equal(again.state_dict(), module.state_dict())
    assert [path.name for path in tmp_path.iterdir()] == ["own.safetensors"]


@pytest.mark.parametrize("half", [False, True])
def test_the_names_of_the_source_are_kept(small: Small, tmp_path: Path, half: bool) -> None:
    state = {f"module.{n}": v.half() if half and v.is_floating_point() else v for n, v in small.state_dict().items()}
    module = cnndsl.loads(SMALL, weights=state)
    module.save(tmp_path / "source.safetensors", names="source")  # type: ignore[operator]
    assert equal(load_file(tmp_path / "source.safetensors"), state)


def test_a_trained_module_keeps_the_names_too(small: Small, tmp_path: Path) -> None:
    module = cnndsl.loads(SMALL, weights=small)
    module.get_parameter("fc.bias").data += 1
    module.save(tmp_path / "source.safetensors", names="source")  # type: ignore[operator]
    found = load_file(tmp_path / "source.safetensors")
    assert torch.equal(found["classifier.bias"], small.classifier.bias.detach() + 1)
    small.load_state_dict(found)
    assert same(module, small)


def test_saving_with_names_there_are_none_of(tmp_path: Path) -> None:
    module: Any = cnndsl.loads(SMALL)
    with pytest.raises(ValueError, match="made without `weights=`"):
        module.save(tmp_path / "a.safetensors", names="source")
    with pytest.raises(ValueError, match="'own' or 'source'"):
        module.save(tmp_path / "a.safetensors", names="mine")
    with pytest.raises(OSError, match="No such file"):
        module.save(tmp_path / "none" / "a.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore")  # of Keras
def test_keras_and_back(tmp_path: Path) -> None:
    """Flattened maps, separable and transposed convolutions, a norm without gamma: the arrays come out as Keras had them."""
    if not available("keras"):
        pytest.skip("Keras cannot be imported")
    import keras
    from keras import layers

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.utils.set_random_seed(0)
        inner = [
            layers.SeparableConv2D(8, 3),
            layers.BatchNormalization(scale=False, epsilon=1e-3),
            layers.PReLU(shared_axes=[1, 2]),
        ]
        tail = [layers.Flatten(), layers.Dense(3 * 3 * 4), layers.BatchNormalization(), layers.Reshape((3, 3, 4))]
        model = keras.Sequential(
            [
                keras.Input((8, 8, 2)),
                keras.Sequential([keras.Input((8, 8, 2)), *inner], name="inner"),
                layers.DepthwiseConv2D(3, depth_multiplier=2),
                *tail,
                layers.Conv2DTranspose(5, 3, strides=2, padding="same"),
            ]
        )
        for weight in model.weights:
            weight.assign(np.random.default_rng(len(weight.path)).uniform(0.5, 1.5, weight.shape))
        model.save(tmp_path / "net.keras")
        model.save_weights(tmp_path / "net.weights.h5")
        model.save(tmp_path / "net.h5")
    text = """input 2x8x8  default bn eps=1e-3 momentum=0.01;
    sepconv 8 3x3 bias=true -> bn scale=false -> prelu num_parameters=8 -> dwconv 3x3 multiplier=2 -> fc 36 bias=true -> bn -> reshape 4x3x3
    -> deconv 5 3x3/2 same"""
    text = (
        text.replace(
            "input 2x8x8  default bn eps=1e-3 momentum=0.01;", "net n { default bn eps=1e-3 momentum=0.01; input 2x8x8"
        )
        + " }"
    )
    images = torch.randn(2, 2, 8, 8)
    expected = torch.as_tensor(model(images.permute(0, 2, 3, 1).numpy())).detach().permute(0, 3, 1, 2)
    for source in (tmp_path / "net.keras", tmp_path / "net.weights.h5", tmp_path / "net.h5", model):
        module: Any = cnndsl.loads(text, weights=source).eval()
        with torch.no_grad():
            assert torch.allclose(module(images), expected, rtol=1e-4, atol=1e-4), source
        module.save(tmp_path / "back.safetensors", names="source")
        with safetensors.safe_open(tmp_path / "back.safetensors", "np") as file:
            back = [file.get_tensor(key) for key in file.keys()]  # noqa: SIM118 - the file is no dictionary
        stored = [weight.value.detach().numpy() for weight in model.weights]
        assert sorted(a.tobytes() for a in back) == sorted(a.tobytes() for a in stored)
        assert sorted(a.shape for a in back) == sorted(a.shape for a in stored)


# --- the command line ------------------------------------------------------------------------------------------------


def test_the_command_line(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cnndsl.cli import main

    monkeypatch.chdir(tmp_path)
    Path("small.cnn").write_text(SMALL)
    torch.save(small.state_dict(), "small.pth")
    assert main(["check", "small.cnn", "--weights", "small.pth"]) == 0
    assert "weights 41 arrays of small.pth, matched by structure" in capsys.readouterr().out
    assert main(["summary", "small.cnn", "--weights", "small.pth"]) == 0
    assert "weights from" in (table := capsys.readouterr().out)
    assert "short.0" in table
    assert main(["compile", "small.cnn", "--weights", "small.pth", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"]["arrays"]["fc.bias"] == "classifier.bias"
    scope: dict[str, Any] = {}
    exec(Path("small.py").read_text(), scope)
    module = scope["Small"]()
    module.load_state_dict(load_file("small.safetensors"))
    assert same(module, small)
    assert main(["compile", "small.cnn", "--weights", "small.pth", "--set", "classes=9", "-o", "nine.py"]) == 0
    assert "fc: fresh, not from small.pth" in capsys.readouterr().out
    Path("broken.pth").write_bytes(b"broken")
    assert main(["compile", "small.cnn", "--weights", "broken.pth", "-o", "never.py"]) == 1
    assert "error[E0601]" in capsys.readouterr().err
    assert not list(tmp_path.glob("never*"))
    assert main(["check", "small.cnn", "--weights", "broken.pth", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["errors"][0]["code"] == "E0601"
    assert main(["compile", "small.cnn", "--weights", "small.pth", "-o", "-"]) == 2
