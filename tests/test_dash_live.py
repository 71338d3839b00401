"""Live DASH from a real origin: segments come as they fall due, from the live edge on, without a finding."""

from __future__ import annotations

import time

import pytest

import mpds as m
from dash_origin import LiveDash, fragment
from hls_run import Run, http, origin, source  # noqa: F401
from origin import LiveOrigin
from qoed.model import Reason, RenditionGone
from qoed.source import HttpClient

HD, SD = "720p-2500k", "360p-800k"


def have(run: Run, count: int, *names: str) -> bool:
    return all(len(run.segments(name)) >= count for name in names)


@pytest.mark.parametrize("addressing", ["number", "time", "counted"])
async def test_a_live_ladder_is_followed(origin: LiveOrigin, http: HttpClient, addressing: str) -> None:
    """By number, by time or counted: every rendition yields every segment, in order, with init and place."""
    live = LiveDash(origin, addressing=addressing)  # type: ignore[arg-type]

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 7, HD, SD))

    for name, rung in ((HD, "hd"), (SD, "sd")):
        found = run.segments(name)[:7]
        first = found[0].sequence
        assert [each.sequence for each in found] == list(range(first, first + 7))
        assert [each.media_time_s for each in found] == [index * 0.5 for index in range(7)]
        assert {each.duration_s for each in found} == {0.5}
        assert {each.init for each in found} == {b"\0\0\0\x18ftyp" + bytes(16)}
        assert [each.data for each in found] == [fragment(rung, each.sequence) for each in found]
        assert {each.container for each in found} == {"mp4"}
        assert found[0].program_date_time is not None
        assert found[0].program_date_time.timestamp() == pytest.approx(live.begun_s + first * 0.5, abs=1e-3)
    assert run.segments(HD)[0].sequence == run.segments(SD)[0].sequence
    assert run.findings() == []
    assert origin.count("/live/hd/init.mp4") == 1


async def test_segments_are_asked_for_when_due(origin: LiveOrigin, http: HttpClient) -> None:
    """No request comes before its segment is complete, and none much after."""
    live = LiveDash(origin, rungs={"hd": (2_500_000, "1280x720")})
    wall = time.time() - time.monotonic()

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 8, HD))

    waits = [
        request.at + wall - (live.begun_s + (int(request.path[9:-4]) + 1) * 0.5)
        for request in origin.requests
        if request.path.startswith("/live/hd/") and request.path.endswith("m4s")
    ]
    assert all(wait > 0 for wait in waits)
    assert sum(wait < 0.45 for wait in waits) >= 4
    assert run.findings() == []


async def test_the_start_is_three_segments_from_the_edge(origin: LiveOrigin, http: HttpClient) -> None:
    """Without a suggested delay a live stream is joined three segments before its end."""
    live = LiveDash(origin)
    edge = live.edge

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 1, HD))

    assert run.segments(HD)[0].sequence in (edge - 3, edge - 2)


async def test_the_suggested_delay_is_kept(origin: LiveOrigin, http: HttpClient) -> None:
    """@suggestedPresentationDelay says how far from the edge to join."""
    live = LiveDash(origin, attributes={"suggestedPresentationDelay": "PT5S"})
    edge = live.edge

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 1, HD))

    assert run.segments(HD)[0].sequence in (edge - 10, edge - 9)


async def test_the_start_can_be_set(origin: LiveOrigin, http: HttpClient) -> None:
    """`start_segments` counts from the edge, as for HLS."""
    live = LiveDash(origin, addressing="time")
    edge = live.edge

    async with Run(source(http, live.url, start_segments=6)) as run:
        await run.until(lambda: have(run, 1, HD))

    assert run.segments(HD)[0].sequence in (edge - 6, edge - 5)


