"""Pictures of what a person sees, for the README: the screen at its busiest and the final table, as SVG."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console, RenderableType

from qoed.clock import Clock
from qoed.demo.show import Show
from qoed.demo.view import outcome

WIDTH = 118
EVERY_S = 1.0


async def portray(show: Show, folder: Path, clock: Clock) -> None:
    """Keep `folder/board.svg` as the screen of the moment with most alerts; runs until cancelled."""
    most = 0
    while True:
        alerts = len(show.board.active)
        if alerts > most:
            most = alerts
            write_svg(show.picture(), folder / "board.svg", "qoed demo")
        await clock.sleep(EVERY_S)


def portray_outcome(show: Show, folder: Path) -> None:
    """Write the final table to `folder/outcome.svg`."""
    write_svg(outcome(show.verdict()), folder / "outcome.svg", "qoed demo: outcome")


def write_svg(content: RenderableType, path: Path, title: str) -> None:
    """Draw as on a terminal of `WIDTH` columns."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(console.export_svg(title=title), encoding="utf-8")
