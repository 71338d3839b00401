"""Ladder self-reference: the top rung as pseudo-reference for the others. Pure.

All rungs show the same pictures at the same media times, so what the content does to scores cancels out in
the difference to the top rung; what is left is the rung's own doing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from qoed.model import Rendition

if TYPE_CHECKING:
    from qoed.roll import Point

FORGOTTEN_S = 300.0
"""A rung that is so far behind the others' newest second is no reference any more."""


class Rank(NamedTuple):
    """A rung's place in its ladder: taller first, then more bits."""

    height: int
    bandwidth_bps: int


def rank_of(rendition: Rendition, measured_height: int | None = None) -> Rank | None:
    """The rung's place by what is declared, or else by the picture; None when neither says anything."""
    height, bandwidth_bps = rendition.height or measured_height, rendition.bandwidth_bps
    return Rank(height or 0, bandwidth_bps or 0) if height or bandwidth_bps else None


def top_of(ranks: Mapping[str, Rank], timelines: Mapping[str, Sequence[Point]]) -> str | None:
    """The highest rung of those that have scores lately; of equals the one known first."""
    newest_s = max((points[-1].media_time_s for points in timelines.values() if points), default=0.0)
    scored = [
        rendition
        for rendition in ranks
        if (points := timelines.get(rendition))
        and points[-1].media_time_s >= newest_s - FORGOTTEN_S
        and any(point.score is not None for point in reversed(points))
    ]
    return max(scored, key=lambda rendition: ranks[rendition], default=None)


def difference(points: Sequence[Point], top: Sequence[Point], span_s: float) -> tuple[float | None, int]:
    """(mean of score - top's score, number of seconds) over those that both have scores for.

    Both are in order of time. Clips are of the same second when they begin less than half a span apart.
    """
    differences: list[float] = []
    reference = iter(top)
    other = next(reference, None)
    for point in points:
        while other is not None and other.media_time_s <= point.media_time_s - span_s / 2:
            other = next(reference, None)
        if other is None:
            break
        near = other.media_time_s < point.media_time_s + span_s / 2
        if near and point.score is not None and other.score is not None:
            differences.append(point.score - other.score)
    if not differences:
        return None, 0
    return math.fsum(differences) / len(differences), len(differences)
