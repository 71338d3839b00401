"""HLS: the multivariant playlist, the choice of renditions, and one poller for each (RFC 8216bis)."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping

import structlog

from qoed.clock import Clock
from qoed.errors import SourceError, first_source_error
from qoed.model import Rendition, RenditionGone
from qoed.source.health import Health
from qoed.source.hls.checks import LadderChecks, RenditionChecks
from qoed.source.hls.choice import Followed, choose, pictured
from qoed.source.hls.crypto import KeyCache
from qoed.source.hls.downloader import emit_all
from qoed.source.hls.model import MediaPlaylist, MultivariantPlaylist
from qoed.source.hls.playlist import parse_playlist
from qoed.source.hls.poller import RenditionPoller
from qoed.source.http import Fetcher
from qoed.source.local import opened
from qoed.source.options import SourceOptions
from qoed.source.protocol import Emit
from qoed.source.timeline import Timeline
from qoed.source.transport import Transport
from qoed.source.url import redact

log = structlog.get_logger("qoed.source")

MAIN = Rendition(id="main")
"""The rendition of a stream without a ladder."""
LADDER_RELOAD_S = 60.0
"""How often the ladder of a live stream is looked at again, give or take a tenth."""


class HlsSource:
    """An HLS stream, live or VOD, from a URL or a local playlist.

    `run` returns when every rendition has ended and raises `SourceError` when the first playlist cannot be
    had or nothing works for long. Media time and open findings carry over to the next `run`. A live ladder is
    loaded again from time to time: renditions that left it are ended, new ones are followed.
    """

    def __init__(
        self,
        stream: str,
        url: str,
        options: SourceOptions,
        *,
        http: Fetcher,
        clock: Clock,
        rng: random.Random | None = None,
    ) -> None:
        url, http = opened(url, http, clock)
        self._stream = stream
        self._url = url
        self._options = options
        self._clock = clock
        self._rng = rng or random.Random()
        self._transport = Transport(url, options, http)
        self._keys = KeyCache(self._transport.key)
        self._timeline = Timeline()
        self._ladder = LadderChecks(stream, options)
        self._checks: dict[str, RenditionChecks] = {}
        # Of the run that is going on:
        self._pollers: dict[str, RenditionPoller] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._health = Health((), math.inf)

    async def run(self, emit: Emit) -> None:
        """Poll and fetch every chosen rendition."""
        fetched = await self._transport.playlist(self._url)
        top = parse_playlist(fetched.body, fetched.final_url)
        self._pollers, self._tasks = {}, {}
        if isinstance(top, MultivariantPlaylist):
            followed, variables, first = self._choose(top), top.variables, None
            await emit_all(emit, self._ladder.multivariant(top, self._clock.monotonic()))
        else:
            followed, variables, first = [Followed(MAIN, self._url)], {}, top
        await self._forget({one.rendition.id for one in followed}, emit)
        self._health = Health(
            (one.rendition.id for one in followed if not _accompanies(one, followed)),
            self._options.give_up_after_s,
        )
        try:
            async with asyncio.TaskGroup() as group:
                for one in followed:
                    self._start(group, one, variables, first, emit, alone=_accompanies(one, followed))
                watch = group.create_task(self._watch(group, emit)) if first is None else None
                while running := [task for task in self._tasks.values() if not task.done()]:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                if watch is not None:
                    watch.cancel()
        except BaseExceptionGroup as errors:
            raise first_source_error(errors) or errors from None
        for checks in self._checks.values():
            await emit_all(emit, checks.gone(self._clock.monotonic()))

    def _choose(self, top: MultivariantPlaylist) -> list[Followed]:
        followed = choose(top, self._options.renditions)
        if not followed:
            raise SourceError(
                f"renditions {self._options.renditions!r} match none of"
                f" {', '.join(variant.rendition.id for variant in pictured(top))}: {redact(self._url)}"
            )
        ids = [one.rendition.id for one in followed]
        log.info(
            "ladder",
            stream=self._stream,
            renditions=ids,
            not_watched=[v.rendition.id for v in top.variants if v.rendition.id not in ids],
        )
        return followed

    # --- while it runs

    def _start(
        self,
        group: asyncio.TaskGroup,
        one: Followed,
        variables: Mapping[str, str],
        first: MediaPlaylist | None,
        emit: Emit,
        *,
        alone: bool,
    ) -> None:
        """Follow one rendition; `alone`: its failures are no matter of the stream's health."""
        rendition = one.rendition
        if rendition.id not in self._checks:
            self._checks[rendition.id] = RenditionChecks(
                self._stream, rendition, self._options, self._timeline, ladder=self._ladder, uri=one.uri
            )
        poller = self._pollers[rendition.id] = RenditionPoller(
            self._stream,
            rendition,
            one.uri,
            options=self._options,
            transport=self._transport,
            keys=self._keys,
            checks=self._checks[rendition.id],
            health=Health((rendition.id,), math.inf) if alone else self._health,
            clock=self._clock,
            variables=variables,
            first=first,
        )
        self._tasks[rendition.id] = group.create_task(poller.run(emit), name=f"poll:{rendition.id}")

    async def _watch(self, group: asyncio.TaskGroup, emit: Emit) -> None:
        """Load the ladder again while any of it is live; a failure is the renditions' to tell."""
        while True:
            await self._clock.sleep(LADDER_RELOAD_S * self._rng.uniform(0.9, 1.1))
            if not any(poller.live for poller in self._pollers.values()):
                continue
            try:
                fetched = await self._transport.playlist(self._url)
                top = parse_playlist(fetched.body, fetched.final_url)
                if not isinstance(top, MultivariantPlaylist):
                    continue
                followed = choose(top, self._options.renditions)
            except SourceError as error:
                log.info("ladder_not_reloaded", stream=self._stream, error=str(error))
                continue
            await emit_all(emit, self._ladder.multivariant(top, self._clock.monotonic()))
            if followed:
                await self._follow(group, followed, top.variables, emit)

    async def _follow(
        self, group: asyncio.TaskGroup, followed: list[Followed], variables: Mapping[str, str], emit: Emit
    ) -> None:
        """Stop what left the ladder, start what is new; what stays learns where it is now."""
        now = {one.rendition.id: one for one in followed}
        for name in [name for name in self._pollers if name not in now]:
            self._tasks.pop(name).cancel()
            del self._pollers[name]
            self._health.ended(name)
        await self._forget(set(now), emit)
        for name, one in now.items():
            if name in self._pollers:
                self._pollers[name].moved_to = one.uri
                continue
            log.info("rendition_joined", stream=self._stream, rendition=name)
            alone = _accompanies(one, followed)
            if not alone:
                self._health.joined(name)
            self._start(group, one, variables, None, emit, alone=alone)

    async def _forget(self, kept: set[str], emit: Emit) -> None:
        """End what is open of renditions that the ladder no longer lists."""
        for name in [name for name in self._checks if name not in kept]:
            log.info("rendition_gone", stream=self._stream, rendition=name)
            await emit_all(emit, self._checks.pop(name).gone(self._clock.monotonic()))
            await emit(RenditionGone(stream=self._stream, rendition=name))


def _accompanies(one: Followed, followed: list[Followed]) -> bool:
    """Whether it is the sound of others that have pictures."""
    return one.rendition.audio_only and not all(other.rendition.audio_only for other in followed)
