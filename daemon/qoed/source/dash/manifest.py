"""The MPD of one stream: loaded as often as it asks to be, checked, and shared by the renditions."""

from __future__ import annotations

import asyncio
import math
from collections import deque

from qoed.clock import Clock
from qoed.errors import SourceError
from qoed.model import Finding
from qoed.source.dash.breaks import AdBreaks
from qoed.source.dash.checks import ManifestChecks
from qoed.source.dash.clock import PresentationClock
from qoed.source.dash.parse import parse_mpd
from qoed.source.dash.presentation import Ladder, Presentation
from qoed.source.health import Health
from qoed.source.http import Fetched, FetchError
from qoed.source.options import SourceOptions
from qoed.source.protocol import Emit
from qoed.source.transport import Transport

_FLOOR_S = 0.5
"""An MPD is not asked for more often, whatever @minimumUpdatePeriod says."""
_CHECKUP_S = 30.0
"""One that says it will not change is looked at again after this."""
_KEPT_LOADS = 64
_NAME = "mpd"


class Manifest:
    """Holds the presentation as it is now. Raises `SourceError` when it cannot be had for long."""

    def __init__(
        self,
        url: str,
        *,
        options: SourceOptions,
        transport: Transport,
        ladder: Ladder,
        checks: ManifestChecks,
        breaks: AdBreaks,
        presentation_clock: PresentationClock,
        clock: Clock,
    ) -> None:
        self._url = url
        self._options = options
        self._transport = transport
        self._ladder = ladder
        self._checks = checks
        self._breaks = breaks
        self._presentation_clock = presentation_clock
        self._clock = clock
        self._health = Health([_NAME], options.give_up_after_s)
        self._body = b""
        self._current: Presentation | None = None
        self._news = asyncio.Event()
        self._loads: deque[tuple[float, dict[str, float]]] = deque(maxlen=_KEPT_LOADS)
        self._joined_s: float | None = None
        self.generation = 0
        """Grows when the presentation began anew: who follows it must join again."""

    @property
    def current(self) -> Presentation:
        """The presentation as last loaded."""
        assert self._current is not None
        return self._current

    @property
    def over(self) -> bool:
        """Nothing will be added to it."""
        return self.current.over(self._presentation_clock.now_s())

    async def load(self) -> list[Finding]:
        """Load it now. Raises `SourceError`."""
        fetched = await self._fetch()
        changed = self._current is None or fetched.body != self._body
        if changed:
            self._body = b""  # a body that cannot be read is tried again
            presentation = self._ladder.arrange(parse_mpd(fetched.body, fetched.final_url))
            self._body = fetched.body
        else:
            presentation = self.current
        findings = await self._presentation_clock.sync(presentation.mpd, fetched if changed else None)
        now, now_s = self._clock.monotonic(), self._presentation_clock.now_s()
        findings += self._checks.loaded(
            presentation, now, now_s, took_s=fetched.timings.total_s, changed=changed
        )
        if self._checks.restarted(now):
            self.generation += 1
            self._joined_s = None
        if changed:
            self._current = presentation
            listed = {name: presentation.listed_s(name) for name in presentation.names}
            self._loads.append((now, {name: end for name, end in listed.items() if end is not None}))
            self._breaks.listed(presentation)
        news, self._news = self._news, asyncio.Event()
        news.set()
        return findings

    async def run(self, emit: Emit) -> None:
        """Load it again and again until nothing will be added."""
        while not self.over:
            await self._clock.sleep(self._delay_s())
            try:
                findings = await self.load()
            except SourceError as error:
                now = self._clock.monotonic()
                for finding in self._checks.failed(error, now):
                    await emit(finding)
                self._health.failing(_NAME, error, now)
            else:
                self._health.good(_NAME)
                for finding in findings:
                    await emit(finding)

    async def newer(self, than: Presentation) -> None:
        """Wait for the next load, unless one has come since `than`."""
        if self.current is than and not self.over:
            await self._news.wait()

    def join_s(self) -> float | None:
        """Where all renditions begin, the same for all of them; None: there is nothing yet."""
        if self._joined_s is None:
            self._joined_s = self.current.start_s(
                self._presentation_clock.now_s(), self._options.start_segments
            )
        return self._joined_s

    def listed_at(self, name: str, end_s: float) -> float | None:
        """Monotonic instant of the load that first listed up to `end_s` for a rendition; None: none did."""
        for at, listed in self._loads:
            if listed.get(name, -math.inf) >= end_s - 1e-3:
                return at
        return None

    async def _fetch(self) -> Fetched:
        """From where the last one said that the next one will be, else from where we began."""
        location = None if self._current is None else self._current.mpd.location
        if location is not None:
            try:
                return await self._transport.playlist(location)
            except FetchError:
                if location == self._url:
                    raise
        return await self._transport.playlist(self._url)

    def _delay_s(self) -> float:
        presentation = self.current
        update = presentation.mpd.update_s
        target = max((presentation.target_s(name) for name in presentation.names), default=0.0)
        delay = _CHECKUP_S if update is None else update or max(target, 1.0)
        return min(max(delay, _FLOOR_S), max(self._checks.stale_at - self._clock.monotonic(), _FLOOR_S))
