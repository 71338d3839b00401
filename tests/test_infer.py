"""The scorer: every clip gets a score or a counted reason why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from engines import RECIPE, ScriptedEngine
from qoed.clock import SystemClock
from qoed.infer import Scorer
from qoed.model import Clip, DropReason, Quality, Score
from qoed_engine import EngineError


def clip(level: int, *, stream: str = "s", abstain: str | None = None, degraded: str | None = None) -> Clip:
    frames = np.full(RECIPE.clip_shape, level, np.uint8)
    return Clip(
        stream=stream, rendition="r", media_time_s=0.0, frames=frames, abstain=abstain, degraded=degraded
    )


@asynccontextmanager
async def running(engine: ScriptedEngine, scores: list[Score], **settings: int) -> AsyncIterator[Scorer]:
    scorer = Scorer(engine, scores.append, clock=SystemClock(), deadline_s=0.01, **settings)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(scorer.run())
        yield scorer
        task.cancel()


async def test_clips_become_scores_with_interval_and_mos() -> None:
    """A clip's score comes with its interval, its MOS and the model that gave it."""
    scores: list[Score] = []
    async with running(ScriptedEngine(), scores) as scorer:
        scorer.submit(clip(204))
        await scorer.drain()

    (score,) = scores
    assert score.score == pytest.approx(80.0)
    assert (score.lo, score.hi) == (pytest.approx(75.0), pytest.approx(85.0))
    assert score.mos == pytest.approx(1 + 80 / 25)
    assert score.model == "mean-1@00000000"


async def test_clips_of_many_streams_share_a_batch() -> None:
    """Clips that wait at the same time are scored together, whatever stream they come from."""
    engine, scores = ScriptedEngine(), []
    async with running(engine, scores, batch_size=4) as scorer:
        for index in range(4):
            scorer.submit(clip(index, stream=f"s{index}"))
        await scorer.drain()

    assert engine.batches == [4]
    assert {score.stream for score in scores} == {"s0", "s1", "s2", "s3"}


async def test_a_black_clip_has_no_score_and_says_why() -> None:
    """What the network must not be asked about yields no number, never 0 and never the last value."""
    scores: list[Score] = []
    async with running(ScriptedEngine(), scores) as scorer:
        scorer.submit(clip(0, abstain="black"))
        await scorer.drain()

    (score,) = scores
    assert (score.score, score.lo, score.hi, score.mos) == (None, None, None, None)
    assert (score.quality, score.reason) == (Quality.ABSTAINED, "black")


async def test_a_damaged_clip_is_scored_and_marked() -> None:
    """A score measured on damaged frames says that it is of lesser worth."""
    scores: list[Score] = []
    async with running(ScriptedEngine(), scores) as scorer:
        scorer.submit(clip(100, degraded="corrupt_frames"))
        await scorer.drain()

    assert (scores[0].quality, scores[0].reason) == (Quality.DEGRADED, "corrupt_frames")


async def test_a_slow_engine_costs_counted_clips() -> None:
    """While the engine is stuck, queues stay bounded and every clip lost is counted."""
    engine, scores = ScriptedEngine(), []
    engine.hold.clear()
    async with running(engine, scores, batch_size=1, per_stream=2) as scorer:
        scorer.submit(clip(1))
        await asyncio.sleep(0.05)  # the engine has taken the first
        shed = [scorer.submit(clip(level)) for level in range(5)]
        engine.hold.set()
        await scorer.drain()

    assert shed == [0, 0, 1, 1, 1]
    assert scorer.stats.dropped[DropReason.QUEUE_FULL] == 3
    assert scorer.stats.received == scorer.stats.scored + 3


async def test_an_engine_that_fails_stops_scoring_at_once() -> None:
    """A fault of the engine ends the scorer with that error, and the batch is counted, not scored."""
    engine, scores = ScriptedEngine(), []
    engine.fail_with = EngineError("card on fire", sticky=True)
    with pytest.RaisesGroup(pytest.RaisesExc(EngineError, match="card on fire")):
        async with running(engine, scores) as scorer:
            scorer.submit(clip(1))
            await asyncio.sleep(1)

    assert scores == []
    assert scorer.stats.dropped[DropReason.ENGINE_FAULT] == 1


async def test_a_score_that_is_no_number_is_never_published() -> None:
    """An engine that answers NaN is a fault, not a score."""
    engine, scores = ScriptedEngine(), []
    engine.offset = float("nan")
    with pytest.RaisesGroup(pytest.RaisesExc(EngineError, match="not a number")):
        async with running(engine, scores) as scorer:
            scorer.submit(clip(1))
            await asyncio.sleep(1)

    assert scores == []


async def test_an_engine_gone_wrong_is_caught_by_its_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that starts to answer differently is found out by its canary and ends the scorer."""
    monkeypatch.setattr("qoed.infer.CANARY_EVERY_S", 0.05)
    engine, scores = ScriptedEngine(), []
    with pytest.RaisesGroup(pytest.RaisesExc(EngineError, match="canary")):
        async with running(engine, scores):
            await asyncio.sleep(0.01)
            engine.offset = 0.2
            await asyncio.sleep(1)


async def test_stopping_counts_what_was_waiting() -> None:
    """Clips that were waiting when the scorer is stopped count as dropped by shutdown."""
    engine, scores = ScriptedEngine(), []
    engine.hold.clear()
    async with running(engine, scores, batch_size=1) as scorer:
        for level in range(3):
            scorer.submit(clip(level))
        await asyncio.sleep(0.05)
        engine.hold.set()
    stats = scorer.stats

    assert stats.received == stats.scored + stats.dropped[DropReason.SHUTDOWN] == 3
    assert stats.in_flight == 0
