"""The presentation's clock: read where UTCTiming says, used for availability, compared with ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

import mpds as m
from dash_origin import LiveDash
from fake_clock import FakeClock
from hls_run import Run, http, origin, source  # noqa: F401
from origin import LiveOrigin
from qoed.model import Finding, Phase, Reason, WireTimings
from qoed.source import HttpClient, SourceOptions
from qoed.source.dash.clock import RETRY_S, SYNC_EVERY_S, PresentationClock
from qoed.source.dash.mpd import Mpd
from qoed.source.dash.parse import parse_mpd
from qoed.source.http import Fetched, FetchError, FetchKind
from qoed.source.report import Report
from qoed.source.transport import Transport

HD = "720p-2500k"
ONE = {"hd": (2_500_000, "1280x720")}
VIDEO = m.period(m.video(m.template(), m.rung("hd")), start="PT0S")
Answer = Callable[[str, bool], Fetched]


def reply(body: str = "", *, took_s: float = 0.0, **headers: str) -> Fetched:
    """One answer of a time server."""
    return Fetched(
        body=body.encode(),
        status=200,
        final_url="http://time.example/",
        headers=headers,
        timings=WireTimings(total_s=took_s),
    )


class TimeServers:
    """A `Fetcher` whose answers a test scripts; the clock moves while it answers."""

    def __init__(self, clock: FakeClock, answer: Answer, took_s: float = 0.0) -> None:
        self.asked: list[tuple[str, bool]] = []
        self._clock = clock
        self._answer = answer
        self._took_s = took_s

    async def fetch(self, url: str, *, method: str = "GET", **_: object) -> Fetched:
        """Answer, or fail."""
        self.asked.append((url, method == "HEAD"))
        self._clock.jump(self._took_s / 2)
        try:
            return self._answer(url, method == "HEAD")
        finally:
            self._clock.jump(self._took_s / 2)


class Watch:
    """A presentation clock with its servers."""

    def __init__(self, clock: FakeClock, answer: Answer, *timings: str, took_s: float = 0.0) -> None:
        self.servers = TimeServers(clock, answer, took_s)
        self._report = Report("tv", None, SourceOptions().checks)
        self._url = "http://origin.example/tv/live.mpd"
        transport = Transport(self._url, SourceOptions(), self.servers)  # type: ignore[arg-type]
        self.clock = PresentationClock(self._report, transport, clock)
        self.timings = timings

    def mpd(self) -> Mpd:
        """The MPD that names the servers."""
        return parse_mpd(m.live_mpd(VIDEO, *self.timings).encode(), self._url)

    async def sync(self, fetched: Fetched | None = None) -> list[Finding]:
        """Read the clocks as after a load."""
        return await self.clock.sync(self.mpd(), fetched)


def at(clock: FakeClock, ahead_s: float = 0.0) -> str:
    """The time there, as http-iso servers say it."""
    return m.when(clock.wall().timestamp() + ahead_s)


def said(findings: list[Finding]) -> list[tuple[Reason, Phase, float | None]]:
    return [(finding.reason, finding.phase, finding.value) for finding in findings]


ISO = m.utc_timing("http-iso", "http://time.example/iso")


async def test_without_utc_timing_our_clock_counts(clock: FakeClock) -> None:
    """An MPD that names no clock is followed by ours, and nothing is said."""
    watch = Watch(clock, lambda _url, _head: reply())

    assert await watch.sync() == []
    assert watch.clock.now_s() == clock.wall().timestamp()
    assert watch.servers.asked == []


@pytest.mark.parametrize("kind", ["http-iso", "http-xsdate"])
async def test_a_date_is_asked_for(clock: FakeClock, kind: str) -> None:
    """http-iso and http-xsdate answer with a date; it was right in the middle of the exchange."""
    watch = Watch(
        clock,
        lambda _url, _head: reply(at(clock, 1.0)),
        m.utc_timing(kind, "http://time.example/now"),
        took_s=0.4,
    )

    assert await watch.sync() == []
    assert watch.servers.asked == [("http://time.example/now", False)]
    assert watch.clock.now_s() == pytest.approx(clock.wall().timestamp() + 1.0)


async def test_a_date_header_is_asked_for(clock: FakeClock) -> None:
    """http-head asks for headers only, and takes their whole seconds for what they are."""
    clock.step_wall(0.5)
    watch = Watch(
        clock,
        lambda _url, _head: reply(
            date=format_datetime(datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC), usegmt=True)
        ),
        m.utc_timing("http-head", "clock"),
    )

    findings = await watch.sync()

    assert watch.servers.asked == [("http://origin.example/tv/clock", True)]
    assert watch.clock.now_s() - clock.wall().timestamp() == pytest.approx(10.0)
    assert said(findings) == [(Reason.CLOCK_SKEW, Phase.START, 10.0)]
    assert findings[0].message == "the presentation's clock is 10.0 s ahead of ours"
    assert findings[0].evidence == {"doubt_s": 0.5}


async def test_the_mpd_itself_may_say_the_time(clock: FakeClock) -> None:
    """`direct` is read when a new MPD arrives, with the age that a cache admits."""
    watch = Watch(clock, lambda _url, _head: reply(), m.utc_timing("direct", at(clock, -30.0)))

    findings = await watch.sync(reply(age="20"))

    assert said(findings) == [(Reason.CLOCK_SKEW, Phase.START, -10.0)]
    assert watch.clock.now_s() == pytest.approx(clock.wall().timestamp() - 10.0)


async def test_doubt_is_no_skew(clock: FakeClock) -> None:
    """A difference that the exchange itself may explain is not said to be one."""
    watch = Watch(clock, lambda _url, _head: reply(at(clock, 2.5)), ISO, took_s=2.0)

    assert await watch.sync() == []


async def test_skew_begins_and_ends(clock: FakeClock) -> None:
    """A clock that differs by more than the limit is said to, until it does not."""
    ahead = [10.0, 10.0, 0.5]
    watch = Watch(clock, lambda _url, _head: reply(at(clock, ahead.pop(0))), ISO)
    found = []
    for _ in range(3):
        found += await watch.sync()
        clock.jump(SYNC_EVERY_S)

    assert said(found) == [
        (Reason.CLOCK_SKEW, Phase.START, 10.0),
        (Reason.CLOCK_SKEW, Phase.END, 2 * SYNC_EVERY_S),
    ]


async def test_the_next_server_is_asked_when_one_fails(clock: FakeClock) -> None:
    """UTCTimings are tried in the MPD's order, and each of their URLs; garbage counts as no answer."""

    def answer(url: str, _head: bool) -> Fetched:
        if url.endswith("/a"):
            raise FetchError("connection refused", kind=FetchKind.CONNECT)
        return reply("garbage" if url.endswith("/b") else at(clock, 5.0))

    watch = Watch(
        clock,
        answer,
        m.utc_timing("ntp", "ntp.example"),
        m.utc_timing("http-iso", "http://a.example/a http://b.example/b"),
        m.utc_timing("http-xsdate", "http://c.example/c"),
    )

    findings = await watch.sync()

    assert [url for url, _ in watch.servers.asked] == [
        "http://a.example/a",
        "http://b.example/b",
        "http://c.example/c",
    ]
    assert said(findings) == [(Reason.CLOCK_SKEW, Phase.START, 5.0)]


