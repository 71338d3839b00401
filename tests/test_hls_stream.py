"""HLS over real HTTP: segments in order and on one timeline, faults as findings, each rendition apart."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import playlists as m3u
from origin import LiveOrigin
from qoed.clock import SystemClock
from qoed.errors import ErrorReason, SourceError
from qoed.model import Finding, Phase, Reason, Segment
from qoed.source import HttpClient, Source, SourceOptions, make_source

KEY = bytes(range(16))
QUICK = {"segment_retry_s": 0.05, "playlist_deadline_s": 1.0}


def ts(sequence: int, size: int = 2000) -> bytes:
    """Bytes that pass for a transport stream and name their sequence."""
    return b"G" + f"{sequence:08d}".encode() + bytes(179) + b"G" + bytes(187) + b"G" + bytes(size - 377)


def fmp4(sequence: int) -> bytes:
    return b"\0\0\0\x10styp" + f"{sequence:08d}".encode() + bytes(100)


def sealed(data: bytes, iv: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES128(KEY), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


class Run:
    """A source at work: what it emitted so far, and waiting for more."""

    def __init__(self, source: Source) -> None:
        self.items: list[Segment | Finding] = []
        self._source = source
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Run:
        self._task = asyncio.create_task(self._source.run(self._emit))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _emit(self, item: Segment | Finding) -> None:
        async with self._moved:
            self.items.append(item)
            self._moved.notify_all()

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until `enough`; fail with what came when the source ends or ten seconds pass before."""

        async def wait() -> None:
            async with self._moved:
                await self._moved.wait_for(enough)

        assert self._task is not None
        waiting = asyncio.create_task(wait())
        await asyncio.wait((waiting, self._task), timeout=10, return_when=asyncio.FIRST_COMPLETED)
        if not enough():
            waiting.cancel()
            pytest.fail(f"came to {[f.reason for f in self.findings()]} and {len(self.segments())} segments")
        await waiting

    async def until_finding(self, reason: Reason, phase: Phase = Phase.EVENT) -> Finding:
        """Wait for a finding."""
        await self.until(lambda: any(f.phase is phase for f in self.findings(reason)))
        return next(f for f in self.findings(reason) if f.phase is phase)

    async def end(self) -> None:
        """Wait for the source's own end."""
        assert self._task is not None
        await asyncio.wait_for(asyncio.shield(self._task), 10)

    def segments(self, rendition: str | None = None) -> list[Segment]:
        """Segments so far."""
        found = [item for item in self.items if isinstance(item, Segment)]
        return [s for s in found if rendition in (None, s.rendition.id)]

    def findings(self, reason: Reason | None = None) -> list[Finding]:
        """Findings so far."""
        found = [item for item in self.items if isinstance(item, Finding)]
        return [f for f in found if reason in (None, f.reason)]


@pytest.fixture
async def origin() -> AsyncIterator[LiveOrigin]:
    """A running origin."""
    async with LiveOrigin() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """One client."""
    async with HttpClient() as client:
        yield client


def source(http: HttpClient, url: str, **options: object) -> Source:
    settings = SourceOptions(**(QUICK | options))  # type: ignore[arg-type]
    return make_source("tv", url, settings, http=http, clock=SystemClock())


def vod(origin: LiveOrigin, *lines: str, target: float = 2) -> str:
    """A VOD playlist at `/vod.m3u8`; returns its URL."""
    return origin.put("/vod.m3u8", m3u.playlist(m3u.target(target), *lines, m3u.endlist()))


async def finished(http: HttpClient, url: str, **options: object) -> Run:
    """Run a source to its end."""
    async with Run(source(http, url, **options)) as run:
        await run.end()
    return run


# --- live


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
    async with Run(source(http, url, throughput_segments=2)) as run:
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


async def test_vod_arrives_whole_and_ends(origin: LiveOrigin, http: HttpClient) -> None:
    """VOD is fetched from its first segment to its last, and then the run ends."""
    origin.add_vod("hd", [ts(n) for n in range(20)], segment_s=2.0)
    run = await finished(http, origin.url("/hd/index.m3u8"))

    assert [s.sequence for s in run.segments()] == list(range(20))
    assert [s.media_time_s for s in run.segments()] == [2.0 * n for n in range(20)]
    assert run.findings() == []


async def test_vod_can_be_paced_by_its_own_clock(origin: LiveOrigin, http: HttpClient) -> None:
    """With `pace: realtime` VOD is released as it plays."""
    origin.add_vod("hd", [ts(n) for n in range(4)], segment_s=0.2)
    begun = asyncio.get_running_loop().time()
    await finished(http, origin.url("/hd/index.m3u8"), pace="realtime")

    assert 0.6 <= asyncio.get_running_loop().time() - begun < 2.0


