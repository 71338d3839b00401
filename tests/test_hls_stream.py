"""HLS over real HTTP: segments in order and on one timeline, faults as findings, each rendition apart."""

from __future__ import annotations

import asyncio
import itertools

import pytest

import playlists as m3u
from hls_run import QUICK, Run, finished, http, origin, source, ts, vod  # noqa: F401 - fixtures
from origin import LiveOrigin
from qoed.errors import ErrorReason, SourceError
from qoed.model import Phase, Reason
from qoed.source import HttpClient


async def test_live_ladder_arrives_in_order_on_one_timeline(origin: LiveOrigin, http: HttpClient) -> None:
    """Every rendition of a live ladder arrives from the edge on, in order, aligned in media time."""
    for name in ("hd", "sd"):
        origin.add_live(name, ts, segment_s=0.3, target_s=0.3, first=100, dated=True)
    url = origin.add_master(
        {
            "hd": {"bandwidth": 2_500_000, "resolution": "1280x720"},
            "sd": {"bandwidth": 800_000, "resolution": "640x360"},
        }
    )
    async with Run(source(http, url)) as run:
        await run.until(lambda: min(len(run.segments(r)) for r in ("720p-2500k", "360p-800k")) >= 6)

    assert run.findings() == []
    at: dict[int, float] = {}
    for name in ("720p-2500k", "360p-800k"):
        segments = run.segments(name)
        numbers = [s.sequence for s in segments]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert all(s.data == ts(s.sequence) and s.container == "mpegts" for s in segments)
        assert all(at.setdefault(s.sequence, s.media_time_s) == s.media_time_s for s in segments)
    first = run.segments()[0]
    assert (first.media_time_s, first.duration_s, first.stream) == (0.0, 0.3, "tv")
    assert first.rendition.height in (720, 360)
    assert first.timings.status == 200
    assert first.timings.bytes == 2000
    assert first.program_date_time is not None


async def test_live_is_polled_at_the_pace_of_the_standard(origin: LiveOrigin, http: HttpClient) -> None:
    """A live playlist is asked about once per target duration, not more."""
    origin.add_live("hd", ts, segment_s=0.5, target_s=0.5)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await run.until(lambda: len(run.segments()) >= 6)

    asked = [r.at for r in origin.requests if r.path.endswith("m3u8")]
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert all(pause > 0.24 for pause in pauses[1:])
    assert sum(pause > 0.45 for pause in pauses) >= len(pauses) / 2


async def test_stale_playlist_is_found_within_its_limit_and_ends(
    origin: LiveOrigin, http: HttpClient
) -> None:
    """A playlist that stops is stale as soon as the limit has passed, and no longer when it moves again."""
    live = origin.add_live("hd", ts, segment_s=0.4, target_s=0.4)
    async with Run(source(http, origin.url("/hd/index.m3u8"), stale_after_s=1.0)) as run:
        await run.until(lambda: len(run.segments()) >= 4)
        live.stall()
        start = await run.until_finding(Reason.PLAYLIST_STALE, Phase.START)
        live.resume()
        end = await run.until_finding(Reason.PLAYLIST_STALE, Phase.END)

    assert start.value is not None
    assert 1.0 <= start.value < 1.3
    assert (start.rendition, end.unit) == ("main", "s")
    assert len(run.findings(Reason.PLAYLIST_STALE)) == 2


async def test_restarted_encoder_is_followed_over_http(origin: LiveOrigin, http: HttpClient) -> None:
    """When the encoder begins anew, its segments arrive and media time goes on."""
    live = origin.add_live("hd", ts, segment_s=0.3, target_s=0.3, first=500)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await run.until(lambda: len(run.segments()) >= 4)
        live.restart()
        await run.until_finding(Reason.SEQUENCE_REGRESSION)
        await run.until(lambda: any(s.sequence < 100 for s in run.segments()))

    times = [s.media_time_s for s in run.segments()]
    assert times == sorted(times)


async def test_failed_rendition_does_not_stop_the_others(origin: LiveOrigin, http: HttpClient) -> None:
    """A rendition whose playlist is gone is unavailable until its return, and the other runs on."""
    for name in ("hd", "sd"):
        origin.add_live(name, ts, segment_s=0.3, target_s=0.3)
    url = origin.add_master({"hd": {"bandwidth": 2_000_000}, "sd": {"bandwidth": 1_000_000}})
    async with Run(source(http, url)) as run:
        await run.until(lambda: bool(run.segments("2000k") and run.segments("1000k")))
        fault = origin.fault("/hd/index.m3u8", status=404)
        start = await run.until_finding(Reason.PLAYLIST_UNAVAILABLE, Phase.START)
        before = len(run.segments("1000k"))
        await run.until(lambda: len(run.segments("1000k")) >= before + 3)
        origin.clear(fault)
        await run.until_finding(Reason.PLAYLIST_UNAVAILABLE, Phase.END)
        after = len(run.segments("2000k"))
        await run.until(lambda: len(run.segments("2000k")) > after)

    assert start.rendition == "2000k"
    assert start.evidence == {"error": "status", "status": 404}
    assert [f.rendition for f in run.findings(Reason.PLAYLIST_UNAVAILABLE)] == ["2000k", "2000k"]


