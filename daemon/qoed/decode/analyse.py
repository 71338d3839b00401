"""One segment from bytes to clips, findings and measures. Runs in the worker, without network."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace

import av

from qoed.decode.codec import CutClip, Job, Result
from qoed.decode.conclusion import conclude, conclude_late
from qoed.decode.errors import RefusedError, UndecodableError
from qoed.decode.findings import event
from qoed.decode.media import decode_picture
from qoed.decode.part import open_part
from qoed.decode.rendition import Picture, RenditionState
from qoed.decode.session import Session
from qoed.model import Measures, Outcome, Reason, Severity
from qoed.sample import Picked, plan_clip
from qoed_engine.manifest import Recipe
from qoed_engine.preprocess import clip_from_frames

MAX_RENDITIONS = 128
"""Renditions whose filters a worker keeps; the one unused for longest goes first."""
IDLE_S = 30.0
"""An unfinished segment of which no part came for so long is given up."""
FEW_PICTURES = "few_pictures"
"""`Clip.degraded`: most of the clip's pictures are repeats, so its motion is not seen."""
DAMAGED = "damaged"
"""`Clip.degraded`: the decoder marked pictures of it as corrupt."""
BLACK = "black"
"""`Clip.abstain`: at least half of the pictures are black."""


class Analyst:
    """Analyses segments one after the other and keeps each rendition's filters in between."""

    def __init__(self, recipe: Recipe, now: Callable[[], float] = time.monotonic) -> None:
        self._recipe = recipe
        self._now = now
        self._states: OrderedDict[tuple[str, str], RenditionState] = OrderedDict()

    def analyse(self, job: Job) -> Result:
        """Never raises for what the media does wrong; says so in the result."""
        began = time.process_time()
        if job.container == "image":
            result = _guarded(job, lambda: self._picture(job))
        else:
            state = self._state(job)
            late = _guarded(job, lambda: self._close(state, job))
            result = _guarded(job, lambda: self._play(state, job))
            transport = () if job.unfinished else tuple(state.transport.judge(state.lasting))
            result = replace(
                result,
                clips=late.clips + result.clips,
                findings=(*state.lasting.findings, *late.findings, *result.findings, *transport),
            )
        spent = round(time.process_time() - began, 6)
        return replace(result, measures=replace(result.measures, decode_cpu_s=spent))

    def _close(self, state: RenditionState, job: Job) -> Result:
        """End the unfinished segment that `job` is not a part of; what that leaves goes with `job`."""
        session = state.session
        if session is None or session.goes_on_with(job):
            return Result(outcome=Outcome.OK)
        state.session = None
        complete = session.reaches(job)
        clips = self._cut_all(session.book.job, session.drain())
        transport = state.transport.judge(state.lasting) if complete else state.transport.forget()
        return Result(
            outcome=Outcome.OK, clips=clips, findings=(*conclude_late(session, complete=complete), *transport)
        )

    def _play(self, state: RenditionState, job: Job) -> Result:
        if state.session is None:
            state.transport.forget()
        session, state.session = state.session or Session(job, state, self._recipe), None
        if session.from_start:
            state.transport.collect(job)
        with open_part(job, session.media_of(job)) as part:
            clips = self._cut_all(job, session.play(job, part))
            result = conclude(job, part, session, state, clips)
        if job.unfinished:
            session.book.settle()
            state.session = session
        return result

    def _cut_all(self, job: Job, picked: Iterable[Picked[Picture]]) -> tuple[CutClip, ...]:
        return tuple(clip for each in picked if (clip := self._cut(job, each)) is not None)

    def _picture(self, job: Job) -> Result:
        frame, codec = decode_picture(job.media, job.options.max_pixels)
        state = RenditionState(job)  # a still has no past: it is neither frozen nor black for long
        picture = state.see(frame, job.media_time_s, 0.0)
        plan = plan_clip(job.media_time_s, self._recipe)
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
        state.used_s = self._now()
        self._states[key] = state
        while len(self._states) > MAX_RENDITIONS:
            self._states.popitem(last=False)
        for other in self._states.values():
            if other.used_s >= state.used_s - IDLE_S:
                break
            other.session = None  # its decoder may hold tens of megabytes
        return state


def _guarded(job: Job, step: Callable[[], Result]) -> Result:
    """The step's result, or the failure that it ended in."""
    try:
        return step()
    except RefusedError as refused:
        outcome, why = Outcome.REFUSED, str(refused)
    except UndecodableError as broken:
        outcome, why = Outcome.UNDECODABLE, str(broken)
    except MemoryError:
        outcome, why = Outcome.REFUSED, "needs more memory than a worker may use"
    failure = event(job, Reason.UNDECODABLE, Severity.CRITICAL, why)
    return Result(outcome=outcome, findings=(failure,), detail=why)
