"""Stage 6, roll: clip scores become rolling windows over media time. Wall clocks play no part here."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from qoed.ladder import Rank, difference, rank_of, top_of
from qoed.model import Rendition, Score, Window

WINDOWS_S = (10.0, 60.0, 300.0)
"""The three window lengths, seconds of media time."""

WINDOW_NAMES = {10.0: "10s", 60.0: "1m", 300.0: "5m"}
"""The windows' names in rules and payloads."""

LATE_S = 60.0
"""A clip at most so far behind the newest is late and takes its place; further behind, time has restarted."""

_EDGE_S = 1e-3
"""Media times are sums of floats: a clip on a window's edge counts despite rounding."""


class Point(NamedTuple):
    """One clip on its rendition's timeline; an abstained one has no score, yet moves time on."""

    media_time_s: float
    score: float | None
    lo: float | None
    hi: float | None
    holds_s: float | None = None
    """How long the score stands until another comes, where that is longer than the clip."""


def insert(points: Sequence[Point], point: Point, *, span_s: float = 1.0) -> tuple[Point, ...]:
    """`points` (ascending) with `point` in its place.

    A clip that starts within half a span of another is that second measured again: the newer measurement
    replaces the older, but an abstention never replaces a score. Points before the longest window are let go.
    """
    if points and point.media_time_s < points[-1].media_time_s - LATE_S:
        return (point,)
    kept = list(points)
    at = bisect_left(kept, point.media_time_s, key=_time)
    twins = [
        i
        for i in (at - 1, at)
        if 0 <= i < len(kept) and abs(kept[i].media_time_s - point.media_time_s) < span_s / 2
    ]
    if twins and point.score is None and any(kept[i].score is not None for i in twins):
        return tuple(kept)
    for i in reversed(twins):
        del kept[i]
    kept.insert(bisect_left(kept, point.media_time_s, key=_time), point)
    oldest_s = kept[-1].media_time_s + span_s - WINDOWS_S[-1] - _EDGE_S
    return tuple(kept[bisect_left(kept, oldest_s, key=_time) :])


def aggregate(
    points: Sequence[Point], window_s: float, *, stream: str, rendition: str, span_s: float = 1.0
) -> Window:
    """The last `window_s` seconds of `points` (ascending, not empty), which end with the newest clip's end.

    A clip counts when all of it lies inside. `p05` interpolates linearly between ranks, as NumPy does.
    Without any score every statistic is None.
    """
    newest_s = points[-1].media_time_s
    first = _first(points, window_s, span_s)
    inside = points[first:]
    scored = [point for point in inside if point.score is not None]
    values = sorted(point.score for point in scored if point.score is not None)
    return Window(
        stream=stream,
        rendition=rendition,
        window_s=window_s,
        media_time_s=newest_s,
        count=len(values),
        coverage=min(1.0, _covered_s([point.media_time_s for point in scored], span_s) / window_s),
        mean=_mean(values),
        p05=_percentile(values, 0.05),
        min=values[0] if values else None,
        lo=_mean([point.lo for point in scored if point.lo is not None]),
        hi=_mean([point.hi for point in scored if point.hi is not None]),
        reach=_reach(points[max(0, first - 1) :], newest_s + span_s, window_s, span_s),
    )


