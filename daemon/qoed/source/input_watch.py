"""What a continuous input's child tells, as findings and media time. No clock, no IO."""

from __future__ import annotations

from dataclasses import replace

from qoed.errors import ErrorReason, SourceError
from qoed.ingest.link import LinkStats
from qoed.model import Finding, Reason
from qoed.source.report import Report
from qoed.ts import LASTING, Fault
from qoed.ts import Report as Transport

LINK_WINDOW_S = 10.0
"""Losses of a link are counted over so long."""
AGAIN_S = 1.0
"""Media that are no older than this are arriving."""
_OVER = {
    Reason.TS_SYNC_LOSS: "packets are in sync",
    Reason.TS_PAT: "PATs arrive in time",
    Reason.TS_PMT: "PMTs arrive in time",
    Reason.TS_PID: "all PIDs are there",
}


class SilenceWatch:
    """INPUT_STALLED; and how long a silence is borne."""

    def __init__(self, report: Report, *, timeout_s: float, patient: bool) -> None:
        self._report = report
        self._limit_s = report.checks.limit(Reason.INPUT_STALLED)
        self._timeout_s = timeout_s
        self._patient = patient
        """Wait for the first media as long as it takes: somebody is to call us."""
        self._connected: float | None = None

    def connected(self, now: float) -> None:
        """The input is open."""
        self._connected = now

    def beat(self, silent_s: float | None, now: float) -> list[Finding]:
        """`silent_s` since the last media, None before the first; findings."""
        if silent_s is not None and silent_s <= min(self._limit_s, AGAIN_S):
            return self._report.end(Reason.INPUT_STALLED, now, "media arrive again")
        if silent_s is None:
            silent_s = 0.0 if self._connected is None else now - self._connected
        if silent_s <= self._limit_s:
            return []
        return self._report.start(
            Reason.INPUT_STALLED, now, f"no media for {silent_s:.1f} s", value=round(silent_s, 1), unit="s"
        )

    def check(self, silent_s: float | None, now: float) -> None:
        """Raise `SourceError` when the silence has lasted too long."""
        if silent_s is None:
            if self._connected is None or self._patient or now - self._connected <= self._timeout_s:
                return
            raise SourceError(f"no media within {self._timeout_s:g} s")
        if silent_s > self._timeout_s:
            raise SourceError(f"no media for {self._timeout_s:g} s", reason=ErrorReason.SOURCE_ENDED)


class LinkWatch:
    """LINK_LOSS, and what we lost ourselves; totals begin anew with each connection."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._begun: tuple[float, LinkStats] | None = None
        self._overruns = 0

    def reset(self) -> None:
        """A new connection."""
        self._begun, self._overruns = None, 0

    def overrun(self, stats: LinkStats) -> int:
        """Packets that this host dropped since the last call."""
        more, self._overruns = stats.overruns - self._overruns, stats.overruns
        return max(more, 0)

    def take(self, stats: LinkStats, now: float) -> list[Finding]:
        """Totals at `now`; a finding when a window has seen too many losses."""
        if self._begun is None:
            self._begun = now, replace(stats, lost=0, received=0, repaired=0, late=0, overruns=0)
        since, before = self._begun
        if now - since < LINK_WINDOW_S:
            return []
        self._begun = now, stats
        lost = stats.lost - before.lost - (stats.overruns - before.overruns)
        if lost <= self._report.checks.limit(Reason.LINK_LOSS):
            return []
        received = stats.received - before.received
        evidence = {"received": received, "rtt_ms": stats.rtt_ms}
        for name in ("repaired", "late"):
            total, earlier = getattr(stats, name), getattr(before, name)
            evidence[name] = None if total is None else total - (earlier or 0)
        return self._report.event(
            Reason.LINK_LOSS,
            f"{lost} of {received + lost} packets lost in {now - since:.0f} s",
            value=float(lost),
            unit="packets",
            **{name: value for name, value in evidence.items() if value is not None},
        )


def transport_findings(found: Transport, report: Report, now: float, *, overrun: bool) -> list[Finding]:
    """TS_*: conditions begin with the first report that has them and end with the first that has not.

    `overrun`: packets are missing by our own fault, so nothing is said of packets that are missing.
    """
    faults: dict[Reason, Fault] = {fault.reason: fault for fault in found.faults}
    findings: list[Finding] = []
    for reason, fault in faults.items():
        if overrun and reason is Reason.TS_CONTINUITY:
            continue
        more = {"value": fault.value, "unit": fault.unit, **fault.evidence}
        if fault.lasting:
            findings += report.start(reason, now, fault.message, **more)
        else:
            findings += report.event(reason, fault.message, **more)
    if found.packets:
        for reason in LASTING:
            if reason not in faults:
                findings += report.end(reason, now, _OVER[reason])
    return findings


class OwnLosses:
    """OVERLOADED: what was lost in this host, told every `LINK_WINDOW_S` at most."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lost = {"segments": 0, "datagrams": 0}
        self._told: float | None = None

    def take(self, now: float, *, segments: int = 0, datagrams: int = 0) -> list[Finding]:
        """So many more."""
        self._lost["segments"] += segments
        self._lost["datagrams"] += datagrams
        total = sum(self._lost.values())
        if not total or (self._told is not None and now - self._told < LINK_WINDOW_S):
            return []
        lost, self._lost, self._told = self._lost, {"segments": 0, "datagrams": 0}, now
        said = []
        if lost["segments"]:
            said.append(f"{lost['segments']} segments dropped, the decoder cannot keep up")
        if lost["datagrams"]:
            said.append(f"{lost['datagrams']} datagrams did not fit the receive buffer, raise input.buffer")
        return self._report.event(
            Reason.OVERLOADED, "; ".join(said), value=float(total), unit="drops", **lost
        )


class LiveTime:
    """Media time of what arrives live: it goes on through a reconnection as the clock did."""

    def __init__(self) -> None:
        self._end_s: float | None = None
        self._at = 0.0

    def place(self, duration_s: float, now: float, *, reconnected: bool, lost_s: float = 0.0) -> float:
        """Start of a segment that is complete `now`; `lost_s` of media before it are missing."""
        start_s = 0.0
        if self._end_s is not None:
            start_s = self._end_s + lost_s
            if reconnected:
                start_s = self._end_s + max(now - self._at - duration_s, 0.0)
        self._end_s, self._at = round(start_s + duration_s, 6), now
        return round(start_s, 6)
