"""Findings about qoed itself: never the stream's fault."""

from __future__ import annotations

from functools import partial

from qoed.checks.check import Check
from qoed.model import Cause, Severity
from qoed.reason import Reason

_check = partial(Check, cause=Cause.PROBE)

CHECKS: dict[Reason, Check] = {
    Reason.OVERLOADED: _check(
        "qoed cannot keep up and dropped segments, clips or datagrams",
        clears="30 s without a drop",
    ),
    Reason.DECODER_RESTARTED: _check("a decode worker or an ingest process died or hung and was replaced"),
    Reason.ENGINE_FAULT: _check(
        "the quality network's results cannot be trusted; the daemon restarts",
        severity=Severity.CRITICAL,
        clears="a restart",
    ),
    Reason.REDIS_UNAVAILABLE: _check(
        "Redis does not take messages; they are kept, up to `redis.buffer_messages`",
        severity=Severity.CRITICAL,
        clears="it takes them again",
    ),
}
