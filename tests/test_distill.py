"""Distillation: the student takes on the teacher's answers, resumably, and bad input ends in one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from qoed_training import distill as distillation
from qoed_training.checkpoint import save_weights
from qoed_training.data.batches import Batch, BatchMaker
from qoed_training.data.clip_files import ClipMaker, load_clips
from qoed_training.data.corpus import CorpusError
from qoed_training.data.scenes import Scene
from qoed_training.distill import PART_WEIGHTS, DistillConfig, distill, distill_loss
from qoed_training.network import model, sizes, trained
from qoed_training.network.model import QualityNetwork
from qoed_training.precision import Precision
from qoed_training.step import NonFiniteLoss
from scene_files import write_scene
from training_material import OPINION, RECIPE, TINY, made_scene

SCENES = [made_scene(number) for number in range(3)]
TALL = replace(TINY, name="tall", fused=12, factored=False)
CONFIG = DistillConfig(
    steps=3, scenes_a_batch=2, variants=2, unlabelled=2, warmup=1, checkpoint_every=1, threads=1
)
CLIPS = [
    np.random.default_rng(5).integers(0, 256, size=(count, *RECIPE.clip_shape), dtype=np.uint8)
    for count in (1, 3)
]


def teacher() -> QualityNetwork:
    torch.manual_seed(1)
    return QualityNetwork(TALL)


def taught(
    folder: Path,
    *,
    scenes: Sequence[Scene] = SCENES,
    clips: Sequence[NDArray[np.uint8]] = CLIPS,
    config: DistillConfig = CONFIG,
) -> list[str]:
    torch.manual_seed(2)
    return list(distill(teacher(), scenes, OPINION, clips, folder, QualityNetwork(TINY), config))


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def test_a_killed_distillation_resumes_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed and started again ends in the very weights of an uninterrupted one."""
    taught(tmp_path / "whole")
    make = BatchMaker.batch

    def batch(self: BatchMaker, step: int) -> Batch:
        if step == 2:
            raise Killed
        return make(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(BatchMaker, "batch", batch)
        with pytest.raises(Killed):
            taught(tmp_path / "parts")
    lines = taught(tmp_path / "parts")
    whole, parts = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "parts"))

    assert lines[0] == "resumed at step 2"
    assert lines[-1].startswith("distillation 3/3 plcc ")
    assert parts == whole


def test_the_student_takes_on_the_teachers_answers(tmp_path: Path) -> None:
    """Even without labels in what is wanted, a few dozen steps bring the student closer in every part."""
    config = replace(CONFIG, steps=40, truth=0.0, learning_rate=3e-3, checkpoint_every=40, variants=3)
    lines = taught(tmp_path, config=config)
    words = [line.split() for line in lines]
    first, last = (
        {name: float(row[row.index(name) + 1].rstrip(",")) for name in PART_WEIGHTS}
        for row in (words[0], words[-1])
    )

    assert last["scale"] < 0.8 * first["scale"]
    assert last["feature"] < 0.8 * first["feature"]
    assert last["types"] < first["types"]


def test_what_is_wanted_lies_between_teacher_and_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labelled clips want a mix of label and answer, clips without labels the answer, and pair with none."""
    seen: list[tuple[torch.Tensor, ...]] = []

    def spy(
        student: tuple[torch.Tensor, torch.Tensor, torch.Tensor], *wanted: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, float]]:
        seen.append(wanted)
        return distill_loss(student, wanted[0], wanted[1], wanted[2], wanted[3])

    monkeypatch.setattr(distillation, "distill_loss", spy)
    for truth in (0.0, 0.5, 1.0):
        taught(tmp_path / str(truth), config=replace(CONFIG, steps=1, truth=truth))
    batch = BatchMaker(SCENES, OPINION, RECIPE, scenes_a_batch=2, variants=2, seed=CONFIG.seed).batch(0)
    known = len(batch.labels)

    for part, label in ((0, batch.labels), (1, batch.targets)):
        answer, half, truth_only = (wanted[part].numpy() for wanted in seen)
        np.testing.assert_allclose(truth_only[:known], label, atol=1e-6)
        np.testing.assert_allclose(half[:known], (answer[:known] + label) / 2, atol=1e-5)
        np.testing.assert_allclose(half[known:], answer[known:], atol=1e-5)
    scenes = seen[0][3].tolist()
    assert scenes[:known] == batch.scenes.tolist()
    assert len(set(scenes[known:]) - set(scenes[:known])) == CONFIG.unlabelled


def test_the_loss_is_its_parts_worked_out_slowly() -> None:
    """The loss equals a slow NumPy computation of correlation, order, scale, types and feature."""
    rng = np.random.default_rng(3)
    raw, wanted = rng.normal(size=(2, 6))
    logits, projected, feature = rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    types, scenes = rng.random((6, 3)), np.array([0, 0, 0, 1, 1, -1])
    hinges = [
        max(0.0, min(wanted[i] - wanted[j], 0.1) - (raw[i] - raw[j]))
        for i in range(6)
        for j in range(6)
        if scenes[i] == scenes[j] and wanted[i] - wanted[j] > 0.02
    ]
    off = np.abs(raw - wanted)
    slow = {
        "plcc": (1 - np.corrcoef(raw, wanted)[0, 1]) / 2,
        "rank": np.mean(hinges),
        "scale": np.mean(np.where(off < 0.05, off**2 / 0.1, off - 0.025)),
        "types": np.mean(np.log1p(np.exp(logits)) - types * logits),
        "feature": np.mean(
            [1 - a @ b / np.sqrt(a @ a) / np.sqrt(b @ b) for a, b in zip(projected, feature, strict=True)]
        ),
    }
    student = (torch.from_numpy(raw), torch.from_numpy(logits), torch.from_numpy(projected))
    answers = (torch.from_numpy(value) for value in (wanted, types, feature, scenes))
    loss, parts = distill_loss(student, *answers)

    assert parts == pytest.approx(slow, abs=1e-6)
    assert float(loss) == pytest.approx(sum(PART_WEIGHTS[name] * slow[name] for name in slow), abs=1e-6)


def test_the_teacher_learns_nothing(tmp_path: Path) -> None:
    """The teacher's weights and running means are as before, whatever it was asked."""
    wise = teacher()
    before = {name: value.clone() for name, value in wise.state_dict().items()}
    list(distill(wise, SCENES, OPINION, CLIPS, tmp_path, QualityNetwork(TINY), replace(CONFIG, steps=1)))

    assert all(torch.equal(value, before[name]) for name, value in wise.state_dict().items())


