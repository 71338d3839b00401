"""The demo's origin over real HTTP: live playlists, faults on the wire, and when they were there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import m3u8
import pytest

from fake_clock import FakeClock
from qoed.demo.broadcast import AHEAD, BACKLOG, Broadcast
from qoed.demo.content import SEGMENT_S
from qoed.demo.encode import Made, Order
from qoed.demo.faults import BLACK, FMP4, PLAYLIST_STALE, SEGMENT_MISSING, TS, Fault, FaultKind
from qoed.demo.ladder import LADDER, multivariant
from qoed.demo.origin import KEPT, WINDOW, LiveStream, Origin

START = datetime(2026, 1, 1, tzinfo=UTC)


class Stencil:
    """Makes segments of text: what was ordered."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def make(self, index: int, orders: Sequence[Order]) -> list[Made]:
        self.asked.append(index)
        return [
            Made(b"init", f"{index} {order.rung.name} {order.fault or 'clean'} {order.fault_since}".encode())
            for order in orders
        ]


def publish(stream: LiveStream, count: int, **options: bool) -> None:
    for number in range(count):
        for rung in LADDER:
            stream.publish(
                rung.name,
                Made(b"init", f"{rung.name} {number}".encode()),
                duration_s=SEGMENT_S,
                program_date_time=START + timedelta(seconds=number * SEGMENT_S),
                **options,
            )


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


def fault(kind: FaultKind, stream: str, at_s: float, for_s: float, rule: str = BLACK) -> Fault:
    return Fault(kind=kind, stream=stream, at_s=at_s, for_s=for_s, expect=frozenset({rule}))


@asynccontextmanager
async def on_air(clock: FakeClock) -> AsyncIterator[tuple[Broadcast, dict[str, LiveStream]]]:
    streams = {TS: LiveStream(TS, "mpegts", LADDER), FMP4: LiveStream(FMP4, "fmp4", LADDER)}
    broadcast = Broadcast(Stencil(), list(streams.values()), clock)
    await broadcast.prepare()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(broadcast.run())
        await clock.settle()
        yield broadcast, streams
        task.cancel()


def listed(stream: LiveStream, rung: str = "720p") -> list[str]:
    text = stream.playlist(rung)
    assert text is not None
    return [str(segment.uri) for segment in m3u8.loads(text).segments]


def newest(stream: LiveStream, rung: str = "720p") -> str | None:
    data = stream.file(rung, listed(stream, rung)[-1])
    return None if data is None else data.decode()


def test_multivariant_lists_the_ladder() -> None:
    """The multivariant playlist offers three renditions with resolution, bandwidth, frame rate and codecs."""
    variants = m3u8.loads(multivariant(LADDER)).playlists

    assert [variant.stream_info.resolution for variant in variants] == [(1280, 720), (640, 360), (384, 216)]
    assert all(variant.stream_info.codecs and variant.stream_info.frame_rate == 25 for variant in variants)


@pytest.mark.parametrize(("packaging", "suffix"), [("mpegts", ".ts"), ("fmp4", ".m4s")])
def test_live_window_slides(packaging: str, suffix: str) -> None:
    """A live playlist lists the last six segments with their dates, and its media sequence moves along."""
    stream = LiveStream(TS, packaging, LADDER)  # type: ignore[arg-type]
    publish(stream, WINDOW + 4)
    text = stream.playlist("360p")
    assert text is not None
    playlist = m3u8.loads(text)

    assert (playlist.media_sequence, len(playlist.segments)) == (4, WINDOW)
    assert not playlist.is_endlist
    assert playlist.target_duration == 2
    assert playlist.segments[-1].uri == f"{WINDOW + 3}{suffix}"
    assert playlist.segments[0].program_date_time == START + timedelta(seconds=4 * SEGMENT_S)
    assert bool(playlist.segment_map) == (packaging == "fmp4")


def test_old_segments_are_forgotten() -> None:
    """Segments stay a while after they left the playlist, and then the server lets go of them."""
    stream = LiveStream(TS, "mpegts", LADDER)
    publish(stream, KEPT + 1)

    assert stream.file("720p", "0.ts") is None
    assert stream.file("720p", "1.ts") == b"720p 1"


async def test_origin_serves_what_playlists_name() -> None:
    """Every address in the playlists can be fetched over HTTP, and nothing else can."""
    stream = LiveStream(FMP4, "fmp4", LADDER)
    publish(stream, 3)
    async with Origin([stream]) as origin:
        master = origin.url(FMP4)
        status, text = await get(master)
        variant = m3u8.loads(text, uri=master).playlists[0].absolute_uri
        media = m3u8.loads((await get(variant))[1], uri=variant)
        section, segment = media.segment_map[0].absolute_uri, media.segments[-1].absolute_uri

        assert status == 200
        assert await get(section) == (200, "init")
        assert await get(segment) == (200, "720p 2")
        for unknown in ("/nobody/master.m3u8", f"/{FMP4}/999p/index.m3u8", f"/{FMP4}/720p/77.m4s"):
            assert (await get(master.replace(f"/{FMP4}/master.m3u8", unknown)))[0] == 404


