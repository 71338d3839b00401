"""Faults of live DASH from a real origin: each is said once, with its end, and the rest goes on."""

from __future__ import annotations

import itertools

import pytest

import mpds as m
from dash_origin import LiveDash, fragment
from hls_run import Run, finished, http, origin, source  # noqa: F401
from origin import LiveOrigin
from qoed.errors import ErrorReason, SourceError
from qoed.model import Phase, Reason
from qoed.source import HttpClient

HD = "720p-2500k"
ONE = {"hd": (2_500_000, "1280x720")}


def reasons(run: Run) -> list[tuple[Reason, Phase]]:
    return [(finding.reason, finding.phase) for finding in run.findings()]


async def test_a_segment_that_is_promised_and_absent(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment refused in its availability window is unavailable, once it is late by its own duration."""
    live = LiveDash(origin, rungs=ONE)
    gone = live.edge + 1
    live.absent = {gone}

    async with Run(source(http, live.url)) as run:
        found = await run.until_finding(Reason.SEGMENT_UNAVAILABLE)
        await run.until(lambda: any(each.sequence == gone + 2 for each in run.segments()))

    assert reasons(run) == [(Reason.SEGMENT_UNAVAILABLE, Phase.EVENT)]
    assert found.evidence["sequence"] == gone
    assert found.evidence["status"] == 404
    assert found.message.endswith(f"HTTP 404: {origin.url(f'/live/hd/{gone}.m4s')}")
    assert gone not in [each.sequence for each in run.segments()]


async def test_a_segment_that_is_listed_and_absent(origin: LiveOrigin, http: HttpClient) -> None:
    """A listed segment that is refused is unavailable after one quick retry."""
    live = LiveDash(origin, addressing="time", rungs=ONE)
    gone = live.edge + 1
    live.absent = {gone}

    async with Run(source(http, live.url)) as run:
        await run.until_finding(Reason.SEGMENT_UNAVAILABLE)
        await run.until(lambda: any(each.sequence == gone + 2 for each in run.segments()))

    assert reasons(run) == [(Reason.SEGMENT_UNAVAILABLE, Phase.EVENT)]
    assert origin.count(f"/live/hd/t{gone * 500}.m4s") == 2


async def test_a_server_error_is_a_missing_segment(origin: LiveOrigin, http: HttpClient) -> None:
    """What fails otherwise than by refusal is missing, as with HLS."""
    live = LiveDash(origin, rungs=ONE)
    origin.fault(f"/live/hd/{live.edge + 1}.m4s", status=500)

    async with Run(source(http, live.url)) as run:
        found = await run.until_finding(Reason.SEGMENT_MISSING)

    assert found.evidence["status"] == 500
    assert reasons(run) == [(Reason.SEGMENT_MISSING, Phase.EVENT)]


async def test_an_init_section_that_is_absent(origin: LiveOrigin, http: HttpClient) -> None:
    """Without its init section a segment is missing, and the finding says what is."""
    live = LiveDash(origin, rungs=ONE)
    origin.fault("/live/hd/init.mp4", status=404, times=2)

    async with Run(source(http, live.url)) as run:
        found = await run.until_finding(Reason.SEGMENT_MISSING)
        await run.until(lambda: len(run.segments()) >= 2)

    assert found.evidence["what"] == "init section"
    assert reasons(run) == [(Reason.SEGMENT_MISSING, Phase.EVENT)]


async def test_an_mpd_that_stands_still(origin: LiveOrigin, http: HttpClient) -> None:
    """A list that does not grow is stale from its limit on until it grows."""
    live = LiveDash(origin, addressing="time")

    async with Run(source(http, live.url, stale_after_s=1.0)) as run:
        await run.until(lambda: len(run.segments(HD)) >= 4)
        live.stall()
        found = await run.until_finding(Reason.PLAYLIST_STALE, Phase.START)
        live.resume()
        await run.until_finding(Reason.PLAYLIST_STALE, Phase.END)

    assert reasons(run) == [(Reason.PLAYLIST_STALE, Phase.START), (Reason.PLAYLIST_STALE, Phase.END)]
    assert found.rendition is None
    assert found.value == pytest.approx(1.0, abs=0.4)


async def test_an_mpd_that_is_older(origin: LiveOrigin, http: HttpClient) -> None:
    """An older copy is a regression, and no segment is fetched twice for it."""
    live = LiveDash(origin, addressing="time", rungs=ONE)

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: len(run.segments()) >= 4)
        live.regress(4)
        await run.until_finding(Reason.MANIFEST_REGRESSION)
        live.resume()
        count = len(run.segments())
        await run.until(lambda: len(run.segments()) >= count + 2)

    assert reasons(run) == [(Reason.MANIFEST_REGRESSION, Phase.EVENT)]
    numbers = [each.sequence for each in run.segments()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_an_mpd_that_is_gone_for_a_while(origin: LiveOrigin, http: HttpClient) -> None:
    """Two failed loads make the MPD unavailable; segments that need no MPD still come."""
    live = LiveDash(origin, rungs=ONE)

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: len(run.segments()) >= 3)
        fault = origin.fault("/live/live.mpd", status=503)
        await run.until_finding(Reason.PLAYLIST_UNAVAILABLE, Phase.START)
        count = len(run.segments())
        await run.until(lambda: len(run.segments()) >= count + 2)
        origin.clear(fault)
        await run.until_finding(Reason.PLAYLIST_UNAVAILABLE, Phase.END)

    assert reasons(run) == [
        (Reason.PLAYLIST_UNAVAILABLE, Phase.START),
        (Reason.PLAYLIST_UNAVAILABLE, Phase.END),
    ]


async def test_an_mpd_that_is_gone_for_long_ends_the_run(origin: LiveOrigin, http: HttpClient) -> None:
    """After `give_up_after_s` the source raises, and leaves starting anew to its supervisor."""
    live = LiveDash(origin, addressing="time", rungs=ONE)

    async with Run(source(http, live.url, give_up_after_s=1.0)) as run:
        await run.until(lambda: len(run.segments()) >= 3)
        origin.fault("/live/live.mpd", status=503)
        with pytest.raises(SourceError, match="available for 1 s, HTTP 503"):
            await run.end()


async def test_an_mpd_that_cannot_be_read_for_a_while(origin: LiveOrigin, http: HttpClient) -> None:
    """An MPD of garbage is invalid until a good one comes."""
    live = LiveDash(origin, addressing="time", rungs=ONE)

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: len(run.segments()) >= 3)
        fault = origin.fault("/live/live.mpd", body=b"<!DOCTYPE MPD [<!ENTITY a 'b'>]><MPD>&a;</MPD>")
        found = await run.until_finding(Reason.PLAYLIST_INVALID, Phase.START)
        origin.clear(fault)
        await run.until_finding(Reason.PLAYLIST_INVALID, Phase.END)

    assert "it has a DOCTYPE, which is refused" in found.message


async def test_a_slow_segment(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment that takes longer than it plays is slow."""
    live = LiveDash(origin, rungs=ONE)
    origin.fault(f"/live/hd/{live.edge + 1}.m4s", delay_s=0.8)

    async with Run(source(http, live.url)) as run:
        found = await run.until_finding(Reason.SEGMENT_SLOW)

    assert found.value == pytest.approx(0.8, abs=0.3)
    assert found.evidence["sequence"] == int(found.evidence["url"].rsplit("/", 1)[1][:-4])


async def test_the_same_bytes_again(origin: LiveOrigin, http: HttpClient) -> None:
    """New names with the bytes of an earlier segment are repeated, until new bytes come."""
    live = LiveDash(origin, rungs=ONE)
    first = live.edge + 1
    live.media = lambda rung, index: fragment(rung, first if first < index < first + 3 else index)

    async with Run(source(http, live.url)) as run:
        await run.until_finding(Reason.SEGMENT_REPEATED, Phase.END)

    assert reasons(run) == [(Reason.SEGMENT_REPEATED, Phase.START), (Reason.SEGMENT_REPEATED, Phase.END)]


async def test_downloads_that_lag_are_skipped(origin: LiveOrigin, http: HttpClient) -> None:
    """A feed that falls behind by more than may wait goes on at the live edge and says what it left out."""
    live = LiveDash(origin, rungs=ONE)

    async with Run(source(http, live.url, max_pending=2, segment_deadline_min_s=4)) as run:
        await run.until(lambda: len(run.segments()) >= 4)
        fault = origin.fault("/live/hd/*.m4s", delay_s=2.5, times=1)
        await run.until(lambda: any("skipped" in finding.evidence for finding in run.findings()))
        origin.clear(fault)
        count = len(run.segments())
        await run.until(lambda: len(run.segments()) >= count + 2)

    skipped = next(finding for finding in run.findings() if "skipped" in finding.evidence)
    numbers = [each.sequence for each in run.segments()]
    missed = sum(after - before - 1 for before, after in itertools.pairwise(numbers))
    assert skipped.value == missed > 0
    last = run.segments()[-1]
    assert last.media_time_s == (last.sequence - numbers[0]) * 0.5


async def test_an_origin_that_is_late_is_not_taken_for_our_lag(origin: LiveOrigin, http: HttpClient) -> None:
    """Segments that come later than promised, by more than may wait, are waited for and not skipped."""
    live = LiveDash(origin, late_s=0.8, rungs=ONE)

    async with Run(source(http, live.url, max_pending=1)) as run:
        await run.until(lambda: len(run.segments()) >= 8)

    numbers = [each.sequence for each in run.segments()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert run.findings() == []


async def test_segments_that_were_never_listed(origin: LiveOrigin, http: HttpClient) -> None:
    """A window that moved on beyond what was fetched has a gap, and says how much."""
    live = LiveDash(origin, addressing="time", window=4, rungs=ONE)

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: len(run.segments()) >= 3)
        live.stall()
        last = live.edge
        await run.until(lambda: run.segments()[-1].sequence >= last - 1)
        live.begun_s -= 10 * 0.5  # as if nothing had been asked for five seconds
        live.edit = lambda text: text.replace(m.when(live.begun_s), m.when(live.begun_s + 5))
        live.resume()
        found = await run.until_finding(Reason.SEQUENCE_GAP)

    assert found.value is not None
    assert found.value >= 6
    assert found.unit == "segments"


async def test_periods_whose_media_do_not_meet(origin: LiveOrigin, http: HttpClient) -> None:
    """A Period whose media end before the next one begins leaves a gap, told by each rendition."""
    sets = [
        m.video(m.template(m.timeline(m.s(500, t=0, r=7))), m.rung("hd")),
        m.video(m.template(m.timeline(m.s(500, t=0, r=3)), startNumber=10), m.rung("hd")),
    ]
    url = origin.put(
        "/vod.mpd",
        m.mpd(
            m.period(sets[0], start="PT0S"),
            m.period(sets[1], start="PT6S"),
            mediaPresentationDuration="PT8S",
        ),
    )
    origin.serve("/hd/", lambda name: fragment("hd", 0 if name == "init.mp4" else int(name[:-4])))

    run = await finished(http, url)

    assert [(f.reason, f.value) for f in run.findings()] == [(Reason.PERIOD_GAP, 2.0)]
    assert [each.media_time_s for each in run.segments()][-4:] == [6.0, 6.5, 7.0, 7.5]


async def test_protected_media_is_said_to_be(origin: LiveOrigin, http: HttpClient) -> None:
    """DRM is one lasting finding; the segments are not handed on, for they cannot be decoded."""
    widevine = m.tag("ContentProtection", schemeIdUri="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed")
    url = origin.put(
        "/vod.mpd",
        m.mpd(m.period(m.video(widevine, m.template(), m.rung("hd"))), mediaPresentationDuration="PT6S"),
    )
    origin.serve("/hd/", lambda _name: fragment("hd", 0))

    run = await finished(http, url)

    assert run.segments() == []
    assert reasons(run) == [(Reason.KEY_UNAVAILABLE, Phase.START), (Reason.KEY_UNAVAILABLE, Phase.END)]
    assert run.findings()[0].message == (
        "segments are encrypted for DRM (Widevine), which qoed does not decrypt"
    )


async def test_no_rendition_matches(origin: LiveOrigin, http: HttpClient) -> None:
    """A selector that takes nothing is an error that names what there is."""
    live = LiveDash(origin)

    with pytest.raises(SourceError, match="renditions '1080p' match none of 720p-2500k, 360p-800k: http"):
        await finished(http, live.url, renditions="1080p")


async def test_an_mpd_without_media(origin: LiveOrigin, http: HttpClient) -> None:
    """An MPD of subtitles alone cannot be watched."""
    text = m.mpd(
        m.period(m.audio(m.template(), m.sound(), contentType="text")), mediaPresentationDuration="PT6S"
    )

    with pytest.raises(SourceError, match="the MPD lists neither video nor audio"):
        await finished(http, origin.put("/subs.mpd", text))


async def test_an_mpd_that_is_none(origin: LiveOrigin, http: HttpClient) -> None:
    """What answers 200 and is no MPD is invalid, in one line."""
    with pytest.raises(SourceError) as caught:
        await finished(http, origin.put("/x.mpd", "<html>nothing here</html>"))

    assert str(caught.value) == f"MPD invalid, it is an HTML page: {origin.url('/x.mpd')}"
    assert caught.value.reason is ErrorReason.SOURCE_INVALID
