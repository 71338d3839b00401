"""What looking at a stream costs: CPU seconds per second of media at each depth, as measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from qoed.depth.plan import LEVELS
from qoed.depth.sampling import SAMPLE_EVERY_S

MEMORY_S = 30.0
"""Media time after which an old measurement counts for about a third."""
SILENT_S = 30.0
"""A rendition that was not decoded for so long costs nothing now."""
GUESS_S = 0.1
"""Cost of one rendition in light depth before anything is measured: 1080p30 H.264 on one current core."""
RATIO = {"full": 1.0, "light": 0.7, "extra_light": 0.15}
"""Costs of decoding at each depth in relation to one another, until they are measured (x264, 3 B-frames)."""


@dataclass(slots=True)
class _Rendition:
    rates: dict[str, float] = field(default_factory=dict)
    """CPU seconds per second of media, by the depth that was decoded."""
    segment_s: float = 0.0
    heard_at: float = 0.0

    def rate(self, depth: str) -> float:
        """Measured, or guessed from the deepest measurement."""
        if depth in self.rates:
            return self.rates[depth]
        known = next(other for other in RATIO if other in self.rates)
        return self.rates[known] * RATIO[depth] / RATIO[known]


@dataclass(slots=True)
class Cost:
    """One stream's cost. `now` is monotonic seconds."""

    added_at: float
    _renditions: dict[str, _Rendition] = field(default_factory=dict)

    def spent(self, rendition: str, depth: str, cpu_s: float, media_s: float, now: float) -> None:
        """A segment, or a part of one, of `media_s` seconds was decoded at `depth`."""
        known = self._renditions.setdefault(rendition, _Rendition())
        known.heard_at = now
        if media_s <= 0:
            return
        rate = cpu_s / media_s
        before = known.rates.get(depth, rate)
        known.rates[depth] = before + (1 - math.exp(-media_s / MEMORY_S)) * (rate - before)

    def segment(self, rendition: str, duration_s: float) -> None:
        """A whole segment lasted so long."""
        self._renditions.setdefault(rendition, _Rendition()).segment_s = duration_s

    def forget(self, rendition: str) -> None:
        """A rendition is no longer watched."""
        self._renditions.pop(rendition, None)

    def at_levels(self, now: float) -> tuple[float, float, float]:
        """CPU seconds a second at each of `LEVELS`, in their order and never falling."""
        rates = {depth: self._rate(depth, now) for depth in LEVELS}
        light = max(rates["light"], rates["extra_light"])
        return (rates["extra_light"], light, max(rates["full"], light))

    def _rate(self, level: str, now: float) -> float:
        measured = [each for each in self._renditions.values() if each.rates]
        guess = _Rendition(rates={"light": GUESS_S}, heard_at=self.added_at)
        heard = (each for each in measured or [guess] if now - each.heard_at < SILENT_S)
        return sum(_level_rate(each, level) for each in heard)


def _level_rate(rendition: _Rendition, level: str) -> float:
    """At extra_light some segments are decoded as light."""
    if level != "extra_light":
        return rendition.rate(level)
    share = _sampled(rendition.segment_s)
    return share * rendition.rate("light") + (1 - share) * rendition.rate("extra_light")


def _sampled(segment_s: float) -> float:
    """Share of the media that extra_light decodes as light, with segments of this length."""
    return min(1.0, (segment_s or 4.0) / SAMPLE_EVERY_S)
