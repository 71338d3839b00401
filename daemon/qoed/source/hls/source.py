"""HLS: the multivariant playlist, the choice of renditions, and one poller for each (RFC 8216bis)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from qoed.clock import Clock
from qoed.errors import SourceError
from qoed.model import Rendition
from qoed.source.health import Health
from qoed.source.hls.checks import RenditionChecks
from qoed.source.hls.crypto import KeyCache
from qoed.source.hls.model import MediaPlaylist, MultivariantPlaylist, Variant
from qoed.source.hls.playlist import parse_playlist
from qoed.source.hls.poller import RenditionPoller
from qoed.source.http import Fetcher
from qoed.source.local import LocalFiles
from qoed.source.options import SourceOptions
from qoed.source.protocol import Emit
from qoed.source.selector import parse_selector
from qoed.source.timeline import Timeline
from qoed.source.transport import Transport
from qoed.source.url import redact

log = structlog.get_logger("qoed.source")

MAIN = Rendition(id="main")
"""The rendition of a stream without a ladder."""


class HlsSource:
    """An HLS stream, live or VOD, from a URL or a local playlist.

    `run` returns when every rendition has ended and raises `SourceError` when the first playlist cannot be
    had or nothing works for long. Media time and open findings carry over to the next `run`.
    """

    def __init__(self, stream: str, url: str, options: SourceOptions, *, http: Fetcher, clock: Clock) -> None:
        if url.startswith("file:") or "://" not in url:
            path = Path(unquote(urlsplit(url).path) if url.startswith("file:") else url).resolve()
            url, http = path.as_uri(), LocalFiles(path.parent, http, clock)
        self._stream = stream
        self._url = url
        self._options = options
        self._clock = clock
        self._transport = Transport(url, options, http)
        self._keys = KeyCache(self._transport.key)
        self._timeline = Timeline()
        self._checks: dict[str, RenditionChecks] = {}

    async def run(self, emit: Emit) -> None:
        """Poll and fetch every chosen rendition."""
        fetched = await self._transport.playlist(self._url)
        top = parse_playlist(fetched.body, fetched.final_url)
        if isinstance(top, MultivariantPlaylist):
            chosen = self._choose(top)
            await self._forget({variant.rendition.id for variant in chosen}, emit)
            pollers = self._pollers(chosen, top.variables, None)
        else:
            await self._forget({MAIN.id}, emit)
            pollers = self._pollers([Variant(rendition=MAIN, uri=self._url)], {}, top)
        try:
            async with asyncio.TaskGroup() as group:
                for poller in pollers:
                    group.create_task(poller.run(emit))
        except BaseExceptionGroup as errors:
            raise _first_source_error(errors) or errors from None

    def _choose(self, top: MultivariantPlaylist) -> list[Variant]:
        ladder = [variant for variant in top.variants if not variant.audio_only] or list(top.variants)
        renditions = [variant.rendition for variant in ladder]
        wanted = {rendition.id for rendition in parse_selector(self._options.renditions).choose(renditions)}
        if not wanted:
            raise SourceError(
                f"renditions {self._options.renditions!r} match none of"
                f" {', '.join(rendition.id for rendition in renditions)}: {redact(self._url)}"
            )
        log.info(
            "ladder",
            stream=self._stream,
            renditions=[rendition.id for rendition in renditions if rendition.id in wanted],
            not_watched=[
                variant.rendition.id for variant in top.variants if variant.rendition.id not in wanted
            ],
            audio_not_fetched=[audio.name for audio in top.audio if audio.uri is not None],
        )
        return [variant for variant in ladder if variant.rendition.id in wanted]

    async def _forget(self, kept: set[str], emit: Emit) -> None:
        """End what is open of renditions that the ladder no longer lists."""
        for name in [name for name in self._checks if name not in kept]:
            for finding in self._checks.pop(name).gone(self._clock.monotonic()):
                await emit(finding)

    def _pollers(
        self, variants: list[Variant], variables: Mapping[str, str], first: MediaPlaylist | None
    ) -> list[RenditionPoller]:
        health = Health((variant.rendition.id for variant in variants), self._options.give_up_after_s)
        pollers = []
        for variant in variants:
            rendition = variant.rendition
            if rendition.id not in self._checks:
                self._checks[rendition.id] = RenditionChecks(
                    self._stream, rendition, self._options, self._timeline
                )
            pollers.append(
                RenditionPoller(
                    self._stream,
                    rendition,
                    variant.uri,
                    options=self._options,
                    transport=self._transport,
                    keys=self._keys,
                    checks=self._checks[rendition.id],
                    health=health,
                    clock=self._clock,
                    variables=variables,
                    first=first,
                )
            )
        return pollers


def _first_source_error(errors: BaseExceptionGroup[BaseException]) -> SourceError | None:
    """The `SourceError` in a group that holds nothing else; None leaves the group as it is."""
    found, other = errors.split(SourceError)
    if found is None or other is not None:
        return None
    error: BaseException = found
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, SourceError) else None
