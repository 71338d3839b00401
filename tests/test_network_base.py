"""The large variant, the module ablation, the options between small and base, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import typer
from onnx import TensorProto, helper
from torch import Tensor, nn
from typer.testing import CliRunner

from qoed_engine.manifest import canary_clips
from qoed_training.data.corpus import CorpusError
from qoed_training.export import export_onnx
from qoed_training.losses import total_loss
from qoed_training.network import command, speed
from qoed_training.network.backbone import Bottleneck
from qoed_training.network.cost import MODULES, OTHER, cost, cost_of
from qoed_training.network.model import BASE, SIZES, SMALL, Look, NetworkConfig, QualityNetwork, make_backbone
from qoed_training.network.sizes import size_named
from qoed_training.network.trained import read_network
from training_material import RECIPE, TINY

TINY_BASE = replace(TINY, name="tiny-base", factored=False, expansion=4)
"""Base in its smallest form."""
counted = cache(cost)


@pytest.fixture(autouse=True)
def repeatable() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def clips(count: int) -> Tensor:
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.integers(0, 256, size=(count, *RECIPE.clip_shape), dtype=np.uint8))


def on_paper(config: NetworkConfig) -> QualityNetwork:
    """Shapes without weights."""
    with torch.device("meta"):
        return QualityNetwork(config).eval()


def test_the_base_backbone_is_resnet_50_with_time() -> None:
    """53 convolutions and ResNet-50's parameters, plus those that time and the detail planes add."""
    backbone = on_paper(BASE).backbone
    resnet_50 = 25_557_032 - 2_049_000  # without its classifier
    middles = 9 * (3 * 64**2 + 4 * 128**2 + 6 * 256**2 + 3 * 512**2)
    stem = 7 * 7 * 64

    assert sum(isinstance(module, nn.Conv3d) for module in backbone.modules()) == 53
    wanted = resnet_50 + 2 * middles + stem * (3 * 6 - 3)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == wanted


def test_base_gives_maps_at_strides_4_to_32() -> None:
    """The last four stages come out of base at the strides that fusion and encoder count on."""
    with torch.device("meta"):
        maps = make_backbone(BASE)(torch.zeros(1, 6, 4, 192, 192))

    assert [tuple(m.shape[1:]) for m in maps] == [
        (width, 4, side, side) for width, side in zip(BASE.widths, (48, 24, 12, 6), strict=True)
    ]


def test_base_answers_as_small_does() -> None:
    """Both sizes turn the same clips into one raw quality and one logit a distortion."""
    shape = torch.zeros((2, *SMALL.recipe.clip_shape), dtype=torch.uint8, device="meta")
    answers = [[tuple(out.shape) for out in on_paper(config)(shape)] for config in SIZES.values()]

    assert list(SIZES) == ["small", "base"]
    assert answers[0] == answers[1]
    assert on_paper(BASE).features(shape).shape == (2, 8 * BASE.fused)


def test_a_full_middle_is_one_convolution_over_space_and_time() -> None:
    """The full middle reaches diagonally into neighbouring frames at once; the factored one has two steps."""
    full, factored = Bottleneck(4, 2, 4, factored=False), Bottleneck(4, 2, 4)

    assert full.time is None
    assert full.space[0].weight.shape[2:] == (3, 3, 3)
    assert factored.space[0].weight.shape[2:] == (1, 3, 3)
    assert factored.time is not None
    x = torch.zeros(1, 4, 3, 5, 5)
    touched = x.clone()
    touched[0, :, 1, 2, 2] = 1.0
    with torch.no_grad():
        changed = (full.eval()(touched) != full(x)).any(dim=1)[0]
    assert bool(changed[:, 1:4, 1:4].any(dim=(1, 2))[[0, 2]].all())


def test_learning_reaches_every_weight_of_base() -> None:
    """No part of the full form is cut off from the loss, but its last offset, to which it is blind."""
    network = QualityNetwork(TINY_BASE)
    raw, logits = network(clips(4))
    labels = torch.tensor([0.1, 0.9, 0.4, 0.7])
    loss, _ = total_loss(raw, logits, labels, torch.eye(4, logits.shape[1]), torch.zeros(4))
    torch.autograd.backward(loss)

    assert not [
        name
        for name, parameter in network.named_parameters()
        if name != "quality.bias" and (parameter.grad is None or not parameter.grad.abs().sum() > 0)
    ]


@pytest.mark.parametrize("multi_scale", [True, False])
def test_only_fusion_sees_the_finer_maps(multi_scale: bool) -> None:
    """With the multi-scale module each map counts; in its ablation C5 alone. The feature keeps its size."""
    look = Look(replace(TINY, multi_scale=multi_scale), RECIPE.frames).eval()
    maps = [
        torch.randn(1, width, RECIPE.frames, side, side)
        for width, side in zip(TINY.widths, (24, 12, 6, 3), strict=True)
    ]
    with torch.no_grad():
        before = look(maps)
        moved = [
            bool((look([m + torch.randn_like(m) * (i == k) for k, m in enumerate(maps)]) != before).any())
            for i in range(4)
        ]

    assert before.shape == (1, 4 * TINY.fused)
    assert moved == [multi_scale, multi_scale, multi_scale, True]


