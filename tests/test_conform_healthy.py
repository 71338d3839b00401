"""Healthy media of many kinds, decoded for real, raise not one media finding; broken ones raise theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import av
import pytest

import media
import part_media
from qoed.conform import Conform
from qoed.decode import DecodeOptions
from qoed.decode.analyse import Analyst
from qoed.decode.codec import Result, job_header, job_of
from qoed.model import Decoded, Finding, Reason, Rendition, Segment
from qoed_engine.manifest import Recipe

DECLARED = Rendition(
    id="r",
    bandwidth_bps=1_500_000,
    width=320,
    height=180,
    frame_rate=30.0,
    codecs="avc1.640028,mp4a.40.2",
)
QUIET = "scenecut=0:log-level=-1"


def judged(
    segments: Iterable[Segment], declared: Rendition = DECLARED, *, depth: Any = "light"
) -> list[Finding]:
    """What the media checks find in segments that are decoded in order."""
    av.logging.set_level(None)
    analyst, conform, found = Analyst(Recipe()), Conform("s"), list[Finding]()
    for each in segments:
        segment = replace(each, rendition=declared, transport_checked=True)
        job = job_of(
            job_header(segment, DecodeOptions(depth=depth), {}), bytearray(segment.init + segment.data)
        )
        found += conform.judge(_decoded(segment, analyst.analyse(job)))
    return found


def _decoded(segment: Segment, result: Result) -> Decoded:
    return Decoded(
        segment=segment, outcome=result.outcome, findings=result.findings, measures=result.measures
    )


def continuous(seconds: float = 10.0, **settings: Any) -> Iterator[Segment]:
    """One long encode as MPEG-TS segments, cut before each key frame, as packagers do."""
    data = media.encode(seconds=seconds, gop=2 * media.RATE, sound=media.tone, **settings)
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    cuts = [place for place, packet in enumerate(packets) if _is_key(packet)] + [len(packets)]
    tables, at_s = b"".join(packets[: cuts[0]]), 0.0
    for number, (start, end) in enumerate(pairwise(cuts)):
        body = b"".join(packets[start:end])
        length = min(2.0, seconds - at_s)
        yield media.segment(tables + body, sequence=number, media_time_s=at_s, duration_s=length)
        at_s += length


def _is_key(packet: bytes) -> bool:
    video = (packet[1] & 0x1F) << 8 | packet[2] == 0x100
    return video and bool(packet[1] & 0x40) and bool(packet[3] & 0x20) and bool(packet[5] & 0x40)


def fragments(**settings: Any) -> Iterator[Segment]:
    """fMP4 segments of one long encode."""
    init, parts = media.fragments(seconds=10.0, sound=media.tone, **settings)
    for number, part in enumerate(parts):
        yield media.segment(part, init=init, container="mp4", sequence=number, media_time_s=2.0 * number)


def parts(make: Callable[..., list[part_media.Parted]], **settings: Any) -> Iterator[Segment]:
    """LL-HLS parts of segments; none says that it is the last."""
    for segment in make(5, sound=media.tone, **settings):
        yield from (part_media.endless(part) for part in segment.parts)


HEALTHY: dict[str, tuple[Callable[[], Iterable[Segment]], Rendition]] = {
    "ts": (lambda: continuous(options={"x264-params": QUIET}), DECLARED),
    "ts-open-gop": (
        lambda: continuous(options={"preset": "medium", "x264-params": f"open-gop=1:bframes=3:{QUIET}"}),
        DECLARED,
    ),
    "ts-each-alone": (lambda: media.segments(5, sound=media.tone), DECLARED),
    "ts-25": (lambda: media.segments(5, sound=media.tone, rate=25), replace(DECLARED, frame_rate=25.0)),
    "fmp4": (fragments, DECLARED),
    "hevc": (
        lambda: media.segments(5, codec="libx265", sound=media.tone),
        replace(DECLARED, codecs="hvc1.1.6.L93.B0,mp4a.40.2"),
    ),
    "mpeg2": (
        lambda: media.segments(5, codec="mpeg2video", sound=media.tone, bit_rate=1_000_000),
        replace(DECLARED, codecs=None, bandwidth_bps=3_000_000),
    ),
    "parts-fmp4": (lambda: parts(part_media.fmp4), DECLARED),
    "parts-ts": (lambda: parts(part_media.ts), DECLARED),
    "parts-independent": (lambda: parts(part_media.fmp4, every_s=0.5, gop_s=0.5), DECLARED),
    "no-sound": (lambda: media.segments(5), replace(DECLARED, codecs="avc1.640028")),
    "sound-alone": (
        lambda: media.segments(5, codec=None, sound=media.tone),
        Rendition(id="audio", audio_only=True, codecs="mp4a.40.2"),
    ),
    "portrait": (lambda: media.segments(5, width=180, height=320, sound=media.tone), DECLARED),
}


@cache
def material(name: str) -> tuple[Segment, ...]:
    """The segments of one kind, made once for all depths."""
    return tuple(HEALTHY[name][0]())


@pytest.mark.parametrize("depth", ["full", "light", "extra_light"])
@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_media_have_no_media_finding(name: str, depth: str) -> None:
    """Containers, codecs, open GOPs, parts and sound alone are what they declare, at every depth."""
    assert judged(material(name), HEALTHY[name][1], depth=depth) == []


def test_the_clock_of_real_media_may_wrap() -> None:
    """Real transport streams over the end of the 33-bit clock yield the one note that it began anew."""
    wrap_s = 2**33 / 90_000
    segments = media.segments(6, sound=media.tone)
    moved = [
        replace(each, data=media.encode(seconds=2.0, start_s=wrap_s - 7.0 + 2.0 * number, sound=media.tone))
        for number, each in enumerate(segments)
    ]

    assert [finding.reason for finding in judged(moved)] == [Reason.TIMESTAMP_WRAP]


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        (replace(DECLARED, bandwidth_bps=100_000), Reason.BANDWIDTH_EXCEEDED),
        (replace(DECLARED, codecs="hvc1.1.6.L93.B0,mp4a.40.2"), Reason.CODECS_OFF),
        (replace(DECLARED, codecs="avc1.42c00a,mp4a.40.2"), Reason.CODECS_OFF),
        (replace(DECLARED, width=640, height=360), Reason.RESOLUTION_OFF),
        (replace(DECLARED, frame_rate=50.0), Reason.FRAME_RATE_OFF),
        (replace(DECLARED, codecs="avc1.640028,ac-3"), Reason.AUDIO_MISMATCH),
    ],
)
def test_media_that_are_not_what_they_declare_are_found(declared: Rendition, reason: Reason) -> None:
    """Each wrong declaration of real media raises its own finding and no other."""
    assert [finding.reason for finding in judged(media.segments(4, sound=media.tone), declared)] == [reason]
