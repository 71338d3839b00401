"""One stream: its supervised source feeds its lanes, its findings go straight on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from qoed.clock import Clock
from qoed.config import StreamConfig
from qoed.lanes import Decoder, Lanes
from qoed.model import Decoded, Finding, Segment
from qoed.source import HttpClient, Supervisor, make_source


class Stream:
    """Runs one configured stream until it ends or `stop` is called.

    `on_decoded` and `on_finding` get what it yields, `on_drop` (stream, count) what our own slowness cost.
    """

    def __init__(
        self,
        config: StreamConfig,
        http: HttpClient,
        decoder: Decoder,
        *,
        clock: Clock,
        on_decoded: Callable[[Decoded], None],
        on_finding: Callable[[Finding], None],
        on_drop: Callable[[str, int], None],
    ) -> None:
        self.config = config
        self.lanes = Lanes(
            config.decode_options(),
            decoder,
            on_decoded=lambda decoded: on_decoded(self._decoded(decoded)),
            on_drop=lambda count: on_drop(config.name, count),
        )
        source = make_source(config.name, config.url, config.source_options(), http=http, clock=clock)
        self.supervisor = Supervisor(config.name, source, self._emit, clock=clock)
        self._on_finding = on_finding
        self._checks = config.check_settings()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Until the source ends or `stop`; what waits by then is still decoded."""
        try:
            async with self.lanes:
                await self.supervisor.run()
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """End the source and wait until its last segment is decoded."""
        self.supervisor.stop()
        await self._ended.wait()

    def _decoded(self, decoded: Decoded) -> Decoded:
        """Without the findings that nobody wants."""
        wanted = tuple(finding for finding in decoded.findings if self._checks.wanted(finding))
        return decoded if len(wanted) == len(decoded.findings) else replace(decoded, findings=wanted)

    async def _emit(self, item: Segment | Finding) -> None:
        if isinstance(item, Segment):
            await self.lanes.put(item)
        elif self._checks.wanted(item):
            self._on_finding(item)