async def test_missing_segment_is_listed_but_404() -> None:
    """A missing segment stands in the playlist, and asking for it gets a 404."""
    stream = LiveStream(TS, "mpegts", LADDER)
    publish(stream, 1)
    publish(stream, 1, missing=True)
    async with Origin([stream]) as origin:
        base = origin.url(TS).removesuffix("master.m3u8")

        assert listed(stream) == ["0.ts", "1.ts"]
        assert [(await get(f"{base}720p/{name}"))[0] for name in listed(stream)] == [200, 404]


async def test_broadcast_publishes_on_time(clock: FakeClock) -> None:
    """The first client finds three segments; then every 1.92 s each rung gets one more, made ahead."""
    async with on_air(clock) as (broadcast, streams):
        assert len(listed(streams[TS])) == BACKLOG
        await clock.advance(SEGMENT_S * 2)

        assert all(
            len(listed(stream, rung.name)) == BACKLOG + 2 for stream in streams.values() for rung in LADDER
        )
        assert broadcast.latest_s == pytest.approx(0, abs=1e-6)
        assert broadcast._maker.asked == list(range(BACKLOG + 2 + AHEAD))  # type: ignore[attr-defined]


async def test_fault_spoils_its_stream_and_only_for_its_time(clock: FakeClock) -> None:
    """A fault spoils each rung of its own stream, in whole segments, and is timed as a client can see it."""
    async with on_air(clock) as (broadcast, streams):
        broadcast.begin([fault(FaultKind.BLACK, TS, 2, 4)])
        assert broadcast.epoch_s is not None
        await clock.advance(broadcast.epoch_s - clock.monotonic() + SEGMENT_S + 0.01)
        spoiled, clean = newest(streams[TS], "216p"), newest(streams[FMP4], "216p")
        [spot] = broadcast.schedule
        assert "black" in str(spoiled)
        assert "clean" in str(clean)
        assert spot.began_s == pytest.approx(broadcast.epoch_s + SEGMENT_S)
        assert spot.ended_s is None

        await clock.advance(2 * SEGMENT_S)
        assert "clean" in str(newest(streams[TS]))
        assert spot.ended_s == pytest.approx(broadcast.epoch_s + 3 * SEGMENT_S)


async def test_stale_playlist_stands_still_then_goes_on(clock: FakeClock) -> None:
    """A stale playlist gets no new segment, then goes on in sequence after a discontinuity."""
    async with on_air(clock) as (broadcast, streams):
        broadcast.begin([fault(FaultKind.STALE_PLAYLIST, FMP4, 0, 10, PLAYLIST_STALE)])
        assert broadcast.epoch_s is not None
        await clock.advance(broadcast.epoch_s - clock.monotonic() - 0.01)
        before = streams[FMP4].playlist("720p")
        await clock.advance(5 * SEGMENT_S)
        assert streams[FMP4].playlist("720p") == before
        assert len(listed(streams[TS])) == WINDOW

        await clock.advance(SEGMENT_S)
        after = m3u8.loads(streams[FMP4].playlist("720p") or "")
        assert after.segments[-1].discontinuity
        assert not any(segment.discontinuity for segment in after.segments[:-1])
        sequence = [int(str(segment.uri).removesuffix(".m4s")) for segment in after.segments]
        assert sequence == list(range(sequence[0], sequence[0] + WINDOW))
        assert broadcast.schedule[0].ended_s == pytest.approx(broadcast.epoch_s + 5 * SEGMENT_S)


async def test_discontinuity_sequence_counts_what_left(clock: FakeClock) -> None:
    """Once a discontinuity has slid out of the playlist, EXT-X-DISCONTINUITY-SEQUENCE counts it."""
    async with on_air(clock) as (broadcast, streams):
        broadcast.begin([fault(FaultKind.STALE_PLAYLIST, TS, 0, 2, PLAYLIST_STALE)])
        await clock.advance((AHEAD + 2 + WINDOW + 1) * SEGMENT_S)
        text = streams[TS].playlist("720p") or ""

        assert "#EXT-X-DISCONTINUITY\n" not in text
        assert "#EXT-X-DISCONTINUITY-SEQUENCE:1\n" in text


async def test_missing_fault_hides_segments(clock: FakeClock) -> None:
    """While segments go missing, the playlist goes on listing them and the server has none of them."""
    async with on_air(clock) as (broadcast, streams):
        broadcast.begin([fault(FaultKind.MISSING_SEGMENTS, TS, 0, 4, SEGMENT_MISSING)])
        assert broadcast.epoch_s is not None
        await clock.advance(broadcast.epoch_s - clock.monotonic() + 0.01)

        assert newest(streams[TS]) is None
        assert newest(streams[FMP4]) is not None


async def test_slow_maker_is_told(clock: FakeClock) -> None:
    """When segments cannot be made in time, the broadcast notes how late the latest was."""

    class Slow(Stencil):
        async def make(self, index: int, orders: Sequence[Order]) -> list[Made]:
            if index >= BACKLOG:
                await clock.sleep(5.0)
            return await super().make(index, orders)

    broadcast = Broadcast(Slow(), [LiveStream(TS, "mpegts", LADDER)], clock)
    await broadcast.prepare()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(broadcast.run())
        await clock.advance(8.0)
        task.cancel()

    assert broadcast.latest_s == pytest.approx(5.0 - SEGMENT_S)
