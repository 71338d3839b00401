"""Folders laid out as the published sets are, at their published counts, with next to nothing in them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from scipy.io import savemat

from qoed_training.mos import csiq_vqd, live_vqa, lsvq
from training_material import write_table

UGC_COUNT = 1010


def empty(path: Path, size: int = 0) -> Path:
    """A file of `size` zeros that takes no space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, size)
    return path


def live_vqa_folder(root: Path, *, videos: bool = True) -> Path:
    """All 150 versions at their true sizes."""
    names, opinions = [], []
    for content, (fps, frames) in live_vqa.CONTENTS.items():
        for number in live_vqa.DISTORTIONS:
            names.append(f"{content}{number}_{fps}fps.yuv")
            opinions.append(f"{30 + 3 * number:.4f}\t{9.5:.4f}")
            if videos:
                empty(root / names[-1], frames * live_vqa.WIDTH * live_vqa.HEIGHT * 3 // 2)
    (root / "live_video_quality_seqs.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    (root / "live_video_quality_data.txt").write_text("\r\n".join(opinions) + "\r\n", encoding="utf-8")
    return root


def csiq_vqd_folder(root: Path, *, videos: bool = True) -> Path:
    """All 216 versions, each content in its own folder."""
    lines = []
    for content, (_fps, frames) in csiq_vqd.CONTENTS.items():
        for number in range(1, 19):
            name = f"{content}_832x480_dst_{number:02}.yuv"
            lines.append(f"{name}\t{20 + 3 * number}.5")
            if videos:
                empty(root / "videos" / content / name, frames * csiq_vqd.WIDTH * csiq_vqd.HEIGHT * 3 // 2)
    (root / "video_subj_ratings.txt").write_text("\n".join(lines), encoding="utf-8")
    return root


def konvid_1k_folder(root: Path, *, videos: bool = True) -> Path:
    """Names of the first edition for even ids, of the current one for odd ones."""
    rows = []
    for number in range(1200):
        first_edition = f"{number}_original_centercrop_960x540_8s.mp4"
        rows.append((number, first_edition, 1.22 + number / 400))
        if videos:
            empty(root / "KoNViD_1k_videos" / (f"{number}.mp4" if number % 2 else first_edition))
    (root / "KoNViD_1k_metadata").mkdir()
    table = root / "KoNViD_1k_metadata" / "KoNViD_1k_attributes.csv"
    write_table(table, ("flickr_id", "file_name", "MOS"), rows)
    return root


def live_vqc_folder(root: Path, names: Sequence[str] | None = None, *, videos: bool = True) -> Path:
    """data.mat with a cell array of names."""
    names = names if names is not None else [f"A{number:03}.mp4" for number in range(585)]
    cells = np.empty((len(names), 1), dtype=object)
    cells[:, 0] = names
    opinions = np.linspace(6.2, 94.3, len(names))[:, None]
    savemat(root / "data.mat", {"video_list": cells, "mos": opinions})
    for name in names if videos else ():
        empty(root / "Video" / name)
    return root


def lsvq_labels(root: Path, *, official: bool) -> Path:
    """Label files only, the official pair or the three of the split."""
    train, test, large = (
        [(f"{batch}/{number}", number % 101, batch == "ia-batch1") for number in range(count)]
        for batch, count in (
            ("yfcc-batch1", lsvq.TRAIN),
            ("ia-batch1", lsvq.TEST),
            ("yfcc-batch2", lsvq.TEST_1080P),
        )
    )
    columns = ("name", "mos", "is_test")
    if official:
        write_table(root / "labels_train_test.csv", columns, [*train, *test])
        write_table(root / "labels_test_1080p.csv", columns, large)
    else:
        write_table(root / "LSVQ_whole_train.csv", columns, train)
        write_table(root / "LSVQ_whole_test.csv", columns, test)
        write_table(root / "LSVQ_whole_test_1080p.csv", columns, large)
    return root


def ugc_rows() -> list[tuple[object, ...]]:
    """Names, categories and opinions; the last video was not rated."""
    rows: list[tuple[object, ...]] = [
        (f"Vlog_720P-{number:04x}", "Vlog & more", 1.25 + number / 300) for number in range(UGC_COUNT)
    ]
    return [*rows, ("Vlog_720P-ffff", "Vlog & more", "")]


def write_workbook(path: Path, rows: Iterable[Sequence[object]], *, sheet: str = "MOS") -> None:
    """A workbook whose second sheet holds `rows`: text shared or inline, numbers as numbers."""
    shared: dict[str, int] = {}
    lines = []
    for number, row in enumerate(rows, 1):
        cells = []
        for letter, value in zip("ABCDEFGH", row, strict=False):
            place = f'r="{letter}{number}"'
            if value == "":
                continue
            if isinstance(value, str) and letter == "A" and number > 2:
                cells.append(f'<c {place} t="inlineStr"><is><t>{escape(value)}</t></is></c>')
            elif isinstance(value, str):
                cells.append(f'<c {place} t="s"><v>{shared.setdefault(value, len(shared))}</v></c>')
            else:
                cells.append(f"<c {place}><v>{value}</v></c>")
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    strings = "".join(f"<si><r><t>{escape(text)}</t></r></si>" for text in shared)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook {main} xmlns:r="{relations}"><sheets><sheet name="README" r:id="rId1"/>'
            f'<sheet name="{sheet}" r:id="rId2"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/>'
            '<Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet {main}><sheetData/></worksheet>")
        archive.writestr(
            "xl/worksheets/sheet2.xml",
            f"<worksheet {main}><sheetData>{''.join(lines)}</sheetData></worksheet>",
        )
        archive.writestr("xl/sharedStrings.xml", f"<sst {main}>{strings}</sst>")


def youtube_ugc_folder(root: Path) -> Path:
    """The workbook as browsers save it, and the videos of the H.264 edition."""
    rows = ugc_rows()
    write_workbook(
        root / "original_videos_MOS_for_YouTube_UGC_dataset.xlsx", [("vid", "category", "MOS full"), *rows]
    )
    for name, *_ in rows:
        empty(root / "original_videos_h264" / f"{name}_crf_10_ss_00_t_20.0.mp4")
    return root
