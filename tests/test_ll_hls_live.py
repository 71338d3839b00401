"""LL-HLS over real HTTP: each part is emitted as soon as it exists, once, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import ll_media
from hls_run import Run, http, source  # noqa: F401 - fixtures
from ll_media import Coded
from ll_origin import LowLatencyOrigin, Packager
from playlists import EPOCH
from qoed.model import Segment
from qoed.source import HttpClient


@pytest.fixture
async def origin() -> AsyncIterator[LowLatencyOrigin]:
    """A running low-latency origin."""
    async with LowLatencyOrigin() as running:
        yield running


CODED = {
    "fmp4, short gop": (ll_media.fmp4(), False),
    "fmp4, long gop": (ll_media.fmp4(long_gop=True), False),
    "fmp4, byte ranges": (ll_media.fmp4(long_gop=True), True),
    "ts": (ll_media.mpegts(long_gop=True), False),
    "ts, byte ranges": (ll_media.mpegts(), True),
}


def joined(segments: list[Segment], sequence: int) -> bytes:
    """All that was emitted of a segment."""
    return b"".join(segment.data for segment in segments if segment.sequence == sequence)


def end(segment: Segment, live: Packager) -> int:
    """How many parts had been published when the last one of `segment` had."""
    assert segment.program_date_time is not None
    return round(((segment.program_date_time - EPOCH).total_seconds() + segment.duration_s) / live.part_s)


async def until_edge(run: Run, live: Packager) -> None:
    """Wait until all that exists has been emitted."""
    await run.until(lambda: bool(run.segments()) and end(run.segments()[-1], live) == live.total)


@pytest.mark.parametrize(("coded", "byte_ranges"), CODED.values(), ids=CODED)
async def test_parts_are_emitted_as_they_come(
    origin: LowLatencyOrigin, http: HttpClient, coded: Coded, byte_ranges: bool
) -> None:
    """Each part is emitted before the next one exists, none twice, none lost, over several segments."""
    live = origin.add("hd", coded, parts=12, first=100, byte_ranges=byte_ranges)
    waits = []
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        for _ in range(12):
            place = live.next
            await live.publish()
            await until_edge(run, live)
            waits.append(run.segments()[-1].received_s - live.published_at[place])
    assert [joined(run.segments(), n) for n in (103, 104, 105)] == [coded.segment(n) for n in (103, 104, 105)]
    assert max(waits) < 0.5 * live.target_s
    assert run.findings() == []
    print(sorted(round(w * 1000, 1) for w in waits), [(s.sequence, s.continues, s.unfinished, s.duration_s) for s in run.segments()][:8], origin.requests[:14])
