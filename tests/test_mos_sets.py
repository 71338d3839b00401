"""Sets of rated videos: published layouts are read whole, and whatever is wrong is one clear line."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from qoed_training.data.corpus import CorpusError
from qoed_training.mos import live_vqa
from qoed_training.mos.sets import LAYOUTS, open_dataset
from qoed_training.mos.videos import RatedVideo
from rated_material import (
    UGC_COUNT,
    csiq_vqd_folder,
    konvid_1k_folder,
    live_vqa_folder,
    live_vqc_folder,
    lsvq_labels,
    ugc_rows,
    write_workbook,
    youtube_ugc_folder,
)
from training_material import write_table

FOLDERS: dict[str, Callable[[Path], Path]] = {
    "live-vqa": live_vqa_folder,
    "csiq-vqd": csiq_vqd_folder,
    "konvid-1k": konvid_1k_folder,
    "live-vqc": live_vqc_folder,
    "youtube-ugc": youtube_ugc_folder,
}


def named(videos: tuple[RatedVideo, ...], name: str) -> RatedVideo:
    return next(video for video in videos if video.name == name)


def test_live_vqa_is_read_as_published(tmp_path: Path) -> None:
    """150 raw videos of 10 contents; DMOS; the number in a name tells the distortion."""
    found = open_dataset("live-vqa", live_vqa_folder(tmp_path))

    assert (len(found.videos), found.higher_is_better) == (150, False)
    assert Counter(video.distortion for video in found.videos) == {
        "wireless": 40,
        "ip": 30,
        "h264": 40,
        "mpeg2": 40,
    }
    assert set(Counter(video.content for video in found.videos).values()) == {15}
    assert named(found.videos, "sh8_50fps.yuv") == RatedVideo(
        path=tmp_path / "sh8_50fps.yuv",
        mos=54.0,
        content="sh",
        name="sh8_50fps.yuv",
        width=768,
        height=432,
        fps=50,
        pixel_format="yuv420p",
        distortion="ip",
    )


def test_csiq_is_read_as_published(tmp_path: Path) -> None:
    """216 raw videos of 12 contents in their folders; three versions of each of six distortions."""
    found = open_dataset("csiq-vqd", csiq_vqd_folder(tmp_path))

    assert (len(found.videos), found.higher_is_better) == (216, False)
    assert set(Counter(video.distortion for video in found.videos).values()) == {36}
    assert set(Counter(video.content for video in found.videos).values()) == {18}
    kinds = [
        named(found.videos, f"Carving_832x480_dst_{number:02}.yuv").distortion for number in range(1, 19, 3)
    ]
    assert kinds == ["h264", "packet_loss", "mjpeg", "wavelet", "noise", "hevc"]
    last = named(found.videos, "Kimono_832x480_dst_18.yuv")
    assert (last.mos, last.fps, last.height) == (74.5, 24, 480)
    assert last.path == tmp_path / "videos" / "Kimono" / last.name


def test_konvid_is_read_as_published(tmp_path: Path) -> None:
    """1,200 videos under their old or new names, each its own content; either label file will do."""
    found = open_dataset("konvid-1k", konvid_1k_folder(tmp_path))

    assert len({video.content for video in found.videos}) == 1200
    assert found.higher_is_better
    assert named(found.videos, "7.mp4").path.name == "7.mp4"
    assert named(found.videos, "8.mp4").path.name == "8_original_centercrop_960x540_8s.mp4"
    assert named(found.videos, "8.mp4").pixel_format is None
    (tmp_path / "KoNViD_1k_metadata" / "KoNViD_1k_attributes.csv").unlink()
    rows = [(number, 1 + number / 300) for number in range(1200)]
    write_table(tmp_path / "KoNViD_1k_videos" / "KoNViD_1k_mos.csv", ("flickr_id", "mos"), rows)
    again = open_dataset("konvid-1k", tmp_path, labels_only=True)
    assert named(again.videos, "300.mp4").mos == 2.0


def test_live_vqc_is_read_as_published(tmp_path: Path) -> None:
    """585 videos listed in a MATLAB file."""
    found = open_dataset("live-vqc", live_vqc_folder(tmp_path))

    assert len(found.videos) == 585
    assert (found.lo, found.hi, found.higher_is_better) == (0, 100, True)
    first, last = found.videos[0], found.videos[-1]
    assert (first.mos, last.mos) == pytest.approx((6.2, 94.3))
    assert (first.path, first.content) == (tmp_path / "Video" / "A000.mp4", "A000.mp4")


@pytest.mark.parametrize("official", [True, False])
def test_lsvq_labels_are_read_as_published(tmp_path: Path, official: bool) -> None:
    """38,811 labels with the official split, from either edition of the label files, without videos."""
    found = open_dataset("lsvq", lsvq_labels(tmp_path, official=official), labels_only=True)

    assert Counter(video.subset for video in found.videos) == {
        "train": 28_056,
        "test": 7_182,
        "test_1080p": 3_573,
    }
    assert named(found.videos, "ia-batch1/747").path == tmp_path / "ia-batch1" / "747.mp4"
    assert named(found.videos, "yfcc-batch1/202").mos == 0.0


def test_youtube_ugc_is_read_as_published(tmp_path: Path) -> None:
    """Workbook or CSV; a video without opinion is no part of it, a withdrawn one is counted."""
    youtube_ugc_folder(tmp_path)
    for number in range(40):
        (tmp_path / "original_videos_h264" / f"Vlog_720P-{number:04x}_crf_10_ss_00_t_20.0.mp4").unlink()
    found = open_dataset("youtube-ugc", tmp_path)
    (tmp_path / "original_videos_MOS_for_YouTube_UGC_dataset.xlsx").unlink()
    table = tmp_path / "MOS_for_YouTube_UGC_dataset.csv"
    write_table(table, ("vid", "category", "MOS full"), ugc_rows())
    from_table = open_dataset("youtube-ugc", tmp_path)

    assert (len(found.videos), found.withdrawn) == (UGC_COUNT - 40, 40)
    assert found.videos[0].path.name == "Vlog_720P-0028_crf_10_ss_00_t_20.0.mp4"
    assert found.videos[0].mos == pytest.approx(1.25 + 40 / 300)
    assert found == from_table


@pytest.mark.parametrize("name", FOLDERS)
def test_a_missing_folder_label_file_or_video_names_what_to_get_and_where_from(
    tmp_path: Path, name: str
) -> None:
    """Each line names the place, the fault, the official page and the layout."""
    layout = LAYOUTS[name]
    with pytest.raises(CorpusError, match=r"there is no such folder: get ") as no_folder:
        open_dataset(name, tmp_path / "elsewhere")
    with pytest.raises(CorpusError, match=r"is missing: get ") as no_labels:
        open_dataset(name, tmp_path)
    FOLDERS[name](tmp_path)
    for video in [path for path in tmp_path.rglob("*") if path.suffix in (".mp4", ".yuv")]:
        video.unlink()
    count = layout.count or UGC_COUNT
    with pytest.raises(
        CorpusError, match=rf"{count:,} of {count:,} videos are missing \(.*, .*, .* and {count - 3:,} more\)"
    ) as no_videos:
        open_dataset(name, tmp_path)

    for caught in (no_folder, no_labels, no_videos):
        message = str(caught.value)
        assert message.startswith(str(tmp_path))
        assert layout.page in message
        assert layout.wants in message
        assert "\n" not in message
    assert len(open_dataset(name, tmp_path, labels_only=True).videos) == count


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("seqs", "pa3_25fps.yuv\n", "", r"seqs\.txt has 149 lines, .*data\.txt has 150"),
        ("seqs", "pa3_25fps", "pa2_25fps", r"pa2_25fps\.yuv labelled more than once"),
        ("seqs", "pa3_25fps", "xx3_25fps", r"seqs\.txt: xx3_25fps\.yuv is no name of this set"),
        ("seqs", "pa3_25fps", "pa1_25fps", r"seqs\.txt: pa1_25fps\.yuv is no name of this set"),
        ("data", "39.0000", "n/a", r"data\.txt: the opinion of pa3_25fps\.yuv is no number \('n/a'\)"),
        ("data", "39.0000", "inf", r"the opinion of pa3_25fps\.yuv is inf, it must be from 0 to 100"),
    ],
)
def test_spoilt_label_files_of_live_vqa_are_named(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    """Files that do not fit each other, doubles, strange names and numbers that are none."""
    edit(live_vqa_folder(tmp_path, videos=False) / f"live_video_quality_{file}.txt", old, new)

    with pytest.raises(CorpusError, match=message):
        open_dataset("live-vqa", tmp_path)


def test_label_files_that_are_no_text_or_too_short_are_named(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, and lists that were cut off."""
    live_vqa_folder(tmp_path, videos=False)
    for kind in ("seqs", "data"):
        path = tmp_path / f"live_video_quality_{kind}.txt"
        path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-2]), encoding="utf-8")
    with pytest.raises(CorpusError, match=r"148 videos are labelled, published are 150: get the LIVE"):
        open_dataset("live-vqa", tmp_path)
    (tmp_path / "live_video_quality_seqs.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorpusError, match=r"seqs\.txt: it cannot be read \(.*utf-8"):
        open_dataset("live-vqa", tmp_path)


@pytest.mark.parametrize(("change", "size"), [(-1, "62,207,999"), (-live_vqa.WIDTH, "62,207,232")])
def test_a_cut_off_raw_video_is_named_with_its_size(tmp_path: Path, change: int, size: str) -> None:
    """A raw file must hold all its pictures, whole."""
    path = live_vqa_folder(tmp_path) / "pa2_25fps.yuv"
    os.truncate(path, 125 * 768 * 432 * 3 // 2 + change)

    with pytest.raises(
        CorpusError, match=rf"pa2_25fps\.yuv: it has {size} bytes, 250 pictures are 124,416,000"
    ):
        open_dataset("live-vqa", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("BQMall_832x480_dst_02.yuv", "BQMall_832x480_dst_19.yuv", r"dst_19\.yuv is no name of this set"),
        ("BQMall_832x480_dst_02.yuv", "Nobody_832x480_dst_02.yuv", r"Nobody.* is no name of this set"),
        ("dst_02.yuv\t26.5", "dst_02.yuv", r"the opinion of BQMall_832x480_dst_02\.yuv is no number \(''\)"),
        ("BQMall_832x480_dst_02.yuv\t26.5\n", "", r"215 videos are labelled, published are 216"),
    ],
)
def test_spoilt_ratings_of_csiq_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Strange names, lines without opinion, lines that are not there."""
    edit(csiq_vqd_folder(tmp_path, videos=False) / "video_subj_ratings.txt", old, new)

    with pytest.raises(CorpusError, match=message):
        open_dataset("csiq-vqd", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MOS", "score", r"attributes\.csv has no column MOS: get KoNViD-1k"),
        (",1.22\r\n", ",7.5\r\n", r"the opinion of 0\.mp4 is 7\.5, it must be from 1 to 5"),
        (",1.22\r\n", "\r\n", r"the opinion of 0\.mp4 is no number \(''\)"),
        ("\n1,", "\n0,", r"0\.mp4 labelled more than once"),
    ],
)
def test_spoilt_tables_of_konvid_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Columns, numbers and doubles."""
    folder = konvid_1k_folder(tmp_path, videos=False)
    table = folder / "KoNViD_1k_metadata" / "KoNViD_1k_attributes.csv"
    table.write_bytes(table.read_bytes().replace(old.encode(), new.encode(), 1))

    with pytest.raises(CorpusError, match=message):
        open_dataset("konvid-1k", tmp_path)


def test_spoilt_matlab_files_are_named(tmp_path: Path) -> None:
    """No MATLAB file, a torn one, one without the fields, one with too few names."""
    path = tmp_path / "data.mat"
    path.write_bytes(b"not a MATLAB file" * 20)
    with pytest.raises(CorpusError, match=r"data\.mat: it cannot be read \("):
        open_dataset("live-vqc", tmp_path)
    live_vqc_folder(tmp_path, videos=False)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CorpusError, match=r"data\.mat: it cannot be read \("):
        open_dataset("live-vqc", tmp_path)
    path.write_bytes(path.read_bytes()[:128])
    with pytest.raises(CorpusError, match=r"data\.mat: it has no video_list and no mos: get the LIVE Video"):
        open_dataset("live-vqc", tmp_path)
    live_vqc_folder(tmp_path, ["A001.mp4", "A002.mp4"])
    with pytest.raises(CorpusError, match=r"2 videos are labelled, published are 585"):
        open_dataset("live-vqc", tmp_path)


def test_lsvq_says_which_side_is_wrong_and_what_videos_are_missing(tmp_path: Path) -> None:
    """A split file that was cut off, one that is missing, and no videos at all."""
    lsvq_labels(tmp_path, official=False)
    with pytest.raises(CorpusError, match=r"38,811 of 38,811 videos are missing \(yfcc-batch1/0\.mp4, "):
        open_dataset("lsvq", tmp_path)
    test = tmp_path / "LSVQ_whole_test.csv"
    test.write_text("".join(test.read_text().splitlines(keepends=True)[:-1]), encoding="utf-8")
    with pytest.raises(CorpusError, match=r"7,181 videos are labelled for test, published are 7,182"):
        open_dataset("lsvq", tmp_path, labels_only=True)
    test.unlink()
    with pytest.raises(CorpusError, match=r"LSVQ_whole_test\.csv is missing: get LSVQ"):
        open_dataset("lsvq", tmp_path, labels_only=True)


@pytest.mark.parametrize(
    ("rows", "sheet", "message"),
    [
        ([("vid", "MOS full")], "Other", r"it has no sheet MOS"),
        ([("vid", "MOS full")], "MOS", r"its sheet MOS has no column vid, MOS full"),
        ([("vid", "MOS"), ("a", 2.0)], "MOS", r"its sheet MOS has no column MOS full"),
        ([("vid", "MOS full"), ("a", 2.0)], "MOS", r"1 videos are labelled, at least 1,000 are published"),
        ([("vid", "MOS full"), ("a", "good")], "MOS", r"the opinion of a is no number \('good'\)"),
    ],
)
def test_spoilt_workbooks_are_named(
    tmp_path: Path, rows: list[tuple[object, ...]], sheet: str, message: str
) -> None:
    """Sheets, columns, counts and numbers of the YouTube-UGC workbook."""
    write_workbook(tmp_path / "MOS_for_YouTube_UGC_dataset.xlsx", rows, sheet=sheet)

    with pytest.raises(CorpusError, match=message):
        open_dataset("youtube-ugc", tmp_path, labels_only=True)


def test_a_workbook_that_is_none_or_lies_is_refused(tmp_path: Path) -> None:
    """No archive, an archive without sheets, and a part with a DOCTYPE."""
    path = tmp_path / "MOS_for_YouTube_UGC_dataset.xlsx"
    path.write_bytes(b"<html>sign in</html>")
    with pytest.raises(CorpusError, match=r"it cannot be read as a workbook \(File is not a zip file\)"):
        open_dataset("youtube-ugc", tmp_path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.xml", "")
    with pytest.raises(CorpusError, match=r"it cannot be read as a workbook \(.*xl/workbook\.xml"):
        open_dataset("youtube-ugc", tmp_path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    with pytest.raises(CorpusError, match=r"xl/workbook\.xml in it has a DOCTYPE"):
        open_dataset("youtube-ugc", tmp_path)


def test_too_many_withdrawn_videos_are_missing_ones(tmp_path: Path) -> None:
    """A quarter of YouTube-UGC may be gone, more may not."""
    youtube_ugc_folder(tmp_path)
    videos = sorted((tmp_path / "original_videos_h264").iterdir())
    for video in videos[: UGC_COUNT // 4 + 1]:
        video.unlink()

    with pytest.raises(CorpusError, match=r"253 of 1,010 videos are missing"):
        open_dataset("youtube-ugc", tmp_path)


def test_an_unknown_set_is_answered_with_those_there_are(tmp_path: Path) -> None:
    """The error lists the names."""
    with pytest.raises(
        CorpusError, match=r"there is no set 'live': take one of live-vqa, csiq-vqd, konvid-1k"
    ):
        open_dataset("live", tmp_path)
