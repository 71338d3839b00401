"""The pool: whatever a segment does to a worker costs that segment and no more."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import media
from fake_clock import FakeClock
from qoed.clock import SystemClock
from qoed.decode import DecodeOptions
from qoed.decode.affinity import IDLE_S, Affinity
from qoed.decode.pool import DecodePool, SegmentDroppedError
from qoed.decode.worker import FAULT_VARIABLE
from qoed.errors import DecodeError
from qoed.model import DropReason, Outcome, Reason, Segment
from qoed_engine.manifest import Recipe

MARKER = "FAULT:"
OPTIONS = DecodeOptions()


@asynccontextmanager
async def pool_of(workers: int = 1, **settings: Any) -> AsyncIterator[DecodePool]:
    """A pool whose workers suffer the faults that media ask for."""
    settings = {
        "min_deadline_s": 1.0,
        "deadline_factor": 0.1,
        "environment": {FAULT_VARIABLE: MARKER},
    } | settings
    async with DecodePool(workers, Recipe(), SystemClock(), **settings) as pool:
        yield pool


def faulty(fault: str, *, salt: str = "", **fields: Any) -> Segment:
    """A segment that makes the worker suffer `fault`."""
    return media.segment(f"{MARKER}{fault}\n{salt}".encode(), **fields)


@pytest.fixture(scope="module")
def good() -> Segment:
    """A small, clean segment."""
    return media.segment(media.encode(seconds=1.0, width=96, height=64), duration_s=1.0)


@pytest.mark.parametrize("fault", ["SIGSEGV", "SIGABRT", "SIGKILL", "exit", "garbage"])
async def test_a_crash_costs_one_segment(fault: str, good: Segment) -> None:
    """A decoder that dies takes one segment along, is told as the probe's own trouble, is back in 2 s."""
    async with pool_of() as pool:
        lost = await pool.decode(faulty(fault), OPTIONS)
        began = time.monotonic()
        after = await pool.decode(good, OPTIONS)

        assert (lost.outcome, lost.clips) == (Outcome.CRASHED, ())
        assert [finding.reason for finding in lost.findings] == [Reason.DECODER_RESTARTED]
        assert lost.findings[0].reason.domain == "probe"
        assert after.outcome is Outcome.OK
        assert time.monotonic() - began < 2.0
        assert pool.stats().restarts == 1


async def test_a_hang_is_killed_at_the_deadline(good: Segment) -> None:
    """A decoder that hangs is killed when its segment's time is up, and the next one decodes within 2 s."""
    async with pool_of() as pool:
        began = time.monotonic()
        lost = await pool.decode(faulty("hang"), OPTIONS)
        assert lost.outcome is Outcome.TIMEOUT
        assert time.monotonic() - began < 2.0

        began = time.monotonic()
        assert (await pool.decode(good, OPTIONS)).outcome is Outcome.OK
        assert time.monotonic() - began < 2.0


async def test_a_stopped_worker_is_a_hang(good: Segment) -> None:
    """A worker that the system stopped is replaced like one that hangs."""
    async with pool_of() as pool:
        worker = pool._slots[0].worker
        assert worker is not None
        os.kill(worker.pid, signal.SIGSTOP)

        assert (await pool.decode(good, OPTIONS)).outcome is Outcome.TIMEOUT
        assert (await pool.decode(good, OPTIONS)).outcome is Outcome.OK


async def test_a_hanging_stream_does_not_hold_up_others_of_its_worker(good: Segment) -> None:
    """Segments of other streams that wait behind a hang move to another worker before the deadline."""
    async with pool_of(2, min_deadline_s=8.0) as pool, asyncio.TaskGroup() as group:
        places = {name: pool._affinity.slot_of(_named(good, name)) for name in ("bad", "b", "c")}
        neighbour = next(name for name in ("b", "c") if places[name] == places["bad"])
        hang = group.create_task(pool.decode(faulty("hang", stream="bad"), OPTIONS))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        decoded = await pool.decode(_named(good, neighbour), OPTIONS)

        assert decoded.outcome is Outcome.OK
        assert time.monotonic() - began < 4.0
        assert not hang.done()
        slot = pool._slots[places["bad"]]
        assert slot.worker is not None
        os.kill(slot.worker.pid, signal.SIGKILL)
    assert hang.result().outcome is Outcome.CRASHED


