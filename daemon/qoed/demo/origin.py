"""A real HTTP origin on 127.0.0.1 that publishes sliding live playlists, and hides segments when told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from qoed.demo.encode import Made
from qoed.demo.ladder import Entry, Packaging, Rung, media, multivariant, segment_name

WINDOW = 6
"""Segments that a live playlist lists."""
KEPT = 2 * WINDOW
"""Segments that stay on the server, so that a slow client finds what it was promised."""

_PLAYLIST = "application/vnd.apple.mpegurl"
_MEDIA: dict[Packaging, str] = {"mpegts": "video/mp2t", "fmp4": "video/mp4"}


@dataclass(slots=True)
class _Track:
    """One rung as it stands on the server; a segment without bytes is one that went missing."""

    init: bytes = b""
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    media: dict[str, bytes | None] = field(default_factory=dict)
    discontinuities: int = 0
    next_sequence: int = 0


class LiveStream:
    """What the origin knows of one stream. Changes take effect at once: the next request sees them."""

    def __init__(self, name: str, packaging: Packaging, ladder: Sequence[Rung]) -> None:
        self.name = name
        self.packaging = packaging
        self.ladder = tuple(ladder)
        self._tracks = {rung.name: _Track() for rung in ladder}

    def publish(
        self,
        rung: str,
        made: Made,
        *,
        duration_s: float,
        program_date_time: datetime,
        discontinuity: bool = False,
        missing: bool = False,
    ) -> None:
        """Append one segment to a rung's playlist; a `missing` one is listed, but a request gets a 404."""
        track = self._tracks[rung]
        entry = Entry(track.next_sequence, duration_s, program_date_time, discontinuity)
        if len(track.entries) == KEPT:
            track.media.pop(segment_name(track.entries[0].sequence, self.packaging))
        if len(track.entries) >= WINDOW:
            track.discontinuities += track.entries[-WINDOW].discontinuity
        track.init = made.init
        track.media[segment_name(entry.sequence, self.packaging)] = None if missing else made.media
        track.entries.append(entry)
        track.next_sequence += 1

    def playlist(self, rung: str) -> str | None:
        """The rung's media playlist; None for an unknown rung or before its first segment."""
        track = self._tracks.get(rung)
        if track is None or not track.entries:
            return None
        window = list(track.entries)[-WINDOW:]
        return media(window, self.packaging, discontinuities_before=track.discontinuities)

    def file(self, rung: str, name: str) -> bytes | None:
        """An init section or a segment; None for what is not, or no longer, there."""
        track = self._tracks.get(rung)
        if track is None:
            return None
        if name == "init.mp4" and self.packaging == "fmp4":
            return track.init or None
        return track.media.get(name)


class Origin:
    """Serves live streams over HTTP on 127.0.0.1, port chosen by the kernel; an async context manager."""

    def __init__(self, streams: Iterable[LiveStream]) -> None:
        self._streams = {stream.name: stream for stream in streams}
        self._runner: web.AppRunner | None = None
        self._port = 0

    def url(self, stream: str) -> str:
        """The multivariant playlist of `stream`; known once entered."""
        return f"http://127.0.0.1:{self._port}/{stream}/master.m3u8"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/{stream}/master.m3u8", self._multivariant),
                web.get("/{stream}/{rung}/index.m3u8", self._media),
                web.get("/{stream}/{rung}/{name}", self._file),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _stream(self, request: web.Request) -> LiveStream:
        stream = self._streams.get(request.match_info["stream"])
        if stream is None:
            raise web.HTTPNotFound
        return stream

    async def _multivariant(self, request: web.Request) -> web.Response:
        return web.Response(text=multivariant(self._stream(request).ladder), content_type=_PLAYLIST)

    async def _media(self, request: web.Request) -> web.Response:
        text = self._stream(request).playlist(request.match_info["rung"])
        if text is None:
            raise web.HTTPNotFound
        return web.Response(text=text, content_type=_PLAYLIST, headers={"Cache-Control": "no-cache"})

    async def _file(self, request: web.Request) -> web.Response:
        stream = self._stream(request)
        data = stream.file(request.match_info["rung"], request.match_info["name"])
        if data is None:
            raise web.HTTPNotFound
        return web.Response(body=data, content_type=_MEDIA[stream.packaging])
