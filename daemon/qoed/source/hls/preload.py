"""Preload hints: the next part is asked for before it is there (RFC 8216bis 4.4.5.3, 6.2.6, 6.3.8)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from qoed.clock import Clock
from qoed.errors import SourceError
from qoed.model import WireTimings
from qoed.source.hls.model import Part, PreloadHint
from qoed.source.http import Fetched, FetchError, FetchKind
from qoed.source.transport import Transport

_MAX_FAILURES = 3
"""After so many hints in a row that came to nothing, the server's hints are not followed any more."""

_LEAST_SILENCE_S = 1.0

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
OnMissing = Callable[[PreloadHint, FetchError], Awaitable[None]]


class _Request:
    """One hinted resource, from the hint's start on, as far as the server has sent it."""

    def __init__(self, hint: PreloadHint) -> None:
        self.hint = hint
        self.data = bytearray()
        self.arrivals: list[tuple[int, float]] = []
        self.ended: Fetched | None = None
        self.failed = False
        self.moved = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def covers(self, part: Part) -> bool:
        """Whether it brings the bytes of `part`."""
        hint = self.hint
        if part.uri != hint.uri or self.failed:
            return False
        if part.byte_range is None:
            return hint.start == 0 and hint.length is None
        offset, length = part.byte_range
        return offset >= hint.start and (hint.length is None or offset + length <= hint.start + hint.length)

    def end_of(self, part: Part) -> int | None:
        """How many bytes of `data` hold the part; None: all there will be."""
        return None if part.byte_range is None else sum(part.byte_range) - self.hint.start

    def received(self, size: int) -> tuple[float, float]:
        """When the first byte of all and byte number `size` arrived."""
        return self.arrivals[0][1], next(at for total, at in self.arrivals if total >= size)

    def cancel(self) -> None:
        """Nobody wants it any more."""
        if self.task is not None:
            self.task.cancel()


class Preload:
    """Follows one rendition's hints with one request at a time.

    `spawn` starts a task in the rendition's group; `on_missing` hears of hints denied.
    """

    def __init__(self, transport: Transport, clock: Clock, spawn: Spawn, on_missing: OnMissing) -> None:
        self._transport = transport
        self._clock = clock
        self._spawn = spawn
        self._on_missing = on_missing
        self._current: _Request | None = None
        self._listed: _Request | None = None
        self._failures = 0

    def follow(self, hint: PreloadHint | None, listed: tuple[Part, ...], duration_s: float) -> None:
        """Take the hint of a playlist that now lists the parts `listed`; a segment lasts `duration_s`."""
        current = self._current
        if current is not None and hint is not None and _goes_on(current.hint, hint) and not current.failed:
            return
        if current is not None:
            self._current = None
            if any(current.covers(part) for part in listed):
                if self._listed is not None:
                    self._listed.cancel()
                self._listed = current
            else:
                current.cancel()
        if hint is None or hint.type != "PART" or self._failures >= _MAX_FAILURES:
            return
        if current is not None and current.failed and current.hint == hint:
            self._current = current  # the same hint again: it is not asked for twice
            return
        self._current = request = _Request(hint)
        request.task = self._spawn(self._fetch(request, duration_s))

    async def take(self, part: Part) -> tuple[Fetched, float] | None:
        """The bytes of a listed part and when the last one came; None: it must be fetched.

        What is listed is there: a request that has gone silent is not waited for.
        """
        for request in (self._listed, self._current):
            if request is not None and request.covers(part):
                break
        else:
            return None
        end = request.end_of(part)
        with contextlib.suppress(TimeoutError):
            while request.ended is None and not request.failed and (end is None or len(request.data) < end):
                request.moved.clear()
                async with asyncio.timeout(max(2 * part.duration_s, _LEAST_SILENCE_S)):
                    await request.moved.wait()
        if end is None and request.ended is None:
            return None
        begin = 0 if part.byte_range is None else part.byte_range[0] - request.hint.start
        data = bytes(request.data[begin:end])
        if not data or (end is not None and begin + len(data) < end):
            return None
        first, last = request.received(begin + len(data))
        # The wait for what was not there yet is not the network's: only the arrival of the bytes is timed.
        took = max(last - first, 0.0) if begin == 0 else 0.0
        fetched = Fetched(
            body=data,
            status=200,
            final_url=part.uri,
            headers={} if request.ended is None else request.ended.headers,
            timings=WireTimings(download_s=took, total_s=took, bytes=len(data), status=200),
        )
        return fetched, last

    def stop(self) -> None:
        """Give up what is under way."""
        for request in (self._listed, self._current):
            if request is not None:
                request.cancel()
        self._listed = self._current = None

    async def _fetch(self, request: _Request, duration_s: float) -> None:
        hint = request.hint

        def sink(chunk: bytes) -> None:
            request.data += chunk
            request.arrivals.append((len(request.data), self._clock.monotonic()))
            request.moved.set()

        try:
            request.ended = await self._transport.hinted(
                hint.uri, sink, (hint.start, hint.length), duration_s
            )
            self._failures = 0
        except SourceError as error:
            request.failed = True
            if isinstance(error, FetchError) and error.kind is FetchKind.STATUS:
                self._failures += 1
                await self._on_missing(hint, error)
        finally:
            request.moved.set()


def _goes_on(before: PreloadHint, hint: PreloadHint) -> bool:
    """Whether the request for `before` brings `hint` as well."""
    if before == hint:
        return True
    return before.uri == hint.uri and before.length is None and before.start <= hint.start and hint.start > 0
