"""Distillation: a large trained network teaches a small one (Hinton et al., 2015; FitNets, ICLR 2015).

On labelled scenes and on clips without labels the student learns the teacher's raw score, its distortion
logits, and, through a projection that is thrown away afterwards, its feature.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as nnf
import typer
from numpy.typing import NDArray
from torch import Tensor, nn

from qoed_training.average import average_of, update_average
from qoed_training.checkpoint import load_checkpoint, save_checkpoint, save_weights
from qoed_training.data.batches import Batch, BatchMaker
from qoed_training.data.clip_files import ClipMaker, load_clips
from qoed_training.data.corpus import CorpusError
from qoed_training.data.opinion import OpinionMap, load_opinion
from qoed_training.data.scenes import Scene, load_scenes
from qoed_training.losses import plcc_loss, ranking_loss
from qoed_training.network.model import BASE, SMALL, NetworkConfig, QualityNetwork
from qoed_training.network.sizes import size_named
from qoed_training.network.trained import read_network
from qoed_training.precision import Precision, best_precision
from qoed_training.progress import Recent, cosine_rate, seconds_left
from qoed_training.step import CLIP, descend

PART_WEIGHTS = {"plcc": 1.0, "rank": 3.0, "scale": 2.0, "types": 0.3, "feature": 0.5}
"""As in training, the feature on top."""


@dataclass(frozen=True, slots=True)
class DistillConfig:
    """What one run does; the same config, seed, teacher and clips give the same weights."""

    steps: int = 450
    scenes_a_batch: int = 6
    variants: int = 5
    unlabelled: int = 10
    """Clips without labels in each batch, where there are any."""
    truth: float = 0.3
    """Share of the labels in what is wanted of labelled clips; the teacher's answers have the rest."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup: int = 30
    average_decay: float = 0.995
    checkpoint_every: int = 50
    seed: int = 13
    threads: int = 2
    precision: Precision = field(default_factory=Precision)


