"""A scripted HLS origin: real HTTP on 127.0.0.1, live windows that the test moves, faults on request.

async with LiveOrigin() as origin:
    live = origin.add_live("720", media=lambda sequence: ts_bytes(sequence), segment_s=0.5)
    origin.add_master({"720": dict(bandwidth=2_500_000, resolution="1280x720")})
    fault = origin.fault("/720/7.ts", status=404)       # also delay_s, stall_after, throttle_bps, ...
    live.stall(); live.resume(); live.regress(3); live.restart()
    ... origin.url("/master.m3u8") ... origin.requests
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Self

from aiohttp import web

import playlists as m3u

Media = Callable[[int], bytes]


@dataclass(slots=True)
class Request:
    """One request as the origin saw it; `at` is `time.monotonic`."""

    path: str
    query: str
    headers: Mapping[str, str]
    at: float


@dataclass(slots=True, eq=False)
class Fault:
    """What happens to requests whose path matches the glob `path`; `times` of them, or all until `clear`."""

    path: str
    status: int | None = None
    """Answer with this status and no body."""
    delay_s: float = 0.0
    """Wait before the headers."""
    stall_after: int | None = None
    """Send so many bytes of the body, then nothing more."""
    throttle_bps: float | None = None
    """Send the body at so many bits per second."""
    corrupt: int | None = None
    """Overwrite so many bytes at seeded random places after the first 1000."""
    truncate: int | None = None
    """Send only so many bytes, as if that were all."""
    ignore_range: bool = False
    """Answer a Range request with 200 and everything, as some servers do."""
    drop: bool = False
    """Close the connection without an answer."""
    body: bytes | None = None
    """Answer with this instead."""
    times: int | None = None
    hits: int = 0


@dataclass(slots=True, eq=False)
class Listing:
    """A list of segments that time moves on, and that can be held."""

    _held: int | None = field(default=None, init=False)

    @property
    def due(self) -> int:
        """Number of the first segment that is not there yet."""
        raise NotImplementedError

    @property
    def edge(self) -> int:
        """Number of the first segment that is not listed."""
        return self.due if self._held is None else self._held

    def stall(self) -> None:
        """Stop listing new segments (a stale playlist)."""
        self._held = self.edge

    def regress(self, count: int) -> None:
        """Serve a list that is older by `count` segments, and hold it."""
        self._held = self.edge - count

    def resume(self) -> None:
        """List what time has brought since."""
        self._held = None


@dataclass(slots=True)
class Live(Listing):
    """One media playlist with its segments. It moves by itself every `segment_s`, or only by `advance`."""

    name: str
    media: Media
    segment_s: float = 2.0
    window: int = 6
    first: int = 0
    init: bytes | None = None
    dated: bool = False
    auto: bool = True
    ended: bool = False
    """VOD: everything is listed, with EXT-X-ENDLIST."""
    suffix: str = "ts"
    before: Callable[[int], list[str]] = lambda _sequence: []
    """Tags to put before the EXTINF of a sequence number."""
    target_s: float | None = None
    generation: int = 0
    _begun: float = field(default_factory=time.monotonic)
    _moved: int = 0

    @property
    def due(self) -> int:
        """Sequence number of the next segment by time."""
        moved = int((time.monotonic() - self._begun) / self.segment_s) if self.auto else 0
        return self.first + self.window + self._moved + moved

    def advance(self, count: int = 1) -> None:
        """List `count` more segments."""
        self._moved += count

    def restart(self, first: int = 0) -> None:
        """Begin anew like an encoder that was restarted: lower sequence numbers, other names."""
        self.first, self._moved, self._held, self._begun = first, 0, None, time.monotonic()
        self.generation += 1

    def name_of(self, number: int) -> str:
        """File name of a segment."""
        return (
            f"{number}.{self.suffix}" if not self.generation else f"g{self.generation}_{number}.{self.suffix}"
        )

    def text(self) -> str:
        """The playlist now."""
        edge = self.edge
        numbers = range(max(self.first, edge - self.window), edge)
        head = [
            m3u.version(6),
            m3u.target(f"{self.target_s or max(round(self.segment_s), 1):g}"),
            m3u.sequence(numbers.start),
        ]
        if self.init is not None:
            head.append(m3u.ext_map("init.mp4"))
        listed = []
        for number in numbers:
            tags = self.before(number)
            if self.dated:
                tags = [*tags, m3u.pdt(number * self.segment_s)]
            listed.append(m3u.inf(f"{self.segment_s:g}", self.name_of(number), *tags))
        return m3u.playlist(*head, *listed, *([m3u.endlist()] if self.ended else []))


class LiveOrigin:
    """The server. `async with` starts and stops it; every request is kept in `requests`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.port = 0
        self._bodies: dict[str, Callable[[], bytes]] = {}
        self._folders: dict[str, Callable[[str], bytes | None]] = {}
        self._live: dict[str, Live] = {}
        self._faults: list[Fault] = []
        self._redirects: dict[str, str] = {}
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        assert self._runner is not None
        await self._runner.cleanup()

    def url(self, path: str) -> str:
        """Absolute URL of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def put(self, path: str, body: bytes | str | Callable[[], bytes | str]) -> str:
        """Serve `body`, or what the callable returns at each request; returns the URL."""

        def current() -> bytes:
            value = body() if callable(body) else body
            return value.encode() if isinstance(value, str) else value

        self._bodies[path] = current
        return self.url(path)

    def serve(self, prefix: str, look_up: Callable[[str], bytes | None]) -> None:
        """Serve what `look_up` returns for the rest of each path below `prefix`; None is 404."""
        self._folders[prefix] = look_up

    def redirect(self, path: str, location: str) -> str:
        """Answer `path` with 302 to `location`; returns the URL."""
        self._redirects[path] = location
        return self.url(path)

    def add_live(self, name: str, media: Media, **settings: object) -> Live:
        """A live rendition at `/<name>/index.m3u8`; `settings` are fields of `Live`."""
        live = Live(name, media, **settings)  # type: ignore[arg-type]
        self._live[name] = live
        return live

    def add_vod(self, name: str, segments: list[bytes], **settings: object) -> Live:
        """A complete rendition at `/<name>/index.m3u8`."""
        first = int(settings.get("first", 0))  # type: ignore[call-overload]
        return self.add_live(
            name,
            lambda number: segments[number - first],
            window=len(segments),
            auto=False,
            ended=True,
            **settings,
        )

    def add_master(self, renditions: Mapping[str, Mapping[str, object]], path: str = "/master.m3u8") -> str:
        """A multivariant playlist over live names; the values are attributes of `playlists.variant`."""
        variants = [
            m3u.variant(f"{name}/index.m3u8", **attributes)  # type: ignore[arg-type]
            for name, attributes in renditions.items()
        ]
        return self.put(path, m3u.playlist(*variants))

    def fault(self, path: str, **effect: object) -> Fault:
        """Begin a fault; the first one that matches a request and is not used up applies."""
        fault = Fault(path, **effect)  # type: ignore[arg-type]
        self._faults.append(fault)
        return fault

    def clear(self, fault: Fault | None = None) -> None:
        """End one fault, or all."""
        self._faults = [] if fault is None else [one for one in self._faults if one is not fault]

    def count(self, path: str) -> int:
        """Requests so far whose path matches the glob."""
        return sum(fnmatchcase(request.path, path) for request in self.requests)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(
            Request(
                request.path,
                request.raw_path.partition("?")[2],
                dict(request.headers),
                time.monotonic(),
            )
        )
        fault = self._fault_for(request.path)
        if fault.drop and request.transport is not None:
            request.transport.abort()
        if fault.delay_s:
            await self._hold(fault.delay_s)
        if fault.status is not None:
            return web.Response(status=fault.status)
        if request.path in self._redirects:
            return web.Response(status=302, headers={"Location": self._redirects[request.path]})
        body = fault.body if fault.body is not None else self._body(request.path)
        if body is None:
            return web.Response(status=404)
        return await self._send(request, body, fault)

    async def _send(self, request: web.Request, body: bytes, fault: Fault) -> web.StreamResponse:
        if fault.corrupt:
            dice, damaged = random.Random(request.path), bytearray(body)
            for _ in range(fault.corrupt):
                damaged[dice.randrange(min(1000, len(body) - 1), len(body))] = dice.randrange(256)
            body = bytes(damaged)
        if fault.truncate is not None:
            body = body[: fault.truncate]
        status = 200
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if match and not fault.ignore_range:
            body, status = body[int(match[1]) : int(match[2]) + 1], 206
        response = web.StreamResponse(status=status)
        response.content_length = len(body)
        with contextlib.suppress(ConnectionResetError):  # the client has had enough
            await self._write(request, response, body, fault)
        return response

    async def _write(
        self, request: web.Request, response: web.StreamResponse, body: bytes, fault: Fault
    ) -> None:
        await response.prepare(request)
        if request.method == "HEAD":
            return
        if fault.throttle_bps:
            step = 1024
            for at in range(0, len(body), step):
                await response.write(body[at : at + step])
                await self._hold(step * 8 / fault.throttle_bps)
        elif fault.stall_after is not None:
            await response.write(body[: fault.stall_after])
            await self._hold(3600)
        else:
            await response.write(body)
        await response.write_eof()

    async def _hold(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the test."""
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return

    def _fault_for(self, path: str) -> Fault:
        for fault in self._faults:
            if fnmatchcase(path, fault.path) and (fault.times is None or fault.hits < fault.times):
                fault.hits += 1
                return fault
        return Fault(path)

    def _body(self, path: str) -> bytes | None:
        if path in self._bodies:
            return self._bodies[path]()
        for prefix, look_up in self._folders.items():
            if path.startswith(prefix):
                return look_up(path.removeprefix(prefix))
        _, _, rest = path.partition("/")
        name, _, file = rest.rpartition("/")
        live = self._live.get(name)
        if live is None:
            return None
        if file == "index.m3u8":
            return live.text().encode()
        if file == "init.mp4":
            return live.init
        match = re.fullmatch(rf"(?:g(\d+)_)?(\d+)\.{live.suffix}", file)
        if match is None or not live.first <= int(match[2]) < live.edge:
            return None
        return live.media(int(match[2]))
