"""Senders of live transport streams, and a continuous source that is watched while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self

import av

import media
from peers import free_port
from qoed.checks import CheckSettings
from qoed.clock import Clock, SystemClock
from qoed.errors import SourceError
from qoed.model import Finding, Phase, Reason, Segment
from qoed.source import HttpClient, Item, Source, SourceOptions, make_source
from qoed.source.input_options import InputOptions
from qoed.source.supervisor import Backoff, Supervisor

DATAGRAM = 7 * 188
MEDIA_S = 24.0
SPEED = 4.0
"""Media seconds a second: what arrives faster is told apart by its time stamps all the same."""


@cache
def program(gop: int = 30) -> bytes:
    """A transport stream of `MEDIA_S` with picture and sound side by side."""
    picture = media.encode(seconds=MEDIA_S, gop=gop, width=160, height=90, bit_rate=200_000)
    sound = media.encode(seconds=MEDIA_S, codec=None, sound=media.tone)
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(picture), format="mpegts") as video,
        av.open(io.BytesIO(sound), format="mpegts") as audio,
        av.open(out, "w", format="mpegts") as both,
    ):
        packets: list[Any] = []
        for opened in (video, audio):
            stream = both.add_stream_from_template(opened.streams[0])  # type: ignore[arg-type]
            packets += [(packet, stream) for packet in opened.demux() if packet.dts is not None]
        for packet, stream in sorted(packets, key=lambda each: each[0].dts):
            packet.stream = stream
            both.mux_one(packet)
    return out.getvalue()


class Sender:
    """Sends datagrams of MPEG-TS from a thread; `rtp`, losses and reordering at will."""

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        data: bytes | None = None,
        speed: float = SPEED,
        rtp: bool = False,
        lose: Callable[[int], bool] = lambda _number: False,
        shuffle: int = 0,
    ) -> None:
        self._target = host, port
        self._data = program() if data is None else data
        self._speed = speed
        self._rtp = rtp
        self._lose = lose
        self._shuffle = shuffle
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send nothing more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        datagrams = list(self._datagrams())
        begun = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            if self._target[0].startswith("23"):  # a group
                out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            for number, datagram in enumerate(datagrams):
                due = begun + number / len(datagrams) * MEDIA_S / self._speed
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
                if not self._lose(number):
                    with contextlib.suppress(ConnectionRefusedError):  # nobody listens yet, or any more
                        out.sendto(datagram, self._target)
                    self.sent += 1

    def _datagrams(self) -> Iterator[bytes]:
        dice = random.Random(7)
        found = [
            (b"\x80\x21" + (number & 0xFFFF).to_bytes(2, "big") + bytes(8) if self._rtp else b"")
            + self._data[at : at + DATAGRAM]
            for number, at in enumerate(range(0, len(self._data), DATAGRAM))
        ]
        places = sorted(range(len(found)), key=lambda number: number + dice.uniform(0, self._shuffle))
        return (found[place] for place in places)


class Watch:
    """A source under way and what it yielded."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.source = source
        self.clock = clock
        self.segments: list[Segment] = []
        self.findings: list[Finding] = []
        self.error: SourceError | None = None
        self.hold: asyncio.Event | None = None
        """While set and not fired, the consumer is busy."""
        self._moved = asyncio.Condition()

    async def emit(self, item: Item) -> None:
        """Take an item."""
        if isinstance(item, Segment):
            self.segments.append(item)
        elif isinstance(item, Finding):
            self.findings.append(item)
        async with self._moved:
            self._moved.notify_all()
        if self.hold is not None:
            await self.hold.wait()

    async def run(self) -> None:
        """One connection."""
        try:
            await self.source.run(self.emit)
        except SourceError as error:
            self.error = error
        async with self._moved:
            self._moved.notify_all()

    async def until(self, enough: Callable[[], object], within_s: float = 20.0) -> None:
        """Wait until `enough()`; fail with what there is by then."""
        try:
            async with asyncio.timeout(within_s), self._moved:
                await self._moved.wait_for(lambda: bool(enough()))
        except TimeoutError:
            raise AssertionError(
                f"came to {len(self.segments)} segments, {self.told()}, {self.error}"
            ) from None

    async def got(self, segments: int, within_s: float = 20.0) -> None:
        """Wait for so many segments."""
        await self.until(lambda: len(self.segments) >= segments or self.error, within_s)
        assert len(self.segments) >= segments, self.error

    async def failed(self, within_s: float = 20.0) -> SourceError:
        """Wait for the error that ends the run."""
        await self.until(lambda: self.error, within_s)
        assert self.error is not None
        return self.error

    def told(self, *, phase: Phase | None = None) -> list[Reason]:
        """Reasons of the findings so far."""
        return [each.reason for each in self.findings if phase in (None, each.phase)]


def source(url: str, clock: Clock, http: HttpClient, stream: str = "feed", **options: Any) -> Source:
    """A continuous source; options of checks by their names, of `format`, and of the input."""
    limits = {Reason(name): value for name, value in options.items() if name in set(Reason)}
    kind = options.pop("format", "auto")
    settings = {name: value for name, value in options.items() if name not in set(Reason)}
    wanted = SourceOptions(
        checks=CheckSettings(limits),
        format=kind,
        input=InputOptions(**settings),
        headers={"X-Token": "S3CR3T"} if url.startswith("http") else {},
    )
    return make_source(stream, url, wanted, http=http, clock=clock)


@asynccontextmanager
async def watching(
    url: str, *, clock: Clock | None = None, http: HttpClient | None = None, **options: Any
) -> AsyncIterator[Watch]:
    """One connection of a source, until the block is left."""
    clock = clock or SystemClock()
    async with http or HttpClient(clock=clock) as client:
        watch = Watch(source(url, clock, client, **options), clock)
        task = asyncio.create_task(watch.run())
        try:
            yield watch
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def supervised(
    url: str, *, stream: str = "feed", clock: Clock | None = None, **options: Any
) -> AsyncIterator[Watch]:
    """A source with its supervisor, which opens it anew at once."""
    clock = clock or SystemClock()
    async with HttpClient(clock=clock) as client:
        watch = Watch(source(url, clock, client, stream, **options), clock)
        quick = Backoff(first_s=0.05, max_s=0.1)
        supervisor = Supervisor(stream, watch.source, watch.emit, clock=clock, backoff=quick)
        task = asyncio.create_task(supervisor.run())
        try:
            yield watch
        finally:
            supervisor.stop()
            await task


class Hasty(SystemClock):
    """The machine's clock, but it runs faster: what is judged over ten seconds is judged soon."""

    def __init__(self, times: float) -> None:
        self._times = times

    def monotonic(self) -> float:
        """Seconds since an arbitrary start, too many of them."""
        return super().monotonic() * self._times


def udp_port() -> int:
    """A free one."""
    return free_port(socket.SOCK_DGRAM)


async def opened(*ports: int, within_s: float = 20.0) -> None:
    """Wait until somebody listens on these UDP ports: what is sent before is not heard."""
    wanted = {f":{port:04X}" for port in ports}
    async with asyncio.timeout(within_s):
        while wanted - {line.split()[1][-5:] for line in Path("/proc/net/udp").read_text().splitlines()[1:]}:
            await asyncio.sleep(0.02)


def children() -> list[int]:
    """Process ids of the ingest children, oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and b"qoed.ingest.child" in (entry / "cmdline").read_bytes():
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                found += [int(entry.name)] if parent == os.getpid() else []
    return sorted(found)
