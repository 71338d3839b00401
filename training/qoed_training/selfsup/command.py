"""`qoed-train pretrain`: from a folder of unlabelled videos to a pretrained trunk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qoed_training.network.sizes import NETWORKS, size_named
from qoed_training.precision import Bf16, Device, best_precision
from qoed_training.selfsup.losses import TASK_NAMES, Tasks
from qoed_training.selfsup.pretrain import PretrainConfig, pretrain

_DEFAULT = PretrainConfig()
_WORK, _GB = Path("data/work") / "pretrain", _DEFAULT.cache_bytes / 2**30


def _tasks(text: str) -> Tasks:
    named = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(named) - set(TASK_NAMES))
    if unknown or not named:
        raise typer.BadParameter(
            f"unknown task {unknown[0]!r}, use some of {','.join(TASK_NAMES)}"
            if unknown
            else f"name at least one of {','.join(TASK_NAMES)}",
            param_hint="--tasks",
        )
    return Tasks(**{name: name in named for name in TASK_NAMES})


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command(name="pretrain")
    def pretrain_command(
        videos: Annotated[Path, typer.Option(help="Folder of videos, searched with the folders in it.")],
        work: Annotated[Path, typer.Option(help="Everything made goes here.")] = _WORK,
        network: Annotated[str, typer.Option(help=f"One of {', '.join(NETWORKS)}.")] = "small",
        epochs: Annotated[int, typer.Option(min=1)] = _DEFAULT.epochs,
        steps_an_epoch: Annotated[
            int | None, typer.Option(min=1, help="Else as many as show every section once.")
        ] = None,
        batch: Annotated[int, typer.Option(min=2, help="Videos a step.")] = _DEFAULT.batch,
        sections: Annotated[int, typer.Option(min=1, help="Sections cut from a video.")] = _DEFAULT.sections,
        tasks: Annotated[str, typer.Option(help="Pretext tasks, separated by commas.")] = ",".join(
            TASK_NAMES
        ),
        learning_rate: Annotated[float, typer.Option(min=0)] = _DEFAULT.learning_rate,
        seed: Annotated[int, typer.Option(min=0)] = _DEFAULT.seed,
        threads: Annotated[int, typer.Option(min=1, help="CPU threads of torch.")] = _DEFAULT.threads,
        workers: Annotated[int, typer.Option(min=1, help="Threads that make samples.")] = _DEFAULT.workers,
        device: Device = None,
        bf16: Bf16 = None,
        cache: Annotated[Path | None, typer.Option(help="Decoded frames; else <work>/frames.")] = None,
        cache_gb: Annotated[float, typer.Option(min=0, help="The cache grows no larger.")] = _GB,
    ) -> None:
        """Pretrain the trunk on videos without labels; continues from the last checkpoint."""
        config = PretrainConfig(
            tasks=_tasks(tasks),
            epochs=epochs,
            steps_an_epoch=steps_an_epoch,
            batch=batch,
            sections=sections,
            learning_rate=learning_rate,
            seed=seed,
            threads=threads,
            workers=workers,
            precision=best_precision(device, bf16),
            cache=cache,
            cache_bytes=int(cache_gb * 2**30),
        )
        for line in pretrain(videos, work, size_named(network, NETWORKS), config):
            typer.echo(line)
