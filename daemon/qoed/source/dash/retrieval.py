"""Getting what a rendition is made of: segments with patience, init sections and indexes once."""

from __future__ import annotations

from collections import OrderedDict

from qoed.clock import Clock
from qoed.errors import ErrorReason, SourceError
from qoed.model import Reason
from qoed.source.dash.addressing import Init
from qoed.source.dash.clock import PresentationClock
from qoed.source.dash.index import read_index, unread
from qoed.source.dash.mpd import Representation
from qoed.source.dash.presentation import AHEAD_S, Step
from qoed.source.http import Fetched, FetchError, FetchKind
from qoed.source.options import SourceOptions
from qoed.source.transport import Transport

_KEPT_INITS = 4
_KEPT_INDEXES = 16
_INDEX_S = 10.0
"""An index is given the time of a segment of this duration."""
_LATEST_S = 10.0
"""Segments promised by arithmetic are never waited for longer."""
_LONGEST_SLEEP_S = 5.0
_NO_RETRY = (FetchKind.TOO_LARGE, FetchKind.REFUSED, FetchKind.QUEUED)
_NOT_YET = (403, 404, 410, 425)
"""What origins answer to who asks too early."""


class Retrieval:
    """The requests of one rendition."""

    def __init__(
        self,
        transport: Transport,
        options: SourceOptions,
        presentation_clock: PresentationClock,
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._options = options
        self._presentation_clock = presentation_clock
        self._clock = clock
        self._late_limit = options.checks.limit(Reason.SEGMENT_UNAVAILABLE)
        self._inits: OrderedDict[Init, bytes] = OrderedDict()
        self._indexed: OrderedDict[Representation, Representation] = OrderedDict()
        self.lag_s = 0.0
        """So much later than promised segments have come: later ones need not be asked for before."""

    def known(self, representation: Representation) -> Representation:
        """The same with its segments listed, where its index was read."""
        return self._indexed.get(representation, representation) if self._indexed else representation

    def lacks_index(self, step: Step) -> bool:
        """True when the segments of a single file are not known yet."""
        representation = step.track.representation
        return unread(representation) and representation not in self._indexed

    async def read_index(self, step: Step) -> None:
        """Fetch the index of a single file. Raises `SourceError`."""

        async def fetch(byte_range: tuple[int, int]) -> bytes:
            return (await self._twice(step.segment.urls, byte_range, _INDEX_S)).body

        representation = step.track.representation
        self._indexed[representation] = await read_index(representation, fetch)
        while len(self._indexed) > _KEPT_INDEXES:
            self._indexed.popitem(last=False)

    async def init(self, step: Step) -> bytes:
        """The initialization section, fetched once while it stays in use. Raises `SourceError`."""
        init = step.segment.init
        if init is None:
            return b""
        if init not in self._inits:
            fetched = await self._twice(init.urls, init.byte_range, step.segment.duration_s)
            self._inits[init] = fetched.body
            while len(self._inits) > _KEPT_INITS:
                self._inits.popitem(last=False)
        return self._inits[init]

    async def segment(self, step: Step, *, live: bool) -> Fetched:
        """The bytes of a segment. Raises `SourceError`.

        One quick retry; a live segment that is promised by arithmetic is asked for until it is late by its
        own duration, for clocks of packagers and origins are never exact.
        """
        segment = step.segment
        patience = 0.0
        if live and not segment.listed:
            patience = min(max(segment.duration_s * self._late_limit, 1.0), _LATEST_S)
        tries = 0
        while True:
            try:
                fetched = await self._once(segment.urls, segment.byte_range, segment.duration_s)
                if not fetched.body:
                    raise FetchError("empty body", kind=FetchKind.BROKEN, status=fetched.status)
            except FetchError as error:
                tries += 1
                early_s = step.due_s - self._presentation_clock.now_s() if live else 0.0
                absent = error.kind is FetchKind.STATUS and error.status in _NOT_YET
                if absent and 0 < early_s < AHEAD_S:  # listed ahead of its time
                    await self._clock.sleep(min(early_s, _LONGEST_SLEEP_S))
                    continue
                late = absent and -early_s < patience
                if error.kind in _NO_RETRY or (tries >= 2 and not late):
                    raise
                await self._clock.sleep(max(self._options.segment_retry_s, 0.05))
            else:
                if patience:
                    self._learn(step, tries)
                return fetched

    def _learn(self, step: Step, tries: int) -> None:
        """How late promised segments come here, so that the next one is not asked for in vain."""
        if tries:
            late_s = self._presentation_clock.now_s() - step.due_s
            self.lag_s = min(max(late_s, self.lag_s, 0.0), _LATEST_S)
        else:
            self.lag_s *= 0.9

    async def _twice(
        self, urls: tuple[str, ...], byte_range: tuple[int, int] | None, duration_s: float
    ) -> Fetched:
        """One try and, after a pause, one more. Raises `SourceError`."""
        try:
            return await self._once(urls, byte_range, duration_s)
        except FetchError as error:
            if error.kind in _NO_RETRY:
                raise
        await self._clock.sleep(self._options.segment_retry_s)
        return await self._once(urls, byte_range, duration_s)

    async def _once(
        self, urls: tuple[str, ...], byte_range: tuple[int, int] | None, duration_s: float
    ) -> Fetched:
        """From the first BaseURL, else from the others in order. Raises the first one's `SourceError`."""
        first: FetchError | None = None
        for url in urls:
            try:
                return await self._transport.segment(url, byte_range, duration_s)
            except FetchError as error:
                first = first or error
        if first is None:
            raise SourceError("the MPD names no URL that is fetched", reason=ErrorReason.SOURCE_INVALID)
        raise first
