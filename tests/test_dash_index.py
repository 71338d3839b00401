"""The index of a single file: sidx boxes, nested ones too, and what is wrong with them."""

from __future__ import annotations

import struct

import pytest

from qoed.errors import SourceError
from qoed.source.dash.cues import read_cues
from qoed.source.dash.index import read_index
from qoed.source.dash.mpd import Indexed, MpdError, Representation, Resource, SegmentBase
from qoed.source.dash.sidx import read_sidx


def sidx(
    *references: tuple[int, int],
    version: int = 0,
    time: int = 0,
    first: int = 0,
    scale: int = 1000,
    deeper: bool = False,
) -> bytes:
    """A sidx box with (size, duration) of what it refers to: media, or with `deeper` other boxes."""
    body = struct.pack(">B3xII", version, 1, scale)
    body += struct.pack(">QQ" if version else ">II", time, first) + struct.pack(">HH", 0, len(references))
    for size, duration in references:
        body += struct.pack(">III", size | (0x80000000 if deeper else 0), duration, 0x90000000)
    return struct.pack(">I4s", len(body) + 8, b"sidx") + body


def file(*, index: tuple[int, int], container: str = "mp4", offset: int = 0) -> Representation:
    """A Representation that is one file."""
    how = SegmentBase(
        timescale=1, presentation_offset=offset, init=Resource(None, (0, 50)), index_range=index
    )
    return Representation(
        id="v",
        bandwidth_bps=None,
        width=None,
        height=None,
        frame_rate=None,
        codecs=None,
        container=container,  # type: ignore[arg-type]
        addressing=how,
        bases=("http://h/v.mp4?token=S3CR3T",),
    )


@pytest.mark.parametrize("version", [0, 1])
def test_a_sidx_lists_its_segments(version: int) -> None:
    """Times and places of a sidx count on from its own end, and from its first offset."""
    found = read_sidx(sidx((100, 2000), (200, 3000), version=version, time=500, first=10), 1000)
    end = 1000 + len(sidx((0, 0), (0, 0), version=version))

    assert found.timescale == 1000
    assert found.entries == ((500, 2000, end + 10, 100), (2500, 3000, end + 110, 200))


def test_what_stands_before_the_sidx_is_passed_over() -> None:
    """An index range may hold other boxes first."""
    before = b"\0\0\0\x10free" + bytes(8)

    assert read_sidx(before + sidx((9, 1)), 0).entries[0][2] == len(before) + len(sidx((9, 1)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the index range holds no sidx box"),
        (b"\0\0\0\x08moov", "the index range holds no sidx box"),
        (b"\0\0\0\x04sidx", "the index range holds no sidx box"),
        (sidx((9, 1), (9, 1))[:-10], "the sidx box is cut short"),
        (sidx((9, 1))[:14], "the sidx box is cut short"),
        (sidx((9, 1), scale=0), "the sidx box has a timescale of 0"),
        (sidx((9, 1), version=1, time=2**63), "the sidx box has times out of range"),
    ],
)
def test_a_broken_sidx_is_refused(data: bytes, message: str) -> None:
    """What is no sidx, or not all of one, is said in words."""
    with pytest.raises(ValueError, match=message):
        read_sidx(data, 0)


async def test_nested_boxes_are_read() -> None:
    """A sidx that refers to others is followed one level down, into one list in order of time."""
    inner = [sidx((100, 2000), (100, 2000)), sidx((100, 2000), time=4000)]
    top = sidx((len(inner[0]) + 200, 4000), (len(inner[1]) + 100, 2000), deeper=True)
    data = top + inner[0] + bytes(200) + inner[1] + bytes(100)

    async def fetch(span: tuple[int, int]) -> bytes:
        return data[span[0] : span[0] + span[1]]

    found = await read_index(file(index=(0, len(top)), offset=1), fetch)

    how = found.addressing
    assert isinstance(how, Indexed)
    assert (how.timescale, how.presentation_offset) == (1000, 1000)
    assert [(time, duration) for time, duration, _, _ in how.entries] == [
        (0, 2000),
        (2000, 2000),
        (4000, 2000),
    ]
    assert how.entries[0][2] == len(top) + len(inner[0])
    assert how.entries[2][2] == len(data) - 100


@pytest.mark.parametrize(
    ("top", "inner", "message"),
    [
        (sidx(), b"", "the sidx box lists nothing"),
        (sidx(*[(9, 1)] * 65, deeper=True), b"", "the sidx box refers to more than 64 others"),
        (
            sidx((50, 1), deeper=True),
            sidx((9, 1), scale=7),
            "the sidx boxes are nested in a way that is not followed",
        ),
        (sidx((50, 1), deeper=True), sidx((9, 1), deeper=True), "nested in a way that is not followed"),
        (sidx((50, 1), deeper=True), b"no box", "the index range holds no sidx box"),
    ],
)
async def test_an_index_that_leads_nowhere(top: bytes, inner: bytes, message: str) -> None:
    """An index that cannot be followed is one typed error, with the file's URL redacted."""

    async def fetch(span: tuple[int, int]) -> bytes:
        return top if span[0] == 0 else inner

    with pytest.raises(MpdError, match=message) as caught:
        await read_index(file(index=(0, 50)), fetch)

    assert isinstance(caught.value, SourceError)
    assert str(caught.value).endswith(": http://h/v.mp4")


HEAD = b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
INFO = b"\x15\x49\xa9\x66\x8e" + b"\x2a\xd7\xb1\x83\x0f\x42\x40" + b"\x44\x89\x84" + struct.pack(">f", 5000.0)


def cue(time: int, place: int) -> bytes:
    """A CuePoint of one track."""
    positions = b"\xf7\x81\x01" + b"\xf1\x84" + struct.pack(">I", place)
    inner = b"\xb3\x82" + struct.pack(">H", time) + b"\xb7" + bytes([0x80 | len(positions)]) + positions
    return b"\xbb" + bytes([0x80 | len(inner)]) + inner


def cues(*points: bytes) -> bytes:
    """A Cues element."""
    return b"\x1c\x53\xbb\x6b" + bytes([0x80 | sum(map(len, points))]) + b"".join(points)


def test_cues_list_their_clusters() -> None:
    """Cluster places count from the Segment's payload; the last one lasts to the end of the file's media."""
    head = HEAD + INFO

    found = read_cues(head, cues(cue(0, 100), cue(2000, 700)), 5000)

    assert found.timescale == 1000
    origin = len(HEAD)
    assert found.entries == (
        (0, 2000, origin + 100, 600),
        (2000, 3000, origin + 700, 5000 - origin - 700),
    )


@pytest.mark.parametrize(
    ("head", "data", "message"),
    [
        (b"", cues(cue(0, 1)), "the initialization range holds no Matroska Segment"),
        (HEAD + INFO, b"", "the index range holds no Cues element"),
        (HEAD + INFO, cues(), "the Cues element is empty"),
        (HEAD + INFO, cues(cue(0, 1))[:9], "the Matroska element is cut short"),
        (b"\x18\x53", cues(cue(0, 1)), "the Matroska element is cut short"),
    ],
)
def test_broken_cues_are_refused(head: bytes, data: bytes, message: str) -> None:
    """What is no Matroska, or not all of it, is said in words."""
    with pytest.raises(ValueError, match=message):
        read_cues(head, data, 5000)
