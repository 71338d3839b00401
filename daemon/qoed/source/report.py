"""What the checks of one rendition say: findings with its name, its place and the catalogue's severity."""

from __future__ import annotations

from typing import Any

from qoed.checks import CATALOGUE, CheckSettings
from qoed.model import Finding, Reason
from qoed.source.lasting import Lasting

MAX_EVENTS = 32
"""Of one reason, from one load of a playlist: the rest is counted."""
QUIET_S = 60.0
"""What comes and goes from load to load (two caches, one of them old) is told once in so long."""


class Report:
    """Makes the findings of one rendition (None: of the stream). No clock, no IO.

    `media_time_s` is where the rendition stands; the checks that follow it keep it. Nothing is said of a
    check that is off.
    """

    def __init__(self, stream: str, rendition: str | None, checks: CheckSettings) -> None:
        self.stream = stream
        self.rendition = rendition
        self.checks = checks
        self.lasting = Lasting(stream, rendition, checks)
        self.media_time_s: float | None = None
        self._told: dict[Reason, float] = {}
        self._untold: dict[Reason, int] = {}
        self._events: dict[Reason, int] = {}

    def new_load(self) -> None:
        """What follows is of another load."""
        self._events.clear()

    def event(
        self,
        reason: Reason,
        message: str,
        *,
        at_s: float | None = None,
        value: float | None = None,
        unit: str | None = None,
        **evidence: Any,
    ) -> list[Finding]:
        """A finding that happens once, at media time `at_s` (None: where the rendition stands).

        Its evidence says how many of the kind were left out before it, if any.
        """
        if not self.checks.on(reason):
            return []
        told = self._events[reason] = self._events.get(reason, 0) + 1
        if told > MAX_EVENTS:
            self._untold[reason] = self._untold.get(reason, 0) + 1
            return []
        if reason in self._untold:
            evidence["left_out"] = self._untold.pop(reason)
        return [
            Finding(
                stream=self.stream,
                rendition=self.rendition,
                reason=reason,
                severity=CATALOGUE[reason].severity,
                media_time_s=self.media_time_s if at_s is None else at_s,
                value=value,
                unit=unit,
                message=message,
                evidence=evidence,
            )
        ]

    def rarely(self, reason: Reason, now: float, message: str, **more: Any) -> list[Finding]:
        """Like `event`, but once in `QUIET_S`."""
        told = self._told.get(reason)
        if told is not None and now - told < QUIET_S:
            self._untold[reason] = self._untold.get(reason, 0) + 1
            return []
        self._told[reason] = now
        return self.event(reason, message, **more)

    def start(self, reason: Reason, now: float, message: str, **more: Any) -> list[Finding]:
        """A condition begins here; nothing when it is on already."""
        return self.lasting.start(reason, now, message, media_time_s=self.media_time_s, **more)

    def end(self, reason: Reason, now: float, message: str) -> list[Finding]:
        """A condition ends here; nothing when it was not on."""
        return self.lasting.end(reason, now, message, media_time_s=self.media_time_s)

    def last(self, reason: Reason, now: float, wrong: str | None, right: str, **more: Any) -> list[Finding]:
        """Start while `wrong` says something, end when it is None."""
        return self.end(reason, now, right) if wrong is None else self.start(reason, now, wrong, **more)