def test_a_distillation_that_goes_astray_spoils_nothing(tmp_path: Path) -> None:
    """A non-finite loss ends the run with what to do, and the files stay as they were."""
    taught(tmp_path, config=replace(CONFIG, steps=1))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    broken = [dataclasses.replace(scene, labels=np.full_like(scene.labels, np.nan)) for scene in SCENES]

    with pytest.raises(NonFiniteLoss, match=r"loss is nan.*: lower the learning rate or look at the teacher"):
        taught(tmp_path, scenes=broken)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_scenes_alone_are_enough(tmp_path: Path) -> None:
    """Without unlabelled clips the student learns from scenes; without training scenes it says so."""
    assert taught(tmp_path / "scenes", clips=[], config=replace(CONFIG, steps=1))[-1].startswith("distil")
    with pytest.raises(CorpusError, match="no scenes to train on"):
        taught(tmp_path / "none", scenes=[made_scene(9, split="test")])


def test_teacher_and_student_must_look_alike(tmp_path: Path) -> None:
    """A student whose clips are cut otherwise than the teacher's is refused before anything is done."""
    other = QualityNetwork(replace(TINY, recipe=replace(RECIPE, frames=4)))

    with pytest.raises(CorpusError, match="look at different clips: train both with one recipe"):
        list(distill(teacher(), SCENES, OPINION, [], tmp_path / "new", other, CONFIG))
    assert not (tmp_path / "new").exists()


def test_gradients_are_sound_in_bf16(tmp_path: Path) -> None:
    """On two frames and a CPU, where bfloat16 by itself goes wrong in torch, the losses change little."""
    config = replace(CONFIG, steps=2)
    precise = taught(tmp_path / "f32", config=config)[-1].split()
    halved = replace(config, precision=Precision("cpu", bf16=True))
    coarse = taught(tmp_path / "bf16", config=halved)[-1].split()

    for name in PART_WEIGHTS:
        found, wanted = (float(row[row.index(name) + 1].rstrip(",")) for row in (coarse, precise))
        assert found == pytest.approx(wanted, abs=0.05)


def test_unlabelled_clips_are_drawn_from_all_files() -> None:
    """A step draws the same clips whenever it is asked, and over time from every clip of every file."""
    solid = [np.full((count, *RECIPE.clip_shape), shade, np.uint8) for count, shade in ((1, 10), (2, 20))]
    solid[1][1] = 30
    maker = ClipMaker(solid, RECIPE, count=4, seed=1)
    drawn = [maker.draw(step) for step in range(8)]

    assert all(len(clips) == 4 for clips in drawn)
    assert {int(clip.flat[0]) for clips in drawn for clip in clips} == {10, 20, 30}
    np.testing.assert_array_equal(drawn[3], maker.draw(3))
    assert ClipMaker([], RECIPE, count=4, seed=1).draw(0) == []


def test_clip_files_are_checked(tmp_path: Path) -> None:
    """Clips of any leading shape are read; none, or others, end in a line that names file and remedy."""
    with pytest.raises(CorpusError, match=r"no clips \(\*\.npy\) to distil on"):
        load_clips(tmp_path, RECIPE)
    np.save(tmp_path / "a.npy", np.zeros((2, 3, *RECIPE.clip_shape), np.uint8))
    assert [len(clips) for clips in load_clips(tmp_path, RECIPE)] == [6]
    np.save(tmp_path / "b.npy", np.zeros((2, 7), np.uint8))
    with pytest.raises(CorpusError, match=r"b\.npy: uint8 \[2, 7\] holds no clips.*make it with this recipe"):
        load_clips(tmp_path, RECIPE)


def test_the_distill_command_teaches_from_a_work_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`qoed-train distill` reads teacher, scenes and clips, and leaves weights that a network takes."""
    for module in (model, sizes):
        monkeypatch.setattr(module, "SIZES", {"small": TINY, "base": TALL})
    for scene in SCENES[:2]:
        write_scene(tmp_path / "scenes", scene)
    (tmp_path / "clips").mkdir()
    np.save(tmp_path / "clips" / "some.npy", CLIPS[1])
    save_weights(tmp_path / "teacher.safetensors", teacher().state_dict())
    app = typer.Typer()
    app.callback()(lambda: None)
    distillation.register(app)
    arguments = ["distill", "--teacher", str(tmp_path / "teacher.safetensors"), "--work", str(tmp_path)]
    arguments += ["--clips", str(tmp_path / "clips"), "--steps", "1", "--threads", "1"]
    early = CliRunner().invoke(app, arguments)
    OPINION.save(tmp_path / "opinion.json")
    result = CliRunner().invoke(app, arguments)

    assert isinstance(early.exception, CorpusError)
    assert "opinion.json is missing: run qoed-train train first" in str(early.exception)
    assert result.exit_code == 0, result.output
    trained.read_network(tmp_path / "tiny-distilled" / "weights.safetensors", TINY)
