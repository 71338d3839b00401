"""What a benchmark hands back, and how it is shown: terminal tables, a page of Markdown, plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

QUIET_SHARE = 0.03
"""Other processes may use so much of the machine before wall-clock figures are called doubtful."""

Say = Callable[[str], None]
"""Told what is being measured now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line asks of every benchmark."""

    quick: bool = False
    """A smoke test: small media, one repeat; its figures are no measurement."""
    clip: Path | None = None
    """The person's own video in place of the one made here."""
    demo_json: Path | None = None
    """What `qoed demo --json` wrote; None: the demo is run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table; the first column names the row, the others are numbers already in words."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One benchmark's outcome. `figures` are its plain values, for JSON."""

    headline: str
    tables: Sequence[Table]
    figures: dict[str, Any]
    notes: Sequence[str] = field(default_factory=tuple)


def show(console: Console, name: str, result: Result, foreign: float) -> None:
    """Print a result."""
    console.rule(f"[bold]{name}", align="left")
    for table in result.tables:
        shown = RichTable(title=escape(table.title), title_justify="left", title_style="italic")
        for place, column in enumerate(table.columns):
            shown.add_column(escape(column), justify="right" if place else "left")
        for row in table.rows:
            shown.add_row(*map(escape, row))
        console.print(shown)
    console.print(escape(result.headline), style="bold")
    for note in (*result.notes, *_doubts(foreign)):
        console.print(escape(note), style="dim")
    console.print()


def markdown(
    name: str, about: str, result: Result, *, command: str, facts: dict[str, str], foreign: float, quick: bool
) -> str:
    """A page for `docs/results`; `about` is the benchmark's docstring, `facts` the machine."""
    lines = [
        f"# {name}",
        "",
        "Written wholly by this command; run it again rather than edit the page:",
        "",
        f"    {command}",
        "",
    ]
    if quick:
        lines += ["**A quick run: a smoke test on small media, not a measurement.**", ""]
    lines += [f"**{result.headline}**", "", about.strip(), ""]
    for table in result.tables:
        lines += [f"## {table.title}", "", _row(table.columns)]
        lines += [_row(["---", *["--:"] * (len(table.columns) - 1)]), *map(_row, table.rows), ""]
    lines += [f"- {note}" for note in (*result.notes, *_doubts(foreign))]
    lines += ["", "## Machine", "", *(f"- {key}: {value}" for key, value in facts.items())]
    lines += [f"- used by other processes during the run: {foreign:.0%}", ""]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _doubts(foreign: float) -> list[str]:
    if foreign <= QUIET_SHARE:
        return []
    return [
        f"NOT A QUIET MACHINE: other processes used {foreign:.0%} of it during this run. "
        "Ratios of CPU time bear that, wall-clock figures do not."
    ]
