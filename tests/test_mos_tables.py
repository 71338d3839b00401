"""Opinion without videos (Waterloo SQoE-I, AVT-VQDB-UHD-1), and the commands about sets."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from qoed_training.data.corpus import CorpusError
from qoed_training.mos.avt import AvtRow, read_avt
from qoed_training.mos.command import register
from qoed_training.mos.sessions import Session, read_sessions
from qoed_training.mos.sets import LAYOUTS
from rated_material import live_vqa_folder, lsvq_labels, youtube_ugc_folder
from training_material import write_table

CHUNK = ("rebuffering_duration", "video_bitrate", "chunk_duration", "qp", "framerate", "psnr", "ssim", "vmaf")
AVT = {
    "metadata": (
        "src",
        "video_name",
        "video_codec",
        "video_width",
        "video_height",
        "video_frame_rate",
        "video_bitrate",
        "video_duration",
    ),
    "mos_ci": ("src", "video_name", "MOS", "CI"),
    "objective_scores": ("video_name", "psnr_score", "ssim_score", "vmaf_score"),
}


def sessions_folder(root: Path) -> Path:
    """Two sessions of two seconds; the second one stalls."""
    (root / "logs_I").mkdir()
    write_table(
        root / "data_WaterlooSQoE-I_data.csv",
        ("streaming_log", "mos", "content", "encoding_profile", "device"),
        [("001.csv", 65.652, "Animation", "H264", "hdtv"), ("002.csv", 52.87, "Biking", "H264", "hdtv")],
    )
    for name, stall in (("001", 0.0), ("002", 5.0)):
        rows = [
            (0.0, 160.6, 1.0, 32.4, 25, 44.3, 0.996, 90.0),
            (stall, 346.2, 3.0, 26.7, 25, 45.1, 0.997, 70.0),
        ]
        write_table(root / "logs_I" / f"{name}.csv", CHUNK, rows)
    return root


def avt_folder(root: Path) -> Path:
    """Four tests of two encodes."""
    names = ("a_200kbps.mp4", "a_750kbps.mp4")
    for test in range(1, 5):
        rows = {
            "metadata": [("a", name, "hevc", 640, 360, 59.94, 192.51, 9.994) for name in names],
            # The tables need not be in one order.
            "mos_ci": [("a", name, 1.5 + test, 0.25) for name in reversed(names)],
            "objective_scores": [(name, 25.4, 0.75, 7.0) for name in names],
        }
        for table, columns in AVT.items():
            write_table(root / f"t{test}_{table}.csv", columns, rows[table])
    return root


def spoil(path: Path, old: str, new: str) -> None:
    body = path.read_bytes()
    assert old.encode() in body
    path.write_bytes(body.replace(old.encode(), new.encode(), 1))


def test_sessions_are_read_with_their_chunks(tmp_path: Path) -> None:
    """Opinion from the table, VMAF over the time shown, stalls summed."""
    calm, stalled = read_sessions(sessions_folder(tmp_path))

    assert isinstance(calm, Session)
    assert (calm.name, calm.mos, calm.content, len(calm.chunks)) == ("001", 65.652, "Animation", 2)
    assert (calm.mean_vmaf, calm.stall_s) == (75.0, 0.0)
    assert (stalled.mos, stalled.stall_s, stalled.chunks[1].bitrate_kbps) == (52.87, 5.0, 346.2)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "data_WaterlooSQoE-I_data.csv",
            "mos",
            "score",
            r"has no column mos: point at the folder of Waterloo",
        ),
        ("data_WaterlooSQoE-I_data.csv", "52.87", "", r"data\.csv: mos is no number \(''\)"),
        ("data_WaterlooSQoE-I_data.csv", "002.csv", "003.csv", r"003\.csv is missing: point at the folder"),
        ("logs_I/002.csv", "90.0", "nan", r"002\.csv: vmaf is no number \('nan'\)"),
        ("logs_I/002.csv", ",90.0", "", r"002\.csv: vmaf is no number \(None\)"),
    ],
)
def test_spoilt_sessions_are_named(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    """Columns, numbers and logs."""
    spoil(sessions_folder(tmp_path) / file, old, new)

    with pytest.raises(CorpusError, match=message):
        read_sessions(tmp_path)


def test_empty_session_tables_are_named(tmp_path: Path) -> None:
    """A table or a log with a head and no lines."""
    log = sessions_folder(tmp_path) / "logs_I" / "001.csv"
    write_table(log, CHUNK, [])
    with pytest.raises(CorpusError, match=r"001\.csv is empty"):
        read_sessions(tmp_path)
    write_table(tmp_path / "data_WaterlooSQoE-I_data.csv", ("streaming_log", "mos", "content"), [])
    with pytest.raises(CorpusError, match=r"data\.csv lists no sessions"):
        read_sessions(tmp_path)


def test_avt_tables_are_joined_by_video(tmp_path: Path) -> None:
    """One row for each encode of each test, whatever the order of the tables."""
    rows = read_avt(avt_folder(tmp_path))

    assert [row.test for row in rows] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert rows[3] == AvtRow(
        test=2,
        name="a_750kbps.mp4",
        source="a",
        codec="hevc",
        width=640,
        height=360,
        fps=59.94,
        bitrate_kbps=192.51,
        seconds=9.994,
        mos=3.5,
        ci=0.25,
        vmaf=7.0,
        psnr=25.4,
        ssim=0.75,
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "t3_mos_ci.csv",
            "a_750kbps",
            "b_750kbps",
            r"metadata\.csv and t3_mos_ci\.csv differ, such as in a_750",
        ),
        ("t2_metadata.csv", "a_750kbps", "a_200kbps", r"t2_metadata\.csv names a video twice or none at all"),
        ("t1_objective_scores.csv", "7.0", "", r"a_200kbps\.mp4: vmaf_score is no number \(''\)"),
        ("t4_mos_ci.csv", "CI", "ci", r"t4_mos_ci\.csv has no column CI: point at the folder of AVT"),
    ],
)
def test_spoilt_avt_tables_are_named(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    """Videos, numbers and columns."""
    spoil(avt_folder(tmp_path) / file, old, new)

    with pytest.raises(CorpusError, match=message):
        read_avt(tmp_path)


def run(*arguments: str) -> str:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, arguments, catch_exceptions=False).output


def test_datasets_lists_every_set_with_its_page_and_layout() -> None:
    """Each set has its name, size, scale, page and files."""
    output = run("datasets")

    for layout in LAYOUTS.values():
        assert f"{layout.name}: " in output
        assert layout.remedy in output
    assert "live-vqa: 150 videos, DMOS 0-100" in output
    assert "youtube-ugc: 1,000 videos or more, MOS 1-5" in output


def test_check_dataset_says_what_a_complete_set_holds(tmp_path: Path) -> None:
    """Counts, opinion, distortions, official split and withdrawn videos."""
    live, lsvq, ugc = (tmp_path / name for name in ("live", "lsvq", "ugc"))
    for folder in (live, lsvq, ugc):
        folder.mkdir()
    live_vqa_folder(live)
    lsvq_labels(lsvq, official=True)
    youtube_ugc_folder(ugc)
    next((ugc / "original_videos_h264").glob("*-0000*")).unlink()

    assert run("check-dataset", "live-vqa", "--root", str(live)) == (
        "live-vqa is complete: 150 videos, 10 contents, DMOS (lower is better) 36.00 to 78.00, "
        "wireless 40, ip 30, h264 40, mpeg2 40\n"
    )
    assert run("check-dataset", "lsvq", "--root", str(lsvq), "--labels-only") == (
        "lsvq is complete: 38,811 videos, 38,811 contents, MOS 0.00 to 100.00, "
        "train 28,056, test 7,182, test_1080p 3,573\n"
    )
    assert run("check-dataset", "youtube-ugc", "--root", str(ugc)).endswith(
        ", 1 rated videos withdrawn by the publisher or not downloaded\n"
    )
    with pytest.raises(CorpusError, match=r"150 of 150 videos are missing|data\.mat is missing"):
        run("check-dataset", "live-vqc", "--root", str(live))
