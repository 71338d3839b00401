"""Warm-up: the backbone learns fine detail from small crops of single frames before the network trains.

A 96x96 crop of the fragments costs a sixteenth of a clip's fragments and carries the same label, so
distortions are found in minutes; the idea is that of patch-wise IQA (Kang et al., CVPR 2014). The head used
here is thrown away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

from qoed_training.checkpoint import load_checkpoint, save_checkpoint
from qoed_training.data.batches import Batch
from qoed_training.data.corpus import CorpusError
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.data.opinion import OpinionMap
from qoed_training.data.scenes import Scene
from qoed_training.network.backbone import Backbone
from qoed_training.network.model import NetworkConfig, make_backbone, with_detail
from qoed_training.precision import Precision
from qoed_training.progress import Recent, cosine_rate, seconds_left
from qoed_training.step import take_step

CELLS = 3
"""A crop is so many patches wide and high."""


@dataclass(frozen=True, slots=True)
class WarmupConfig:
    """What the warm-up does."""

    steps: int = 1200
    scenes_a_batch: int = 8
    crops: int = 1
    learning_rate: float = 2e-3
    checkpoint_every: int = 100
    seed: int = 11
    threads: int = 2
    precision: Precision = field(default_factory=Precision)


class PatchNetwork(nn.Module):
    """Backbone and a throw-away head on the means of its four maps: `uint8 [B,P,P,3]` crops."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.backbone: Backbone = make_backbone(config)
        self.neck = nn.BatchNorm1d(sum(config.widths))
        self.quality = nn.Linear(sum(config.widths), 1)
        self.distortions = nn.Linear(sum(config.widths), len(DISTORTIONS))
        nn.init.constant_(self.quality.bias, 0.5)

    def forward(self, crops_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Raw quality `[B]` and distortion logits `[B,K]`."""
        x = crops_BHWC.permute(0, 3, 1, 2).unsqueeze(2).float() / 127.5 - 1.0
        maps = self.backbone(with_detail(x))
        feature = self.neck(torch.cat([m.mean(dim=(2, 3, 4)) for m in maps], dim=1))
        return self.quality(feature)[:, 0], self.distortions(feature)


def crop_batch(
    scenes: Sequence[Scene],
    labels: Sequence[NDArray[np.float64]],
    network: NetworkConfig,
    config: WarmupConfig,
    step: int,
) -> Batch:
    """Crops of all degradations of a few scenes at the same places; depends on seed and step only.

    `clips` are crops `[B,P,P,3]` here, and `scenes` counts places.
    """
    rng = np.random.default_rng([config.seed, step])
    grid, patch = network.recipe.grid, network.recipe.patch
    crops, wanted, targets = [], [], []
    places: list[NDArray[np.int64]] = []
    for number in rng.choice(len(scenes), size=min(config.scenes_a_batch, len(scenes)), replace=False):
        scene = scenes[number]
        for _ in range(config.crops):
            cut, frame = int(rng.integers(scene.clips.shape[1])), int(rng.integers(network.recipe.frames))
            row, column = rng.integers(0, grid - CELLS + 1, size=2) * patch
            size = CELLS * patch
            block = scene.clips[:, cut, frame, row : row + size, column : column + size]
            crops.append(block[:, :, ::-1] if rng.random() < 0.5 else block)
            wanted.append(labels[number])
            targets.append(scene.targets)
            places.append(np.full(len(block), len(places)))
    return Batch(
        np.concatenate(crops),
        np.concatenate(wanted).astype(np.float32),
        np.concatenate(targets).astype(np.float32),
        np.concatenate(places).astype(np.int64),
    )


def warm_up(
    scenes: list[Scene], opinion: OpinionMap, folder: Path, network: NetworkConfig, config: WarmupConfig
) -> Iterator[str]:
    """Train a backbone on crops, resuming; it ends in `folder/warmup.safetensors`. Yields progress lines.

    Raises `NonFiniteLoss`, `CorpusError`.
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    folder.mkdir(parents=True, exist_ok=True)
    used = [scene for scene in scenes if scene.split == "train"]
    if not used:
        raise CorpusError("no scenes to train on: run qoed-train scenes first")
    labels = [opinion.label(scene) / 100.0 for scene in used]
    model = PatchNetwork(network).train()
    model = model.to(config.precision.device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=0.02)
    checkpoint = folder / "warmup.safetensors"
    first = 0
    if checkpoint.exists():
        first = load_checkpoint(checkpoint, model=model, average={}, optimizer=optimizer)
    started, recent = time.monotonic(), Recent()
    for step in range(first, config.steps):
        rate = cosine_rate(config.learning_rate, step, warmup=20, steps=config.steps)
        batch = crop_batch(used, labels, network, config, step)
        shown, done = recent.add(take_step(model, optimizer, batch, rate, config.precision)), step + 1
        if done % 25 == 0 or done == config.steps:
            left = seconds_left(started, done - first, config.steps - done)
            yield f"warm-up {done}/{config.steps} {shown}, about {left / 60:.0f} min left"
        if done % config.checkpoint_every == 0 or done == config.steps:
            save_checkpoint(checkpoint, model=model, average={}, optimizer=optimizer, step=done)


def load_backbone(path: Path, backbone: Backbone) -> None:
    """Copy a warmed-up backbone into `backbone`. Raises FileNotFoundError without a finished warm-up."""
    prefix = "model.backbone."
    with safe_open(path, framework="pt") as file:
        backbone.load_state_dict(
            {key.removeprefix(prefix): file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118
        )
