"""What an analysis of transport packets says: at most one fault for each reason, with the worst of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from qoed.checks import CATALOGUE, CheckSettings
from qoed.reason import Reason

LASTING = tuple(
    reason for reason in Reason if reason.domain == "transport" and CATALOGUE[reason].clears is not None
)
"""Faults that begin with the first report that has them and end with the first that has them not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is tolerated (TR 101 290 table 5.0a)."""

    sync_bytes: int = 2
    """Wrong sync bytes in a row that lose the sync."""
    pat_s: float = 0.5
    """Longest distance of PATs."""
    pmt_s: float = 0.5
    """Longest distance of a program's PMTs."""
    pid_s: float = 5.0
    """Longest absence of a PID that a PMT refers to."""

    @classmethod
    def of(cls, checks: CheckSettings) -> Self:
        """The limits that a stream's settings give."""
        return cls(
            sync_bytes=max(1, round(checks.limit(Reason.TS_SYNC_LOSS))),
            pat_s=checks.limit(Reason.TS_PAT),
            pmt_s=checks.limit(Reason.TS_PMT),
            pid_s=checks.limit(Reason.TS_PID),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One reason's trouble since the report before."""

    reason: Reason
    at_s: float
    """Seconds from the first packet to where it began, by PCR; 0 when that is not known."""
    message: str
    value: float | None = None
    unit: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def lasting(self) -> bool:
        """Whether it is a condition (`LASTING`) or an event."""
        return self.reason in LASTING


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Faults since the report before, in the order of `Reason`."""

    faults: tuple[Fault, ...] = ()
    packets: int = 0
    duration_s: float | None = None
    """Seconds of PCR that the packets cover; None without PCR."""

    def fields(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """From JSON values. Raises `KeyError`, `TypeError` or `ValueError` for what `fields` never makes."""
        faults = tuple(
            Fault(**{**fault, "reason": Reason(fault["reason"])}) for fault in fields.get("faults", ())
        )
        return cls(**{**fields, "faults": faults})
