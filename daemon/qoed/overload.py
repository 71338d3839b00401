"""The probe's trouble with itself: overload and a doubtful engine are its findings, never a stream's."""

from __future__ import annotations

from qoed.alert.rule import PROBE_STREAM
from qoed.model import Finding, Phase, Reason, Severity

QUIET_S = 30.0
"""So long without a drop ends the overload."""


class OverloadWatch:
    """Turns drops into one lasting finding. Pure state; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._last_drop: float | None = None
        self._streams: set[str] = set()
        self._drops = 0

    @property
    def active(self) -> bool:
        """True from the first drop until `QUIET_S` without one."""
        return self._last_drop is not None

    def dropped(self, stream: str, count: int, now: float) -> Finding | None:
        """Note `count` drops of a stream; returns the start of an overload."""
        started = self._last_drop is None
        self._last_drop = now
        self._drops += count
        self._streams.add(stream)
        if not started:
            return None
        return self._finding(Phase.START, f"cannot keep up: segments or clips of {stream} were dropped")

    def tick(self, now: float) -> Finding | None:
        """Returns the end of an overload when it is over."""
        if self._last_drop is None or now - self._last_drop < QUIET_S:
            return None
        finding = self._finding(Phase.END, f"keeping up again after {self._drops} drops")
        self._last_drop, self._drops, self._streams = None, 0, set()
        return finding

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
            evidence={"streams": ", ".join(sorted(self._streams))},
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
