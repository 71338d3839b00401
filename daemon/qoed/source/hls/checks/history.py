"""What was listed under which sequence number, in little memory: tells old copies from new content."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from qoed.source.hls.model import MediaSegment
from qoed.source.url import file_name

_KEPT = 256
_SAME_DATE_S = 1.0
"""Dates that are counted on from different tags stray by the rounding of EXTINF."""


class History:
    """Name and date-time of the last segments by sequence number. No clock, no IO."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all: sequence numbers began anew."""
        self._sequences = array("q", [-1] * _KEPT)
        self._names = array("q", [0] * _KEPT)
        self._dates = array("d", [math.nan] * _KEPT)

    def note(self, segments: Sequence[MediaSegment]) -> None:
        """Remember listed segments."""
        for segment in segments[-_KEPT:]:
            place = segment.sequence % _KEPT
            self._sequences[place] = segment.sequence
            self._names[place] = hash(file_name(segment.uri))
            self._dates[place] = _date(segment)

    def agrees(self, segment: MediaSegment) -> bool | None:
        """Whether this is what its number stood for; None: not known (any more)."""
        place = segment.sequence % _KEPT
        if self._sequences[place] != segment.sequence:
            return None
        if self._names[place] != hash(file_name(segment.uri)):
            return False
        apart = abs(self._dates[place] - _date(segment))
        return math.isnan(apart) or apart <= _SAME_DATE_S


def _date(segment: MediaSegment) -> float:
    moment = segment.program_date_time
    return math.nan if moment is None else moment.timestamp()
