"""Discontinuities must stand in all renditions at the same time (RFC 8216bis 6.2.4). No clock, no IO."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from qoed.checks import CheckSettings
from qoed.model import Finding, Reason
from qoed.source.alignment import MAX_NUMBERS_APART
from qoed.source.hls.model import MediaSegment
from qoed.source.report import Report

_KEPT = 32
_SILENT_S = 30.0
"""A rendition that listed nothing for so long is not waited for."""


@dataclass(slots=True)
class _Rendition:
    report: Report
    joined_s: float
    reached_s: float
    moved_at: float
    first: int
    """Sequence number of the first segment that was listed."""
    dated: bool = False
    ended: bool = False


@dataclass(slots=True)
class _Seam:
    """A discontinuity at about one time, and who has it. It is judged after `until_s`."""

    at_s: float
    until_s: float
    sequence: int
    found_in: _Rendition
    has: set[str] = field(default_factory=set)
    told: bool = False


class Seams:
    """VARIANT_DISCONTINUITY of one stream's renditions. Times are media time.

    Renditions without dates are compared only where their sequence numbers count alike.
    """

    def __init__(self, stream: str, checks: CheckSettings) -> None:
        self._stream = stream
        self._checks = checks
        self._renditions: dict[str, _Rendition] = {}
        self._seams: deque[_Seam] = deque(maxlen=_KEPT)

    def listed(
        self, rendition: str, fresh: Sequence[tuple[MediaSegment, float]], now: float, *, ended: bool
    ) -> list[Finding]:
        """A rendition was loaded and lists new segments with their media times; `ended`: for good."""
        one = self._renditions.get(rendition)
        if one is None:
            if not fresh:
                return []
            report = Report(self._stream, rendition, self._checks)
            segment, at_s = fresh[0]
            one = self._renditions[rendition] = _Rendition(
                report=report, joined_s=at_s, reached_s=at_s, moved_at=now, first=segment.sequence
            )
        one.ended = ended
        if not fresh:
            return []
        one.moved_at = now
        one.dated = fresh[-1][0].program_date_time is not None
        one.report.new_load()
        if not self._seams and not any(segment.discontinuity for segment, _ in fresh):
            one.reached_s = max(one.reached_s, fresh[-1][1])
            return []
        return [
            finding for segment, at_s in fresh for finding in self._pass(rendition, one, segment, at_s, now)
        ]

    def _pass(
        self, rendition: str, one: _Rendition, segment: MediaSegment, at_s: float, now: float
    ) -> list[Finding]:
        before, one.reached_s = one.reached_s, max(one.reached_s, at_s)
        if segment.discontinuity:
            near_s = self._checks.limit(Reason.VARIANT_DISCONTINUITY) * segment.duration_s
            self._note(rendition, one, segment, at_s, near_s)
        due = [known for known in self._seams if before <= known.until_s < one.reached_s and not known.told]
        return [finding for known in due for finding in self._judge(known, now)]

    def gone(self, rendition: str) -> None:
        """A rendition is no longer listed, or its timeline began anew."""
        self._renditions.pop(rendition, None)

    def _note(
        self, rendition: str, one: _Rendition, segment: MediaSegment, at_s: float, near_s: float
    ) -> None:
        for known in self._seams:
            if abs(known.at_s - at_s) <= near_s:
                known.has.add(rendition)
                return
        self._seams.append(_Seam(at_s, at_s + near_s, segment.sequence, one, {rendition}))

    def _judge(self, seam: _Seam, now: float) -> list[Finding]:
        """The fewer are told: those without it, or, of as many, those with it."""
        near_s = seam.until_s - seam.at_s
        having = [one for name, one in self._renditions.items() if name in seam.has]
        without = []
        for name, one in self._renditions.items():
            if name in seam.has or one.joined_s > seam.at_s - near_s or not _comparable(seam, one):
                continue
            if one.reached_s > seam.until_s:
                without.append(one)
            elif not one.ended and now - one.moved_at < _SILENT_S:
                return []  # it may still come
        if not having or not without:
            return []
        seam.told = True
        lack = len(without) < len(having)
        text = "has no discontinuity where the others have one" if lack else "has a discontinuity alone"
        return [
            finding
            for one in (without if lack else having)
            for finding in one.report.event(
                Reason.VARIANT_DISCONTINUITY,
                f"rendition {text}",
                at_s=seam.at_s,
                sequence=seam.sequence,
                having=len(having),
                without=len(without),
            )
        ]


def _comparable(seam: _Seam, one: _Rendition) -> bool:
    other = seam.found_in
    return (other.dated and one.dated) or abs(other.first - one.first) <= MAX_NUMBERS_APART
