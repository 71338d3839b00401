"""What goes wrong in the demo, when, and which alert must say so. Data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

TS, FMP4 = "demo-ts", "demo-fmp4"
STREAMS = (TS, FMP4)

LOW_QUALITY = "low_quality"
QUALITY_DROP = "quality_drop"
BLACK = "black"
FREEZE = "freeze"
SILENCE = "silence"
DAMAGE = "damage"
UNDECODABLE = "undecodable"
SEGMENT_MISSING = "segment_missing"
PLAYLIST_STALE = "playlist_stale"


class FaultKind(StrEnum):
    """Every way in which the origin can misbehave."""

    BITRATE_COLLAPSE = "bitrate collapse"
    UPSCALED = "upscaled low resolution"
    BLUR = "blur"
    FREEZE = "freeze"
    BLACK = "black"
    SILENCE = "silence"
    MISSING_SEGMENTS = "missing segments"
    STALE_PLAYLIST = "stale playlist"
    CORRUPT_SEGMENT = "corrupt segment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault on one stream, in seconds from the start of the schedule; it begins and ends with a segment.

    Any rule of `expect` that fires raises the fault; rules of `allow` may fire along with it.
    """

    kind: FaultKind
    stream: str
    at_s: float
    for_s: float
    expect: frozenset[str]
    allow: frozenset[str] = frozenset()
    rungs: frozenset[str] = frozenset()
    """Heights of the ladder that suffer, such as `720p`; empty: all."""

    @property
    def until_s(self) -> float:
        """Where the fault ends on the schedule."""
        return self.at_s + self.for_s

    def active(self, stream: str, rung: str, at_s: float) -> bool:
        """Whether this fault spoils the segment of `rung` that is published at `at_s`."""
        spoils = self.stream == stream and (not self.rungs or rung in self.rungs)
        return spoils and self.at_s <= at_s < self.until_s


def _fault(
    kind: FaultKind, stream: str, at_s: float, for_s: float, expect: Sequence[str], allow: Sequence[str] = ()
) -> Fault:
    return Fault(
        kind=kind, stream=stream, at_s=at_s, for_s=for_s, expect=frozenset(expect), allow=frozenset(allow)
    )


_QUALITY = (LOW_QUALITY, QUALITY_DROP)

# The two streams fail in parallel. A fault that is judged by a ten-second mean of scores needs about that
# long to show and to fade; black, frozen and damaged pictures may well score low too.
SCHEDULE: tuple[Fault, ...] = (
    _fault(FaultKind.BLACK, TS, 0, 6, [BLACK], [FREEZE, *_QUALITY]),
    _fault(FaultKind.BLUR, FMP4, 2, 14, _QUALITY),
    _fault(FaultKind.BITRATE_COLLAPSE, TS, 16, 14, _QUALITY),
    _fault(FaultKind.FREEZE, FMP4, 30, 8, [FREEZE], _QUALITY),
    _fault(FaultKind.MISSING_SEGMENTS, TS, 44, 4, [SEGMENT_MISSING]),
    _fault(FaultKind.STALE_PLAYLIST, FMP4, 46, 12, [PLAYLIST_STALE]),
    _fault(FaultKind.UPSCALED, TS, 56, 14, _QUALITY),
    _fault(FaultKind.CORRUPT_SEGMENT, FMP4, 68, 4, [DAMAGE, UNDECODABLE], [*_QUALITY, FREEZE]),
    _fault(FaultKind.SILENCE, TS, 76, 8, [SILENCE]),
)

QUICK: tuple[Fault, ...] = (
    _fault(FaultKind.BLACK, TS, 0, 4, [BLACK], [FREEZE, *_QUALITY]),
    _fault(FaultKind.MISSING_SEGMENTS, FMP4, 0, 4, [SEGMENT_MISSING]),
)
"""Two faults in a few seconds, for tests and for a first look."""


def length_s(schedule: Sequence[Fault]) -> float:
    """When the last fault has ended."""
    return max((fault.until_s for fault in schedule), default=0.0)


def within(schedule: Sequence[Fault], seconds: float) -> tuple[Fault, ...]:
    """The faults that end within `seconds`."""
    return tuple(fault for fault in schedule if fault.until_s <= seconds)


def on_segments(schedule: Sequence[Fault], segment_s: float) -> tuple[Fault, ...]:
    """The same faults, moved and stretched to whole segments: at least one each."""
    return tuple(
        replace(
            fault,
            at_s=round(fault.at_s / segment_s) * segment_s,
            for_s=max(1, round(fault.for_s / segment_s)) * segment_s,
        )
        for fault in schedule
    )
