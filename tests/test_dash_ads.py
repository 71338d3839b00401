"""Ad breaks in DASH: SCTE-35 in MPD and segments is context that begins and ends with the media."""

from __future__ import annotations

import base64
import struct

import pytest

import mpds as m
from dash_origin import fragment
from hls_run import Run, finished, http, origin, source  # noqa: F401
from origin import LiveOrigin
from qoed.model import Phase, Reason, Severity
from qoed.source import HttpClient
from qoed.source.dash.events import inband_events
from qoed.source.scte35 import crc32_mpeg


def splice_insert(*, out: bool, seconds: float | None = None, event: int = 7) -> bytes:
    """A splice_info_section with a splice_insert (SCTE 35 9.7.3)."""
    ticks = 0 if seconds is None else round(seconds * 90_000)
    flags = (0x80 if out else 0) | 0x40 | (0x20 if seconds is not None else 0) | 0x10 | 0x0F
    command = struct.pack(">IBB", event, 0x7F, flags)
    if seconds is not None:
        command += bytes([0xFE | (ticks >> 32)]) + struct.pack(">I", ticks & 0xFFFFFFFF)
    command += struct.pack(">HBB", 1, 0, 0)
    head = bytes([0]) + bytes(5) + bytes([0]) + bytes([0xFF, 0xF0 | (len(command) >> 8), len(command) & 0xFF])
    body = head + bytes([5]) + command + struct.pack(">H", 0)
    section = bytes([0xFC]) + struct.pack(">H", 0x3000 | (len(body) + 4)) + body
    return section + struct.pack(">I", crc32_mpeg(section))


def binary(section: bytes) -> str:
    """The Signal of an Event in xml+bin form."""
    return m.tag("Signal", m.tag("Binary", base64.b64encode(section).decode()), xmlns=m.SCTE35_XML)


def event(*inner: str, at: float, seconds: float | None = None, name: object = 1) -> str:
    """An Event; times in seconds."""
    length = None if seconds is None else round(seconds * 1000)
    return m.tag("Event", *inner, presentationTime=round(at * 1000), duration=length, id=name)


def presentation(*streams: str) -> str:
    """Twenty seconds on demand with these EventStreams."""
    return m.mpd(m.period(*streams, m.video(m.template(), m.rung("hd"))), mediaPresentationDuration="PT20S")


async def play(
    origin: LiveOrigin, http: HttpClient, text: str
) -> list[tuple[Phase, float | None, float | None]]:
    """(phase, media time, value) of the ad breaks found."""
    origin.serve("/hd/", lambda name: fragment("hd", 0 if name == "init.mp4" else int(name[:-4])))
    run: Run = await finished(http, origin.put("/x.mpd", text))
    assert {(f.reason, f.severity, f.rendition) for f in run.findings()} <= {
        (Reason.AD_BREAK, Severity.INFO, None)
    }
    return [(f.phase, f.media_time_s, f.value) for f in run.findings()]


XML_INSERT = m.tag(
    "SpliceInfoSection",
    m.tag(
        "SpliceInsert",
        m.tag("BreakDuration", autoReturn="true", duration=540_000),
        outOfNetworkIndicator="true",
    ),
    xmlns=m.SCTE35_XML,
)
XML_SEGMENTATION = m.tag(
    "SpliceInfoSection",
    m.tag("TimeSignal"),
    m.tag("SegmentationDescriptor", segmentationTypeId=52, segmentationDuration=540_000),
    xmlns=m.SCTE35_XML,
)


@pytest.mark.parametrize(
    "stream",
    [
        m.events(event(binary(splice_insert(out=True)), at=6, seconds=6)),
        m.events(event(binary(splice_insert(out=True, seconds=6)), at=6)),
        m.events(event(XML_INSERT, at=6), scheme=m.SCTE35_XML),
        m.events(event(XML_SEGMENTATION, at=6), scheme=m.SCTE35_XML),
        m.events(
            event(base64.b64encode(splice_insert(out=True, seconds=6)).decode(), at=6),
            scheme="urn:scte:scte35:2013:bin",
        ),
    ],
    ids=["binary", "binary with duration", "xml insert", "xml segmentation", "text"],
)
async def test_a_break_begins_and_ends(origin: LiveOrigin, http: HttpClient, stream: str) -> None:
    """In each form of SCTE 214-1 a break lasts from the segment that reaches it to the one past it."""
    assert await play(origin, http, presentation(stream)) == [
        (Phase.START, 6.0, 6.0),
        (Phase.END, 12.0, pytest.approx(0.0, abs=5.0)),
    ]


