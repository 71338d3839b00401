"""Cutting a live transport stream: where, how long, and that every packet comes through as it was."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import av
import pytest

import media
from qoed.ts import Analyser, analyse
from qoed.ts.choice import CutError
from qoed.ts.cutter import Cutter
from qoed.ts.segment import Cut
from ts_streams import (
    AAC,
    FPS,
    H264,
    NULL,
    PAT_PID,
    PMT_PID,
    SOUND,
    VIDEO,
    Layout,
    Sent,
    edited,
    joined,
    packet,
    pat,
    places,
    pmt,
    stream,
    without,
)

PACKET = 188
OTHER_PMT, OTHER_VIDEO = 4097, 512


def cut(data: bytes, *, piece: int = 7 * PACKET, **settings: Any) -> list[Cut]:
    """All segments of a stream that ends in good order."""
    analyser, cutter = Analyser(), Cutter(**settings)
    cuts: list[Cut] = []
    for at in range(0, len(data), piece):
        cuts += cutter.feed(analyser.feed(data[at : at + piece]), analyser.tables)
    return cuts + cutter.finish()


def of_pid(data: bytes, pid: int) -> list[bytes]:
    """The packets of a PID."""
    packets = [data[at : at + PACKET] for at in range(0, len(data), PACKET)]
    return [each for each in packets if (each[1] & 0x1F) << 8 | each[2] == pid]


def durations(cuts: Iterable[Cut]) -> list[float]:
    return [round(each.duration_s, 3) for each in cuts]


@pytest.mark.parametrize(
    ("gop_s", "expected"),
    [(0.5, [2.0, 2.0, 2.0, 2.0]), (1, [2.0, 2.0, 2.0, 2.0]), (1.5, [3.0, 3.0, 2.0]), (4, [4.0, 4.0])],
)
def test_segments_end_with_the_first_key_frame_after_two_seconds(gop_s: float, expected: list[float]) -> None:
    """Short groups of pictures are put together, long ones stay whole."""
    data = media.encode(seconds=8, gop=round(gop_s * 30), sound=media.tone)
    cuts = cut(data)

    assert durations(cuts) == expected
    assert not any(each.continues or each.unfinished or each.discontinuity for each in cuts)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_every_segment_decodes_by_itself(codec: str) -> None:
    """Each one begins with a key frame and holds whole packets of picture and sound, none of them twice."""
    data = media.encode(seconds=6, gop=30, codec=codec, sound=media.tone)
    cuts = cut(data)
    pictures, sounds = 0, 0
    for each in cuts:
        with av.open(io.BytesIO(each.data), format="mpegts") as opened:
            packets = [found for found in opened.demux() if found.size]
            video = [found for found in packets if found.stream.type == "video"]
            assert not any(found.is_corrupt for found in packets)
            assert video[0].is_keyframe
            pictures += len(video)
            sounds += len(packets) - len(video)
    with av.open(io.BytesIO(data), format="mpegts") as opened:
        whole = [found.stream.type for found in opened.demux() if found.size]

    assert len(cuts) == 3
    assert (pictures, sounds) == (whole.count("video"), whole.count("audio"))


@pytest.mark.parametrize("piece", [PACKET, 1316, 64 * 1024, 10**9])
def test_packets_come_through_as_they_were(piece: int) -> None:
    """However the bytes arrive, the packets of picture and sound are all there, unchanged and in order."""
    data = media.encode(seconds=6, gop=30, sound=media.tone)
    cuts = cut(data, piece=piece)
    together = b"".join(each.data for each in cuts)

    assert durations(cuts) == [2.0, 2.0, 2.0]
    for pid in (256, 257):
        assert of_pid(together, pid) == of_pid(data, pid)
    assert all(analyse(each.data).faults == () for each in cuts)
    assert all(of_pid(each.data[: 2 * PACKET], pid) for each in cuts for pid in (PAT_PID, PMT_PID))


def test_stream_without_key_frames_is_cut_anyway() -> None:
    """Ten seconds without a key frame, and it is cut between pictures, soon again, too."""
    data = joined(stream(Layout(seconds=30, keys=False)))
    cuts = cut(data)

    assert durations(cuts)[:3] == [10.0, 2.0, 2.0]
    assert cuts[0].unfinished
    assert all(each.continues for each in cuts[1:])
    assert sum(len(of_pid(each.data, VIDEO)) for each in cuts) == 8 * (
        20 * FPS
    )  # 10 s waited for a key frame


def test_long_groups_of_pictures_are_cut_at_ten_seconds() -> None:
    """A group of 24 s is cut after ten seconds, and goes on being one bitstream."""
    sent = stream(Layout(seconds=30, keys=False))
    keys = [places(sent, VIDEO)[number * 8] for number in (0, 24 * FPS)]
    for place in keys:
        sent = edited(sent, place, lambda data: data.__setitem__(5, data[5] | 0x40))
    cuts = cut(joined(sent))

    assert durations(cuts) == [10.0, 10.0, 2.0, 2.0, 6.0]
    assert [each.continues for each in cuts] == [False, True, True, True, False]
    assert [each.unfinished for each in cuts] == [True, True, True, False, False]


def test_bytes_are_bounded() -> None:
    """A stream of a bit rate beyond all measure is cut by its size."""
    cuts = cut(joined(stream(Layout(seconds=8))), max_bytes=100_000)

    assert max(len(each.data) for each in cuts) < 120_000
    assert sum(durations(cuts)) == pytest.approx(8.0, abs=0.1)


def test_leap_of_time_stamps_is_a_discontinuity() -> None:
    """Time stamps of another base begin a new segment, from the next key frame on."""
    sent = [*stream(Layout(seconds=5)), *stream(Layout(seconds=4, start_s=9000))]
    cuts = cut(joined(sent))

    assert durations(cuts) == [2.0, 2.0, 1.0, 2.0, 2.0]
    assert [each.discontinuity for each in cuts] == [False, False, False, True, False]


def test_wrap_of_time_stamps_is_none() -> None:
    """The 33-bit time stamps begin anew every 26.5 hours, and nobody notices."""
    cuts = cut(joined(stream(Layout(seconds=6, start_s=2**33 / 90_000 - 3))))

    assert durations(cuts) == [2.0, 2.0, 2.0]
    assert not any(each.discontinuity for each in cuts)


def test_lost_pictures_leave_the_time_as_it_is() -> None:
    """Media that were lost on the way take their time all the same."""
    sent = without(stream(Layout(seconds=10)), VIDEO, 4.5, 7.5)

    assert durations(cut(joined(sent))) == [2.0, 2.0, 4.0, 2.0]


def of_two_programs() -> bytes:
    """Program 1 as always, program 2 with a picture of its own; null packets between."""
    out: list[bytes] = []
    counts = {OTHER_PMT: 0, OTHER_VIDEO: 0}
    for sent in stream(Layout(seconds=6, programs={1: PMT_PID, 2: OTHER_PMT})):
        out.append(sent.data)
        if sent.pid == PAT_PID:
            payload = pmt(2, {OTHER_VIDEO: H264, SOUND: AAC}, OTHER_VIDEO)
            out.append(packet(OTHER_PMT, counts[OTHER_PMT], payload, start=True))
            counts[OTHER_PMT] += 1
        if sent.pid == VIDEO:
            flags = sent.data[3] & 0x30
            renamed = bytearray(sent.data)
            renamed[1:3] = (sent.data[1] & 0xE0 | OTHER_VIDEO >> 8, OTHER_VIDEO & 0xFF)
            renamed[3] = flags | counts[OTHER_VIDEO] & 15
            counts[OTHER_VIDEO] += 1
            out += [bytes(renamed), packet(NULL, 0, bytes(184))]
    return b"".join(out)


@pytest.mark.parametrize(("program", "kept", "left"), [(None, VIDEO, OTHER_VIDEO), (2, OTHER_VIDEO, VIDEO)])
def test_one_program_is_taken(program: int | None, kept: int, left: int) -> None:
    """The first program of the PAT, or the one asked for; what is the others' alone is left out."""
    data = of_two_programs()
    cuts = cut(data, program=program)
    together = b"".join(each.data for each in cuts)

    assert durations(cuts) == [2.0, 2.0, 2.0]
    assert of_pid(together, kept) == of_pid(data, kept)
    assert of_pid(together, SOUND) == of_pid(data, SOUND)  # shared
    assert of_pid(together, left) == of_pid(together, NULL) == []