async def test_no_clock_answers(clock: FakeClock) -> None:
    """When none answers our own clock is used, which is said until one does."""
    answers = ["", "", at(clock)]
    watch = Watch(clock, lambda _url, _head: reply(answers.pop(0)), ISO)
    found = await watch.sync()
    found += await watch.sync()  # not asked again at once
    clock.jump(RETRY_S)
    found += await watch.sync()
    clock.jump(RETRY_S)
    answers[0] = at(clock)
    found += await watch.sync()

    assert said(found) == [
        (Reason.CLOCK_UNAVAILABLE, Phase.START, None),
        (Reason.CLOCK_UNAVAILABLE, Phase.END, 2 * RETRY_S),
    ]
    assert len(watch.servers.asked) == 3


@pytest.mark.parametrize(
    "body", ["", "now", "2026-01-01", "99999-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "\0" * 64, "1e999"]
)
async def test_nonsense_is_no_time(clock: FakeClock, body: str) -> None:
    """Whatever a time server answers: an instant, or no answer; never an error of another kind."""
    watch = Watch(clock, lambda _url, _head: reply(body), ISO)
    findings = await watch.sync()

    assert {finding.reason for finding in findings} <= {Reason.CLOCK_UNAVAILABLE, Reason.CLOCK_SKEW}


async def test_a_wrong_clock_of_ours_does_not_matter(origin: LiveOrigin, http: HttpClient) -> None:
    """With UTCTiming a stream is followed although our clock is far off; only the skew is said."""
    live = LiveDash(origin, ahead_s=-40.0, rungs=ONE, extra=(m.utc_timing("http-iso", "/time"),))
    origin.put("/time", lambda: m.when(live.now_s()))
    edge = live.edge

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: len(run.segments(HD)) >= 6)

    assert run.segments(HD)[0].sequence in (edge - 3, edge - 2)
    assert [finding.reason for finding in run.findings()] == [Reason.CLOCK_SKEW]
    assert run.findings()[0].value == pytest.approx(-40.0, abs=0.5)


async def test_a_head_request_has_no_body(origin: LiveOrigin, http: HttpClient) -> None:
    """The real client asks for headers with HEAD and gets the Date of a real server."""
    live = LiveDash(origin, rungs=ONE, extra=(m.utc_timing("http-head", "/live/live.mpd"),))

    async with Run(source(http, live.url)) as run:
        await run.until(lambda: len(run.segments(HD)) >= 4)

    assert run.findings() == []
