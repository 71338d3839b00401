"""Signals of a daemon: stop gracefully, stop now, reload, dump; and an exit status that tells the truth."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from types import TracebackType

import structlog

FORCE_S = 2.0
"""How long cancelled stages may clean up after the second stop signal, before the process dies of it."""

log = structlog.get_logger("qoed.signals")


class Signals:
    """Signal handlers on the running loop, for the time of a `with` block.

    The first SIGTERM or SIGINT sets `stop`; the second cancels the task that entered the block, and `FORCE_S`
    later, or at the third, the process dies of it, even if the loop is blocked. SIGHUP calls `on_reload`,
    SIGUSR1 `on_dump`; both must not block.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.on_reload: Callable[[], None] | None = None
        self.on_dump: Callable[[], None] | None = None
        self.received: signal.Signals | None = None
        self.forced = False
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> Signals:
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._call, "reload")
        loop.add_signal_handler(signal.SIGUSR1, self._call, "dump")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            loop.remove_signal_handler(number)

    def _on_stop(self, number: signal.Signals) -> None:
        self.received = number
        if not self.stop.is_set():
            log.info("daemon.stopping", signal=number.name, hint="send it again to stop at once")
            self.stop.set()
        else:
            log.warning("daemon.stopping_now", signal=number.name)
            self.forced = True
            for each in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().remove_signal_handler(each)
                signal.signal(each, signal.SIG_DFL)
            last_call = threading.Timer(FORCE_S, os.kill, (os.getpid(), number))
            last_call.daemon = True
            last_call.start()
            if self._task is not None:
                self._task.cancel()

    def _call(self, what: str) -> None:
        handler = self.on_reload if what == "reload" else self.on_dump
        if handler is None:
            log.info("signal.ignored", what=what)
        else:
            handler()

    def reraise(self) -> None:
        """Die of the signal that stopped us when our parent should see it: any forced stop, and Ctrl-C.

        A drained SIGTERM is a success and ends with exit code 0.
        """
        if self.received is not None and (self.forced or self.received is signal.SIGINT):
            die_of(self.received)


def die_of(number: signal.Signals) -> None:
    """End this process by `number` with its default action, so that the exit status names it."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
