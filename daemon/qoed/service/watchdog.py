"""A watchdog fed by progress: it speaks for us only while the pipeline moves or has nothing to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import structlog

from qoed.clock import Clock
from qoed.service.notify import Notifier

STALL_S = 10.0
"""A source that neither beats nor idles for so long is stuck. systemd acts `WatchdogSec` after the last ping,
so a stuck pipeline is restarted at most `STALL_S + WatchdogSec` after it stopped."""

CHECK_S = 10.0
"""How often progress is checked, and stalls are logged, when no service manager asks for pings."""

log = structlog.get_logger("qoed.watchdog")


class Progress:
    """One part of the pipeline that must keep moving: call `beat` whenever a unit of work is done.

    `idle` answers "is there provably nothing to do?" (say: the queue is empty and nothing is in flight).
    """

    def __init__(self, name: str, clock: Clock, stall_s: float, idle: Callable[[], bool]) -> None:
        self.name = name
        self._clock = clock
        self._stall_s = stall_s
        self._idle = idle
        self._moved_s = clock.monotonic()

    def beat(self) -> None:
        """Work was done just now. Safe to call from any thread."""
        self._moved_s = self._clock.monotonic()

    def stalled_s(self) -> float | None:
        """Seconds without movement when that is too long, else None. Idleness counts as movement."""
        if self._idle():
            self.beat()
        still_s = self._clock.monotonic() - self._moved_s
        return still_s if still_s > self._stall_s else None


class Watchdog:
    """Pings systemd at half of `WATCHDOG_USEC` from the event loop, unless a part of the pipeline is stuck.

    A blocked loop cannot ping at all, a stuck stage makes the ping stay out: either way systemd restarts us.
    """

    def __init__(self, notifier: Notifier, clock: Clock, *, timeout_s: float | None = None) -> None:
        self._notifier = notifier
        self._clock = clock
        self._every_s = CHECK_S if timeout_s is None else timeout_s / 2
        self._parts: dict[str, Progress] = {}
        self._stuck: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, notifier: Notifier, clock: Clock, environ: Mapping[str, str] = os.environ) -> Watchdog:
        """The watchdog that systemd asks for through `WATCHDOG_USEC` and `WATCHDOG_PID`."""
        return cls(notifier, clock, timeout_s=watchdog_timeout_s(environ))

    def register(
        self, name: str, *, stall_s: float = STALL_S, idle: Callable[[], bool] = lambda: False
    ) -> Progress:
        """Watch one more part. Raises `ValueError` when the name is taken."""
        if name in self._parts:
            raise ValueError(f"watchdog: {name!r} is registered already")
        part = self._parts[name] = Progress(name, self._clock, stall_s, idle)
        return part

    def unregister(self, name: str) -> None:
        """Forget a part that has ended, such as a removed stream."""
        self._parts.pop(name, None)

    def stalled(self) -> dict[str, float]:
        """Which parts are stuck, with the seconds for which they have been."""
        states = {name: part.stalled_s() for name, part in list(self._parts.items())}
        return {name: still_s for name, still_s in states.items() if still_s is not None}

    def tick(self) -> bool:
        """Check once; ping when all move. Returns whether all move. Logs only changes."""
        stuck = self.stalled()
        if tuple(stuck) != self._stuck:
            if stuck:
                log.error(
                    "watchdog.stalled", parts={name: round(still_s, 1) for name, still_s in stuck.items()}
                )
            else:
                log.info("watchdog.recovered", parts=list(self._stuck))
            self._stuck = tuple(stuck)
        if not stuck:
            self._notifier.watchdog()
        return not stuck

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            self.tick()
            await self._clock.sleep(self._every_s)


def watchdog_timeout_s(environ: Mapping[str, str], pid: int | None = None) -> float | None:
    """The timeout that systemd set for this very process, as sd_watchdog_enabled(3) decides it; else None."""
    wanted_pid = environ.get("WATCHDOG_PID", "")
    if wanted_pid and wanted_pid != str(os.getpid() if pid is None else pid):
        return None
    try:
        usec = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return usec / 1e6 if usec > 0 else None
