"""One rendition of an HLS stream: a task that polls its playlist, and the downloader of its media."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from qoed.channel import Channel
from qoed.clock import Clock
from qoed.errors import SourceError
from qoed.model import Rendition
from qoed.source.health import Health
from qoed.source.hls.checks import RenditionChecks
from qoed.source.hls.crypto import KeyCache
from qoed.source.hls.delta import DeltaError, merge
from qoed.source.hls.downloader import Downloader, emit_all
from qoed.source.hls.load import Load
from qoed.source.hls.model import MediaPlaylist, MultivariantPlaylist, PreloadHint, ServerControl
from qoed.source.hls.part_plan import Job, PartPlan
from qoed.source.hls.playlist import MAX_LINES, PlaylistError, parse_playlist
from qoed.source.hls.preload import Preload
from qoed.source.hls.reload import BLOCKED_FLOOR_S, PLAIN, Ask, directed, next_ask, reload_delay_s
from qoed.source.http import FetchError
from qoed.source.options import SourceOptions
from qoed.source.pace import Pacer
from qoed.source.protocol import Emit
from qoed.source.transport import Transport
from qoed.source.url import redact

_FIRST_RETRY_S = 1.0
"""Pause after a failed load while no target duration is known."""
_MAX_REFUSED = 3
"""So many blocking reloads that failed in a row: the server is asked without directives from then on."""
_BLOCKS_TARGETS = 3
"""A server may hold a blocking reload back for so many target durations (RFC 8216bis 6.2.5.2)."""


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
        self.rendition = rendition
        self.moved_to: str | None = None
        """Where the multivariant playlist says it is now: taken when a load fails."""
        self._url = url
        self._options = options
        self._low_latency = options.low_latency and not rendition.audio_only
        self._transport = transport
        self._checks = checks
        self._health = health
        self._clock = clock
        self._variables = variables
        self._playlist = first if first is None or self._low_latency else _without_parts(first)
        self._preloaded = first is not None
        self._loaded_at = -math.inf
        self._full = True
        self._refused = 0
        self._body = b""
        self._plan = PartPlan(low_latency=self._low_latency)
        self._pending: Channel[Job] | None = None
        self._pacer = Pacer("fast", clock)
        self._listed = asyncio.Event()
        self._downloader = Downloader(
            stream, rendition, options=options, transport=transport, keys=keys, checks=checks, clock=clock
        )
        self._preload: Preload | None = None
        self._map_hint: PreloadHint | None = None

    @property
    def live(self) -> bool:
        """Its playlist has not ended, as far as is known."""
        return self._playlist is None or not self._playlist.endlist

    async def run(self, emit: Emit) -> None:
        """Poll and fetch. Raises `SourceError` when every rendition of the stream has failed for long."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            if self._low_latency:
                self._preload = self._downloader.preload = Preload(
                    self._transport, self._clock, group.create_task, partial(self._denied, emit)
                )
            group.create_task(self._poll(emit))
            group.create_task(self._download(emit))

    # --- playlist

    async def _poll(self, emit: Emit) -> None:
        was_live = False
        while True:
            begun = self._clock.monotonic()
            ask = self._ask(begun)
            delay = _FIRST_RETRY_S
            if self._playlist is not None:
                delay = reload_delay_s(self._playlist, changed=False, asked=PLAIN, low_latency=False)
            try:
                playlist, load = await self._watched(ask, emit)
            except DeltaError as error:
                await emit_all(emit, self._checks.delta_invalid(str(error), self._clock.monotonic()))
                delay = BLOCKED_FLOOR_S  # a full one is had at once
            except SourceError as error:
                if not self.live:
                    break
                now = self._clock.monotonic()
                self._refused += ask.msn is not None
                self._full = True
                self._url, self.moved_to = self.moved_to or self._url, None
                await emit_all(emit, self._checks.failed(error, now))
                self._health.failing(self.rendition.id, error, now)
            else:
                now = self._clock.monotonic()
                self._health.good(self.rendition.id)
                ended = playlist.endlist and not was_live
                if ask.msn is not None:
                    self._refused = 0
                await self._take(playlist, load, now, emit)
                if ended:
                    break
                # The first ENDLIST of a live list is looked at once more: it may be taken back.
                was_live = not playlist.endlist
                delay = reload_delay_s(
                    playlist, changed=load.changed, asked=ask, low_latency=self._low_latency
                )
                if self._checks.stale_at > now:
                    delay = min(delay, self._checks.stale_at - begun)
            await self._clock.sleep(max(begun + delay - self._clock.monotonic(), BLOCKED_FLOOR_S))
        self._health.ended(self.rendition.id)
        if self._preload is not None:
            self._preload.stop()
        assert self._pending is not None
        self._pending.close()

    def _ask(self, now: float) -> Ask:
        """The directives of the next load: none after a failure, and none for who takes whole segments."""
        if not self._low_latency or self._full or self._playlist is None or self._refused >= _MAX_REFUSED:
            return PLAIN
        return next_ask(self._playlist, now - self._loaded_at)

    async def _watched(self, ask: Ask, emit: Emit) -> tuple[MediaPlaylist, Load]:
        """Load; while the server holds the answer back, what is overdue is still noticed."""
        if ask.msn is None:
            return await self._load(ask)
        watch = self._group.create_task(self._watch(emit))
        try:
            return await self._load(ask)
        finally:
            watch.cancel()

    async def _watch(self, emit: Emit) -> None:
        assert self._playlist is not None
        while math.isfinite(due := self._checks.stale_at):
            await self._clock.sleep(max(due - self._clock.monotonic(), BLOCKED_FLOOR_S))
            now = self._clock.monotonic()
            await emit_all(emit, self._checks.loaded(self._playlist, now).findings)
            if self._checks.stale_at <= now:  # a check that is off: there is nothing to tell
                return

    async def _load(self, ask: Ask) -> tuple[MediaPlaylist, Load]:
        """The playlist now, and how it came. An equal body is not parsed again."""
        before = self._playlist
        if self._preloaded and before is not None:
            self._preloaded = self._full = False
            self._loaded_at = self._clock.monotonic()
            return before, Load()
        blocks_s = 0.0
        if before is not None and ask.msn is not None:
            blocks_s = _BLOCKS_TARGETS * before.target_duration_s
        self._full = True  # until this load has shown otherwise
        fetched = await self._transport.playlist(directed(self._url, ask), blocks_s=blocks_s)
        load = Load(
            timings=fetched.timings,
            headers=fetched.headers,
            changed=before is None or fetched.body != self._body,
            asked=ask.waited_for,
        )
        if before is not None and not load.changed:
            self._full = False
            return before, load
        self._body = b""  # a body that does not parse is tried again
        playlist = parse_playlist(
            fetched.body, fetched.final_url, variables=self._variables, before=before if ask.skip else None
        )
        if isinstance(playlist, MultivariantPlaylist):
            raise PlaylistError(
                f"playlist invalid, a variant is itself a multivariant playlist: {redact(self._url)}"
            )
        if playlist.skipped and not ask.skip:
            raise PlaylistError(
                f"playlist invalid, it skips segments and no delta update was asked for: {redact(self._url)}"
            )
        playlist = merge(playlist, before)
        if not self._low_latency:
            playlist = _without_parts(playlist)
        self._body, self._playlist, self._full = fetched.body, playlist, False
        self._loaded_at = self._clock.monotonic()
        return playlist, load

    # --- what it lists

    async def _take(self, playlist: MediaPlaylist, load: Load, now: float, emit: Emit) -> None:
        """Queue what is new for download; what a live queue sheds is told."""
        listed = self._checks.loaded(playlist, now, load)
        await emit_all(emit, listed.findings)
        pending = self._queue(playlist)
        self._hints(playlist)
        shed: list[Job] = []
        for job in self._plan.jobs(playlist, listed):
            dropped = pending.put(job)
            if dropped:
                shed += dropped + _to_edge(pending)
        if shed:
            parts = sum(len(job.parts) for job in shed)
            whole = sum(job.whole for job in shed)
            oldest = shed[0].placed
            found = self._checks.skipped(oldest, whole) if whole else []
            if parts:
                found += self._checks.skipped(oldest, parts, unit="parts")
            await emit_all(emit, found)

    def _queue(self, playlist: MediaPlaylist) -> Channel[Job]:
        if self._pending is None:
            limit = MAX_LINES if playlist.endlist else self._options.max_pending
            if self._low_latency and playlist.part_target_s and not playlist.endlist:
                # Servers list the parts of three target durations; a queue of more could not be fetched.
                limit += math.ceil(3 * playlist.target_duration_s / playlist.part_target_s)
            self._pending = Channel(max_items=min(limit, MAX_LINES))
            if playlist.endlist:
                self._pacer = Pacer(self._options.pace, self._clock)
            self._listed.set()
        return self._pending

    def _hints(self, playlist: MediaPlaylist) -> None:
        if self._preload is None:
            return
        last = playlist.segments[-1] if playlist.segments else None
        sealed = last is not None and last.key is not None
        parts = tuple(part for segment in playlist.segments[-2:] for part in segment.parts)
        self._preload.follow(
            None if sealed or playlist.endlist else playlist.preload_hint,
            parts,
            playlist.target_duration_s,
        )
        hint = playlist.map_hint
        if hint is not None and hint != self._map_hint and not sealed:
            self._map_hint = hint
            self._group.create_task(self._downloader.prefetch(hint))

    async def _denied(self, emit: Emit, hint: PreloadHint, error: FetchError) -> None:
        await emit_all(emit, self._checks.hint_missing(hint, error, self._clock.monotonic()))

    async def _download(self, emit: Emit) -> None:
        await self._listed.wait()
        assert self._pending is not None
        await self._downloader.run(self._pending, self._pacer, emit)


def _without_parts(playlist: MediaPlaylist) -> MediaPlaylist:
    """As it looks to who takes whole segments."""
    if playlist.part_target_s is None:
        return playlist
    whole = tuple(segment for segment in playlist.segments if segment.complete)
    return replace(playlist, segments=whole, part_target_s=None, preload_hint=None, server=ServerControl())


def _to_edge(pending: Channel[Job]) -> list[Job]:
    """Drop from a full queue of parts all before the newest that can be decoded alone, not one by one.

    Returns what was dropped, oldest first.
    """
    if len(pending) == 0:
        return []
    jobs = []
    while (job := pending.get_nowait()) is not None:
        jobs.append(job)
    if all(job.whole for job in jobs):
        kept = 0
    else:
        anew = [at for at, job in enumerate(jobs) if job.begins_anew]
        kept = anew[-1] if anew else len(jobs)
    for job in jobs[kept:]:
        pending.put(job)
    return jobs[:kept]
