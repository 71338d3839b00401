"""Which worker a rendition belongs to: always the same one, spread by pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from qoed.clock import Clock
from qoed.model import Segment

IDLE_S = 600.0
"""A rendition that was silent for so long has no place any more."""
_USUAL_PIXELS = 1280 * 720


class Affinity:
    """Stable, balanced assignment of renditions to `slots` places."""

    def __init__(self, slots: int, clock: Clock) -> None:
        self._slots = slots
        self._clock = clock
        self._places: dict[tuple[str, str], tuple[int, int, float]] = {}
        """(slot, pixels, last used) by (stream, rendition)."""

    def slot_of(self, segment: Segment, *, avoid: Collection[int] = ()) -> int:
        """The place of the segment's rendition; a new one if it has none or its place is to be avoided."""
        key = (segment.stream, segment.rendition.id)
        now = self._clock.monotonic()
        slot, pixels, _ = self._places.get(key, (None, _pixels(segment), now))
        if slot is None or (slot in avoid and len(avoid) < self._slots):
            self._expire(now)
            self._places.pop(key, None)
            slot = self._lightest(avoid if len(avoid) < self._slots else ())
        self._places[key] = (slot, pixels, now)
        return slot

    def forget(self, stream: str) -> None:
        """Free the places of a stream that is gone."""
        for key in [key for key in self._places if key[0] == stream]:
            del self._places[key]

    def _lightest(self, avoid: Collection[int]) -> int:
        load: dict[int, int] = defaultdict(int)
        for slot, pixels, _ in self._places.values():
            load[slot] += pixels
        return min((slot for slot in range(self._slots) if slot not in avoid), key=lambda slot: load[slot])

    def _expire(self, now: float) -> None:
        for key, (_, _, used) in [*self._places.items()]:
            if now - used > IDLE_S:
                del self._places[key]


def _pixels(segment: Segment) -> int:
    rendition = segment.rendition
    return (rendition.width or 0) * (rendition.height or 0) or _USUAL_PIXELS
