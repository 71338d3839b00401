"""Stage 6, roll: clip scores become rolling windows over media time. Wall clocks play no part here."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from qoed.model import Score, Window

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
    start_s = newest_s + span_s - window_s - _EDGE_S
    inside = points[bisect_left(points, start_s, key=_time) :]
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
    )


@dataclass(slots=True)
class Roller:
    """Keeps each rendition's last five minutes; memory is bounded by the windows, not by the input.

    `span_s` is the media time that one clip stands for (`Recipe.span_s`).
    """

    span_s: float = 1.0
    _timelines: dict[tuple[str, str], tuple[Point, ...]] = field(default_factory=dict)

    def add(self, score: Score) -> tuple[Window, ...]:
        """Take one clip's score and return its rendition's windows (10 s, 1 m, 5 m) as they now stand.

        Raises ValueError for a media time that is not finite.
        """
        if not math.isfinite(score.media_time_s):
            raise ValueError(
                f"{score.stream}/{score.rendition}: media time {score.media_time_s} is not finite"
            )
        key = (score.stream, score.rendition)
        point = Point(score.media_time_s, score.score, score.lo, score.hi)
        points = insert(self._timelines.get(key, ()), point, span_s=self.span_s)
        self._timelines[key] = points
        return tuple(
            aggregate(points, window_s, stream=score.stream, rendition=score.rendition, span_s=self.span_s)
            for window_s in WINDOWS_S
        )

    def forget(self, stream: str, rendition: str | None = None) -> None:
        """Let go of a stream, or of one rendition of it, that is no longer watched."""
        for key in [k for k in self._timelines if k[0] == stream and rendition in (None, k[1])]:
            del self._timelines[key]

    def __len__(self) -> int:
        """Points held over all renditions."""
        return sum(len(points) for points in self._timelines.values())


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