@pytest.mark.parametrize("addressing", ["number", "time"])
async def test_a_period_switch_is_one_timeline(origin: LiveOrigin, http: HttpClient, addressing: str) -> None:
    """Media time runs on through a new Period; its first segment is a discontinuity."""
    live = LiveDash(origin, addressing=addressing)  # type: ignore[arg-type]
    live.cuts = [live.edge + 2]

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 8, HD, SD))

    for name in (HD, SD):
        found = run.segments(name)[:8]
        assert [each.media_time_s for each in found] == [index * 0.5 for index in range(8)]
        assert [each.sequence for each in found if each.discontinuity] == live.cuts
    assert run.findings() == []


async def test_an_ended_stream_ends(origin: LiveOrigin, http: HttpClient) -> None:
    """When the MPD turns static its rest is fetched and the source returns."""
    live = LiveDash(origin, addressing="time")

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 4, HD))
        live.ended = live.edge
        await run.end()

    assert run.segments(HD)[-1].sequence == live.ended - 1
    times = [each.media_time_s for each in run.segments(HD)]
    assert times == [index * 0.5 for index in range(len(times))]
    assert run.findings() == []


async def test_low_latency_segments_are_asked_for_early(origin: LiveOrigin, http: HttpClient) -> None:
    """@availabilityTimeOffset lets a segment be asked for while it grows; the wait is nobody's fault."""
    live = LiveDash(origin, segment_s=1.0, early_s=0.8, rungs={"hd": (20_000, "1280x720")})
    origin.fault("/live/hd/*.m4s", throttle_bps=2000 * 8 / 0.7)  # chunks arrive as they are made
    wall = time.time() - time.monotonic()

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 7, "720p-20k"))

    waits = [
        request.at + wall - (live.begun_s + int(request.path[9:-4]) + 1)
        for request in origin.requests
        if request.path.endswith("m4s")
    ]
    assert min(waits) == pytest.approx(-0.8, abs=0.2)
    assert run.findings() == []


async def test_a_late_origin_is_learned(origin: LiveOrigin, http: HttpClient) -> None:
    """An origin that publishes a little later than promised is waited for, and blamed for nothing."""
    live = LiveDash(origin, late_s=0.3, rungs={"hd": (2_500_000, "1280x720")})

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 8, HD))

    times = [each.media_time_s for each in run.segments(HD)[:8]]
    assert times == [index * 0.5 for index in range(8)]
    assert run.findings() == []


async def test_a_list_ahead_of_time_is_believed(origin: LiveOrigin, http: HttpClient) -> None:
    """Segments that are listed before they are complete are asked for when they are due, not before."""
    live = LiveDash(origin, addressing="time", rungs={"hd": (2_500_000, "1280x720")})
    # The list runs two segments ahead of what the origin has.
    live.begun_s += 2 * live.segment_s
    live.late_s = -2 * live.segment_s
    ready = live.media

    def media(rung: str, index: int) -> bytes:
        complete = live.begun_s + (index + 1) * live.segment_s <= time.time()
        return ready(rung, index) if complete else b""

    live.media = media

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 7, HD))

    assert all(each.data for each in run.segments(HD))
    assert run.findings() == []


async def test_location_moves_the_mpd(origin: LiveOrigin, http: HttpClient) -> None:
    """After the first load the MPD is asked for where its Location says; names resolve against that."""
    live = LiveDash(origin, addressing="time", extra=(m.tag("Location", "/live/live.mpd?session=7"),))
    first = origin.redirect("/start.mpd", live.url)

    async with Run(source(http, first)) as run:
        await run.until(lambda: have(run, 6, HD))

    asked = [request.query for request in origin.requests if request.path.endswith("live.mpd")]
    assert asked[0] == ""
    assert set(asked[1:]) == {"session=7"}
    assert origin.count("/start.mpd") == 1
    assert run.findings() == []


async def test_a_second_base_url_stands_in(origin: LiveOrigin, http: HttpClient) -> None:
    """When the first BaseURL fails the second one is used, without a finding."""
    live = LiveDash(origin, extra=(m.base("http://127.0.0.1:9/gone/"), m.base("/live/")))

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 4, HD, SD))

    assert run.findings() == []


