"""Reload: read the new configuration aside, swap it in, or keep the old one and say so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Generic, TypeVar

import structlog

from qoed.clock import Clock
from qoed.errors import ConfigError
from qoed.service.notify import Notifier

C = TypeVar("C")

log = structlog.get_logger("qoed.reload")


class Reloader(Generic[C]):
    """Reloads on request, one at a time; requests that arrive meanwhile become one more reload.

    `load` parses and validates the file (in a thread: it reads secrets from disk) and raises `ConfigError`;
    `apply` swaps the result in and raises `ConfigError` for what needs a restart.
    """

    def __init__(
        self,
        load: Callable[[], C],
        apply: Callable[[C], Awaitable[None]],
        *,
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        self._load = load
        self._apply = apply
        self._notifier = notifier
        self._clock = clock
        self._requested = asyncio.Event()
        self.successful: bool | None = None
        """How the last reload ended; None before the first."""
        self.reloaded_at: datetime | None = None
        """When a reload last succeeded."""
        self.error: str | None = None
        """Why the last reload failed, else None."""

    def request(self) -> None:
        """Ask for a reload; returns at once. For SIGHUP and the API."""
        self._requested.set()

    async def run(self) -> None:
        """Serve requests until cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            await self.reload()

    async def reload(self) -> bool:
        """Reload now. Returns whether the new configuration is in force; if not, the old one is."""
        self._notifier.reloading(self._clock.monotonic())
        try:
            await self._apply(await asyncio.to_thread(self._load))
        except ConfigError as error:
            self.successful, self.error = False, str(error)
            log.error("config.reload_failed", err=self.error, kept="the old configuration")
            self._notifier.ready(f"reload failed, old configuration kept: {self.error}")
            return False
        self.successful, self.error = True, None
        self.reloaded_at = self._clock.wall()
        log.info("config.reloaded")
        self._notifier.ready("configuration reloaded")
        return True
