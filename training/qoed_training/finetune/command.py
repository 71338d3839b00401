"""`qoed-train finetune` on a published set, `qoed-train ablate` on the corpus."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from qoed_training.finetune.ablation import Ablation, ablate
from qoed_training.finetune.loop import FinetuneConfig, finetune, judge_elsewhere, repeats_of
from qoed_training.finetune.outcome import write_tables
from qoed_training.finetune.rated import RatedSet
from qoed_training.finetune.surrogate import load_surrogate
from qoed_training.mos.rated_set import rated_set
from qoed_training.mos.sets import LAYOUTS, open_dataset
from qoed_training.network.model import NetworkConfig
from qoed_training.network.sizes import NANO, NETWORKS, size_named
from qoed_training.precision import Bf16, Device, best_precision
from qoed_training.selfsup.pretrain import PretrainConfig
from qoed_training.tables import results as tables

_PAPER = FinetuneConfig()
_WORK = Path("data/work")
ABLATION_FINETUNING = replace(_PAPER, epochs=4, decay=True, learning_rate=1e-3)
"""So few epochs need a larger rate that falls."""
ABLATION_STEPS = 16
ABLATION_PRETRAINING = PretrainConfig(epochs=9, steps_an_epoch=ABLATION_STEPS)

Work = Annotated[Path, typer.Option(help="Work folder of qoed-train; everything made goes here.")]
Network = Annotated[str, typer.Option(help=f"One of {', '.join(NETWORKS)}.")]
Epochs = Annotated[int, typer.Option(help="Passes over the training side.", min=1)]
Repeats = Annotated[int, typer.Option(help="Splits to train and judge on.", min=1)]
Batch = Annotated[int, typer.Option(help="Clips a step.", min=3)]
Rate = Annotated[float, typer.Option(help="Learning rate of fine-tuning.", min=0)]
Decay = Annotated[bool, typer.Option(help="Let the learning rate fall on a cosine.")]
Threads = Annotated[int, typer.Option(help="CPU threads of torch, for each worker.", min=1)]
Seed = Annotated[int, typer.Option(help="Of splits, weights and batches.", min=0)]
Optimizer = Literal["adamw", "sgd"]


def register(app: typer.Typer) -> None:
    """Add both commands to `app`."""
    app.command(name="finetune")(finetune_command)
    app.command(name="ablate")(ablate_command)


def finetune_command(
    dataset: Annotated[str, typer.Option(help=f"One of {', '.join(LAYOUTS)}.")],
    root: Annotated[Path, typer.Option(help="Folder that the set was unpacked to.")],
    work: Work = _WORK,
    network: Network = "small",
    trunk: Annotated[Path | None, typer.Option(help="What qoed-train pretrain wrote.")] = None,
    judge_on: Annotated[
        list[str] | None, typer.Option(help="NAME=DIR of another set to judge on as well; may be repeated.")
    ] = None,
    display_height: Annotated[int, typer.Option(help="Lines of the viewer's screen.", min=240)] = 1080,
    epochs: Epochs = _PAPER.epochs,
    repeats: Repeats = _PAPER.repeats,
    batch: Batch = _PAPER.batch,
    optimizer: Annotated[Optimizer, typer.Option(help="The paper names none.")] = _PAPER.optimizer,
    learning_rate: Rate = _PAPER.learning_rate,
    decay: Decay = _PAPER.decay,
    device: Device = None,
    bf16: Bf16 = None,
    threads: Threads = _PAPER.threads,
    seed: Seed = _PAPER.seed,
) -> None:
    """Fine-tune on a set of rated videos, 80/20 by content, and judge; continues where it was stopped."""
    size = size_named(network, NETWORKS)
    config = FinetuneConfig(
        epochs=epochs,
        repeats=repeats,
        batch=batch,
        optimizer=optimizer,
        learning_rate=learning_rate,
        decay=decay,
        precision=best_precision(device, bf16),
        threads=threads,
        seed=seed,
    )
    # Before hours of training: are the other sets there?
    others = [_rated(*_named(text), size, display_height, work) for text in judge_on or ()]
    rated = _rated(dataset, root, size, display_height, work)
    folder = work / "finetune" / f"{dataset}-{network}"
    for line in finetune(rated, folder, size, config, trunk):
        typer.echo(line)
    found = tables.Finetuned(
        trained_on=dataset, judged_on=dataset, network=network, repeats=repeats_of(folder, repeats)
    )
    typer.echo(f"wrote {tables.save_result(found, work, f'finetune-{dataset}-{network}')}")
    for other in others:
        judged = tuple(judge_elsewhere(folder, other, size, config))
        crossed = replace(found, judged_on=other.name, repeats=judged)
        stem = f"finetune-{dataset}-{network}-on-{other.name}"
        typer.echo(f"wrote {tables.save_result(crossed, work, stem)}")


def ablate_command(
    videos: Annotated[Path, typer.Option(help="Folder of unlabelled videos to pretrain on.")],
    out: Annotated[Path, typer.Option(help="Both tables go to this JSON file.")],
    work: Annotated[
        Path, typer.Option(help="Work folder that holds scenes; what is made goes to its folder ablation.")
    ] = _WORK,
    network: Network = NANO.name,
    epochs: Epochs = ABLATION_FINETUNING.epochs,
    pretrain_epochs: Annotated[
        int, typer.Option(help="Epochs of pretraining.", min=1)
    ] = ABLATION_PRETRAINING.epochs,
    pretrain_steps: Annotated[int, typer.Option(help="Steps of such an epoch.", min=1)] = ABLATION_STEPS,
    repeats: Repeats = ABLATION_FINETUNING.repeats,
    scenes_limit: Annotated[
        int | None, typer.Option(help="Scenes to fine-tune and judge on, of all productions in turn.", min=5)
    ] = 54,
    batch: Batch = ABLATION_FINETUNING.batch,
    learning_rate: Rate = ABLATION_FINETUNING.learning_rate,
    decay: Decay = ABLATION_FINETUNING.decay,
    device: Device = None,
    bf16: Bf16 = None,
    workers: Annotated[int, typer.Option(help="Rows made at a time, each by its own process.", min=1)] = 2,
    threads: Threads = 1,
    seed: Seed = ABLATION_FINETUNING.seed,
) -> None:
    """Pretrain and fine-tune every row of the paper's ablations; continues row by row."""
    size, precision = size_named(network, NETWORKS), best_precision(device, bf16)
    ablation = Ablation(
        videos=videos,
        rated=partial(load_surrogate, work, size.recipe, scenes_limit),
        folder=work / "ablation",
        network=size,
        pretraining=replace(
            ABLATION_PRETRAINING,
            epochs=pretrain_epochs,
            steps_an_epoch=pretrain_steps,
            # The paper's 18 epochs see three rates; fewer epochs see them too.
            decay_every=max(1, -(-pretrain_epochs // 3)),
            precision=precision,
            threads=threads,
            seed=seed,
        ),
        finetuning=replace(
            ABLATION_FINETUNING,
            epochs=epochs,
            repeats=repeats,
            batch=batch,
            learning_rate=learning_rate,
            decay=decay,
            precision=precision,
            threads=threads,
            seed=seed,
        ),
    )
    for line in ablate(ablation, workers=workers):
        typer.echo(line)
    write_tables(ablation, work, out)
    typer.echo(f"wrote {out}")


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=DIR", param_hint="--judge-on")
    return name, Path(folder)


def _rated(name: str, root: Path, size: NetworkConfig, display_height: int, work: Path) -> RatedSet:
    return rated_set(open_dataset(name, root), size.recipe, display_height, cache=work / "clips")
