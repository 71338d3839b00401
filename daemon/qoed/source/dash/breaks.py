"""Ad breaks as context: which one is on where the stream stands. No clock, no IO."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from qoed.model import Finding, Reason
from qoed.source.dash.mpd import Event
from qoed.source.dash.presentation import Presentation
from qoed.source.report import Report

_KEPT = 256
_LONGEST_S = 1800.0
"""A break whose end is never told is over after so long."""


@dataclass(frozen=True, slots=True)
class _Mark:
    at_s: float
    out: bool
    duration_s: float | None
    id: str


class AdBreaks:
    """SCTE-35 of MPDs and segments, in order of time; a break begins and ends when a segment reaches it."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._marks: OrderedDict[tuple[str, str], _Mark] = OrderedDict()
        self._reached_s: float | None = None

    def listed(self, presentation: Presentation) -> None:
        """Take the events of an MPD; one that is said again may have changed."""
        for period in presentation.mpd.periods:
            self.heard(period.id, period.events, presentation.origin_s + period.start_s)

    def heard(self, period: str, events: Iterable[Event], zero_s: float) -> None:
        """Take events whose times count from `zero_s` on the presentation's line."""
        for event in events:
            if event.out_of_network is None:
                continue
            key = period, event.id
            self._marks[key] = _Mark(zero_s + event.start_s, event.out_of_network, event.duration_s, event.id)
            while len(self._marks) > _KEPT:
                self._marks.popitem(last=False)

    def reached(self, at_s: float, end_s: float, media_time_s: float, now: float) -> list[Finding]:
        """Take a segment from `at_s` to `end_s` that is about to be passed on."""
        middle = (at_s + end_s) / 2
        if self._reached_s is not None and middle <= self._reached_s:  # another rendition was here before
            return []
        self._reached_s = middle
        self._report.media_time_s = media_time_s
        mark = self._mark_at(middle)
        if mark is None:
            return self._report.end(Reason.AD_BREAK, now, "ad break is over")
        said = "" if mark.duration_s is None else f" of {mark.duration_s:g} s"
        return self._report.start(
            Reason.AD_BREAK,
            now,
            f"ad break{said}",
            value=mark.duration_s,
            unit=None if mark.duration_s is None else "s",
            event=mark.id,
        )

    def _mark_at(self, at_s: float) -> _Mark | None:
        """The break that is on at a place."""
        current: _Mark | None = None
        for mark in sorted(self._marks.values(), key=lambda one: (one.at_s, one.out)):
            if mark.at_s > at_s:
                break
            current = mark if mark.out else None
        if current is None:
            return None
        length = _LONGEST_S if current.duration_s is None else current.duration_s
        return current if at_s < current.at_s + length else None
