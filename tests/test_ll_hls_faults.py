"""LL-HLS that goes wrong: what is lost is told, what is left is scored once, and the watch goes on."""

from __future__ import annotations

import asyncio
import itertools

import pytest

import ll_media
import playlists as m3u
from hls_run import Run, http, source  # noqa: F401 - fixtures
from ll_origin import LowLatencyOrigin
from ll_run import holes, joined, joints, origin, place, publish, until_edge  # noqa: F401 - fixtures
from qoed.model import Finding, Phase, Reason, Segment
from qoed.source import HttpClient

SHORT, LONG = ll_media.fmp4(), ll_media.fmp4(long_gop=True)


async def test_lost_part_ends_the_run_of_parts_and_the_next_independent_one_begins_anew(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """A listed part that does not come is told once; scoring goes on with the next independent part."""
    live = origin.add("hd", SHORT, parts=12, refused={"0_3.1.m4s"}, hints=False)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await live.publish(3)
        await until_edge(run, live)
        await publish(run, live, 2)

    assert holes(run, live) == [(13, 14)]
    assert joints(run)[-4:] == [(3, False, True), (3, False, True), (3, True, False), (4, False, True)]
    (found,) = run.findings()
    assert (found.reason, found.media_time_s) == (
        Reason.PART_MISSING,
        pytest.approx(run.segments()[-4].media_time_s + 0.2),
    )
    assert len(origin.asked(r"0_3\.1\.m4s")) == 2


async def test_rest_of_a_long_gop_is_given_up_with_its_lost_part(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """Parts that refer to a lost one are not emitted; the next segment is."""
    live = origin.add("hd", LONG, parts=12, refused={"0_3.1.m4s"}, hints=False)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await live.publish(3)
        await run.until_finding(Reason.PART_MISSING)
        await live.publish(2)
        await until_edge(run, live)

    assert holes(run, live) == [(13, 16)]
    assert joints(run)[-2:] == [(3, False, True), (4, False, True)]
    assert [found.reason for found in run.findings()] == [Reason.PART_MISSING]


async def test_segment_is_taken_whole_when_its_first_part_is_lost(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """When nothing of a segment could be emitted in parts, all of it is, once it is listed."""
    live = origin.add("hd", LONG, parts=12, refused={"0_3.0.m4s"}, hints=False)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await live.publish(2)
        await run.until_finding(Reason.PART_MISSING)
        await live.publish(2)
        await until_edge(run, live)
        await publish(run, live, 1)

    assert holes(run, live) == []
    assert joined(run, 3) == LONG.segment(3)
    assert joints(run)[-2:] == [(3, False, False), (4, False, True)]


async def test_gap_in_parts_is_not_asked_for(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """A part that the packager marks as a gap is not requested, and parts after it begin anew."""
    live = origin.add("hd", SHORT, parts=12, gaps={(3, 1)}, hints=False)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await live.publish(3)
        await until_edge(run, live)

    assert origin.asked(r"0_3\.1") == []
    assert joints(run)[-2:] == [(3, False, True), (3, False, True)]


async def test_server_that_answers_late_loses_nothing(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """A server whose answers stray by more than a part's length delays parts and loses none."""
    live = origin.add("hd", LONG, parts=12, part_s=0.1, late_s=0.15)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        for _ in range(12):
            await asyncio.sleep(0.05)
            await live.publish()
        await until_edge(run, live)

    assert holes(run, live) == []
    assert [joined(run, n) for n in (3, 4, 5)] == [LONG.segment(n) for n in (3, 4, 5)]


async def test_hint_that_never_comes_costs_nothing(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """A hint for something that is never listed is dropped, and the parts that are listed arrive."""
    live = origin.add("hd", SHORT, parts=12, wrong_hint="0_9999.0.m4s")
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await publish(run, live, 6)

    assert holes(run, live) == []
    assert len(origin.asked("9999")) == 1
    (found,) = run.findings()
    assert (found.reason, found.evidence["what"]) == (Reason.PART_MISSING, "hint")


async def test_hints_that_are_denied_are_no_longer_followed(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """A server that answers 404 until a hinted part exists is asked early three times, then in time."""
    live = origin.add("hd", SHORT, parts=12, hints_wait=False)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        for _ in range(8):
            count = len(origin.asked(r"0_[345]\.\d"))
            with_hint = len(run.findings()) < 3
            if with_hint:
                await asyncio.sleep(0.05)
            await publish(run, live, 1)
            assert len(origin.asked(r"0_[345]\.\d")) <= count + 2

    assert holes(run, live) == []
    assert {found.reason for found in run.findings()} == {Reason.PART_MISSING}
    asked = origin.asked(r"0_4\.[1-3]")
    assert len(asked) == len(set(asked))


async def test_broken_promise_to_block_is_told_and_polled_around(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """A server that promises to block and answers at once is polled at the pace of parts, with a finding."""
    live = origin.add("hd", SHORT, parts=12, blocks=False)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await run.until_finding(Reason.RELOAD_NOT_BLOCKED, Phase.START)
        before = len(origin.asked(r"index\.m3u8"))
        await asyncio.sleep(1.0)
        assert len(origin.asked(r"index\.m3u8")) - before <= 11
        await publish(run, live, 3)
        live.blocks = True
        await publish(run, live, 1)
        await run.until_finding(Reason.RELOAD_NOT_BLOCKED, Phase.END)

    assert holes(run, live) == []


async def test_blocking_reload_that_fails_is_followed_by_a_plain_one(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """After a failed blocking reload the playlist is asked for without directives, and parts go on."""
    live = origin.add("hd", SHORT, parts=12)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        live.refuses_directives = True
        await live.publish()
        await until_edge(run, live)
        await publish(run, live, 6)

    assert holes(run, live) == []
    last = origin.asked(r"index\.m3u8")[-3:]
    assert last == ["/hd/index.m3u8"] * 3


async def test_stalled_encoder_is_found_while_the_server_blocks(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """Parts that stop coming are late, and the list stale, though the server holds its answer back."""
    live = origin.add("hd", SHORT, parts=12)
    async with Run(source(http, origin.url("/hd/index.m3u8"), stale_after_s=1.5)) as run:
        await until_edge(run, live)
        late = await run.until_finding(Reason.PART_LATE, Phase.START)
        stale = await run.until_finding(Reason.PLAYLIST_STALE, Phase.START)
        await publish(run, live, 4)
        await run.until_finding(Reason.PART_LATE, Phase.END)
        await run.until_finding(Reason.PLAYLIST_STALE, Phase.END)

    assert late.value is not None
    assert 1.0 <= late.value < 1.4
    assert stale.value is not None
    assert 1.5 <= stale.value < 1.9


async def test_restarted_encoder_is_followed_in_parts(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """When numbers begin anew in the middle of a segment, parts of the new ones follow, later in time."""
    live = origin.add("hd", SHORT, parts=14, first=500, dated=False)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await run.until(lambda: bool(run.segments()) and run.segments()[-1].sequence == 503)
        await live.restart(parts=13)
        await run.until(lambda: any(one.sequence == 3 for one in run.segments()))
        await live.publish(2)
        await run.until(lambda: sum(one.duration_s for one in run.segments() if one.sequence == 3) > 0.5)

    assert Reason.SEQUENCE_REGRESSION in {found.reason for found in run.findings()}
    times = [(one.media_time_s, one.media_time_s + one.duration_s) for one in run.segments()]
    assert all(end <= begin + 1e-6 for (_, end), (begin, _) in itertools.pairwise(times))


async def test_stream_that_ends_within_a_segment_is_scored_to_its_end(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """ENDLIST after some parts of a segment ends the run, with those parts emitted."""
    live = origin.add("hd", SHORT, parts=12)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        await live.publish(2, end=True)
        await run.end()

    assert joined(run, 3) == SHORT.part(3, 0)[0] + SHORT.part(3, 1)[0]
    assert [found for found in run.findings() if found.reason is not Reason.PLAYLIST_SHORT] == []


async def test_slow_consumer_is_taken_to_the_live_edge(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """Who takes parts too slowly skips to the newest that can be decoded alone, and is told how many."""
    live = origin.add("hd", LONG, parts=12)
    open_, items = asyncio.Event(), []

    async def emit(item: object) -> None:
        items.append(item)
        if isinstance(item, Segment):
            await open_.wait()

    task = asyncio.create_task(source(http, origin.url("/hd/index.m3u8"), max_pending=2).run(emit))  # type: ignore[arg-type]
    for _ in range(30):
        await live.publish()
        asked = len(origin.asked(r"index\.m3u8"))
        while len(origin.asked(r"index\.m3u8")) == asked:
            await asyncio.sleep(0.01)
    open_.set()
    while not any(isinstance(one, Segment) and place(one, live)[1] == live.total for one in items):
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    segments = [one for one in items if isinstance(one, Segment)]
    skipped = [one for one in items if isinstance(one, Finding) and one.reason is Reason.SEGMENT_SLOW]
    assert skipped
    assert {one.unit for one in skipped} == {"parts"}
    assert sum(one.value or 0 for one in skipped) + len(segments) >= 30
    for before, one in itertools.pairwise(segments):
        goes_on = place(before, live)[1] == place(one, live)[0]
        assert one.continues == (goes_on and place(one, live)[0] % 4 != 0)
        assert one.continues or place(one, live)[0] % 4 == 0


async def test_encrypted_segments_are_taken_whole(origin: LowLatencyOrigin, http: HttpClient) -> None:
    """Parts under a key are left, and their segments are fetched whole."""
    live = origin.add("hd", SHORT, parts=12, before=lambda _n: [m3u.key("SAMPLE-AES", "skd://x")])
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await run.until_finding(Reason.KEY_UNAVAILABLE, Phase.START)
        await live.publish(4)
        await run.until(lambda: bool(origin.asked(r"0_3\.m4s")))

    assert origin.asked(r"\d\.\d\.m4s") == []
