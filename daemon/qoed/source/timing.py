"""When each phase of an HTTP exchange happened, by aiohttp's trace hooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp

from qoed.model import WireTimings


@dataclass(slots=True)
class Marks:
    """Instants of one exchange, set by the trace hooks."""

    begun: float
    queued: float = 0.0
    queue_begun: float | None = None
    dns_begun: float | None = None
    dns: float | None = None
    create_begun: float | None = None
    create: float | None = None
    ready: float | None = None
    headers: float | None = None
    ended: float | None = None
    status: int | None = None
    size: int = 0

    def timings(self, now: float) -> WireTimings:
        """The phases as durations; time spent waiting for a free connection of ours is left out."""
        connect = None if self.create is None else max(self.create - (self.dns or 0.0), 0.0)
        return WireTimings(
            dns_s=self.dns,
            connect_s=connect,
            ttfb_s=None if self.headers is None else self.headers - (self.ready or self.begun),
            download_s=None if self.headers is None or self.ended is None else self.ended - self.headers,
            total_s=max(now - self.begun - self.queued, 0.0),
            bytes=self.size,
            status=self.status,
        )


def trace_config(now: Callable[[], float]) -> aiohttp.TraceConfig:
    """Hooks that write the instants of an exchange into the `Marks` given as its `trace_request_ctx`."""
    config = aiohttp.TraceConfig()

    async def queued_start(_session: Any, context: SimpleNamespace, _params: Any) -> None:
        context.trace_request_ctx.queue_begun = now()

    async def queued_end(_session: Any, context: SimpleNamespace, _params: Any) -> None:
        marks: Marks = context.trace_request_ctx
        if marks.queue_begun is not None:
            marks.queued += now() - marks.queue_begun
            marks.queue_begun = None

    async def dns_start(_session: Any, context: SimpleNamespace, _params: Any) -> None:
        context.trace_request_ctx.dns_begun = now()

    async def dns_end(_session: Any, context: SimpleNamespace, _params: Any) -> None:
        marks: Marks = context.trace_request_ctx
        if marks.dns_begun is not None:
            marks.dns = now() - marks.dns_begun

    async def create_start(_session: Any, context: SimpleNamespace, _params: Any) -> None:
        context.trace_request_ctx.create_begun = now()

    async def create_end(_session: Any, context: SimpleNamespace, _params: Any) -> None:
        marks: Marks = context.trace_request_ctx
        marks.ready = now()
        if marks.create_begun is not None:
            marks.create = marks.ready - marks.create_begun

    async def reuse(_session: Any, context: SimpleNamespace, _params: Any) -> None:
        context.trace_request_ctx.ready = now()

    config.on_connection_queued_start.append(queued_start)
    config.on_connection_queued_end.append(queued_end)
    config.on_dns_resolvehost_start.append(dns_start)
    config.on_dns_resolvehost_end.append(dns_end)
    config.on_connection_create_start.append(create_start)
    config.on_connection_create_end.append(create_end)
    config.on_connection_reuseconn.append(reuse)
    return config
