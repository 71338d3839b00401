"""AVT-VQDB-UHD-1: opinion and measures of 756 encodes in four tests, without the videos; validation only.

Rao et al., "AVT-VQDB-UHD-1: a large scale video quality database for UHD-1", ISM 2019. Each test has three
tables with one line for each video: metadata, MOS 1-5 with its 95 % confidence interval, objective scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qoed_training.data.corpus import CorpusError, read_table
from qoed_training.mos.columns import finite

TESTS = (1, 2, 3, 4)
_REMEDY = "point at the folder of AVT-VQDB-UHD-1 tables (t1_metadata.csv and its like)"
_NUMBERS = {
    "metadata": {
        "width": "video_width",
        "height": "video_height",
        "fps": "video_frame_rate",
        "bitrate_kbps": "video_bitrate",
        "seconds": "video_duration",
    },
    "mos_ci": {"mos": "MOS", "ci": "CI"},
    "objective_scores": {"vmaf": "vmaf_score", "psnr": "psnr_score", "ssim": "ssim_score"},
}
"""Tables of a test, and of each the fields of a row and their columns."""


@dataclass(frozen=True, slots=True)
class AvtRow:
    """One encode of one test: MOS 1-5, half-width `ci` of its confidence interval, and what was measured."""

    test: int
    name: str
    source: str
    codec: str
    width: float
    height: float
    fps: float
    bitrate_kbps: float
    seconds: float
    mos: float
    ci: float
    vmaf: float
    psnr: float
    ssim: float


def read_avt(folder: Path) -> list[AvtRow]:
    """Rows of all four tests, in the order of their metadata. Raises `CorpusError`."""
    return [row for test in TESTS for row in _read_test(folder, test)]


def _read_test(folder: Path, test: int) -> list[AvtRow]:
    tables = {name: _by_video(folder / f"t{test}_{name}.csv", columns) for name, columns in _NUMBERS.items()}
    names = set(tables["metadata"])
    for name, rows in tables.items():
        if set(rows) != names:
            differing = sorted(names ^ set(rows))[0]
            raise CorpusError(
                f"{folder}: t{test}_metadata.csv and t{test}_{name}.csv differ, "
                f"such as in {differing}: {_REMEDY}"
            )
    return [
        AvtRow(
            test=test,
            name=name,
            source=row["src"],
            codec=row["video_codec"],
            **{
                field: finite(tables[table][name], column, name, _REMEDY)
                for table, columns in _NUMBERS.items()
                for field, column in columns.items()
            },
        )
        for name, row in tables["metadata"].items()
    ]


def _by_video(path: Path, columns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    said = ("src", "video_codec") if path.stem.endswith("metadata") else ()
    rows = read_table(path, ("video_name", *said, *columns.values()), remedy=_REMEDY)
    by_name = {row["video_name"]: row for row in rows}
    if len(by_name) != len(rows) or not rows:
        raise CorpusError(f"{path} names a video twice or none at all: {_REMEDY}")
    return by_name
