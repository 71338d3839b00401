"""LL-HLS over real HTTP: each part is emitted as soon as it exists, once, in order."""

from __future__ import annotations

import io
import time

import av
import pytest

import ll_media
from hls_run import Run, http, source  # noqa: F401 - fixtures
from ll_media import Coded
from ll_origin import LowLatencyOrigin
from ll_run import holes, joined, joints, origin, publish, until_edge  # noqa: F401 - fixtures
from qoed.model import Reason
from qoed.source import HttpClient

SHORT, LONG = ll_media.fmp4(), ll_media.fmp4(long_gop=True)
CODED = {
    "fmp4, short gop": (SHORT, False),
    "fmp4, long gop": (LONG, False),
    "fmp4, byte ranges": (LONG, True),
    "ts": (ll_media.mpegts(long_gop=True), False),
    "ts, byte ranges": (ll_media.mpegts(), True),
}


@pytest.mark.parametrize(("coded", "byte_ranges"), CODED.values(), ids=CODED)
async def test_parts_are_emitted_as_they_come(
    origin: LowLatencyOrigin, http: HttpClient, coded: Coded, byte_ranges: bool
) -> None:
    """Each part is emitted before the next one exists, none twice, none lost, well within a segment."""
    live = origin.add("hd", coded, parts=12, first=100, byte_ranges=byte_ranges)
    waits = []
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        for _ in range(12):
            await live.publish()
            begun = time.monotonic()
            await until_edge(run, live)
            waits.append(time.monotonic() - begun)

    assert [joined(run, number) for number in (103, 104, 105)] == [coded.segment(n) for n in (103, 104, 105)]
    assert holes(run, live) == []
    assert max(waits) < live.target_s / 2
    assert run.findings() == []


