"""Python's cyclic garbage collection, kept from stopping the event loop.

With 2,000 streams a full collection takes half a second, and on its own Python makes one every few seconds,
for playlists that are replaced look like objects that live long. They hold no cycles: none was ever found.
"""

from __future__ import annotations

import gc

import structlog

from qoed.clock import Clock

YOUNG = (10_000, 5, 1_000_000)
"""Thresholds: the young are collected often and in milliseconds, all objects never ..."""
FULL_EVERY_S = 1800.0
"""... but by us, for cycles of streams that were stopped or restarted."""
LONG_S = 0.2

log = structlog.get_logger("qoed.service")


async def collect_calmly(clock: Clock) -> None:
    """Until it is cancelled, which puts Python's own thresholds back."""
    thresholds = gc.get_threshold()
    gc.set_threshold(*YOUNG)
    try:
        while True:
            await clock.sleep(FULL_EVERY_S)
            begun = clock.monotonic()
            gc.collect()
            took_s = clock.monotonic() - begun
            if took_s > LONG_S:
                log.info("garbage.collected", seconds=round(took_s, 2))
    finally:
        gc.set_threshold(*thresholds)
