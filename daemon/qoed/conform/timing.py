"""Does the media's clock run on from segment to segment, and do sound and picture stay together?"""

from __future__ import annotations

from collections import deque
from statistics import median

from qoed.checks import CATALOGUE, CheckSettings
from qoed.conform.clock import apart
from qoed.conform.whole import Whole
from qoed.model import Finding
from qoed.reason import Reason
from qoed.source.lasting import Lasting

_SAMPLES = 3
"""Segments whose median is the distance of sound and picture: where a segment is cut, PES packets of sound
lie to one side or the other."""


class Timing:
    """TIMESTAMP_JUMP, TIMESTAMP_WRAP and AV_DRIFT of one rendition."""

    def __init__(self, lasting: Lasting, checks: CheckSettings) -> None:
        self._lasting = lasting
        self._checks = checks
        self._before: Whole | None = None
        self._usual: list[tuple[float, float]] = []
        self._newest: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)

    def judge(self, whole: Whole) -> list[Finding]:
        """Findings of one segment."""
        found: list[Finding] = []
        if whole.discontinuity:
            found += self._forget_distance(whole, "a discontinuity begins anew")
        before, self._before = self._before, whole
        if before is not None and whole.follows:
            found += self._judge_seam(before, whole)
        return found + self._judge_distance(whole)

    def _judge_seam(self, before: Whole, whole: Whole) -> list[Finding]:
        start_s, was_s = whole.start_s, before.start_s
        comparable = (whole.measures.video_start_s is None) is (before.measures.video_start_s is None)
        if start_s is None or was_s is None or not comparable or not (before.measured and whole.measured):
            return []
        period_s = whole.measures.clock_period_s
        step_s = apart(start_s, was_s, period_s)
        # Either is right if the segment was damaged, or its EXTINF is wrong: both have findings of their own.
        leaps = [step_s - length_s for length_s in (before.length_s, before.duration_s) if length_s]
        leap_s = min(leaps, key=abs, default=0.0)
        if abs(leap_s) > self._checks.limit(Reason.TIMESTAMP_JUMP):
            way = "ahead" if leap_s > 0 else "back"
            said = f"timestamps jump {abs(leap_s):.2f} s {way} without a discontinuity"
            return [_event(whole, Reason.TIMESTAMP_JUMP, said, round(leap_s, 3))]
        if period_s is not None and start_s % period_s < was_s % period_s and step_s > 0:
            said = f"the clock of {period_s / 3600:.1f} hours began anew"
            return [_event(whole, Reason.TIMESTAMP_WRAP, said, round(start_s % period_s, 3))]
        return []

    def _judge_distance(self, whole: Whole) -> list[Finding]:
        measures = whole.measures
        if (
            not whole.complete
            or measures.video_start_s is None
            or measures.audio_start_s is None
            or measures.video_duration_s is None
            or measures.audio_duration_s is None
        ):
            return []
        begins_s = apart(measures.audio_start_s, measures.video_start_s, measures.clock_period_s)
        ends_s = begins_s + measures.audio_duration_s - measures.video_duration_s
        if len(self._usual) < _SAMPLES:
            self._usual.append((begins_s, ends_s))
            return []
        self._newest.append((begins_s, ends_s))
        if len(self._newest) < _SAMPLES:
            return []
        # Both ends must have moved alike: of a cut that lies elsewhere, one end alone moves.
        moved = [
            median(sample[place] for sample in self._newest) - median(sample[place] for sample in self._usual)
            for place in (0, 1)
        ]
        drift_s = min(moved, key=abs) if moved[0] * moved[1] > 0 else 0.0
        limit_s = self._checks.limit(Reason.AV_DRIFT)
        at_s = whole.media_time_s
        if abs(drift_s) > limit_s:
            side = "late" if drift_s > 0 else "early"
            return self._lasting.start(
                Reason.AV_DRIFT,
                at_s,
                f"sound comes {abs(drift_s):.2f} s {side} against the picture, compared with the begin",
                media_time_s=at_s,
                value=round(drift_s, 3),
                unit="s",
            )
        said = f"sound and picture are within {limit_s:g} s again"
        return self._lasting.end(Reason.AV_DRIFT, at_s, said, media_time_s=at_s)

    def _forget_distance(self, whole: Whole, why: str) -> list[Finding]:
        self._usual.clear()
        self._newest.clear()
        return self._lasting.end(Reason.AV_DRIFT, whole.media_time_s, why, media_time_s=whole.media_time_s)


def _event(whole: Whole, reason: Reason, message: str, value: float) -> Finding:
    return Finding(
        stream=whole.stream,
        rendition=whole.rendition.id,
        reason=reason,
        severity=CATALOGUE[reason].severity,
        media_time_s=whole.media_time_s,
        value=value,
        unit="s",
        message=message,
        evidence={"sequence": whole.sequence},
    )