def test_program_that_is_not_there_is_told() -> None:
    """A wrong number is answered with the numbers that there are."""
    with pytest.raises(CutError, match=r"^there is no program 7 in the stream; it has 1, 2$"):
        cut(of_two_programs(), program=7)


def test_streams_may_change() -> None:
    """When the PMT puts the picture on another PID, a new segment begins there."""
    before = stream(Layout(seconds=4))
    after = []
    for sent in stream(Layout(seconds=4, start_s=14)):
        data = bytearray(sent.data)
        if sent.pid == VIDEO:
            data[1:3] = (data[1] & 0xE0 | OTHER_VIDEO >> 8, OTHER_VIDEO & 0xFF)
        if sent.pid == PMT_PID:
            data[:] = packet(
                PMT_PID, sent.data[3] & 15, pmt(1, {OTHER_VIDEO: H264, SOUND: AAC}, OTHER_VIDEO), start=True
            )
        after.append(Sent(sent.at_s, bytes(data)))
    cuts = cut(joined([*before, *after]))

    assert durations(cuts) == [2.0, 2.0, 2.0, 2.0]
    assert [each.discontinuity for each in cuts] == [False, False, True, False]


def test_sound_alone_is_cut_too() -> None:
    """Radio has no key frames and needs none."""
    data = media.encode(seconds=8, codec=None, sound=media.tone)
    cuts = cut(data)

    assert sum(durations(cuts)) == pytest.approx(8.0, abs=0.3)
    assert all(1.9 <= each.duration_s <= 2.8 for each in cuts[:-1])


