"""What the demo broadcasts, decoded again: real segments, and faults that are what they say."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from qoed.demo.content import FRAMES_PER_SEGMENT, SEGMENT_S, ClipPictures, RenderedPictures, music
from qoed.demo.encode import AAC_PER_SEGMENT, Made, Order, SegmentMaker
from qoed.demo.faults import FMP4, TS, FaultKind
from qoed.demo.ladder import LADDER, Packaging, Rung
from qoed.errors import SourceError

TOP, _, LOW = LADDER
INDEX = 500
"""Sixteen minutes into the stream: timestamps are far from zero."""


class OneShot:
    """The same rendered second segment for every index, so that the tests render once."""

    def __init__(self) -> None:
        self._frames = RenderedPictures().segment(0)

    def segment(self, index: int) -> list[av.VideoFrame]:
        return self._frames


@pytest.fixture(scope="module")
def maker() -> SegmentMaker:
    return SegmentMaker(OneShot())


def order(rung: Rung, packaging: Packaging, fault: FaultKind | None = None, since: int = INDEX) -> Order:
    return Order(TS if packaging == "mpegts" else FMP4, rung, packaging, fault, since)


def made(maker: SegmentMaker, rung: Rung, packaging: Packaging, fault: FaultKind | None = None) -> Made:
    return maker.make(INDEX, [order(rung, packaging, fault)])[0]


def frames(segment: Made, packaging: Packaging, kind: str = "video") -> list[av.VideoFrame | av.AudioFrame]:
    data = io.BytesIO(segment.init + segment.media)
    with av.open(data, format="mpegts" if packaging == "mpegts" else "mov") as container:
        return list(container.decode(**{kind: 0}))


def luma(segment: Made, packaging: Packaging) -> NDArray[np.int16]:
    return np.stack(
        [frame.to_ndarray(format="gray").astype(np.int16) for frame in frames(segment, packaging)[::12]]
    )


def detail(pictures: NDArray[np.int16]) -> float:
    """Mean absolute difference of neighbouring pixels."""
    return float(np.abs(np.diff(pictures, axis=2)).mean())


@pytest.mark.parametrize("packaging", ["mpegts", "fmp4"])
@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.name)
def test_segment_is_whole_and_on_time(maker: SegmentMaker, rung: Rung, packaging: Packaging) -> None:
    """Each segment holds 48 pictures and 90 AAC frames, from exactly its place on the timeline."""
    segment = made(maker, rung, packaging)
    pictures, sound = frames(segment, packaging), frames(segment, packaging, "audio")

    assert (len(pictures), len(sound)) == (FRAMES_PER_SEGMENT, AAC_PER_SEGMENT)
    assert (pictures[0].width, pictures[0].height) == (rung.width, rung.height)
    for first in (pictures[0], sound[0]):
        assert float(first.pts * first.time_base) == pytest.approx(INDEX * SEGMENT_S, abs=1e-4)
    assert not any(picture.is_corrupt for picture in pictures)
    assert (segment.init == b"") == (packaging == "mpegts")


def test_bandwidth_is_an_upper_bound(maker: SegmentMaker) -> None:
    """No segment has a higher bitrate than its rung's BANDWIDTH claims."""
    for rung in LADDER:
        for packaging in ("mpegts", "fmp4"):
            assert len(made(maker, rung, packaging).media) * 8 / SEGMENT_S <= rung.bandwidth_bps


@pytest.mark.parametrize("fault", list(FaultKind))
def test_init_section_survives_every_fault(maker: SegmentMaker, fault: FaultKind) -> None:
    """The EXT-X-MAP section is the same in trouble as in health, so a player need not be told."""
    assert made(maker, LOW, "fmp4", fault).init == made(maker, LOW, "fmp4").init


def test_equal_work_is_shared(maker: SegmentMaker) -> None:
    """One encode serves both packagings: the coded pictures in TS and fMP4 are the same."""
    ts, fmp4 = maker.make(INDEX, [order(LOW, "mpegts"), order(LOW, "fmp4")])

    assert np.array_equal(luma(ts, "mpegts"), luma(fmp4, "fmp4"))


