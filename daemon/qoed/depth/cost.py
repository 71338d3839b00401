"""What looking at a stream costs: CPU seconds per second of media at each depth, as measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from qoed.depth.sampling import SAMPLE_EVERY_S

MEMORY_S = 30.0
"""Media time after which an old measurement counts for about a third."""
TYPICAL_SEGMENT_S = 4.0
LEAST_MEDIA_S = 1.0
"""What less media than this cost is not drawn out to a whole second."""
SILENT_S = 30.0
"""A rendition that was not decoded for so long costs nothing now."""
GUESS_S = 0.1
"""Cost of one rendition in light depth before anything is measured: 1080p30 H.264 on one current core."""
RATIO = {"full": 1.0, "light": 0.7, "extra_light": 0.1}
"""Costs of decoding at each depth in relation to each other, until they are measured (bench/decode_cost)."""


@dataclass(slots=True)
class _Spent:
    """CPU and media seconds, old ones fading."""

    cpu_s: float = 0.0
    media_s: float = 0.0

    def add(self, cpu_s: float, media_s: float) -> None:
        fade = math.exp(-media_s / MEMORY_S)
        self.cpu_s = fade * self.cpu_s + cpu_s
        self.media_s = fade * self.media_s + media_s

    @property
    def rate(self) -> float:
        return self.cpu_s / max(self.media_s, LEAST_MEDIA_S)


@dataclass(slots=True)
class _Rendition:
    spent: dict[str, _Spent] = field(default_factory=dict)
    """By the depth that was decoded."""
    segment_s: float = 0.0
    heard_at: float = 0.0

    def rate(self, depth: str) -> float:
        """Measured, or guessed from the deepest measurement."""
        if depth in self.spent:
            return self.spent[depth].rate
        known = next(other for other in RATIO if other in self.spent)
        return self.spent[known].rate * RATIO[depth] / RATIO[known]


@dataclass(slots=True)
class Cost:
    """One stream's cost. `now` is monotonic seconds."""

    added_at: float
    _renditions: dict[str, _Rendition] = field(default_factory=dict)

    def spent(self, rendition: str, depth: str, cpu_s: float, media_s: float, now: float) -> None:
        """A segment, or a part of one, of `media_s` seconds was decoded at `depth`."""
        known = self._renditions.setdefault(rendition, _Rendition())
        known.heard_at = now
        known.spent.setdefault(depth, _Spent()).add(cpu_s, max(0.0, media_s))

    def segment(self, rendition: str, duration_s: float) -> None:
        """A whole segment lasted so long."""
        self._renditions.setdefault(rendition, _Rendition()).segment_s = duration_s

    def forget(self, rendition: str) -> None:
        """A rendition is no longer watched."""
        self._renditions.pop(rendition, None)

    def at_levels(self, now: float) -> tuple[float, float, float]:
        """CPU seconds a second at extra_light, light and full, never falling."""
        measured = [each for each in self._renditions.values() if each.spent]
        guess = _Rendition(spent={"light": _Spent(GUESS_S, 1.0)}, heard_at=self.added_at)
        sparing = light = full = 0.0
        for each in measured or [guess]:
            if now - each.heard_at < SILENT_S:
                rate = each.rate("light")
                # At extra_light some segments are decoded as light.
                share = min(1.0, (each.segment_s or TYPICAL_SEGMENT_S) / SAMPLE_EVERY_S)
                sparing += share * rate + (1 - share) * each.rate("extra_light")
                light += rate
                full += each.rate("full")
        light = max(light, sparing)
        return sparing, light, max(full, light)
