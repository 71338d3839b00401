"""One process that polls very many live playlists, and watches itself doing so. Run by `poll_scale`.

`python -m bench.poll_probe WHO SEGMENT_S STREAMS SECONDS PORT ADDRESS...` prints one JSON object. WHO is
`qoed` (supervised sources, everything short of decoding) or `bare` (the same requests on aiohttp alone).
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import structlog

from qoed.clock import SystemClock
from qoed.model import Finding, Segment
from qoed.service.collector import collect_calmly
from qoed.source import HttpClient, SourceOptions, Supervisor, make_source
from qoed.source.http import Fetched
from qoed.source.turns import Turns

LAG_PERIOD_S = 0.01
"""A task asks to be woken so often; what it is late by is the loop's lag."""
MOST_BEGIN_S = 90.0
"""Something is wrong when streams take longer to begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What one process did in `seconds`, once every stream had begun. Times are seconds."""

    who: str
    streams: int
    seconds: float
    begin_s: float
    """From the start until every stream had its first playlist."""
    playlists: int
    segments: int
    findings: dict[str, int]
    lag_s: tuple[float, float, float]
    """Loop lag: median, 99th percentile, worst."""
    late_s: tuple[float, float, float]
    """Poll lateness (request on its connection after it was due): median, 99th percentile, worst."""
    cpu_s: float
    bytes_per_stream: float
    """Growth of the resident set over all streams, divided by their number."""
    descriptors: int


@dataclass(slots=True)
class _Notes:
    """What is noted while it runs; `clear` begins the part that counts."""

    playlists: int = 0
    segments: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    lag_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    slept_late_s: dict[int, float] = field(default_factory=dict)
    """By task: how late its last sleep ended."""

    def clear(self) -> None:
        self.playlists = self.segments = 0
        self.lag_s.clear()
        self.late_s.clear()
        self.findings.clear()

    def polled(self, url: str, late_s: float) -> None:
        self.begun.add(url)
        self.playlists += 1
        self.late_s.append(late_s)


class _LateClock(SystemClock):
    """The system's clock; notes how late every sleep ends."""

    def __init__(self, notes: _Notes) -> None:
        self._notes = notes

    async def sleep(self, seconds: float) -> None:
        due = time.monotonic() + seconds
        await asyncio.sleep(seconds)
        self._notes.slept_late_s[id(asyncio.current_task())] = max(time.monotonic() - due, 0.0)


class _NotingHttp:
    """The daemon's client; notes each playlist's lateness: of the sleep before it, and for a connection."""

    def __init__(self, http: HttpClient, notes: _Notes) -> None:
        self._http = http
        self._notes = notes

    async def fetch(self, url: str, **options: Any) -> Fetched:
        slept_late_s = self._notes.slept_late_s.pop(id(asyncio.current_task()), 0.0)
        asked = time.monotonic()
        fetched = await self._http.fetch(url, **options)
        if url.endswith(".m3u8"):
            queued_s = time.monotonic() - asked - fetched.timings.total_s
            self._notes.polled(url, slept_late_s + max(queued_s, 0.0))
        return fetched


async def _qoed(urls: list[str], notes: _Notes, group: asyncio.TaskGroup, http: HttpClient) -> None:
    """Every stream as the daemon runs it, up to the decoder."""

    async def emit(item: Segment | Finding) -> None:
        if isinstance(item, Segment):
            notes.segments += 1
        else:
            notes.findings[item.reason] = notes.findings.get(item.reason, 0) + 1

    clock, noting, turns = _LateClock(notes), _NotingHttp(http, notes), Turns()
    for number, url in enumerate(urls):
        source = make_source(str(number), url, SourceOptions(), http=noting, clock=clock)
        turn_s = turns.wait_s(clock.monotonic())
        supervisor = Supervisor(str(number), source, emit, clock=clock, begin_after_s=turn_s)
        group.create_task(supervisor.run())


async def _bare(
    urls: list[str], segment_s: float, notes: _Notes, group: asyncio.TaskGroup, http: aiohttp.ClientSession
) -> None:
    """As many playlists and segments as qoed asks for, read and thrown away."""

    async def get(url: str) -> None:
        async with http.get(url) as response:
            await response.read()

    turns = Turns()

    async def one(url: str) -> None:
        due = time.monotonic() + turns.wait_s(time.monotonic())
        await asyncio.sleep(due - time.monotonic())
        segment = url.rpartition("/")[0] + "/1.ts"
        while True:
            late_s = time.monotonic() - due
            await get(url)
            notes.polled(url, late_s)
            await get(segment)
            notes.segments += 1
            due = max(due + segment_s, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    for url in urls:
        group.create_task(one(url))


async def _lag(notes: _Notes) -> None:
    while True:
        due = time.monotonic() + LAG_PERIOD_S
        await asyncio.sleep(LAG_PERIOD_S)
        notes.lag_s.append(time.monotonic() - due)


async def _watch(who: str, segment_s: float, urls: list[str], seconds: float) -> Watch:
    notes, before = _Notes(), _resident()
    connector = aiohttp.TCPConnector(limit=512, limit_per_host=64)
    async with HttpClient() as http, aiohttp.ClientSession(connector=connector) as session:
        try:
            async with asyncio.TaskGroup() as group:
                began = time.monotonic()
                group.create_task(collect_calmly(SystemClock()))
                if who == "qoed":
                    await _qoed(urls, notes, group, http)
                else:
                    await _bare(urls, segment_s, notes, group, session)
                while len(notes.begun) < len(urls):
                    await asyncio.sleep(0.05)
                    if time.monotonic() - began > MOST_BEGIN_S:
                        raise RuntimeError(f"{len(urls) - len(notes.begun)} streams did not begin")
                begin_s = time.monotonic() - began
                await asyncio.sleep(segment_s)  # what began together falls into step
                notes.clear()
                group.create_task(_lag(notes))
                from_s, cpu_s = time.monotonic(), time.process_time()
                await asyncio.sleep(seconds)
                watch = Watch(
                    who=who,
                    streams=len(urls),
                    seconds=time.monotonic() - from_s,
                    begin_s=begin_s,
                    playlists=notes.playlists,
                    segments=notes.segments,
                    findings=dict(notes.findings),
                    lag_s=_spread(notes.lag_s),
                    late_s=_spread(notes.late_s),
                    cpu_s=time.process_time() - cpu_s,
                    bytes_per_stream=(_resident() - before) / len(urls),
                    descriptors=len(list(Path("/proc/self/fd").iterdir())),
                )
                raise asyncio.CancelledError
        except asyncio.CancelledError:
            return watch


def _spread(values: list[float]) -> tuple[float, float, float]:
    median, p99, worst = np.percentile(values or [0.0], (50, 99, 100))
    return float(median), float(p99), float(worst)


def _resident() -> int:
    """Bytes of this process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    name, segment, count, length, port, *addresses = sys.argv[1:]
    asked = [f"http://{addresses[n % len(addresses)]}:{port}/{n}/index.m3u8" for n in range(int(count))]
    random.shuffle(asked)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    print(json.dumps(asdict(asyncio.run(_watch(name, float(segment), asked, float(length))))))
