"""Score one target from end to end without a daemon: the pipeline behind `qoed score`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from qoed.clock import SystemClock
from qoed.conform import Conform
from qoed.decode.options import DecodeOptions, Depth
from qoed.decode.pool import DecodePool
from qoed.errors import ErrorReason, SourceError
from qoed.infer import Scorer
from qoed.lanes import Lanes
from qoed.model import Decoded, Finding, Rendition, RenditionGone, Score
from qoed.source import Emit, Format, HttpClient, Item, Source, SourceOptions, make_source
from qoed.unfit import UnfitPictures
from qoed_engine import Engine, load_engine

STREAM = "score"
Progress = Callable[[float, float | None], None]
"""Called with seconds of media decoded so far, and in all where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReport:
    """What was found in one target. Overall values are the top rendition's means; None without any score."""

    score: float | None
    lo: float | None
    hi: float | None
    mos: float | None
    distortions: dict[str, float]
    findings: list[Finding]
    clips: list[Score]
    renditions: list[Rendition]
    model: str
    backend: str


@dataclass(slots=True)
class _Collected:
    scores: list[Score] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    renditions: dict[str, Rendition] = field(default_factory=dict)
    segments: int = 0


async def score_path(
    target: str,
    *,
    display_height: int = 1080,
    depth: Depth = "full",
    renditions: str = "all",
    seconds: float | None = None,
    format: Format = "auto",
    on_progress: Progress | None = None,
    engine: Engine | None = None,
    workers: int | None = None,
) -> ScoreReport:
    """Score a video file, a still picture, a folder of segments or a playlist, to its end or for `seconds`.

    Raises `SourceError` when the target cannot be read and `EngineError` when the engine cannot be used.
    """
    clock = SystemClock()
    made = engine is None
    engine = engine or load_engine()
    found, conform, unfit = _Collected(), Conform(STREAM), UnfitPictures()
    enough = asyncio.Event()

    def on_decoded(decoded: Decoded) -> None:
        if not decoded.segment.rendition.audio_only:
            found.renditions.setdefault(decoded.segment.rendition.id, decoded.segment.rendition)
        found.findings.extend(decoded.findings)
        found.findings.extend(conform.judge(decoded))
        for clip in decoded.clips:
            scorer.submit(clip)
        done_s = decoded.segment.media_time_s + decoded.segment.duration_s
        if on_progress is not None:
            on_progress(done_s, seconds)

    def on_score(score: Score) -> None:
        found.scores.append(score)
        if (finding := unfit.see(score)) is not None:
            found.findings.append(finding)

    async def emit(item: Item) -> None:
        if isinstance(item, Finding):
            found.findings.append(item)
        elif isinstance(item, RenditionGone):
            return
        elif seconds is not None and item.media_time_s >= seconds:
            enough.set()
            await asyncio.Event().wait()  # the source is about to be cancelled
        else:
            found.segments += 1
            await lanes.put(item)

    try:
        scorer = Scorer(engine, on_score, clock=clock, per_stream=1 << 16)
        async with (
            HttpClient(clock=clock) as http,
            DecodePool(workers or len(os.sched_getaffinity(0)), engine.manifest.recipe, clock) as pool,
            asyncio.TaskGroup() as group,
        ):
            wanted = SourceOptions(renditions=renditions, format=format)
            source = make_source(STREAM, target, wanted, http=http, clock=clock)
            options = DecodeOptions(display_height=display_height, depth=depth)
            lanes = Lanes(
                lambda _segment: options,
                pool,
                on_decoded=on_decoded,
                on_drop=lambda _count: None,
                patient=True,
            )
            scoring = group.create_task(scorer.run())
            async with lanes:
                await _first_of(_run(source, emit, found), enough)
            await scorer.drain()
            scoring.cancel()
        return _report(found, engine)
    finally:
        if made:
            engine.close()


async def _run(source: Source, emit: Emit, found: _Collected) -> None:
    """Until the end, which of a continuous input is an error like any other."""
    try:
        await source.run(emit)
    except SourceError as error:
        if error.reason is not ErrorReason.SOURCE_ENDED or not found.segments:
            raise


async def _first_of(running: Coroutine[Any, Any, None], enough: asyncio.Event) -> None:
    """Await the source, but no longer than until there is enough."""
    async with asyncio.TaskGroup() as group:
        source = group.create_task(running)
        waiter = group.create_task(enough.wait())
        await asyncio.wait((source, waiter), return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        if enough.is_set():
            source.cancel()


def _report(found: _Collected, engine: Engine) -> ScoreReport:
    clips = sorted(found.scores, key=lambda clip: (clip.rendition, clip.media_time_s))
    ladder = sorted(
        found.renditions.values(), key=lambda each: (each.height or 0, each.bandwidth_bps or 0), reverse=True
    )
    top = next((each.id for each in ladder if any(clip.rendition == each.id for clip in clips)), None)
    scored = [clip for clip in clips if clip.rendition == top and clip.score is not None]

    def mean(name: str) -> float | None:
        return fmean(getattr(clip, name) for clip in scored) if scored else None

    kinds = scored[0].distortions if scored else {}
    return ScoreReport(
        score=mean("score"),
        lo=mean("lo"),
        hi=mean("hi"),
        mos=mean("mos"),
        distortions={kind: fmean(clip.distortions[kind] for clip in scored) for kind in kinds},
        findings=found.findings,
        clips=clips,
        renditions=ladder,
        model=engine.manifest.model,
        backend=engine.backend,
    )
