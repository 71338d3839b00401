"""Healthy transport streams of any make and shape: nothing is said of them."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import media
from qoed.model import Reason
from qoed.ts import Analyser, analyse
from ts_streams import PAT_PID, PMT_PID, VIDEO, Layout, Sent, joined, packet, stream

HEALTHY = joined(stream())
PACKET = 188


@pytest.mark.parametrize(
    "settings",
    [
        {"codec": "libx264", "sound": media.tone},
        {"codec": "libx264", "gop": 30, "bit_rate": 4_000_000},
        {"codec": "libx265", "sound": media.tone},
        {"codec": "mpeg2video", "gop": 12, "sound": media.tone},
        {"codec": None, "sound": media.tone},
    ],
    ids=["h264", "h264 of many packets", "hevc", "mpeg2", "sound alone"],
)
def test_nothing_is_said_of_what_ffmpeg_muxes(settings: dict[str, object]) -> None:
    """What libavformat writes has none of the faults, live and as a segment."""
    data = media.encode(seconds=3, **settings)  # type: ignore[arg-type]
    analyser = Analyser()
    for at in range(0, len(data), 7 * PACKET):
        analyser.feed(data[at : at + 7 * PACKET])
    live, segment = analyser.report(), analyse(data)

    assert (live.faults, segment.faults) == ((), ())
    assert live.packets == segment.packets == len(data) // PACKET
    assert segment.duration_s == pytest.approx(2.9, abs=0.11)


@pytest.mark.parametrize(
    ("size", "before", "after"), [(192, 4, 0), (204, 0, 16)], ids=["time stamps", "parity"]
)
def test_longer_packets_are_understood(size: int, before: int, after: int) -> None:
    """Packets of 192 and 204 bytes carry the same 188 in them."""
    dice = random.Random(3)
    data = b"".join(
        dice.randbytes(before) + HEALTHY[at : at + PACKET] + dice.randbytes(after)
        for at in range(0, len(HEALTHY), PACKET)
    )
    report = analyse(data)

    assert report.faults == ()
    assert (report.packets, len(data) // size) == (len(HEALTHY) // PACKET,) * 2


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=8))
def test_how_the_bytes_arrive_does_not_matter(sizes: list[int]) -> None:
    """In pieces of any sizes, cut anywhere, a stream is the same stream."""
    analyser = Analyser()
    at = turn = 0
    while at < len(HEALTHY):
        size = sizes[turn % len(sizes)] + 500
        analyser.feed(HEALTHY[at : at + size])
        at, turn = at + size, turn + 1
    report = analyser.report()

    assert (report.faults, report.packets) == ((), len(HEALTHY) // PACKET)
    assert report.duration_s == pytest.approx(5.96, abs=1e-6)


@pytest.mark.parametrize("start_s", [2**33 / 90_000 - 3, 0.0], ids=["wraps", "begins at 0"])
def test_clock_may_begin_anew(start_s: float) -> None:
    """The 33-bit clock wraps every 26.5 hours; no time is lost or won by it."""
    report = analyse(joined(stream(Layout(start_s=start_s))))

    assert report.faults == ()
    assert report.duration_s == pytest.approx(5.96, abs=1e-6)


def test_a_leap_of_the_clock_is_no_absence() -> None:
    """A splice to another time base says nothing about how long tables were away."""
    again = [Sent(each.at_s, each.data) for each in stream(Layout(start_s=5000))]
    spliced = [each.data for each in stream()] + [each.data for each in again]
    report = analyse(b"".join(spliced))

    assert [fault.reason for fault in report.faults] == [Reason.TS_CONTINUITY]  # of the splice itself
    assert report.duration_s == pytest.approx(11.92, abs=1e-6)


def test_tables_once_in_a_segment_are_enough() -> None:
    """Packagers write PAT and PMT once into each segment, which RFC 8216 allows."""
    data = joined(stream(Layout(tables_s=60)))

    assert analyse(data).faults == ()
    analyser = Analyser()
    analyser.feed(data)
    assert [fault.reason for fault in analyser.report().faults] == [Reason.TS_PAT, Reason.TS_PMT]


def test_nothing_is_nothing() -> None:
    """An empty segment is for others to judge; one that holds no packet is out of sync."""
    assert analyse(b"").faults == ()
    assert [fault.reason for fault in analyse(b"G" + bytes(100)).faults] == [Reason.TS_SYNC_LOSS]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_no_bytes_break_the_analyser(seed: int) -> None:
    """Streams damaged in any way, and noise that looks like packets, are judged and never raise."""
    dice = random.Random(seed)
    if seed % 2:
        data = b"".join(b"G" + dice.randbytes(187) for _ in range(dice.randint(1, 60)))
        start = packet(dice.choice((PAT_PID, PMT_PID, VIDEO)), 0, dice.randbytes(184), start=True)
        data = start + data
    else:
        data = media.mutant(HEALTHY[: 188 * 400], seed)
    analyser = Analyser()
    cut = dice.randint(0, len(data))
    analyser.feed(data[:cut], 1.0)
    analyser.feed(data[cut:], 2.0)
    reasons = {fault.reason.domain for fault in (*analyser.report().faults, *analyse(data).faults)}

    assert reasons <= {"transport"}


def test_it_is_fast() -> None:
    """A core judges far more than a host receives (200 MB/s alone; the bound leaves room for a busy one)."""
    data = media.encode(seconds=2, bit_rate=8_000_000, gop=60, width=640, height=360) * 20
    analyse(data)
    begun = time.process_time()
    analyse(data)

    assert len(data) / (time.process_time() - begun) > 30e6
