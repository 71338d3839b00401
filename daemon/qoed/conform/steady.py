"""A condition that must show a few times in a row before it is told, and to be gone before it is over."""

from __future__ import annotations

from typing import Any

from qoed.conform.whole import Whole
from qoed.model import Finding
from qoed.reason import Reason
from qoed.source.lasting import Lasting


class Steady:
    """START after `bad` segments in a row that are off, END after `good` ones in a row that are not."""

    def __init__(self, lasting: Lasting, reason: Reason, *, bad: int = 2, good: int = 1) -> None:
        self._lasting = lasting
        self._reason = reason
        self._needs = {True: bad, False: good}
        self._off = False
        self._run = 0
        self._since_s = 0.0

    def off(
        self,
        whole: Whole,
        message: str,
        *,
        value: float | None = None,
        unit: str | None = None,
        **evidence: Any,
    ) -> list[Finding]:
        """This segment is off."""
        if not self._counts(whole, off=True):
            return []
        return self._lasting.start(
            self._reason,
            self._since_s,
            message,
            media_time_s=round(self._since_s, 3),
            value=value,
            unit=unit,
            **evidence,
        )

    def fine(self, whole: Whole, message: str) -> list[Finding]:
        """This segment is as it should be."""
        if not self._counts(whole, off=False):
            return []
        at_s = whole.media_time_s
        return self._lasting.end(self._reason, at_s, message, media_time_s=round(at_s, 3))

    def forgive(self, whole: Whole, message: str) -> list[Finding]:
        """What it was held against is no longer valid: over, if it was open."""
        self._run = 0
        at_s = whole.media_time_s
        return self._lasting.end(self._reason, at_s, message, media_time_s=round(at_s, 3))

    def _counts(self, whole: Whole, *, off: bool) -> bool:
        if off is not self._off or self._run == 0:
            self._off, self._run, self._since_s = off, 0, whole.media_time_s
        self._run += 1
        return self._run >= self._needs[off]
