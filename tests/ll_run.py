"""A source at work against a low-latency origin: what the LL-HLS tests share."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from hls_run import Run
from ll_origin import LowLatencyOrigin, Packager
from playlists import EPOCH
from qoed.model import Segment


@pytest.fixture
async def origin() -> AsyncIterator[LowLatencyOrigin]:
    """A running low-latency origin."""
    async with LowLatencyOrigin() as running:
        yield running


def place(segment: Segment, live: Packager) -> tuple[int, int]:
    """How many parts had been published when `segment` began, and when it ended."""
    assert segment.program_date_time is not None
    begin = (segment.program_date_time - EPOCH).total_seconds()
    return round(begin / live.part_s), round((begin + segment.duration_s) / live.part_s)


async def until_edge(run: Run, live: Packager, rendition: str | None = None) -> None:
    """Wait until all that exists has been emitted."""
    await run.until(lambda: [place(one, live)[1] for one in run.segments(rendition)][-1:] == [live.total])


async def publish(run: Run, live: Packager, count: int) -> None:
    """Publish part by part, each when the one before has been emitted."""
    for _ in range(count):
        await live.publish()
        await until_edge(run, live)


def joined(run: Run, sequence: int) -> bytes:
    """All that was emitted of a segment."""
    return b"".join(segment.data for segment in run.segments() if segment.sequence == sequence)


def holes(run: Run, live: Packager) -> list[tuple[int, int]]:
    """Parts that were never emitted, as ranges; fails if one was emitted twice or out of order."""
    places = [place(segment, live) for segment in run.segments()]
    for (_, end), (begin, _) in itertools.pairwise(places):
        assert end <= begin
    return [(end, begin) for (_, end), (begin, _) in itertools.pairwise(places) if end < begin]


def joints(run: Run) -> list[tuple[int, bool, bool]]:
    """(sequence, continues, unfinished) of each segment."""
    return [(one.sequence, one.continues, one.unfinished) for one in run.segments()]
