"""The supervisor with scripted time: pauses, restarts, findings for the whole stream, calm logs."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from fake_clock import FakeClock
from qoed.errors import ErrorReason, SourceError
from qoed.model import Finding, Phase, Reason, Rendition, Segment, Severity
from qoed.source import Emit, StreamState, Supervisor
from qoed.source.supervisor import Backoff

DOWN = SourceError("HTTP 503: http://o/master.m3u8")
BROKEN = SourceError("playlist invalid, it is empty: http://o/m", reason=ErrorReason.SOURCE_INVALID)
Step = Callable[[Emit], Awaitable[None]]


class Full(random.Random):
    """Jitter at its ceiling, so that pauses can be told."""

    def uniform(self, a: float, b: float) -> float:
        return b


def segment() -> Segment:
    return Segment(
        stream="tv",
        rendition=Rendition(id="main"),
        sequence=0,
        media_time_s=0.0,
        duration_s=2.0,
        container="mpegts",
        data=b"G",
    )


class Scripted:
    """A source whose runs are scripted; the last step repeats."""

    def __init__(self, *steps: Step) -> None:
        self._steps = steps
        self.runs: list[float] = []
        self.clock: FakeClock | None = None

    async def run(self, emit: Emit) -> None:
        assert self.clock is not None
        self.runs.append(self.clock.monotonic())
        await self._steps[min(len(self.runs), len(self._steps)) - 1](emit)


def fail(error: Exception, after: Callable[[], Awaitable[None]] | None = None) -> Step:
    async def step(emit: Emit) -> None:
        if after is not None:
            await emit(segment())
            await after()
        raise error

    return step


async def good(emit: Emit) -> None:
    await emit(segment())
    await asyncio.Event().wait()


async def ends(emit: Emit) -> None:
    await emit(segment())


class Story:
    """A supervisor under way, and what it passed on."""

    def __init__(self, clock: FakeClock, *steps: Step) -> None:
        self.clock = clock
        self.items: list[Segment | Finding] = []
        self.source = Scripted(*steps)
        self.source.clock = clock
        self.supervisor = Supervisor("tv", self.source, self._emit, clock=clock, rng=Full())
        self.task: asyncio.Task[None] | None = None

    async def _emit(self, item: Segment | Finding) -> None:
        self.items.append(item)

    async def __aenter__(self) -> Story:
        self.task = asyncio.create_task(self.supervisor.run())
        await self.clock.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.supervisor.stop()
        assert self.task is not None
        await self.task

    def findings(self) -> list[tuple[Reason, Phase]]:
        return [(item.reason, item.phase) for item in self.items if isinstance(item, Finding)]

    def pauses(self) -> list[float]:
        runs = self.source.runs
        return [later - earlier for earlier, later in itertools.pairwise(runs)]


async def test_pauses_double_from_one_to_thirty_seconds(clock: FakeClock) -> None:
    """A source that keeps failing is retried after 1, 2, 4 ... and at most 30 seconds."""
    async with Story(clock, fail(DOWN)) as story:
        await clock.advance(125)
        assert story.pauses() == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        assert story.supervisor.state is StreamState.RETRYING
        assert story.supervisor.error == str(DOWN)
        assert story.supervisor.restarts == 9


def test_jitter_is_full() -> None:
    """Pauses are spread evenly from zero to their ceiling, so that streams do not return in step."""
    pauses = [Backoff().pause_s(10, random.Random(seed)) for seed in range(500)]

    assert min(pauses) < 1.0
    assert max(pauses) > 29.0
    assert 13.0 < sum(pauses) / len(pauses) < 17.0


async def test_stream_that_cannot_start_is_unavailable_until_its_first_segment(clock: FakeClock) -> None:
    """From the second failure on the stream as a whole is unavailable, told once, and ended by a segment."""
    async with Story(clock, fail(DOWN), fail(DOWN), fail(DOWN), good) as story:
        assert story.findings() == []
        await clock.advance(1)
        assert story.findings() == [(Reason.PLAYLIST_UNAVAILABLE, Phase.START)]
        await clock.advance(10)

        assert story.findings() == [
            (Reason.PLAYLIST_UNAVAILABLE, Phase.START),
            (Reason.PLAYLIST_UNAVAILABLE, Phase.END),
        ]
        start, end = (item for item in story.items if isinstance(item, Finding))
        assert (start.rendition, start.message) == (None, str(DOWN))
        assert (end.value, end.unit) == (6.0, "s")
        assert story.supervisor.state is StreamState.RUNNING
        assert story.supervisor.error is None


async def test_single_failure_is_forgiven(clock: FakeClock) -> None:
    """One failed start and a good one after it are no finding."""
    async with Story(clock, fail(DOWN), good) as story:
        await clock.advance(5)
        assert story.findings() == []
        assert story.supervisor.state is StreamState.RUNNING


async def test_what_a_source_says_itself_is_not_said_again(clock: FakeClock) -> None:
    """A stream-wide condition that the source began goes on over its restarts until the source ends it."""

    def about(phase: Phase) -> Finding:
        return Finding(
            stream="tv",
            rendition=None,
            reason=Reason.PLAYLIST_UNAVAILABLE,
            severity=Severity.CRITICAL,
            phase=phase,
        )

    async def gives_up(emit: Emit) -> None:
        await emit(about(Phase.START))
        raise DOWN

    async def is_back(emit: Emit) -> None:
        await emit(about(Phase.END))
        await good(emit)

    async with Story(clock, gives_up, fail(DOWN), fail(DOWN), is_back) as story:
        await clock.advance(20)
        assert story.findings() == [
            (Reason.PLAYLIST_UNAVAILABLE, Phase.START),
            (Reason.PLAYLIST_UNAVAILABLE, Phase.END),
        ]


async def test_invalid_stream_is_told_as_invalid(clock: FakeClock) -> None:
    """When the cause changes from unavailable to invalid, the one ends and the other starts."""
    async with Story(clock, fail(DOWN), fail(DOWN), fail(BROKEN), good) as story:
        await clock.advance(20)
        assert story.findings() == [
            (Reason.PLAYLIST_UNAVAILABLE, Phase.START),
            (Reason.PLAYLIST_UNAVAILABLE, Phase.END),
            (Reason.PLAYLIST_INVALID, Phase.START),
            (Reason.PLAYLIST_INVALID, Phase.END),
        ]


async def test_good_minute_makes_the_next_pause_short_again(clock: FakeClock) -> None:
    """After sixty good seconds the pause begins at one second; after fewer it goes on doubling."""

    async def shortly() -> None:
        await clock.sleep(59)

    async def for_long() -> None:
        await clock.sleep(60)

    async with Story(clock, fail(DOWN, shortly), fail(DOWN, shortly), fail(DOWN, for_long), good) as story:
        await clock.advance(300)
        assert story.pauses() == [59 + 1.0, 59 + 2.0, 60 + 1.0]


async def test_stream_that_ends_is_not_started_again(clock: FakeClock) -> None:
    """A source that returns has ended, and its supervisor with it."""
    async with Story(clock, ends) as story:
        await clock.advance(100)
        assert story.source.runs == [1000.0]
        assert story.supervisor.state is StreamState.ENDED
        assert story.task is not None
        assert story.task.done()


async def test_hopeless_failure_is_told_at_once_and_not_retried(clock: FakeClock) -> None:
    """An error that trying again cannot help ends the stream with an open finding and its reason."""
    hopeless = SourceError("clip.mp4: holds no video", reason=ErrorReason.SOURCE_INVALID, retryable=False)
    async with Story(clock, fail(hopeless)) as story:
        await clock.advance(100)
        assert len(story.source.runs) == 1
        assert story.findings() == [(Reason.PLAYLIST_INVALID, Phase.START)]
        assert (story.supervisor.state, story.supervisor.error) == (StreamState.ENDED, str(hopeless))


async def test_fault_of_ours_is_retried_like_any_other(clock: FakeClock) -> None:
    """An unexpected exception in one source is logged and retried; it does not reach the other streams."""
    with capture_logs() as logs:
        async with Story(clock, fail(ZeroDivisionError("S3CR3T")), good) as story:
            assert story.supervisor.error == "internal error ZeroDivisionError"
            await clock.advance(5)
            assert story.supervisor.state is StreamState.RUNNING

    assert [entry["event"] for entry in logs].count("source_fault") == 1


async def test_repeated_error_is_logged_once(clock: FakeClock) -> None:
    """The same error is one log line however often it repeats; another text, or recovery, is another line."""
    with capture_logs() as logs:
        async with Story(clock, *[fail(DOWN)] * 5, *[fail(BROKEN)] * 2, good) as story:
            await clock.advance(200)
            assert story.supervisor.state is StreamState.RUNNING

    assert [(entry["event"], entry.get("error")) for entry in logs] == [
        ("source_failed", str(DOWN)),
        ("source_failed", str(BROKEN)),
        ("source_recovered", None),
    ]


@pytest.mark.parametrize("step", [good, fail(DOWN)], ids=["running", "pausing"])
async def test_stop_ends_a_running_and_a_pausing_stream_at_once(clock: FakeClock, step: Step) -> None:
    """`stop` needs no time to pass, whether the source runs or waits for its next try."""
    story = Story(clock, step)
    async with story:
        assert story.task is not None
        assert not story.task.done()
    assert story.supervisor.state is StreamState.ENDED


async def test_cancelled_supervisor_stays_cancelled(clock: FakeClock) -> None:
    """Cancelling the supervisor from outside cancels its source and is not swallowed."""
    story = Story(clock, good)
    task = asyncio.create_task(story.supervisor.run())
    await clock.settle()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
