"""One rendition of a DASH stream: a task that asks for its segments as they become available."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from qoed.clock import Clock
from qoed.errors import SourceError
from qoed.model import Finding, Segment
from qoed.source.dash.breaks import AdBreaks
from qoed.source.dash.clock import PresentationClock
from qoed.source.dash.events import inband_events
from qoed.source.dash.manifest import Manifest
from qoed.source.dash.presentation import Presentation, Step
from qoed.source.dash.rendition_checks import RenditionChecks
from qoed.source.dash.retrieval import Retrieval
from qoed.source.exchange import Asked
from qoed.source.http import Fetched
from qoed.source.options import SourceOptions
from qoed.source.pace import Pacer
from qoed.source.protocol import Emit
from qoed.source.sniff import sniff
from qoed.source.timeline import Timeline
from qoed.source.transport import Transport

_DOUBT_S = 4.0
"""So long after it was listed, or two durations, a segment is asked for that is not yet due by the clock."""
_LONGEST_SLEEP_S = 5.0
"""Waiting for a segment is cut into pieces, so that a new MPD is heeded."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """What `Timeline.place` asks of a segment."""

    sequence: int
    duration_s: float
    program_date_time: datetime | None


class RenditionFeed:
    """Runs one rendition until nothing will be added to it, or the MPD lists it no more."""

    def __init__(
        self,
        stream: str,
        name: str,
        *,
        manifest: Manifest,
        options: SourceOptions,
        transport: Transport,
        checks: RenditionChecks,
        breaks: AdBreaks,
        timeline: Timeline,
        presentation_clock: PresentationClock,
        clock: Clock,
        late: bool = False,
    ) -> None:
        self._stream = stream
        self._name = name
        self._manifest = manifest
        self._options = options
        self._checks = checks
        self._breaks = breaks
        self._timeline = timeline
        self._presentation_clock = presentation_clock
        self._clock = clock
        self._joins_late = late
        """It is new in a stream that runs already: it joins at the live edge as it is then."""
        self._generation = manifest.generation
        self._cursor_s: float | None = None
        self._last: Step | None = None
        self._anew = False
        """The presentation began anew: its media need not go on where they were."""
        self._pacer = Pacer("fast" if manifest.current.live else options.pace, clock)
        self._retrieval = Retrieval(transport, options, presentation_clock, clock)

    async def run(self, emit: Emit) -> None:
        """Fetch one segment after the other."""
        while (step := await self._next(emit)) is not None:
            await self._take(step, emit)

    # --- which segment is next, and when

    async def _next(self, emit: Emit) -> Step | None:
        while True:
            presentation = self._manifest.current
            if self._manifest.generation != self._generation:
                self._generation, self._cursor_s, self._last = self._manifest.generation, None, None
                self._checks.reached_s, self._anew = None, True
            if self._cursor_s is None and not self._join(presentation):
                if self._manifest.over:
                    return None
                await self._clock.sleep(1.0)
                continue
            assert self._cursor_s is not None
            steps = presentation.steps(self._name, self._cursor_s, self._retrieval.known)
            step = None if self._cursor_s == math.inf else next(steps, None)
            if step is None:
                if self._manifest.over or not presentation.of(self._name):
                    return None
                await self._manifest.newer(presentation)
                continue
            if self._retrieval.lacks_index(step):
                await self._read_index(step, emit)
                continue
            if presentation.live:
                wait_s = self._wait_s(presentation, step)
                if wait_s > 0:
                    await self._clock.sleep(min(wait_s, _LONGEST_SLEEP_S))
                    continue
                if (behind := self._behind(presentation, step)) is not None:
                    count = max(round((behind - step.at_s) / max(step.segment.duration_s, 0.1)), 1)
                    await _emit_all(emit, self._checks.skipped(step, self._asked(step), count))
                    self._cursor_s = behind
                    continue
            await _emit_all(emit, self._checks.follows(presentation, self._last, step, self._cursor_s))
            return step

    def _join(self, presentation: Presentation) -> bool:
        """Set where to begin; False: there is nothing yet."""
        start = self._manifest.join_s()
        if start is not None and self._joins_late and presentation.live:
            now_s = self._presentation_clock.now_s()
            start = max(presentation.start_s(now_s, self._options.start_segments) or start, start)
        if start is None:
            return False
        reached = self._checks.reached_s
        edge = (
            presentation.edge_s(self._name, self._presentation_clock.now_s()) if presentation.live else None
        )
        if reached is not None and (edge is None or reached <= edge + presentation.target_s(self._name)):
            start = max(start, reached)  # a source that is run again goes on where it was
        self._cursor_s = start
        return True

    def _wait_s(self, presentation: Presentation, step: Step) -> float:
        """Seconds until a live segment is asked for."""
        now_s, segment = self._presentation_clock.now_s(), step.segment
        due_s = step.due_s
        if segment.listed:
            # What is listed can be had, mostly: a clock that says otherwise is believed for a while only.
            listed = self._manifest.listed_at(self._name, step.end_s)
            since = 0.0 if listed is None else self._clock.monotonic() - listed
            window = presentation.listed_span_s(self._name)
            due_s = min(due_s, now_s - since + min(max(2 * segment.duration_s, _DOUBT_S), window / 2))
        else:
            due_s += self._retrieval.lag_s
        gap_s = step.at_s - (self._cursor_s if self._cursor_s is not None else step.at_s)
        if self._switches(step) and gap_s > self._checks.period_limit_s:
            # The Period before may yet get its last segments.
            due_s += max(presentation.target_s(self._name), 1.0)
        return due_s - now_s

    def _behind(self, presentation: Presentation, step: Step) -> float | None:
        """Where to go on when downloads lag behind by more than may wait; None: they do not."""
        now, now_s = self._clock.monotonic(), self._presentation_clock.now_s()
        duration = max(step.segment.duration_s, 0.1)
        if step.segment.listed:
            ready = self._manifest.listed_at(self._name, step.end_s) or now
        else:
            ready = now - max(now_s - step.due_s - self._retrieval.lag_s, 0.0)
        ready = max(ready, self._checks.joined_at(now))
        if now - ready <= self._options.max_pending * duration:
            return None
        target = presentation.start_s(now_s, self._options.start_segments)
        return target if target is not None and target > step.at_s + duration / 2 else None

    async def _read_index(self, step: Step, emit: Emit) -> None:
        """Learn the segments of a single file; without its index the Period is passed over."""
        try:
            await self._retrieval.read_index(step)
        except SourceError as error:
            now = self._clock.monotonic()
            await _emit_all(emit, self._checks.missing(step, self._asked(step), error, now, what="index"))
            self._cursor_s = _end(step)

    def _switches(self, step: Step) -> bool:
        """True for the first segment of another Period, or presentation, than the one before."""
        last = self._last
        if last is None:
            return False
        return last.track.period.id != step.track.period.id or abs(last.origin_s - step.origin_s) > 1e-3

    # --- the segment itself

    async def _take(self, step: Step, emit: Emit) -> None:
        asked = self._asked(step, place=True)
        self._cursor_s = self._checks.reached_s = _end(step)
        discontinuity, self._last, self._anew = asked.discontinuity, step, False
        await self._pacer.wait(asked.media_time_s)
        what = "segment"
        try:
            begun_s = self._presentation_clock.now_s()
            fetched = await self._retrieval.segment(step, live=self._manifest.current.live)
            received = self._clock.monotonic()
            what = "init section"
            init = await self._retrieval.init(step)
        except SourceError as error:
            now = self._clock.monotonic()
            await _emit_all(emit, self._checks.missing(step, asked, error, now, what=what))
            return
        protection = step.track.representation.protection
        if protection is not None:
            await _emit_all(emit, self._checks.protected(asked, protection, received))
            return
        judged = _judged(fetched, step.end_s - begun_s) if step.segment.early_s else fetched
        await _emit_all(emit, self._checks.arrived(step, asked, judged, received))
        await self._tell_breaks(step, asked, fetched.body, received, emit)
        container = step.track.representation.container or sniff(init or fetched.body) or "mp4"
        await emit(
            Segment(
                stream=self._stream,
                rendition=step.track.rendition,
                sequence=asked.sequence,
                media_time_s=asked.media_time_s,
                duration_s=step.segment.duration_s,
                container=container,
                data=fetched.body,
                init=init,
                discontinuity=discontinuity,
                program_date_time=_date(step.at_s) if self._manifest.current.origin_s else None,
                received_s=received,
                timings=fetched.timings,
            )
        )

    def _asked(self, step: Step, *, place: bool = False) -> Asked:
        """The segment as the checks know it; `place` moves the media timeline on."""
        at = self._checks.media_time_s or 0.0
        if place:
            self._checks.count += 1  # $Number$ begins anew with a Period
            placed = _Placed(self._checks.count, step.segment.duration_s, _date(step.at_s))
            at = max(self._timeline.place(self._name, placed), 0.0)
            self._checks.media_time_s = at
        return Asked(
            sequence=step.segment.number,
            url=step.segment.urls[0] if step.segment.urls else "",
            duration_s=step.segment.duration_s,
            media_time_s=at,
            discontinuity=self._anew or (self._switches(step) and not step.track.continues),
        )

    async def _tell_breaks(self, step: Step, asked: Asked, data: bytes, now: float, emit: Emit) -> None:
        period, how = step.track.period, step.track.representation.addressing
        if events := inband_events(
            data, step.segment.start_s - period.start_s, -how.presentation_offset / how.timescale
        ):
            self._breaks.heard(period.id, events, step.at_s - (step.segment.start_s - period.start_s))
        await _emit_all(emit, self._breaks.reached(step.at_s, step.end_s, asked.media_time_s, now))


def _end(step: Step) -> float:
    """Where to go on after a segment; after a whole file of unknown length there is nothing."""
    return step.end_s if step.segment.duration_s else math.inf


def _judged(fetched: Fetched, early_s: float) -> Fetched:
    """Without the wait for what was not yet made: low-latency segments are asked for while they grow."""
    timings = fetched.timings
    if early_s <= 0:
        return fetched
    download = None if timings.download_s is None else max(timings.download_s - early_s, 0.0)
    judged = replace(timings, total_s=max(timings.total_s - early_s, 0.0), download_s=download)
    return replace(fetched, timings=judged)


def _date(at_s: float) -> datetime:
    return datetime.fromtimestamp(round(at_s, 6), UTC)


async def _emit_all(emit: Emit, findings: list[Finding]) -> None:
    for finding in findings:
        await emit(finding)
