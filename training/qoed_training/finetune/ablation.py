"""What each pretext task and the multi-scale module bring: pretrain, fine-tune, judge, row by row.

The paper's ablations, of auxiliary tasks and of the multi-scale module, and a row that it lacks: no
pretraining.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from qoed_training.data.corpus import CorpusError
from qoed_training.finetune.loop import FinetuneConfig, finetune, repeats_of
from qoed_training.finetune.rated import RatedSet
from qoed_training.finetune.results import claim, describe, read_json, summary, write_json
from qoed_training.network.model import NetworkConfig
from qoed_training.selfsup.losses import TASK_NAMES, Tasks
from qoed_training.selfsup.pretrain import PretrainConfig, pretrain

LOG = "progress.log"
NEWS_EVERY_S = 60.0
"""Rows that run beside each other tell of their progress this often."""


@dataclass(frozen=True, slots=True)
class Row:
    """One network to train: with these pretext tasks (none: no pretraining), with or without the module."""

    tasks: tuple[str, ...]
    multi_scale: bool = True

    @property
    def name(self) -> str:
        """File stem: `none`, `distortion`, `distortion+pace`, `all`, `all-one-scale` and so on."""
        name = "all" if self.tasks == TASK_NAMES else "+".join(self.tasks) or "none"
        return name if self.multi_scale else f"{name}-one-scale"


DISTORTION, PACE, CONTRAST = TASK_NAMES
ROWS = (
    Row(()),
    Row((DISTORTION,)),
    Row((PACE,)),
    Row((CONTRAST,)),
    Row((DISTORTION, PACE)),
    Row((DISTORTION, CONTRAST)),
    Row((PACE, CONTRAST)),
    Row(TASK_NAMES),
    Row(TASK_NAMES, multi_scale=False),
)
"""All networks of both tables."""
MODULE = ROWS[-2:]
"""Those that the module's table compares; `all` belongs to both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """One ablation: the same videos, rated set, sizes, seeds and splits for all rows.

    `rated` loads the set (each process for itself); everything made goes to `folder`.
    """

    videos: Path
    rated: Callable[[], RatedSet]
    folder: Path
    network: NetworkConfig
    pretraining: PretrainConfig
    finetuning: FinetuneConfig

    def row_file(self, row: Row) -> Path:
        """`<folder>/<row>.json`."""
        return self.folder / f"{row.name}.json"


def ablate(ablation: Ablation, *, rows: Sequence[Row] = ROWS, workers: int = 1) -> Iterator[str]:
    """Make the rows that are missing, `workers` at a time; yields progress lines.

    A row ends with `<folder>/<row>.json`. Interrupted rows are continued. Raises `CorpusError`,
    `NonFiniteLoss`.
    """
    claim(ablation.folder, _settings(ablation))
    todo = [row for row in rows if not ablation.row_file(row).exists()]
    yield f"{len(rows) - len(todo)} of {len(rows)} rows are there"
    run = _one_by_one if workers == 1 else _beside_each_other
    yield from run(ablation, todo, workers)


def run_row(ablation: Ablation, row: Row) -> Iterator[str]:
    """Pretrain unless the row has no tasks, fine-tune all repeats, write the row's file."""
    started = time.monotonic()
    network = replace(ablation.network, multi_scale=row.multi_scale)
    folder, trunk = ablation.folder / row.name, None
    if row.tasks:
        tasks = Tasks(**{name: name in row.tasks for name in TASK_NAMES})
        # One cache for all rows: they see the same videos.
        config = replace(ablation.pretraining, tasks=tasks, cache=ablation.folder / "frames")
        yield from pretrain(ablation.videos, folder / "pretrain", network, config)
        trunk = folder / "pretrain" / "pretrained.safetensors"
    pretrained = time.monotonic()
    rated = ablation.rated()
    yield from finetune(rated, folder / "finetune", network, ablation.finetuning, trunk)
    judged = repeats_of(folder / "finetune", ablation.finetuning.repeats)
    write_json(
        ablation.row_file(row),
        {
            "row": row.name,
            "tasks": list(row.tasks),
            "multi_scale": row.multi_scale,
            "network": network.name,
            "set": rated.name,
            "pretrain_s": round(pretrained - started, 1),
            "finetune_s": round(time.monotonic() - pretrained, 1),
            **summary(judged),
            "repeats": [asdict(one) for one in judged],
        },
    )


def _settings(ablation: Ablation) -> dict[str, Any]:
    """What all rows depend on; where things lie and how fast they are made is free."""
    free = {"tasks", "cache", "cache_bytes", "threads", "workers", "checkpoint_every", "precision"}
    rated = ablation.rated()
    parts = {
        name: {key: value for key, value in asdict(part).items() if key not in free}
        | ({} if isinstance(part, NetworkConfig) else {"bf16": part.precision.bf16})
        for name, part in (
            ("network", ablation.network),
            ("pretraining", ablation.pretraining),
            ("finetuning", ablation.finetuning),
        )
    }
    return {"set": rated.name, "items": len(rated.mos), **parts}


def _one_by_one(ablation: Ablation, todo: Sequence[Row], _workers: int) -> Iterator[str]:
    started = time.monotonic()
    for done, row in enumerate(todo, 1):
        for line in run_row(ablation, row):
            yield f"{row.name}: {line}"
        yield _finished(ablation, row, started, done, len(todo))


def _beside_each_other(ablation: Ablation, todo: Sequence[Row], workers: int) -> Iterator[str]:
    started, done = time.monotonic(), 0
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        pending = {pool.submit(_logged, ablation, row): row for row in todo}
        try:
            while pending:
                finished, _ = wait(pending, NEWS_EVERY_S, FIRST_COMPLETED)
                for future in finished:
                    row = pending.pop(future)
                    try:
                        future.result()
                    except BrokenExecutor as error:
                        raise CorpusError(
                            "a process that trains a row was killed, perhaps for want of memory: "
                            "repeat the command with fewer --workers"
                        ) from error
                    done += 1
                    yield _finished(ablation, row, started, done, len(todo))
                if not finished:
                    yield from _news(ablation, pending.values())
        finally:
            pool.shutdown(cancel_futures=True)


def _logged(ablation: Ablation, row: Row) -> None:
    path = ablation.folder / row.name / LOG
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", buffering=1) as log:
        for line in run_row(ablation, row):
            log.write(line + "\n")


def _news(ablation: Ablation, rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        path = ablation.folder / row.name / LOG
        if path.exists() and (lines := path.read_text(encoding="utf-8").splitlines()):
            yield f"{row.name}: {lines[-1]}"


def _finished(ablation: Ablation, row: Row, started: float, done: int, of: int) -> str:
    found = read_json(ablation.row_file(row))
    left = (time.monotonic() - started) / done * (of - done)
    return f"row {done}/{of} {row.name}: {describe(found)}; about {left / 60:.0f} min left for all"
