"""One rendition's media: jobs become `Segment`s, whole or in parts, decrypted, each with its init section."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta

from qoed.channel import Channel, ChannelClosedError
from qoed.clock import Clock
from qoed.errors import SourceError
from qoed.model import Container, Finding, Rendition, Segment
from qoed.source.hls.checks import Placed, RenditionChecks
from qoed.source.hls.crypto import KeyCache, KeyUnavailableError, decrypt, sequence_iv
from qoed.source.hls.model import InitSection, Part, PreloadHint
from qoed.source.hls.part_plan import Job
from qoed.source.hls.preload import Preload
from qoed.source.http import Fetched, FetchError, FetchKind
from qoed.source.options import SourceOptions
from qoed.source.pace import Pacer
from qoed.source.protocol import Emit
from qoed.source.sniff import sniff
from qoed.source.transport import Transport
from qoed.source.url import redact

_KEPT_INITS = 4
_NO_QUICK_RETRY = (FetchKind.TOO_LARGE, FetchKind.REFUSED, FetchKind.QUEUED)


class Downloader:
    """Fetches one job after the other and emits what comes of it.

    A part goes on in the decoder where the one before it ended (`Segment.continues`). After a part that was
    lost, the next one emitted is independent; a segment of which nothing was emitted is fetched whole once it
    is listed. No media is emitted twice.
    """

    def __init__(
        self,
        stream: str,
        rendition: Rendition,
        *,
        options: SourceOptions,
        transport: Transport,
        keys: KeyCache,
        checks: RenditionChecks,
        clock: Clock,
    ) -> None:
        self._stream = stream
        self._rendition = rendition
        self._options = options
        self._transport = transport
        self._keys = keys
        self._checks = checks
        self._clock = clock
        self._inits: OrderedDict[InitSection, bytes] = OrderedDict()
        self.preload: Preload | None = None
        """Where hinted parts may be had before they are asked for."""
        # Of the segment that is being taken in parts:
        self._begun: tuple[int, float] | None = None
        self._next: int | None = None
        self._emitted = False
        self._lost = False

    async def run(self, pending: Channel[Job], pacer: Pacer, emit: Emit) -> None:
        """Work until `pending` is closed and empty."""
        while True:
            try:
                job = await pending.get()
            except ChannelClosedError:
                return
            await pacer.wait(job.placed.media_time_s + job.start_s)
            if job.whole:
                self._begun = None
                await self._whole(job.placed, emit)
            else:
                await self._parts(job, emit)

    async def prefetch(self, hint: PreloadHint) -> None:
        """Take an init section that a hint announces; without success, it is fetched when it is needed."""
        length = hint.length
        init = InitSection(uri=hint.uri, byte_range=None if length is None else (hint.start, length))
        if length is None and hint.start:
            return
        try:
            await self._init(init, 0.0)
        except SourceError:
            return

    # --- whole segments

    async def _whole(self, placed: Placed, emit: Emit) -> None:
        segment = placed.segment
        what = "segment"
        try:
            fetched = await self._fetch(segment.uri, segment.byte_range, segment.duration_s)
            received = self._clock.monotonic()
            data = fetched.body
            if segment.key is not None:
                key = await self._keys.get(segment.key)
                data = decrypt(data, key, segment.key.iv or sequence_iv(segment.sequence))
            what = "init section"
            init = b"" if segment.init is None else await self._init(segment.init, segment.duration_s)
        except KeyUnavailableError as error:
            await emit_all(emit, self._checks.key_unavailable(placed, error, self._clock.monotonic()))
            return
        except SourceError as error:
            now = self._clock.monotonic()
            await emit_all(emit, self._checks.missing(placed, error, now, what=what))
            return
        await emit_all(emit, self._checks.fetched(placed, fetched, received, data=data))
        await emit(self._segment(placed, data, init, fetched, received))

    # --- parts

    async def _parts(self, job: Job, emit: Emit) -> None:
        begun = (job.sequence, job.placed.media_time_s)
        if begun != self._begun:
            self._begun, self._next, self._emitted, self._lost = begun, None, False, False
        parts, start_s = job.parts, job.start_s
        continues = self._emitted and bool(parts) and parts[0].index == self._next
        if parts and not continues and not job.begins_anew:
            self._lost = True
            parts, start_s = _from_independent(parts, start_s)
        if job.closes and self._lost and not self._emitted:
            await self._whole(job.placed, emit)
            return
        if not parts:
            return
        part = _merged(parts)
        try:
            fetched, received, held = await self._part(part)
            wanted = job.placed.segment.init
            init = b"" if wanted is None else await self._init(wanted, part.duration_s)
        except SourceError as error:
            self._next, self._lost = None, True
            now = self._clock.monotonic()
            await emit_all(emit, self._checks.part_missing(job.placed, part, error, now))
            if job.closes and not self._emitted:
                await self._whole(job.placed, emit)
            return
        self._next, self._emitted = parts[-1].index + 1, True
        await emit_all(emit, self._checks.part_fetched(job.placed, part, fetched, received, held=held))
        segment = self._segment(job.placed, fetched.body, init, fetched, received)
        moment = segment.program_date_time
        await emit(
            replace(
                segment,
                media_time_s=round(segment.media_time_s + start_s, 6),
                duration_s=round(part.duration_s, 6),
                discontinuity=segment.discontinuity and part.index == 0,
                continues=continues,
                unfinished=not job.closes,
                program_date_time=None if moment is None else moment + timedelta(seconds=start_s),
            )
        )

    async def _part(self, part: Part) -> tuple[Fetched, float, bool]:
        """The part, when its last byte came, and whether the server was asked before it had it."""
        if self.preload is not None:
            early = await self.preload.take(part)
            if early is not None:
                return *early, True
        fetched = await self._fetch(part.uri, part.byte_range, part.duration_s)
        return fetched, self._clock.monotonic(), False

    # --- both

    def _segment(
        self, placed: Placed, data: bytes, init: bytes, fetched: Fetched, received: float
    ) -> Segment:
        segment = placed.segment
        return Segment(
            stream=self._stream,
            rendition=self._rendition,
            sequence=segment.sequence,
            media_time_s=placed.media_time_s,
            duration_s=segment.duration_s,
            container=self._container(data, init),
            data=data,
            init=init,
            discontinuity=segment.discontinuity,
            program_date_time=segment.program_date_time,
            received_s=received,
            timings=fetched.timings,
        )

    def _container(self, data: bytes, init: bytes) -> Container:
        if init:
            return "mp4"
        if data[:3] == b"ID3":
            return "packed_audio"
        return sniff(data) or ("packed_audio" if self._rendition.audio_only else "mpegts")

    async def _fetch(self, url: str, byte_range: tuple[int, int] | None, duration_s: float) -> Fetched:
        """One try and, after a pause, one more: a segment may be listed a moment before it is there."""
        try:
            return _filled(await self._transport.segment(url, byte_range, duration_s), url)
        except FetchError as error:
            if error.kind in _NO_QUICK_RETRY:
                raise
        await self._clock.sleep(min(self._options.segment_retry_s, max(duration_s, 0.1)))
        return _filled(await self._transport.segment(url, byte_range, duration_s), url)

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
        self._inits.move_to_end(init)
        return self._inits[init]


async def emit_all(emit: Emit, findings: tuple[Finding, ...] | list[Finding]) -> None:
    """Emit one after the other."""
    for finding in findings:
        await emit(finding)


def _filled(fetched: Fetched, url: str) -> Fetched:
    if not fetched.body:
        raise FetchError(f"empty body: {redact(url)}", kind=FetchKind.BROKEN, status=fetched.status)
    return fetched


def _from_independent(parts: tuple[Part, ...], start_s: float) -> tuple[tuple[Part, ...], float]:
    """What of `parts` can be decoded without what came before, and where it begins."""
    for at, part in enumerate(parts):
        if part.independent:
            return parts[at:], start_s + sum(one.duration_s for one in parts[:at])
    return (), start_s


def _merged(parts: tuple[Part, ...]) -> Part:
    """Parts that follow each other in one resource, as one."""
    first = parts[0]
    if len(parts) == 1 or first.byte_range is None:
        return first
    length = sum(part.byte_range[1] for part in parts if part.byte_range is not None)
    return replace(
        first, duration_s=sum(part.duration_s for part in parts), byte_range=(first.byte_range[0], length)
    )