async def test_parts_decode_as_one_picture_after_the_other(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """The parts of a segment, put together with their init section, decode to all of its pictures."""
    live = origin.add("hd", LONG, parts=12)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await publish(run, live, 4)

    init = {one.init for one in run.segments() if one.sequence == 3}
    assert init == {LONG.init}
    with av.open(io.BytesIO(LONG.init + joined(run, 3))) as movie:
        assert sum(1 for _ in movie.decode(video=0)) == 24


async def test_parts_say_how_they_hang_together(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """A segment's later parts go on where the one before ended; the last one says that it is complete."""
    live = origin.add("hd", LONG, parts=12)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await publish(run, live, 8)

    assert joints(run)[-8:] == [(n, at > 0, at < 3) for n in (3, 4) for at in range(4)]
    times = [one.media_time_s for one in run.segments()[-8:]]
    assert times == pytest.approx([times[0] + 0.2 * at for at in range(8)])


async def test_joins_at_an_independent_part_as_far_back_as_the_server_wants(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """The first part emitted is the last independent one that is PART-HOLD-BACK from the end."""
    origin.add("short", SHORT, parts=14)
    origin.add("long", LONG, parts=14)
    async with Run(source(http, origin.url("/short/index.m3u8"))) as run:
        await until_edge(run, origin.packagers["short"])
    assert run.segments()[0].sequence == 2
    assert joined(run, 2) == b"".join(SHORT.part(2, at)[0] for at in (3,))

    async with Run(source(http, origin.url("/long/index.m3u8"))) as run:
        await until_edge(run, origin.packagers["long"])
    assert run.segments()[0].sequence == 2
    assert joined(run, 2) == LONG.segment(2)


async def test_playlist_is_not_polled_but_waited_for(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """A server that blocks reloads is asked once for each part, by its number, and for delta updates."""
    live = origin.add("hd", SHORT, parts=12)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await publish(run, live, 5)

    asked = origin.asked(r"index\.m3u8")
    assert asked[0] == "/hd/index.m3u8"
    assert [path.partition("?")[2] for path in asked[1:6]] == [
        f"_HLS_msn={3 + at // 4}&_HLS_part={at % 4}&_HLS_skip=YES" for at in range(5)
    ]


async def test_hinted_parts_are_asked_for_before_they_exist(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """A part is requested while it is only hinted, and never twice."""
    live = origin.add("hd", SHORT, parts=12)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await run.until(lambda: bool(origin.asked(r"0_3\.0\.m4s")))
        assert not live.has(3, 0)
        await publish(run, live, 6)

    asked = origin.asked(r"0_3\.|0_4\.")
    assert len(asked) == len(set(asked))


async def test_open_range_brings_all_parts_of_its_segment(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """Where a hint has no end, one request brings each part of the segment as it comes."""
    live = origin.add("hd", LONG, parts=12, byte_ranges=True)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await publish(run, live, 4)

    assert origin.asked(r"0_3\.m4s") == ["/hd/0_3.m4s"]
    assert joined(run, 3) == LONG.segment(3)


@pytest.mark.parametrize("hints", [True, False])
async def test_ranges_that_follow_each_other_are_one_request(
    origin: LowLatencyOrigin, http: HttpClient, hints: bool
) -> None:
    """Parts that are listed together in one resource are fetched and emitted together."""
    live = origin.add("hd", LONG, parts=12, byte_ranges=True, hints=hints)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await live.publish(3)
        await until_edge(run, live)

    assert [(one.sequence, one.duration_s) for one in run.segments()][-1] == (3, pytest.approx(0.6))
    assert len(origin.asked(r"0_3\.m4s")) == 1


async def test_server_that_does_not_block_is_polled_at_the_pace_of_parts(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """Without CAN-BLOCK-RELOAD parts are still emitted one by one, by ordinary polling."""
    live = origin.add("hd", SHORT, parts=12, promises=False)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        begun = time.monotonic()
        await publish(run, live, 6)
        took = time.monotonic() - begun

    assert len(origin.asked(r"index\.m3u8")) < 4 + took / (live.part_s / 2)
    assert not origin.asked("_HLS_msn")
    assert holes(run, live) == []
    assert run.findings() == []


async def test_whole_segments_are_taken_when_parts_are_not_wanted(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """With `low_latency: false` a low-latency stream is an ordinary one: no parts, no directives."""
    live = origin.add("hd", SHORT, parts=16)
    async with Run(source(http, origin.url("/hd/index.m3u8"), low_latency=False)) as run:
        await run.until(lambda: len(run.segments()) == 3)
        await live.publish(4)
        await run.until(lambda: len(run.segments()) == 4)

    assert [(one.sequence, one.data) for one in run.segments()] == [
        (n, SHORT.segment(n)) for n in (1, 2, 3, 4)
    ]
    assert not any(one.continues or one.unfinished for one in run.segments())
    assert origin.asked(r"_HLS|\d\.\d\.m4s") == []
    assert run.findings() == []


async def test_ladder_of_parts_stays_aligned(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """Renditions of a low-latency ladder share one timeline, and their reports agree."""
    hd, sd = origin.add("hd", SHORT, parts=12), origin.add("sd", LONG, parts=12)
    hd.reports, sd.reports = lambda: [sd.report()], lambda: [hd.report()]
    url = origin.ladder({"hd": 2_000_000, "sd": 1_000_000})
    async with Run(source(http, url)) as run:
        for _ in range(6):
            await hd.publish()
            await sd.publish()
            for live, name in ((hd, "2000k"), (sd, "1000k")):
                await until_edge(run, live, name)

    at: dict[object, float] = {}
    for one in run.segments():
        assert at.setdefault(one.program_date_time, one.media_time_s) == pytest.approx(one.media_time_s)
    assert run.findings() == []


async def test_discontinuity_is_told_once_with_its_first_part(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """A discontinuity stands with the first part of its segment and is one finding."""
    live = origin.add("hd", SHORT, parts=12, discontinuities=frozenset({3}))
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await publish(run, live, 6)

    assert [one.discontinuity for one in run.segments() if one.sequence == 3] == [True, False, False, False]
    assert [found.reason for found in run.findings()] == [Reason.DISCONTINUITY]
