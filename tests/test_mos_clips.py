"""Clips of rated videos: the right pictures at the right moments, kept on disk, and handed to fine-tuning."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from qoed_engine.preprocess import clip_from_frames
from qoed_training.data.corpus import CorpusError
from qoed_training.mos import clips as clips_module
from qoed_training.mos.clips import clips_of, moments_of
from qoed_training.mos.rated_set import rated_set
from qoed_training.mos.reading import frames_at, seconds, upright
from qoed_training.mos.videos import RatedVideo, RatedVideos
from training_material import FPS, HEIGHT, RECIPE, WIDTH, luma, moving, write_video

SCREEN = 240


def container(folder: Path, *, frames: int = 40, seed: int = 0) -> RatedVideo:
    path = write_video(folder / f"clip{seed}.mp4", frames=frames, seed=seed)
    return RatedVideo(path=path, mos=50.0 + seed, content=f"content{seed}", name=path.name)


def raw(folder: Path, *, frames: int = 40) -> RatedVideo:
    """The pictures of `moving`, headerless."""
    path = folder / "clip.yuv"
    path.write_bytes(b"".join(frame.to_ndarray(format="yuv420p").tobytes() for frame in moving(frames)))
    return RatedVideo(
        path=path,
        mos=40.0,
        content="a",
        name="clip.yuv",
        width=WIDTH,
        height=HEIGHT,
        fps=FPS,
        pixel_format="yuv420p",
    )


def brightness(frames: list[av.VideoFrame]) -> list[float]:
    """Mean luma of each: `moving` pictures differ in little else than their order."""
    return [float(luma(frame).mean()) for frame in frames]


def test_moments_are_spread_evenly_and_stay_inside() -> None:
    """Each clip spans a second in the middle of its part; one of a short video starts at its beginning."""
    assert moments_of(9.0, RECIPE, 4).tolist() == [[1.0, 1.5], [3.0, 3.5], [5.0, 5.5], [7.0, 7.5]]
    assert moments_of(0.4, RECIPE, 2).tolist() == [[0.0, 0.5], [0.0, 0.5]]


def test_raw_and_container_video_show_the_same_pictures_at_a_moment(tmp_path: Path) -> None:
    """Raw 4:2:0 is read bit for bit; the container's picture is the one on show, in any order asked."""
    moments = [3.25, 0.0, 1.0, 1.09, 3.9]
    wanted = [moving(40)[index] for index in (32, 0, 10, 10, 39)]
    from_raw = frames_at(raw(tmp_path), moments)
    from_file = frames_at(container(tmp_path), moments)

    for frame, exact in zip(from_raw, wanted, strict=True):
        np.testing.assert_array_equal(frame.to_ndarray(format="yuv420p"), exact.to_ndarray(format="yuv420p"))
    assert brightness(from_file) == pytest.approx(brightness(wanted), abs=1.0)
    assert seconds(raw(tmp_path)) == seconds(container(tmp_path)) == 4.0


def test_clips_are_cut_as_the_daemon_cuts_them(tmp_path: Path) -> None:
    """Each clip is what the engine's own cutter makes of the pictures of its second, at its own places."""
    video = raw(tmp_path)
    found = clips_of(video, RECIPE, SCREEN, count=3)
    frames = moving(40)
    wanted = [
        clip_from_frames([frames[first], frames[first + 5]], RECIPE, display_height=SCREEN, ordinal=ordinal)
        for ordinal, first in enumerate((5, 15, 25))
    ]

    assert found.shape == (3, *RECIPE.clip_shape)
    np.testing.assert_array_equal(found, wanted)


def test_a_video_shorter_than_a_clip_repeats_its_last_picture(tmp_path: Path) -> None:
    """Half a second still gives clips of the full shape."""
    found = frames_at(raw(tmp_path, frames=4), [0.0, 0.5])

    assert brightness(found) == brightness([moving(4)[0], moving(4)[3]])
    assert clips_of(container(tmp_path, frames=4), RECIPE, SCREEN, count=2).shape == (2, *RECIPE.clip_shape)


def test_pictures_are_turned_as_the_container_asks() -> None:
    """A quarter turn counter-clockwise swaps the sides of all planes; no turn keeps the picture itself."""
    frame = moving(1)[0]
    turned = upright(frame, 90)

    assert (turned.width, turned.height) == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(luma(turned), np.rot90(luma(frame)))
    back = upright(turned, -90)
    np.testing.assert_array_equal(back.to_ndarray(format="yuv420p"), frame.to_ndarray(format="yuv420p"))
    assert upright(frame, 0) is frame


