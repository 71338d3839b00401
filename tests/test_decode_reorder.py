"""Pictures come out of the decoder complete and in order, whatever the stream says of its reordering."""

from __future__ import annotations

import io
from functools import cache

import av
import pytest

import bare_h264
from qoed.decode.media import open_media, prepare, video_of

MAX_PIXELS = 1 << 24


@cache
def plain() -> list[int | None]:
    """Presentation times of a plain decode's pictures, in order."""
    with av.open(io.BytesIO(bare_h264.b_pyramid()), format="mpegts") as opened:
        return sorted(frame.pts or 0 for frame in opened.decode(video=0))


def test_the_material_does_not_say_how_far_it_reorders() -> None:
    """The stream is what it should be: 60 pictures with B frames in pyramids, and an SPS without VUI."""
    with open_media(bare_h264.b_pyramid(), "mpegts", MAX_PIXELS) as opened:
        packets = [packet for packet in opened.demux(video=0) if packet.size]

    assert len(packets) == len(plain()) == 60
    assert [packet.pts for packet in packets] != sorted(packet.pts for packet in packets)


@pytest.mark.parametrize("skip", ["DEFAULT", "NONREF", "NONKEY"])
def test_without_vui_no_picture_is_lost_and_none_out_of_order(skip: str) -> None:
    """Probing without a frame and decoding strictly yields the pictures of a plain decode, in order."""
    with open_media(bare_h264.b_pyramid(), "mpegts", MAX_PIXELS) as opened:
        video = video_of(opened)
        assert video is not None
        prepare(video.codec_context, MAX_PIXELS)
        video.codec_context.skip_frame = skip  # type: ignore[assignment]
        packets = [packet for packet in opened.demux(video) if packet.size]
        shown = [frame.pts for packet in [*packets, None] for frame in video.codec_context.decode(packet)]

    assert shown == sorted(shown)  # type: ignore[type-var]
    assert set(shown) <= set(plain())
    keys = [packet.pts for packet in packets if packet.is_keyframe]
    if skip == "DEFAULT":
        assert shown == plain()
    elif skip == "NONKEY":
        assert shown == keys
    else:
        assert len(keys) < len(shown) < len(plain())
