"""`qoed score`: quality of a file, a picture or a playlist, once, without a daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from qoed.service import ExitCode, configure_logging

if TYPE_CHECKING:
    from qoed.scoring import ScoreReport


Depth = Literal["full", "light", "extra_light"]
Format = Literal["auto", "hls", "dash", "ts", "file"]

PLAYLIST_S = 60.0
"""How much of what may have no end is scored unless more is asked for."""


def score_command(
    target: Annotated[
        str, typer.Argument(metavar="PATH-OR-URL", help="Video, still picture, playlist or live input.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write one line for each clip; - is stdout.")
    ] = None,
    display_height: Annotated[
        int, typer.Option(min=64, max=8640, help="Rows of the screen that the picture is shown on.")
    ] = 1080,
    renditions: Annotated[
        str, typer.Option(help="all, top or a selector such as 720p or height<=720.")
    ] = "all",
    depth: Annotated[
        Depth, typer.Option(help="full: every frame; light and extra_light skip frames and cost less.")
    ] = "full",
    seconds: Annotated[
        float | None,
        typer.Option(
            min=1, help="Stop after so much media. Playlists, live inputs: 60 unless said; files: to the end."
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="What an http(s) URL is; ts: MPEG-TS without end.")] = "auto",
) -> None:
    """Score a video, a still picture, a playlist or a live input and print a table, a JSON object or CSV.

    Of a ladder each rendition is scored; the overall score is the top rendition's.
    """
    if json and str(csv) == "-":
        raise typer.BadParameter("--json and --csv - both want standard output; give --csv a file")
    if csv is not None and str(csv) != "-":
        _check_writable(csv)
    configure_logging(level="warning", format="console")
    if seconds is None and _may_be_endless(target, format):
        seconds = PLAYLIST_S
    report = asyncio.run(
        _score(
            target,
            display_height=display_height,
            renditions=renditions,
            depth=depth,
            seconds=seconds,
            format=format,
        )
    )
    from qoed.cli import score_output

    if csv is not None:
        score_output.write_csv(report, csv)
    if json:
        typer.echo(score_output.to_json(report))
    elif csv is None or str(csv) != "-":
        score_output.show(report, title=target)
    if not report.clips:
        typer.echo("qoed: no second of video could be scored", err=True)
        raise typer.Exit(ExitCode.FAILURE)


def _may_be_endless(target: str, format: Format) -> bool:
    """Whether the target may have no end of its own: a playlist, or a live input."""
    from qoed.source.input_url import SCHEMES

    live = target.partition("://")[0].lower() in SCHEMES or format in ("hls", "dash", "ts")
    return live or urlsplit(target).path.lower().endswith((".m3u8", ".m3u", ".mpd"))


def _check_writable(path: Path) -> None:
    """Before minutes of scoring, not after them."""
    try:
        path.open("a").close()
    except OSError as error:
        raise typer.BadParameter(f"--csv {path} cannot be written ({error.strerror})") from error


async def _score(
    target: str,
    *,
    display_height: int,
    renditions: str,
    depth: Depth,
    seconds: float | None,
    format: Format,
) -> ScoreReport:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from qoed.scoring import score_path

    bar = Progress(
        TextColumn("scoring"),
        BarColumn(),
        TextColumn("{task.fields[media]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.disable = not bar.console.is_terminal
    with bar:
        task = bar.add_task("scoring", total=None, media="")

        def on_progress(done_s: float, total_s: float | None) -> None:
            media = f"{done_s:.0f} s" if total_s is None else f"{done_s:.0f} of {total_s:.0f} s"
            bar.update(task, completed=done_s, total=total_s, media=media)

        return await score_path(
            target,
            display_height=display_height,
            depth=depth,
            renditions=renditions,
            seconds=seconds,
            format=format,
            on_progress=on_progress,
        )