async def test_fmp4_segments_carry_the_init_section_in_force(origin: LiveOrigin, http: HttpClient) -> None:
    """Each fMP4 segment has its EXT-X-MAP, by byte range too, fetched once per change."""
    origin.put("/i.mp4", b"0123456789")
    origin.put("/j.mp4", b"abcdefghij")
    for number in range(4):
        origin.put(f"/{number}.m4s", fmp4(number))
    url = vod(
        origin,
        m3u.ext_map("i.mp4", "4@2"),
        m3u.inf(2, "0.m4s"),
        m3u.inf(2, "1.m4s"),
        m3u.discontinuity(),
        m3u.ext_map("j.mp4"),
        m3u.inf(2, "2.m4s"),
        m3u.inf(2, "3.m4s"),
    )
    run = await finished(http, url)

    assert [s.init for s in run.segments()] == [b"2345", b"2345", b"abcdefghij", b"abcdefghij"]
    assert {s.container for s in run.segments()} == {"mp4"}
    assert [s.discontinuity for s in run.segments()] == [False, False, True, False]
    assert [f.reason for f in run.findings()] == [Reason.DISCONTINUITY]
    assert origin.count("/?.mp4") == 2


async def test_missing_init_section_is_told_as_such(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment whose init section is gone is a finding that says so."""
    origin.put("/0.m4s", fmp4(0))
    run = await finished(http, vod(origin, m3u.ext_map("gone.mp4"), m3u.inf(2, "0.m4s")))

    (found,) = run.findings(Reason.SEGMENT_MISSING)
    assert found.evidence["what"] == "init section"
    assert run.segments() == []


async def test_byte_ranges_of_one_file_are_its_segments(origin: LiveOrigin, http: HttpClient) -> None:
    """Segments that are ranges of one file arrive as exactly those bytes."""
    origin.put("/all.ts", ts(0, 500) + ts(1, 600) + ts(2, 700))
    url = vod(
        origin,
        m3u.inf(2, "all.ts", m3u.byterange(500, 0)),
        m3u.inf(2, "all.ts", m3u.byterange(600)),
        m3u.inf(2, "all.ts", m3u.byterange(700)),
    )
    run = await finished(http, url)

    assert [s.data for s in run.segments()] == [ts(0, 500), ts(1, 600), ts(2, 700)]


async def test_encrypted_segments_arrive_in_the_clear(origin: LiveOrigin, http: HttpClient) -> None:
    """AES-128 is decrypted by the sequence number or the given IV, with one request for the key."""
    iv = bytes(15) + b"\x2a"
    origin.put("/k", KEY)
    origin.put("/7.ts", sealed(ts(7), (7).to_bytes(16, "big")))
    origin.put("/8.ts", sealed(ts(8), iv))
    origin.put("/9.ts", ts(9))
    url = vod(
        origin,
        m3u.sequence(7),
        m3u.key("AES-128", "k"),
        m3u.inf(2, "7.ts"),
        m3u.key("AES-128", "k", "0x2A"),
        m3u.inf(2, "8.ts"),
        m3u.key("NONE"),
        m3u.inf(2, "9.ts"),
    )
    run = await finished(http, url)

    assert [s.data for s in run.segments()] == [ts(7), ts(8), ts(9)]
    assert origin.count("/k") == 1


async def test_encrypted_init_section_is_decrypted(origin: LiveOrigin, http: HttpClient) -> None:
    """An init section under a key is decrypted with that key's IV."""
    iv = bytes(16)
    origin.put("/k", KEY)
    origin.put("/i.mp4", sealed(b"init section", iv))
    origin.put("/0.m4s", sealed(fmp4(0), iv))
    url = vod(origin, m3u.key("AES-128", "k", "0x0"), m3u.ext_map("i.mp4"), m3u.inf(2, "0.m4s"))
    (segment,) = (await finished(http, url)).segments()

    assert (segment.init, segment.data) == (b"init section", fmp4(0))


async def test_damaged_ciphertext_still_reaches_the_decoder(origin: LiveOrigin, http: HttpClient) -> None:
    """A cut encrypted segment is decrypted as far as it goes, so that its damage is measured."""
    origin.put("/k", KEY)
    origin.put("/0.ts", sealed(ts(0), bytes(16))[:1003])
    (segment,) = (await finished(http, vod(origin, m3u.key("AES-128", "k"), m3u.inf(2, "0.ts")))).segments()

    assert segment.data == ts(0)[:992]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (m3u.key("AES-128", "gone"), "key cannot be fetched, HTTP 404: http://127.0.0.1"),
        (m3u.key("AES-128", "short"), "key has 3 bytes instead of 16"),
        (m3u.key("SAMPLE-AES", "skd://x"), "EXT-X-KEY METHOD=SAMPLE-AES is not supported"),
    ],
)
async def test_segments_without_a_usable_key_are_one_finding(
    origin: LiveOrigin, http: HttpClient, key: str, message: str
) -> None:
    """A key that cannot be had or used is one lasting finding for all segments under it."""
    origin.put("/short", b"abc")
    for number in range(3):
        origin.put(f"/{number}.ts", ts(number))
    url = vod(origin, key, m3u.inf(2, "0.ts"), m3u.inf(2, "1.ts"), m3u.key("NONE"), m3u.inf(2, "2.ts"))
    run = await finished(http, url)

    start, end = run.findings(Reason.KEY_UNAVAILABLE)
    assert (start.phase, end.phase) == (Phase.START, Phase.END)
    assert start.message.startswith(message)
    assert [s.sequence for s in run.segments()] == [2]


