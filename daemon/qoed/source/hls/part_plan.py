"""What to fetch next, segments or parts: every piece of media once, none twice. No clock, no IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qoed.source.hls.checks import Listed, Placed
from qoed.source.hls.live_start import first_part
from qoed.source.hls.model import MediaPlaylist, Part


@dataclass(frozen=True, slots=True)
class Job:
    """One fetch: a whole segment (`parts` empty), or parts of it that lie one after the other.

    `closes`: the segment is complete, and nothing of it comes after this job.
    """

    placed: Placed
    parts: tuple[Part, ...] = ()
    start_s: float = 0.0
    """Where the first of `parts` begins in the segment."""
    closes: bool = True
    whole: bool = True
    """The segment from its begin, in one piece; else `parts`, perhaps none: news that it is complete."""

    @property
    def sequence(self) -> int:
        """Media sequence number of the segment."""
        return self.placed.segment.sequence

    @property
    def begins_anew(self) -> bool:
        """It can be decoded without what came before."""
        return self.whole or any(part.independent or part.index == 0 for part in self.parts[:1])


class PartPlan:
    """Turns what a playlist newly lists into jobs. `low_latency` False: whole segments only."""

    def __init__(self, *, low_latency: bool) -> None:
        self._low_latency = low_latency
        self._sequence: int | None = None
        self._next = 0
        self._joined = False

    def jobs(self, playlist: MediaPlaylist, listed: Listed) -> list[Job]:
        """The jobs for one load of the playlist, in order."""
        if listed.restarted:
            self._sequence, self._joined = None, False
        jobs: list[Job] = []
        for placed in listed.segments:
            jobs += self._complete(playlist, placed)
        if self._low_latency and listed.open is not None:
            jobs += self._open(playlist, listed.open)
        if jobs:
            self._joined = True
        return jobs

    def _complete(self, playlist: MediaPlaylist, placed: Placed) -> list[Job]:
        segment = placed.segment
        begun = self._sequence == segment.sequence
        if not begun:
            start = self._start(playlist, placed)
            if start == 0:
                self._sequence = None
                return [Job(placed)]
            self._next = start
        jobs = _runs(placed, [part for part in segment.parts if part.index >= self._next], closes=True)
        self._sequence = None
        return jobs or [Job(placed, whole=False)]

    def _open(self, playlist: MediaPlaylist, placed: Placed) -> list[Job]:
        segment = placed.segment
        if _sealed(placed):
            return []
        if self._sequence != segment.sequence:
            self._sequence, self._next = segment.sequence, self._start(playlist, placed)
        fresh = [part for part in segment.parts if part.index >= self._next]
        if fresh:
            self._next = fresh[-1].index + 1
        return _runs(placed, fresh, closes=False)

    def _start(self, playlist: MediaPlaylist, placed: Placed) -> int:
        """The part of a segment to begin with: where the rendition is joined, that may be a later one."""
        if self._joined or not self._low_latency or _sealed(placed):
            return 0
        index = placed.segment.sequence - playlist.segments[0].sequence
        return first_part(playlist, index) if 0 <= index < len(playlist.segments) else 0


def _sealed(placed: Placed) -> bool:
    """Encrypted as a whole: the standard does not say how parts of such a segment are chained."""
    return placed.segment.key is not None


def _runs(placed: Placed, parts: Sequence[Part], *, closes: bool) -> list[Job]:
    """Jobs for `parts`: ranges that follow each other in one resource become one, gaps are left out."""
    runs: list[list[Part]] = []
    for part in parts:
        if part.gap:
            continue
        if runs and _follows(runs[-1][-1], part):
            runs[-1].append(part)
        else:
            runs.append([part])
    jobs = []
    for run in runs:
        start = sum(part.duration_s for part in placed.segment.parts if part.index < run[0].index)
        jobs.append(Job(placed, tuple(run), start, closes=closes and run is runs[-1], whole=False))
    return jobs


def _follows(before: Part, part: Part) -> bool:
    """Whether one request can bring both."""
    if before.byte_range is None or part.byte_range is None or before.uri != part.uri:
        return False
    return part.index == before.index + 1 and sum(before.byte_range) == part.byte_range[0]
