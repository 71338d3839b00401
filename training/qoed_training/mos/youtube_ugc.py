"""YouTube-UGC: about 1,400 uploads of 20 s, MOS 1-5, each its own content.

Wang et al., "YouTube UGC dataset for video compression research", MMSP 2019. The workbook
MOS_for_YouTube_UGC_dataset.xlsx (saved by browsers with "original_videos_" before it) has a sheet MOS with
columns `vid` and `MOS full`; a CSV copy of that sheet will do. Videos of the H.264 edition are named
<vid>_crf_10_ss_00_t_20.0.mp4 in original_videos_h264/ of the bucket. Videos are withdrawn when their licence
ends: 1,263 of 1,381 were left in July 2021 (vztu/BVQA_Benchmark issue 3), hence no fixed count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qoed_training.mos.layout import Layout
from qoed_training.mos.videos import Label
from qoed_training.mos.xlsx import WorkbookError, read_sheet

SUFFIX = "_crf_10_ss_00_t_20.0.mp4"
LEAST = 1000
MAY_LACK = 0.25
"""Share of the rated videos that may have been withdrawn."""
_COLUMNS = ("vid", "MOS full")
_STEM = "MOS_for_YouTube_UGC_dataset"
_TABLES = tuple(
    f"{prefix}{_STEM}{suffix}" for suffix in (".xlsx", ".csv") for prefix in ("original_videos_", "")
)


def read(root: Path, layout: Layout) -> list[Label]:
    """Labels of the workbook or its CSV copy; a video whose opinion is left blank is not rated.

    Raises `CorpusError`.
    """
    path = layout.label_file(root, _TABLES)
    rows = layout.rows(path, _COLUMNS) if path.suffix == ".csv" else _sheet(layout, path)
    return [
        Label(
            name=row["vid"],
            mos=layout.opinion(row["MOS full"], path, row["vid"]),
            files=(f"{row['vid']}{SUFFIX}", f"{row['vid']}.mp4"),
            content=row["vid"],
        )
        for row in rows
        if row["vid"] and row["MOS full"]
    ]


def _sheet(layout: Layout, path: Path) -> Sequence[dict[str, str]]:
    try:
        rows = read_sheet(path, "MOS")
    except WorkbookError as error:
        raise layout.fault(path, str(error)) from error
    absent = [column for column in _COLUMNS if not rows or column not in rows[0]]
    if absent:
        raise layout.fault(path, f"its sheet MOS has no column {', '.join(absent)}")
    return rows


LAYOUT = Layout(
    name="youtube-ugc",
    title="YouTube-UGC (MOS workbook and H.264 videos)",
    page="https://media.withyoutube.com/ugc-dataset",
    wants=f"{_STEM}.xlsx and the videos such as original_videos_h264/HDR_1080P-2d32{SUFFIX}",
    higher_is_better=True,
    lo=1.0,
    hi=5.0,
    folders=("original_videos_h264", "."),
    read=read,
    least=LEAST,
    may_lack=MAY_LACK,
)