async def test_another_ladder_in_another_period(origin: LiveOrigin, http: HttpClient) -> None:
    """A Period with other renditions brings them in and lets the old ones go, on one media timeline."""
    live = LiveDash(origin, addressing="time", window=4, rungs={"hd": (2_500_000, "1280x720")})
    change = live.edge + 2
    live.cuts = [change]

    def edit(text: str) -> str:
        head, mark, tail = text.partition('<Period id="p1"')
        return head + mark + tail.replace('bandwidth="2500000"', 'bandwidth="900000"').replace("720", "432")

    live.edit = edit

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 6, "432p-900k"))

    assert run.segments(HD)[-1].sequence == change - 1
    assert run.segments("432p-900k")[0].sequence == change
    times = [each.media_time_s for each in run.segments(HD) + run.segments("432p-900k")]
    assert times == [index * 0.5 for index in range(len(times))]
    assert run.findings() == []
    assert [item.rendition for item in run.items if isinstance(item, RenditionGone)] == [HD]


async def test_media_time_goes_on_over_a_restart(origin: LiveOrigin, http: HttpClient) -> None:
    """A source that is run again goes on where it was, on the same media timeline."""
    live = LiveDash(origin, rungs={"hd": (2_500_000, "1280x720")})
    made = source(http, live.url)

    async with Run(made) as first:
        await first.until(lambda: have(first, 4, HD))
    async with Run(made) as second:
        await second.until(lambda: have(second, 2, HD))

    found = first.segments(HD) + second.segments(HD)
    assert [each.sequence for each in found] == [found[0].sequence + index for index in range(len(found))]
    assert [each.media_time_s for each in found] == [index * 0.5 for index in range(len(found))]


@pytest.mark.parametrize("addressing", ["number", "time"])
async def test_an_encoder_that_restarts(origin: LiveOrigin, http: HttpClient, addressing: str) -> None:
    """A presentation that begins anew is joined at its begin, as a discontinuity, on the same timeline."""
    live = LiveDash(origin, addressing=addressing, rungs={"hd": (2_500_000, "1280x720")})  # type: ignore[arg-type]

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: have(run, 4, HD))
        before = len(run.segments(HD))
        live.begun_s = live.now_s()
        await run.until(lambda: any(each.sequence == 4 for each in run.segments(HD)))

    found = run.segments(HD)
    anew = next(each for each in found[before:] if each.sequence < 4)
    assert [each.sequence for each in found if each.discontinuity] == [anew.sequence]
    assert anew.sequence <= 1
    times = [each.media_time_s for each in found]
    assert times == sorted(times)
    assert times[-1] - times[0] < 0.5 * len(times) + 2.0
    # Until the manifest is loaded again, numbers that the clock foretells may be asked for and refused.
    foretold = {Reason.SEGMENT_UNAVAILABLE} if addressing == "number" else set()
    assert {finding.reason for finding in run.findings()} <= foretold


async def test_an_old_copy_that_moves_on_is_followed(origin: LiveOrigin, http: HttpClient) -> None:
    """An origin that falls back in time and goes on from there is followed after the stale limit."""
    live = LiveDash(origin, addressing="time", window=12, rungs={"hd": (2_500_000, "1280x720")})

    async with Run(source(http, live.url, stale_after_s=1.5)) as run:
        await run.until(lambda: have(run, 4, HD))
        live.late_s = 6.0
        back = live.edge
        await run.until(lambda: any(back < each.sequence < back + 9 for each in run.segments(HD)[6:]))

    times = [each.media_time_s for each in run.segments(HD)]
    assert times == sorted(times)
    assert {finding.reason for finding in run.findings()} == {
        Reason.MANIFEST_REGRESSION,
        Reason.PLAYLIST_STALE,
    }
