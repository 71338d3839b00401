"""Warm-up and training: interrupted and resumed to the same weights, never spoilt, never pickled."""

from __future__ import annotations

import ast
import dataclasses
import pickle
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

import qoed_training
from qoed_training import train as training
from qoed_training.checkpoint import load_weights, save_weights
from qoed_training.data.batches import Batch, BatchMaker
from qoed_training.data.corpus import CorpusError
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.data.scenes import Scene
from qoed_training.network.model import QualityNetwork
from qoed_training.progress import cosine_rate
from qoed_training.step import take_step
from qoed_training.train import NonFiniteLoss, TrainConfig, train
from qoed_training.warmup import WarmupConfig, load_backbone, warm_up
from training_material import OPINION, TINY, made_scene

SCENES = [made_scene(number) for number in range(4)]
WARMUP = WarmupConfig(steps=3, scenes_a_batch=2, crops=1, checkpoint_every=1, threads=1)
CONFIG = TrainConfig(steps=3, scenes_a_batch=2, variants=3, warmup=1, checkpoint_every=1, threads=1)


def warmed(folder: Path) -> Path:
    list(warm_up(SCENES, OPINION, folder, TINY, WARMUP))
    return folder


def trained(folder: Path, scenes: list[Scene] = SCENES, config: TrainConfig = CONFIG) -> list[str]:
    return list(train(scenes, OPINION, folder, TINY, config))