def test_black_is_black(maker: SegmentMaker) -> None:
    """A black fault broadcasts pictures without light."""
    assert luma(made(maker, LOW, "mpegts", FaultKind.BLACK), "mpegts").max() <= 20


def test_freeze_holds_one_picture_over_segments(maker: SegmentMaker) -> None:
    """A freeze shows the picture with which it began, through all its segments."""
    stills = [maker.make(INDEX + n, [order(LOW, "fmp4", FaultKind.FREEZE)])[0] for n in (0, 1)]
    pictures = np.concatenate([luma(still, "fmp4") for still in stills])

    assert np.abs(pictures - pictures[0]).mean() < 2  # key frames pulse a little, as live encoders do
    assert np.abs(np.diff(luma(made(maker, LOW, "fmp4"), "fmp4"), axis=0)).mean() > 10


@pytest.mark.parametrize("fault", [FaultKind.BLUR, FaultKind.UPSCALED])
def test_soft_faults_lose_detail(maker: SegmentMaker, fault: FaultKind) -> None:
    """A blurred or secretly upscaled rendition keeps its size and loses most of its detail."""
    spoiled = made(maker, TOP, "mpegts", fault)

    assert luma(spoiled, "mpegts").shape[1:] == (TOP.height, TOP.width)
    assert detail(luma(spoiled, "mpegts")) < 0.6 * detail(luma(made(maker, TOP, "mpegts"), "mpegts"))


def test_starved_segment_is_small(maker: SegmentMaker) -> None:
    """A bitrate collapse leaves less than a tenth of the bytes."""
    starved = made(maker, TOP, "fmp4", FaultKind.BITRATE_COLLAPSE)

    assert len(starved.media) < 0.1 * len(made(maker, TOP, "fmp4").media)


@pytest.mark.parametrize("packaging", ["mpegts", "fmp4"])
def test_corrupt_segment_is_damaged(maker: SegmentMaker, packaging: Packaging) -> None:
    """A corrupt segment keeps its length, but decoding it loses or spoils pictures."""
    good, bad = made(maker, LOW, packaging), made(maker, LOW, packaging, FaultKind.CORRUPT_SEGMENT)
    assert len(good.media) == len(bad.media)

    try:
        pictures = frames(bad, packaging)
    except av.FFmpegError:
        return
    assert len(pictures) < FRAMES_PER_SEGMENT or any(picture.is_corrupt for picture in pictures)


def test_silence_is_silent_and_music_is_not(maker: SegmentMaker) -> None:
    """Sound is there in health, and gone while silence is on, with the picture untouched."""
    quiet, loud = made(maker, LOW, "mpegts", FaultKind.SILENCE), made(maker, LOW, "mpegts")
    peak = [
        max(float(np.abs(f.to_ndarray()).max()) for f in frames(segment, "mpegts", "audio")[4:])
        for segment in (quiet, loud)
    ]

    assert peak[0] < 10 ** (-70 / 20) < 0.1 < peak[1]
    assert np.array_equal(luma(quiet, "mpegts"), luma(loud, "mpegts"))


def test_music_loops_without_a_seam() -> None:
    """The music's end leads into its beginning as smoothly as anything within it."""
    tone = music(4 * SEGMENT_S)[0]

    assert abs(float(tone[0] - tone[-1])) <= float(np.abs(np.diff(tone)).max())


def test_own_clip_is_looped(tmp_path: Path) -> None:
    """A person's short clip of any size fills the screen and goes on for ever."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(30):
            still = np.full((240, 320, 3), 8 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(still, format="rgb24")))
        container.mux(stream.encode(None))
    first = ClipPictures(path).segment(0)

    assert len(first) == FRAMES_PER_SEGMENT
    assert {(frame.width, frame.height) for frame in first} == {(TOP.width, TOP.height)}
    light = [float(frame.to_ndarray(format="gray").mean()) for frame in first]
    assert light[32] < light[28]


def test_bad_clip_ends_in_one_line(tmp_path: Path) -> None:
    """A clip that is not video is refused with a line that names the file and the remedy."""
    path = tmp_path / "notes.mp4"
    path.write_text("not a video")

    with pytest.raises(SourceError, match=r"notes\.mp4: cannot play this clip .*; give a video file"):
        ClipPictures(path).segment(0)
