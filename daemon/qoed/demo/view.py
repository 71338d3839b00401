"""What a person sees: scores, faults and alerts as they come, and the table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from qoed.cli.board import Board, band, render
from qoed.demo.broadcast import OnWire
from qoed.demo.verdict import Row, Verdict

_CHECK, _WAIT = "✓", "…"


def screen(
    board: Board,
    phase: str,
    spots: Sequence[OnWire],
    verdict: Verdict,
    *,
    now: datetime,
    now_s: float,
    epoch_s: float | None,
    max_rows: int,
) -> RenderableType:
    """The whole picture at one instant; `now_s` and `epoch_s` are monotonic."""
    parts: list[RenderableType] = [Text(phase, "bold cyan"), render(board, now, max_rows=max_rows)]
    if epoch_s is not None:
        rows = {row.fault: row for row in verdict.rows}
        faults = _faults([(spot, rows.get(spot.fault)) for spot in spots], now_s, epoch_s)
        parts.append(Panel(faults, title="faults at the origin", border_style="bright_black"))
    return Group(*parts)


def fault_state(spot: OnWire, now_s: float, epoch_s: float) -> str:
    """`in 12 s`, `on air for 3 s`, `over`."""
    if spot.began_s is None:
        return f"in {max(0.0, epoch_s + spot.fault.at_s - now_s):.0f} s"
    return f"on air for {now_s - spot.began_s:.0f} s" if spot.ended_s is None else "over"


def outcome(verdict: Verdict) -> RenderableType:
    """The table with which the demo ends."""
    table = Table(
        title="What was broken, and what qoed said",
        title_style="bold",
        header_style="bold",
        box=None,
        pad_edge=False,
    )
    for name in ("Fault", "Stream", "Alert", ""):
        table.add_column(name, no_wrap=True)
    for name in ("wire to\nalert", "end to\nclear"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in verdict.rows:
        table.add_row(
            row.fault.kind.value,
            row.fault.stream,
            Text("raised", "green") if row.raised else Text("missed", "bold red"),
            row.raised or " or ".join(sorted(row.fault.expect)),
            _seconds(row.alert_s),
            Text("never", "bold red") if row.stuck else Text(_seconds(row.resolve_s)),
        )
    for edge in verdict.false:
        where = edge.stream + (f"/{edge.rendition}" if edge.rendition else "")
        table.add_row("(nothing)", where, Text("false", "bold red"), edge.rule, "–", "–")
    return Group(Text(), table, summary(verdict))


def summary(verdict: Verdict) -> Text:
    """One sentence: how many of how many, how fast, and whether that is a pass."""
    raised = sum(row.raised is not None for row in verdict.rows)
    text = f"{raised} of {len(verdict.rows)} faults raised, {len(verdict.false)} false alerts"
    if verdict.alert_median_s is not None:
        text += (
            f"; fault on the wire to alert in Redis: median {_seconds(verdict.alert_median_s)}, "
            f"worst {_seconds(verdict.alert_worst_s)}"
        )
    if stuck := sum(bool(row.stuck) for row in verdict.rows):
        text += f"; {stuck} never resolved"
    return Text(text, "bold green" if verdict.passed else "bold red")


def score_line(board: Board, at_s: float) -> str | None:
    """The newest score of every rendition on one line, for plain output; None before the first score."""
    streams: dict[str, list[str]] = {}
    for (stream, rendition), row in sorted(board.rows.items()):
        score = row.newest.get("score")
        figure = "–" if score is None else f"{score:.0f} {band(score)[0]}"
        streams.setdefault(stream, []).append(f"{rendition} {figure}")
    if not streams:
        return None
    return f"{at_s:6.1f} s  scores  " + "  |  ".join(f"{name}: {', '.join(s)}" for name, s in streams.items())


def _faults(rows: Sequence[tuple[OnWire, Row | None]], now_s: float, epoch_s: float) -> Table:
    table = Table(expand=True, box=None, header_style="bold", pad_edge=False)
    for name in ("Fault", "Stream", "State", "Alert"):
        table.add_column(name, no_wrap=True)
    for spot, row in rows:
        live = spot.began_s is not None and spot.ended_s is None
        style = "bold" if live else "bright_black" if spot.began_s is None else ""
        table.add_row(
            Text(spot.fault.kind.value, style),
            Text(spot.fault.stream, style),
            Text(fault_state(spot, now_s, epoch_s), "bold yellow" if live else style),
            _alert_cell(spot, row),
        )
    return table


def _alert_cell(spot: OnWire, row: Row | None) -> Text:
    if spot.began_s is None or row is None:
        return Text("")
    if row.raised is None:
        return Text(_WAIT, "yellow")
    text = Text(f"{_CHECK} {row.raised} after {_seconds(row.alert_s)}", "green")
    if row.resolve_s is not None:
        text.append(f", resolved after {_seconds(row.resolve_s)}")
    return text


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} s"
