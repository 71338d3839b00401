"""Spreads what would all begin at once: many streams started together would also be polled together."""

from __future__ import annotations

STARTS_PER_S = 100.0
"""A ladder's first playlists and segments cost some 10 ms of CPU; polls keep the phases of their starts."""


class Turns:
    """Gives out turns, `per_s` of them a second."""

    def __init__(self, per_s: float = STARTS_PER_S) -> None:
        self._period_s = 1.0 / per_s
        self._next = float("-inf")

    def wait_s(self, now: float) -> float:
        """Seconds from `now` until the caller's turn; 0 when nobody had one just before."""
        turn = max(self._next, now)
        self._next = turn + self._period_s
        return turn - now
