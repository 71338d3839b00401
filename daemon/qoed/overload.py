"""The probe's trouble with itself: overload and a doubtful engine are its findings, never a stream's."""

from __future__ import annotations

from qoed.alert.rule import PROBE_STREAM
from qoed.model import Finding, Phase, Reason, Severity

QUIET_S = 30.0
"""So long without a drop or delay ends the overload."""
LATE_S = 0.5
"""The event loop is late when it wakes a sleeper so long after its time; twice ..."""
LATE_TWICE_S = 10.0
"""... within this time is an overload, once is a hiccup."""


class OverloadWatch:
    """Turns drops and delays into one lasting finding. Pure state; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._last_late: float | None = None
        self._streams: set[str] = set()
        self._drops = 0
        self._late_s = 0.0

    @property
    def active(self) -> bool:
        """True from the first drop until `QUIET_S` without one."""
        return self._last is not None

    def dropped(self, stream: str, count: int, now: float) -> Finding | None:
        """Note `count` drops of a stream; returns the start of an overload."""
        self._drops += count
        self._streams.add(stream)
        return self._suffer(f"cannot keep up: segments or clips of {stream} were dropped", now)

    def woken(self, late_s: float, now: float) -> Finding | None:
        """Note how late the event loop woke a sleeper; returns the start of an overload."""
        if late_s < LATE_S:
            return None
        before, self._last_late = self._last_late, now
        if before is None or now - before > LATE_TWICE_S:
            return None
        self._late_s = max(self._late_s, late_s)
        return self._suffer(f"cannot keep up: the event loop is {late_s:.1f} s late", now)

    def tick(self, now: float) -> Finding | None:
        """Returns the end of an overload when it is over."""
        if self._last is None or now - self._last < QUIET_S:
            return None
        finding = self._finding(Phase.END, f"keeping up again after {self._drops} drops")
        self._last, self._drops, self._streams, self._late_s = None, 0, set(), 0.0
        return finding

    def _suffer(self, message: str, now: float) -> Finding | None:
        started = self._last is None
        self._last = now
        return self._finding(Phase.START, message) if started else None

    def _finding(self, phase: Phase, message: str) -> Finding:
        return Finding(
            stream=PROBE_STREAM,
            rendition=None,
            reason=Reason.OVERLOADED,
            severity=Severity.WARNING,
            phase=phase,
            value=float(self._drops),
            unit="drops",
            message=message,
            evidence={"streams": ", ".join(sorted(self._streams)), "loop_late_s": round(self._late_s, 3)},
        )


def engine_fault(error: Exception) -> Finding:
    """The finding for an engine that cannot be trusted any more."""
    return Finding(
        stream=PROBE_STREAM,
        rendition=None,
        reason=Reason.ENGINE_FAULT,
        severity=Severity.CRITICAL,
        phase=Phase.START,
        message=str(error),
    )
