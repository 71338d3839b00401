"""The MPD path with whatever comes: typed errors only, and quickly."""

from __future__ import annotations

import contextlib
import random
import time
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mpds as m
from qoed.source import SourceOptions
from qoed.source.dash.breaks import AdBreaks
from qoed.source.dash.checks import ManifestChecks
from qoed.source.dash.cues import read_cues
from qoed.source.dash.events import inband_events
from qoed.source.dash.mpd import MpdError
from qoed.source.dash.parse import parse_mpd
from qoed.source.dash.presentation import Ladder, Presentation
from qoed.source.dash.sidx import read_sidx
from qoed.source.report import Report
from qoed.source.selector import parse_selector

SLACK = 4
"""A shared or slow machine may take so many times as long; what is not linear takes hundreds."""
LIMIT_S = SLACK * 0.05
NOW_S = 1_750_000_000.0
FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def consume(body: bytes) -> Presentation | None:
    """Everything that is done with an MPD, short of fetching. Raises nothing but `MpdError`."""
    mpd = parse_mpd(body, "https://cdn.example/tv/live.mpd?token=S3CR3T")
    presentation = Ladder(parse_selector("all")).arrange(mpd)
    options = SourceOptions()
    report = Report("tv", None, options.checks)
    checks = ManifestChecks(report, options)
    for now in (10.0, 500.0):
        checks.loaded(presentation, now, NOW_S + now, took_s=0.1, changed=True)
    breaks = AdBreaks(report)
    breaks.listed(presentation)
    for name in presentation.names[:8]:
        start = presentation.start_s(NOW_S, None)
        presentation.edge_s(name, NOW_S)
        for step in islice(presentation.steps(name, -1.0 if start is None else start, lambda one: one), 3):
            breaks.reached(step.at_s, step.end_s, 0.0, 10.0)
    return presentation


def timed(body: bytes) -> str:
    """Consume within the time limit, in CPU time; the best of three runs where the first is slow.

    Returns the error's text, or nothing.
    """
    text = ""
    for _ in range(3):
        begun = time.process_time()
        try:
            consume(body)
        except MpdError as error:
            text = str(error)
        if (took := time.process_time() - begun) <= LIMIT_S:
            return text
    pytest.fail(f"{took * 1000:.0f} ms for {len(body)} bytes")


VALUES = [
    *(
        "",
        "0",
        "1",
        "-1",
        "2000",
        "PT2S",
        "PT0S",
        "P1Y",
        "INF",
        "true",
        "0-99",
        "1970-01-01T00:00:00Z",
        "ä\u2028",
    ),
    *("$Number$", "$Time%09d$", "$$", "$x$", "a/$RepresentationID$/$Bandwidth$", "../../x", "//h/x"),
    *("http://[", "file:///etc/passwd", "dynamic", "static", "video/mp4", "audio/webm", "9" * 19, "1e400"),
    *(str(2**31), str(2**63), str(-(2**65)), "urn:scte:scte35:2013:xml", "urn:mpeg:dash:utc:direct:2014"),
]
NAMES = [
    *("id", "type", "start", "duration", "timescale", "presentationTimeOffset", "media", "initialization"),
    *("startNumber", "endNumber", "availabilityTimeOffset", "indexRange", "mediaRange", "range", "sourceURL"),
    *(
        "t",
        "d",
        "r",
        "bandwidth",
        "width",
        "height",
        "frameRate",
        "codecs",
        "mimeType",
        "contentType",
        "lang",
    ),
    *("availabilityStartTime", "publishTime", "minimumUpdatePeriod", "timeShiftBufferDepth", "schemeIdUri"),
    *(
        "mediaPresentationDuration",
        "suggestedPresentationDelay",
        "presentationTime",
        "segmentAlignment",
        "value",
    ),
]
ELEMENTS = [
    *("Period", "AdaptationSet", "Representation", "SegmentTemplate", "SegmentList", "SegmentBase", "S"),
    *("SegmentTimeline", "SegmentURL", "Initialization", "BaseURL", "Location", "UTCTiming", "EventStream"),
    *("Event", "Signal", "Binary", "SpliceInsert", "ContentProtection", "Role", "EssentialProperty", "x"),
]


