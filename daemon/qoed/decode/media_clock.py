"""From the media's own clock to media time."""

from __future__ import annotations

import math


class MediaClock:
    """Knows one moment on both; the media's clock may begin anew after `period_s`."""

    def __init__(self, clock_s: float, media_s: float, period_s: float | None) -> None:
        self.begin_s = media_s
        self._clock_s = clock_s
        self._period_s = period_s

    def media_s(self, clock_s: float) -> float:
        """Media time of a time on the media's clock."""
        if self._period_s is not None and abs(clock_s - self._clock_s) > self._period_s / 2:
            clock_s -= math.copysign(self._period_s, clock_s - self._clock_s)
        return self.begin_s + clock_s - self._clock_s