def test_clips_are_kept_until_the_file_or_the_recipe_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second call reads the cache; another screen, another count or another file are cut anew."""
    cut = []
    original = clips_module._cut
    monkeypatch.setattr(clips_module, "_cut", lambda *given: cut.append(given[2:]) or original(*given))
    video, cache = raw(tmp_path), tmp_path / "cache"
    first = clips_of(video, RECIPE, SCREEN, count=2, cache=cache)

    np.testing.assert_array_equal(clips_of(video, RECIPE, SCREEN, count=2, cache=cache), first)
    assert cut == [(SCREEN, 2)]
    clips_of(video, RECIPE, SCREEN + 20, count=2, cache=cache)
    clips_of(video, RECIPE, SCREEN, count=1, cache=cache)
    os.utime(video.path, (1, 1))
    clips_of(video, RECIPE, SCREEN, count=2, cache=cache)
    assert cut == [(SCREEN, 2), (SCREEN + 20, 2), (SCREEN, 1), (SCREEN, 2)]
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY\x01\x00torn", None])
def test_a_damaged_cache_file_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    """Empty, torn, or cut off in its pixels: the clips come out right and whole again."""
    video, cache = raw(tmp_path), tmp_path / "cache"
    wanted = np.array(clips_of(video, RECIPE, SCREEN, count=1, cache=cache))
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:5000] if damage is None else damage)

    np.testing.assert_array_equal(clips_of(video, RECIPE, SCREEN, count=1, cache=cache), wanted)
    np.testing.assert_array_equal(np.load(kept), wanted)
    assert list(cache.iterdir()) == [kept]


def test_raw_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """Cut-off, empty and missing files, and formats that are not known."""
    video = raw(tmp_path)
    os.truncate(video.path, 3 * WIDTH * HEIGHT)
    frames_at(video, [0.0])
    os.truncate(video.path, 3 * WIDTH * HEIGHT - 1)
    with pytest.raises(CorpusError, match=r"clip\.yuv has 27,647 bytes, no whole number of 128x72 pictures"):
        clips_of(video, RECIPE, SCREEN)
    os.truncate(video.path, 0)
    with pytest.raises(CorpusError, match=r"clip\.yuv has 0 bytes, no whole number"):
        clips_of(video, RECIPE, SCREEN)
    with pytest.raises(CorpusError, match=r"raw video must be yuv420p of known size and rate"):
        clips_of(replace(video, pixel_format="yuv422p10le"), RECIPE, SCREEN)
    video.path.unlink()
    for cache in (None, tmp_path / "cache"):
        with pytest.raises(CorpusError, match=r"clip\.yuv cannot be read \(No such file"):
            clips_of(video, RECIPE, SCREEN, cache=cache)


def test_container_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """Files that are no video, and files that end before they say they do."""
    torn = container(tmp_path)
    torn.path.write_bytes(b"no video")
    with pytest.raises(CorpusError, match=r"clip0\.mp4 cannot be opened as video"):
        clips_of(torn, RECIPE, SCREEN)
    # With the index first, as for streaming, a cut-off file opens and says its full length.
    path = tmp_path / "cut.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "g": "10"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in moving(40):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    cut = RatedVideo(path=path, mos=1.0, content="a", name="cut.mp4")
    assert clips_of(cut, RECIPE, SCREEN, count=4).shape[0] == 4
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(
        CorpusError, match=r"cut\.mp4 (ends|cannot be decoded) after [12]\.\d s.*download it again"
    ):
        clips_of(cut, RECIPE, SCREEN)
    os.truncate(path, path.read_bytes().index(b"mdat") + 20)
    with pytest.raises(
        CorpusError, match=r"cut\.mp4 (holds no pictures|cannot be decoded).*download it again"
    ):
        clips_of(cut, RECIPE, SCREEN)


@pytest.mark.parametrize(("higher", "kind"), [(True, "MOS"), (False, "DMOS")])
def test_a_set_is_handed_to_fine_tuning_with_its_direction(tmp_path: Path, higher: bool, kind: str) -> None:
    """Opinion, contents and distortions keep their order; clips are cut when asked for."""
    distortion = None if higher else "ip"
    videos = tuple(
        replace(container(tmp_path, frames=12, seed=seed), distortion=distortion) for seed in range(3)
    )
    found = rated_set(
        RatedVideos("set", higher, 0, 100, videos), RECIPE, SCREEN, count=2, cache=tmp_path / "c"
    )

    assert (found.name, found.kind, found.contents) == ("set", kind, ("content0", "content1", "content2"))
    assert found.mos.tolist() == [50.0, 51.0, 52.0]
    assert found.quality.tolist() == ([50.0, 51.0, 52.0] if higher else [52.0, 51.0, 50.0])
    assert found.distortions == (() if higher else ("ip",) * 3)
    np.testing.assert_array_equal(found.clips(1), clips_of(videos[1], RECIPE, SCREEN, count=2))
    assert len(list((tmp_path / "c").iterdir())) == 1