_INNER = {
    "MPD": ["Period", "UTCTiming", "Period"],
    "Period": ["AdaptationSet", "EventStream", "AdaptationSet"],
    "AdaptationSet": ["Representation", "ContentProtection", "Representation"],
    "Representation": ["SegmentTemplate", "SegmentList", "SegmentBase", "BaseURL"],
    "SegmentTemplate": ["SegmentTimeline", "Initialization"],
    "SegmentList": ["SegmentURL", "SegmentURL", "Initialization", "SegmentTimeline"],
    "SegmentTimeline": ["S"],
    "EventStream": ["Event"],
    "Event": ["Signal", "SpliceInsert"],
    "Signal": ["Binary"],
}
_NUMBERS = ["0", "1", "2", "1000", "90000", "180000", str(2**40)]
_TIMED = {"timescale": _NUMBERS, "duration": _NUMBERS, "presentationTimeOffset": _NUMBERS}
_SAID = {
    "MPD": {"minimumUpdatePeriod": ["PT2S", "PT0S"], "mediaPresentationDuration": ["PT1H", "PT10S"]},
    "Period": {"start": ["PT5S", "PT6S"], "duration": ["PT5S", "PT0S", "PT1H"], "id": ["1", "2"]},
    "AdaptationSet": {
        "contentType": ["video", "audio"],
        "segmentAlignment": ["true"],
        "mimeType": ["video/webm"],
    },
    "Representation": {"id": ["a", "b"], "bandwidth": _NUMBERS, "height": ["360", "720"], "codecs": ["avc1"]},
    "SegmentTemplate": {"media": ["$Number$", "$Time$"], "startNumber": _NUMBERS, "endNumber": _NUMBERS}
    | _TIMED,
    "SegmentList": {"startNumber": _NUMBERS} | _TIMED,
    "SegmentBase": {"indexRange": ["0-99", "10-20"]},
    "SegmentURL": {"media": ["a", "b"], "mediaRange": ["0-9"]},
    "S": {"t": _NUMBERS, "d": _NUMBERS[1:], "r": ["-1", "0", "5", str(2**40)]},
    "EventStream": {"schemeIdUri": ["urn:scte:scte35:2013:xml"], "timescale": _NUMBERS},
    "Event": {"presentationTime": _NUMBERS, "duration": _NUMBERS},
    "SpliceInsert": {"outOfNetworkIndicator": ["true", "false"]},
    "UTCTiming": {"schemeIdUri": ["urn:mpeg:dash:utc:http-iso:2014"], "value": ["x"]},
}


def tree(dice: random.Random, name: str = "MPD", depth: int = 0, strange: float = 0.1) -> str:
    """An element as it may well be, but now and then anything in any place."""
    inner = []
    if depth < 7:
        usual = _INNER.get(name, [])
        chosen = usual[: dice.randrange(1, 4)] if depth < 3 else dice.sample(usual, min(len(usual), 1))
        chosen *= dice.randrange(1, 5) if name in ("SegmentTimeline", "SegmentList", "EventStream") else 1
        chosen = [dice.choice(ELEMENTS) if dice.random() < strange else each for each in chosen]
        inner = [tree(dice, each, depth + 1, strange) for each in chosen]
    if not inner and (name in ("BaseURL", "Location", "Binary") or dice.random() < strange):
        inner.append(dice.choice(VALUES).replace("&", ""))
    said = {key: dice.choice(some) for key, some in _SAID.get(name, {}).items() if dice.random() < 0.7}
    if name == "MPD":
        said |= {"type": dice.choice(("dynamic", "static")), "availabilityStartTime": "2020-01-01T00:00:00Z"}
    if name == "SegmentTemplate":
        said = {"media": "$Number$"} | said
    while dice.random() < strange:
        said[dice.choice(NAMES)] = dice.choice(VALUES)
    return m.tag(name, *inner, **said)


@FUZZ
@given(st.integers(0, 2**32))
def test_anything_in_any_place(seed: int) -> None:
    """Elements and attributes of an MPD in any order, with any value, are read or refused with a reason."""
    dice = random.Random(seed)
    said = timed(tree(dice, strange=dice.choice((0.0, 0.02, 0.2))).encode())

    assert "S3CR3T" not in said
    assert "\n" not in said


@FUZZ
@given(st.binary(max_size=3000))
def test_any_bytes(body: bytes) -> None:
    """Bytes that are no MPD are refused."""
    assert timed(body).startswith("MPD invalid, ")


GOOD = m.live_mpd(
    m.base("https://a.example/"),
    m.period(
        m.events(m.tag("Event", m.tag("Signal", m.tag("Binary", "/DAlAAAAAAAAAP")), presentationTime=5)),
        m.video(m.template(m.timeline(m.s(2000, t=0, r=3), m.s(1000))), m.rung("a"), m.rung("b", 1, "2x2")),
        m.audio(
            m.tag("SegmentList", m.tag("SegmentURL", media="a", mediaRange="0-9"), duration=2), m.sound()
        ),
        start="PT0S",
    ),
    m.period(m.video(m.tag("SegmentBase", indexRange="9-99"), m.rung("c")), start="PT1H"),
    m.utc_timing("direct", "2026-01-01T00:00:00Z"),
    publishTime="2026-01-01T00:00:00Z",
)


