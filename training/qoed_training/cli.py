"""`qoed-train`: the commands of the main way; those of the other packages register themselves."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from qoed_engine import EngineError
from qoed_engine.loader import SHIPPED
from qoed_engine.manifest import ManifestError, read_manifest
from qoed_training import distill, fitness, parity, pipeline, recipes
from qoed_training.data.corpus import CorpusError
from qoed_training.data.fetch_photos import fetch_photos
from qoed_training.finetune import command as finetune
from qoed_training.mos import command as mos
from qoed_training.network import command as network
from qoed_training.network.model import SIZES, SMALL
from qoed_training.network.sizes import size_named
from qoed_training.page import command as page
from qoed_training.precision import best_precision
from qoed_training.report import accuracy_page
from qoed_training.selfsup import command as selfsup
from qoed_training.train import NonFiniteLoss, TrainConfig
from qoed_training.warmup import WarmupConfig

app = typer.Typer(
    help="Train, judge and export the quality network.", no_args_is_help=True, add_completion=False
)

Corpus = Annotated[Path, typer.Option(help="Folder of videos with sources.csv.")]
Stills = Annotated[Path, typer.Option(help="Folder of rated stills with manifest.csv.")]
Photos = Annotated[
    Path | None, typer.Option(help="Folder of photographs to film as further sources (qoed-train photos).")
]
People = Annotated[
    Path | None, typer.Option(help="ugcset_mos.json of CompressedVQA: people's spread in the receipt.")
]
Network = Annotated[str, typer.Option(help=f"One of {', '.join(SIZES)}.")]
Work = Annotated[Path, typer.Option(help="Everything made goes here; delete it to start anew.")]
Steps = Annotated[int, typer.Option(help="Training steps after the warm-up.", min=1)]
WarmupSteps = Annotated[int, typer.Option(help="Steps on single patches before that.", min=1)]
Threads = Annotated[int, typer.Option(help="CPU threads of training; weights depend on it.", min=1)]
PerSource = Annotated[int, typer.Option(help="Scenes cut from each video; a photograph makes one.", min=1)]
Plans = Annotated[int, typer.Option(help="Degradations of each scene.", min=1)]
Workers = Annotated[int, typer.Option(help="Processes that make scenes.", min=1)]
Out = Annotated[Path | None, typer.Option(help="Copy the finished ONNX file and manifest to this folder.")]

_STEPS, _WARMUP_STEPS, _THREADS = TrainConfig().steps, WarmupConfig().steps, TrainConfig().threads
_PER_SOURCE, _PLANS = pipeline.PER_SOURCE, pipeline.PLANS
_CORPUS, _STILLS, _WORK = Path("data/corpus"), Path("data/stills"), Path("data/work")
_PHOTOS = Path("data/photos")


def _run(
    corpus: Path,
    stills: Path,
    work: Path,
    *,
    photos: Path | None = None,
    people: Path | None = None,
    size: str = SMALL.name,
    steps: int = _STEPS,
    warmup_steps: int = _WARMUP_STEPS,
    threads: int = _THREADS,
    per_source: int = _PER_SOURCE,
    plans: int = _PLANS,
) -> pipeline.Run:
    precision = best_precision()
    return pipeline.Run(
        corpus=corpus,
        stills=stills,
        work=work,
        photos=photos,
        people=people,
        network=size_named(size),
        training=TrainConfig(steps=steps, threads=threads, precision=precision),
        warmup=WarmupConfig(steps=warmup_steps, threads=threads, precision=precision),
        per_source=per_source,
        plans=plans,
    )


def _show(lines: Iterator[str]) -> None:
    for line in lines:
        typer.echo(line)


@app.command()
def scenes(
    corpus: Corpus = _CORPUS,
    stills: Stills = _STILLS,
    photos: Photos = None,
    work: Work = _WORK,
    workers: Workers = 2,
    per_source: PerSource = _PER_SOURCE,
    plans: Plans = _PLANS,
) -> None:
    """Degrade, label and cut videos and photographs; continues where it was stopped."""
    run = _run(corpus, stills, work, photos=photos, per_source=per_source, plans=plans)
    _show(pipeline.make_scenes(run, workers=workers))


@app.command()
def train(
    corpus: Corpus = _CORPUS,
    stills: Stills = _STILLS,
    work: Work = _WORK,
    steps: Steps = _STEPS,
    warmup_steps: WarmupSteps = _WARMUP_STEPS,
    threads: Threads = _THREADS,
    size: Network = SMALL.name,
) -> None:
    """Train from scenes; continues from the last checkpoint."""
    run = _run(corpus, stills, work, size=size, steps=steps, warmup_steps=warmup_steps, threads=threads)
    _show(pipeline.fit(run))


@app.command()
def export(
    corpus: Corpus = _CORPUS, stills: Stills = _STILLS, work: Work = _WORK, size: Network = SMALL.name
) -> None:
    """Write safetensors and ONNX of trained weights."""
    _show(pipeline.export(_run(corpus, stills, work, size=size)))


@app.command()
def evaluate(
    corpus: Corpus = _CORPUS,
    stills: Stills = _STILLS,
    work: Work = _WORK,
    steps: Steps = _STEPS,
    people: People = None,
    size: Network = SMALL.name,
    out: Out = None,
) -> None:
    """Calibrate and judge the exported engine; writes its receipt into the manifest."""
    _evaluate(_run(corpus, stills, work, people=people, size=size, steps=steps), out)


def _evaluate(run: pipeline.Run, out: Path | None) -> None:
    _show(pipeline.evaluate(run))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for suffix in (".safetensors", ".onnx", ".json"):
            shutil.copy2(run.network_file(suffix), out / run.network_file(suffix).name)
        typer.echo(f"copied to {out}")


@app.command(name="all")
def everything(
    corpus: Corpus = _CORPUS,
    stills: Stills = _STILLS,
    photos: Photos = None,
    people: People = None,
    work: Work = _WORK,
    steps: Steps = _STEPS,
    workers: Workers = 2,
    warmup_steps: WarmupSteps = _WARMUP_STEPS,
    threads: Threads = _THREADS,
    per_source: PerSource = _PER_SOURCE,
    plans: Plans = _PLANS,
    out: Out = None,
) -> None:
    """All stages, one after another; interrupt and repeat as you like."""
    run = _run(
        corpus,
        stills,
        work,
        photos=photos,
        people=people,
        steps=steps,
        warmup_steps=warmup_steps,
        threads=threads,
        per_source=per_source,
        plans=plans,
    )
    _show(pipeline.make_scenes(run, workers=workers))
    _show(pipeline.fit(run))
    _show(fitness.make_fitness(work, corpus, run.network))
    _show(pipeline.export(run))
    _evaluate(run, out)


@app.command()
def receipt(
    manifest: Annotated[Path, typer.Option(help="Manifest whose receipt is shown.")] = SHIPPED,
    out: Annotated[Path | None, typer.Option(help="Write the page to this file, do not print it.")] = None,
) -> None:
    """Show the accuracy receipt of weights as a page (Markdown)."""
    page = accuracy_page(read_manifest(manifest))
    if out is None:
        typer.echo(page)
    else:
        out.write_text(page, encoding="utf-8")


@app.command()
def photos(out: Annotated[Path, typer.Option(help="Folder that the pictures go to.")] = _PHOTOS) -> None:
    """Fetch the free photographs of Debian packages that the shipped weights were trained on."""
    _show(fetch_photos(out))


for package in (network, selfsup, mos, finetune, fitness, distill, recipes, parity, page):
    package.register(app)


def main() -> None:
    """Entry point; what can be set right by the person ends in one line and exit code 1."""
    try:
        app()
    except (CorpusError, pipeline.StageError, NonFiniteLoss, EngineError, ManifestError) as error:
        typer.echo(f"qoed-train: {error}", err=True)
        sys.exit(1)
