"""A ladder that changes while it is watched, and the sound that goes with it."""

from __future__ import annotations

import asyncio

import pytest

import playlists as m3u
from hls_run import QUICK, Run, finished, http, origin, source, ts  # noqa: F401 - fixtures
from origin import LiveOrigin
from qoed.clock import SystemClock
from qoed.model import Phase, Reason, RenditionGone
from qoed.source import HttpClient, SourceOptions, make_source
from qoed.source.hls import source as hls


class HastyClock(SystemClock):
    """Minutes pass in a blink; shorter pauses last as long as they do."""

    async def sleep(self, seconds: float) -> None:
        """Sleep at most half a second."""
        await super().sleep(0.5 if seconds > hls.LADDER_RELOAD_S / 2 else seconds)


def ladder(origin: LiveOrigin, *names: str) -> str:
    """A live ladder of renditions, each with a playlist of its own."""
    return origin.add_master({name: {"bandwidth": 1000 * (number + 1)} for number, name in enumerate(names)})


def hasty(http: HttpClient, url: str, **options: object) -> Run:
    settings = SourceOptions(**(QUICK | options))  # type: ignore[arg-type]
    return Run(make_source("tv", url, settings, http=http, clock=HastyClock()))


def gone(run: Run) -> list[str]:
    return [item.rendition for item in run.items if isinstance(item, RenditionGone)]


async def test_renditions_that_come_and_go_are_followed(origin: LiveOrigin, http: HttpClient) -> None:
    """A rendition that leaves the ladder is ended and forgotten, a new one joins on the same timeline."""
    for name in ("sd", "hd", "uhd"):
        origin.add_live(name, ts, segment_s=0.3, target_s=0.3, dated=True)
    url = ladder(origin, "sd", "hd")
    async with hasty(http, url) as run:
        await run.until(lambda: bool(run.segments("1k") and run.segments("2k")))
        fault = origin.fault("/hd/index.m3u8", status=404)
        await run.until_finding(Reason.PLAYLIST_UNAVAILABLE, Phase.START)
        origin.add_master({"sd": {"bandwidth": 1000}, "uhd": {"bandwidth": 3000}})
        await run.until(lambda: bool(run.segments("3k")))
        assert gone(run) == ["2k"]
        asked = origin.count("/hd/index.m3u8")
        await run.until(lambda: len(run.segments("3k")) >= 4)
        assert origin.count("/hd/index.m3u8") == asked
        origin.clear(fault)

    closed = [found for found in run.findings(Reason.PLAYLIST_UNAVAILABLE) if found.phase is Phase.END]
    assert [found.rendition for found in closed] == ["2k"]
    joined = run.segments("3k")[0]
    others = {one.sequence: one.media_time_s for one in run.segments("1k")}
    assert others[joined.sequence] == pytest.approx(joined.media_time_s)
    times = [one.media_time_s for one in run.segments("1k")]
    assert times == sorted(times)


async def test_ladder_that_cannot_be_reloaded_is_kept(origin: LiveOrigin, http: HttpClient) -> None:
    """A multivariant playlist that fails, or matches nothing, while it is watched changes nothing."""
    origin.add_live("sd", ts, segment_s=0.3, target_s=0.3)
    url = ladder(origin, "sd")
    async with hasty(http, url, renditions="1k") as run:
        await run.until(lambda: bool(run.segments()))
        origin.fault("/master.m3u8", status=503, times=1)
        await run.until(lambda: origin.count("/master.m3u8") >= 2)
        origin.put("/master.m3u8", m3u.playlist(m3u.variant("other.m3u8", 9000)))
        await run.until(lambda: origin.count("/master.m3u8") >= 4)
        before = len(run.segments())
        await run.until(lambda: len(run.segments()) > before)

    assert gone(run) == []
    assert run.findings() == []


async def test_playlist_that_moved_is_found_where_the_ladder_says(
    origin: LiveOrigin, http: HttpClient
) -> None:
    """When a rendition's playlist is no longer where it was, the ladder's newest address is taken."""
    origin.add_live("a", ts, segment_s=0.3, target_s=0.3)
    origin.add_live("b", ts, segment_s=0.3, target_s=0.3)
    url = origin.add_master({"a": {"bandwidth": 1000}})
    async with hasty(http, url) as run:
        await run.until(lambda: bool(run.segments()))
        origin.add_master({"b": {"bandwidth": 1000}})
        await run.until(lambda: origin.count("/master.m3u8") >= 3)
        assert origin.count("/b/index.m3u8") == 0
        origin.fault("/a/*", status=404)
        await run.until(lambda: origin.count("/b/*.ts") >= 2)

    assert gone(run) == []


