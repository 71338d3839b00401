"""Differences of times on a media clock that may begin anew."""

from __future__ import annotations


def apart(later_s: float, earlier_s: float, period_s: float | None) -> float:
    """`later_s - earlier_s`; of a clock with a period the shorter way round."""
    difference = later_s - earlier_s
    if period_s is None or abs(difference) <= period_s / 2:
        return difference
    return (difference + period_s / 2) % period_s - period_s / 2
