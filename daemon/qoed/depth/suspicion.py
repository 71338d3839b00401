"""Why a stream deserves a closer look, and for how long. Media time only.

What counts: a finding of at least a warning, an alert that pends or fires, a metric near its level, a bit
rate, scores or intervals unlike the stream's own. Each counts until `calm_s` of media have passed since.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from statistics import fmean, median

from qoed.model import Finding, Phase, Score, Segment, Severity

CALM_S = 60.0
"""A look is closer than usual until so much media has passed without a cause."""
RATE_FACTOR = 2.0
"""A segment's bit rate above so many times the usual, or below as small a part of it, is odd."""
RATE_SEGMENTS = 12
"""Segments whose median bit rate is usual ..."""
RATE_LEAST = 4
"""... and how many of them it takes."""
SCORE_NEWEST = 3
SCORE_USUAL = 30
"""The mean of the newest scores is held against the median of those before."""
SCORE_LEAST = 10
SCORE_CHANGE = 15.0
"""Points of change that are odd; of scores that always swing, `SCORE_SWING` times their usual swing."""
SCORE_SWING = 4.0
WIDE_FACTOR = 2.0
"""An interval so many times as wide as usual is odd ..."""
WIDE_LEAST = 20.0
"""... when it is at least so many points wide."""

_ROUNDING_S = 1e-6


class Urgency(IntEnum):
    """How badly a stream needs a closer look."""

    CALM = 0
    ODD = 1
    TROUBLED = 2
    CRITICAL = 3


_OF_SEVERITY = {
    Severity.INFO: Urgency.CALM,
    Severity.WARNING: Urgency.TROUBLED,
    Severity.CRITICAL: Urgency.CRITICAL,
}


def urgency_of(severity: Severity) -> Urgency:
    """The urgency of a finding or alert; information is none."""
    return _OF_SEVERITY[severity]


@dataclass(slots=True)
class _Rendition:
    size: int = 0
    seconds: float = 0.0
    end_s: float | None = None
    rates: deque[float] = field(default_factory=lambda: deque(maxlen=RATE_SEGMENTS))
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=SCORE_USUAL + SCORE_NEWEST))
    widths: deque[float] = field(default_factory=lambda: deque(maxlen=SCORE_USUAL + SCORE_NEWEST))
    abstained: bool = False


class Suspicion:
    """What speaks against one stream now."""

    def __init__(self, *, calm_s: float = CALM_S) -> None:
        self._calm_s = calm_s
        self._passed_s = 0.0
        self._seen: dict[Urgency, float] = {}
        self._open: dict[tuple[str | None, str], Urgency] = {}
        self._renditions: dict[str, _Rendition] = {}

    @property
    def urgency(self) -> Urgency:
        """The worst that lasts or was seen within the last `calm_s` of media."""
        since_s = self._passed_s - self._calm_s + _ROUNDING_S
        fresh = [urgency for urgency, at in self._seen.items() if at > since_s]
        return max([*fresh, *self._open.values()], default=Urgency.CALM)

    def note(self, urgency: Urgency) -> None:
        """Something speaks against the stream now."""
        if urgency > Urgency.CALM:
            self._seen[urgency] = self._passed_s

    def on_tension(self, severity: Severity | None, near: bool) -> None:
        """What the stream's alerts say: the worst that pends or fires; whether a metric is near its level."""
        self.note(urgency_of(severity) if severity is not None else Urgency.CALM)
        self.note(Urgency.ODD if near else Urgency.CALM)

    def on_finding(self, finding: Finding) -> None:
        """A finding; those about qoed itself say nothing about the stream."""
        if finding.reason.domain == "probe":
            return
        key = (finding.rendition, finding.reason.value)
        if finding.phase is Phase.END:
            self.note(self._open.pop(key, Urgency.CALM))
            return
        urgency = urgency_of(finding.severity)
        self.note(urgency)
        if finding.phase is Phase.START and urgency > Urgency.CALM:
            self._open[key] = urgency

    def on_segment(self, segment: Segment) -> float | None:
        """A segment, or a part of one, was decoded; returns the whole segment's duration at its end."""
        known = self._renditions.setdefault(segment.rendition.id, _Rendition())
        self._pass(known, segment.media_time_s + segment.duration_s)
        if not segment.continues:
            known.size, known.seconds = 0, 0.0
        known.size += len(segment.data)
        known.seconds += segment.duration_s
        if segment.unfinished or known.seconds <= 0:
            return None
        rate = known.size / known.seconds
        if len(known.rates) >= RATE_LEAST:
            usual = median(known.rates)
            if not usual / RATE_FACTOR <= rate <= usual * RATE_FACTOR:
                self.note(Urgency.ODD)
        known.rates.append(rate)
        return known.seconds

    def on_score(self, score: Score) -> None:
        """A clip was scored, or could not be."""
        known = self._renditions.setdefault(score.rendition, _Rendition())
        if score.score is None:
            if known.scores and not known.abstained:
                self.note(Urgency.ODD)
            known.abstained = True
            return
        known.abstained = False
        known.scores.append(score.score)
        if score.lo is not None and score.hi is not None:
            known.widths.append(score.hi - score.lo)
        if _swings(known.scores) or _widens(known.widths):
            self.note(Urgency.ODD)

    def forget(self, rendition: str) -> None:
        """A rendition is no longer watched."""
        self._renditions.pop(rendition, None)
        for key in [key for key in self._open if key[0] == rendition]:
            del self._open[key]

    def _pass(self, known: _Rendition, end_s: float) -> None:
        """The stream's media time is the mean of its renditions'; a jump back is a new beginning."""
        before, known.end_s = known.end_s, end_s
        if before is not None and end_s > before:
            self._passed_s += (end_s - before) / len(self._renditions)


def _swings(scores: deque[float]) -> bool:
    if len(scores) < SCORE_LEAST + SCORE_NEWEST:
        return False
    *usual, third, second, first = scores
    middle = median(usual)
    swing = median(abs(score - middle) for score in usual)
    return abs(fmean((third, second, first)) - middle) > max(SCORE_CHANGE, SCORE_SWING * swing)


def _widens(widths: deque[float]) -> bool:
    if len(widths) < SCORE_LEAST + SCORE_NEWEST:
        return False
    *usual, third, second, first = widths
    return fmean((third, second, first)) > max(WIDE_LEAST, WIDE_FACTOR * median(usual))