@FUZZ
@given(st.integers(0, 2**32))
def test_damaged_mpds(seed: int) -> None:
    """A good MPD with a few characters lost, doubled or changed is read or refused."""
    dice = random.Random(seed)
    text = list(GOOD)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(text))
        span = dice.randrange(1, 12)
        match dice.randrange(4):
            case 0:
                del text[at : at + span]
            case 1:
                text[at:at] = text[at : at + span]
            case 2:
                text[at] = dice.choice("<>\"'&=/0123456789-PTSZ$%")
            case _:
                other = dice.randrange(len(text))
                text[at : at + span], text[other : other + span] = (
                    text[other : other + span],
                    text[at : at + span],
                )
    said = timed("".join(text).encode())

    assert "S3CR3T" not in said


@FUZZ
@given(st.binary(max_size=400), st.integers(0, 2**63))
def test_any_index(data: bytes, offset: int) -> None:
    """Bytes in the place of sidx, Cues or emsg are read or refused, never followed off the end."""
    with contextlib.suppress(ValueError):
        index = read_sidx(b"\0\0\1\x90sidx" + data, offset)
        assert all(duration > 0 and length > 0 for _, duration, _, length in index.entries)
    for head in (data, b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + data):
        with contextlib.suppress(ValueError):
            index = read_cues(head, b"\x1c\x53\xbb\x6b\xbf" + data, offset)
            assert all(duration > 0 and length > 0 for _, duration, _, length in index.entries)
    assert inband_events(data, 0.0, 0.0) == []


def live(*how: str) -> str:
    """A live MPD whose one AdaptationSet holds this."""
    return m.live_mpd(m.period(m.video(*how), start="PT0S"))


def static(*inner: str) -> str:
    """A static MPD of nine hours."""
    return m.mpd(*inner, mediaPresentationDuration="PT9H")


def uneven(count: int) -> str:
    """A SegmentTemplate whose S elements cannot be joined."""
    return m.template(m.timeline(*[m.s(2000 + at % 2, t=at * 2000) for at in range(count)]))


ONE = m.video(m.template(), m.rung("a"))
MANY = range(11_900)
BIG = {
    "a long timeline": live(uneven(11_900), m.rung("a")),
    "timelines of their own": live(*[m.rung(f"v{one}", one + 1, "2x2", uneven(900)) for one in range(12)]),
    "many Representations": live(m.template(), *[m.rung(f"v{one}", one + 1) for one in range(500)]),
    "many Periods": m.mpd(*[m.period(ONE, duration="PT10S")] * 250),
    "a long list": static(
        m.period(m.video(m.tag("SegmentList", *[m.tag("SegmentURL", media=at) for at in MANY], duration=2)))
    ),
    "many BaseURLs": static(*[m.base(f"https://h{at}.example/") for at in MANY[:5900]], m.period(ONE)),
    "many events": static(
        m.period(m.events(*[m.tag("Event", m.tag("Binary", "/DAl" * 250))] * 1700), ONE),
    ),
    "long names": static(
        m.period(
            m.video(
                m.template(media="$RepresentationID$" * 16),
                *[m.rung(f"{one:0256d}", one + 1) for one in range(500)],
            )
        )
    ),
    "tiny and many": live(m.template(m.timeline(m.s(1, t=0, r=2**60))), m.rung("a")),
    "a long namespace": f'<MPD xmlns="{"u" * 255}">{"<a/>" * 11_900}</MPD>',
    "a namespace too long": f'<MPD xmlns="{"u" * 500_000}">{"<a/>" * 11_900}</MPD>',
    "a deep well": f"<MPD>{'<a>' * 11_900}{'</a>' * 11_900}</MPD>",
    "many attributes": "<MPD " + " ".join(f'a{at}=""' for at in range(39_000)) + "/>",
    "many lines": "<MPD>" + "\n" * 2_000_000 + "</MPD>",
    "many references": f"<MPD>{'&amp;' * 400_000}</MPD>",
    "much text": f"<MPD>{'x' * 2_000_000}</MPD>",
    "no end of elements": f"<MPD>{'<S/>' * 500_000}</MPD>",
}


@pytest.mark.parametrize("text", BIG.values(), ids=BIG)
def test_large_mpds_are_quick(text: str) -> None:
    """The largest MPDs that are accepted, and larger ones, are read or refused within the limit."""
    assert "S3CR3T" not in timed(text.encode())
