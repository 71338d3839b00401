"""A low-latency HLS origin over real HTTP: blocking reloads, delta updates, hints that wait for their part.

async with LowLatencyOrigin() as origin:
    live = origin.add("hd", ll_media.fmp4())     # settings of `Packager`: byte_ranges, blocks, hints, ...
    await live.publish(3)                        # three more parts exist from now on
    ... origin.url("/hd/index.m3u8") ... live.published_at[(7, 2)] ... origin.requests

Time moves only by `publish`; whoever waits for a part is answered then.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

import playlists as m3u
from ll_media import Coded

_WAIT_S = 20.0


@dataclass(slots=True)
class Packager:
    """One rendition. `total` parts have been published; segment numbers begin with `first`."""

    name: str
    coded: Coded
    part_s: float = 0.2
    first: int = 0
    window: int = 8
    byte_ranges: bool = False
    """Parts are ranges of their segment's resource, which grows while it is read."""
    blocks: bool = True
    """Keep the promise of CAN-BLOCK-RELOAD."""
    promises: bool = True
    """Make it."""
    hints: bool = True
    hints_wait: bool = True
    """False: 404 until a hinted part exists."""
    wrong_hint: str | None = None
    """Hint this instead of the part that comes next."""
    skips: bool = True
    skips_too_many: int = 0
    """Claim so many more segments skipped than there are."""
    dated: bool = True
    reports: Callable[[], list[str]] = list
    before: Callable[[int], list[str]] = lambda _number: []
    """Tags before the first part of a segment."""
    refuses_directives: bool = False
    """Answer 400 to whoever asks with delivery directives."""
    late_s: float = 0.0
    """Pause before each answer that waited."""
    refused: set[str] = field(default_factory=set)
    """Names that are answered with 404."""
    gaps: set[tuple[int, int]] = field(default_factory=set)
    discontinuities: frozenset[int] = frozenset()
    """Segments that begin with one."""
    generation: int = 0
    ended: bool = False
    total: int = 0
    published_at: dict[tuple[int, int], float] = field(default_factory=dict)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def parts(self) -> int:
        """Parts of a segment."""
        return len(self.coded.segments[0])

    @property
    def next(self) -> tuple[int, int]:
        """(segment, part) that does not exist yet."""
        return self.first + self.total // self.parts, self.total % self.parts

    async def publish(self, count: int = 1, *, end: bool = False) -> None:
        """`count` more parts exist; `end`: and nothing follows."""
        async with self.moved:
            for _ in range(count):
                self.published_at[self.next] = time.monotonic()
                self.total += 1
            self.ended = self.ended or end
            self.moved.notify_all()

    async def restart(self, first: int = 0, parts: int = 0) -> None:
        """Begin anew like an encoder that was restarted: other numbers, other names."""
        async with self.moved:
            self.generation += 1
            self.first, self.total = first, parts
            self.moved.notify_all()

    def report(self) -> str:
        """EXT-X-RENDITION-REPORT about this one."""
        number, index = self.next
        last = (number, index - 1) if index else (number - 1, self.parts - 1)
        return m3u.report(f"../{self.name}/index.m3u8", *last)

    # --- names

    def segment_name(self, number: int) -> str:
        """A segment's file."""
        return f"{self.generation}_{number}.{self.coded.suffix}"

    def part_name(self, number: int, index: int) -> str:
        """A part's file."""
        return f"{self.generation}_{number}.{index}.{self.coded.suffix}"

    # --- playlist

    @property
    def target_s(self) -> float:
        """Target duration."""
        return self.part_s * self.parts

    def text(self, *, skip: bool = False) -> str:
        """The playlist now, or as a delta update."""
        number, index = self.next
        first = max(self.first, number - self.window)
        skipped = max(number - 6 - first, 0) if skip else 0
        head = [m3u.version(9), m3u.target(f"{self.target_s:g}"), m3u.part_inf(self.part_s)]
        head.append(
            m3u.server_control(
                block=self.promises,
                skip_until_s=6 * self.target_s if self.skips else None,
                part_hold_back_s=3 * self.part_s,
            )
        )
        head.append(m3u.sequence(first))
        if self.discontinuities:
            head.append(m3u.tag("DISCONTINUITY-SEQUENCE", sum(at < first for at in self.discontinuities)))
        if skipped:
            head.append(m3u.skip(skipped + self.skips_too_many))
        elif self.coded.init:
            head.append(m3u.ext_map("init.mp4"))
        lines = [] if skipped else self._in_force(first)
        for at in range(first + skipped, number + 1):
            lines += self._segment(at, whole=at < number, parts=self.parts if at < number else index)
        lines += [] if self.ended else self._hint(number, index)
        return m3u.playlist(*head, *lines, *self.reports(), *([m3u.endlist()] if self.ended else []))

    def _in_force(self, number: int) -> list[str]:
        """Tags of segments that left the list which apply on."""
        lasting = ("#EXT-X-KEY", "#EXT-X-MAP", "#EXT-X-BITRATE")
        return [
            line for at in range(self.first, number) for line in self.before(at) if line.startswith(lasting)
        ]

    def _segment(self, number: int, *, whole: bool, parts: int) -> list[str]:
        lines: list[str] = []
        if whole or parts:
            lines += [m3u.discontinuity()] if number in self.discontinuities else []
            lines += self.before(number)
            if self.dated:
                lines.append(m3u.pdt((number - self.first) * self.target_s))
        if number >= self.next[0] - 3:
            lines += [self._part(number, index) for index in range(parts)]
        if whole:
            lines.append(m3u.inf(f"{self.target_s:g}", self.segment_name(number)))
        return lines

    def _part(self, number: int, index: int) -> str:
        data, independent = self.coded.part(number, index)
        span = None
        if self.byte_ranges:
            span = f"{len(data)}@{self.offset(number, index)}"
        return m3u.part(
            self.part_s,
            self.segment_name(number) if self.byte_ranges else self.part_name(number, index),
            independent=independent,
            span=span,
            gap=(number, index) in self.gaps,
        )

    def _hint(self, number: int, index: int) -> list[str]:
        if not self.hints:
            return []
        if self.wrong_hint is not None:
            return [m3u.hint(self.wrong_hint)]
        if self.byte_ranges:
            return [m3u.hint(self.segment_name(number), start=self.offset(number, index))]
        return [m3u.hint(self.part_name(number, index))]

    def offset(self, number: int, index: int) -> int:
        """Where a part begins in its segment."""
        return sum(len(self.coded.part(number, at)[0]) for at in range(index))

    def has(self, number: int, index: int | None) -> bool:
        """Whether a part (without an index: the whole segment) exists."""
        return self.next[0] > number if index is None else self.next > (number, index)

    def bytes_of(self, number: int) -> bytes:
        """As much of a segment as exists."""
        end = self.parts if number < self.next[0] else self.next[1] if number == self.next[0] else 0
        return b"".join(self.coded.part(number, index)[0] for index in range(end))


