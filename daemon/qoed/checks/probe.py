"""Findings about qoed itself: never the stream's fault."""

from __future__ import annotations

from qoed.checks.check import Check
from qoed.model import Cause, Severity
from qoed.reason import Reason


def _check(tells: str, severity: Severity, clears: str | None) -> Check:
    return Check(tells=tells, severity=severity, clears=clears, cause=Cause.PROBE)


CHECKS: dict[Reason, Check] = {
    Reason.OVERLOADED: _check(
        "qoed cannot keep up and dropped segments, clips or datagrams",
        Severity.WARNING,
        "30 s without a drop",
    ),
    Reason.DECODER_RESTARTED: _check(
        "a decode worker or an ingest process died or hung and was replaced", Severity.WARNING, None
    ),
    Reason.ENGINE_FAULT: _check(
        "the quality network's results cannot be trusted; the daemon restarts", Severity.CRITICAL, "a restart"
    ),
    Reason.REDIS_UNAVAILABLE: _check(
        "Redis does not take messages; they are kept, up to `redis.buffer_messages`",
        Severity.CRITICAL,
        "it takes them again",
    ),
}
