"""Pretraining, top to bottom: videos, cache, batches, losses, SGD step, checkpoint, the trunk's weights."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from qoed_training.atomic import write_text
from qoed_training.checkpoint import load_checkpoint, save_checkpoint
from qoed_training.data.corpus import CorpusError
from qoed_training.network.model import NetworkConfig
from qoed_training.precision import Precision
from qoed_training.progress import Recent, seconds_left
from qoed_training.selfsup.cache import SectionCache
from qoed_training.selfsup.heads import PretextNetwork
from qoed_training.selfsup.losses import Tasks, total_loss
from qoed_training.selfsup.pace import RATES
from qoed_training.selfsup.samples import PretextBatch, PretextBatches
from qoed_training.selfsup.trunk import load_trunk, save_trunk
from qoed_training.selfsup.videos import Section, Video, digest_of, find_videos, plan_sections, require
from qoed_training.step import NonFiniteLoss, descend


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainConfig:
    """What one run does; the same config, seed and videos give the same weights."""

    tasks: Tasks = field(default_factory=Tasks)
    epochs: int = 18
    steps_an_epoch: int | None = None
    """None: as many as show every video `sections` times."""
    batch: int = 8
    """Samples a step; each is seen in two views, as it is and distorted."""
    sections: int = 4
    """Sections cut from each video."""
    height: int = 360
    """Lines of the small frames in the cache."""
    max_fps: float = 30.0
    """Faster videos are thinned to about this, so that a pace means the same in all."""
    projection: int = 128
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 5e-3
    decay_every: int = 6
    """The learning rate falls to a tenth every so many epochs."""
    checkpoint_every: int = 50
    seed: int = 5
    threads: int = 2
    workers: int = 1
    """Threads that make the samples."""
    precision: Precision = field(default_factory=Precision)
    cache: Path | None = None
    """Folder of decoded sections, which several runs may share; None: `<folder>/frames`."""
    cache_bytes: int = 4 * 2**30


FREE = ("epochs", "checkpoint_every", "threads", "workers", "precision", "cache", "cache_bytes")
"""May change when a run goes on; all else belongs to its checkpoint."""


def pretrain(videos: Path, folder: Path, network: NetworkConfig, config: PretrainConfig) -> Iterator[str]:
    """Pretrain a trunk on unlabelled videos, resuming; yields progress lines.

    Ends with `folder/pretrained.safetensors`, which `load_trunk` reads. Raises `CorpusError`,
    `NonFiniteLoss`.
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    folder.mkdir(parents=True, exist_ok=True)
    cache = SectionCache(config.cache or folder / "frames", config.cache_bytes)
    plan = yield from prepare(videos, cache, network, config)
    batches = PretextBatches(
        plan, cache, network.recipe, size=config.batch, seed=config.seed, distorted=config.tasks.distorted
    )
    device = torch.device(config.precision.device)
    model = PretextNetwork(network, config.tasks, projection=config.projection).to(device).train()
    model = model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    checkpoint = folder / "pretrain.safetensors"
    _claim(checkpoint, network, config, plan)
    first = 0
    if checkpoint.exists():
        first = load_checkpoint(checkpoint, model=model, average={}, optimizer=optimizer)
        yield f"resumed at step {first}"
    epoch = config.steps_an_epoch or batches.steps_a_round * config.sections
    steps = epoch * config.epochs
    started, recent = time.monotonic(), Recent()
    with closing(batches.stream(first, steps, workers=config.workers)) as stream:
        for step, batch in enumerate(stream, first):
            rate = config.learning_rate * 0.1 ** (step // epoch // config.decay_every)
            shown, done = recent.add(pretrain_step(model, optimizer, batch, rate, config)), step + 1
            if done % 10 == 0 or done == steps:
                left = seconds_left(started, done - first, steps - done)
                yield f"pretraining {done}/{steps} {shown}, about {left / 60:.0f} min left"
            if done % config.checkpoint_every == 0 or done == steps:
                save_checkpoint(checkpoint, model=model, average={}, optimizer=optimizer, step=done)
    save_trunk(folder / "pretrained.safetensors", model.trunk)
    yield f"wrote {folder / 'pretrained.safetensors'}"


def prepare(
    videos: Path, cache: SectionCache, network: NetworkConfig, config: PretrainConfig
) -> Generator[str, None, dict[Video, list[Section]]]:
    """Find the videos, plan their sections and decode them; gives the sections of every sound video.

    Yields progress lines, one for each video left out. Raises `CorpusError`.
    """
    found = yield from find_videos(videos)
    plan = plan_sections(
        found,
        sections=config.sections,
        # The slowest pace fits, with a clip's length to spare for where it starts.
        count=(RATES[-1] + 1) * network.recipe.frames,
        lines=config.height,
        max_fps=config.max_fps,
        seed=config.seed,
    )
    sound = {}
    for number, (video, sections) in enumerate(plan.items(), 1):
        try:
            for line in cache.fill(sections):
                yield f"video {number}/{len(plan)}: {line}"
            sound[video] = sections
        except CorpusError as error:
            yield f"{video.name} left out: {error}"
    require(videos, list(sound))
    return sound


def pretrain_step(
    model: PretextNetwork,
    optimizer: torch.optim.Optimizer,
    batch: PretextBatch,
    rate: float,
    config: PretrainConfig,
) -> dict[str, float]:
    """Forward, losses, backward, step at learning rate `rate`; returns the losses and shares told right.

    Raises `NonFiniteLoss`, before weights are touched.
    """
    device = torch.device(config.precision.device)

    def put(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(device)

    with config.precision.autocast():
        parts, right = model(
            put(batch.original),
            None if batch.distorted is None else put(batch.distorted),
            put(batch.types),
            put(batch.paces),
        )
    loss = total_loss(parts)
    descend(loss, model, optimizer, rate=rate, remedy="lower the learning rate")
    shown: dict[str, float] = {name: float(part.detach()) for name, part in parts.items()} | right
    return shown


def _claim(
    checkpoint: Path, network: NetworkConfig, config: PretrainConfig, plan: dict[Video, list[Section]]
) -> None:
    """Write what the run is beside its checkpoint. Raises `CorpusError` when that is of another run."""
    settings = {name: value for name, value in asdict(config).items() if name not in FREE}
    run = json.loads(json.dumps({"config": settings, "network": asdict(network), "videos": digest_of(plan)}))
    note = checkpoint.with_suffix(".json")
    if checkpoint.exists():
        before = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
        changed = sorted(name for name in run if before.get(name) != run[name])
        if changed:
            raise CorpusError(
                f"{checkpoint} is of a run with other {' and '.join(changed)}: "
                "choose another --work, or delete it to start anew"
            )
    write_text(note, json.dumps(run, indent=2) + "\n")


__all__ = ["NonFiniteLoss", "PretrainConfig", "Tasks", "load_trunk", "pretrain"]
