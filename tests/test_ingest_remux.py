"""Live packets of RTMP and RTSP cut into segments: key frames, time stamps, and streams without either."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import av
import pytest

import media
from live_inputs import program
from qoed.errors import SourceError
from qoed.ingest.remux import Cutter, Piece


def cut(data: bytes, *, format: str = "mpegts", edit: Any = None, **settings: Any) -> list[Piece]:
    """All pieces of media that end in good order; `edit` may change packets on their way."""
    options = {"target_s": 2.0, "max_bytes": 64 << 20, "live_s": 10.0} | settings
    pieces: list[Piece] = []
    with av.open(io.BytesIO(data), format=format) as opened:
        cutter = Cutter(opened, **options)
        for number, packet in enumerate(opened.demux(cutter.streams)):
            if edit is not None and packet.dts is not None:
                edit(number, packet)
            pieces += cutter.take(packet)
        pieces += cutter.finish()
    return pieces


def times(piece: Piece) -> tuple[float, float, int, int, bool]:
    """First and last time of the pictures, their number, that of the sounds, whether a key frame is first."""
    with av.open(io.BytesIO(piece.data), format=piece.container) as opened:
        packets = [each for each in opened.demux() if each.size]
        video = [each for each in packets if each.stream.type == "video"]
        shown = [float(each.pts * each.time_base) for each in video]
        return min(shown), max(shown), len(video), len(packets) - len(video), video[0].is_keyframe


def durations(pieces: list[Piece]) -> list[float]:
    return [round(each.duration_s, 2) for each in pieces]


def test_pieces_keep_the_clock_of_the_stream() -> None:
    """Time stamps go on from piece to piece, so that jumps and drift can be told; nothing is lost between."""
    pieces = cut(program())
    found = [times(each) for each in pieces]

    assert durations(pieces) == [2.0] * 12
    assert [number for _, _, number, _, _ in found] == [60] * 12
    assert sum(sounds for _, _, _, sounds, _ in found) == pytest.approx(24 * 48000 / 1024, abs=3)
    assert all(key for *_, key in found)
    starts = [begin for begin, *_ in found]
    assert [round(later - begin, 3) for begin, later in pairwise(starts)] == [2.0] * 11


def test_long_groups_are_cut_between_pictures() -> None:
    """After ten seconds without a key frame the next piece goes on where the one before ended."""
    pieces = cut(program(gop=10_000))

    assert durations(pieces) == [10.0, 10.0, 4.0]
    assert [each.continues for each in pieces] == [False, True, True]
    assert [each.unfinished for each in pieces] == [True, True, False]
    assert sum(times(each)[2] for each in pieces) == 24 * 30


@pytest.mark.parametrize("back", [0, 1, 3], ids=["repeated", "a picture back", "three pictures back"])
def test_time_stamps_that_do_not_advance_lose_no_picture(back: int) -> None:
    """Decoding times that repeat or step back a little, as of cameras, end nothing and lose nothing."""
    pictures = 0

    def edit(_number: int, packet: Any) -> None:
        nonlocal pictures
        if packet.stream.type == "video":
            pictures += 1
            if pictures % 25 == 0:
                packet.dts -= (back + 1) * 3000
                packet.pts -= (back + 1) * 3000

    pieces = cut(program(), edit=edit)
    found = [times(each) for each in pieces]

    assert sum(number for _, _, number, _, _ in found) == 24 * 30
    assert not any(each.discontinuity for each in pieces)


def test_leap_of_time_stamps_is_a_discontinuity() -> None:
    """A publisher that begins anew begins a new piece, with its next key frame."""

    def leap(number: int, packet: Any) -> None:
        if number > 900:
            packet.pts += 90_000 * 1000
            packet.dts += 90_000 * 1000

    pieces = cut(program(), edit=leap)
    broken = [each.discontinuity for each in pieces]

    assert broken.count(True) == 1
    assert 0 < broken.index(True) < len(pieces) - 1
    assert all(0 < each.duration_s <= 3.0 for each in pieces)


def test_bytes_are_bounded() -> None:
    """A stream without key frames is cut by its size, too."""
    pieces = cut(program(gop=10_000), max_bytes=100_000)

    assert len(pieces) > 5
    assert max(len(each.data) for each in pieces) < 300_000  # with packet headers and sound


@pytest.mark.parametrize(
    ("codec", "container", "pictures"),
    [("libx264", "mpegts", 120), ("libx265", "mpegts", 119), ("mpeg4", "matroska", 120)],
)
def test_container_is_one_that_takes_the_codec(codec: str, container: str, pictures: int) -> None:
    """MPEG-TS for what it carries, else Matroska; pictures that refer over a cut (x265's) are left out."""
    data = media.encode(codec=codec, container="matroska", seconds=4, gop=30, rate=30)
    pieces = cut(data, format="matroska")

    assert {each.container for each in pieces} == {container}
    assert sum(times(each)[2] for each in pieces) == pictures


def test_sound_alone_is_refused() -> None:
    """A stream without a picture has nothing to score."""
    with pytest.raises(SourceError, match="holds no video"):
        cut(media.encode(codec=None, sound=media.tone))
