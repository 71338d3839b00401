"""Findings that last: one START, one END, never a repeat in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qoed.checks import CATALOGUE, DEFAULT, CheckSettings
from qoed.model import Finding, Phase, Reason, Severity


@dataclass(frozen=True, slots=True)
class _Open:
    since: float
    severity: Severity


class Lasting:
    """The open conditions of one rendition (or, with None, of the stream as a whole). No clock, no IO.

    A check that is off in `checks` never starts.
    """

    def __init__(self, stream: str, rendition: str | None, checks: CheckSettings = DEFAULT) -> None:
        self._stream = stream
        self._rendition = rendition
        self._checks = checks
        self._open: dict[Reason, _Open] = {}

    def __contains__(self, reason: Reason) -> bool:
        return reason in self._open

    def start(
        self,
        reason: Reason,
        now: float,
        message: str,
        *,
        severity: Severity | None = None,
        media_time_s: float | None = None,
        value: float | None = None,
        unit: str | None = None,
        **evidence: Any,
    ) -> list[Finding]:
        """The START finding, or nothing when the condition is open already. Severity: the catalogue's."""
        if reason in self._open or not self._checks.on(reason):
            return []
        severity = severity or CATALOGUE[reason].severity
        self._open[reason] = _Open(now, severity)
        return [
            Finding(
                stream=self._stream,
                rendition=self._rendition,
                reason=reason,
                severity=severity,
                phase=Phase.START,
                media_time_s=media_time_s,
                value=value,
                unit=unit,
                message=message,
                evidence=evidence,
            )
        ]

    def end(
        self, reason: Reason, now: float, message: str, *, media_time_s: float | None = None
    ) -> list[Finding]:
        """The END finding with the seconds that the condition lasted, or nothing when it was not open.

        `now` and that of the start are of one clock; media time will do.
        """
        opened = self._open.pop(reason, None)
        if opened is None:
            return []
        return [
            Finding(
                stream=self._stream,
                rendition=self._rendition,
                reason=reason,
                severity=opened.severity,
                phase=Phase.END,
                media_time_s=media_time_s,
                value=round(now - opened.since, 3),
                unit="s",
                message=message,
            )
        ]

    def end_all(self, now: float, message: str) -> list[Finding]:
        """An END for each open condition."""
        return [finding for reason in list(self._open) for finding in self.end(reason, now, message)]
