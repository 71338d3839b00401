"""`qoed-train datasets` and `qoed-train check-dataset`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from qoed_training.mos.sets import LAYOUTS, open_dataset
from qoed_training.mos.videos import RatedVideos

Name = Annotated[str, typer.Argument(help=f"One of {', '.join(LAYOUTS)}.")]
Root = Annotated[Path, typer.Option(help="Folder that the set was unpacked to.")]
LabelsOnly = Annotated[bool, typer.Option(help="Look at the label files, not for the videos.")]


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command(name="datasets")(datasets)
    app.command(name="check-dataset")(check_dataset)


def datasets() -> None:
    """List the sets of rated videos that can be used, and how each must lie on disk."""
    for layout in LAYOUTS.values():
        scale = f"{'MOS' if layout.higher_is_better else 'DMOS'} {layout.lo:g}-{layout.hi:g}"
        size = f"{layout.count:,} videos" if layout.count else f"{layout.least:,} videos or more"
        typer.echo(f"{layout.name}: {size}, {scale}\n  {layout.remedy}")


def check_dataset(name: Name, root: Root, labels_only: LabelsOnly = False) -> None:
    """Say that a set is complete, or what is missing and where to get it."""
    typer.echo(_summary(open_dataset(name, root, labels_only=labels_only)))


def _summary(videos: RatedVideos) -> str:
    opinions = [video.mos for video in videos.videos]
    kind = "MOS" if videos.higher_is_better else "DMOS (lower is better)"
    parts = [
        f"{len(opinions):,} videos",
        f"{len({video.content for video in videos.videos}):,} contents",
        f"{kind} {min(opinions):.2f} to {max(opinions):.2f}",
    ]
    for attribute in ("distortion", "subset"):
        counted = Counter(getattr(video, attribute) for video in videos.videos)
        parts += [f"{value} {count:,}" for value, count in counted.items() if value is not None]
    if videos.withdrawn:
        parts.append(f"{videos.withdrawn:,} rated videos withdrawn by the publisher or not downloaded")
    return f"{videos.name} is complete: {', '.join(parts)}"
