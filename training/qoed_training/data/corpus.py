"""The training videos and their split by production."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import av

HELD_OUT: dict[str, str] = {
    "pixabay_macro": "test",
    "udacity_lane": "test",
    "sam2_bedroom": "test",
    "androidx_stadium": "test",
    "flutter_ui": "test",
    "bbb": "calibration",
    "pexels_8048492": "calibration",
    "akella_1": "calibration",
    "degirum_aerial": "calibration",
}
"""Productions kept from training: `test` for the receipt, `calibration` for scale and interval. The rest trains."""

SOFT_SOURCES = frozenset(
    {
        "face_fashion",
        "text_lightbox",
        "motorbikes_crossing",
        "nails_portrait",
        "bbb_bunny",
        "portrait_cuts",
        "man_phone_bed",
    }
)
"""Already mildly degraded: their native size is no clean anchor, only a reduced one is."""


class CorpusError(Exception):
    """The corpus folder cannot be used; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Source:
    """One video file with its production (`group`) and split (`train`, `calibration` or `test`)."""

    clip_id: str
    path: Path
    group: str
    split: str
    soft: bool


def read_corpus(folder: Path) -> list[Source]:
    """Sources listed in `sources.csv` (columns clip_id, file, group). Raises `CorpusError`."""
    table = folder / "sources.csv"
    if not table.is_file():
        raise CorpusError(f"{table} is missing: point --corpus at a folder with sources.csv and its videos")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = [row["file"] for row in rows if not (folder / row["file"]).is_file()]
    if missing:
        raise CorpusError(f"{folder}: videos named in sources.csv are missing: {', '.join(missing)}")
    return [
        Source(
            clip_id=row["clip_id"],
            path=folder / row["file"],
            group=row["group"],
            split=HELD_OUT.get(row["group"], "train"),
            soft=row["clip_id"] in SOFT_SOURCES,
        )
        for row in rows
    ]


def read_section(path: Path, start_s: float, seconds: float, *, max_fps: float = 30.0) -> list[av.VideoFrame]:
    """Decode `seconds` of frames from `start_s`, thinned to at most about `max_fps` (every n-th frame)."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        step = max(1, round(float(stream.average_rate or 25) / max_fps))
        frames: list[av.VideoFrame] = []
        first = None
        for index, frame in enumerate(container.decode(stream)):
            moment = float(frame.time or 0.0)
            first = moment if first is None else first
            if moment - first < start_s:
                continue
            if moment - first >= start_s + seconds:
                break
            if index % step == 0:
                frames.append(frame)
        return frames


def duration_s(path: Path) -> float:
    """Length of the first video stream in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return float(container.duration or 0) / av.time_base
