"""The training loop, top to bottom: batches, loss, step, moving average, checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from qoed_training.average import average_of, update_average
from qoed_training.checkpoint import load_checkpoint, save_checkpoint, save_weights
from qoed_training.data.batches import BatchMaker
from qoed_training.data.opinion import OpinionMap
from qoed_training.data.scenes import Scene
from qoed_training.network.model import NetworkConfig, QualityNetwork
from qoed_training.precision import Precision
from qoed_training.progress import Recent, cosine_rate, seconds_left
from qoed_training.step import NonFiniteLoss, take_step
from qoed_training.warmup import load_backbone


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What one run does; the same config, seed and scenes give the same weights."""

    steps: int = 2600
    scenes_a_batch: int = 8
    variants: int = 4
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup: int = 60
    average_decay: float = 0.998
    checkpoint_every: int = 100
    seed: int = 7
    threads: int = 2
    precision: Precision = field(default_factory=Precision)


def train(
    scenes: list[Scene], opinion: OpinionMap, folder: Path, network: NetworkConfig, config: TrainConfig
) -> Iterator[str]:
    """Train on the `train` split from a warmed-up backbone, resuming; yields progress lines.

    Ends with `folder/weights.safetensors` (the moving average). Raises `NonFiniteLoss`, `CorpusError`.
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    folder.mkdir(parents=True, exist_ok=True)
    model = QualityNetwork(network)
    load_backbone(folder / "warmup.safetensors", model.backbone)
    model = model.to(config.precision.device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    average = average_of(model)
    checkpoint = folder / "checkpoint.safetensors"
    first = 0
    if checkpoint.exists():
        first = load_checkpoint(checkpoint, model=model, average=average, optimizer=optimizer)
        yield f"resumed at step {first}"
    maker = BatchMaker(
        [scene for scene in scenes if scene.split == "train"],
        opinion,
        network.recipe,
        scenes_a_batch=config.scenes_a_batch,
        variants=config.variants,
        seed=config.seed,
    )
    started = time.monotonic()
    recent = Recent()
    model.train()
    for step in range(first, config.steps):
        rate = cosine_rate(config.learning_rate, step, warmup=config.warmup, steps=config.steps)
        shown = recent.add(take_step(model, optimizer, maker.batch(step), rate, config.precision))
        update_average(average, model, step=step, decay=config.average_decay)
        done = step + 1
        if done % 10 == 0 or done == config.steps:
            left = seconds_left(started, done - first, config.steps - done)
            yield f"step {done}/{config.steps} {shown}, about {left / 60:.0f} min left"
        if done % config.checkpoint_every == 0 or done == config.steps:
            # Weights first: a run killed in between writes both again when it resumes.
            save_weights(folder / "weights.safetensors", average)
            save_checkpoint(checkpoint, model=model, average=average, optimizer=optimizer, step=done)


__all__ = ["NonFiniteLoss", "TrainConfig", "train"]
