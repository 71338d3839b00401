"""Checks of transport streams: ETSI TR 101 290, first priority (necessary for decodability)."""

from __future__ import annotations

from functools import partial

from qoed.checks.check import Check
from qoed.model import Cause, Severity
from qoed.reason import Reason

_TR = "ETSI TR 101 290 V1.5.1"
_check = partial(Check, formats="TS")

CHECKS: dict[Reason, Check] = {
    Reason.TS_SYNC_LOSS: _check(
        "two or more sync bytes in a row are wrong",
        f"{_TR} 1.1",
        cause=Cause.NETWORK,
        severity=Severity.CRITICAL,
        clears="five packets in a row are in sync",
        limit=2,
        unit="sync bytes",
        limit_is="wrong ones in a row that lose the sync",
    ),
    Reason.TS_SYNC_BYTE: _check("a packet's sync byte is not 0x47", f"{_TR} 1.2", cause=Cause.NETWORK),
    Reason.TS_PAT: _check(
        "the PAT is absent for too long (of an HLS segment: altogether), is scrambled, or shares its PID",
        f"{_TR} 1.3",
        cause=Cause.PACKAGER,
        severity=Severity.CRITICAL,
        clears="a good PAT arrives",
        limit=0.5,
        unit="s",
        limit_is="longest distance",
    ),
    Reason.TS_CONTINUITY: _check(
        "packets are lost or out of order by their continuity count", f"{_TR} 1.4", cause=Cause.NETWORK
    ),
    Reason.TS_PMT: _check(
        "a PMT is absent for too long (of an HLS segment: altogether), or is scrambled",
        f"{_TR} 1.5",
        cause=Cause.PACKAGER,
        severity=Severity.CRITICAL,
        clears="a good PMT arrives",
        limit=0.5,
        unit="s",
        limit_is="longest distance",
    ),
    Reason.TS_PID: _check(
        "the PID of picture, sound or clock, which the PMT refers to, is absent for too long",
        f"{_TR} 1.6",
        cause=Cause.PACKAGER,
        severity=Severity.CRITICAL,
        clears="it is there",
        limit=5.0,
        unit="s",
        limit_is="longest absence",
    ),
}