async def test_bytes_that_kill_twice_are_not_tried_again(good: Segment) -> None:
    """The same deadly segment, on whatever stream, kills two workers and no third."""
    async with pool_of() as pool:
        outcomes = [
            (await pool.decode(faulty("SIGSEGV", stream=stream), OPTIONS)).outcome for stream in "abcd"
        ]

        assert outcomes == [Outcome.CRASHED, Outcome.CRASHED, Outcome.POISONED, Outcome.POISONED]
        assert pool.stats().restarts == 2
        assert (await pool.decode(good, OPTIONS)).outcome is Outcome.OK


async def test_every_segment_is_accounted_for_at_any_instant(good: Segment) -> None:
    """In equals done plus in flight at every look, through crashes, hangs, full queues, lost callers."""
    async with pool_of(2, per_rendition=2, min_deadline_s=0.5) as pool:
        watching = True

        async def watch() -> int:
            looks = 0
            while watching:
                stats = pool.stats()
                assert stats.received == stats.done + stats.in_flight
                looks += 1
                await asyncio.sleep(0.002)
            return looks

        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(watch())
            jobs = []
            for index in range(40):
                fault = {7: "SIGSEGV", 13: "hang", 29: "exit"}.get(index)
                stream = f"s{index % 5}"
                segment = faulty(fault, salt=str(index), stream=stream) if fault else _named(good, stream)
                jobs.append(asyncio.ensure_future(pool.decode(segment, OPTIONS)))
                if index % 10 == 9:
                    jobs[-3].cancel()
                await asyncio.sleep(0.01)
            results = await asyncio.gather(*jobs, return_exceptions=True)
            watching = False

        assert watcher.result() > 20
        kinds = Counter(
            "dropped" if isinstance(result, SegmentDroppedError | asyncio.CancelledError) else result.outcome  # type: ignore[union-attr]
            for result in results
        )
        stats = pool.stats()
        assert stats.received == stats.done == 40 == sum(kinds.values())
        assert stats.in_flight == 0
        assert stats.by_outcome.get(Outcome.TIMEOUT, 0) <= 1


async def test_a_full_queue_sheds_its_oldest_and_says_so(good: Segment) -> None:
    """A rendition that is faster than its decoder loses its oldest waiting segment, counted as queue_full."""
    async with pool_of(per_rendition=1) as pool:
        first, second, third = (asyncio.ensure_future(pool.decode(good, OPTIONS)) for _ in range(3))
        results = await asyncio.gather(first, second, third, return_exceptions=True)

        assert isinstance(results[0], SegmentDroppedError) or isinstance(results[1], SegmentDroppedError)
        dropped = next(result for result in results if isinstance(result, SegmentDroppedError))
        assert dropped.drop is DropReason.QUEUE_FULL
        assert pool.stats().dropped[DropReason.QUEUE_FULL] >= 1


async def test_renditions_take_turns(good: Segment) -> None:
    """A stream with a backlog does not keep a second stream of the same worker waiting for all of it."""
    async with pool_of(per_rendition=50) as pool, asyncio.TaskGroup() as group:
        order: list[str] = []

        async def decode(stream: str) -> None:
            await pool.decode(_named(good, stream), OPTIONS)
            order.append(stream)

        for _ in range(8):
            group.create_task(decode("greedy"))
        await asyncio.sleep(0)
        group.create_task(decode("modest"))
    assert order.index("modest") <= 2


async def test_no_process_or_descriptor_is_left_behind(good: Segment) -> None:
    """A dozen dead, hung and renewed workers later there are as many children and descriptors as before."""
    async with pool_of(recycle_after=2, min_deadline_s=0.3) as pool:
        await pool.decode(good, OPTIONS)
        before = (len(os.listdir("/proc/self/fd")), len(_children()))
        for index in range(3):
            await pool.decode(faulty("SIGSEGV", salt=str(index)), OPTIONS)
            await pool.decode(faulty("hang", salt=str(index)), OPTIONS)
            for _ in range(3):
                await pool.decode(good, OPTIONS)
        await pool.decode(good, OPTIONS)

        assert pool.stats().recycled >= 3
        assert len(os.listdir("/proc/self/fd")) <= before[0]
        assert len(_children()) == before[1]
    assert _children() == []


