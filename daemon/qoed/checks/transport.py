"""Checks of transport streams: ETSI TR 101 290, first priority (necessary for decodability)."""

from __future__ import annotations

from qoed.checks.check import Check
from qoed.model import Cause, Severity
from qoed.reason import Reason


def _check(
    tells: str,
    clause: str,
    *,
    clears: str | None = None,
    limit: float | None = None,
    unit: str | None = None,
    limit_is: str = "",
) -> Check:
    return Check(
        tells=tells,
        severity=Severity.CRITICAL if clears else Severity.WARNING,
        clears=clears,
        cause=Cause.NETWORK if clause in ("1.1", "1.2", "1.4") else Cause.PACKAGER,
        limit=limit,
        unit=unit,
        limit_is=limit_is,
        formats="TS",
        source=f"ETSI TR 101 290 V1.5.1 {clause}",
    )


CHECKS: dict[Reason, Check] = {
    Reason.TS_SYNC_LOSS: _check(
        "two or more sync bytes in a row are wrong",
        "1.1",
        clears="five packets in a row are in sync",
        limit=2,
        unit="sync bytes",
        limit_is="wrong ones in a row that lose the sync",
    ),
    Reason.TS_SYNC_BYTE: _check("a packet's sync byte is not 0x47", "1.2"),
    Reason.TS_PAT: _check(
        "the PAT is absent for too long (of an HLS segment: altogether), is scrambled, or shares its PID",
        "1.3",
        clears="a good PAT arrives",
        limit=0.5,
        unit="s",
        limit_is="longest distance",
    ),
    Reason.TS_CONTINUITY: _check("packets are lost or out of order by their continuity count", "1.4"),
    Reason.TS_PMT: _check(
        "a PMT is absent for too long (of an HLS segment: altogether), or is scrambled",
        "1.5",
        clears="a good PMT arrives",
        limit=0.5,
        unit="s",
        limit_is="longest distance",
    ),
    Reason.TS_PID: _check(
        "the PID of picture, sound or clock, which the PMT refers to, is absent for too long",
        "1.6",
        clears="it is there",
        limit=5.0,
        unit="s",
        limit_is="longest absence",
    ),
}
