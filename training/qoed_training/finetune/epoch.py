"""One pass over the training side, and predictions for the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qoed_training.data.batches import augment
from qoed_training.finetune.rated import RatedSet
from qoed_training.losses import plcc_loss
from qoed_training.network.model import NetworkConfig, QualityNetwork
from qoed_training.precision import Precision
from qoed_training.progress import cosine_rate
from qoed_training.step import CLIP, NonFiniteLoss, descend


@dataclass(frozen=True, slots=True)
class FinetuneConfig:
    """What fine-tuning does: the paper's loss, rate, epochs, share and repeats (section 4).

    The paper leaves optimiser, batch and schedule open; with `decay` the rate falls on a cosine to a
    hundredth.
    """

    epochs: int = 100
    repeats: int = 5
    test_share: float = 0.2
    batch: int = 16
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 3e-4
    weight_decay: float = 0.02
    decay: bool = False
    precision: Precision = field(default_factory=Precision)
    checkpoint_every: int = 10
    seed: int = 5
    threads: int = 2


def make_optimizer(model: nn.Module, config: FinetuneConfig) -> torch.optim.Optimizer:
    """AdamW, or SGD with the momentum of the paper's pretraining."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), lr=config.learning_rate, momentum=0.9, weight_decay=config.weight_decay
        )
    return torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)


def run_epoch(
    model: QualityNetwork,
    optimizer: torch.optim.Optimizer,
    rated: RatedSet,
    train: NDArray[np.int64],
    config: FinetuneConfig,
    *,
    repeat: int,
    epoch: int,
) -> float:
    """Every item of `train` once, one cut of each, (1 - PLCC) / 2 a batch; returns the mean loss.

    Order and augmentation depend on seed, repeat and epoch only. Raises `NonFiniteLoss`.
    """
    rng = np.random.default_rng([config.seed, repeat, epoch])
    # Even parts, none smaller than a batch: a correlation over two or three clips would say nothing.
    parts = np.array_split(rng.permutation(train), max(1, len(train) // config.batch))
    model.train()
    losses = []
    for index, part in enumerate(parts):
        if config.decay:
            step, steps = epoch * len(parts) + index, config.epochs * len(parts)
            for group in optimizer.param_groups:
                group["lr"] = cosine_rate(config.learning_rate, step, warmup=0, steps=steps)
        clips = np.stack([_drawn(rated.clips(int(item)), model.config, rng) for item in part])
        losses.append(_step(model, optimizer, clips, rated.quality[part], config.precision))
    return float(np.mean(losses))


def _drawn(cuts: NDArray[np.uint8], network: NetworkConfig, rng: np.random.Generator) -> NDArray[np.uint8]:
    mirror, backwards = rng.random(2) < 0.5
    cells = rng.permutation(network.recipe.grid**2)
    cut = cuts[int(rng.integers(len(cuts)))]
    return augment(cut, network.recipe, cells, mirror=bool(mirror), backwards=bool(backwards))


def _step(
    model: QualityNetwork,
    optimizer: torch.optim.Optimizer,
    clips: NDArray[np.uint8],
    quality: NDArray[np.float64],
    precision: Precision,
) -> float:
    with precision.autocast():
        raw, _ = model(torch.from_numpy(clips).to(precision.device))
    loss = plcc_loss(raw.float(), torch.from_numpy(quality).float().to(precision.device))
    descend(loss, model, optimizer, clip=CLIP, remedy="lower the learning rate; the last checkpoint is whole")
    return float(loss.detach())


def predict(
    model: QualityNetwork,
    rated: RatedSet,
    items: Sequence[int] | NDArray[np.int64],
    *,
    batch: int,
    precision: Precision,
) -> NDArray[np.float64]:
    """Raw output of each item, averaged over its cuts: `[len(items)]`. Raises `NonFiniteLoss`."""
    model = model.to(precision.device).eval()
    means = []
    with torch.no_grad(), precision.autocast():
        for item in items:
            # A copy, since mapped files are read-only.
            cuts = torch.from_numpy(np.array(rated.clips(int(item)))).to(precision.device)
            outputs = [model(part)[0].float() for part in torch.split(cuts, batch)]
            means.append(float(torch.cat(outputs).mean()))
    if not np.isfinite(means).all():
        raise NonFiniteLoss(f"{rated.name}: some predictions are no numbers; lower the learning rate")
    return np.array(means)
