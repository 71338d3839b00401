"""One segment from bytes to clips, findings and measures. Runs in the worker, without network."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import replace
from typing import Literal

import av

from qoed.decode.codec import CutClip, Job, Result
from qoed.decode.findings import event
from qoed.decode.media import RefusedError, UndecodableError, decode_picture
from qoed.decode.rendition import Picture, RenditionState
from qoed.decode.segment import SegmentPass
from qoed.model import Measures, Outcome, Reason, Severity
from qoed.sample import Picked, plan_clips
from qoed_engine.manifest import Recipe
from qoed_engine.preprocess import clip_from_frames

MAX_RENDITIONS = 128
"""Renditions whose filters a worker keeps; the one unused for longest goes first."""
FEW_PICTURES = "few_pictures"
"""`Clip.degraded`: most of the clip's pictures are repeats, so its motion is not seen."""
DAMAGED = "damaged"
"""`Clip.degraded`: the decoder marked pictures of it as corrupt."""
BLACK = "black"
"""`Clip.abstain`: at least half of the pictures are black."""


class Analyst:
    """Analyses segments one after the other and keeps each rendition's filters in between."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._states: OrderedDict[tuple[str, str], RenditionState] = OrderedDict()

    def analyse(self, job: Job) -> Result:
        """Never raises for what the media does wrong; says so in the result."""
        began = time.process_time()
        try:
            result = self._picture(job) if job.container == "image" else self._segment(job, job.container)
        except RefusedError as refused:
            result = _failure(job, Outcome.REFUSED, Reason.UNDECODABLE, str(refused))
        except UndecodableError as broken:
            result = _failure(job, Outcome.UNDECODABLE, Reason.UNDECODABLE, str(broken))
        except MemoryError:
            result = _failure(
                job, Outcome.REFUSED, Reason.UNDECODABLE, "needs more memory than a worker may use"
            )
        spent = round(time.process_time() - began, 6)
        return replace(result, measures=replace(result.measures, decode_cpu_s=spent))

    def _segment(self, job: Job, container: Literal["mpegts", "mp4", "matroska"]) -> Result:
        state = self._state(job)
        with SegmentPass(job, container, state, self._recipe) as segment:
            clips = [self._cut(job, picked) for picked in segment.clips()]
            return segment.result(tuple(clip for clip in clips if clip is not None))

    def _picture(self, job: Job) -> Result:
        frame, codec = decode_picture(job.media, job.options.max_pixels)
        state = RenditionState(job)  # a still has no past: it is neither frozen nor black for long
        picture = state.see(frame, job.media_time_s, 0.0)
        plan = plan_clips(job.media_time_s, self._recipe.span_s, self._recipe)[0]
        pictures = (picture,) * self._recipe.frames
        clip = self._cut(job, Picked(plan=plan, pictures=pictures, distinct=len(pictures)))
        measures = Measures(
            width=frame.width,
            height=frame.height,
            codec=codec,
            packets=1,
            frames_decoded=1,
            frames_expected=1,
            frames_corrupt=int(frame.is_corrupt),
            blockiness=state.blocks.take(),
        )
        return Result(
            outcome=Outcome.DAMAGED if frame.is_corrupt else Outcome.OK,
            clips=() if clip is None else (clip,),
            measures=measures,
        )

    def _cut(self, job: Job, picked: Picked[Picture]) -> CutClip | None:
        try:
            frames = clip_from_frames(
                [picture.frame for picture in picked.pictures],
                self._recipe,
                display_height=job.options.display_height,
                # By media time, so that all renditions of one moment are sampled at the same places.
                ordinal=round(picked.plan.start_s),
            )
        except (av.FFmpegError, ValueError):  # a picture that no scaler takes is no clip; counts show it
            return None
        degraded = FEW_PICTURES if 2 * picked.distinct < len(picked.pictures) else None
        if any(picture.corrupt for picture in picked.pictures):
            degraded = DAMAGED
        black = sum(picture.black for picture in picked.pictures)
        return CutClip(
            media_time_s=picked.plan.start_s,
            frames=frames,
            degraded=degraded,
            abstain=BLACK if 2 * black >= len(picked.pictures) else None,
        )

    def _state(self, job: Job) -> RenditionState:
        key = (job.stream, job.rendition)
        state = self._states.pop(key, None)
        if state is None or state.options != replace(job.options, depth=state.options.depth):
            state = RenditionState(job)
        state.options = job.options
        state.lasting.opened = dict(job.opened)
        state.lasting.findings.clear()
        self._states[key] = state
        while len(self._states) > MAX_RENDITIONS:
            self._states.popitem(last=False)
        return state


def _failure(job: Job, outcome: Outcome, reason: Reason, detail: str) -> Result:
    return Result(outcome=outcome, findings=(event(job, reason, Severity.CRITICAL, detail),), detail=detail)