async def test_gap_is_told_and_not_fetched(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment marked as gap is a finding, and nobody asks for it."""
    origin.put("/0.ts", ts(0))
    run = await finished(http, vod(origin, m3u.inf(2, "0.ts"), m3u.inf(2, "1.ts", m3u.gap())))

    assert [f.reason for f in run.findings()] == [Reason.SEGMENT_GAP]
    assert origin.count("/1.ts") == 0


async def test_empty_segment_counts_as_missing(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment of no bytes is missing, not a segment of zero quality."""
    origin.put("/0.ts", b"")
    run = await finished(http, vod(origin, m3u.inf(2, "0.ts")))

    assert [f.reason for f in run.findings()] == [Reason.SEGMENT_MISSING]
    assert run.segments() == []


async def test_ladder_of_ladders_is_invalid(origin: LiveOrigin, http: HttpClient) -> None:
    """A variant that is itself a multivariant playlist is a finding, not an endless descent."""
    url = origin.add_master({"hd": {"bandwidth": 1000}})
    origin.put("/hd/index.m3u8", m3u.playlist(m3u.variant("/master.m3u8", 1000)))
    async with Run(source(http, url)) as run:
        found = await run.until_finding(Reason.PLAYLIST_INVALID, Phase.START)

    assert "a variant is itself a multivariant playlist" in found.message


async def test_variables_of_the_ladder_reach_its_playlists(origin: LiveOrigin, http: HttpClient) -> None:
    """A media playlist imports the variables of its multivariant playlist."""
    origin.put("/x/0.ts", ts(0))
    origin.put(
        "/v.m3u8",
        m3u.playlist(m3u.define(IMPORT="dir"), m3u.target(2), m3u.inf(2, "{$dir}/0.ts"), m3u.endlist()),
    )
    url = origin.put("/m.m3u8", m3u.playlist(m3u.define(NAME="dir", VALUE="x"), m3u.variant("v.m3u8", 1000)))

    assert len((await finished(http, url)).segments()) == 1


# --- local playlists


async def test_local_playlist_is_read_from_its_folder(tmp_path: Path, http: HttpClient) -> None:
    """A playlist on disk with its segments beside it is a stream that ends."""
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "0.ts").write_bytes(ts(0))
    (folder / "1.ts").write_bytes(ts(1))
    index = folder / "index.m3u8"
    index.write_text(m3u.playlist(m3u.target(2), m3u.inf(2, "0.ts"), m3u.inf(2, "1.ts"), m3u.endlist()))

    for name in (str(index), index.as_uri()):
        run = await finished(http, name)
        assert [s.data for s in run.segments()] == [ts(0), ts(1)]


async def test_local_playlist_cannot_reach_out_of_its_folder(tmp_path: Path, http: HttpClient) -> None:
    """A playlist on disk gets no file outside of its folder, not even through a link."""
    folder = tmp_path / "stream"
    folder.mkdir()
    (tmp_path / "secret.ts").write_bytes(ts(0))
    (folder / "link.ts").symlink_to(tmp_path / "secret.ts")
    index = folder / "index.m3u8"
    index.write_text(
        m3u.playlist(
            m3u.target(2),
            m3u.inf(2, "../secret.ts"),
            m3u.inf(2, "link.ts"),
            m3u.inf(2, "none.ts"),
            m3u.endlist(),
        )
    )
    run = await finished(http, str(index))

    assert run.segments() == []
    assert [f.evidence["error"] for f in run.findings()] == ["refused", "refused", "status"]


async def test_missing_local_playlist_is_told(tmp_path: Path, http: HttpClient) -> None:
    """A playlist that is not on disk fails the run with its path."""
    with pytest.raises(SourceError, match=r"No such file or directory: .*index\.m3u8"):
        await finished(http, str(tmp_path / "index.m3u8"))
