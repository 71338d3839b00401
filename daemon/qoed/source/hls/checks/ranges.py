"""Ad breaks and slates by EXT-X-DATERANGE: the stretches they announce, and splices without partner."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum, auto

from qoed.model import Finding, Reason
from qoed.source import scte35
from qoed.source.hls.checks.date_ranges import date_range_edges
from qoed.source.hls.model import DateRange, MediaPlaylist, MediaSegment
from qoed.source.report import Report
from qoed.source.spans import MAX_SPAN_S, Spans

_MOST_RUNNING = 16
"""More that run at once are nonsense, and not followed."""
_KEPT = 512
"""Twice what is read of one playlist: one that is listed is never forgotten."""


class _State(Enum):
    AHEAD = auto()
    ON = auto()
    OVER = auto()


@dataclass(slots=True)
class _Range:
    """All that the tags of one ID have said."""

    id: str
    begins: bool = False
    """A break begins with it."""
    ends: bool = False
    """A break ends with it."""
    slate: bool = False
    start: float = math.inf
    """Seconds since 1970, which no date takes out of range."""
    end: float | None = None
    planned_s: float | None = None
    signal: str = "daterange"
    event_id: int | None = None
    must_return: bool = False
    """The splice says that it does not return by itself."""
    state: _State = _State.AHEAD


class Ranges:
    """Follows the date ranges of one rendition that announce something. No clock, no IO."""

    def __init__(self, report: Report, ads: Spans, slates: Spans) -> None:
        self._report = report
        self._ads = ads
        self._slates = slates
        self._ranges: OrderedDict[str, _Range] = OrderedDict()
        self._read: OrderedDict[str, DateRange] = OrderedDict()
        self._ahead: deque[_Range] = deque()
        """Those that have not begun, in order."""
        self._running: list[_Range] = []
        self._ins_seen = False

    @property
    def on(self) -> bool:
        """Whether anything is announced that is not over."""
        return bool(self._ahead or self._running)

    def listed(self, playlist: MediaPlaylist, *, first: bool) -> None:
        """Take the date ranges of a load. `first`: what ends here may have begun before we came."""
        learned = False
        for one in playlist.date_ranges:
            if one.start is None or self._read.get(one.id) == one:
                continue
            learned = True
            self._read[one.id] = one
            known = self._ranges.get(one.id) or _Range(one.id)
            _learn(known, one)
            if known.begins or known.ends or known.slate:
                self._ranges[one.id] = known
        if first:
            self._settle()
        if learned:
            ahead = [one for one in self._ranges.values() if one.state is _State.AHEAD]
            self._ahead = deque(sorted(ahead, key=lambda one: one.start))
        for kept in (self._read, self._ranges):
            while len(kept) > _KEPT:
                kept.popitem(last=False)

    def _settle(self) -> None:
        """Of what was listed when we came, returns are over, and so are the breaks before them."""
        returns = [one for one in self._ranges.values() if one.ends and not one.begins]
        for one in returns:
            one.state = _State.OVER
        for one in self._ranges.values():
            if one.end is None and any(back.start >= one.start for back in returns):
                one.state = _State.OVER

    def take(self, segment: MediaSegment, at_s: float, *, near_s: float) -> list[Finding]:
        """Take a new segment at media time `at_s`: what begins or ends in it, at its place."""
        if segment.program_date_time is None:
            return []
        date = segment.program_date_time.timestamp()
        until = date + segment.duration_s
        findings: list[Finding] = []
        while self._ahead and self._ahead[0].start < until:
            one = self._ahead.popleft()
            findings += self._begin(one, segment, date, at_s, near_s)
            if one.state is _State.ON and len(self._running) < _MOST_RUNNING:
                self._running.append(one)
            findings += self._pass(segment, date, until, at_s)
        if self._running:
            findings += self._pass(segment, date, until, at_s)
        return findings

    def _pass(self, segment: MediaSegment, date: float, until: float, at_s: float) -> list[Finding]:
        """End what ends in a segment."""
        findings: list[Finding] = []
        for one in self._running:
            spans = self._slates if one.slate else self._ads
            if one.state is _State.OVER:
                continue
            if one.end is not None:
                if one.end <= until:
                    one.state = _State.OVER
                    self._ins_seen = self._ins_seen or one.ends
                    findings += spans.end(at_s + one.end - date)
            elif one.begins and one.ends:
                one.state = _State.OVER
                self._ins_seen = True
                findings += spans.end(at_s)
            elif one.planned_s is not None:
                findings += self._overrun(one, segment, date, at_s)
        self._running = [one for one in self._running if one.state is _State.ON]
        return findings

    def _begin(
        self, one: _Range, segment: MediaSegment, date: float, at_s: float, near_s: float
    ) -> list[Finding]:
        offset_s = one.start - date
        if not one.begins and not one.slate:
            one.state = _State.OVER
            return self._return(one, segment, at_s + offset_s)
        end = one.end
        if end is None and one.planned_s is not None:
            end = one.start + one.planned_s
        endless = end is None and offset_s < -MAX_SPAN_S
        if endless or (end is not None and end <= date) or (one.end is None and one.begins and one.ends):
            one.state = _State.OVER
            return []
        one.state = _State.ON
        begin_s = max(at_s + offset_s, 0.0) if -near_s < offset_s else at_s
        planned_s = None if end is None else at_s + end - date - begin_s
        more = {"id": one.id[:64]} | ({} if one.event_id is None else {"event_id": one.event_id})
        spans = self._slates if one.slate else self._ads
        return spans.begin(begin_s, planned_s=planned_s, near_s=near_s, signal=one.signal, **more)

    def _return(self, one: _Range, segment: MediaSegment, at_s: float) -> list[Finding]:
        """A splice back that has an ID of its own."""
        self._ins_seen = True
        partners = [other for other in self._running if other.begins]
        for partner in partners:
            partner.state = _State.OVER
        if partners or self._ads.on:
            return self._ads.end(at_s)
        return self._report.event(
            Reason.CUE_UNPAIRED,
            f"SCTE35-IN without SCTE35-OUT: date range {one.id[:64]!r}",
            at_s=max(at_s, 0.0),
            id=one.id[:64],
            sequence=segment.sequence,
        )

    def _overrun(self, one: _Range, segment: MediaSegment, date: float, at_s: float) -> list[Finding]:
        assert one.planned_s is not None
        over_s = date - one.start - one.planned_s
        if over_s < self._report.checks.limit(Reason.CUE_UNPAIRED):
            return []
        one.state = _State.OVER
        if one.slate or not (one.must_return or self._ins_seen):
            return []
        return self._report.event(
            Reason.CUE_UNPAIRED,
            f"no SCTE35-IN after a break of {one.planned_s:g} s: date range {one.id[:64]!r}",
            at_s=at_s,
            value=round(over_s, 3),
            unit="s",
            id=one.id[:64],
            sequence=segment.sequence,
        )


def _learn(known: _Range, one: DateRange) -> None:
    """Add what one tag says to what its ID is known for."""
    start, end = date_range_edges(one)
    if start is not None and math.isinf(known.start):
        known.start = start
    if end is not None and (one.end is not None or one.duration_s is not None):
        known.end = end
    if one.planned_duration_s is not None:
        known.planned_s = one.planned_duration_s
    known.slate = known.slate or "slate" in (one.class_name or "").lower()
    splice = None
    for text in (one.scte35_out, one.scte35_in, one.scte35_cmd):
        splice = _splice(text) or splice
    if one.scte35_out is not None:
        known.begins, known.signal = True, "scte35-out"
    if one.scte35_in is not None:
        known.ends = True
    if splice is None:
        return
    if one.scte35_cmd is not None:
        known.signal = "scte35-cmd"
        known.begins = known.begins or splice.begins
        known.ends = known.ends or (splice.ends and not splice.begins)
    descriptors = splice.segmentation
    known.event_id = splice.event_id or (descriptors[0].event_id if descriptors else known.event_id)
    if splice.begins:
        known.planned_s = known.planned_s if known.planned_s is not None else splice.break_s
        known.must_return = splice.auto_return is False


def _splice(text: str | None) -> scte35.Splice | None:
    if text is None:
        return None
    try:
        return scte35.from_text(text)
    except ValueError:
        return None
