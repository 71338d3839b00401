"""One stream: its supervised source feeds its lanes, its findings go straight on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from qoed.clock import Clock
from qoed.config import StreamConfig
from qoed.conform import Conform
from qoed.decode.options import DecodeOptions
from qoed.depth import DepthControl, Sampling
from qoed.lanes import Decoder, Lanes
from qoed.model import Decoded, Finding, Reason, RenditionGone, Score, Segment
from qoed.source import HttpClient, Item, Supervisor, make_source
from qoed.source.protocol import unavailable_of
from qoed.unfit import UnfitPictures


class Stream:
    """Runs one configured stream until it ends or `stop` is called.

    `on_decoded` and `on_finding` get what it yields, `on_drop` (stream, count) what our own slowness cost,
    `on_gone` the renditions that left its ladder; `depth` is told of it all and says how deep to decode.
    """

    def __init__(
        self,
        config: StreamConfig,
        http: HttpClient,
        decoder: Decoder,
        *,
        clock: Clock,
        on_decoded: Callable[[Decoded], None],
        on_finding: Callable[[Finding], None],
        on_drop: Callable[[str, int], None],
        on_gone: Callable[[RenditionGone], None],
        depth: DepthControl,
        begin_after_s: float = 0.0,
    ) -> None:
        self.config = config
        self.lanes = Lanes(
            self._options,
            decoder,
            on_decoded=lambda decoded: on_decoded(self._decoded(decoded)),
            on_drop=lambda count: on_drop(config.name, count),
        )
        self._depth = depth
        self._sampling = Sampling()
        self._decode = config.decode_options()
        self._clock = clock
        self._checks = config.check_settings()
        self._conform = Conform(config.name, self._checks)
        self._unfit = UnfitPictures()
        source = make_source(config.name, config.url, config.source_options(), http=http, clock=clock)
        self.supervisor = Supervisor(
            config.name,
            source,
            self._emit,
            clock=clock,
            begin_after_s=begin_after_s,
            unavailable_after=round(self._checks.limit(unavailable_of(source))),
        )
        self._on_drop = on_drop
        self._on_finding = on_finding
        self._on_gone = on_gone
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Until the source ends or `stop`; what waits by then is still decoded."""
        try:
            async with self.lanes:
                await self.supervisor.run()
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """End the source and wait until its last segment is decoded."""
        self.supervisor.stop()
        await self._ended.wait()

    def on_score(self, score: Score) -> None:
        """Take in what became of one of its clips."""
        finding = self._unfit.see(score)
        if finding is not None and self._checks.wanted(finding):
            self._on_finding(finding)

    def _options(self, segment: Segment) -> DecodeOptions:
        depth = self._sampling.choose(segment, self._depth.level_of(self.config.name))
        return self._decode if depth == self._decode.depth else replace(self._decode, depth=depth)

    def _decoded(self, decoded: Decoded) -> Decoded:
        """What is worth scoring, with what the media checks find, without the findings that nobody wants."""
        conform = self._conform.judge(decoded)
        decoded = replace(decoded, findings=(*decoded.findings, *conform)) if conform else decoded
        decoded, depth = self._sampling.mark(decoded)
        self._depth.on_decoded(decoded, depth, self._clock.monotonic())
        wanted = tuple(finding for finding in decoded.findings if self._checks.wanted(finding))
        return decoded if len(wanted) == len(decoded.findings) else replace(decoded, findings=wanted)

    async def _emit(self, item: Item) -> None:
        if isinstance(item, Segment):
            await self.lanes.put(item)
        elif isinstance(item, RenditionGone):
            self.lanes.forget(item.rendition)
            self._sampling.forget(item.rendition)
            self._conform.forget(item.rendition)
            self._unfit.forget(item.rendition)
            self._depth.forget_rendition(item.stream, item.rendition)
            self._on_gone(item)
        elif self._checks.wanted(item):
            if item.reason is Reason.OVERLOADED:  # what a source lost before it reached the lanes
                self._on_drop(self.config.name, round(item.value or 1))
            self._on_finding(item)
