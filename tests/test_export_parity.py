"""What is shipped: the same answers everywhere, and the same file from the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from qoed_engine import Abstain, Calibration, EngineError, load_engine
from qoed_training import parity
from qoed_training.data.corpus import CorpusError
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.export import (
    UNFIT,
    export_onnx,
    has_fitness,
    load_release,
    save_release,
    write_manifest,
)
from qoed_training.fitness import Fitness
from qoed_training.network.model import SIZES, QualityNetwork
from qoed_training.parity import Difference, golden_clips
from training_material import RECIPE, TINY

pytestmark = pytest.mark.timeout(300)  # torch's exporter takes its time


@dataclass(frozen=True)
class Shipped:
    """A released network and where it lies."""

    network: QualityNetwork
    probe: Fitness
    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "tiny.json"


def lively(seed: int) -> tuple[QualityNetwork, Fitness]:
    """A network whose answers differ from clip to clip, as those of fresh weights do not."""
    torch.manual_seed(seed)
    network, probe = QualityNetwork(TINY), Fitness(8 * TINY.fused)
    torch.nn.init.normal_(network.quality.weight, std=0.3)
    network.train()
    for index in range(8):  # statistics of the norms, or the neck flattens everything
        network(torch.from_numpy(golden_clips(RECIPE, 8, seed=index)))
    return network.eval(), probe.eval()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    network, probe = lively(0)
    made = Shipped(network, probe, tmp_path_factory.mktemp("shipped"))
    export_onnx(network, made.folder / "tiny.onnx", probe)
    save_release(made.folder / "tiny.safetensors", network, probe)
    write_manifest(
        made.folder / "tiny.onnx",
        made.manifest,
        network,
        model_id="tiny-1",
        calibration=Calibration(),
        receipt={},
        abstain=Abstain(UNFIT, 0.5),
    )
    return made


@pytest.fixture
def tiny_is_known() -> Iterator[None]:
    """The command knows the smallest network too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "tiny", TINY)
        yield


def test_golden_clips_are_made_anew_from_their_seed() -> None:
    """The same seed gives the same clips, each of them moving and unlike the others."""
    clips = golden_clips(RECIPE)

    assert clips.shape == (parity.GOLDEN, *RECIPE.clip_shape)
    np.testing.assert_array_equal(clips, golden_clips(RECIPE))
    assert (clips != golden_clips(RECIPE, seed=9)).mean() > 0.5
    assert np.abs(np.diff(clips.astype(int), axis=1)).mean(axis=(1, 2, 3, 4)).min() > 0.5
    assert clips.std(axis=(1, 2, 3, 4)).min() > 5


def test_every_runtime_gives_the_same_answers(shipped: Shipped) -> None:
    """Torch, ONNX Runtime and OpenVINO in f32 agree to a thousandth on clips that score unlike each other."""
    differences = parity.parity(shipped.manifest, TINY)
    with torch.inference_mode():
        raw, _ = shipped.network(torch.from_numpy(golden_clips(RECIPE)))

    assert np.ptp(raw.numpy()) > 20 * parity.TOLERANCE, "clips too alike to tell"
    assert {(each.runtimes, each.output) for each in differences} == {
        (runtimes, output)
        for runtimes in ("torch and ONNX Runtime f32", "ONNX Runtime f32 and OpenVINO f32")
        for output in ("raw", "distortions", UNFIT)
    }
    assert all(each.allowed for each in differences), differences


def test_the_engine_tells_what_the_network_was_not_made_for(shipped: Shipped) -> None:
    """The third output reaches the daemon's engine as the probe gives it, from the feature after the neck."""
    clips = golden_clips(RECIPE)
    engine = load_engine("onnxruntime", shipped.manifest, threads=1)
    outputs = engine.infer(clips)
    engine.close()
    with torch.inference_mode():
        feature = shipped.network.neck(shipped.network.features(torch.from_numpy(clips)))
        expected = torch.sigmoid(shipped.probe.linear(feature))[:, 0].numpy()

    assert outputs.unfit is not None
    np.testing.assert_allclose(outputs.unfit, expected, atol=1e-4)
    assert outputs.distortions.shape == (len(clips), len(DISTORTIONS))


def test_shipped_weights_export_to_the_shipped_file(shipped: Shipped, tmp_path: Path) -> None:
    """From the safetensors alone the ONNX file comes out again, bit for bit."""
    network, probe = QualityNetwork(TINY), Fitness(8 * TINY.fused)
    release = shipped.folder / "tiny.safetensors"
    load_release(release, network, probe)
    export_onnx(network, tmp_path / "again.onnx", probe)
    save_release(tmp_path / "again.safetensors", network, probe)

    assert (tmp_path / "again.onnx").read_bytes() == (shipped.folder / "tiny.onnx").read_bytes()
    assert (tmp_path / "again.safetensors").read_bytes() == release.read_bytes()
    assert has_fitness(release)


def test_the_command_tells_where_answers_part(shipped: Shipped, tmp_path: Path, tiny_is_known: None) -> None:
    """`qoed-train parity` passes what agrees; weights that are not those of the ONNX file end in one line."""
    app = typer.Typer()
    parity.register(app)
    arguments = ["--manifest", str(shipped.manifest)]
    passed = CliRunner().invoke(app, arguments)
    assert passed.exit_code == 0, passed.output
    assert len(passed.output.splitlines()) == 6

    for name in ("tiny.onnx", "tiny.json"):
        (tmp_path / name).symlink_to(shipped.folder / name)
    with pytest.raises(CorpusError, match=r"tiny\.safetensors is missing: run qoed-train export"):
        parity.parity(tmp_path / "tiny.json", TINY)
    other, probe = lively(1)
    save_release(tmp_path / "tiny.safetensors", other, probe)
    failed = CliRunner().invoke(app, ["--manifest", str(tmp_path / "tiny.json")])
    assert isinstance(failed.exception, EngineError)
    assert "torch and ONNX Runtime f32 are" in str(failed.exception)
    assert not Difference("one and other", "raw", 2e-3).allowed


def test_weights_of_another_network_are_refused(shipped: Shipped, tmp_path: Path) -> None:
    """A release without a probe, or no safetensors at all, is said to be wrong in one line."""
    save_release(tmp_path / "bare.safetensors", shipped.network, None)
    (tmp_path / "text.safetensors").write_text("no")

    assert not has_fitness(tmp_path / "bare.safetensors")
    with pytest.raises(CorpusError, match=r"text\.safetensors: not the weights of this network"):
        has_fitness(tmp_path / "text.safetensors")
    for name in ("bare", "text", "absent"):
        with pytest.raises(CorpusError, match=f"{name}.safetensors: not the weights of this network"):
            load_release(tmp_path / f"{name}.safetensors", QualityNetwork(TINY), Fitness(8 * TINY.fused))
