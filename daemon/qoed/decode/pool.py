"""Stage 2, decode: a pool of child processes; what a segment does to one costs that segment and no more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from qoed.clock import Clock
from qoed.decode.affinity import Affinity
from qoed.decode.child import Worker, WorkerDiedError
from qoed.decode.codec import decoded_of
from qoed.decode.options import DecodeOptions
from qoed.decode.poison import KILLS, PoisonList
from qoed.decode.protocol import ProtocolError
from qoed.decode.slot import Entry, Key, Slot
from qoed.errors import DecodeError
from qoed.model import Decoded, DropReason, Finding, Outcome, Phase, Reason, Segment, Severity
from qoed_engine.manifest import Recipe

STUCK_S = 2.0
"""A segment in work for this long, and longer than it lasts, holds up its worker's other renditions."""
RESTART_PAUSE_S = 1.0
"""Between attempts to start a worker that does not start."""
RECYCLE_PLAY = 1.25
"""A worker due to be renewed may go so far beyond its due to end the segments that it has the begin of."""


class SegmentDroppedError(DecodeError):
    """The segment never reached a worker; `drop` says why."""

    def __init__(self, message: str, drop: DropReason) -> None:
        super().__init__(message)
        self.drop = drop


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeStats:
    """Counts since start. `received == done + in_flight` at any instant."""

    received: int
    by_outcome: dict[Outcome, int]
    dropped: dict[DropReason, int]
    in_flight: int
    """Waiting or in work."""
    backlog: int
    """Waiting for a worker."""
    workers: int
    """Workers alive."""
    restarts: int
    """Workers that were killed or died."""
    recycled: int
    """Workers that were renewed after their due number of segments or megabytes."""
    cpu_s: float

    @property
    def done(self) -> int:
        """Segments with an outcome, dropped ones included."""
        return sum(self.by_outcome.values()) + sum(self.dropped.values())


@dataclass(slots=True)
class _Counts:
    received: int = 0
    by_outcome: Counter[Outcome] = field(default_factory=Counter)
    dropped: Counter[DropReason] = field(default_factory=Counter)
    restarts: int = 0
    recycled: int = 0
    cpu_s: float = 0.0