async def test_ladder_on_demand_is_loaded_once(origin: LiveOrigin, http: HttpClient) -> None:
    """The ladder of a stream that has ended does not change, and is not asked for again."""
    origin.add_vod("sd", [ts(n) for n in range(3)], segment_s=0.5)
    url = ladder(origin, "sd")
    async with hasty(http, url, pace="realtime") as run:
        await run.end()
        await asyncio.sleep(0)

    assert len(run.segments()) == 3
    assert origin.count("/master.m3u8") == 1


# --- sound


async def test_separate_sound_is_a_rendition_of_its_own(origin: LiveOrigin, http: HttpClient) -> None:
    """The default sound of the chosen variants is fetched beside them, marked, on the same timeline."""
    for name in ("hd", "en", "fr"):
        origin.add_live(name, ts, segment_s=0.3, target_s=0.3, dated=True)
    sounds = [
        m3u.tag("MEDIA", f'TYPE=AUDIO,GROUP-ID="a",NAME="{name}",DEFAULT={default},URI="{name}/index.m3u8"')
        for name, default in (("fr", "NO"), ("en", "YES"))
    ]
    variant = m3u.variant("hd/index.m3u8", 2_000_000, "1280x720", AUDIO='"a"')
    url = origin.put("/master.m3u8", m3u.playlist(*sounds, variant))
    async with Run(source(http, url)) as run:
        await run.until(lambda: len(run.segments("audio-en")) >= 3 and len(run.segments("720p-2000k")) >= 3)

    video, audio = run.segments("720p-2000k")[0], run.segments("audio-en")[0]
    assert (video.rendition.audio_only, video.rendition.separate_audio) == (False, True)
    assert (audio.rendition.audio_only, audio.rendition.separate_audio) == (True, False)
    at = {one.sequence: one.media_time_s for one in run.segments("720p-2000k")}
    assert all(at.get(one.sequence, one.media_time_s) == one.media_time_s for one in run.segments("audio-en"))
    assert origin.count("/fr/*") == 0
    assert run.findings() == []


async def test_sound_that_fails_does_not_fail_the_stream(origin: LiveOrigin, http: HttpClient) -> None:
    """Sound that is gone is unavailable, and the picture is watched on."""
    origin.add_live("hd", ts, segment_s=0.3, target_s=0.3)
    media = m3u.tag("MEDIA", 'TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,URI="en/index.m3u8"')
    url = origin.put(
        "/master.m3u8", m3u.playlist(media, m3u.variant("hd/index.m3u8", 2_000_000, AUDIO='"a"'))
    )
    async with Run(source(http, url, give_up_after_s=0.5)) as run:
        found = await run.until_finding(Reason.PLAYLIST_UNAVAILABLE, Phase.START)
        await asyncio.sleep(1.0)
        await run.until(lambda: len(run.segments("2000k")) >= 5)

    assert found.rendition == "audio-en"


async def test_packed_audio_is_named_as_such(origin: LiveOrigin, http: HttpClient) -> None:
    """Coded sound without a container, after its ID3 tag or bare, is told from a transport stream."""
    origin.put("/0.aac", b"ID3\x04" + bytes(60))
    origin.put("/1.aac", b"\xff\xf1" + bytes(60))
    origin.put("/v.ts", ts(0))
    listed = [m3u.inf(2, "0.aac"), m3u.inf(2, "1.aac")]
    origin.put("/a.m3u8", m3u.playlist(m3u.version(6), m3u.target(2), *listed, m3u.endlist()))
    origin.put("/v.m3u8", m3u.playlist(m3u.version(6), m3u.target(2), m3u.inf(2, "v.ts"), m3u.endlist()))
    media = m3u.tag("MEDIA", 'TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="a.m3u8"')
    url = origin.put("/master.m3u8", m3u.playlist(media, m3u.variant("v.m3u8", 2_000_000, AUDIO='"a"')))
    run = await finished(http, url)

    assert [one.container for one in run.segments("audio-en")] == ["packed_audio", "packed_audio"]
    assert [one.container for one in run.segments("2000k")] == ["mpegts"]


async def test_list_that_takes_its_end_back_is_followed_on(origin: LiveOrigin, http: HttpClient) -> None:
    """A live list that ends and then goes on is watched on, and the broken promise is told."""
    live = origin.add_live("hd", ts, segment_s=0.3, target_s=0.3)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await run.until(lambda: len(run.segments()) >= 4)
        live.ended = True
        last = origin.count("/hd/index.m3u8")
        await run.until(lambda: origin.count("/hd/index.m3u8") > last)
        live.ended = False
        await run.until_finding(Reason.ENDLIST_VIOLATED)
        before = len(run.segments())
        await run.until(lambda: len(run.segments()) > before)

    assert [found.reason for found in run.findings()] == [Reason.ENDLIST_VIOLATED]
