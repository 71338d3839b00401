"""What `qoed score` prints: for people, for programs, and honestly where nothing was measured."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from qoed.cli import score_output
from qoed.model import Finding, Phase, Quality, Reason, Rendition, Score, Severity


@dataclass
class Report:
    """The fields of a `ScoreReport` that the output reads."""

    score: float | None
    lo: float | None
    hi: float | None
    mos: float | None
    clips: list[Score]
    findings: list[Finding] = field(default_factory=list)
    distortions: dict[str, float] = field(default_factory=dict)
    renditions: list[Rendition] = field(default_factory=list)
    model: str = "small-1@1a2b3c4d"
    backend: str = "openvino-f32"


def clip(at_s: float, score: float | None, rendition: str = "main", **fields: Any) -> Score:
    """One second's score."""
    return Score(
        stream="x",
        rendition=rendition,
        media_time_s=at_s,
        score=score,
        lo=None if score is None else score - 5,
        hi=None if score is None else score + 5,
        mos=None if score is None else 1 + score / 25,
        distortions=fields.pop("distortions", {}),
        model="small-1@1a2b3c4d",
        **fields,
    )


ABSTAINED = {"quality": Quality.ABSTAINED, "reason": "black"}
BLACK = Finding(
    stream="x",
    rendition="main",
    reason=Reason.BLACK,
    severity=Severity.WARNING,
    phase=Phase.START,
    media_time_s=1.0,
    message="black in https://u:S3CR3T@host/a.ts?t=S3CR3T",
    evidence={"url": "https://u:S3CR3T@host/a.ts?t=S3CR3T"},
)


def report(*clips: Score, **fields: Any) -> Any:
    """A report over these clips."""
    return Report(72.123456, 65.0, 80.0, 3.88, list(clips), **fields)


def shown(report: Any) -> str:
    """The table as text."""
    console = Console(file=io.StringIO(), width=120)
    score_output.show(report, title="clip.mp4", console=console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_json_is_one_object_with_the_promised_keys() -> None:
    """Programs find score, lo, hi, mos, distortions, findings and clips in one object."""
    blurred = clip(0.0, 72.0, distortions={"blur": 0.61234})
    fields = json.loads(score_output.to_json(report(blurred, distortions={"blur": 0.6}, findings=[BLACK])))

    assert set(fields) >= {"score", "lo", "hi", "mos", "distortions", "findings", "clips"}
    assert (fields["score"], fields["lo"], fields["hi"], fields["mos"]) == (72.12, 65.0, 80.0, 3.88)
    assert fields["clips"] == [
        {
            "media_time_s": 0.0,
            "score": 72.0,
            "lo": 67.0,
            "hi": 77.0,
            "mos": 3.88,
            "distortions": {"blur": 0.612},
            "rendition": "main",
            "quality": "ok",
            "reason": None,
        }
    ]
    assert (fields["findings"][0]["reason"], fields["findings"][0]["media_time_s"]) == ("black", 1.0)


def test_no_secret_in_findings() -> None:
    """A finding's message and evidence come out without the secrets of URLs."""
    assert "S3CR3T" not in score_output.to_json(report(clip(0, 50.0), findings=[BLACK]))
    assert "S3CR3T" not in shown(report(clip(0, 50.0), findings=[BLACK]))


def test_abstained_is_null_with_a_reason() -> None:
    """A second that could not be judged is null with its reason, and does not enter the means."""
    fields = json.loads(score_output.to_json(report(clip(0, 80.0), clip(1, None, **ABSTAINED))))

    assert (fields["clips"][1]["score"], fields["clips"][1]["reason"]) == (None, "black")
    assert fields["renditions"][0]["score"] == 80.0
    assert (fields["renditions"][0]["clips"], fields["renditions"][0]["scored"]) == (2, 1)


def test_nothing_scored_says_why() -> None:
    """A video without any score shows the reason in the place of a number."""
    nothing = Report(None, None, None, None, [clip(0, None, **ABSTAINED)])

    assert "not scored: black" in shown(nothing)
    assert json.loads(score_output.to_json(nothing))["score"] is None  # type: ignore[arg-type]


def test_ladder_has_a_line_per_rendition() -> None:
    """Of a ladder each rendition is summed up, and each clip names its own."""
    text = shown(report(clip(0, 80.0, "1080p"), clip(0, 40.0, "360p"), clip(1, 90.0, "1080p")))

    assert "Renditions" in text
    assert "85.0" in text
    assert text.count("360p") == 2


def test_long_video_fits_on_a_page() -> None:
    """An hour of video is thinned out in the table and complete in JSON."""
    long = report(*(clip(float(second), 50.0) for second in range(3600)))

    assert len(shown(long).splitlines()) < 60
    assert "every 90th of 3600" in shown(long)
    assert len(json.loads(score_output.to_json(long))["clips"]) == 3600


def test_csv(tmp_path: Path) -> None:
    """CSV has a line for each clip, a column for each distortion, and empty fields for what is not known."""
    path = tmp_path / "scores.csv"
    blurred = clip(0.0, 72.0, distortions={"blur": 0.6, "noise": 0.1})
    score_output.write_csv(report(blurred, clip(1.0, None, **ABSTAINED)), path)
    first, second = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))

    assert (first["media_time_s"], first["score"], first["blur"]) == ("0.0", "72.0", "0.6")
    assert (second["score"], second["reason"], second["noise"]) == ("", "black", "")
