"""Where a decode worker's CPU time goes by stage, measured in this process around the product's own code."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import av

from qoed.decode import analyse
from qoed.decode.analyse import Analyst
from qoed.decode.codec import Job
from qoed.decode.options import DecodeOptions
from qoed.decode.part import Part, open_part
from qoed.decode.rendition import Picture, RenditionState
from qoed.decode.session import Session
from qoed.model import Segment
from qoed_engine import Recipe, clip_from_frames

DEMUX = "open, probe, demux"
DECODE = "video decode"
FILTERS = "picture filters"
SAMPLE = "sampling, scaling"
SOUND = "sound decode, filters"
REST = "bookkeeping"
STAGES = (DEMUX, DECODE, FILTERS, SAMPLE, SOUND, REST)


class StageClock:
    """CPU seconds of the calling thread by stage. A stage inside another is not counted to the outer one."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Charge what happens inside to `name`."""
        self._charge()
        self._open.append(name)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def _charge(self) -> None:
        now = time.thread_time()
        if self._open:
            self.spent[self._open[-1]] += now - self._since
        self._since = now


class TimedAnalyst:
    """An `Analyst` whose stages are timed. The product's classes are subclassed only while it works."""

    def __init__(self, recipe: Recipe) -> None:
        self._clock = StageClock()
        self._analyst = Analyst(recipe)
        self._replaced = _timed_parts(self._clock)

    def analyse(self, segment: Segment, options: DecodeOptions) -> dict[str, float]:
        """CPU seconds of each of `STAGES` over one segment."""
        job = Job(
            stream=segment.stream,
            rendition=segment.rendition.id,
            media_time_s=segment.media_time_s,
            duration_s=segment.duration_s,
            container=segment.container,
            media=segment.init + segment.data,
            init_length=len(segment.init),
            sequence=segment.sequence,
            options=options,
            opened={},
        )
        self._clock.spent.clear()
        with patch.multiple(analyse, **self._replaced), self._clock.stage(REST):
            self._analyst.analyse(job)
        return {stage: self._clock.spent[stage] for stage in STAGES}


def _timed_parts(clock: StageClock) -> dict[str, Any]:
    """Stand-ins for what `qoed.decode.analyse` is made of, by name."""

    class TimedSession(Session):
        def _decoded(self, frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
            decoding = super()._decoded(frames)
            while True:
                with clock.stage(DECODE):
                    frame = next(decoding, None)
                if frame is None:
                    return
                yield frame

        def _sound(self, job: Job, part: Part) -> None:
            with clock.stage(SOUND):
                super()._sound(job, part)

    class TimedState(RenditionState):
        def see(self, frame: av.VideoFrame, time_s: float, every_s: float) -> Picture:
            with clock.stage(FILTERS):
                return super().see(frame, time_s, every_s)

    @contextmanager
    def timed_open_part(job: Job, media: memoryview | bytes) -> Iterator[Part]:
        opening = open_part(job, media)
        with clock.stage(DEMUX):
            part = opening.__enter__()
        try:
            yield part
        finally:
            with clock.stage(DEMUX):
                opening.__exit__(None, None, None)

    def timed_clip_from_frames(*frames: Any, **options: Any) -> Any:
        with clock.stage(SAMPLE):
            return clip_from_frames(*frames, **options)

    return {
        "Session": TimedSession,
        "RenditionState": TimedState,
        "open_part": timed_open_part,
        "clip_from_frames": timed_clip_from_frames,
    }
