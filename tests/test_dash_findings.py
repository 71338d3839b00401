"""MPDs that can be read and are wrong, in one way each, with the exact findings; healthy ones have none."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import mpds as m
from qoed.errors import SourceError
from qoed.model import Finding, Phase, Reason
from qoed.source import SourceOptions
from qoed.source.dash.checks import ManifestChecks
from qoed.source.dash.parse import parse_mpd
from qoed.source.dash.presentation import Ladder
from qoed.source.http import FetchError, FetchKind
from qoed.source.report import Report
from qoed.source.selector import parse_selector

Load = tuple[float, str]
"""(seconds since the first load, what came); text that begins with ! is an error of the exchange."""
EVENT, START, END = Phase.EVENT, Phase.START, Phase.END
Said = tuple[Reason, Phase, float | None]
NOW_S = 1000.0
"""The presentation's clock at the first load; segments of two seconds began at 0."""


def follow(*loads: Load, took_s: float = 0.1, **options: object) -> list[Finding]:
    """What the checks say of MPDs that come one after the other."""
    settings = SourceOptions(**options)  # type: ignore[arg-type]
    checks = ManifestChecks(Report("tv", None, settings.checks), settings)
    ladder = Ladder(parse_selector("all"))
    found: list[Finding] = []
    before = ""
    for at, text in loads:
        now = 50.0 + at
        try:
            if text.startswith("!"):
                raise FetchError(text[1:], kind=FetchKind.STATUS, status=503)
            presentation = ladder.arrange(parse_mpd(text.encode(), "http://cdn.example/x.mpd"))
        except SourceError as error:
            found += checks.failed(error, now)
            continue
        found += checks.loaded(presentation, now, NOW_S + at, took_s=took_s, changed=text != before)
        before = text
    return found


def said(found: list[Finding]) -> list[Said]:
    return [(finding.reason, finding.phase, finding.value) for finding in found]


def listing(to: int, *, first: int | None = None, **attributes: object) -> str:
    """A live MPD that lists segments of two seconds up to number `to`, twenty at most."""
    begin = max(to - 20, 0) if first is None else first
    entries = m.timeline(m.s(2000, t=begin * 2000, r=to - begin - 1))
    return m.live_mpd(
        m.period(m.video(m.template(entries, startNumber=begin), m.rung("v")), start="PT0S"), **attributes
    )


def entries(*texts: str, more: str = "") -> str:
    """A live MPD with these S elements."""
    return m.live_mpd(m.period(m.video(m.template(m.timeline(*texts)), m.rung("v")), start="PT0S"), more)


def two_rungs(first: str, second: str, **attributes: object) -> str:
    """A live MPD in which each Representation has a timeline of its own."""
    rungs = [m.rung("a", 2_000_000, "1280x720", first), m.rung("b", 1_000_000, "640x360", second)]
    return m.live_mpd(m.period(m.video(*rungs, **attributes), start="PT0S"))


def own(to: int, *, begin: int = 480, shift: int = 0) -> str:
    """A SegmentTemplate with its own list from segment `begin` up to `to`."""
    return m.template(m.timeline(m.s(2000, t=begin * 2000 + shift, r=to - begin - 1)), startNumber=begin)


def closed(seconds: float) -> str:
    """A live MPD by numbers whose last Period ends."""
    return m.live_mpd(
        m.period(m.video(m.template(), m.rung("v")), start="PT0S", duration=m.duration(seconds))
    )


def periods(duration: str, start: str) -> str:
    """Two Periods that ought to meet."""
    sets = m.video(m.template(), m.rung("v"))
    return m.mpd(
        m.period(sets, id="one", start="PT0S", duration=duration),
        m.period(sets, id="two", start=start),
        mediaPresentationDuration="PT60S",
    )


V = m.video(m.template(), m.rung("v"))
OPEN = m.period(V, start="PT0S")

