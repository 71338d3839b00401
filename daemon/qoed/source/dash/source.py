"""DASH: the MPD, the choice of renditions, and one feed for each (ISO/IEC 23009-1)."""

from __future__ import annotations

import asyncio

import structlog

from qoed.clock import Clock
from qoed.errors import SourceError, first_source_error
from qoed.model import RenditionGone
from qoed.source.dash.breaks import AdBreaks
from qoed.source.dash.checks import ManifestChecks
from qoed.source.dash.clock import PresentationClock
from qoed.source.dash.feed import RenditionFeed
from qoed.source.dash.manifest import Manifest
from qoed.source.dash.presentation import Ladder, Presentation
from qoed.source.dash.rendition_checks import RenditionChecks
from qoed.source.http import Fetcher
from qoed.source.local import opened
from qoed.source.options import SourceOptions
from qoed.source.protocol import Emit
from qoed.source.report import Report
from qoed.source.selector import parse_selector
from qoed.source.timeline import Timeline
from qoed.source.transport import Transport
from qoed.source.url import redact

log = structlog.get_logger("qoed.source")


class DashSource:
    """A DASH presentation, live or on demand, from a URL or a local MPD.

    `run` returns when every rendition has ended and raises `SourceError` when the MPD cannot be had, or not
    for long. Media time and open findings carry over to the next `run`.
    """

    def __init__(self, stream: str, url: str, options: SourceOptions, *, http: Fetcher, clock: Clock) -> None:
        url, http = opened(url, http, clock)
        self._stream = stream
        self._url = url
        self._options = options
        self._clock = clock
        self._transport = Transport(url, options, http)
        report = Report(stream, None, options.checks)
        self._report = report
        self._manifest_checks = ManifestChecks(report, options)
        self._breaks = AdBreaks(report)
        self._presentation_clock = PresentationClock(report, self._transport, clock)
        self._ladder = Ladder(parse_selector(options.renditions))
        self._timeline = Timeline()
        self._checks: dict[str, RenditionChecks] = {}

    async def run(self, emit: Emit) -> None:
        """Follow the MPD and fetch every chosen rendition."""
        manifest = Manifest(
            self._url,
            options=self._options,
            transport=self._transport,
            ladder=self._ladder,
            checks=self._manifest_checks,
            breaks=self._breaks,
            presentation_clock=self._presentation_clock,
            clock=self._clock,
        )
        for finding in await manifest.load():
            await emit(finding)
        self._check_choice(manifest.current)
        for checks in self._checks.values():
            checks.joined()
        try:
            async with asyncio.TaskGroup() as group:
                polling = group.create_task(manifest.run(emit))
                await self._feeds(manifest, emit)
                polling.cancel()
        except BaseExceptionGroup as errors:
            raise first_source_error(errors) or errors from None
        for name in list(self._checks):
            await self._gone(name, emit)
        now = self._clock.monotonic()
        for finding in self._report.lasting.end_all(now, "the presentation has ended"):
            await emit(finding)

    def _check_choice(self, presentation: Presentation) -> None:
        names = [rendition.id for rendition in presentation.ladder]
        if not names:
            raise SourceError(f"the MPD lists neither video nor audio: {redact(self._url)}")
        if not presentation.names:
            wanted = f"renditions {self._options.renditions!r}"
            raise SourceError(f"{wanted} match none of {', '.join(names)}: {redact(self._url)}")
        log.info(
            "ladder",
            stream=self._stream,
            renditions=presentation.names,
            not_watched=[name for name in names if name not in presentation.names],
        )

    async def _feeds(self, manifest: Manifest, emit: Emit) -> None:
        """One feed for each rendition that the MPD lists, for as long as it does."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            first = True
            while True:
                presentation = manifest.current
                for name in [name for name in running if running[name].done()]:
                    del running[name]
                    if name not in presentation.names:
                        await self._gone(name, emit)
                        await emit(RenditionGone(stream=self._stream, rendition=name))
                for name in presentation.names:
                    if name not in running:
                        feed = self._feed(name, manifest, late=not first)
                        running[name] = group.create_task(feed.run(emit))
                first = False
                if manifest.over:
                    return
                await manifest.newer(presentation)

    def _feed(self, name: str, manifest: Manifest, *, late: bool) -> RenditionFeed:
        if name not in self._checks:
            track = manifest.current.of(name)[0]
            self._checks[name] = RenditionChecks(self._stream, track.rendition, self._options)
        return RenditionFeed(
            self._stream,
            name,
            manifest=manifest,
            options=self._options,
            transport=self._transport,
            checks=self._checks[name],
            breaks=self._breaks,
            timeline=self._timeline,
            presentation_clock=self._presentation_clock,
            clock=self._clock,
            late=late,
        )

    async def _gone(self, name: str, emit: Emit) -> None:
        """End what is open of a rendition."""
        checks = self._checks.pop(name, None)
        for finding in checks.gone(self._clock.monotonic()) if checks is not None else []:
            await emit(finding)
