"""`lower`: what its modules compute, and what PyTorch users do with them."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch
from emit_specs import AUX_INSIDE, FIXED, INCEPTION, LONG, NASNET, NETWORKS, PATHS, RESNET, SIAMESE, TIED
from interpreter import interpret
from torch import Tensor, nn

from cnndsl import check
from cnndsl.lower import lower

ALL = pytest.mark.parametrize("spec", NETWORKS.values(), ids=NETWORKS.keys())
ROOT = Path(__file__).resolve().parent.parent


def build(spec: str) -> Any:
    torch.manual_seed(0)
    return lower(check(spec))


def inputs(module: nn.Module, batch: int = 2) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(batch, *shape) for shape in module.graph.inputs.values()]


def outputs(module: nn.Module, feed: list[Tensor]) -> list[Tensor]:
    result = module(*feed)
    return [result] if isinstance(result, Tensor) else list(result)


def same(left: list[Tensor], right: list[Tensor]) -> bool:
    return len(left) == len(right) and all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


@ALL
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_computes_what_the_graph_says(spec: str, training: bool) -> None:
    module = build(spec).train(training)
    feed = inputs(module)
    state = copy.deepcopy(module.state_dict())
    assert same(outputs(module, feed), interpret(module.graph, state, feed, training))


@ALL
def test_state_dict_keys_are_paths(spec: str) -> None:
    module = build(spec)
    graph = module.graph
    arrays = {f"{n.path}.{w}": a for n in graph.nodes for w, a in n.op.weights(*graph.in_shapes(n)).items()}
    found = {k: tuple(v.shape) for k, v in module.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert found == {k: a.shape for k, a in arrays.items() if not k.endswith("num_batches_tracked")}
    trained = {k for k, p in module.named_parameters(remove_duplicate=False) if p.requires_grad}
    assert trained == {k for k, a in arrays.items() if a.trains}
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == graph.params


@ALL
def test_a_layers_path_is_its_modules_path(spec: str) -> None:
    module = build(spec)
    parts = dict(module.named_modules(remove_duplicate=False))
    for node in module.graph.nodes:
        if node.op.code(module.graph.in_shapes(node), node.shape).module:
            assert node.path in parts


def test_training_mode_first() -> None:
    assert build(RESNET).training


def test_auxiliary_outputs_appear_in_training_only() -> None:
    module = build(INCEPTION)
    feed = inputs(module)
    trained = module(*feed)
    assert trained._fields == ("fc", "classifier", "second")
    assert isinstance(module.eval()(*feed), Tensor)


def test_auxiliary_outputs_inside_repeated_blocks() -> None:
    module = build(AUX_INSIDE)
    assert len(module(*inputs(module))) == 5
    assert isinstance(module.eval()(*inputs(module)), Tensor)


def test_several_outputs_are_a_named_tuple() -> None:
    module = build(PATHS)
    result = module(*inputs(module))
    assert [tuple(value.shape[1:]) for value in result] == list(module.graph.outputs.values())
    assert result._fields[1] == "count_"  # tuples have a method `count`


def test_several_inputs_go_by_name() -> None:
    module = build(SIAMESE).eval()
    left, right = inputs(module)
    assert torch.equal(module(left, right), module(right=right, left=left))


def test_shared_weights_are_one_module_and_ties_one_array() -> None:
    assert len(list(build(SIAMESE).tower.children())) == 9
    module = build(TIED)
    assert module.conv1.weight is module.conv2.weight
    assert module.conv1.dilation != module.conv2.dilation
    assert module.atrous1.bn is module.atrous2.bn
    again = copy.deepcopy(module)
    assert again.conv1.weight is again.conv2.weight
    assert again.conv1.weight is not module.conv1.weight


def test_fixed_weights_do_not_train() -> None:
    module = build(FIXED)
    outputs(module, inputs(module))[0].sum().backward()
    assert module.conv1.weight.grad is None
    assert module.conv2.weight.grad is not None


def test_gradients_reach_every_weight() -> None:
    module = build(RESNET)
    outputs(module, inputs(module))[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_a_net_lowered_twice_shares_its_classes() -> None:
    assert type(build(RESNET)) is type(build(RESNET))


def test_tracebacks_show_generated_lines() -> None:
    module = build(RESNET)
    with pytest.raises(RuntimeError) as error:
        module(torch.randn(1, 4, 64, 64))
    assert "self.relu(self.bn(self.conv(x)))" in "".join(traceback.format_exception(error.value))


# --- what users do with modules --------------------------------------------------------------------------------------


@ALL
def test_deepcopy_is_independent(spec: str) -> None:
    module = build(spec).eval()
    feed = inputs(module)
    before = outputs(module, feed)
    twin = copy.deepcopy(module)
    assert twin.graph is module.graph
    assert same(outputs(twin, feed), before)
    with torch.no_grad():
        for weight in twin.parameters():
            weight.add_(1)
    assert same(outputs(module, feed), before)


@ALL
def test_pickles(spec: str) -> None:
    module = build(spec).eval()
    again = pickle.loads(pickle.dumps(module))
    assert same(outputs(again, inputs(module)), outputs(module, inputs(module)))
    assert again.graph == module.graph


def test_pickles_submodules_and_outputs() -> None:
    module = build(RESNET)
    assert str(pickle.loads(pickle.dumps(module.stage1))) == str(module.stage1)
    result = build(PATHS)(*inputs(build(PATHS)))
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is type(result)
    assert same(list(again), list(result))


def test_loads_in_another_process(tmp_path: Path) -> None:
    """That process never saw the spec: it executes the source that the pickle carries."""
    module = build(NASNET).eval()
    feed = inputs(module)
    torch.save(
        {"module": module, "part": module.normal1, "feed": feed, "out": outputs(module, feed)}, tmp_path / "saved.pt"
    )
    script = (
        "import sys, torch\n"
        "saved = torch.load(sys.argv[1], weights_only=False)\n"
        "assert torch.equal(saved['module'](*saved['feed']), saved['out'][0])\n"
        "assert type(saved['part']) is type(saved['module'].normal1)\n"
        "import copy; copy.deepcopy(saved['module'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "saved.pt")], check=True, env=environment, cwd=tmp_path
    )


def test_a_subclass_pickles_by_its_own_name() -> None:
    base = type(build(LONG))
    mine = type("Mine", (base,), {"__module__": __name__})
    globals()["Mine"] = mine
    try:
        assert type(pickle.loads(pickle.dumps(mine()))) is mine
    finally:
        del globals()["Mine"]


@pytest.mark.parametrize("name", ["inception", "nasnet", "paths", "segnet"])
def test_compiles_as_one_graph(name: str) -> None:
    module = build(NETWORKS[name])
    feed = inputs(module)
    for training in (True, False):
        torch._dynamo.reset()
        reference = copy.deepcopy(module).train(training)
        fast = torch.compile(copy.deepcopy(module).train(training), fullgraph=True, backend="aot_eager")
        for a, b in zip(outputs(fast, feed), outputs(reference, feed), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", ["mobilenet", "unet", "nasnet", "densenet", "paths", "segnet", "shared_sizes"])
def test_exports(name: str) -> None:
    module = build(NETWORKS[name]).eval()
    feed = inputs(module)
    program = torch.export.export(module, tuple(feed))
    assert same(outputs(program.module(), feed), outputs(module, feed))


def test_exports_auxiliary_outputs() -> None:
    module = build(INCEPTION)
    program = torch.export.export(module, tuple(inputs(module)))
    assert len(outputs(program.module(), inputs(module))) == 3


@ALL
def test_channels_last(spec: str) -> None:
    module = build(spec).eval()
    feed = inputs(module)
    before = outputs(module, feed)
    module.to(memory_format=torch.channels_last)
    for a, b in zip(
        outputs(module, [x.contiguous(memory_format=torch.channels_last) for x in feed]), before, strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_autocast() -> None:
    module = build(RESNET).eval()
    with torch.autocast("cpu", torch.bfloat16):
        (result,) = outputs(module, inputs(module))
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), outputs(module, inputs(module))[0], rtol=0.1, atol=0.1)


def test_distributed_data_parallel(tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    try:
        module = build(INCEPTION)
        alone, spread = copy.deepcopy(module), nn.parallel.DistributedDataParallel(module)
        feed = inputs(module)
        for net in (alone, spread):
            sum(value.sum() for value in net(*feed)).backward()
        for a, b in zip(alone.parameters(), module.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad)
    finally:
        torch.distributed.destroy_process_group()


def test_meta_device() -> None:
    with torch.device("meta"):
        module = lower(check(RESNET))
    assert all(p.is_meta for p in module.parameters())