def test_base_exports_to_what_it_is(tmp_path: Path) -> None:
    """The ONNX file of the full form answers like the network it was made from."""
    network = QualityNetwork(TINY_BASE).eval()
    export_onnx(network, tmp_path / "base.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "base.onnx"), providers=["CPUExecutionProvider"])
    example = canary_clips(RECIPE, 3, 3)
    with torch.no_grad():
        raw, logits = network(torch.from_numpy(example))
    found = session.run(None, {"clips": example})

    np.testing.assert_allclose(found[0], raw.numpy(), atol=1e-4)
    np.testing.assert_allclose(found[1], torch.sigmoid(logits).numpy(), atol=1e-4)


def _multiply_adds(network: QualityNetwork, shape: tuple[int, ...]) -> dict[str, int]:
    """Of each convolution and linear layer, from the shapes that pass through it."""
    found: dict[str, int] = {}

    def watch(name: str, layer: nn.Module) -> None:
        def count(_: nn.Module, __: object, out: Tensor) -> None:
            taps = layer.weight[0].numel()
            found[name] = found.get(name, 0) + out.numel() * taps

        layer.register_forward_hook(count)

    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv3d | nn.Linear):
            watch(name, layer)
    with torch.no_grad():
        network(torch.zeros(shape, dtype=torch.uint8))
    return found


def test_costs_are_counted_layer_by_layer() -> None:
    """Each module's FLOPs are two for each tap of each output of its layers, over both looks."""
    network = QualityNetwork(TINY).eval()
    counted = cost_of(network)
    layers = _multiply_adds(network, (1, *RECIPE.clip_shape))

    for module in MODULES:
        wanted = sum(2 * taps for name, taps in layers.items() if f"{name}.".startswith(f"{module}."))
        found = counted.modules[module].flops
        if "encoder" in module:  # attention multiplies tokens with tokens on top
            assert wanted < found < 1.5 * wanted
        else:
            assert found == wanted > 0


def test_the_account_adds_up_and_needs_no_weights() -> None:
    """The shares make up the whole, no big module is missing, and counting draws no random number."""
    before = torch.get_rng_state()
    cost(TINY)
    whole = counted(BASE)

    assert torch.equal(torch.get_rng_state(), before)
    assert whole.parameters == sum(share.parameters for share in whole.modules.values())
    assert whole.flops == sum(share.flops for share in whole.modules.values())
    assert whole.modules[OTHER].flops == 0
    assert whole.modules[OTHER].parameters < 0.001 * whole.parameters
    assert cost(TINY).parameters == sum(p.numel() for p in QualityNetwork(TINY).parameters())


def test_small_costs_a_fifth_of_base_at_most() -> None:
    """The variant for CPUs is at least five times cheaper a clip than the paper's."""
    assert counted(BASE).flops > 5 * counted(SMALL).flops


def _products(network: QualityNetwork, path: Path) -> None:
    """In place of an export: a graph of as many matrix products as the network has blocks."""
    names = [f"x{index}" for index in range(network.config.blocks[0])]
    nodes = [helper.make_node("Cast", ["clips"], names[:1], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("MatMul", [a, "square"], [b]) for a, b in pairwise([*names, "raw"])]
    square = helper.make_tensor("square", TensorProto.FLOAT, (3, 3), np.eye(3).ravel())
    shape = [1, *network.config.recipe.clip_shape]
    ends = [
        helper.make_tensor_value_info(name, kind, shape)
        for name, kind in (("clips", TensorProto.UINT8), ("raw", TensorProto.FLOAT))
    ]
    graph = helper.make_graph(nodes, "products", ends[:1], ends[1:], [square])
    opset = [helper.make_opsetid("", 18)]
    onnx.save_model(helper.make_model(graph, opset_imports=opset, ir_version=10), str(path))


def test_networks_are_timed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each network that is timed gets a time of its own, and far more work takes longer."""
    monkeypatch.setattr(speed, "export_onnx", _products)
    deep = replace(TINY, name="deep", blocks=(40, 1, 1, 1))
    taken = speed.clip_ms({c.name: QualityNetwork(c) for c in (TINY, deep)}, rounds=5)

    assert set(taken) == {"tiny", "deep"}
    assert 0 < taken["tiny"] < taken["deep"]


def _app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)
    return app


def test_the_model_command_shows_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """`qoed-train model` prints a row a module for both sizes, and their ratio."""
    monkeypatch.setattr(command, "cost", counted)
    result = CliRunner().invoke(_app(), ["model"])
    rows = {line[:20].strip(): line[20:].split() for line in result.stdout.splitlines()}
    small, base = counted(SMALL), counted(BASE)

    assert result.exit_code == 0, result.output
    assert set(MODULES) <= set(rows)
    whole = [float(cell) for cell in rows["whole network"]]
    wanted = [small.parameters / 1e6, small.flops / 1e9, base.parameters / 1e6, base.flops / 1e9]
    np.testing.assert_allclose(whole, [*wanted, base.flops / small.flops], atol=0.06)


def test_the_model_command_times_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --time, milliseconds a clip of both sizes and their ratio come last."""
    monkeypatch.setattr(command, "SIZES", {"small": replace(TINY, name="small"), "base": TINY_BASE})
    monkeypatch.setattr(speed, "clip_ms", lambda networks, *, rounds: dict.fromkeys(networks, 2.0))
    result = CliRunner().invoke(_app(), ["model", "--time"])

    assert "small 2.0 ms, base 2.0 ms; ratio 1.0" in result.stdout, result.output


def test_weights_of_another_size_are_named(tmp_path: Path) -> None:
    """Missing weights, and weights that do not fit, end in one line that says what to do."""
    with pytest.raises(CorpusError, match=r"weights\.safetensors is missing: train it first"):
        read_network(tmp_path / "weights.safetensors", TINY)
    (tmp_path / "weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(CorpusError, match="does not hold the weights of tiny"):
        read_network(tmp_path / "weights.safetensors", TINY)
    with pytest.raises(typer.BadParameter, match="no size huge: choose from small, base"):
        size_named("huge")
