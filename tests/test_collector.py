"""Garbage collection at times of our choosing: rare, yet complete."""

from __future__ import annotations

import asyncio
import gc
import weakref

from fake_clock import FakeClock
from qoed.service.collector import FULL_EVERY_S, YOUNG, collect_calmly


class Knot:
    """An object in a cycle, which only a collection frees."""

    def __init__(self) -> None:
        self.self = self


async def test_cycles_are_freed_every_half_hour_and_not_in_between(clock: FakeClock) -> None:
    """What has grown old is collected by the daemon's own timer, and not before."""
    thresholds = gc.get_threshold()
    collecting = asyncio.create_task(collect_calmly(clock))
    await clock.settle()
    assert gc.get_threshold() == YOUNG

    knot = Knot()
    gc.collect(1)  # it is old now
    freed = weakref.ref(knot)
    del knot
    await clock.advance(FULL_EVERY_S - 1)
    assert freed() is not None
    await clock.advance(1)
    assert freed() is None

    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)
    assert gc.get_threshold() == thresholds
