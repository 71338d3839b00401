"""Scripted results for the media checks: a rendition of two-second segments, changed in one way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from qoed.checks import DEFAULT, CheckSettings
from qoed.conform import Conform
from qoed.model import Decoded, Finding, Measures, Outcome, Phase, Rendition, Segment

SECONDS = 2.0
TOP = Rendition(
    id="720p",
    bandwidth_bps=3_000_000,
    width=1280,
    height=720,
    frame_rate=30.0,
    codecs="avc1.64001f,mp4a.40.2",
)
LOW = replace(TOP, id="360p", bandwidth_bps=1_000_000, width=640, height=360, codecs="avc1.64001e,mp4a.40.2")
WRAP_S = 2**33 / 90_000
Change = Callable[[int, Decoded], Decoded]
"""(number of the segment, its healthy result) to the result to judge."""


def healthy(
    number: int, rendition: Rendition = TOP, *, seconds: float = SECONDS, start_s: float = 10.0
) -> Decoded:
    """The result of segment `number` of a rendition that is what it declares."""
    at_s = number * seconds
    level = "1f" if rendition.height == 720 else "1e"
    measures = Measures(
        width=rendition.width,
        height=rendition.height,
        codec="h264",
        codecs=f"avc1.6400{level},mp4a.40.2",
        frame_rate=30.0,
        packets=round(30 * seconds),
        frames_decoded=round(30 * seconds),
        video_start_s=start_s + at_s,
        video_duration_s=seconds,
        key_frames_s=(0.0,),
        has_audio=True,
        audio_codec="aac",
        audio_start_s=start_s + at_s + 0.01,
        audio_duration_s=seconds,
        audio_sample_rate=48000,
        audio_channels=2,
        clock_period_s=WRAP_S,
    )
    segment = Segment(
        stream="s",
        rendition=rendition,
        sequence=number,
        media_time_s=at_s,
        duration_s=seconds,
        container="mpegts",
        data=bytes(round((rendition.bandwidth_bps or 0) * 0.9 * seconds / 8)),
    )
    return Decoded(segment=segment, outcome=Outcome.OK, measures=measures)


def measured(decoded: Decoded, **changes: Any) -> Decoded:
    """The result with other measures."""
    return replace(decoded, measures=replace(decoded.measures, **changes))


def sent(decoded: Decoded, **changes: Any) -> Decoded:
    """The result of a segment with other properties."""
    return replace(decoded, segment=replace(decoded.segment, **changes))


def story(
    count: int,
    change: Change = lambda _number, decoded: decoded,
    *,
    renditions: Iterable[Rendition] = (TOP,),
    settings: CheckSettings = DEFAULT,
    seconds: float = SECONDS,
) -> list[Finding]:
    """Findings over `count` segments of each rendition, the renditions in turn."""
    conform = Conform("s", settings)
    return [
        finding
        for number in range(count)
        for rendition in renditions
        for finding in conform.judge(change(number, healthy(number, rendition, seconds=seconds)))
    ]


def between(first: int, last: int, change: Callable[[Decoded], Decoded]) -> Change:
    """Change the segments `first` to `last`."""
    return lambda number, decoded: change(decoded) if first <= number <= last else decoded


def edges(findings: Iterable[Finding]) -> list[tuple[str, str, float | None]]:
    """(reason, phase, media time) of each."""
    return [(str(each.reason), str(each.phase), each.media_time_s) for each in findings]


def starts(findings: Iterable[Finding]) -> list[Finding]:
    """Those that begin a condition."""
    return [each for each in findings if each.phase is Phase.START]