def in_a_minute(data: bytes) -> None:
    """The stream arrives evenly in sixty seconds."""
    cutter, analyser = Cutter(), Analyser()
    step = len(data) // 60
    for second, at in enumerate(range(0, len(data), step)):
        cutter.feed(analyser.feed(data[at : at + step]), analyser.tables, float(second))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (joined(without(stream(Layout(seconds=60)), PAT_PID)), "no PAT and PMT within 10 s"),
        (
            joined(stream(Layout(seconds=60, pmt_payload=pmt(1, {VIDEO: 0x86, SOUND: 0x15})))),
            "program 1 has neither video nor sound that qoed knows",
        ),
    ],
    ids=["no tables", "no video"],
)
def test_what_cannot_be_cut_is_told(data: bytes, said: str) -> None:
    """A stream of which nothing will ever come is an error, not a silence."""
    with pytest.raises(CutError, match=f"^{said}"):
        in_a_minute(data)


def test_scrambled_pictures_are_told() -> None:
    """A stream under conditional access ends in an error that asks for just that."""
    sent = stream(Layout(seconds=60))
    data = bytearray(joined(sent))
    for place in places(sent, VIDEO):
        data[place * PACKET + 3] |= 0x80
    with pytest.raises(CutError, match=r"scrambled\?"):
        in_a_minute(bytes(data))


def test_sound_that_stops_holds_nobody_up() -> None:
    """When the sound ends in the middle of a packet, the segment goes out a second after its cut."""
    sent = [each for each in stream(Layout(seconds=8)) if each.pid != SOUND or each.at_s < 1]
    analyser, cutter = Analyser(), Cutter()
    came: list[float] = []
    for each in sent:
        cuts = cutter.feed(analyser.feed(each.data), analyser.tables, each.at_s)
        came += [each.at_s] * len(cuts)

    assert came == pytest.approx([3.04, 5.04, 7.04], abs=0.05)


def test_pat_of_no_program_waits() -> None:
    """A PAT that lists nothing yet is no error."""
    data = packet(PAT_PID, 0, pat({}), start=True) + joined(stream())

    assert durations(cut(data)) == [2.0, 2.0, 2.0]
