"""`qoed-train`: scenes, train, export, evaluate, all, model."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from qoed_engine import EngineError
from qoed_engine.loader import SHIPPED
from qoed_engine.manifest import read_manifest
from qoed_training import pipeline
from qoed_training.data.corpus import CorpusError
from qoed_training.network.model import SMALL, QualityNetwork
from qoed_training.report import accuracy_page
from qoed_training.train import NonFiniteLoss, TrainConfig
from qoed_training.warmup import WarmupConfig

app = typer.Typer(
    help="Train, judge and export the quality network.", no_args_is_help=True, add_completion=False
)

Corpus = Annotated[Path, typer.Option(help="Folder of videos with sources.csv.")]
Stills = Annotated[Path, typer.Option(help="Folder of rated stills with manifest.csv.")]
Work = Annotated[Path, typer.Option(help="Everything made goes here; delete it to start anew.")]
Steps = Annotated[int, typer.Option(help="Training steps after the warm-up.", min=1)]
WarmupSteps = Annotated[int, typer.Option(help="Steps on single patches before that.", min=1)]
Threads = Annotated[int, typer.Option(help="CPU threads of training; weights depend on it.", min=1)]
PerSource = Annotated[int, typer.Option(help="Scenes cut from each video.", min=1)]
Plans = Annotated[int, typer.Option(help="Degradations of each scene.", min=1)]
Workers = Annotated[int, typer.Option(help="Processes that make scenes.", min=1)]
Out = Annotated[Path | None, typer.Option(help="Copy the finished ONNX file and manifest to this folder.")]

_STEPS, _WARMUP_STEPS, _THREADS = TrainConfig().steps, WarmupConfig().steps, TrainConfig().threads
_PER_SOURCE, _PLANS = pipeline.PER_SOURCE, pipeline.PLANS
_CORPUS, _STILLS, _WORK = Path("data/corpus"), Path("data/stills"), Path("data/work")


def _run(
    corpus: Path,
    stills: Path,
    work: Path,
    *,
    steps: int = _STEPS,
    warmup_steps: int = _WARMUP_STEPS,
    threads: int = _THREADS,
    per_source: int = _PER_SOURCE,
    plans: int = _PLANS,
) -> pipeline.Run:
    return pipeline.Run(
        corpus=corpus,
        stills=stills,
        work=work,
        network=SMALL,
        training=TrainConfig(steps=steps, threads=threads),
        warmup=WarmupConfig(steps=warmup_steps, threads=threads),
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
    work: Work = _WORK,
    workers: Workers = 2,
    per_source: PerSource = _PER_SOURCE,
    plans: Plans = _PLANS,
) -> None:
    """Degrade, label and cut the videos; continues where it was stopped."""
    run = _run(corpus, stills, work, per_source=per_source, plans=plans)
    _show(pipeline.make_scenes(run, workers=workers))


@app.command()
def train(
    corpus: Corpus = _CORPUS,
    stills: Stills = _STILLS,
    work: Work = _WORK,
    steps: Steps = _STEPS,
    warmup_steps: WarmupSteps = _WARMUP_STEPS,
    threads: Threads = _THREADS,
) -> None:
    """Train from scenes; continues from the last checkpoint."""
    _show(pipeline.fit(_run(corpus, stills, work, steps=steps, warmup_steps=warmup_steps, threads=threads)))


@app.command()
def export(corpus: Corpus = _CORPUS, stills: Stills = _STILLS, work: Work = _WORK) -> None:
    """Write the ONNX file of trained weights."""
    _show(pipeline.export(_run(corpus, stills, work)))


@app.command()
def evaluate(
    corpus: Corpus = _CORPUS,
    stills: Stills = _STILLS,
    work: Work = _WORK,
    steps: Steps = _STEPS,
    out: Out = None,
) -> None:
    """Calibrate and judge the exported engine; writes its receipt into the manifest."""
    _evaluate(_run(corpus, stills, work, steps=steps), out)


def _evaluate(run: pipeline.Run, out: Path | None) -> None:
    _show(pipeline.evaluate(run))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for suffix in (".onnx", ".json"):
            shutil.copy2(run.network_file(suffix), out / run.network_file(suffix).name)
        typer.echo(f"copied to {out}")


@app.command(name="all")
def everything(
    corpus: Corpus = _CORPUS,
    stills: Stills = _STILLS,
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
        steps=steps,
        warmup_steps=warmup_steps,
        threads=threads,
        per_source=per_source,
        plans=plans,
    )
    _show(pipeline.make_scenes(run, workers=workers))
    _show(pipeline.fit(run))
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
def model() -> None:
    """Print the network's size and cost."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    network = QualityNetwork(SMALL).eval()
    clip = torch.zeros((1, *SMALL.recipe.clip_shape), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(clip)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    gflop = counter.get_total_flops() / 1e9
    typer.echo(f"{SMALL.name}: {parameters / 1e6:.2f} M parameters, {gflop:.2f} GFLOP a clip")


def main() -> None:
    """Entry point; what can be set right by the person ends in one line and exit code 1."""
    try:
        app()
    except (CorpusError, pipeline.StageError, NonFiniteLoss, EngineError) as error:
        typer.echo(f"qoed-train: {error}", err=True)
        sys.exit(1)
