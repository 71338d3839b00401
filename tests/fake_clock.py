"""Scripted time: nothing moves until a test says so, and then in order."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

SETTLE_ROUNDS = 50
"""Loop turns that woken tasks get before time moves on; chains of awaits in the daemon are far shorter."""


class FakeClock:
    """A `qoed.clock.Clock` whose time a test advances, waking sleepers one by one as they come due."""

    def __init__(
        self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC), monotonic_s: float = 1000.0
    ) -> None:
        self._wall = start
        self._monotonic_s = monotonic_s
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        """Scripted seconds."""
        return self._monotonic_s

    def wall(self) -> datetime:
        """Scripted UTC time; moves with `monotonic` and by `step_wall`."""
        return self._wall

    async def sleep(self, seconds: float) -> None:
        """Suspend until `advance` has passed `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic_s + seconds, next(self._order), woken))
        await woken

    @property
    def sleeping(self) -> int:
        """How many sleepers wait now."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; tasks run as their time comes, and may sleep again within it."""
        await self.settle()
        end_s = self._monotonic_s + seconds
        while self._sleepers and self._sleepers[0][0] <= end_s:
            due_s, _, woken = heapq.heappop(self._sleepers)
            if woken.done():  # cancelled
                continue
            self._move_to(max(due_s, self._monotonic_s))
            woken.set_result(None)
            await self.settle()
        self._move_to(end_s)
        await self.settle()

    def jump(self, seconds: float) -> None:
        """Let `seconds` pass for synchronous code; sleepers wake at the next `advance`."""
        self._move_to(self._monotonic_s + seconds)

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock alone, as NTP or a person would."""
        self._wall += timedelta(seconds=seconds)

    async def settle(self) -> None:
        """Let tasks that can run do so, without time passing."""
        for _ in range(SETTLE_ROUNDS):
            await asyncio.sleep(0)

    def _move_to(self, monotonic_s: float) -> None:
        self._wall += timedelta(seconds=monotonic_s - self._monotonic_s)
        self._monotonic_s = monotonic_s