@dataclass(slots=True)
class Roller:
    """Keeps each rendition's last five minutes; memory is bounded by the windows, not by the input.

    `span_s` is the media time that one clip stands for (`Recipe.span_s`).
    """

    span_s: float = 1.0
    _timelines: dict[str, dict[str, tuple[Point, ...]]] = field(default_factory=dict)
    _ranks: dict[str, dict[str, Rank]] = field(default_factory=dict)

    def know(self, stream: str, rendition: Rendition, measured_height: int | None = None) -> None:
        """Note a rung's place in its stream's ladder."""
        rank = rank_of(rendition, measured_height)
        if rank is not None:
            self._ranks.setdefault(stream, {})[rendition.id] = rank

    def add(self, score: Score) -> tuple[Window, ...]:
        """Take one clip's score and return its rendition's windows (10 s, 1 m, 5 m) as they now stand.

        Raises ValueError for a media time that is not finite.
        """
        if not math.isfinite(score.media_time_s):
            raise ValueError(
                f"{score.stream}/{score.rendition}: media time {score.media_time_s} is not finite"
            )
        point = Point(score.media_time_s, score.score, score.lo, score.hi, score.holds_s)
        timelines = self._timelines.setdefault(score.stream, {})
        points = insert(timelines.get(score.rendition, ()), point, span_s=self.span_s)
        timelines[score.rendition] = points
        top = self._top(score.stream)
        return tuple(
            self._compared(
                aggregate(
                    points, window_s, stream=score.stream, rendition=score.rendition, span_s=self.span_s
                ),
                points,
                top,
            )
            for window_s in WINDOWS_S
        )

    def followers(self, score: Score) -> tuple[Window, ...]:
        """After a score of the top rung: the shortest windows of the rungs that are compared with it."""
        timelines = self._timelines.get(score.stream, {})
        top = self._top(score.stream)
        if top != score.rendition:
            return ()
        windows = (
            self._compared(
                aggregate(points, WINDOWS_S[0], stream=score.stream, rendition=name, span_s=self.span_s),
                points,
                top,
            )
            for name, points in timelines.items()
            if name != top
        )
        return tuple(window for window in windows if window.vs_top is not None)

    def forget(self, stream: str, rendition: str | None = None) -> None:
        """Let go of a stream, or of one rendition of it, that is no longer watched."""
        for kept in (self._timelines, self._ranks):
            if rendition is None:
                kept.pop(stream, None)
            else:
                kept.get(stream, {}).pop(rendition, None)

    def __len__(self) -> int:
        """Points held over all renditions."""
        return sum(len(points) for stream in self._timelines.values() for points in stream.values())

    def _top(self, stream: str) -> str | None:
        return top_of(self._ranks.get(stream, {}), self._timelines.get(stream, {}))

    def _compared(self, window: Window, points: tuple[Point, ...], top: str | None) -> Window:
        """The window with its difference to the top rung."""
        if top is None or top == window.rendition or window.rendition not in self._ranks[window.stream]:
            return window
        mine = points[_first(points, window.window_s, self.span_s) :]
        others = self._timelines[window.stream][top]
        since = bisect_left(others, mine[0].media_time_s - self.span_s, key=_time)
        mean, count = difference(mine, others[since:], self.span_s)
        return replace(window, vs_top=mean, vs_top_count=count)


def _first(points: Sequence[Point], window_s: float, span_s: float) -> int:
    """Index of the first clip of which all lies inside the window."""
    return bisect_left(points, points[-1].media_time_s + span_s - window_s - _EDGE_S, key=_time)


def _reach(points: Sequence[Point], end_s: float, window_s: float, span_s: float) -> float | None:
    """Share of the window that scores stand for, each until the next clip; None: none outlasts its clip."""
    if all(point.holds_s is None for point in points):
        return None
    start_s, reached_s = end_s - window_s, 0.0
    ends = [point.media_time_s for point in points[1:]] + [end_s]
    for point, next_s in zip(points, ends, strict=True):
        if point.score is not None:
            until_s = min(point.media_time_s + max(span_s, point.holds_s or 0.0), next_s)
            reached_s += max(0.0, until_s - max(start_s, point.media_time_s))
    return min(1.0, reached_s / window_s)


def _time(point: Point) -> float:
    return point.media_time_s


def _covered_s(starts: Sequence[float], span_s: float) -> float:
    """Length of the union of the clips that start at `starts` (ascending)."""
    gaps = (min(span_s, later - earlier) for earlier, later in pairwise(starts))
    return sum(gaps) + (span_s if starts else 0.0)


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    rank = share * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (rank - low) * (ordered[high] - ordered[low])
