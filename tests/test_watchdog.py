"""The watchdog speaks for the pipeline, not for the process."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from fake_clock import FakeClock
from qoed.service.notify import Notifier
from qoed.service.watchdog import Watchdog, watchdog_timeout_s


class Pings(Notifier):
    """A notifier that notes when it was asked to ping."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(None)
        self._clock = clock
        self.at_s: list[float] = []

    def watchdog(self) -> bool:
        """Note the ping."""
        self.at_s.append(self._clock.monotonic() - 1000.0)
        return True


@pytest.fixture
def pings(clock: FakeClock) -> Pings:
    """Pings so far."""
    return Pings(clock)


async def test_pings_at_half_the_timeout(clock: FakeClock, pings: Pings) -> None:
    """With nothing wrong systemd hears from us twice per timeout."""
    task = asyncio.create_task(Watchdog(pings, clock, timeout_s=30).run())
    await clock.advance(60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert pings.at_s == [0, 15, 30, 45, 60]


async def test_stuck_part_silences_the_ping(clock: FakeClock, pings: Pings) -> None:
    """A stage that stops moving makes systemd restart us, although the loop still turns."""
    watchdog = Watchdog(pings, clock, timeout_s=30)
    engine = watchdog.register("engine", stall_s=10)
    task = asyncio.create_task(watchdog.run())
    for _ in range(4):
        await clock.advance(5)
        engine.beat()
    await clock.advance(60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert max(pings.at_s) <= 20 + 10  # the last beat plus the stall limit
    assert watchdog.stalled() == {"engine": 60}


def test_idle_is_not_stuck(clock: FakeClock, pings: Pings) -> None:
    """A day without any work does not restart the daemon, and work that then arrives gets its full time."""
    watchdog = Watchdog(pings, clock, timeout_s=30)
    queued = 0
    watchdog.register("decode", stall_s=10, idle=lambda: queued == 0)
    for _ in range(24 * 60):
        clock.jump(60)
        assert watchdog.tick()
    queued = 1
    clock.jump(9)
    assert watchdog.tick()
    clock.jump(2)

    assert not watchdog.tick()


def test_changes_are_logged_once(clock: FakeClock, pings: Pings) -> None:
    """The log names the stuck part when it sticks and when it moves again, and is quiet in between."""
    watchdog = Watchdog(pings, clock)
    part = watchdog.register("publish", stall_s=5)
    with capture_logs() as logs:
        for _ in range(3):
            clock.jump(6)
            watchdog.tick()
        part.beat()
        watchdog.tick()

    assert [entry["event"] for entry in logs] == ["watchdog.stalled", "watchdog.recovered"]
    assert logs[0]["parts"] == {"publish": 6}


def test_removed_part_is_forgotten(clock: FakeClock, pings: Pings) -> None:
    """A stream that was removed by a reload cannot bring the daemon down."""
    watchdog = Watchdog(pings, clock)
    watchdog.register("stream:a", stall_s=5)
    clock.jump(60)
    watchdog.unregister("stream:a")

    assert watchdog.tick()


def test_names_are_unique(clock: FakeClock, pings: Pings) -> None:
    """Two parts under one name would hide each other, so the second is refused."""
    watchdog = Watchdog(pings, clock)
    watchdog.register("engine")

    with pytest.raises(ValueError, match="'engine' is registered already"):
        watchdog.register("engine")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_timeout_from_environment(environ: dict[str, str], expected: float | None) -> None:
    """The timeout is taken from systemd, and only when it is meant for this process."""
    assert watchdog_timeout_s(environ, pid=77) == expected
