"""Date ranges by their rules, and one ID from load to load (RFC 8216bis 4.4.5.1). No clock, no IO."""

from __future__ import annotations

from collections import OrderedDict

from qoed.model import Finding, Reason
from qoed.source import scte35
from qoed.source.hls.model import DateRange, MediaPlaylist
from qoed.source.report import Report

_KEPT = 64
_SAME_S = 0.05
"""Dates and durations of one ID may differ by the rounding of what wrote them."""


class DateRangeChecks:
    """Follows the date ranges of one playlist; what is wrong with an ID is told once."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._known: OrderedDict[str, DateRange] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()

    def take(self, playlist: MediaPlaylist) -> list[Finding]:
        """Take a load that is newer than the one before."""
        findings = []
        for one in playlist.date_ranges:
            known = self._known.get(one.id)
            if one == known:
                continue
            problem = _problem(one, known, playlist)
            if problem is not None and one.id not in self._told:
                self._told[one.id] = None
                findings += self._report.event(
                    Reason.DATE_RANGE_INVALID,
                    f"date range {one.id[:64]!r}: {problem}",
                    id=one.id[:64],
                    problem=problem,
                )
            self._known[one.id] = one
            self._known.move_to_end(one.id)
        for kept in (self._known, self._told):
            while len(kept) > _KEPT:
                kept.popitem(last=False)
        return findings


def date_range_edges(one: DateRange) -> tuple[float | None, float | None]:
    """When it begins and ends in seconds since 1970, as far as is known; a planned end counts."""
    start = None if one.start is None else one.start.timestamp()
    if one.end is not None or start is None:
        return start, None if one.end is None else one.end.timestamp()
    lasts_s = one.duration_s if one.duration_s is not None else one.planned_duration_s
    return start, None if lasts_s is None else start + lasts_s


def _problem(one: DateRange, known: DateRange | None, playlist: MediaPlaylist) -> str | None:
    if one.problems:
        return one.problems[0]
    dated = any(segment.dated for segment in playlist.segments)
    if not dated and playlist.segments and not playlist.skipped:
        return "the playlist has no EXT-X-PROGRAM-DATE-TIME"
    for name, text in (("OUT", one.scte35_out), ("IN", one.scte35_in), ("CMD", one.scte35_cmd)):
        if text is None:
            continue
        try:
            scte35.from_text(text)
        except ValueError as error:
            return f"SCTE35-{name} is no splice_info_section: {error}"
    return None if known is None else _changed(known, one)


def _changed(known: DateRange, one: DateRange) -> str | None:
    """Which attribute that was given before differs now. The planned duration is a plan, and may change."""
    if known.class_name is not None and one.class_name not in (None, known.class_name):
        return "CLASS changed"
    for name, was, is_ in (("START-DATE", known.start, one.start), ("END-DATE", known.end, one.end)):
        if was is not None and is_ is not None and abs((is_ - was).total_seconds()) > _SAME_S:
            return f"{name} changed"
    was_s, is_s = known.duration_s, one.duration_s
    if was_s is not None and is_s is not None and abs(is_s - was_s) > _SAME_S:
        return "DURATION changed"
    return None
