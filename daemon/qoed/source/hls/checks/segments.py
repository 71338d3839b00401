"""What a playlist says of each new segment: duration, date, gap, discontinuity. No clock, no IO."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any

from qoed.model import Finding, Reason
from qoed.source.hls.checks.date_ranges import date_range_edges
from qoed.source.hls.model import MediaPlaylist, MediaSegment
from qoed.source.report import Report
from qoed.source.url import redact

_USUAL_FROM = 5
"""So many segments must have been listed before one of them is oddly short."""
_SEAM_S = 1.0
"""An announced break begins or ends this close to a segment's begin: it was cut for it."""
_INTEGER_ROUNDING_S = 0.5
"""EXTINF as an integer strays this far from the media, segment by segment (RFC 8216bis 4.4.4.1)."""


class SegmentChecks:
    """Follows the segments of one rendition, in order."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._short = report.checks.limit(Reason.SEGMENT_SHORT)
        self._durations: deque[float] = deque(maxlen=32)
        self._last: MediaSegment | None = None
        self._since_dated = 0

    def begun(self, segment: MediaSegment, at_s: float) -> list[Finding]:
        """Take a segment that is listed for the first time, complete or not, at media time `at_s`."""
        if not (segment.discontinuity or segment.gap):
            return []
        where: dict[str, Any] = {"sequence": segment.sequence, "url": redact(segment.uri)}
        findings = []
        if segment.discontinuity:
            findings += self._report.event(Reason.DISCONTINUITY, "discontinuity", at_s=at_s, **where)
        if segment.gap:
            text = "packager marks the segment as a gap"
            findings += self._report.event(Reason.SEGMENT_GAP, text, at_s=at_s, **where)
        return findings

    def listed(self, segment: MediaSegment, playlist: MediaPlaylist, at_s: float) -> list[Finding]:
        """Take a complete new segment at media time `at_s`."""
        before, self._last = self._last, segment
        if before is not None and before.sequence + 1 != segment.sequence:
            before = None
        findings = self._too_long(segment, playlist, at_s)
        findings += self._too_short(before, segment, playlist, at_s)
        self._durations.append(segment.duration_s)
        return findings + self._date_jump(before, segment, playlist, at_s)

    def forget(self) -> None:
        """What comes next does not follow what was."""
        self._last = None

    def _too_long(self, segment: MediaSegment, playlist: MediaPlaylist, at_s: float) -> list[Finding]:
        if segment.duration_s <= playlist.target_duration_s:
            return []
        # RFC 8216bis 4.4.3.1: EXTINF, rounded to the nearest integer, must not exceed the target duration.
        rounded = math.floor(segment.duration_s + 0.5)
        allowed = playlist.target_duration_s + self._report.checks.limit(Reason.TARGET_DURATION_EXCEEDED)
        if rounded <= allowed or segment.duration_s <= allowed:
            return []
        return self._report.event(
            Reason.TARGET_DURATION_EXCEEDED,
            f"EXTINF {segment.duration_s:g} s exceeds the target duration"
            f" of {playlist.target_duration_s:g} s",
            at_s=at_s,
            value=segment.duration_s,
            unit="s",
            sequence=segment.sequence,
            url=redact(segment.uri),
            target_duration_s=playlist.target_duration_s,
        )

    def _too_short(
        self, before: MediaSegment | None, segment: MediaSegment, playlist: MediaPlaylist, at_s: float
    ) -> list[Finding]:
        """Judge the segment before, now that it is known what follows it: a seam may cut it short."""
        known = self._durations
        # Nothing usual is longer than the target duration, and the median of many segments costs time.
        if before is None or before.duration_s >= playlist.target_duration_s * self._short:
            return []
        usual = median(known)
        if len(known) < _USUAL_FROM or before.duration_s >= usual * self._short:
            return []
        if before.gap or _seam(before) or _seam(segment):
            return []
        if _near_date_range(before, playlist) or _near_date_range(segment, playlist):
            return []
        return self._report.event(
            Reason.SEGMENT_SHORT,
            f"segment of {before.duration_s:g} s where {usual:g} s are usual",
            at_s=max(at_s - before.duration_s, 0.0),
            value=before.duration_s,
            unit="s",
            sequence=before.sequence,
            url=redact(before.uri),
            usual_s=usual,
        )

    def _date_jump(
        self, before: MediaSegment | None, segment: MediaSegment, playlist: MediaPlaylist, at_s: float
    ) -> list[Finding]:
        """Judge a date by the one before, counted on by durations over the segments without one."""
        if before is None or segment.discontinuity:
            self._since_dated = 0
            return []
        self._since_dated += 1
        if not segment.dated or segment.program_date_time is None or before.program_date_time is None:
            return []
        counted, self._since_dated = self._since_dated, 0
        jump = (segment.program_date_time - before.program_date_time).total_seconds() - before.duration_s
        allowed = self._report.checks.limit(Reason.DATE_TIME_JUMP)
        if not playlist.fractional:
            allowed += _INTEGER_ROUNDING_S * counted
        if abs(jump) <= allowed:
            return []
        return self._report.event(
            Reason.DATE_TIME_JUMP,
            f"program date-time jumps by {jump:+.3f} s",
            at_s=at_s,
            value=round(jump, 3),
            unit="s",
            sequence=segment.sequence,
            url=redact(segment.uri),
        )


def _seam(segment: MediaSegment) -> bool:
    """Whether content changes at its begin, so that segments beside it may be cut short."""
    return segment.discontinuity or segment.cue_in or segment.cue_out_s is not None


def _near_date_range(segment: MediaSegment, playlist: MediaPlaylist) -> bool:
    """Whether a date range begins or ends at its begin."""
    if segment.program_date_time is None:
        return False
    date = segment.program_date_time.timestamp()
    edges = (edge for one in playlist.date_ranges for edge in date_range_edges(one) if edge is not None)
    return any(abs(edge - date) < _SEAM_S for edge in edges)
