"""A `ScoreReport` for people (a table) and for programs (one JSON object, CSV lines)."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, TextIO

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qoed.model import Finding, Score, Severity
from qoed.service.redact import Redactor, redact

if TYPE_CHECKING:
    from qoed.scoring import ScoreReport

_CLIP_FIELDS = ("media_time_s", "score", "lo", "hi", "mos", "rendition", "quality", "reason")
_MAX_ROWS = 40
"""Clips that the table shows; a long video's are thinned to this."""
_SEVERITY_STYLE = {Severity.INFO: "dim", Severity.WARNING: "yellow", Severity.CRITICAL: "bold red"}


def to_json(report: ScoreReport) -> str:
    """One indented object. Values that could not be measured are null."""
    fields = {
        "score": _round(report.score),
        "lo": _round(report.lo),
        "hi": _round(report.hi),
        "mos": _round(report.mos),
        "distortions": _rounded(report.distortions),
        "findings": [finding_fields(finding) for finding in report.findings],
        "renditions": [summary | _ladder_fields(summary, report) for summary in summaries(report.clips)],
        "clips": [clip_fields(clip) for clip in report.clips],
        "model": report.model,
        "backend": report.backend,
    }
    return orjson.dumps(fields, option=orjson.OPT_INDENT_2).decode()


def clip_fields(clip: Score) -> dict[str, Any]:
    """A clip's score as JSON data."""
    return {
        "media_time_s": round(clip.media_time_s, 3),
        "score": _round(clip.score),
        "lo": _round(clip.lo),
        "hi": _round(clip.hi),
        "mos": _round(clip.mos),
        "distortions": _rounded(clip.distortions),
        "rendition": clip.rendition,
        "quality": clip.quality.value,
        "reason": clip.reason,
    }


def finding_fields(finding: Finding) -> dict[str, Any]:
    """A finding as JSON data without secrets."""
    return {
        "reason": finding.reason.value,
        "domain": finding.reason.domain,
        "severity": finding.severity.value,
        "phase": finding.phase.value,
        "rendition": finding.rendition,
        "media_time_s": _round(finding.media_time_s, 3),
        "value": finding.value,
        "unit": finding.unit,
        "message": redact(finding.message),
        "evidence": Redactor().value(finding.evidence),
    }


def summaries(clips: Iterable[Score]) -> list[dict[str, Any]]:
    """Per rendition, in order of appearance: number of clips, scored ones, mean score and interval, worst."""
    groups: dict[str, list[Score]] = {}
    for clip in clips:
        groups.setdefault(clip.rendition, []).append(clip)
    return [_summary(rendition, group) for rendition, group in groups.items()]


def _summary(rendition: str, clips: Sequence[Score]) -> dict[str, Any]:
    scored = [clip for clip in clips if clip.score is not None]
    means = {
        name: _round(fmean(getattr(clip, name) for clip in scored)) if scored else None
        for name in ("score", "lo", "hi", "mos")
    }
    worst = _round(min((clip.score for clip in scored if clip.score is not None), default=None))
    return {"rendition": rendition, "clips": len(clips), "scored": len(scored), **means, "min": worst}


def _ladder_fields(summary: dict[str, Any], report: ScoreReport) -> dict[str, Any]:
    rungs = {rendition.id: rendition for rendition in report.renditions}
    rung = rungs.get(summary["rendition"])
    return {
        "width": rung.width if rung else None,
        "height": rung.height if rung else None,
        "bandwidth_bps": rung.bandwidth_bps if rung else None,
    }


def write_csv(report: ScoreReport, path: Path) -> None:
    """One line a clip, one column a distortion; empty where nothing was measured. `-` is stdout."""
    if str(path) == "-":
        _write_rows(report.clips, sys.stdout)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        _write_rows(report.clips, file)


def _write_rows(clips: Sequence[Score], file: TextIO) -> None:
    distortions = list(dict.fromkeys(name for clip in clips for name in clip.distortions))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*_CLIP_FIELDS, *distortions])
    for clip in clips:
        fields = clip_fields(clip)
        writer.writerow(
            [fields[name] for name in _CLIP_FIELDS]
            + [fields["distortions"].get(name) for name in distortions]
        )


def show(report: ScoreReport, *, title: str, console: Console | None = None) -> None:
    """Print the verdict, the renditions, the clips and the findings."""
    console = console or Console()
    console.print(_headline(report, redact(title)))
    by_rendition = summaries(report.clips)
    if len(by_rendition) > 1:
        console.print(_rendition_table(by_rendition))
    if report.clips:
        console.print(_clip_table(report.clips, ladder=len(by_rendition) > 1))
    for finding in report.findings:
        at = "" if finding.media_time_s is None else f"{finding.media_time_s:8.2f} s  "
        where = f" [{finding.rendition}]" if finding.rendition else ""
        words = f"{at}{finding.reason.value}{where}: {redact(finding.message)}"
        console.print(Text(words, style=_SEVERITY_STYLE[finding.severity]))


def _headline(report: ScoreReport, title: str) -> Text:
    if report.score is None:
        reasons = sorted({clip.reason for clip in report.clips if clip.reason}) or ["no clip"]
        return Text.assemble((title, "bold"), "  not scored: ", ", ".join(reasons))
    return Text.assemble(
        (title, "bold"),
        "  ",
        (f"{report.score:.1f}", f"bold {_style(report.score)}"),
        f" of 100  ({_span(report.lo, report.hi)}), MOS {_number(report.mos, 2)} of 5",
    )


def _rendition_table(rows: Iterable[dict[str, Any]]) -> Table:
    table = Table("rendition", box=None, pad_edge=False, title="Renditions", title_justify="left")
    for name in ("score", "interval", "MOS", "worst", "clips"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["rendition"],
            Text(_number(row["score"]), style=_style(row["score"])),
            _span(row["lo"], row["hi"]),
            _number(row["mos"], 2),
            _number(row["min"]),
            str(row["clips"]),
        )
    return table


def _clip_table(clips: Sequence[Score], *, ladder: bool) -> Table:
    step = -(-len(clips) // _MAX_ROWS)
    title = "Clips" if step == 1 else f"Clips (every {step}th of {len(clips)})"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    table.add_column("media time", justify="right")
    if ladder:
        table.add_column("rendition")
    table.add_column("score", justify="right")
    table.add_column("", no_wrap=True)
    table.add_column("interval", justify="right")
    table.add_column("looks like")
    for clip in clips[::step]:
        likely = sorted(clip.distortions.items(), key=lambda item: -item[1])[:2]
        note = ", ".join(f"{name} {share:.0%}" for name, share in likely if share >= 0.2)
        table.add_row(
            f"{clip.media_time_s:.1f} s",
            *([clip.rendition] if ladder else []),
            Text(_number(clip.score), style=_style(clip.score)),
            Text("━" * round((clip.score or 0.0) / 5), style=_style(clip.score)),
            _span(clip.lo, clip.hi),
            clip.reason or note,
        )
    return table


def _style(score: float | None) -> str:
    if score is None:
        return "dim"
    return "green" if score >= 60 else "yellow" if score >= 40 else "red"


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _span(lo: float | None, hi: float | None) -> str:
    return f"{_number(lo)} … {_number(hi)}"


def _round(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(float(value), digits)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 3) for name, value in values.items()}