async def test_a_break_that_another_event_ends(origin: LiveOrigin, http: HttpClient) -> None:
    """Without a duration a break lasts until the event that says so."""
    stream = m.events(
        event(binary(splice_insert(out=True)), at=4, name=1),
        event(binary(splice_insert(out=False, event=8)), at=10, name=2),
    )

    found = await play(origin, http, presentation(stream))

    assert [(phase, at) for phase, at, _ in found] == [(Phase.START, 4.0), (Phase.END, 10.0)]


async def test_a_break_in_a_later_period(origin: LiveOrigin, http: HttpClient) -> None:
    """Times of an EventStream count from its Period's start."""
    sets = m.video(m.template(), m.rung("hd"))
    stream = m.events(event(binary(splice_insert(out=True, seconds=4)), at=2))
    text = m.mpd(m.period(sets, duration="PT10S"), m.period(stream, sets), mediaPresentationDuration="PT20S")

    found = await play(origin, http, text)

    assert [(phase, at) for phase, at, _ in found] == [(Phase.START, 12.0), (Phase.END, 16.0)]


@pytest.mark.parametrize(
    "stream",
    [
        m.events(event("<x/>", at=6, seconds=6), scheme="urn:example:chat"),
        m.events(event(binary(b"\xfc" + bytes(30)), at=6, seconds=6)),
        m.events(event(m.tag("Signal", m.tag("Binary", "%%%")), at=6, seconds=6)),
        m.events(event(at=6, seconds=6)),
        m.events(event(binary(splice_insert(out=False)), at=6)),
    ],
    ids=["another scheme", "a broken section", "no base64", "nothing in it", "a return without a break"],
)
async def test_what_is_no_break_is_none(origin: LiveOrigin, http: HttpClient, stream: str) -> None:
    """Other events, broken sections and ends without a begin raise nothing."""
    assert await play(origin, http, presentation(stream)) == []


def emsg(section: bytes, *, version: int, time: int, scale: int = 1000, duration: int = 0xFFFFFFFF) -> bytes:
    """An emsg box with SCTE-35 (5.10.3.3)."""
    names = b"urn:scte:scte35:2013:bin\0" + b"1001\0"
    if version == 0:
        body = bytes(4) + names + struct.pack(">IIII", scale, time, duration, 3)
    else:
        body = b"\1\0\0\0" + struct.pack(">IQII", scale, time, duration, 3) + names
    body += section
    return struct.pack(">I", len(body) + 8) + b"emsg" + body


@pytest.mark.parametrize(("version", "time"), [(0, 500), (1, 20_500)])
def test_messages_in_segments_are_read(version: int, time: int) -> None:
    """Both versions of emsg: relative to the segment, or to media time 0."""
    data = b"\0\0\0\x08styp" + emsg(splice_insert(out=True, seconds=30), version=version, time=time)

    (found,) = inband_events(data + b"\0\0\0\x08moof", 10.0, -10.0)

    assert (found.id, found.start_s, found.duration_s, found.out_of_network) == ("emsg 3", 10.5, 30.0, True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0\x01emsg",
        b"\0\0\0\x0cemsg\0\0\0\0",
        b"\xff\xff\xff\xffemsg" + bytes(3),
        emsg(b"garbage", version=0, time=0),
        emsg(splice_insert(out=True), version=1, time=0)[:60],
        b"\0\0\0\x08moof" + emsg(splice_insert(out=True), version=0, time=0),
    ],
)
def test_broken_messages_are_left_out(data: bytes) -> None:
    """What is cut short, garbage or behind the first moof is no event, and no error."""
    assert inband_events(data, 0.0, 0.0) == []


async def test_a_break_announced_in_segments(origin: LiveOrigin, http: HttpClient) -> None:
    """emsg boxes open and close a break as an EventStream does, once for all renditions that carry them."""
    marks = {3: splice_insert(out=True, seconds=4)}

    def media(name: str) -> bytes:
        number = 0 if name == "init.mp4" else int(name[:-4])
        box = emsg(marks[number], version=0, time=0) if number in marks else b""
        return box + fragment("hd", number)

    for rung in ("hd", "sd"):
        origin.serve(f"/{rung}/", media)
    text = m.mpd(
        m.period(m.video(m.template(), m.rung("hd"), m.rung("sd", 500_000, "640x360"))),
        mediaPresentationDuration="PT20S",
    )
    run = await finished(http, origin.put("/x.mpd", text))

    assert [(f.reason, f.phase) for f in run.findings()] == [
        (Reason.AD_BREAK, Phase.START),
        (Reason.AD_BREAK, Phase.END),
    ]
    assert [f.media_time_s for f in run.findings()] == [4.0, 8.0]
