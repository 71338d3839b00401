"""Ad breaks by EXT-X-CUE-OUT, -CONT and -IN: the stretch they announce, and markers without partner."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qoed.model import Finding, Reason
from qoed.source.hls.model import MediaSegment
from qoed.source.report import Report
from qoed.source.spans import Spans

_SURE_AFTER_S = 600.0
"""A stream that was joined so long ago is in no break that began before."""


@dataclass(slots=True)
class _Cue:
    begin_s: float
    planned_s: float | None
    overran: bool = False

    @property
    def end_s(self) -> float | None:
        return None if self.planned_s is None else self.begin_s + self.planned_s


class Cues:
    """Follows the cue markers of one rendition. No clock, no IO.

    Many packagers write no CUE-IN where the break's length is known. That is a fault only of a packager that
    has written one before, or that still writes CUE-OUT-CONT past the end.
    """

    def __init__(self, report: Report, ads: Spans) -> None:
        self._report = report
        self._ads = ads
        self._open: _Cue | None = None
        self._lapsed: _Cue | None = None
        """A break that was taken to have ended by itself."""
        self._ins_seen = False
        self._sure_at = math.inf
        """From this media time on a CUE-IN must have had its CUE-OUT."""

    @property
    def on(self) -> bool:
        """Whether the next segment matters, marked or not."""
        return self._open is not None

    def joined(self, before: list[MediaSegment], at_s: float, *, near_s: float, whole: bool) -> list[Finding]:
        """The rendition is joined at media time `at_s`, after the listed segments `before`.

        `whole`: nothing came before them.
        """
        self._sure_at = at_s if whole else at_s + _SURE_AFTER_S
        begin_s = at_s - sum(segment.duration_s for segment in before)
        for segment in before:
            if segment.cue_in:
                self._open = None
            if segment.cue_out_s is not None:
                self._open = _Cue(begin_s, segment.cue_out_s or None)
            begin_s += segment.duration_s
        if self._open is None:
            return []
        end_s = self._open.end_s
        if end_s is not None and end_s <= at_s:
            self._open = None
            return []
        left_s = None if end_s is None else end_s - at_s
        return self._ads.begin(at_s, planned_s=left_s, near_s=near_s, signal="cue-out", joined=True)

    def lost(self, at_s: float) -> None:
        """Segments before media time `at_s` are not known, nor the markers on them."""
        self._sure_at = at_s + _SURE_AFTER_S

    def take(self, segment: MediaSegment, at_s: float, *, near_s: float) -> list[Finding]:
        """Take a new segment at media time `at_s`."""
        findings: list[Finding] = []
        if segment.cue_in:
            findings += self._in(segment, at_s)
        elif segment.cue_out_s is None:
            findings += self._overrun(segment, at_s)
        if segment.cue_out_s is not None:
            findings += self._out(segment, segment.cue_out_s or None, at_s, near_s)
        elif segment.cue_continues and self._open is None:
            if at_s >= self._sure_at and self._lapsed is None:
                findings += self._unpaired("CUE-OUT-CONT without CUE-OUT", segment, at_s)
            self._open = _Cue(at_s, None)
            findings += self._ads.begin(at_s, planned_s=None, near_s=near_s, signal="cue-out-cont")
        elif segment.cue_continues:
            self._ads.extend(at_s + segment.duration_s)
        return findings

    def _in(self, segment: MediaSegment, at_s: float) -> list[Finding]:
        opened, self._open = self._open, None
        lapsed, self._lapsed = self._lapsed, None
        sure, self._sure_at = at_s >= self._sure_at, at_s
        self._ins_seen = True
        if opened is not None or self._ads.on:
            return self._ads.end(at_s)
        if not sure:
            return []
        if lapsed is not None and lapsed.end_s is not None:
            over_s = at_s - lapsed.end_s
            text = f"CUE-IN comes {over_s:g} s after a break of {lapsed.planned_s:g} s was to end"
            return self._unpaired(text, segment, at_s, over_s)
        return self._unpaired("CUE-IN without CUE-OUT", segment, at_s)

    def _out(
        self, segment: MediaSegment, planned_s: float | None, at_s: float, near_s: float
    ) -> list[Finding]:
        findings: list[Finding] = []
        opened, self._sure_at = self._open, at_s
        slack_s = self._report.checks.limit(Reason.CUE_UNPAIRED)
        end_s = None if planned_s is None else at_s + planned_s
        if opened is not None:
            if opened.end_s is not None and end_s is not None and abs(opened.end_s - end_s) <= slack_s:
                return []  # the same break again, with what is left of it
            follows = opened.end_s is not None and at_s >= opened.end_s - slack_s and not self._ins_seen
            if not follows and at_s > opened.begin_s + near_s:
                findings = self._unpaired("CUE-OUT while the break before has not ended", segment, at_s)
        self._open, self._lapsed = _Cue(at_s, planned_s), None
        return findings + self._ads.begin(at_s, planned_s=planned_s, near_s=near_s, signal="cue-out")

    def _overrun(self, segment: MediaSegment, at_s: float) -> list[Finding]:
        opened = self._open
        if opened is None or opened.end_s is None or opened.overran:
            return []
        over_s = at_s - opened.end_s
        if over_s < self._report.checks.limit(Reason.CUE_UNPAIRED):
            return []
        if segment.cue_continues:
            opened.overran = True
        else:
            self._open = None
            if not self._ins_seen:
                self._lapsed = opened
                return []
        text = f"no CUE-IN after a break of {opened.planned_s:g} s"
        return self._unpaired(text, segment, at_s, over_s)

    def _unpaired(
        self, text: str, segment: MediaSegment, at_s: float, over_s: float | None = None
    ) -> list[Finding]:
        return self._report.event(
            Reason.CUE_UNPAIRED,
            text,
            at_s=at_s,
            value=None if over_s is None else round(over_s, 3),
            unit=None if over_s is None else "s",
            sequence=segment.sequence,
        )
