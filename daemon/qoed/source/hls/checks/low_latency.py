"""Parts, blocked reloads and delta updates: what a low-latency server promises. No clock, no IO."""

from __future__ import annotations

import math

from qoed.model import Finding, Reason
from qoed.source.hls.load import Load
from qoed.source.hls.model import MediaPlaylist, MediaSegment, Part
from qoed.source.hls.reload import holds
from qoed.source.report import Report

_LEAST_LATE_S = 1.0
"""Parts are never late before this, however short they are: networks stray by some 100 ms."""
_TOLERANCE_S = 0.005
"""Durations are rounded when they are written."""
_NOT_BLOCKED = 2
"""So many reloads in a row that were not blocked make a finding: a single one may be a cache's."""


class LowLatencyChecks:
    """Follows the parts of one rendition."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._newest = (-1, -1)
        self._judged = (-1, -1)
        self._at: float | None = None
        self._limit_s = math.inf
        self._not_blocked = 0

    @property
    def late_at(self) -> float:
        """Monotonic instant from which on parts are late; inf: never, or they are already."""
        if self._at is None or Reason.PART_LATE in self._report.lasting:
            return math.inf
        return self._at + self._limit_s

    def interrupted(self) -> None:
        """A load failed: how long parts took cannot be told."""
        self._at = None

    def take(
        self, playlist: MediaPlaylist, now: float, load: Load | None, *, restarted: bool
    ) -> list[Finding]:
        """Take a load, changed or not."""
        if restarted:
            self._newest = self._judged = (-1, -1)
            self._at = None
        findings = self._blocked(playlist, now, load)
        target = playlist.part_target_s
        if target is None or playlist.endlist:
            self._at = None
            return findings + self._report.end(Reason.PART_LATE, now, "there are no parts any more")
        self._limit_s = max(target * self._report.checks.limit(Reason.PART_LATE), _LEAST_LATE_S)
        newest = self._newest
        self._newest = max(newest, newest_part(playlist))
        moved = self._newest > newest
        findings += self._late(now, moved=moved, asked=load is not None and load.asked is not None)
        if moved:
            self._at = now
            findings += self._durations(playlist, target, now)
        return findings

    def _late(self, now: float, *, moved: bool, asked: bool) -> list[Finding]:
        """Who waits for parts sees each one come; who only looks knows that there was none when he looked."""
        if self._at is None:
            return []
        age = now - self._at
        if age < self._limit_s or (moved and not asked):
            return self._report.end(Reason.PART_LATE, now, "parts come in time again") if moved else []
        return self._report.start(
            Reason.PART_LATE,
            now,
            f"no new part for {age:.2f} s",
            value=round(age, 3),
            unit="s",
            limit_s=self._limit_s,
        )

    def _blocked(self, playlist: MediaPlaylist, now: float, load: Load | None) -> list[Finding]:
        """RFC 8216bis 6.2.5.2: the answer holds what was asked for, or is an error."""
        if load is None or load.asked is None:
            return []
        if holds(playlist, *load.asked) or playlist.endlist:
            self._not_blocked = 0
            return self._report.end(Reason.RELOAD_NOT_BLOCKED, now, "a reload was blocked as asked")
        self._not_blocked += 1
        if self._not_blocked < _NOT_BLOCKED:
            return []
        sequence, part = load.asked
        wanted = f"segment {sequence}" if part is None else f"part {part} of segment {sequence}"
        return self._report.start(
            Reason.RELOAD_NOT_BLOCKED,
            now,
            f"reloads are answered without {wanted}, which was to be waited for",
            value=round(load.timings.total_s, 3),
            unit="s",
            sequence=sequence,
            part=part,
        )

    def _durations(self, playlist: MediaPlaylist, target: float, now: float) -> list[Finding]:
        """Judge each part once; a short one only when another of its segment follows."""
        findings: list[Finding] = []
        least = target * self._report.checks.limit(Reason.PART_DURATION_OFF) - _TOLERANCE_S
        judged = self._judged
        for segment in playlist.segments:
            for part in segment.parts:
                if (segment.sequence, part.index) <= judged:
                    continue
                final = part.index == segment.parts[-1].index
                if final and not segment.complete:
                    continue
                self._judged = (segment.sequence, part.index)
                if part.gap:
                    continue
                if part.duration_s > target + _TOLERANCE_S or (part.duration_s < least and not final):
                    findings += self._off(segment, part, target, now)
        return findings

    def _off(self, segment: MediaSegment, part: Part, target: float, now: float) -> list[Finding]:
        return self._report.rarely(
            Reason.PART_DURATION_OFF,
            now,
            f"part {part.index} of segment {segment.sequence} lasts {part.duration_s:g} s,"
            f" the part target is {target:g} s",
            value=part.duration_s,
            unit="s",
            sequence=segment.sequence,
            part=part.index,
            part_target_s=target,
        )


def newest_part(playlist: MediaPlaylist) -> tuple[int, int]:
    """Media sequence number and index of the last part listed; index -1: the end of a segment without."""
    if not playlist.segments:
        return (playlist.media_sequence - 1, -1)
    last = playlist.segments[-1]
    if last.complete:
        return (last.sequence + 1, -1)
    return (last.sequence, last.parts[-1].index if last.parts else -1)
