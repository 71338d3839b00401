"""One rendition of an HLS stream: a task that polls its playlist, a task that fetches its segments."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

from qoed.channel import Channel, ChannelClosedError
from qoed.clock import Clock
from qoed.errors import SourceError
from qoed.model import Finding, Rendition, Segment
from qoed.source.health import Health
from qoed.source.hls.checks import Placed, RenditionChecks, reload_delay_s
from qoed.source.hls.crypto import KeyCache, KeyUnavailableError, decrypt, sequence_iv
from qoed.source.hls.model import InitSection, MediaPlaylist, MultivariantPlaylist
from qoed.source.hls.playlist import MAX_LINES, PlaylistError, parse_playlist
from qoed.source.http import Fetched, FetchError, FetchKind
from qoed.source.options import SourceOptions
from qoed.source.pace import Pacer
from qoed.source.protocol import Emit
from qoed.source.sniff import sniff
from qoed.source.transport import Transport
from qoed.source.url import redact

_FIRST_RETRY_S = 1.0
"""Pause after a failed load while no target duration is known."""
_KEPT_INITS = 4
_NO_QUICK_RETRY = (FetchKind.TOO_LARGE, FetchKind.REFUSED, FetchKind.QUEUED)


class RenditionPoller:
    """Runs one rendition until its playlist ends. `first` is a playlist that was loaded already."""

    def __init__(
        self,
        stream: str,
        rendition: Rendition,
        url: str,
        *,
        options: SourceOptions,
        transport: Transport,
        keys: KeyCache,
        checks: RenditionChecks,
        health: Health,
        clock: Clock,
        variables: Mapping[str, str],
        first: MediaPlaylist | None = None,
    ) -> None:
        self._stream = stream
        self._rendition = rendition
        self._url = url
        self._options = options
        self._transport = transport
        self._keys = keys
        self._checks = checks
        self._health = health
        self._clock = clock
        self._variables = variables
        self._playlist = first
        self._preloaded = first is not None
        self._body = b""
        self._inits: OrderedDict[InitSection, bytes] = OrderedDict()
        self._pending: Channel[Placed] | None = None
        self._pacer = Pacer("fast", clock)
        self._listed = asyncio.Event()

    async def run(self, emit: Emit) -> None:
        """Poll and fetch. Raises `SourceError` when every rendition of the stream has failed for long."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll(emit))
            group.create_task(self._download(emit))

    # --- playlist

    async def _poll(self, emit: Emit) -> None:
        while True:
            begun = self._clock.monotonic()
            delay = _FIRST_RETRY_S
            if self._playlist is not None:
                delay = reload_delay_s(self._playlist.target_duration_s, changed=False)
            try:
                playlist, changed = await self._load()
            except SourceError as error:
                now = self._clock.monotonic()
                await _emit_all(emit, self._checks.failed(error, now))
                self._health.failing(self._rendition.id, error, now)
            else:
                now = self._clock.monotonic()
                self._health.good(self._rendition.id)
                await self._take(playlist, now, emit)
                if playlist.endlist:
                    break
                delay = reload_delay_s(playlist.target_duration_s, changed=changed)
                if self._checks.stale_at > now:
                    delay = min(delay, self._checks.stale_at - begun)
            await self._clock.sleep(max(begun + delay - self._clock.monotonic(), 0.05))
        self._health.ended(self._rendition.id)
        assert self._pending is not None
        self._pending.close()

    async def _load(self) -> tuple[MediaPlaylist, bool]:
        """The playlist now, and whether it has changed. An equal body is not parsed again."""
        if self._preloaded and self._playlist is not None:
            self._preloaded = False
            return self._playlist, True
        fetched = await self._transport.playlist(self._url)
        if self._playlist is not None and fetched.body == self._body:
            return self._playlist, False
        self._body = b""  # a body that does not parse is tried again
        playlist = parse_playlist(fetched.body, fetched.final_url, variables=self._variables)
        if isinstance(playlist, MultivariantPlaylist):
            raise PlaylistError(
                f"playlist invalid, a variant is itself a multivariant playlist: {redact(self._url)}"
            )
        self._body, self._playlist = fetched.body, playlist
        return playlist, True

    async def _take(self, playlist: MediaPlaylist, now: float, emit: Emit) -> None:
        """Queue what is new for download; what a live queue sheds is told."""
        listed = self._checks.loaded(playlist, now)
        await _emit_all(emit, listed.findings)
        if self._pending is None:
            limit = MAX_LINES if playlist.endlist else self._options.max_pending
            self._pending = Channel(max_items=limit)
            if playlist.endlist:
                self._pacer = Pacer(self._options.pace, self._clock)
            self._listed.set()
        shed = [dropped for placed in listed.segments for dropped in self._pending.put(placed)]
        if shed:
            await _emit_all(emit, self._checks.skipped(shed[0], len(shed)))

    # --- segments

    async def _download(self, emit: Emit) -> None:
        await self._listed.wait()
        assert self._pending is not None
        while True:
            try:
                placed = await self._pending.get()
            except ChannelClosedError:
                return
            await self._pacer.wait(placed.media_time_s)
            await self._segment(placed, emit)

    async def _segment(self, placed: Placed, emit: Emit) -> None:
        segment = placed.segment
        what = "segment"
        try:
            fetched = await self._fetch(segment.uri, segment.byte_range, segment.duration_s)
            if not fetched.body:
                raise FetchError(
                    f"empty body: {redact(segment.uri)}", kind=FetchKind.BROKEN, status=fetched.status
                )
            received = self._clock.monotonic()
            data = fetched.body
            if segment.key is not None:
                key = await self._keys.get(segment.key)
                data = decrypt(data, key, segment.key.iv or sequence_iv(segment.sequence))
            what = "init section"
            init = b"" if segment.init is None else await self._init(segment.init, segment.duration_s)
        except KeyUnavailableError as error:
            await _emit_all(emit, self._checks.key_unavailable(placed, error, self._clock.monotonic()))
            return
        except SourceError as error:
            now = self._clock.monotonic()
            await _emit_all(emit, self._checks.missing(placed, error, now, what=what))
            return
        await _emit_all(emit, self._checks.fetched(placed, fetched.timings, received))
        await emit(
            Segment(
                stream=self._stream,
                rendition=self._rendition,
                sequence=segment.sequence,
                media_time_s=placed.media_time_s,
                duration_s=segment.duration_s,
                container="mp4" if init else sniff(data) or "mpegts",
                data=data,
                init=init,
                discontinuity=segment.discontinuity,
                program_date_time=segment.program_date_time,
                received_s=received,
                timings=fetched.timings,
            )
        )

    async def _fetch(self, url: str, byte_range: tuple[int, int] | None, duration_s: float) -> Fetched:
        """One try and, after a pause, one more: a segment may be listed a moment before it is there."""
        try:
            return await self._transport.segment(url, byte_range, duration_s)
        except FetchError as error:
            if error.kind in _NO_QUICK_RETRY:
                raise
        await self._clock.sleep(self._options.segment_retry_s)
        return await self._transport.segment(url, byte_range, duration_s)

    async def _init(self, init: InitSection, duration_s: float) -> bytes:
        """The bytes of an EXT-X-MAP, fetched once while it stays in use."""
        if init not in self._inits:
            data = (await self._fetch(init.uri, init.byte_range, duration_s)).body
            if init.key is not None:
                # RFC 8216bis 4.4.4.4: an encrypted init section must come with an explicit IV.
                data = decrypt(data, await self._keys.get(init.key), init.key.iv or bytes(16))
            self._inits[init] = data
            while len(self._inits) > _KEPT_INITS:
                self._inits.popitem(last=False)
        return self._inits[init]


async def _emit_all(emit: Emit, findings: tuple[Finding, ...] | list[Finding]) -> None:
    for finding in findings:
        await emit(finding)
