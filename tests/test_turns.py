"""Many streams started at once begin one after the other, so that their polls never come all together."""

from __future__ import annotations

import asyncio

import pytest

from fake_clock import FakeClock
from qoed.model import Finding, Segment
from qoed.source import Emit, Supervisor
from qoed.source.turns import Turns


class Noting:
    """A source that notes when it is run, and then runs for ever."""

    def __init__(self, clock: FakeClock, begun: list[float]) -> None:
        self._clock = clock
        self._begun = begun

    async def run(self, _emit: Emit) -> None:
        self._begun.append(self._clock.monotonic())
        await asyncio.Event().wait()


async def nowhere(_item: Segment | Finding) -> None:
    """Takes what a source yields."""


def test_turns_are_spread_and_the_first_is_at_once() -> None:
    """A hundred askers at one instant get turns ten milliseconds apart, the first one without a wait."""
    turns = Turns(per_s=100)
    assert [turns.wait_s(50.0) for _ in range(100)] == pytest.approx([n / 100 for n in range(100)])


def test_a_late_asker_does_not_wait() -> None:
    """Who asks when all turns are over, as a reload does, need not wait, nor owes for the calm before."""
    turns = Turns(per_s=100)
    waits = [turns.wait_s(now) for now in (0.0, 0.0, 5.0, 5.0)]
    assert waits == pytest.approx([0.0, 0.01, 0.0, 0.01])


async def test_sources_begin_in_turn(clock: FakeClock) -> None:
    """A supervisor runs its source when its turn has come."""
    begun: list[float] = []
    supervisors = [
        Supervisor("tv", Noting(clock, begun), nowhere, clock=clock, begin_after_s=wait_s)
        for wait_s in (0.0, 0.5, 1.0)
    ]
    tasks = [asyncio.create_task(supervisor.run()) for supervisor in supervisors]
    await clock.advance(0.7)
    assert begun == [1000.0, 1000.5]
    await clock.advance(0.7)
    assert begun == [1000.0, 1000.5, 1001.0]
    for supervisor in supervisors:
        supervisor.stop()
    await asyncio.gather(*tasks)


async def test_a_stop_does_not_wait_for_the_turn(clock: FakeClock) -> None:
    """A supervisor that is stopped before its turn ends at once, and its source is never run."""
    begun: list[float] = []
    supervisor = Supervisor("tv", Noting(clock, begun), nowhere, clock=clock, begin_after_s=60.0)
    running = asyncio.create_task(supervisor.run())
    await clock.settle()
    supervisor.stop()
    await asyncio.wait_for(running, 5)
    assert begun == []
