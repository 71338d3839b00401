"""Unlabelled videos: what is used, what is left out and why, and a cache that changes nothing but time."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from qoed_training.data.corpus import CorpusError
from qoed_training.selfsup.cache import SectionCache, decode
from qoed_training.selfsup.videos import Section, Video, digest_of, find_videos, plan_sections
from training_material import FPS, HEIGHT, WIDTH, write_corpus, write_video


def ended(lines: Generator[str, None, Any]) -> tuple[list[str], Any]:
    """All lines of a generator and what it gives in the end."""
    said = []
    while True:
        try:
            said.append(next(lines))
        except StopIteration as stop:
            return said, stop.value


def plan_of(videos: list[Video], **changes: Any) -> dict[Video, list[Section]]:
    return plan_sections(
        videos, **({"sections": 3, "count": 6, "lines": 48, "max_fps": 30.0, "seed": 1} | changes)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sound videos, one of them deeper, and what a folder of videos collects."""
    made = tmp_path_factory.mktemp("videos")
    (made / "deeper").mkdir()
    write_video(made / "a.mp4", seed=1)
    write_video(made / "deeper" / "b.MKV", seed=2)
    (made / "notes.txt").write_text("no video")
    (made / ".hidden.mp4").write_bytes(b"")
    whole = (made / "a.mp4").read_bytes()
    (made / "broken.mp4").write_bytes(whole[: len(whole) // 2])
    (made / "empty.webm").write_bytes(b"")
    return made


@pytest.fixture(scope="module")
def videos(folder: Path) -> list[Video]:
    found: list[Video] = ended(find_videos(folder))[1]
    return found


def test_a_folder_gives_its_readable_videos(folder: Path) -> None:
    """Videos in subfolders count, other files do not, and each unreadable video is named in one line."""
    lines, found = ended(find_videos(folder))

    assert [video.name for video in found] == ["a.mp4", "deeper/b.MKV"]
    assert (found[0].width, found[0].height, found[0].fps) == (WIDTH, HEIGHT, FPS)
    assert [line.split(":")[0] for line in lines] == ["broken.mp4 left out", "empty.webm left out"]


def test_too_few_videos_are_an_error(tmp_path: Path) -> None:
    """An empty folder, none, or a single video end in a line that says what to do."""
    with pytest.raises(CorpusError, match=r"no usable videos, at least 2 are needed: point --videos"):
        ended(find_videos(tmp_path))
    with pytest.raises(CorpusError, match="is no folder: point --videos"):
        ended(find_videos(tmp_path / "nowhere"))
    write_video(tmp_path / "a.mp4")
    with pytest.raises(CorpusError, match="1 usable video, at least 2"):
        ended(find_videos(tmp_path))


def test_videos_kept_for_judging_are_not_learnt_from(tmp_path: Path) -> None:
    """Productions that sources.csv holds out of training are left out of pretraining too."""
    write_corpus(tmp_path, ("plain", "plainer", "bbb"))
    lines, found = ended(find_videos(tmp_path))

    assert [video.name for video in found] == ["clip.0.mp4", "clip.1.mp4"]
    assert lines == ["clip.2.mp4 left out: sources.csv keeps its production for judging"]


def test_sections_are_spread_and_repeat_with_the_seed(videos: list[Video]) -> None:
    """Places lie apart inside the video, and depend on seed and video only."""
    plan, again, other = plan_of(videos), plan_of(videos[::-1]), plan_of(videos, seed=2)

    for video, sections in plan.items():
        starts = [section.start_s for section in sections]
        assert len(starts) == 3
        assert starts == sorted(starts)
        assert starts[-1] + 6 / FPS <= video.seconds
        assert again[video] == sections
        assert other[video] != sections
    assert digest_of(plan) != digest_of(other)


def test_a_short_video_is_one_section(videos: list[Video]) -> None:
    """A video that holds fewer frames than asked for gives all of them, once."""
    (section,) = plan_of(videos, count=100)[videos[0]]

    assert (section.start_s, section.count) == (0.0, 40)
    assert len(decode(section).packed) == 40


def test_fast_videos_are_thinned(videos: list[Video]) -> None:
    """At half the frame rate every second frame is kept, of twice the time."""
    fast, slow = (plan_of(videos, max_fps=fps, sections=1, count=6)[videos[0]][0] for fps in (10.0, 5.0))
    whole = decode(Section(videos[0], 0.0, 40, 1, slow.lines)).packed
    thinned = decode(Section(videos[0], 0.0, 6, slow.every, slow.lines)).packed

    assert (fast.every, slow.every, slow.fps) == (1, 2, 5.0)
    np.testing.assert_array_equal(thinned, whole[:12:2])


def test_a_section_holds_the_frames_of_its_time(videos: list[Video]) -> None:
    """Seeking gives the very frames that decoding from the start gives, fitted into the wanted lines."""
    whole = decode(Section(videos[0], 0.0, 40, 1, 48))
    part = decode(Section(videos[0], 1.5, 6, 1, 48))

    assert part.packed.shape == Section(videos[0], 1.5, 6, 1, 48).shape == (6, 72, 86)
    np.testing.assert_array_equal(part.packed, whole.packed[15:21])
    (frame,) = part.frames([2])
    np.testing.assert_array_equal(frame.to_ndarray(format="yuv420p"), whole.packed[17])


def test_pixels_keep_the_colours_of_the_large_picture(videos: list[Video]) -> None:
    """A small frame says the matrix that its source has, where guessing by its size would err."""
    clip = decode(Section(videos[0], 0.0, 6, 1, 48))

    assert clip.colour.space == 5  # BT.601, as players take a small video that says nothing
    assert clip.frames([0])[0].colorspace == 5


def test_the_cache_is_filled_once(videos: list[Video], tmp_path: Path) -> None:
    """What is there is not decoded again, a stop leaves what was done, and reading maps the file."""
    sections = plan_of(videos)[videos[0]]
    cache = SectionCache(tmp_path / "frames", 2**30)
    lines = cache.fill(sections)
    next(lines)
    lines.close()

    assert len(list(cache.fill(sections))) == 2
    assert list(cache.fill(sections)) == []
    kept = cache.read(sections[1])
    assert isinstance(kept.packed, np.memmap)
    np.testing.assert_array_equal(kept.packed, decode(sections[1]).packed)
    assert kept.colour == decode(sections[1]).colour


def test_the_cache_keeps_to_its_size(videos: list[Video], tmp_path: Path) -> None:
    """Beyond the cap sections are decoded when wanted, to the same pixels; a larger cap takes them in."""
    sections = plan_of(videos)[videos[0]]
    one = int(np.prod(sections[0].shape)) + 200
    cache = SectionCache(tmp_path, one)
    lines = list(cache.fill(sections))

    assert [line.endswith("no room, decoded when wanted") for line in lines] == [False, True, True]
    assert sum(path.stat().st_size for path in tmp_path.glob("*.npy")) <= one
    assert list(cache.fill(sections)) == []
    np.testing.assert_array_equal(cache.read(sections[2]).packed, decode(sections[2]).packed)
    assert len(list(SectionCache(tmp_path, 3 * one).fill(sections))) == 2
    assert isinstance(cache.read(sections[2]).packed, np.memmap)


def test_a_spoilt_cache_says_what_to_delete(videos: list[Video], tmp_path: Path) -> None:
    """A file of the cache that is no array ends in one line that names it."""
    sections = plan_of(videos)[videos[0]]
    cache = SectionCache(tmp_path, 2**30)
    list(cache.fill(sections[:1]))
    (tmp_path / f"{sections[0].name}.npy").write_bytes(b"half")

    with pytest.raises(CorpusError, match=rf"{sections[0].name}.npy is spoilt .* delete it and repeat"):
        cache.read(sections[0])


def test_a_truncated_video_is_found_by_its_missing_frames(tmp_path: Path) -> None:
    """A file cut short behind an intact head promises frames that it does not hold."""
    path = tmp_path / "cut.mkv"
    write_video(tmp_path / "whole.mkv")
    whole = (tmp_path / "whole.mkv").read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    with av.open(str(path)) as container:
        assert container.duration
    video = Video("cut.mkv", path, WIDTH, HEIGHT, len(whole), FPS, 4.0)

    with pytest.raises(CorpusError, match=r"frames at 3\.0 s, it may be truncated|does not decode at 3\.0 s"):
        decode(Section(video, 3.0, 8, 1, 48))
