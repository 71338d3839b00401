"""One core under load: a process pins itself and, for each number it reads, feeds so many live renditions.

Run by `renditions_per_core`. Reads lines with a count from standard input; answers each with one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import children, process_cpu_s
from bench.media import SD, TINY, Media, media_for
from qoed.clock import SystemClock
from qoed.decode.options import DecodeOptions
from qoed.decode.pool import DecodePool
from qoed.infer import Scorer
from qoed.lanes import Lanes
from qoed.model import Decoded, DropReason, Score
from qoed_engine import Engine, load_engine

WARM_UP_SHARE = 0.2
"""Of the time, not judged at the beginning."""
MAX_SLIP = 0.02
"""Seconds that results may come later each second: more, and the backlog grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of `renditions` live renditions over `seconds` of media each."""

    renditions: int
    seconds: float
    clips_due: int
    clips_scored: int
    dropped: int
    slip: float
    """Seconds by which a segment's results come later, each second."""
    worst_latency_s: float
    """From a segment's arrival to the score of its last clip."""
    cpu_s: float

    @property
    def kept_up(self) -> bool:
        """Everything scored, nothing dropped, no growing backlog."""
        return self.dropped == 0 and self.clips_scored >= self.clips_due and self.slip <= MAX_SLIP

    @property
    def cpu_per_rendition(self) -> float:
        """CPU seconds for a second of one rendition."""
        return self.cpu_s / self.seconds / self.renditions


@dataclass(slots=True)
class _Heard:
    """(arrival, latency) in seconds of every scored clip."""

    clock: SystemClock
    latencies: list[tuple[float, float]] = field(default_factory=list)

    def score(self, score: Score) -> None:
        self.latencies.append((score.received_s, self.clock.monotonic() - score.received_s))


async def trial(count: int, media: Media, engine: Engine, seconds: float) -> Trial:
    """Feed `count` renditions in real time through lanes, one decode worker and the scorer."""
    clock = SystemClock()
    heard = _Heard(clock)
    scorer = Scorer(engine, heard.score, clock=clock)
    before = children()

    def on_decoded(decoded: Decoded) -> None:
        for clip in decoded.clips:
            scorer.submit(clip)

    async with DecodePool(1, engine.manifest.recipe, clock) as pool, asyncio.TaskGroup() as group:
        (worker,) = children() - before
        scoring = group.create_task(scorer.run())
        await pool.decode(replace(media.segments[0], stream="warm-up"), DecodeOptions())
        cpu_s = time.process_time() + process_cpu_s(worker)
        start_s = clock.monotonic()
        async with AsyncExitStack() as stack:
            lanes = [
                await stack.enter_async_context(
                    Lanes(
                        lambda _segment: DecodeOptions(),
                        pool,
                        on_decoded=on_decoded,
                        on_drop=lambda _count: None,
                    )
                )
                for _ in range(count)
            ]
            async with asyncio.TaskGroup() as feeders:
                tasks = [
                    feeders.create_task(_feed(place, count, lane, media, start_s, seconds, clock))
                    for place, lane in enumerate(lanes)
                ]
        await scorer.drain()
        cpu_s = time.process_time() + process_cpu_s(worker) - cpu_s
        scoring.cancel()
    dropped = sum(lane.stats.dropped.total() for lane in lanes)
    dropped += sum(pool.stats().dropped.values()) + scorer.stats.dropped[DropReason.QUEUE_FULL]
    fed_s = sum(task.result() for task in tasks)
    return Trial(
        renditions=count,
        seconds=fed_s / count,
        clips_due=round(fed_s / engine.manifest.recipe.span_s),
        clips_scored=len(heard.latencies),
        dropped=dropped,
        slip=_slip(heard.latencies, start_s + WARM_UP_SHARE * seconds),
        worst_latency_s=max((latency for _, latency in heard.latencies), default=math.inf),
        cpu_s=cpu_s,
    )


async def _feed(
    place: int, count: int, lane: Lanes, media: Media, start_s: float, seconds: float, clock: SystemClock
) -> float:
    """One looping rendition in real time, out of step with the others; returns the seconds of media fed."""
    first = media.segments[0]
    at_s, number = 0.0, place
    while at_s < seconds:
        segment = media.segments[number % len(media.segments)]
        due_s = start_s + first.duration_s * place / count + at_s
        await clock.sleep(max(0.0, due_s - clock.monotonic()))
        await lane.put(
            replace(segment, stream=f"stream-{place}", sequence=number, media_time_s=at_s, received_s=due_s)
        )
        at_s, number = round(at_s + segment.duration_s, 6), number + 1
    return at_s


def _slip(latencies: list[tuple[float, float]], from_s: float) -> float:
    """Slope of latency over arrival, s/s, by least squares."""
    judged = np.array([pair for pair in latencies if pair[0] >= from_s])
    if len(judged) < 3 or np.ptp(judged[:, 0]) == 0:
        return 0.0
    return float(np.polyfit(judged[:, 0] - judged[0, 0], judged[:, 1], 1)[0])


def main(arguments: list[str]) -> None:
    """Arguments: a JSON object with `cpu`, `seconds`, `quick` and `clip`."""
    asked: dict[str, Any] = json.loads(arguments[0])
    os.sched_setaffinity(0, {asked["cpu"]})  # before any thread or child is there
    clip = Path(asked["clip"]) if asked["clip"] else None
    media = media_for(TINY if asked["quick"] else SD, clip, lambda _text: None)
    engine = load_engine(threads=1)
    try:
        for line in sys.stdin:
            found = asyncio.run(trial(int(line), media, engine, asked["seconds"]))
            print(json.dumps(asdict(found)), flush=True)
    finally:
        engine.close()


if __name__ == "__main__":
    main(sys.argv[1:])
