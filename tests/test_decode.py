"""Decoding: real media of many kinds through a real pool of worker processes."""

from __future__ import annotations

import os
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import media
from qoed.clock import SystemClock
from qoed.decode import DecodeOptions
from qoed.decode.analyse import Analyst
from qoed.decode.codec import Result, job_header, job_of
from qoed.decode.pool import DecodePool
from qoed.model import Outcome, Reason, Segment
from qoed_engine.manifest import Recipe

RECIPE = Recipe()
FULL = DecodeOptions(depth="full")


def decode(segment: Segment, options: DecodeOptions = FULL, analyst: Analyst | None = None) -> Result:
    """What a worker finds in the segment, found here in the test's own process for speed."""
    av.logging.set_level(None)
    job = job_of(job_header(segment, options, {}), bytearray(segment.init + segment.data))
    return (analyst or Analyst(RECIPE)).analyse(job)


def reasons(decoded: Result) -> list[Reason]:
    """The reasons of its findings."""
    return [finding.reason for finding in decoded.findings]


def fmp4() -> Segment:
    """The second segment of an fMP4 rendition."""
    init, parts = media.fragments(sound=media.tone)
    return media.segment(parts[1], init=init, container="mp4", media_time_s=2.0)


def of(container: str = "mpegts", **settings: Any) -> Segment:
    """Two seconds in a container."""
    return media.segment(media.encode(container=container, **settings), container=container)


@pytest.mark.parametrize("depth", ["full", "light", "extra_light"])
@pytest.mark.parametrize(
    ("make", "codec"),
    [
        (lambda: of(sound=media.tone), "h264"),
        (lambda: of("mp4", sound=media.tone), "h264"),
        (fmp4, "h264"),
        (lambda: of("matroska"), "h264"),
        (lambda: of(codec="libx265", pix_fmt="yuv420p10le"), "hevc"),
        (lambda: of(codec="mpeg2video", bit_rate=2_000_000), "mpeg2video"),
        (lambda: of(width=180, height=320), "h264"),
        (lambda: of(options={"preset": "medium"}), "h264"),
    ],
    ids=["ts", "mp4", "fmp4", "matroska", "hevc-10bit", "mpeg2", "portrait", "b-frames"],
)
def test_clean_media_decodes_without_a_finding(depth: Any, make: Any, codec: str) -> None:
    """Containers and codecs of real ladders decode at every depth with clips and without alarm."""
    segment = make()
    decoded = decode(segment, DecodeOptions(depth=depth))

    assert (decoded.outcome, decoded.findings, decoded.detail) == (Outcome.OK, (), "")
    assert (decoded.measures.codec, decoded.measures.packets) == (codec, 60)
    assert decoded.measures.frame_rate == pytest.approx(30, rel=0.01)
    assert decoded.measures.video_duration_s == pytest.approx(2.0, abs=0.01)
    starts = [clip.media_time_s - segment.media_time_s for clip in decoded.clips]
    assert starts == ([0.0] if depth == "extra_light" else [0.0, 1.0])
    for clip in decoded.clips:
        assert clip.frames.shape == RECIPE.clip_shape
        assert clip.frames.dtype == np.uint8
        assert clip.frames.std() > 10
        assert clip.abstain is None


def test_light_depth_skips_frames_but_shows_the_same_pictures() -> None:
    """Skipping frames that nothing refers to halves the work and changes no pixel of what is scored."""
    segment = of(options={"preset": "medium", "x264-params": "bframes=3:log-level=-1"}, bit_rate=800_000)
    full = decode(segment, FULL)
    light = decode(replace(segment, stream="t"), DecodeOptions())

    assert full.measures.frames_decoded == 60
    assert light.measures.frames_decoded <= 40
    clip_full, clip_light = full.clips[0].frames[0], light.clips[0].frames[0]
    assert np.array_equal(clip_full, clip_light)


