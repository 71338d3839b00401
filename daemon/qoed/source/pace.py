"""Releasing media that is already there at the speed at which it plays."""

from __future__ import annotations

from qoed.clock import Clock
from qoed.source.options import Pace


class Pacer:
    """Holds each segment back until its media time has come; `fast` never holds."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._origin: float | None = None

    async def wait(self, media_time_s: float) -> None:
        """Return when `media_time_s` is due; the first call starts the clock."""
        if self._pace == "fast":
            return
        now = self._clock.monotonic()
        if self._origin is None:
            self._origin = now - media_time_s
        due = self._origin + media_time_s
        if due > now:
            await self._clock.sleep(due - now)
