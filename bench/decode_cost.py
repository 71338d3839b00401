"""What it costs to score a 1080p30 H.264 stream once per second, against decoding it at all.

Unit: CPU seconds (all threads of the daemon and of its decode worker) per CPU second of the reference: a
ratio.
Path: segment -> `DecodePool` worker (demux, decode, filters, sampling) -> `Scorer` with the shipped weights.
Reference: a plain FFmpeg decode of every picture and all sound of the same segments (PyAV, one thread, each
segment opened once), in the same run, taking turns segment by segment.
Media: x264 preset medium, 3 B-frames, a GOP each 2 s, 1080p30 with AAC, in MPEG-TS and in fMP4 segments of
2 s, or your own video with `--clip`.

Minimum and median are over the repeats. The stages are those of the repeat whose ratio is the median one: a
worker's own time is split in the proportions measured by timers around the same code in this process.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median, median_low
from typing import Any, get_args

import av

from bench.machine import children, process_cpu_s
from bench.media import HD, TINY, Media, media_for
from bench.report import Result, Say, Settings, Table
from bench.stages import STAGES, TimedAnalyst
from qoed.clock import SystemClock
from qoed.decode.options import DecodeOptions, Depth
from qoed.decode.pool import DecodePool
from qoed.depth.sampling import SAMPLE_EVERY_S
from qoed.infer import Scorer
from qoed.model import Outcome, Score, Segment
from qoed_engine import load_engine

DEPTHS: tuple[Depth, ...] = get_args(Depth)
REPEATS = 7
SETTLE_S = 0.003
"""What a worker still does after its answer is counted to the segment that it answered."""
TRANSPORT = "transport, event loop"
INFERENCE = "inference"


@dataclass(slots=True)
class Cost:
    """CPU seconds of one depth over one pass through the media."""

    total_s: float = 0.0
    clips: int = 0
    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(slots=True)
class Repeat:
    """One pass through the media in every way."""

    reference_s: float = 0.0
    depths: dict[Depth, Cost] = field(default_factory=lambda: {depth: Cost() for depth in DEPTHS})

    def ratio(self, depth: Depth) -> float:
        """Cost of scoring in units of a plain decode."""
        return self.depths[depth].total_s / self.reference_s

    def decode_ratio(self, depth: Depth) -> float:
        """The same without what the network costs."""
        cost = self.depths[depth]
        return (cost.total_s - cost.stages[INFERENCE]) / self.reference_s


def run(settings: Settings, say: Say) -> Result:
    """Measure all depths."""
    spec, count = (TINY, 1) if settings.quick else (HD, REPEATS)
    media = media_for(spec, settings.clip, say)
    result = _result(media, asyncio.run(_measure(media, count, say)))
    if settings.clip is not None:
        return result
    other = media_for(replace(spec, container="mp4"), None, say)
    fragments = _result(other, asyncio.run(_measure(other, count, say)))
    ratios = replace(fragments.tables[0], title=f"{fragments.tables[0].title}, fMP4")
    return replace(
        result,
        tables=(*result.tables, ratios),
        notes=(*result.notes, f"fMP4: {other}."),
        figures=result.figures | {"fmp4": fragments.figures},
    )


async def _measure(media: Media, count: int, say: Say) -> list[Repeat]:
    clock, scores = SystemClock(), list[Score]()
    engine = load_engine(threads=1)
    try:
        before = children()
        async with DecodePool(1, engine.manifest.recipe, clock) as pool, asyncio.TaskGroup() as group:
            (worker,) = children() - before
            scorer = Scorer(engine, scores.append, clock=clock, deadline_s=0.0)
            scoring = group.create_task(scorer.run())
            product = _Product(pool, scorer, scores, worker, TimedAnalyst(engine.manifest.recipe))
            warm_up, repeats = Repeat(), []
            await _one_segment(product, media.segments[0], 0, warm_up)
            for number in range(count):
                repeats.append(Repeat())
                for place, segment in enumerate(media.segments):
                    say(f"repeat {number + 1} of {count}, segment {place + 1} of {len(media.segments)}")
                    passed_s = media.segments[0].duration_s + media.seconds * number
                    moved = replace(segment, media_time_s=segment.media_time_s + passed_s)
                    await _one_segment(product, moved, number + place, repeats[-1])
            scoring.cancel()
        return repeats
    finally:
        engine.close()


async def _one_segment(product: _Product, segment: Segment, turn: int, repeat: Repeat) -> None:
    """The reference and every depth over one segment; `turn` says who comes first."""
    ways: list[Depth | None] = [None, *DEPTHS]
    for place in range(len(ways)):
        depth = ways[(place + turn) % len(ways)]
        if depth is None:
            repeat.reference_s += full_decode(segment)
        else:
            await product.score(replace(segment, stream=depth), depth, repeat.depths[depth])


def full_decode(segment: Segment) -> float:
    """CPU seconds of decoding every picture and all sound of a segment."""
    began = time.thread_time()
    with av.open(io.BytesIO(segment.init + segment.data), "r", format=segment.container) as container:
        for stream in (*container.streams.video, *container.streams.audio):
            stream.codec_context.thread_count = 1
        pictures = sum(
            isinstance(frame, av.VideoFrame) for packet in container.demux() for frame in packet.decode()
        )
    spent = time.thread_time() - began
    if pictures == 0:
        raise RuntimeError("the reference decoded nothing")
    return spent


@dataclass(frozen=True, slots=True)
class _Product:
    """qoed's way from a segment to scores, with one decode worker."""

    pool: DecodePool
    scorer: Scorer
    scores: list[Score]
    worker: int
    analyst: TimedAnalyst

    async def score(self, segment: Segment, depth: Depth, cost: Cost) -> None:
        """Decode and score one segment and add what it cost."""
        options = DecodeOptions(depth=depth)
        split = self.analyst.analyse(segment, options)
        self.scores.clear()
        worker_s, own_s = process_cpu_s(self.worker), time.process_time()
        decoded = await self.pool.decode(segment, options)
        await asyncio.sleep(SETTLE_S)
        loop_s = time.process_time() - own_s
        for clip in decoded.clips:
            self.scorer.submit(clip)
        await self.scorer.drain()
        own_s, worker_s = time.process_time() - own_s, process_cpu_s(self.worker) - worker_s
        fit = decoded.outcome in (Outcome.OK, Outcome.DAMAGED)
        if not fit or len(self.scores) != len(decoded.clips):
            raise RuntimeError(
                f"segment {segment.sequence} was not scored: {decoded.outcome} {decoded.detail}"
            )
        cost.total_s += own_s + worker_s
        cost.clips += len(self.scores)
        analysed_s = decoded.measures.decode_cpu_s
        for stage, spent_s in split.items():
            cost.stages[stage] += spent_s / sum(split.values()) * analysed_s
        cost.stages[TRANSPORT] += loop_s + worker_s - analysed_s
        cost.stages[INFERENCE] += own_s - loop_s


