"""Videos and stills: clear errors, honest splits."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qoed_training.data.corpus import HELD_OUT, CorpusError, duration_s, read_corpus, read_section
from qoed_training.data.scenes import plan_scenes, screen_heights
from qoed_training.data.stills import read_stills, still_clips
from training_material import (
    FPS,
    RECIPE,
    moving,
    write_corpus,
    write_png,
    write_stills,
    write_table,
    write_video,
)


def no_table(folder: Path) -> None:
    (folder / "sources.csv").unlink()


def no_column(folder: Path) -> None:
    write_table(folder / "sources.csv", ("clip_id", "file"), [("a", "clip.0.mp4")])


def no_text(folder: Path) -> None:
    (folder / "sources.csv").write_bytes(b"\xff\xfe\x00clip_id")


def no_video(folder: Path) -> None:
    (folder / "clip.0.mp4").unlink()


def torn_video(folder: Path) -> None:
    (folder / "clip.0.mp4").write_bytes(b"not a video")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_table, r"sources\.csv is missing: point --corpus at a folder"),
        (no_column, r"sources\.csv has no column group: point --corpus"),
        (no_text, r"sources\.csv cannot be read \(.*utf-8.*\): point --corpus"),
        (no_video, r"videos named in sources\.csv are missing: clip\.0\.mp4"),
        (torn_video, r"clip\.0\.mp4 cannot be opened as video \(Invalid data"),
    ],
)
def test_an_unusable_corpus_ends_in_one_clear_line(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    """Whatever is wrong with the corpus, the error is one line that names the file and the fault."""
    folder = write_corpus(tmp_path, ["plain"])
    spoil(folder)

    with pytest.raises(CorpusError, match=message) as caught:
        plan_scenes(read_corpus(folder), seed=1, per_source=1, plans=1)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("gone.png", "a", 10, 144, 2.0)], r"pictures named in manifest\.csv are missing: gone\.png"),
        ([("here.png", "a", "low", 144, 2.0)], r"crf, height and mos_lab must be numbers \(.*'low'"),
    ],
)
def test_unusable_stills_end_in_one_clear_line(
    tmp_path: Path, rows: list[tuple[object]], message: str
) -> None:
    """A missing picture or a value that is no number is named with its file."""
    write_png(tmp_path / "here.png", moving(1)[0])
    write_table(tmp_path / "manifest.csv", ("file", "source", "crf", "height", "mos_lab"), rows)

    with pytest.raises(CorpusError, match=message):
        read_stills(tmp_path)
    with pytest.raises(CorpusError, match=r"manifest\.csv is missing: point --stills"):
        read_stills(tmp_path / "elsewhere")


def test_a_production_is_never_on_two_sides_of_the_split(tmp_path: Path) -> None:
    """All videos of one production train, calibrate or test together, and each held-out one has its side."""
    groups = ["plain", "bbb", "pixabay_macro", "plain", "bbb", "other"]
    video = write_video(tmp_path / "v.mp4", frames=2)
    rows = [(f"clip{index}", video.name, group) for index, group in enumerate(groups)]
    write_table(tmp_path / "sources.csv", ("clip_id", "file", "group"), rows)
    sides = defaultdict(set)
    for source in read_corpus(tmp_path):
        sides[source.group].add(source.split)

    assert dict(sides) == {
        "plain": {"train"},
        "other": {"train"},
        "bbb": {"calibration"},
        "pixabay_macro": {"test"},
    }
    assert set(HELD_OUT.values()) == {"calibration", "test"}


def test_a_rated_source_is_never_on_two_sides_of_the_split(tmp_path: Path) -> None:
    """All stills of one source calibrate or test together, half of the sources each."""
    sides = defaultdict(set)
    for still in read_stills(write_stills(tmp_path)):
        sides[still.source].add(still.split)

    assert [sides[f"source{number}"] for number in range(4)] == [{"calibration"}, {"test"}] * 2


def test_a_section_starts_and_ends_where_it_should(tmp_path: Path) -> None:
    """A section holds the frames of its time and no others."""
    path = write_video(tmp_path / "v.mp4", frames=30)

    assert duration_s(path) == pytest.approx(30 / FPS)
    times = [float(frame.time or 0) for frame in read_section(path, 1.0, 1.0)]
    assert times == pytest.approx(list(np.arange(10, 20) / FPS))
    assert read_section(path, 99.0, 1.0) == []


def test_high_frame_rates_are_thinned(tmp_path: Path) -> None:
    """Of a 60 fps video every second frame is used."""
    path = write_video(tmp_path / "v.mp4", frames=60, fps=60)

    assert len(read_section(path, 0.0, 1.0)) == 30


def test_a_source_is_shown_on_screens_where_it_is_sharp(tmp_path: Path) -> None:
    """Every screen has clearly fewer lines than the source, and still fewer where the source is soft."""
    write_corpus(tmp_path, ["plain"])
    (source,) = read_corpus(tmp_path)
    large = tmp_path / "large.png"
    write_png(large, moving(1, width=1280, height=720)[0])
    source = dataclasses.replace(source, path=large)

    assert screen_heights(source) == [540, 540]
    assert screen_heights(dataclasses.replace(source, soft=True)) == [432]


def test_a_still_becomes_motionless_clips(tmp_path: Path) -> None:
    """A picture gives clips without motion, one for each place that is looked at."""
    write_stills(tmp_path, sources=1)
    clips = still_clips(read_stills(tmp_path)[0], RECIPE, ordinals=(0, 1, 5))

    assert clips.shape == (3, *RECIPE.clip_shape)
    assert (clips == clips[:, :1]).all()
    assert not (clips[0] == clips[1]).all()
