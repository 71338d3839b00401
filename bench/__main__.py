"""`python bench [name ...]`: measure qoed on this machine; without names, all there is."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parent.parent
if sys.path[0] == str(ROOT / "bench"):  # run as a folder: its modules are still `bench.x`
    sys.path[0] = str(ROOT)

import typer  # noqa: E402
from rich.console import Console  # noqa: E402

from bench import machine  # noqa: E402
from bench.report import Result, Say, Settings, markdown, show  # noqa: E402
from qoed.errors import QoedError  # noqa: E402
from qoed_engine import EngineError  # noqa: E402


class Benchmark(StrEnum):
    """What can be measured, in the order in which it is."""

    DECODE_COST = "decode_cost"
    ENGINE_THROUGHPUT = "engine_throughput"
    RENDITIONS_PER_CORE = "renditions_per_core"
    FAULT_LATENCY = "fault_latency"
    POLL_SCALE = "poll_scale"
    MPD_PARSE = "mpd_parse"


def bench(
    names: Annotated[
        list[Benchmark] | None, typer.Argument(help="What to measure; all if none is named.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small and short: does it run? No measurement.")
    ] = False,
    clip: Annotated[
        Path | None, typer.Option(help="Measure on this video.", exists=True, dir_okay=False, metavar="FILE")
    ] = None,
    demo_json: Annotated[
        Path | None,
        typer.Option(
            help="What `qoed demo --json` wrote, in place of a demo run.", exists=True, metavar="FILE"
        ),
    ] = None,
    to_json: Annotated[
        Path | None, typer.Option("--json", help="Write all figures here.", metavar="FILE")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(help="Write a page for each benchmark here.", file_okay=False, metavar="DIR"),
    ] = None,
) -> None:
    """Measure qoed on this machine."""
    settings = Settings(quick=quick, clip=clip, demo_json=demo_json)
    console, progress = Console(highlight=False), Console(stderr=True, highlight=False)
    facts = machine.facts()
    console.print(f"{facts['CPU']} · {facts['versions']}", style="dim")
    found: dict[str, Any] = {}
    for name in dict.fromkeys(names or Benchmark):
        try:
            result, foreign = _measured(name, settings, progress)
        except (QoedError, EngineError, RuntimeError, OSError) as error:
            progress.print(f"bench: {name}: {error}", style="red", markup=False)
            raise typer.Exit(1) from error
        show(console, name, result, foreign)
        found[name] = {"headline": result.headline, "foreign_cpu": foreign, **result.figures}
        if write is not None:
            _write_page(write, name, result, settings, facts, foreign)
        if to_json is not None:  # after each: an interrupted run keeps what it has
            document = {"machine": facts, "quick": quick, "benchmarks": found}
            to_json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _measured(name: Benchmark, settings: Settings, progress: Console) -> tuple[Result, float]:
    module = import_module(f"bench.{name}")
    with machine.Foreign() as foreign:
        if not progress.is_terminal:
            result = module.run(settings, _printer(name, progress))
        else:
            with progress.status(name) as status:
                result = module.run(settings, lambda text: status.update(f"{name}: {text}"))
    return result, foreign.share


def _printer(name: str, progress: Console) -> Say:
    return lambda text: progress.print(f"{name}: {text}", markup=False)


def _write_page(
    folder: Path, name: Benchmark, result: Result, settings: Settings, facts: dict[str, str], foreign: float
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    extra = [f"--clip {settings.clip.name}"] if settings.clip else []
    extra += [f"--demo-json {settings.demo_json.name}"] if settings.demo_json else []
    extra += ["--quick"] if settings.quick else []
    page = markdown(
        name,
        import_module(f"bench.{name}").__doc__ or "",
        result,
        command=f'make bench ARGS="{" ".join([name, *extra, "--write docs/results"])}"',
        facts=facts,
        foreign=foreign,
        quick=settings.quick,
    )
    (folder / f"{name}.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(bench)
