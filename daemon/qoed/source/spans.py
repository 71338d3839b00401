"""Stretches that a stream announces, ad breaks and slates, told once for all renditions. No clock, no IO."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from qoed.checks import CheckSettings
from qoed.model import Finding, Reason
from qoed.source.lasting import Lasting

MAX_SPAN_S = 1800.0
"""A break whose end is never told is over after so long."""
_KEPT = 64
_NAMES = {Reason.AD_BREAK: "ad break", Reason.SLATE: "slate"}


@dataclass(slots=True)
class _Span:
    begin_s: float
    planned_s: float | None


class Spans:
    """One kind of stretch (`AD_BREAK`, `SLATE`) on the stream's media timeline; rendition is None.

    Every rendition announces the same ones, some by two kinds of marker, and not at the same time: what
    begins `near_s` after another begin, within an open stretch or before the end of one that is over is not
    a new one.
    """

    def __init__(self, stream: str, reason: Reason, checks: CheckSettings) -> None:
        self._reason = reason
        self._lasting = Lasting(stream, None, checks)
        self._open: _Span | None = None
        self._past: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._reached_s = 0.0

    @property
    def on(self) -> bool:
        """Whether such a stretch lasts."""
        return self._open is not None

    @property
    def planned_end_s(self) -> float | None:
        """Media time at which the open one is to end, if that was said."""
        span = self._open
        return None if span is None or span.planned_s is None else span.begin_s + span.planned_s

    def covers(self, at_s: float) -> bool:
        """Whether media time `at_s` lies in such a stretch."""
        if self._open is not None and at_s >= self._open.begin_s:
            return True
        return any(begin_s <= at_s < end_s for begin_s, end_s in self._past)

    def begin(
        self, at_s: float, *, planned_s: float | None, near_s: float, signal: str, **evidence: Any
    ) -> list[Finding]:
        """A stretch begins at media time `at_s` and is planned to last `planned_s` seconds."""
        if planned_s is not None and planned_s <= 0:
            planned_s = None
        span = self._open
        if span is not None:
            end_s = self.planned_end_s
            if end_s is None or at_s < end_s - near_s or abs(at_s - span.begin_s) <= near_s:
                span.planned_s = span.planned_s or planned_s
                return []
            # The next break of a row, where ends are not marked.
            return self._close(min(end_s, at_s), "ends as planned") + self.begin(
                at_s, planned_s=planned_s, near_s=near_s, signal=signal, **evidence
            )
        if any(begin_s - near_s <= at_s < max(end_s, begin_s + near_s) for begin_s, end_s in self._past):
            return []
        self._open = _Span(at_s, planned_s)
        name = _NAMES[self._reason]
        length = "of unknown length" if planned_s is None else f"of {planned_s:g} s"
        return self._lasting.start(
            self._reason,
            at_s,
            f"{name} {length} begins",
            media_time_s=round(at_s, 6),
            value=planned_s,
            unit=None if planned_s is None else "s",
            signal=signal,
            **evidence,
        )

    def end(self, at_s: float, message: str = "ends") -> list[Finding]:
        """It ends at media time `at_s`; nothing when none is open, or when that lies before its begin."""
        if self._open is None or at_s <= self._open.begin_s:
            return []
        return self._close(at_s, message)

    def reached(self, at_s: float, *, grace_s: float) -> list[Finding]:
        """Media time has come to `at_s`: what nobody ended is over, `grace_s` after its planned end."""
        self._reached_s = max(self._reached_s, at_s)
        if self._open is None:
            return []
        end_s = self.planned_end_s
        if end_s is not None and at_s >= end_s + grace_s:
            return self._close(end_s, "ends as planned")
        if at_s >= self._open.begin_s + MAX_SPAN_S:
            return self._close(at_s, "is given up, its end was never announced")
        return []

    def abandon(self) -> list[Finding]:
        """The stream is gone: what is open ends where media time had come to."""
        if self._open is None:
            return []
        return self._close(max(self._reached_s, self._open.begin_s), "ends with the stream")

    def extend(self, at_s: float) -> None:
        """It is said to go on at media time `at_s`, past its plan or not."""
        end_s = self.planned_end_s
        if self._open is not None and end_s is not None and at_s >= end_s:
            self._open.planned_s = at_s - self._open.begin_s

    def _close(self, at_s: float, message: str) -> list[Finding]:
        assert self._open is not None
        self._past.append((self._open.begin_s, at_s))
        self._open = None
        text = f"{_NAMES[self._reason]} {message}"
        return self._lasting.end(self._reason, at_s, text, media_time_s=round(at_s, 6))