class LowLatencyOrigin:
    """The server. `async with` starts and stops it; the paths asked for are kept, with their queries."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.packagers: dict[str, Packager] = {}
        self._bodies: dict[str, str] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._closing = False

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{name}/{file}", self._answer)
        app.router.add_get("/{file}", self._top)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        for packager in self.packagers.values():
            async with packager.moved:
                packager.moved.notify_all()
        assert self._runner is not None
        await self._runner.cleanup()

    def url(self, path: str) -> str:
        """Absolute URL of a path."""
        return f"http://127.0.0.1:{self._port}{path}"

    def put(self, file: str, text: str) -> str:
        """Serve a text at `/<file>`; returns its URL."""
        self._bodies[file] = text
        return self.url(f"/{file}")

    def add(self, name: str, coded: Coded, *, parts: int = 0, **settings: object) -> Packager:
        """A rendition at `/<name>/index.m3u8` that has published `parts` parts."""
        packager = Packager(name, coded, total=parts, **settings)  # type: ignore[arg-type]
        self.packagers[name] = packager
        return packager

    def ladder(self, renditions: Mapping[str, int]) -> str:
        """A multivariant playlist over names with their bandwidths; returns its URL."""
        variants = [m3u.variant(f"{name}/index.m3u8", bandwidth) for name, bandwidth in renditions.items()]
        return self.put("master.m3u8", m3u.playlist(m3u.version(9), *variants))

    def asked(self, pattern: str) -> list[str]:
        """Paths (with query) asked for so far that match the regular expression."""
        return [path for path in self.requests if re.search(pattern, path)]

    async def _top(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        text = self._bodies.get(request.path[1:])
        return web.Response(status=404) if text is None else web.Response(text=text)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path[1:] in self._bodies:
            return await self._top(request)
        self.requests.append(request.path_qs)
        packager = self.packagers.get(request.match_info["name"])
        file = request.match_info["file"]
        if packager is None or file in packager.refused:
            return web.Response(status=404)
        if file == "index.m3u8":
            return await self._playlist(packager, request)
        if file == "init.mp4":
            return web.Response(body=packager.coded.init)
        match = re.fullmatch(rf"(\d+)_(\d+)(?:\.(\d+))?\.{packager.coded.suffix}", file)
        if match is None or int(match[1]) != packager.generation:
            return web.Response(status=404)
        if match[3] is None:
            return await self._segment(packager, int(match[2]), request)
        return await self._part(packager, int(match[2]), int(match[3]))

    async def _playlist(self, packager: Packager, request: web.Request) -> web.StreamResponse:
        query = request.query
        if packager.refuses_directives and query:
            return web.Response(status=400)
        if packager.blocks and "_HLS_msn" in query:
            number = int(query["_HLS_msn"])
            index = int(query["_HLS_part"]) if "_HLS_part" in query else None
            if number > packager.next[0] + 2:
                return web.Response(status=400)
            if not await self._until(packager, lambda: packager.has(number, index) or packager.ended):
                return web.Response(status=503)
        return web.Response(text=packager.text(skip=packager.skips and query.get("_HLS_skip") == "YES"))

    async def _part(self, packager: Packager, number: int, index: int) -> web.StreamResponse:
        if not packager.has(number, index):
            hinted = (number, index) == packager.next and packager.hints_wait
            generation = packager.generation
            if not hinted or not await self._until(
                packager, lambda: packager.has(number, index) or packager.generation != generation
            ):
                return web.Response(status=404)
            if packager.generation != generation:
                return web.Response(status=404)
        return web.Response(body=packager.coded.part(number, index)[0])

    async def _segment(self, packager: Packager, number: int, request: web.Request) -> web.StreamResponse:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        if match and match[2]:
            data = packager.bytes_of(number)[start : int(match[2]) + 1]
            return web.Response(status=206, body=data)
        if packager.has(number, None):
            return web.Response(status=206 if match else 200, body=packager.bytes_of(number)[start:])
        if number != packager.next[0] or not packager.byte_ranges or not packager.hints_wait:
            return web.Response(status=404)
        return await self._growing(packager, number, start, request)

    async def _growing(
        self, packager: Packager, number: int, start: int, request: web.Request
    ) -> web.StreamResponse:
        """The rest of a segment, each part as soon as it exists."""
        response = web.StreamResponse(status=206 if start else 200)
        with contextlib.suppress(ConnectionResetError):
            await response.prepare(request)
            at = start

            def more() -> bool:
                return len(packager.bytes_of(number)) > at

            while not packager.has(number, None):
                if not await self._until(packager, more):
                    return response
                data = packager.bytes_of(number)[at:]
                await response.write(data)
                at += len(data)
            await response.write(packager.bytes_of(number)[at:])
            await response.write_eof()
        return response

    async def _until(self, packager: Packager, enough: Callable[[], bool]) -> bool:
        if enough():
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_S), packager.moved:
                await packager.moved.wait_for(lambda: self._closing or enough())
        if enough() and packager.late_s:
            await asyncio.sleep(packager.late_s)
        return enough()