def test_all_renditions_of_a_moment_are_sampled_at_the_same_places() -> None:
    """One picture at one media time gives one clip, whatever the rendition is called or numbered."""
    segment = of()
    one = decode(segment, FULL)
    other = decode(replace(segment, stream="t", sequence=7), FULL)
    later = decode(replace(segment, stream="u", media_time_s=1.0), FULL)

    assert np.array_equal(one.clips[0].frames, other.clips[0].frames)
    assert not np.array_equal(one.clips[0].frames, later.clips[0].frames)


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_a_still_picture_is_one_clip_of_one_picture(codec: str) -> None:
    """A photograph is scored like a second of video in which nothing moves, and is never called frozen."""
    still = media.segment(media.still(codec=codec), container="image", duration_s=1.0)
    decoded = decode(still, FULL)

    (clip,) = decoded.clips
    assert (decoded.outcome, decoded.findings, clip.degraded) == (Outcome.OK, (), None)
    assert (decoded.measures.codec, decoded.measures.width, decoded.measures.height) == (codec, 320, 180)
    assert all(np.array_equal(clip.frames[0], frame) for frame in clip.frames)


def test_sound_alone_is_no_video() -> None:
    """A segment that lost its picture is told apart from a broken one, and its sound is still heard."""
    decoded = decode(of(codec=None, sound=media.tone), FULL)

    assert (decoded.outcome, decoded.clips) == (Outcome.NO_VIDEO, ())
    assert reasons(decoded) == [Reason.NO_VIDEO]
    assert decoded.measures.has_audio


def test_an_error_page_served_as_media_fails_at_once() -> None:
    """HTML under the name of a transport stream is undecodable, named so, and yields no clip."""
    decoded = decode(media.segment(b"<!doctype html><title>404</title>" * 30), FULL)

    assert (decoded.outcome, decoded.clips) == (Outcome.UNDECODABLE, ())
    assert reasons(decoded) == [Reason.UNDECODABLE]
    assert "not mpegts" in decoded.detail
    assert decoded.measures.decode_cpu_s < 0.5


@pytest.mark.parametrize("container", ["mpegts", "mp4", "matroska", "image"])
@pytest.mark.parametrize(
    "data", [b"", b"\0" * 5000, b"v=0\r\no=- 0 0 IN IP4 10.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n"]
)
def test_rubbish_is_undecodable_under_every_name(container: str, data: bytes) -> None:
    """Empty bodies, zeros and session descriptions never crash and never make FFmpeg guess another format."""
    decoded = decode(media.segment(data, container=container), FULL)

    assert decoded.outcome in (Outcome.UNDECODABLE, Outcome.NO_VIDEO)
    assert decoded.clips == ()


def test_a_segment_is_scored_as_far_as_its_media_go() -> None:
    """Two seconds of media in a segment announced as three give two clips and the duration that they have."""
    decoded = decode(replace(of(), duration_s=3.0), FULL)

    assert decoded.measures.video_duration_s == pytest.approx(2.0, abs=0.05)
    assert len(decoded.clips) == 2


def test_sound_is_measured() -> None:
    """Short-term loudness of a -20 dBFS tone comes out right once three seconds were heard."""
    first, second = media.segments(2, sound=media.tone)
    analyst = Analyst(RECIPE)
    assert decode(first, FULL, analyst).measures.loudness_lufs is None
    loudness = decode(second, FULL, analyst).measures.loudness_lufs

    assert loudness == pytest.approx(-20, abs=2)


async def test_the_worker_carries_neither_network_nor_engine() -> None:
    """What decodes a stranger's bytes has no HTTP client, no engine, no environment and one socket."""
    async with DecodePool(1, RECIPE, SystemClock()) as pool:
        decoded = await pool.decode(of(), FULL)
        worker = pool._slots[0].worker
        assert worker is not None
        process = Path(f"/proc/{worker.pid}")
        maps, environment = (process / "maps").read_text(), (process / "environ").read_text()
        links = [os.readlink(link) for link in (process / "fd").iterdir()]
        core, address_space = (
            resource.prlimit(worker.pid, limit) for limit in (resource.RLIMIT_CORE, resource.RLIMIT_AS)
        )

    assert decoded.outcome is Outcome.OK
    assert not [name for name in ("openvino", "libtorch", "_http_parser", "onnxruntime") if name in maps]
    assert "HOME=" not in environment
    assert len([link for link in links if link.startswith("socket:")]) == 1
    assert (core[0], address_space[0]) == (0, 2 << 30)


@pytest.mark.parametrize(
    "settings",
    [
        {"depth": "deep"},
        {"display_height": 0},
        {"freeze_noise": 2.0},
        {"loudness_min_lufs": -10.0, "loudness_max_lufs": -20.0},
    ],
)
def test_options_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    """A threshold that makes no sense is an error that names it, not a detector that never fires."""
    with pytest.raises(ValueError, match=next(iter(settings))):
        DecodeOptions(**settings)