class DecodePool:
    """Decodes segments in `workers` child processes. An async context manager.

    A rendition stays with one worker, which keeps its filters and the media segment of which more parts are
    to come; a part that its worker cannot join to what was before is `orphaned`. A segment may take
    `deadline_factor` times its duration, at least `min_deadline_s`; then its worker is killed and replaced.
    """

    def __init__(
        self,
        workers: int,
        recipe: Recipe,
        clock: Clock,
        *,
        deadline_factor: float = 3.0,
        min_deadline_s: float = 5.0,
        per_rendition: int = 2,
        memory_bytes: int = 2 << 30,
        recycle_after: int = 2000,
        recycle_rss_bytes: int = 1 << 30,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if workers < 1 or per_rendition < 1:
            raise ValueError("workers and per_rendition must be at least 1")
        self._recipe = recipe
        self._clock = clock
        self._deadline_factor = deadline_factor
        self._min_deadline_s = min_deadline_s
        self._memory_bytes = memory_bytes
        self._recycle_after = recycle_after
        self._recycle_rss_bytes = recycle_rss_bytes
        self._environment = dict(environment or {})
        self._slots = [Slot(per_rendition) for _ in range(workers)]
        self._affinity = Affinity(workers, clock)
        self._poison = PoisonList()
        self._opened: dict[Key, dict[Reason, float]] = {}
        self._counts = _Counts()
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []
        self._open = False

    async def __aenter__(self) -> Self:
        """Start every worker. Raises `DecodeError` when one does not start."""
        try:
            for slot in self._slots:
                slot.worker = await self._start_worker()
        except BaseException:
            for slot in self._slots:
                if slot.worker is not None:
                    await slot.worker.kill()
            raise
        await self._group.__aenter__()
        self._tasks = [self._group.create_task(self._run(slot)) for slot in self._slots]
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all workers at once; what waits or is in work is dropped. Await your `decode` calls first."""
        self._open = False
        for task in self._tasks:
            task.cancel()
        try:
            # A group would wrap the caller's own exception; only a cancellation concerns it.
            if isinstance(error, asyncio.CancelledError):
                await self._group.__aexit__(kind, error, trace)
            else:
                await self._group.__aexit__(None, None, None)
        finally:
            for slot in self._slots:  # of a task that never began, too
                await self._clear(slot)

    async def decode(self, segment: Segment, options: DecodeOptions) -> Decoded:
        """Decode one segment; its renditions' segments in the order of the calls.

        Raises `SegmentDroppedError` when newer segments of the rendition pushed it out of the queue, or when
        the pool closes.
        """
        self._counts.received += 1
        if not self._open:
            self._counts.dropped[DropReason.SHUTDOWN] += 1
            raise SegmentDroppedError("the decode pool is closed", DropReason.SHUTDOWN)
        if segment in self._poison:
            return self._done(_poisoned(segment))
        entry = Entry(segment, options, asyncio.get_running_loop().create_future())
        self._queue(entry)
        return await entry.waiting

    def forget(self, stream: str) -> None:
        """Drop what waits of a stream that is gone, and what is remembered of it."""
        for slot in self._slots:
            for entry in slot.drain_stream(stream):
                self._drop(entry, DropReason.SHUTDOWN)
        self._affinity.forget(stream)
        for key in [key for key in self._opened if key[0] == stream]:
            del self._opened[key]
        for slot in self._slots:
            slot.unfinished = {key for key in slot.unfinished if key[0] != stream}

    def stats(self) -> DecodeStats:
        """The counts now."""
        counts = self._counts
        backlog = sum(map(len, self._slots))
        running = sum(slot.running is not None for slot in self._slots)
        return DecodeStats(
            received=counts.received,
            by_outcome=dict(counts.by_outcome),
            dropped=dict(counts.dropped),
            in_flight=backlog + running,
            backlog=backlog,
            workers=sum(slot.worker is not None for slot in self._slots),
            restarts=counts.restarts,
            recycled=counts.recycled,
            cpu_s=counts.cpu_s,
        )

    def _queue(self, entry: Entry) -> None:
        stuck = {
            index
            for index, slot in enumerate(self._slots)
            if slot.stuck and slot.running is not None and slot.running.key != entry.key
        }
        index = self._affinity.slot_of(entry.segment, avoid=stuck)
        shed = self._slots[index].put(entry)
        if shed is not None:
            self._drop(shed, DropReason.QUEUE_FULL)

    def _drop(self, entry: Entry, reason: DropReason) -> None:
        self._counts.dropped[reason] += 1
        if not entry.waiting.done():
            segment = entry.segment
            where = f"{segment.stream}/{segment.rendition.id} segment {segment.sequence}"
            entry.waiting.set_exception(SegmentDroppedError(f"{where} was not decoded: {reason}", reason))

    async def _run(self, slot: Slot) -> None:
        try:
            while True:
                entry = await slot.take()
                if entry.waiting.done():  # its caller has gone
                    slot.running = None
                    self._counts.dropped[DropReason.SHUTDOWN] += 1
                    continue
                decoded = await self._decode(slot, entry)
                slot.running, slot.stuck = None, False
                self._done(decoded)
                if not entry.waiting.done():
                    entry.waiting.set_result(decoded)
                await self._renew(slot)
        finally:
            await self._clear(slot)

    async def _clear(self, slot: Slot) -> None:
        leftovers = [*([slot.running] if slot.running else []), *slot.drain()]
        slot.running = None
        for entry in leftovers:
            self._drop(entry, DropReason.SHUTDOWN)
        if slot.worker is not None:
            worker, slot.worker = slot.worker, None
            await worker.kill()

    async def _decode(self, slot: Slot, entry: Entry) -> Decoded:
        segment = entry.segment
        if slot.worker is None:
            try:
                slot.worker = await self._start_worker()
            except DecodeError as error:
                await self._clock.sleep(RESTART_PAUSE_S)
                return _lost(segment, Outcome.CRASHED, str(error))
        worker = slot.worker
        deadline_s = max(self._min_deadline_s, self._deadline_factor * segment.duration_s)
        loop = asyncio.get_running_loop()
        patience = loop.call_later(max(STUCK_S, segment.duration_s), self._evacuate, slot)
        try:
            async with asyncio.timeout(deadline_s):
                opened = self._opened.get(entry.key, {})
                header, body = await worker.decode(segment, entry.options, opened)
            decoded = decoded_of(segment, header, body, self._recipe)
            self._follow(entry.key, decoded.findings)
            (slot.unfinished.add if segment.unfinished else slot.unfinished.discard)(entry.key)
            return decoded
        except TimeoutError:
            outcome, how = Outcome.TIMEOUT, f"not decoded within {deadline_s:g} s"
        except (WorkerDiedError, ProtocolError) as error:
            outcome, how = Outcome.CRASHED, str(error)
        finally:
            patience.cancel()
        slot.worker = None
        slot.unfinished.clear()
        self._counts.restarts += 1
        self._poison.note(segment)
        await worker.kill()
        if outcome is Outcome.CRASHED:
            how = f"the decode worker ended with {worker.ending}: {how}"
        return _lost(segment, outcome, how)

    def _evacuate(self, slot: Slot) -> None:
        """Move the renditions that wait behind a segment in trouble to other workers."""
        if slot.running is None or len(self._slots) == 1:
            return
        slot.stuck = True
        for entry in [*slot.drain(keep=slot.running.key)]:
            self._queue(entry)

    def _follow(self, key: Key, findings: tuple[Finding, ...]) -> None:
        """Remember which conditions are open, so that the next worker carries them on."""
        for finding in findings:
            if finding.phase is Phase.START and finding.media_time_s is not None:
                self._opened.setdefault(key, {})[finding.reason] = finding.media_time_s
            elif finding.phase is Phase.END:
                self._opened.get(key, {}).pop(finding.reason, None)

    async def _renew(self, slot: Slot) -> None:
        worker = slot.worker
        if worker is not None:
            used = max(worker.served / self._recycle_after, worker.rss_bytes / self._recycle_rss_bytes)
            if used < (RECYCLE_PLAY if slot.unfinished else 1.0):
                return
            slot.worker = None
            slot.unfinished.clear()
            self._counts.recycled += 1
            await worker.stop()
        try:
            slot.worker = await self._start_worker()
        except DecodeError:  # tried again, and told, with the next segment
            return

    async def _start_worker(self) -> Worker:
        return await Worker.start(
            self._recipe, memory_bytes=self._memory_bytes, environment=self._environment
        )

    def _done(self, decoded: Decoded) -> Decoded:
        self._counts.by_outcome[decoded.outcome] += 1
        self._counts.cpu_s += decoded.measures.decode_cpu_s
        return decoded


def _lost(segment: Segment, outcome: Outcome, detail: str) -> Decoded:
    finding = Finding(
        stream=segment.stream,
        rendition=segment.rendition.id,
        reason=Reason.DECODER_RESTARTED,
        severity=Severity.WARNING,
        media_time_s=segment.media_time_s,
        message=f"segment {segment.sequence}: {detail}; the worker was replaced",
        evidence={"outcome": str(outcome), "sequence": segment.sequence},
    )
    return Decoded(segment=segment, outcome=outcome, findings=(finding,), detail=detail)


def _poisoned(segment: Segment) -> Decoded:
    detail = f"these bytes have killed the decoder {KILLS} times and are not tried again"
    finding = Finding(
        stream=segment.stream,
        rendition=segment.rendition.id,
        reason=Reason.UNDECODABLE,
        severity=Severity.CRITICAL,
        media_time_s=segment.media_time_s,
        message=f"segment {segment.sequence}: {detail}",
        evidence={"sequence": segment.sequence},
    )
    return Decoded(segment=segment, outcome=Outcome.POISONED, findings=(finding,), detail=detail)
