"""Time as an argument: monotonic for durations, wall only as a label."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the stages ask of time; tests script it."""

    def monotonic(self) -> float:
        """Seconds that never step; for durations and deadlines."""
        ...

    def wall(self) -> datetime:
        """Aware UTC time; a label, never compared."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Suspend the caller for `seconds` of monotonic time."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start (CLOCK_MONOTONIC)."""
        return time.monotonic()

    def wall(self) -> datetime:
        """Now in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the event loop."""
        await asyncio.sleep(seconds)


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T12:00:00.123Z`: RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