async def test_a_cancelled_daemon_leaves_no_worker_behind(good: Segment) -> None:
    """Cancelling the daemon in the middle of a hang ends its workers at once."""

    async def daemon() -> None:
        async with pool_of(2, min_deadline_s=60.0) as pool:
            await pool.decode(faulty("hang"), OPTIONS)

    task = asyncio.ensure_future(daemon())
    while len(_children()) < 2:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert _children() == []


async def test_a_closed_pool_refuses_and_drops_what_waits(good: Segment) -> None:
    """Closing drops what waits as shutdown, and later calls are refused, all of it counted."""
    async with pool_of(min_deadline_s=60.0, per_rendition=4) as pool:
        running = asyncio.ensure_future(pool.decode(faulty("hang"), OPTIONS))
        waiting = asyncio.ensure_future(pool.decode(good, OPTIONS))
        await asyncio.sleep(0.2)
    for job in (running, waiting, asyncio.ensure_future(pool.decode(good, OPTIONS))):
        with pytest.raises(SegmentDroppedError) as dropped:
            await job
        assert dropped.value.drop is DropReason.SHUTDOWN
    stats = pool.stats()
    assert (stats.received, stats.done, stats.in_flight, stats.workers) == (3, 3, 0, 0)


async def test_an_error_of_the_daemon_passes_through_unchanged() -> None:
    """What goes wrong beside the pool is reported as itself, not wrapped by the pool."""
    with pytest.raises(KeyError, match="mine"):
        async with pool_of():
            raise KeyError("mine")


async def test_a_worker_that_cannot_start_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is a clear error when the pool opens, not a crash for each segment."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DecodeError, match="decode worker did not start"):
        async with pool_of():
            pass


async def test_a_picture_bomb_is_refused_within_its_memory() -> None:
    """A 16384x8192 picture in a few kilobytes is refused without being decoded; the worker stays small."""
    bomb = media.segment(media.bomb())
    async with DecodePool(1, Recipe(), SystemClock()) as pool:
        refused = await pool.decode(bomb, OPTIONS)
        worker = pool._slots[0].worker
        assert worker is not None
        peak = next(
            int(line.split()[1])
            for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )

        assert (refused.outcome, refused.clips) == (Outcome.REFUSED, ())
        assert "16384x8192" in refused.detail
        assert peak < 300 * 1024
        assert pool.stats().restarts == 0


async def test_more_frames_than_a_segment_can_have_are_refused() -> None:
    """A segment with far more frames than its duration allows is refused, not decoded to the end."""
    long = media.segment(media.encode(seconds=12.0, width=64, height=36), duration_s=1.0)
    async with pool_of(min_deadline_s=20.0) as pool:
        refused = await pool.decode(long, DecodeOptions(depth="full"))

        assert refused.outcome is Outcome.REFUSED
        assert [finding.reason for finding in refused.findings] == [Reason.UNDECODABLE]


def test_renditions_keep_their_worker_and_spread_by_size() -> None:
    """Eight equal renditions on four workers are two each, whatever the order, and stay where they are."""
    affinity = Affinity(4, FakeClock())
    segments = [media.segment(b"", stream=f"s{index}") for index in range(8)]
    places = [affinity.slot_of(segment) for segment in segments]

    assert sorted(Counter(places).values()) == [2, 2, 2, 2]
    assert [affinity.slot_of(segment) for segment in reversed(segments)] == places[::-1]
    affinity.forget("s0")
    assert affinity.slot_of(media.segment(b"", stream="new")) == places[0]


def test_a_rendition_that_went_away_frees_its_place(clock: FakeClock) -> None:
    """A place that nobody used for ten minutes counts as free."""
    affinity = Affinity(2, clock)
    first = affinity.slot_of(media.segment(b"", stream="gone"))
    clock.jump(IDLE_S + 1)

    assert affinity.slot_of(media.segment(b"", stream="a")) == first


def _named(segment: Segment, stream: str) -> Segment:
    return media.segment(segment.data, stream=stream, duration_s=segment.duration_s)


def _children() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "stat").read_text()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(text.rpartition(")")[2].split()[1]) == os.getpid() and b"resource_tracker" not in command:
                found.append(int(entry.name))
    return found