async def test_rendition_that_was_never_there_is_a_finding_too(origin: LiveOrigin, http: HttpClient) -> None:
    """A variant that the ladder lists and nobody serves is unavailable; the stream is watched without it."""
    origin.add_live("sd", ts, segment_s=0.3, target_s=0.3)
    url = origin.add_master({"hd": {"bandwidth": 2_000_000}, "sd": {"bandwidth": 1_000_000}})
    async with Run(source(http, url)) as run:
        found = await run.until_finding(Reason.PLAYLIST_UNAVAILABLE, Phase.START)
        await run.until(lambda: len(run.segments("1000k")) >= 3)

    assert found.rendition == "2000k"


async def test_stream_fails_when_no_rendition_works_and_goes_on_when_run_again(
    origin: LiveOrigin, http: HttpClient
) -> None:
    """With every rendition gone for long the run fails; run again, time and open findings carry over."""
    origin.add_live("hd", ts, segment_s=0.3, target_s=0.3)
    url = origin.add_master({"hd": {"bandwidth": 2_000_000}})
    stream = source(http, url, give_up_after_s=0.5)
    async with Run(stream) as run:
        await run.until(lambda: len(run.segments()) >= 4)
        fault = origin.fault("/hd/index.m3u8", status=503)
        with pytest.raises(SourceError, match=r"no rendition has been available for 0.5 s, HTTP 503"):
            await run.end()
    origin.clear(fault)
    last = run.segments()[-1]
    async with Run(stream) as again:
        await again.until(lambda: len(again.segments()) >= 2)

    assert [f.phase for f in run.findings(Reason.PLAYLIST_UNAVAILABLE)] == [Phase.START]
    assert [f.phase for f in again.findings(Reason.PLAYLIST_UNAVAILABLE)] == [Phase.END]
    assert again.segments()[0].sequence > last.sequence
    assert again.segments()[0].media_time_s > last.media_time_s


async def test_broken_playlist_is_invalid_until_it_is_mended(origin: LiveOrigin, http: HttpClient) -> None:
    """An error page in place of a playlist is `playlist_invalid`, and the stream goes on when it is gone."""
    origin.add_live("hd", ts, segment_s=0.3, target_s=0.3)
    async with Run(source(http, origin.url("/hd/index.m3u8?token=S3CR3T"))) as run:
        await run.until(lambda: bool(run.segments()))
        fault = origin.fault("/hd/index.m3u8", body=b"<html>sorry</html>")
        start = await run.until_finding(Reason.PLAYLIST_INVALID, Phase.START)
        origin.clear(fault)
        await run.until_finding(Reason.PLAYLIST_INVALID, Phase.END)

    assert start.message.startswith("playlist invalid, the first line is not #EXTM3U: http://127.0.0.1:")
    assert "S3CR3T" not in repr(run.findings())


