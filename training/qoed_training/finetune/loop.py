"""Fine-tuning on opinion, top to bottom: splits, trunk, epochs, predictions, mean and spread of repeats."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qoed_engine.manifest import sha256_of
from qoed_training.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from qoed_training.finetune.epoch import FinetuneConfig, make_optimizer, predict, run_epoch
from qoed_training.finetune.rated import RatedSet
from qoed_training.finetune.results import (
    claim,
    describe,
    judge,
    load_judged,
    save_judged,
    summary,
    write_json,
)
from qoed_training.finetune.splits import Split, content_splits
from qoed_training.network.model import NetworkConfig, QualityNetwork
from qoed_training.progress import seconds_left
from qoed_training.selfsup.trunk import load_trunk
from qoed_training.tables.results import Judged

RESULT = "result.json"
REPORTS = 10
"""Progress lines a repeat, about."""


def finetune(
    rated: RatedSet, folder: Path, network: NetworkConfig, config: FinetuneConfig, trunk: Path | None = None
) -> Iterator[str]:
    """Train and judge on every split, resuming; yields progress lines.

    A repeat ends with `repeat-N.safetensors` (weights) and `repeat-N.json` (predictions for its test side),
    the run with `result.json`. `trunk` is what pretraining left; without it the network starts from
    nothing. Raises `NonFiniteLoss`, `CorpusError`.
    """
    torch.set_num_threads(config.threads)
    claim(folder, settings_of(rated, network, config, trunk))
    splits = content_splits(
        rated.contents, repeats=config.repeats, test_share=config.test_share, seed=config.seed
    )
    todo = [number for number in range(config.repeats) if not _predictions(folder, number).exists()]
    pace = _Pace(len(todo) * config.epochs)
    for number in todo:
        yield from _repeat(rated, folder, network, config, trunk, number, splits[number], pace)
    judged = repeats_of(folder, config.repeats)
    found = summary(judged)
    counted = {"items": len(rated.mos), "contents": len(set(rated.contents)), "repeats": len(judged)}
    write_json(folder / RESULT, {"set": rated.name, **counted, **found})
    yield f"{rated.name}: {describe(found)}"


def repeats_of(folder: Path, repeats: int) -> tuple[Judged, ...]:
    """What the repeats of a finished run predicted for their test sides. Raises `CorpusError`."""
    return tuple(load_judged(_predictions(folder, number)) for number in range(repeats))


def judge_elsewhere(
    folder: Path, other: RatedSet, network: NetworkConfig, config: FinetuneConfig
) -> Iterator[Judged]:
    """Every repeat's network on the whole of another set (the paper's cross-dataset test), one by one."""
    torch.set_num_threads(config.threads)
    items = np.arange(len(other.mos))
    for number in range(config.repeats):
        model = QualityNetwork(network)
        load_weights(folder / f"repeat-{number}.safetensors", model)
        yield judge(
            other, number, items, predict(model, other, items, batch=config.batch, precision=config.precision)
        )


def settings_of(
    rated: RatedSet, network: NetworkConfig, config: FinetuneConfig, trunk: Path | None
) -> dict[str, Any]:
    """All that the result depends on; what may differ when a run is continued is left out."""
    free = {"repeats", "threads", "checkpoint_every", "precision"}
    return {
        "set": rated.name,
        "items": len(rated.mos),
        "network": asdict(network),
        "trunk": sha256_of(trunk) if trunk else None,
        **{key: value for key, value in asdict(config).items() if key not in free},
        "bf16": config.precision.bf16,
    }


class _Pace:
    """Time left, from the epochs that this process has done."""

    def __init__(self, epochs: int) -> None:
        self._started, self._done, self._left = time.monotonic(), 0, epochs

    def skip(self, epochs: int) -> None:
        self._left -= epochs

    def epoch(self) -> None:
        self._done, self._left = self._done + 1, self._left - 1

    @property
    def minutes(self) -> float:
        return seconds_left(self._started, self._done, self._left) / 60


def _predictions(folder: Path, number: int) -> Path:
    return folder / f"repeat-{number}.json"


def _repeat(
    rated: RatedSet,
    folder: Path,
    network: NetworkConfig,
    config: FinetuneConfig,
    trunk: Path | None,
    number: int,
    split: Split,
    pace: _Pace,
) -> Iterator[str]:
    # Every row of an ablation starts repeat N alike, so that rows differ by what was asked only.
    torch.manual_seed(config.seed + number)
    model = QualityNetwork(network)
    if trunk is not None:
        load_trunk(trunk, model)
    model = model.to(config.precision.device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimizer = make_optimizer(model, config)
    checkpoint = folder / f"repeat-{number}.checkpoint.safetensors"
    first = 0
    if checkpoint.exists():
        first = load_checkpoint(checkpoint, model=model, average={}, optimizer=optimizer)
        pace.skip(first)
        yield f"repeat {number + 1}: resumed at epoch {first}"
    for epoch in range(first, config.epochs):
        loss = run_epoch(model, optimizer, rated, split.train, config, repeat=number, epoch=epoch)
        pace.epoch()
        done = epoch + 1
        if done % max(1, config.epochs // REPORTS) == 0 or done == config.epochs:
            yield (
                f"repeat {number + 1}/{config.repeats} epoch {done}/{config.epochs} "
                f"loss {loss:.4f}, about {pace.minutes:.0f} min left"
            )
        if done % config.checkpoint_every == 0 or done == config.epochs:
            save_checkpoint(checkpoint, model=model, average={}, optimizer=optimizer, step=done)
    predicted = predict(model, rated, split.test, batch=config.batch, precision=config.precision)
    # Predictions last: they say that the repeat is whole.
    save_weights(folder / f"repeat-{number}.safetensors", model.state_dict())
    save_judged(_predictions(folder, number), judge(rated, number, split.test, predicted))
    checkpoint.unlink()


__all__ = ["FinetuneConfig", "finetune", "judge_elsewhere", "repeats_of", "settings_of"]
