"""On air: every 1.92 s one segment of every rung is published, spoiled where the schedule says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from qoed.clock import Clock
from qoed.demo.content import SEGMENT_S
from qoed.demo.encode import Made, Order
from qoed.demo.faults import Fault, FaultKind, on_segments
from qoed.demo.ladder import Rung
from qoed.demo.origin import LiveStream

AHEAD = 4
"""Segments that are in the making before they are due."""
BACKLOG = 4
"""Segments on the server before the doors open: a client wants three; with four our loop is rendered."""


class Maker(Protocol):
    """Whoever makes the segments."""

    async def make(self, index: int, orders: Sequence[Order]) -> list[Made]:
        """One `Made` for each order."""
        ...


@dataclass(slots=True)
class OnWire:
    """When a fault was first and last to be seen by a client, monotonic seconds."""

    fault: Fault
    began_s: float | None = None
    ended_s: float | None = None


class Broadcast:
    """Publishes live streams; `begin` starts a schedule of faults with the next instant not yet ordered."""

    def __init__(self, maker: Maker, streams: Sequence[LiveStream], clock: Clock) -> None:
        self._maker = maker
        self._streams = streams
        self._clock = clock
        self._epoch: int | None = None
        self._ordered = 0
        self._on_air = {(stream.name, rung.name): -1 for stream in streams for rung in stream.ladder}
        self._started_s = 0.0
        self._started_at = datetime.now(UTC)
        self.schedule: tuple[OnWire, ...] = ()
        self.latest_s = 0.0
        """How late the latest segment was published at worst; beyond a second the machine is too slow."""

    async def prepare(self) -> None:
        """Make and publish the backlog, so that the first client finds a live playlist."""
        for index in range(BACKLOG):
            orders = self._orders(index)
            made = await self._maker.make(index, orders)
            if index == 0:
                self._started_at = self._clock.wall() - timedelta(seconds=BACKLOG * SEGMENT_S)
            self._publish(index, orders, made)
        self._started_s = self._clock.monotonic() - (BACKLOG - 1) * SEGMENT_S

    async def run(self) -> None:
        """Publish a segment each 1.92 s until cancelled."""
        async with asyncio.TaskGroup() as group:
            making: list[tuple[int, list[Order], asyncio.Task[list[Made]]]] = []
            index = BACKLOG
            while True:
                while len(making) < AHEAD:
                    orders = self._orders(index)
                    making.append((index, orders, group.create_task(self._maker.make(index, orders))))
                    index += 1
                due, orders, task = making.pop(0)
                await self._clock.sleep(max(0.0, self._due_s(due) - self._clock.monotonic()))
                made = await task
                self.latest_s = max(self.latest_s, self._clock.monotonic() - self._due_s(due))
                self._publish(due, orders, made)

    def begin(self, schedule: Sequence[Fault]) -> None:
        """Let the faults begin, counted from the next segment that has not been ordered yet."""
        self._epoch = self._ordered
        self.schedule = tuple(OnWire(fault) for fault in on_segments(schedule, SEGMENT_S))

    @property
    def epoch_s(self) -> float | None:
        """Monotonic time at which the schedule's zero is on air; None before `begin`."""
        return None if self._epoch is None else self._due_s(self._epoch)

    def _due_s(self, index: int) -> float:
        return self._started_s + index * SEGMENT_S

    def _orders(self, index: int) -> list[Order]:
        self._ordered = max(self._ordered, index + 1)
        orders = []
        for stream in self._streams:
            for rung in stream.ladder:
                fault = self._fault(stream, rung, index)
                since = self._first(fault) if fault else 0
                if fault is None or fault.kind is not FaultKind.STALE_PLAYLIST:
                    kind = fault.kind if fault else None
                    orders.append(Order(stream.name, rung, stream.packaging, kind, since))
        return orders

    def _fault(self, stream: LiveStream, rung: Rung, index: int) -> Fault | None:
        """The fault that spoils one segment; of two, the one that is first in the schedule."""
        if self._epoch is None:
            return None
        middle_s = (index - self._epoch + 0.5) * SEGMENT_S
        return next(
            (spot.fault for spot in self.schedule if spot.fault.active(stream.name, rung.name, middle_s)),
            None,
        )

    def _first(self, fault: Fault) -> int:
        assert self._epoch is not None
        return self._epoch + round(fault.at_s / SEGMENT_S)

    def _publish(self, index: int, orders: Sequence[Order], made: Sequence[Made]) -> None:
        streams = {stream.name: stream for stream in self._streams}
        for order, segment in zip(orders, made, strict=True):
            place = order.stream, order.rung.name
            streams[order.stream].publish(
                order.rung.name,
                segment,
                duration_s=SEGMENT_S,
                program_date_time=self._started_at + timedelta(seconds=index * SEGMENT_S),
                discontinuity=self._on_air[place] not in (-1, index - 1),
                missing=order.fault is FaultKind.MISSING_SEGMENTS,
            )
            self._on_air[place] = index
        now = self._clock.monotonic()
        for spot in self.schedule:
            active = any(
                self._fault(stream, rung, index) == spot.fault
                for stream in self._streams
                for rung in stream.ladder
            )
            if active and spot.began_s is None:
                spot.began_s = now
            elif not active and spot.began_s is not None and spot.ended_s is None:
                spot.ended_s = now
