"""The engine's side of the pipeline: one thread owns the engine, a canary keeps it honest."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qoed.batch import FairBatcher
from qoed.clock import Clock
from qoed.model import Clip, DropReason, Quality, Reason, Score
from qoed_engine import Engine, EngineError, Outputs
from qoed_engine.loader import check_canary
from qoed_engine.manifest import Manifest, mos_of

CANARY_EVERY_S = 60.0


@dataclass(slots=True)
class ScorerStats:
    """Clips received = scored + abstained + dropped by reason + in flight, at any instant."""

    received: int = 0
    scored: int = 0
    abstained: int = 0
    in_flight: int = 0
    batches: int = 0
    busy_s: float = 0.0
    dropped: Counter[DropReason] = field(default_factory=Counter)


class Scorer:
    """Batches clips over all streams and hands out one `Score` for each through `on_score`.

    A doubtful engine never scores: any `EngineError` ends `run` with that error, after its batch was counted.
    """

    def __init__(
        self,
        engine: Engine,
        on_score: Callable[[Score], None],
        *,
        clock: Clock,
        batch_size: int = 8,
        deadline_s: float = 0.2,
        per_stream: int = 64,
    ) -> None:
        self._engine = engine
        self._on_score = on_score
        self._clock = clock
        self._batcher = FairBatcher(batch_size=batch_size, deadline_s=deadline_s, per_stream=per_stream)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.stats = ScorerStats()

    @property
    def backlog(self) -> int:
        """Clips waiting, not yet in the engine."""
        return len(self._batcher)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is in the engine."""
        return not len(self._batcher) and not self.stats.in_flight

    def submit(self, clip: Clip) -> int:
        """Queue a clip; returns how many older clips of its stream were dropped for it."""
        self.stats.received += 1
        if clip.abstain is not None:
            self.stats.abstained += 1
            self._on_score(_abstained(clip, clip.abstain, self._engine.manifest))
            return 0
        self._idle.clear()
        shed = self._batcher.put(clip, self._clock.monotonic())
        self.stats.dropped[DropReason.QUEUE_FULL] += len(shed)
        self._arrived.set()
        return len(shed)

    async def run(self) -> None:
        """Score until cancelled. Raises `EngineError` when the engine cannot be trusted any more."""
        next_canary = self._clock.monotonic() + CANARY_EVERY_S
        try:
            while True:
                wait = self._batcher.wait_s(self._clock.monotonic())
                if wait is None or wait > 0:
                    self._arrived.clear()
                    if not len(self._batcher):
                        self._idle.set()
                    until_canary = max(0.0, next_canary - self._clock.monotonic())
                    await self._wait(min(until_canary, until_canary if wait is None else wait))
                else:
                    await self._score_batch(self._batcher.take())
                if self._clock.monotonic() >= next_canary:
                    await self._in_thread(lambda: check_canary(self._engine))
                    next_canary = self._clock.monotonic() + CANARY_EVERY_S
        finally:
            self.stats.dropped[DropReason.SHUTDOWN] += len(self._batcher.clear())
            self._thread.shutdown(wait=True)

    async def drain(self) -> None:
        """Wait until every queued clip is scored."""
        await self._idle.wait()

    def forget(self, stream: str) -> None:
        """Drop the waiting clips of a removed stream."""
        self.stats.dropped[DropReason.SHUTDOWN] += len(self._batcher.forget(stream))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return

    async def _score_batch(self, batch: Sequence[Clip]) -> None:
        frames = np.stack([clip.frames for clip in batch])
        started = self._clock.monotonic()
        self.stats.in_flight += len(batch)
        try:
            outputs = await self._in_thread(lambda: self._engine.infer(frames))
        except EngineError:
            self.stats.dropped[DropReason.ENGINE_FAULT] += len(batch)
            raise
        except asyncio.CancelledError:
            self.stats.dropped[DropReason.SHUTDOWN] += len(batch)
            raise
        finally:
            self.stats.in_flight -= len(batch)
        self.stats.batches += 1
        self.stats.busy_s += self._clock.monotonic() - started
        for index, clip in enumerate(batch):
            try:
                score = _judged(clip, outputs, index, self._engine.manifest)
            except EngineError:
                self.stats.dropped[DropReason.ENGINE_FAULT] += len(batch) - index
                raise
            if score.quality is Quality.ABSTAINED:
                self.stats.abstained += 1
            else:
                self.stats.scored += 1
            self._on_score(score)

    async def _in_thread(self, work: Callable[[], Outputs]) -> Outputs:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _judged(clip: Clip, outputs: Outputs, index: int, manifest: Manifest) -> Score:
    """The clip's score, or none where the network says that it was not made for it."""
    raw = float(outputs.raw[index])
    unfit = 0.0 if outputs.unfit is None else float(outputs.unfit[index])
    if not np.isfinite([raw, unfit]).all():
        raise EngineError(
            "the engine returned a score that is not a number; restart with other weights", sticky=True
        )
    if manifest.abstain is not None and unfit > manifest.abstain.above:
        return _abstained(clip, Reason.UNFIT_PICTURE, manifest)
    return _score(clip, raw, outputs.distortions[index], manifest)


def _score(clip: Clip, raw: float, distortions: NDArray[np.float32], manifest: Manifest) -> Score:
    score = manifest.calibration.to_score(raw)
    lo, hi = manifest.calibration.interval(score)
    return Score(
        stream=clip.stream,
        rendition=clip.rendition,
        media_time_s=clip.media_time_s,
        score=score,
        lo=lo,
        hi=hi,
        mos=mos_of(score),
        distortions={
            name: float(value) for name, value in zip(manifest.distortions, distortions, strict=True)
        },
        model=manifest.model,
        quality=Quality.DEGRADED if clip.degraded else Quality.OK,
        reason=clip.degraded,
        received_s=clip.received_s,
        depth=clip.depth,
        holds_s=clip.holds_s,
    )


def _abstained(clip: Clip, reason: str, manifest: Manifest) -> Score:
    return Score(
        stream=clip.stream,
        rendition=clip.rendition,
        media_time_s=clip.media_time_s,
        score=None,
        lo=None,
        hi=None,
        mos=None,
        distortions={},
        model=manifest.model,
        quality=Quality.ABSTAINED,
        reason=str(reason),
        received_s=clip.received_s,
        depth=clip.depth,
        holds_s=clip.holds_s,
    )
