"""The training videos and their split by production."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer

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
"""Productions kept from training: `test` for the receipt, `calibration` for scale and interval."""

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
    """Videos, stills or scenes cannot be used; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """One video or photograph with its production (`group`) and split (`train`, `calibration` or `test`)."""

    clip_id: str
    path: Path
    group: str
    split: str
    soft: bool
    photo: bool = False


def read_corpus(folder: Path) -> list[Source]:
    """Sources listed in `sources.csv` (columns clip_id, file, group). Raises `CorpusError`."""
    rows = read_table(
        folder / "sources.csv",
        ("clip_id", "file", "group"),
        remedy="point --corpus at a folder with sources.csv and its videos",
    )
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


def read_table(table: Path, columns: Sequence[str], *, remedy: str) -> list[dict[str, str]]:
    """Rows of a CSV file that must have at least `columns`. Raises `CorpusError`."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a byte order mark
            reader = csv.DictReader(file)
            absent = [name for name in columns if name not in (reader.fieldnames or ())]
            rows = list(reader)
    except FileNotFoundError as error:
        raise CorpusError(f"{table} is missing: {remedy}") from error
    except (OSError, ValueError, csv.Error) as error:
        raise CorpusError(f"{table} cannot be read ({error}): {remedy}") from error
    if absent:
        raise CorpusError(f"{table} has no column {', '.join(absent)}: {remedy}")
    return rows


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    """A video file and its first video stream. Raises `CorpusError` when it is none."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise CorpusError(f"{path} cannot be opened as video ({error.strerror})") from error
    with container:
        if not container.streams.video:
            raise CorpusError(f"{path} holds no video")
        yield container, container.streams.video[0]


def read_section(path: Path, start_s: float, seconds: float, *, max_fps: float = 30.0) -> list[av.VideoFrame]:
    """Decode `seconds` of frames from `start_s`, thinned to at most about `max_fps` (every n-th frame)."""
    with opened(path) as (container, stream):
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
    with opened(path) as (container, stream):
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return float(container.duration or 0) / av.time_base