WRONG: dict[str, tuple[Callable[[], list[Finding]], list[Said]]] = {
    "it stands still": (
        lambda: follow((0, listing(500)), (3, listing(500)), (6, listing(500))),
        [(Reason.PLAYLIST_STALE, START, 6.0)],
    ),
    "it stands still, then moves": (
        lambda: follow((0, listing(500)), (7, listing(500)), (9, listing(504))),
        [(Reason.PLAYLIST_STALE, START, 7.0), (Reason.PLAYLIST_STALE, END, 2.0)],
    ),
    "it stands still by its own clock": (
        lambda: follow((0, listing(500)), (2, listing(500)), stale_after_s=1.5),
        [(Reason.PLAYLIST_STALE, START, 2.0)],
    ),
    "it is new each time and lists nothing new": (
        lambda: follow(*[(at, listing(500, publishTime=m.when(990 + at))) for at in range(0, 9, 2)]),
        [(Reason.PLAYLIST_STALE, START, 6.0)],
    ),
    "it lists nothing at all": (
        lambda: follow((0, entries()), (8, entries())),
        [(Reason.PLAYLIST_STALE, START, 8.0)],
    ),
    "its last Period is over, and no other comes": (
        lambda: follow((0, closed(1001)), (2, closed(1001)), (9, closed(1001))),
        [(Reason.PLAYLIST_STALE, START, 7.0)],
    ),
    "it is older than before, by date": (
        lambda: follow(
            (0, m.live_mpd(OPEN, publishTime=m.when(900))), (2, m.live_mpd(OPEN, publishTime=m.when(890)))
        ),
        [(Reason.MANIFEST_REGRESSION, EVENT, 10.0)],
    ),
    "it is older than before, by its list": (
        lambda: follow((0, listing(500)), (2, listing(497)), (4, listing(502))),
        [(Reason.MANIFEST_REGRESSION, EVENT, 6.0)],
    ),
    "two caches, one of them old": (
        lambda: follow(*[(at, listing(500 + at // 2 - 3 * (at % 4 == 2))) for at in range(0, 12, 2)]),
        [(Reason.MANIFEST_REGRESSION, EVENT, 4.0)],
    ),
    "a hole in the list": (
        lambda: follow((0, entries(m.s(2000, t=980_000, r=4), m.s(2000, t=992_000, r=2)))),
        [(Reason.TIMELINE_GAP, EVENT, 2.0)],
    ),
    "a hole between two loads": (
        lambda: follow(
            (0, entries(m.s(2000, t=980_000, r=9))),
            (2, entries(m.s(2000, t=980_000, r=9), m.s(2000, t=1_000_500))),
            (4, entries(m.s(2000, t=980_000, r=9), m.s(2000, t=1_000_500, r=1))),
        ),
        [(Reason.TIMELINE_GAP, EVENT, 0.5)],
    ),
    "an overlap in the list": (
        lambda: follow((0, entries(m.s(2000, t=980_000, r=4), m.s(2000, t=989_000, r=4)))),
        [(Reason.TIMELINE_OVERLAP, EVENT, 1.0)],
    ),
    "an overlap between two loads": (
        lambda: follow(
            (0, entries(m.s(2000, t=980_000, r=9))),
            (2, entries(m.s(2000, t=980_000, r=9), m.s(2000, t=999_000, r=1))),
        ),
        [(Reason.TIMELINE_OVERLAP, EVENT, 1.0)],
    ),
    "a hole in a video on demand": (
        lambda: follow(
            (
                0,
                m.mpd(
                    m.period(m.video(m.template(m.timeline(m.s(2000, t=0), m.s(2000, t=5000))), m.rung("v"))),
                    mediaPresentationDuration="PT7S",
                ),
            )
        ),
        [(Reason.TIMELINE_GAP, EVENT, 3.0)],
    ),
    "a Period that begins late": (
        lambda: follow((0, periods("PT20S", "PT24S"))),
        [(Reason.PERIOD_GAP, EVENT, 4.0)],
    ),
    "a Period that begins early": (
        lambda: follow((0, periods("PT20S", "PT19S"))),
        [(Reason.PERIOD_GAP, EVENT, 1.0)],
    ),
    "a Period that begins late is told once": (
        lambda: follow(*[(at, periods("PT20S", "PT24S") + " " * at) for at in range(3)]),
        [(Reason.PERIOD_GAP, EVENT, 4.0)],
    ),
    "it cannot be read": (
        lambda: follow((0, listing(500)), (2, "<MPD"), (4, listing(502))),
        [(Reason.PLAYLIST_INVALID, START, None), (Reason.PLAYLIST_INVALID, END, 2.0)],
    ),
    "it cannot be had": (
        lambda: follow((0, listing(500)), (2, "!HTTP 503"), (4, "!HTTP 503"), (6, listing(503))),
        [(Reason.PLAYLIST_UNAVAILABLE, START, 2.0), (Reason.PLAYLIST_UNAVAILABLE, END, 2.0)],
    ),
    "it takes long, twice": (
        lambda: follow((0, listing(500)), (2, listing(501)), took_s=1.2),
        [(Reason.PLAYLIST_SLOW, START, 1.2)],
    ),
    "renditions that do not begin together": (
        lambda: follow(
            (0, two_rungs(own(495), own(495, shift=700))), (10, two_rungs(own(500), own(500, shift=700)))
        ),
        [(Reason.VARIANT_MISALIGNED, START, 0.7)],
    ),
    "a rendition that lags": (
        lambda: follow(*[(at, two_rungs(own(500 + at // 2), own(495 + at // 2))) for at in range(0, 8, 2)]),
        [(Reason.VARIANT_DRIFT, START, 5.0)],
    ),
}


@pytest.mark.parametrize(("story", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_found(story: Callable[[], list[Finding]], expected: list[Said]) -> None:
    """Each fault gives its finding, with its figure, and nothing else."""
    assert said(story()) == expected


HEALTHY: dict[str, Callable[[], list[Finding]]] = {
    "a live list": lambda: follow(*[(at, listing(500 + at // 2)) for at in range(0, 40, 2)]),
    "a live list with jitter": lambda: follow(
        (0, entries(m.s(2000, t=980_000), m.s(2005, t=982_000), m.s(1995, t=984_006, r=3))),
    ),
    "numbers that need no update": lambda: follow(*[(at, m.live_mpd(OPEN)) for at in range(0, 90, 30)]),
    "video on demand": lambda: follow(
        (0, m.mpd(m.period(V), mediaPresentationDuration="PT600S")),
        (900, m.mpd(m.period(V), mediaPresentationDuration="PT600S")),
    ),
    "Periods that meet": lambda: follow((0, periods("PT20S", "PT20S"))),
    "Periods that meet nearly": lambda: follow((0, periods("PT20S", "PT20.04S"))),
    "sound whose segments differ in length": lambda: follow(
        (
            0,
            m.mpd(
                m.period(
                    V,
                    m.audio(
                        m.template(m.timeline(m.s(96256, t=0), m.s(95232), m.s(96256, r=2)), timescale=48000),
                        m.sound(),
                    ),
                ),
                mediaPresentationDuration="PT10S",
            ),
        )
    ),
    "an update now and then": lambda: follow(
        *[(at, listing(500 + at // 2, minimumUpdatePeriod="PT10S")) for at in (0, 10, 20, 30)]
    ),
    "one load that takes long": lambda: follow((0, listing(500)), took_s=1.9),
    "one load that fails": lambda: follow((0, listing(500)), (2, "!HTTP 503"), (4, listing(502))),
    "renditions that begin together": lambda: follow(
        (0, two_rungs(own(495), own(495, shift=100))), (10, two_rungs(own(500), own(500, shift=100)))
    ),
    "renditions that promise no alignment": lambda: follow(
        (0, two_rungs(own(495), own(495, shift=700), segmentAlignment="false")),
        (10, two_rungs(own(500), own(500, shift=700), segmentAlignment="false")),
    ),
    "two packagers that publish in turn": lambda: follow(
        *[(at, listing(500 + at // 2, publishTime=m.when(900 + at - at % 4 / 2))) for at in range(0, 12, 2)]
    ),
    "a presentation that begins later": lambda: follow(
        (0, m.live_mpd(OPEN, availabilityStartTime=m.when(NOW_S + 60))),
        (30, m.live_mpd(OPEN, availabilityStartTime=m.when(NOW_S + 60))),
    ),
    "a live stream that ends": lambda: follow(
        (0, listing(500)),
        (2, listing(501, type="static", minimumUpdatePeriod=None, mediaPresentationDuration="PT1002S")),
        (99, listing(501, type="static", minimumUpdatePeriod=None, mediaPresentationDuration="PT1002S")),
    ),
    "an encoder that restarts": lambda: follow(
        (0, listing(500)), (2, listing(1, availabilityStartTime=m.when(NOW_S)))
    ),
}


@pytest.mark.parametrize("story", HEALTHY.values(), ids=HEALTHY)
def test_what_is_healthy_gives_no_finding(story: Callable[[], list[Finding]]) -> None:
    """Healthy MPDs, as packagers write them, are never blamed."""
    assert said(story()) == []


def test_staleness_is_looked_for_in_time() -> None:
    """The next look is due when the MPD turns stale, not only when it is to be updated."""
    settings = SourceOptions()
    checks = ManifestChecks(Report("tv", None, settings.checks), settings)
    ladder = Ladder(parse_selector("all"))

    def load(text: str) -> None:
        presentation = ladder.arrange(parse_mpd(text.encode(), "http://cdn.example/x.mpd"))
        checks.loaded(presentation, 50.0, NOW_S, took_s=0.1, changed=True)

    load(listing(500))
    assert checks.stale_at == 56.0
    load(m.live_mpd(OPEN))
    assert checks.stale_at == math.inf


def test_an_old_copy_that_moves_on_is_taken_for_new() -> None:
    """A list that stays behind where it was, and moves, is followed again after the stale limit."""
    settings = SourceOptions()
    checks = ManifestChecks(Report("tv", None, settings.checks), settings)
    ladder = Ladder(parse_selector("all"))
    taken = []
    for at, to in ((0, 500), (2, 300), (4, 301), (6, 302), (8, 303), (10, 304)):
        presentation = ladder.arrange(parse_mpd(listing(to).encode(), "http://cdn.example/x.mpd"))
        checks.loaded(presentation, 50.0 + at, NOW_S + at, took_s=0.1, changed=True)
        taken.append(checks.restarted(50.0 + at))

    assert taken == [False, False, False, False, True, False]
