"""Parts in the pool: what a lost, killed or renewed worker costs a segment in parts, and what it does not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

import part_media
from qoed.clock import SystemClock
from qoed.decode import DecodeOptions
from qoed.decode.pool import DecodePool
from qoed.model import Decoded, Outcome, Reason, Segment
from qoed_engine.manifest import Recipe

OPTIONS = DecodeOptions(depth="full")


async def decode(pool: DecodePool, segments: Iterable[Segment]) -> list[Decoded]:
    """Their results, one after the other."""
    return [await pool.decode(each, OPTIONS) for each in segments]


def reasons(decoded: Iterable[Decoded]) -> list[Reason]:
    """Of all findings, in order."""
    return [finding.reason for each in decoded for finding in each.findings]


def times(decoded: Iterable[Decoded]) -> list[float]:
    """Media times of all clips."""
    return [clip.media_time_s for each in decoded for clip in each.clips]


async def test_parts_cross_to_the_worker_and_back() -> None:
    """Segments in parts are decoded by one worker as if they were whole, with the measures of each part."""
    segments = part_media.fmp4(2)
    async with DecodePool(2, Recipe(), SystemClock()) as pool:
        decoded = await decode(pool, [part for each in segments for part in each.parts])

    assert times(decoded) == [0.0, 1.0, 2.0, 3.0]
    assert reasons(decoded) == []
    assert [clip.depth for each in decoded for clip in each.clips] == ["full"] * 4
    assert decoded[0].measures.key_frames_s == (0.0,)


async def test_a_worker_killed_between_parts_costs_the_segment_and_no_false_alarm() -> None:
    """The part in work is lost with its worker, the rest of its GOP left out, the next segment whole."""
    first, second = part_media.fmp4(2)
    async with DecodePool(1, Recipe(), SystemClock()) as pool:
        before = await decode(pool, first.parts[:4])
        worker = pool._slots[0].worker
        assert worker is not None
        os.kill(worker.pid, signal.SIGKILL)
        after = await decode(pool, first.parts[4:])
        healed = await decode(pool, second.parts)

    assert [each.outcome for each in before] == [Outcome.OK] * 4
    assert [each.outcome for each in after] == [Outcome.CRASHED] + [Outcome.ORPHANED] * 5
    assert reasons(after) == [Reason.DECODER_RESTARTED]
    assert times(healed) == [2.0, 3.0]
    assert reasons(healed) == []
    assert pool.stats().by_outcome[Outcome.ORPHANED] == 5


async def test_a_worker_is_not_renewed_in_the_middle_of_a_segment() -> None:
    """A worker that is due to be renewed first ends the segments that it has the begin of."""
    segments = part_media.fmp4(3)
    async with DecodePool(1, Recipe(), SystemClock(), recycle_after=1) as pool:
        recycled = []
        for segment in segments:
            decoded = await decode(pool, segment.parts)
            assert times(decoded) == [segment.whole.media_time_s, segment.whole.media_time_s + 1]
            recycled.append(pool.stats().recycled)

    assert recycled == [1, 2, 3]


async def test_a_worker_far_beyond_its_due_is_renewed_all_the_same() -> None:
    """Parts that never end do not keep a worker alive for ever, and nothing is called damaged for it."""
    parts = [part for each in part_media.fmp4(3, every_s=0.5) for part in each.parts]
    parts = [part_media.endless(part) for part in parts]
    async with DecodePool(1, Recipe(), SystemClock(), recycle_after=2) as pool:
        decoded = await decode(pool, parts)
        recycled = pool.stats().recycled

    assert recycled == 1
    assert reasons(decoded) == []
