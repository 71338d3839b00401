"""One supervisor per stream: runs its source, starts it anew after a pause, says how it stands."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from enum import StrEnum

import structlog

from qoed.clock import Clock
from qoed.errors import ErrorReason, SourceError
from qoed.model import Finding, Phase, Reason, Segment
from qoed.source.lasting import Lasting
from qoed.source.protocol import Emit, Item, Source, unavailable_of

log = structlog.get_logger("qoed.source")


class StreamState(StrEnum):
    """How a stream's source stands."""

    RUNNING = "running"
    RETRYING = "retrying"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential pause with full jitter: uniform between zero and a ceiling that doubles."""

    first_s: float = 1.0
    max_s: float = 30.0
    reset_after_s: float = 60.0
    """A run that was good for so long makes the next pause short again."""

    def pause_s(self, failures: int, rng: random.Random) -> float:
        """Seconds to wait after so many failures in a row (1 or more)."""
        ceiling = min(self.first_s * 2.0 ** min(failures - 1, 30), self.max_s)
        return rng.uniform(0.0, ceiling)


class Supervisor:
    """Owns pause, restart and stop of one source.

    A stream that cannot be started is `playlist_unavailable`, `playlist_invalid` or what its source calls it,
    with rendition None, from the `unavailable_after`th failure in a row until its next segment.
    """

    def __init__(
        self,
        stream: str,
        source: Source,
        emit: Emit,
        *,
        clock: Clock,
        rng: random.Random | None = None,
        backoff: Backoff | None = None,
        begin_after_s: float = 0.0,
        unavailable_after: int = 2,
    ) -> None:
        self.stream = stream
        self.state = StreamState.RUNNING
        self.error: str | None = None
        """What the source failed of, while it is retried or after it failed for good."""
        self.restarts = 0
        self._source = source
        self._emit = emit
        self._clock = clock
        self._rng = rng or random.Random()
        self._backoff = backoff or Backoff()
        self._begin_after_s = begin_after_s
        self._unavailable_after = unavailable_after
        self._lasting = Lasting(stream, None)
        self._failures = 0
        self._good_since: float | None = None
        self._logged: str | None = None
        self._stopping = asyncio.Event()
        self._said: set[Reason] = set()
        """What lasts of the stream as a whole, by the source's own words."""

    def stop(self) -> None:
        """Ask `run` to return soon; the source is cancelled."""
        self._stopping.set()

    async def run(self) -> None:
        """Run the source until it ends, fails for good or `stop` is called."""
        async with asyncio.TaskGroup() as group:
            supervised = group.create_task(self._supervise())
            stopper = group.create_task(self._stopping.wait())
            await asyncio.wait((supervised, stopper), return_when=asyncio.FIRST_COMPLETED)
            supervised.cancel()
            stopper.cancel()
        self.state = StreamState.ENDED

    async def _supervise(self) -> None:
        if self._begin_after_s > 0:
            await self._clock.sleep(self._begin_after_s)
        while True:
            self._good_since = None
            try:
                await self._source.run(self._take)
            except SourceError as error:
                failure = error
            except Exception as error:  # a fault of ours in one source must not end the other streams
                log.exception("source_fault", stream=self.stream)
                failure = SourceError(f"internal error {type(error).__name__}")
            else:
                self.error = None
                await self._recovered("stream has ended")
                log.info("source_ended", stream=self.stream)
                return
            await self._failed(failure)
            if not failure.retryable:
                return
            self.state = StreamState.RETRYING
            self.restarts += 1
            await self._clock.sleep(self._backoff.pause_s(self._failures, self._rng))

    async def _take(self, item: Item) -> None:
        """Pass on what the source yields; its first segment shows that it is back."""
        if isinstance(item, Segment) and self._good_since is None:
            self._good_since = self._clock.monotonic()
            self.state = StreamState.RUNNING
            self.error = None
            await self._recovered("stream is back")
        if isinstance(item, Finding) and item.rendition is None and item.phase is not Phase.EVENT:
            (self._said.add if item.phase is Phase.START else self._said.discard)(item.reason)
        await self._emit(item)

    async def _failed(self, error: SourceError) -> None:
        now = self._clock.monotonic()
        if self._good_since is not None and now - self._good_since >= self._backoff.reset_after_s:
            self._failures = 0
            self._logged = None
        self._failures += 1
        self.error = str(error)
        if self.error != self._logged:
            self._logged = self.error
            log.warning("source_failed", stream=self.stream, error=self.error, retryable=error.retryable)
        if self._failures < self._unavailable_after and error.retryable:
            return
        reason = unavailable_of(self._source)
        if reason is Reason.PLAYLIST_UNAVAILABLE and error.reason is ErrorReason.SOURCE_INVALID:
            reason = Reason.PLAYLIST_INVALID
        if reason in self._said:  # the source began to say so itself, and will say when it is over
            return
        findings = []
        if reason not in self._lasting:
            findings = self._lasting.end_all(now, "the stream now fails otherwise")
        findings += self._lasting.start(
            reason, now, self.error, value=float(self._failures), unit="failures", error=error.reason.value
        )
        for finding in findings:
            await self._emit(finding)

    async def _recovered(self, message: str) -> None:
        if self._logged is not None:
            log.info("source_recovered", stream=self.stream)
            self._logged = None
        for finding in self._lasting.end_all(self._clock.monotonic(), message):
            await self._emit(finding)
