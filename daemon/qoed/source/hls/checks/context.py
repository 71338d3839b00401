"""What a rendition announces about its content: ad breaks and slates, by whatever marker. No clock, no IO."""

from __future__ import annotations

from collections.abc import Sequence

from qoed.model import Finding, Reason
from qoed.source.hls.checks.cues import Cues
from qoed.source.hls.checks.ranges import Ranges
from qoed.source.hls.model import MediaPlaylist, MediaSegment
from qoed.source.report import Report
from qoed.source.spans import Spans

_NEAR_TARGETS = 1.5
"""Markers of one break may stand on neighbouring segments of the renditions."""


class Context:
    """Follows the markers of one rendition; the stretches belong to the stream."""

    def __init__(self, report: Report, ads: Spans, slates: Spans) -> None:
        self._report = report
        self._ads = ads
        self._slates = slates
        self._cues = Cues(report, ads)
        self._ranges = Ranges(report, ads, slates)
        self._taken: int | None = None

    def listed(self, playlist: MediaPlaylist) -> None:
        """Take a load, before its segments."""
        self._ranges.listed(playlist, first=self._taken is None and not playlist.endlist)

    def take(self, segment: MediaSegment, playlist: MediaPlaylist, at_s: float) -> list[Finding]:
        """Take a segment, complete or not, that is new at media time `at_s`."""
        if self._taken == segment.sequence - 1 and not self._matters(segment):
            self._taken = segment.sequence
            return []
        near_s = _NEAR_TARGETS * playlist.target_duration_s
        findings: list[Finding] = []
        if self._taken is None:
            before = list(_before(segment, playlist))
            findings += self._cues.joined(before, at_s, near_s=near_s, whole=playlist.endlist)
        elif segment.sequence != self._taken + 1:
            self._cues.lost(at_s)
        self._taken = segment.sequence
        findings += self._cues.take(segment, at_s, near_s=near_s)
        findings += self._ranges.take(segment, at_s, near_s=near_s)
        grace_s = self._report.checks.limit(Reason.CUE_UNPAIRED)
        for spans in (self._ads, self._slates):
            findings += spans.reached(at_s + segment.duration_s, grace_s=grace_s)
        return findings

    def ended(self, at_s: float) -> list[Finding]:
        """The media ends at media time `at_s`."""
        text = "ends with the stream"
        return self._ads.end(at_s, text) + self._slates.end(at_s, text)

    def _matters(self, segment: MediaSegment) -> bool:
        """Whether a segment says anything, or anything is on that it may end."""
        if segment.cue_out_s is not None or segment.cue_in or segment.cue_continues:
            return True
        return self._cues.on or self._ranges.on or self._ads.on or self._slates.on


def _before(segment: MediaSegment, playlist: MediaPlaylist) -> Sequence[MediaSegment]:
    return [listed for listed in playlist.segments if listed.sequence < segment.sequence]