def _result(media: Media, repeats: Sequence[Repeat]) -> Result:
    default = DecodeOptions().depth
    depths = {depth: _figures(depth, repeats, media.seconds) for depth in DEPTHS}
    reference = median(repeat.reference_s for repeat in repeats) / media.seconds
    share = min(1.0, media.segments[0].duration_s / SAMPLE_EVERY_S)
    sparing = share * depths["light"]["cpu_s_per_s"] + (1 - share) * depths["extra_light"]["cpu_s_per_s"]
    chosen = depths[default]
    verdict = "below" if chosen["ratio_median"] < 1 else "NOT below"
    return Result(
        headline=(
            f"Scoring once per second costs {chosen['ratio_median']:.2f} of a plain full decode "
            f"in the default depth ({default}; least {chosen['ratio_min']:.2f}): {verdict} the aim of 1.0"
        ),
        tables=(
            Table(
                title="CPU time as a ratio to a plain full decode",
                columns=(
                    "depth",
                    "median",
                    "minimum",
                    "decoding alone, median",
                    "CPU ms per s of media",
                    "clips scored",
                ),
                rows=[
                    (
                        depth + (" (default)" if depth == default else ""),
                        f"{found['ratio_median']:.3f}",
                        f"{found['ratio_min']:.3f}",
                        f"{found['decode_ratio_median']:.3f}",
                        f"{1000 * found['cpu_s_per_s']:.1f}",
                        str(found["clips"]),
                    )
                    for depth, found in depths.items()
                ]
                + [
                    (
                        "extra_light as the daemon runs it",
                        f"{sparing / reference:.3f}",
                        "",
                        "",
                        f"{1000 * sparing:.1f}",
                        "",
                    ),
                    ("(plain full decode)", "1", "1", "1", f"{1000 * reference:.1f}", ""),
                ],
            ),
            Table(
                title="Where it goes, in percent of a plain full decode",
                columns=("stage", *DEPTHS),
                rows=[
                    (stage, *(f"{100 * depths[depth]['stages'][stage]:.1f}" for depth in DEPTHS))
                    for stage in (*STAGES, TRANSPORT, INFERENCE)
                ],
            ),
        ),
        notes=(
            f"Media: {media}.",
            f"Repeats: {len(repeats)}.",
            f"At extra_light the daemon decodes a segment every {SAMPLE_EVERY_S:g} s as light, for scores.",
        ),
        figures={
            "media": str(media),
            "repeats": len(repeats),
            "default_depth": default,
            "reference_cpu_s_per_s": reference,
            "depths": depths,
            "extra_light_as_run_cpu_s_per_s": sparing,
        },
    )


def _figures(depth: Depth, repeats: Sequence[Repeat], seconds: float) -> dict[str, Any]:
    ratios = [repeat.ratio(depth) for repeat in repeats]
    typical = repeats[ratios.index(median_low(ratios))]
    cost = typical.depths[depth]
    return {
        "ratio_median": median(ratios),
        "ratio_min": min(ratios),
        "decode_ratio_median": median(repeat.decode_ratio(depth) for repeat in repeats),
        "cpu_s_per_s": median(repeat.depths[depth].total_s for repeat in repeats) / seconds,
        "clips": cost.clips,
        "stages": {stage: spent / typical.reference_s for stage, spent in cost.stages.items()},
    }