async def test_missing_segment_is_told_once_and_passed_over(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment that is not there is tried twice, told, and the next one follows."""
    origin.add_live("hd", ts, segment_s=0.3, target_s=0.3)
    origin.fault("/hd/8.ts", status=404)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        found = await run.until_finding(Reason.SEGMENT_MISSING)
        await run.until(lambda: any(s.sequence == 9 for s in run.segments()))

    assert origin.count("/hd/8.ts") == 2
    assert found.evidence["sequence"] == 8
    assert found.evidence["status"] == 404
    assert 8 not in [s.sequence for s in run.segments()]
    assert len(run.findings()) == 1


async def test_segment_that_comes_a_moment_late_is_no_finding(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment listed just before it is there arrives by the quick retry."""
    origin.add_live("hd", ts, segment_s=0.3, target_s=0.3)
    origin.fault("/hd/8.ts", status=404, times=1)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await run.until(lambda: any(s.sequence == 9 for s in run.segments()))

    assert 8 in [s.sequence for s in run.segments()]
    assert run.findings() == []


async def test_throttled_origin_is_slow_and_lacks_throughput(origin: LiveOrigin, http: HttpClient) -> None:
    """An origin slower than the media plays makes slow segments and low throughput until it recovers."""
    origin.add_live("hd", lambda n: ts(n, 20_000), segment_s=0.4, target_s=0.4, window=8)
    url = origin.add_master({"hd": {"bandwidth": 600_000}})
    fault = origin.fault("/hd/*.ts", throttle_bps=300_000)
    async with Run(source(http, url)) as run:
        slow = await run.until_finding(Reason.SEGMENT_SLOW)
        low = await run.until_finding(Reason.THROUGHPUT_LOW, Phase.START)
        origin.clear(fault)
        await run.until_finding(Reason.THROUGHPUT_LOW, Phase.END)

    assert slow.value is not None
    assert slow.value > 0.4
    assert low.value is not None
    assert 100_000 < low.value < 400_000
    assert low.evidence["needed_bps"] == 600_000


async def test_live_edge_is_kept_when_downloads_lag(origin: LiveOrigin, http: HttpClient) -> None:
    """Downloads that cannot keep up skip the oldest segments, and say how many."""
    origin.add_live("hd", lambda n: ts(n, 10_000), segment_s=0.1, target_s=0.1, window=12)
    origin.fault("/hd/*.ts", delay_s=0.5)
    async with Run(source(http, origin.url("/hd/index.m3u8"), max_pending=2)) as run:
        await run.until(lambda: any("skipped" in f.evidence for f in run.findings(Reason.SEGMENT_SLOW)))


async def test_playlist_polling_goes_on_while_a_segment_hangs(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment that stalls does not hold up the watch over the playlist."""
    live = origin.add_live("hd", ts, segment_s=0.3, target_s=0.3)
    origin.fault("/hd/*.ts", stall_after=10)
    async with Run(source(http, origin.url("/hd/index.m3u8"), stale_after_s=0.8)) as run:
        await asyncio.sleep(0.3)
        live.stall()
        await run.until_finding(Reason.PLAYLIST_STALE, Phase.START)

    assert run.segments() == []


# --- start


async def test_unavailable_master_fails_the_run(origin: LiveOrigin, http: HttpClient) -> None:
    """A multivariant playlist that is not there fails the run with status and URL."""
    with pytest.raises(SourceError, match=r"HTTP 404: http://127\.0\.0\.1:\d+/master\.m3u8$"):
        await finished(http, origin.url("/master.m3u8?token=S3CR3T"))


async def test_invalid_master_fails_the_run_as_invalid(origin: LiveOrigin, http: HttpClient) -> None:
    """A multivariant playlist that is an error page fails the run as invalid."""
    with pytest.raises(SourceError, match="not #EXTM3U") as caught:
        await finished(http, origin.put("/master.m3u8", "<html>"))

    assert caught.value.reason is ErrorReason.SOURCE_INVALID


async def test_selector_that_matches_nothing_lists_the_ladder(origin: LiveOrigin, http: HttpClient) -> None:
    """A selector without a match fails with the ids there are."""
    url = origin.add_master({"hd": {"bandwidth": 2_000_000}, "sd": {"bandwidth": 1_000_000}})
    with pytest.raises(SourceError, match=r"renditions '4320p' match none of 2000k, 1000k: http"):
        await finished(http, url, renditions="4320p")


async def test_only_chosen_renditions_with_pictures_are_fetched(origin: LiveOrigin, http: HttpClient) -> None:
    """`top` fetches one rendition; sound-only variants are never among `all`."""
    for name in ("hd", "sd", "sound"):
        origin.add_vod(name, [ts(0)])
    url = origin.add_master(
        {
            "sd": {"bandwidth": 800_000, "resolution": "640x360"},
            "hd": {"bandwidth": 2_500_000, "resolution": "1280x720"},
            "sound": {"bandwidth": 64_000, "CODECS": '"mp4a.40.2"'},
        }
    )
    top = await finished(http, url, renditions="top")
    everything = await finished(http, url)

    assert [s.rendition.id for s in top.segments()] == ["720p-2500k"]
    assert sorted(s.rendition.id for s in everything.segments()) == ["360p-800k", "720p-2500k"]
    assert origin.count("/sound/*") == 0


async def test_redirected_master_resolves_uris_where_it_was_found(
    origin: LiveOrigin, http: HttpClient
) -> None:
    """Relative URIs are resolved against the URL that a redirect led to."""
    origin.add_vod("hd", [ts(0)])
    origin.put("/deep/master.m3u8", m3u.playlist(m3u.variant("../hd/index.m3u8", 1000)))
    run = await finished(http, origin.redirect("/tv.m3u8", "/deep/master.m3u8"))

    assert len(run.segments()) == 1


async def test_credentials_stay_at_the_origin_of_the_stream(origin: LiveOrigin, http: HttpClient) -> None:
    """Configured credentials go to the stream's own origin, other headers to segments elsewhere as well."""
    async with LiveOrigin() as cdn:
        segment = cdn.put("/0.ts", ts(0))
        url = vod(origin, m3u.inf(2, segment))
        await finished(http, url, headers={"Authorization": "S3CR3T", "X-Player": "tv"})

        assert origin.requests[-1].headers["Authorization"] == "S3CR3T"
        assert cdn.requests[-1].headers["X-Player"] == "tv"
        assert "S3CR3T" not in str(cdn.requests[-1].headers)


# --- VOD and packaging
