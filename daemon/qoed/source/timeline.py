"""Media time: one line for all renditions of a stream, by program date-time or else by sequence."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

_JITTER_S = 0.5
"""Program date-time may stray this far (or half a segment) from the durations and is still followed."""
_MAX_HOLE_S = 600.0
"""A leap ahead up to this is a hole in the stream; a longer one is a clock that was set."""
_MAX_LEAD_S = 30.0
"""A rendition may begin this much before the stream's first segment (it lags); more is another clock."""
_MAX_SEQUENCE_LEAD = 64
_KEPT_SEQUENCES = 256


class Placeable(Protocol):
    """What of a segment says where it lies."""

    @property
    def sequence(self) -> int:
        """Its number; neighbours differ by one."""
        ...

    @property
    def duration_s(self) -> float:
        """Seconds that it plays."""
        ...

    @property
    def program_date_time(self) -> datetime | None:
        """Wall-clock time of its begin."""
        ...


@dataclass(slots=True)
class _Place:
    start_s: float
    end_s: float
    sequence: int
    base: float | None
    """Date-time of media second 0, in seconds since 1970."""


class Timeline:
    """Places segments in seconds from the first segment of the stream. No clock, no IO.

    Per rendition it never runs backwards, whatever sequence numbers and clocks do. A rendition that joins
    late is aligned with the others; what it lists from before the stream's first segment is below zero.
    """

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._base: float | None = None
        self._by_sequence: OrderedDict[int, float] = OrderedDict()

    def place(self, rendition: str, segment: Placeable, *, restarted: bool = False) -> float:
        """Start of `segment` in seconds; call in playlist order, for segments that cannot be fetched too.

        A segment that grew since (in parts) stays where it is. `restarted`: sequence numbers begin anew and
        say nothing about what was before.
        """
        before = self._places.get(rendition)
        if before is not None and before.sequence == segment.sequence and not restarted:
            before.end_s = max(before.end_s, before.start_s + segment.duration_s)
            return round(before.start_s, 6)
        if before is None:
            start, base = self._join(segment)
        else:
            start, base = _follow(before, segment, restarted)
        if base is not None:
            self._base = base
        self._places[rendition] = _Place(start, start + segment.duration_s, segment.sequence, base)
        self._by_sequence[segment.sequence] = start
        self._by_sequence.move_to_end(segment.sequence)
        while len(self._by_sequence) > _KEPT_SEQUENCES:
            self._by_sequence.popitem(last=False)
        return round(start, 6)

    def _join(self, segment: Placeable) -> tuple[float, float | None]:
        """Place a rendition's first segment beside the others."""
        moment = _seconds(segment.program_date_time)
        if not self._places:
            return 0.0, moment
        if moment is not None and self._base is not None:
            start = moment - self._base
            frontier = max(place.end_s for place in self._places.values())
            if -_MAX_LEAD_S <= start <= frontier + _MAX_HOLE_S:
                return start, self._base
        start = self._sequence_start(segment)
        return start, None if moment is None else moment - start

    def _sequence_start(self, segment: Placeable) -> float:
        if segment.sequence in self._by_sequence:
            return self._by_sequence[segment.sequence]
        sequence, start = next(reversed(self._by_sequence.items()))
        lead = segment.sequence - sequence
        return start + lead * segment.duration_s if abs(lead) <= _MAX_SEQUENCE_LEAD else start


def _follow(before: _Place, segment: Placeable, restarted: bool) -> tuple[float, float | None]:
    """Place a segment after the one before it of its rendition."""
    skipped = 0 if restarted else max(segment.sequence - before.sequence - 1, 0)
    hole = skipped * segment.duration_s
    predicted = before.end_s + (hole if hole <= _MAX_HOLE_S else 0.0)
    moment = _seconds(segment.program_date_time)
    if moment is None:
        return predicted, before.base
    if before.base is not None:
        start = moment - before.base
        ahead = start - predicted
        if -max(_JITTER_S, segment.duration_s / 2) <= ahead <= _MAX_HOLE_S:
            return max(start, before.start_s), before.base
    return predicted, moment - predicted


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