class Pupil(nn.Module):
    """The student and the projection of its feature onto the teacher's: what is trained."""

    def __init__(self, student: QualityNetwork, teacher: NetworkConfig) -> None:
        super().__init__()
        self.student = student
        self.projection = nn.Linear(8 * student.config.fused, 8 * teacher.fused)

    def forward(self, clips_BTHWC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Raw quality `[B]`, logits `[B,K]`, feature `[B, 8*fused of the teacher]`."""
        raw, logits, feature = answers(self.student, clips_BTHWC)
        return raw, logits, self.projection(feature)


def answers(network: QualityNetwork, clips_BTHWC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Raw quality `[B]`, logits `[B,K]` and the normalised feature that both came from, `[B, 8*fused]`."""
    feature = network.neck(network.features(clips_BTHWC))
    return network.quality(feature)[:, 0], network.distortions(feature), feature


def distill_loss(
    student: tuple[Tensor, Tensor, Tensor],
    wanted_B: Tensor,
    types_BK: Tensor,
    feature_BF: Tensor,
    scene_B: Tensor,
) -> tuple[Tensor, dict[str, float]]:
    """Weighted sum and its parts: those of training with the teacher's answers for labels, and the feature.

    `feature` is 1 - cosine: the teacher's feature is centred by its neck, so direction is what tells clips
    apart.
    """
    raw, logits, projected = student
    parts = {
        "plcc": plcc_loss(raw, wanted_B),
        "rank": ranking_loss(raw, wanted_B, scene_B, margin=0.1, visible=0.02),
        "scale": nnf.smooth_l1_loss(raw, wanted_B, beta=0.05),
        "types": nnf.binary_cross_entropy_with_logits(logits, types_BK),
        "feature": 1 - nnf.cosine_similarity(projected, feature_BF, dim=1).mean(),
    }
    loss = sum((PART_WEIGHTS[name] * part for name, part in parts.items()), torch.zeros_like(raw[0]))
    return loss, {name: float(part.detach()) for name, part in parts.items()}


def distill(
    teacher: QualityNetwork,
    scenes: Sequence[Scene],
    opinion: OpinionMap,
    clips: Sequence[NDArray[np.uint8]],
    folder: Path,
    student: QualityNetwork,
    config: DistillConfig,
) -> Iterator[str]:
    """Teach `student` on the `train` split and on `clips` without labels, resuming; yields progress lines.

    Ends with `folder/weights.safetensors` (the moving average). Raises `NonFiniteLoss`, `CorpusError`.
    """
    if teacher.config.recipe != student.config.recipe:
        raise CorpusError("teacher and student look at different clips: train both with one recipe")
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    folder.mkdir(parents=True, exist_ok=True)
    device = torch.device(config.precision.device)
    teacher = teacher.to(device, memory_format=torch.channels_last_3d).eval()  # type: ignore[call-overload]
    pupil = Pupil(student, teacher.config).to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        pupil.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    average = average_of(student)
    checkpoint = folder / "checkpoint.safetensors"
    first = 0
    if checkpoint.exists():
        first = load_checkpoint(checkpoint, model=pupil, average=average, optimizer=optimizer)
        yield f"resumed at step {first}"
    maker = BatchMaker(
        [scene for scene in scenes if scene.split == "train"],
        opinion,
        student.config.recipe,
        scenes_a_batch=config.scenes_a_batch,
        variants=config.variants,
        seed=config.seed,
    )
    unlabelled = ClipMaker(clips, student.config.recipe, count=config.unlabelled, seed=config.seed)
    started, recent = time.monotonic(), Recent()
    pupil.train()
    for step in range(first, config.steps):
        rate = cosine_rate(config.learning_rate, step, warmup=config.warmup, steps=config.steps)
        parts = _step(teacher, pupil, optimizer, maker.batch(step), unlabelled.draw(step), rate, config)
        shown, done = recent.add(parts), step + 1
        update_average(average, student, step=step, decay=config.average_decay)
        if done % 10 == 0 or done == config.steps:
            left = seconds_left(started, done - first, config.steps - done)
            yield f"distillation {done}/{config.steps} {shown}, about {left / 60:.0f} min left"
        if done % config.checkpoint_every == 0 or done == config.steps:
            # Weights first: a run killed in between writes both again when it resumes.
            save_weights(folder / "weights.safetensors", average)
            save_checkpoint(checkpoint, model=pupil, average=average, optimizer=optimizer, step=done)


def _step(
    teacher: QualityNetwork,
    pupil: Pupil,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    unlabelled: Sequence[NDArray[np.uint8]],
    rate: float,
    config: DistillConfig,
) -> dict[str, float]:
    """Ask the teacher, then one clipped step of the pupil. Raises `NonFiniteLoss` before weights change."""
    device, known = torch.device(config.precision.device), len(batch.clips)
    clips = torch.from_numpy(np.concatenate([batch.clips, *(clip[None] for clip in unlabelled)])).to(device)
    with torch.no_grad(), config.precision.autocast():
        raw, logits, feature = (value.float() for value in answers(teacher, clips))
    types = torch.sigmoid(logits)
    raw[:known] += config.truth * (torch.from_numpy(batch.labels).to(device) - raw[:known])
    types[:known] += config.truth * (torch.from_numpy(batch.targets).to(device) - types[:known])
    # Clips without labels belong together with none: each is a scene of its own.
    apart = -1 - np.arange(len(unlabelled))
    scenes = torch.from_numpy(np.concatenate([batch.scenes, apart])).to(device)
    with config.precision.autocast():
        learned = pupil(clips)
    student = tuple(value.float() for value in learned)
    loss, parts = distill_loss((student[0], student[1], student[2]), raw, types, feature, scenes)
    remedy = "lower the learning rate or look at the teacher's weights and the newest scenes"
    descend(loss, pupil, optimizer, rate=rate, clip=CLIP, remedy=remedy)
    return parts


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="distill")(_command)


def _command(
    teacher: Annotated[Path, typer.Option(help="Trained weights (safetensors) that teach.")],
    work: Annotated[Path, typer.Option(help="Folder with the scenes and opinion.json of training.")],
    teacher_size: Annotated[str, typer.Option(help="Size of the teacher.")] = BASE.name,
    student_size: Annotated[str, typer.Option(help="Size of the student.")] = SMALL.name,
    start: Annotated[Path | None, typer.Option(help="Weights that the student begins with.")] = None,
    clips: Annotated[Path | None, typer.Option(help="Folder of clips without labels (*.npy).")] = None,
    steps: Annotated[int, typer.Option(help="Steps.", min=1)] = DistillConfig().steps,
    threads: Annotated[int, typer.Option(help="CPU threads.", min=1)] = DistillConfig().threads,
) -> None:
    """Teach a small network what a large one knows; continues where it was stopped."""
    taught, student = read_network(teacher, size_named(teacher_size)), size_named(student_size)
    config = DistillConfig(steps=steps, threads=threads, precision=best_precision())
    torch.manual_seed(config.seed)
    folder = work / f"{student.name}-distilled"
    for line in distill(
        taught,
        load_scenes(work / "scenes"),
        load_opinion(work / "opinion.json"),
        load_clips(clips, student.recipe) if clips else [],
        folder,
        QualityNetwork(student) if start is None else read_network(start, student),
        config,
    ):
        typer.echo(line)
    typer.echo(f"wrote {folder / 'weights.safetensors'}")
