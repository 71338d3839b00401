"""How long something that must come again and again stayed away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Wait:
    """The longest wait for one thing, in seconds of the stream."""

    def __init__(self, since_s: float, limit_s: float) -> None:
        self._limit_s = limit_s
        self._last_s = since_s
        self._worst: tuple[float, float] | None = None

    def seen(self, at_s: float) -> None:
        """It came."""
        self._note(at_s)
        self._last_s = max(at_s, self._last_s)

    def seen_often(self, times_s: NDArray[np.float64]) -> None:
        """It came at these moments, in order."""
        self.seen(float(times_s[0]))
        steps = np.diff(times_s)
        if steps.size and steps.max() > self._limit_s:
            at = int(steps.argmax())
            self._last_s = float(times_s[at])
            self.seen(float(times_s[at + 1]))
        self._last_s = max(self._last_s, float(times_s[-1]))

    def take(self, now_s: float) -> tuple[float, float] | None:
        """(seconds, since when) of the longest wait above the limit since the last call, up to now."""
        self._note(now_s)
        worst, self._worst = self._worst, None
        return worst

    def _note(self, now_s: float) -> None:
        waited = now_s - self._last_s
        if waited > self._limit_s + 1e-6 and (self._worst is None or waited > self._worst[0]):
            self._worst = waited, self._last_s