def weights(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = warmed(tmp_path_factory.mktemp("uninterrupted"))
    trained(folder)
    return folder


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    make = BatchMaker.batch

    def batch(self: BatchMaker, wanted: int) -> Batch:
        if wanted == step:
            raise Killed
        return make(self, wanted)

    monkeypatch.setattr(BatchMaker, "batch", batch)


@pytest.mark.parametrize("step", [1, 2])
def test_a_killed_run_resumes_to_the_same_weights(
    uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """A run that is killed and started again ends in the very weights of an uninterrupted one."""
    warmed(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(patch, step)
        with pytest.raises(Killed):
            trained(tmp_path)
    lines = trained(tmp_path)

    assert lines[0] == f"resumed at step {step}"
    assert weights(tmp_path) == weights(uninterrupted)


def test_a_run_killed_between_its_last_files_is_made_good(
    uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights end up whole and right, even when the process dies between writing its last two files."""
    warmed(tmp_path)
    save = training.save_checkpoint

    def die_at_the_end(path: Path, **parts: Any) -> None:
        if parts["step"] == CONFIG.steps:
            raise Killed
        save(path, **parts)

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_checkpoint", die_at_the_end)
        with pytest.raises(Killed):
            trained(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"half")
    trained(tmp_path)

    assert weights(tmp_path) == weights(uninterrupted)


def test_a_killed_warm_up_resumes_to_the_same_backbone(
    uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warm-up too continues as if it had never stopped."""
    with monkeypatch.context() as patch:
        patch.setattr("qoed_training.warmup.take_step", _killing_after(1))
        with pytest.raises(Killed):
            warmed(tmp_path)
    warmed(tmp_path)

    found, wanted = ((folder / "warmup.safetensors").read_bytes() for folder in (tmp_path, uninterrupted))
    assert found == wanted


def _killing_after(steps: int) -> Callable[..., dict[str, float]]:
    left = iter(range(steps))

    def step(*arguments: Any) -> dict[str, float]:
        if next(left, None) is None:
            raise Killed
        return take_step(*arguments)

    return step


def test_a_finished_run_is_left_alone(uninterrupted: Path) -> None:
    """Asking again for what is done changes nothing."""
    before = weights(uninterrupted)

    assert trained(uninterrupted) == ["resumed at step 3"]
    assert weights(uninterrupted) == before


def test_training_starts_from_the_warmed_up_backbone(uninterrupted: Path) -> None:
    """What the warm-up learned is what training begins with."""
    network = QualityNetwork(TINY)
    load_backbone(uninterrupted / "warmup.safetensors", network.backbone)
    with safe_open(uninterrupted / "warmup.safetensors", framework="pt") as file:
        kept = {key for key in file.keys() if key.startswith("model.backbone.")}  # noqa: SIM118 - not a dict
        assert len(kept) == len(network.backbone.state_dict())
        for name, value in network.backbone.state_dict().items():
            assert torch.equal(value, file.get_tensor(f"model.backbone.{name}"))


def test_a_loss_that_is_no_number_stops_and_spoils_nothing(tmp_path: Path) -> None:
    """A non-finite loss ends the run with what to do, and the checkpoint stays as it was before that step."""
    warmed(tmp_path)
    trained(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    broken = [dataclasses.replace(scene, labels=np.full_like(scene.labels, np.nan)) for scene in SCENES]

    with pytest.raises(NonFiniteLoss, match=r"loss is nan.*: lower the learning rate or look at the newest"):
        trained(tmp_path, broken, dataclasses.replace(CONFIG, steps=5))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


class _Cliff(nn.Module):
    """Finite answers with an infinite slope."""

    def __init__(self) -> None:
        super().__init__()
        self.height = nn.Parameter(torch.zeros(()))

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rise = torch.sqrt(self.height) * torch.arange(len(clips))
        return rise, torch.zeros(len(clips), len(DISTORTIONS))


def test_a_gradient_that_is_no_number_touches_no_weight() -> None:
    """A finite loss with a non-finite gradient is refused before it reaches the weights."""
    model = _Cliff()
    batch = Batch(
        np.zeros((3, 1), np.uint8),
        np.array([0.9, 0.5, 0.1], np.float32),
        np.zeros((3, len(DISTORTIONS)), np.float32),
        np.zeros(3, np.int64),
    )

    with pytest.raises(NonFiniteLoss, match=r"its gradient (nan|inf)"):
        take_step(model, torch.optim.AdamW(model.parameters()), batch, 1e-3)
    assert model.height.item() == 0.0


def test_training_learns(tmp_path: Path) -> None:
    """A few dozen steps on clips with visible differences lower the loss clearly."""
    warmed(tmp_path)
    config = dataclasses.replace(CONFIG, steps=40, checkpoint_every=40, learning_rate=3e-3)
    scale = [float(line.partition("scale ")[2].split()[0]) for line in trained(tmp_path, config=config)]

    assert len(scale) == 4
    assert scale[-1] < 0.8 * scale[0]


def test_nothing_to_warm_up_on_is_said_so(tmp_path: Path) -> None:
    """Scenes of the other splits are never trained on, and without training scenes there is a clear line."""
    others = [made_scene(9, split="test"), made_scene(8, split="calibration")]

    with pytest.raises(CorpusError, match="no scenes to train on: run qoed-train scenes first"):
        list(warm_up(others, OPINION, tmp_path, TINY, WARMUP))


def test_the_learning_rate_warms_up_and_comes_down() -> None:
    """The rate rises to its peak, then falls to a hundredth of it, without a jump."""
    rates = [cosine_rate(1.0, step, warmup=10, steps=110) for step in range(111)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.01)
    assert max(abs(a - b) for a, b in pairwise(rates)) < 0.11


def test_a_pickle_in_place_of_weights_is_refused(tmp_path: Path) -> None:
    """A file that would run code when unpickled is not even looked into."""
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pickle.dumps({"a": 1}))

    with pytest.raises(SafetensorError):
        load_weights(path, nn.Linear(1, 1))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """Weights are loaded whole or not at all."""
    save_weights(tmp_path / "weights.safetensors", nn.Linear(2, 1).state_dict())

    with pytest.raises(RuntimeError, match="size mismatch"):
        load_weights(tmp_path / "weights.safetensors", nn.Linear(3, 1))


def _unpicklers() -> Iterator[str]:
    for path in sorted(Path(next(iter(qoed_training.__path__))).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
                found = names & {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
            elif isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                found = {called} & {
                    "torch.load",
                    "torch.save",
                    "torch.jit.load",
                    "torch.package.PackageImporter",
                }
                found |= {
                    "allow_pickle"
                    for keyword in node.keywords
                    if keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False"
                }
            else:
                continue
            yield from (f"{path.name}:{node.lineno} {name}" for name in found)


def test_training_reads_and_writes_no_pickle() -> None:
    """No file that training reads can run code: safetensors, NPZ without objects, JSON and CSV only."""
    assert list(_unpicklers()) == []
