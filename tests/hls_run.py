"""A source at work against a scripted origin: what the HLS tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import playlists as m3u
from origin import LiveOrigin
from qoed.clock import SystemClock
from qoed.model import Finding, Phase, Reason, Segment
from qoed.source import HttpClient, Source, SourceOptions, make_source

KEY = bytes(range(16))
QUICK = {"segment_retry_s": 0.05, "playlist_deadline_s": 1.0}


def ts(sequence: int, size: int = 2000) -> bytes:
    """Bytes that pass for a transport stream and name their sequence."""
    return b"G" + f"{sequence:08d}".encode() + bytes(179) + b"G" + bytes(187) + b"G" + bytes(size - 377)


def fmp4(sequence: int) -> bytes:
    return b"\0\0\0\x10styp" + f"{sequence:08d}".encode() + bytes(100)


def sealed(data: bytes, iv: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES128(KEY), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


class Run:
    """A source at work: what it emitted so far, and waiting for more."""

    def __init__(self, source: Source) -> None:
        self.items: list[Segment | Finding] = []
        self._source = source
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Run:
        self._task = asyncio.create_task(self._source.run(self._emit))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _emit(self, item: Segment | Finding) -> None:
        async with self._moved:
            self.items.append(item)
            self._moved.notify_all()

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until `enough`; fail with what came when the source ends or ten seconds pass before."""

        async def wait() -> None:
            async with self._moved:
                await self._moved.wait_for(enough)

        assert self._task is not None
        waiting = asyncio.create_task(wait())
        await asyncio.wait((waiting, self._task), timeout=10, return_when=asyncio.FIRST_COMPLETED)
        if not enough():
            waiting.cancel()
            pytest.fail(f"came to {[f.reason for f in self.findings()]} and {len(self.segments())} segments")
        await waiting

    async def until_finding(self, reason: Reason, phase: Phase = Phase.EVENT) -> Finding:
        """Wait for a finding."""
        await self.until(lambda: any(f.phase is phase for f in self.findings(reason)))
        return next(f for f in self.findings(reason) if f.phase is phase)

    async def end(self) -> None:
        """Wait for the source's own end."""
        assert self._task is not None
        await asyncio.wait_for(asyncio.shield(self._task), 10)

    def segments(self, rendition: str | None = None) -> list[Segment]:
        """Segments so far."""
        found = [item for item in self.items if isinstance(item, Segment)]
        return [s for s in found if rendition in (None, s.rendition.id)]

    def findings(self, reason: Reason | None = None) -> list[Finding]:
        """Findings so far."""
        found = [item for item in self.items if isinstance(item, Finding)]
        return [f for f in found if reason in (None, f.reason)]


@pytest.fixture
async def origin() -> AsyncIterator[LiveOrigin]:
    """A running origin."""
    async with LiveOrigin() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """One client."""
    async with HttpClient() as client:
        yield client


def source(http: HttpClient, url: str, **options: object) -> Source:
    settings = SourceOptions(**(QUICK | options))  # type: ignore[arg-type]
    return make_source("tv", url, settings, http=http, clock=SystemClock())


def vod(origin: LiveOrigin, *lines: str, target: float = 2) -> str:
    """A VOD playlist at `/vod.m3u8`; returns its URL."""
    return origin.put("/vod.m3u8", m3u.playlist(m3u.version(6), m3u.target(target), *lines, m3u.endlist()))


async def finished(http: HttpClient, url: str, **options: object) -> Run:
    """Run a source to its end."""
    async with Run(source(http, url, **options)) as run:
        await run.end()
    return run


# --- live
