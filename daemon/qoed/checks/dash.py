"""Checks of DASH presentations; what they share with HLS stands there."""

from __future__ import annotations

from functools import partial

from qoed.checks.check import Check
from qoed.model import Cause, Severity
from qoed.reason import Reason

_MPD = "ISO/IEC 23009-1"
_check = partial(Check, cause=Cause.PACKAGER, formats="DASH")

CHECKS: dict[Reason, Check] = {
    Reason.MANIFEST_REGRESSION: _check(
        "the MPD is older than the one before: publishTime, by more than a segment, or the newest segment"
        " runs backwards",
        f"{_MPD} 5.4.1",
    ),
    Reason.TIMELINE_GAP: _check(
        "SegmentTimeline has a hole between two segments",
        f"{_MPD} 5.3.9.6",
        limit=0.1,
        unit="s",
        limit_is="largest hole",
    ),
    Reason.TIMELINE_OVERLAP: _check(
        "SegmentTimeline has segments that overlap",
        f"{_MPD} 5.3.9.6",
        limit=0.1,
        unit="s",
        limit_is="largest overlap",
    ),
    Reason.PERIOD_GAP: _check(
        "a period begins later or earlier than the one before, or its media, ends",
        f"{_MPD} 5.3.2.1",
        limit=0.5,
        unit="s",
        limit_is="largest difference",
    ),
    Reason.SEGMENT_UNAVAILABLE: _check(
        "a segment is refused (HTTP 4xx) within its announced availability window",
        f"{_MPD} 5.3.9.5.3, A.3.4",
        cause=Cause.CDN,
        limit=1.0,
        unit="segment durations, at least 1 s and at most 10 s",
        limit_is="how late one may be that @duration promises; a listed one is asked for twice",
    ),
    Reason.CLOCK_SKEW: _check(
        "the presentation's clock (UTCTiming) and ours differ",
        f"{_MPD} 5.8.4.11",
        clears="they agree within the limit",
        cause=Cause.PROBE,
        limit=2.0,
        unit="s",
        limit_is="largest difference",
        severity=Severity.INFO,
    ),
    Reason.CLOCK_UNAVAILABLE: _check(
        "no UTCTiming of the MPD answers",
        f"{_MPD} 5.8.4.11",
        clears="one answers",
        cause=Cause.CDN,
        severity=Severity.INFO,
    ),
}
