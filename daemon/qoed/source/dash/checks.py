"""What an MPD and its successors show: stale, older than before, holes, Periods that do not meet. No IO."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from typing import TypeVar

from qoed.errors import SourceError
from qoed.model import Finding, Reason
from qoed.source.dash.ladder_checks import LadderChecks
from qoed.source.dash.mpd import Run
from qoed.source.dash.presentation import Presentation, Track
from qoed.source.exchange import PlaylistExchange
from qoed.source.options import SourceOptions
from qoed.source.report import Report
from qoed.source.stale import stands_still

_V = TypeVar("_V")
_KEPT = 512
_UPDATES_STALE = 1.5
"""An MPD that is to change every so often may take this many times as long before it is called stale."""


class ManifestChecks:
    """Follows the MPD of one stream. It outlives a source's restart, so that what began also ends."""

    def __init__(self, report: Report, options: SourceOptions) -> None:
        self._report = report
        self._ladder = LadderChecks(report.stream, options)
        self._options = options
        self._exchange = PlaylistExchange(options, report.lasting, what="MPD")
        self._published_s = -math.inf
        self._reached: OrderedDict[str, float] = OrderedDict()
        self._looked: OrderedDict[str, float] = OrderedDict()
        self._departed: OrderedDict[str, None] = OrderedDict()
        self._regressed: tuple[float, float] | None = None
        self._back_s = 0.0
        self._last_new = 0.0
        self._newest_s = -math.inf
        self._limit_s = math.inf

    @property
    def stale_at(self) -> float:
        """Monotonic instant at which the MPD turns stale if nothing new is listed; inf: never."""
        stale = Reason.PLAYLIST_STALE in self._report.lasting
        return math.inf if stale else self._last_new + self._limit_s

    def loaded(
        self, presentation: Presentation, now: float, now_s: float, *, took_s: float | None, changed: bool
    ) -> list[Finding]:
        """Take an MPD that was loaded at monotonic `now`, `now_s` by the presentation's clock."""
        target = max((presentation.target_s(name) for name in presentation.names), default=0.0)
        findings = self._exchange.loaded(now, took_s=took_s, target_s=target if presentation.live else None)
        if changed:
            findings += self._older(presentation, now)
            findings += self._periods(presentation)
            findings += self._timelines(presentation, now)
        findings += self._ladder.loaded(presentation, now, now_s)
        return findings + self._progress(presentation, target, now, now_s)

    def failed(self, error: SourceError, now: float) -> list[Finding]:
        """Take a load that failed."""
        return self._exchange.failed(error, now)

    def restarted(self, now: float) -> bool:
        """True, once, when the MPD has moved on behind where it was for so long that it is taken for new."""
        if self._regressed is None:
            return False
        since, furthest_back = self._regressed
        if now - since < self._limit_s or self._back_s >= furthest_back:
            return False
        self._regressed = None
        self._reached.clear()
        self._looked.clear()
        self._newest_s = -math.inf
        return True

    # --- is it older?

    def _older(self, presentation: Presentation, now: float) -> list[Finding]:
        """A copy from a cache or server that lags: by publishTime, or by the newest segment it lists."""
        published = presentation.mpd.published_s
        # Two packagers of one stream may publish at slightly different times.
        slack = max((presentation.target_s(name) for name in presentation.names), default=0.0)
        by_time = published is not None and published < self._published_s - max(slack, 1.0)
        back = 0.0
        if presentation.live:
            for name in presentation.names:
                reach = presentation.listed_s(name)
                if reach is None:
                    continue
                known = self._reached.get(name, -math.inf)
                slack = presentation.target_s(name) / 2
                back = max(back, known - reach if known - reach > slack else 0.0)
                _remember(self._reached, name, max(known, reach))
        if not back:
            self._regressed = None
        elif self._regressed is None:
            self._regressed = (now, back)
        else:
            self._regressed = (self._regressed[0], max(back, self._regressed[1]))
        self._back_s = back
        before, self._published_s = self._published_s, published or -math.inf
        if not by_time and not back:
            return []
        what = []
        if by_time and published is not None:
            what.append(f"publishTime is {before - published:.3g} s older")
        if back:
            what.append(f"its newest segment ends {back:.3g} s earlier")
        return self._report.rarely(
            Reason.MANIFEST_REGRESSION,
            now,
            f"MPD is older than the one before: {', '.join(what)}",
            value=round(back or before - (published or 0.0), 3),
            unit="s",
        )

    # --- does it move?

    def _progress(self, presentation: Presentation, target: float, now: float, now_s: float) -> list[Finding]:
        ended = presentation.over(now_s)
        reach = max((presentation.reach_s(name, now_s) for name in presentation.names), default=-math.inf)
        waiting = now_s < presentation.mpd.available_s
        first = self._limit_s == math.inf
        self._limit_s = math.inf
        if not ended and reach < math.inf:
            self._limit_s = self._stale_limit_s(presentation, target)
        fresh = reach > self._newest_s + 1e-3
        self._newest_s = max(reach, self._newest_s) if reach < math.inf else self._newest_s
        if fresh or ended or waiting or first:
            self._last_new = now
            text = "the presentation has ended" if ended else "MPD moves again"
            return self._report.end(Reason.PLAYLIST_STALE, now, text)
        return stands_still(
            self._report, now, since=self._last_new, limit_s=self._limit_s, target_s=round(target, 3)
        )

    def _stale_limit_s(self, presentation: Presentation, target: float) -> float:
        limit = self._options.stale_limit_s(target)
        if self._options.stale_after_s is not None:
            return limit
        return max(limit, (presentation.mpd.update_s or 0.0) * _UPDATES_STALE + target)

    # --- do Periods and timelines hang together?

    def _periods(self, presentation: Presentation) -> list[Finding]:
        """@start against the end that the Period before announces; once for each Period."""
        findings = []
        limit = self._report.checks.limit(Reason.PERIOD_GAP)
        for period in presentation.mpd.periods:
            key = f"{period.id} {period.start_s:.3f}"
            if abs(period.departs_s) <= limit or key in self._departed:
                continue
            _remember(self._departed, key, None)
            when = "later" if period.departs_s > 0 else "earlier"
            findings += self._report.event(
                Reason.PERIOD_GAP,
                f"Period {period.id[:64]} begins {abs(period.departs_s):.3g} s {when}"
                " than the one before it ends",
                value=round(abs(period.departs_s), 3),
                unit="s",
                period=period.id[:64],
                presentation_time_s=round(period.start_s, 3),
            )
        return findings

    def _timelines(self, presentation: Presentation, now: float) -> list[Finding]:
        """Holes and overlaps in what each SegmentTimeline lists anew, the largest of each told."""
        findings: list[Finding] = []
        told: set[int] = set()
        for name in presentation.names:
            looked = self._looked.get(name, -math.inf)
            steps: list[tuple[float, float]] = []
            for track in presentation.of(name):
                runs = getattr(track.representation.addressing, "runs", None)
                if not runs:
                    continue
                if id(runs) not in told:
                    told.add(id(runs))
                    steps += _jumps(track, runs, presentation.origin_s, looked)
                end = runs[-1].start if runs[-1].end is None else runs[-1].end
                place = presentation.origin_s + _place(track, end)
                looked = max(looked, place)
            if looked > -math.inf:
                _remember(self._looked, name, looked)
            findings += self._jumps(Reason.TIMELINE_GAP, name, steps, presentation, now)
            findings += self._jumps(Reason.TIMELINE_OVERLAP, name, steps, presentation, now)
        return findings

    def _jumps(
        self,
        reason: Reason,
        name: str,
        steps: list[tuple[float, float]],
        presentation: Presentation,
        now: float,
    ) -> list[Finding]:
        sign = 1.0 if reason is Reason.TIMELINE_GAP else -1.0
        limit = self._report.checks.limit(reason)
        found = [(jump * sign, at_s) for jump, at_s in steps if jump * sign > limit]
        if not found:
            return []
        size, at_s = max(found)
        what = "a hole" if reason is Reason.TIMELINE_GAP else "an overlap"
        return self._report.rarely(
            reason,
            now,
            f"SegmentTimeline of {name} has {what} of {size:.3g} s",
            value=round(size, 3),
            unit="s",
            rendition=name,
            count=len(found),
            presentation_time_s=round(at_s - presentation.origin_s, 3),
        )


def _jumps(
    track: Track, runs: tuple[Run, ...], origin_s: float, looked: float
) -> Iterator[tuple[float, float]]:
    """(jump, place) where a run begins later (positive) or earlier than the one before ends."""
    how = track.representation.addressing
    first, seen = 0, -1
    if looked > -math.inf:
        seen = round((looked - origin_s - track.period.start_s) * how.timescale) + how.presentation_offset
        first = max(bisect_right(runs, seen - 1, key=lambda run: run.start) - 2, 0)
    for before, run in zip(runs[first:], runs[first + 1 :], strict=False):
        end = before.end
        if end is not None and end != run.start and end >= seen:
            yield (run.start - end) / how.timescale, origin_s + _place(track, end)


def _place(track: Track, time: int) -> float:
    """Presentation time of a media time."""
    how = track.representation.addressing
    return track.period.start_s + (time - how.presentation_offset) / how.timescale


def _remember(kept: OrderedDict[str, _V], key: str, value: _V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _KEPT:
        kept.popitem(last=False)
