"""Parts of transport streams made whole: tables for each, and no picture torn at a seam."""

from __future__ import annotations

import io

import av
import pytest

import media
import part_media
from qoed.decode.ts_parts import TsJoiner


def pictures(data: bytes | memoryview) -> list[int | None]:
    """Presentation times of the video packets in a stream, none of them corrupt."""
    with av.open(io.BytesIO(data), format="mpegts") as opened:
        packets = [packet for packet in opened.demux(video=0) if packet.size]
    assert not any(packet.is_corrupt for packet in packets)
    return [packet.pts for packet in packets]


@pytest.mark.parametrize("aligned", [True, False])
def test_every_part_becomes_a_stream_of_its_own(aligned: bool) -> None:
    """Parts without tables, whole or torn inside pictures, yield each picture exactly once."""
    (segment,) = part_media.ts(aligned=aligned, sound=media.tone)
    joiner = TsJoiner(None)
    joined = [joiner.join(part.data, last=not part.unfinished) for part in segment.parts]
    found = [pts for each in joined for pts in pictures(each)]

    assert found == pictures(segment.whole.data)
    assert joiner.aligned is aligned


def test_once_parts_are_known_to_begin_with_pictures_nothing_is_held_back() -> None:
    """The first part of a rendition waits for its last picture's end; from the second on none does."""
    first, second = part_media.ts(2)
    joiner = TsJoiner(None)
    counts = [len(pictures(joiner.join(part.data, last=False))) for part in first.parts[:3]]
    later = TsJoiner(joiner.aligned)
    known = [len(pictures(later.join(part.data, last=False))) for part in second.parts[:3]]

    assert counts == [5, 7, 6]
    assert known == [6, 6, 6]


def test_a_packager_that_changes_its_ways_is_noticed() -> None:
    """A torn part after whole ones is told, as a picture of it was handed out already, and learned from."""
    whole, torn = part_media.ts()[0], part_media.ts(aligned=False)[0]
    joiner = TsJoiner(True)
    joiner.join(whole.parts[0].data, last=False)
    joiner.join(torn.parts[1].data, last=False)

    assert (joiner.torn, joiner.aligned) == (True, False)
    joiner.join(torn.parts[2].data, last=False)
    assert joiner.torn is False


@pytest.mark.parametrize("data", [b"", b"\x47" * 100, b"\0" * 376])
def test_what_is_no_packets_of_188_bytes_is_left_to_the_demuxer(data: bytes) -> None:
    """Rubbish and other packet sizes pass through unchanged."""
    assert TsJoiner(None).join(data, last=False) == data
