"""MPDs that cannot be followed, broken in one way each: one line says what is wrong and where."""

from __future__ import annotations

import pytest

import mpds as m
from qoed.errors import ErrorReason
from qoed.source.dash.mpd import MpdError
from qoed.source.dash.parse import parse_mpd

V = m.video(m.template(), m.rung("v"))
XLINK = '<Period xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="https://a.example/p.xml?k=S3CR3T"/>'


def static(*inner: str, **attributes: object) -> str:
    """A static MPD of ten seconds."""
    return m.mpd(*inner, **({"mediaPresentationDuration": "PT10S"} | attributes))


def with_how(how: str, **period: object) -> str:
    """A static MPD with one AdaptationSet that names its segments so."""
    return static(m.period(m.video(how, m.rung("v")), **period))


def listing(*entries: str) -> str:
    """A static MPD with one SegmentTimeline."""
    return with_how(m.template(m.timeline(*entries)))


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "it is empty"),
    "an HTML page": ("<!DOCTYPE html>\n<html><body>404</body></html>", "it is an HTML page"),
    "an HTML page without doctype": ("<HTML><body/></HTML>", "it is an HTML page"),
    "an HLS playlist": (
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n",
        "line 1, column 0: it is not well-formed XML",
    ),
    "cut short": (
        static(m.period(V))[:-20],
        "line 2, column 471: it is not well-formed XML",
    ),
    "another encoding": (
        static(m.period(V)).replace("UTF-8", "UTF-16").encode("utf-16"),
        "it is not UTF-8",
    ),
    "an entity that nobody declared": (
        static(m.base("&"), m.period(V)).replace("&amp;", "&host;"),
        "line 2, column 149: it is not well-formed XML",
    ),
    "another document": ("<feed/>", "its root element is 'feed', not MPD"),
    "an unknown type": (
        static(m.period(V), type="live"),
        "@type='live' is neither static nor dynamic",
    ),
    "live without a begin": (
        m.live_mpd(m.period(V), availabilityStartTime=None),
        "it is dynamic and has no @availabilityStartTime",
    ),
    "a date that is none": (
        m.live_mpd(m.period(V), availabilityStartTime="yesterday"),
        "@availabilityStartTime='yesterday' is not a date and time",
    ),
    "a duration that is none": (
        static(m.period(V), mediaPresentationDuration="10s"),
        "@mediaPresentationDuration='10s' is not a duration such as PT2S",
    ),
    "a duration of ages": (
        static(m.period(V), mediaPresentationDuration="P999Y"),
        "@mediaPresentationDuration='P999Y' is out of range",
    ),
    "no Period": (static(), "it has no Period"),
    "static without an end": (
        m.mpd(m.period(V)),
        "it is static and does not say how long it is",
    ),
    "a Period that nobody can place": (
        static(m.period(V, start="PT0S"), m.period(V)),
        "Period 2: it has no @start, and the one before it no @duration",
    ),
    "Periods out of order": (
        static(m.period(V, start="PT5S"), m.period(V, start="PT2S")),
        "Period 2: it starts before the one before it",
    ),
    "a remote Period": (static(XLINK), "Period is remote (xlink:href), which is not fetched"),
    "a template without names": (
        with_how(m.template(media=None)),
        "Period 1: Representation 'v': SegmentTemplate: it has no @media",
    ),
    "an unknown identifier": (
        with_how(m.template(media="$Sequence$.m4s")),
        "Period 1: Representation 'v': SegmentTemplate: @media has the identifier '$Sequence$',"
        " which is not known",
    ),
    "a width that is none": (
        with_how(m.template(media="$Number%5x$.m4s")),
        "Period 1: Representation 'v': SegmentTemplate: @media has the identifier '$Number%5x$',"
        " which is not known",
    ),
    "a single $": (
        with_how(m.template(media="$Number.m4s")),
        "Period 1: Representation 'v': SegmentTemplate: @media has a single $",
    ),
    "no durations": (
        m.live_mpd(m.period(m.video(m.template(duration=None), m.rung("v")), start="PT0S")),
        "Period 1: Representation 'v': SegmentTemplate: it has neither @duration nor SegmentTimeline",
    ),
    "a duration of nothing": (
        with_how(m.template(duration=0)),
        "Period 1: Representation 'v': SegmentTemplate: @duration='0' is not a whole number of at least 1",
    ),
    "segments of a millisecond": (
        with_how(m.template(duration=1)),
        "Period 1: Representation 'v': SegmentTemplate: @duration=1 of timescale 1000 is less than 0.01 s",
    ),
    "a timescale of nothing": (
        with_how(m.template(timescale=0)),
        "Period 1: Representation 'v': SegmentTemplate: @timescale='0' is not a whole number of at least 1",
    ),
    "an S without duration": (
        listing(m.s(2000, t=0), '<S t="2000"/>'),
        "Period 1: Representation 'v': SegmentTemplate: S number 2 cannot be read",
    ),
    "an S that is no number": (
        listing(m.s("2s")),
        "Period 1: Representation 'v': SegmentTemplate: S number 1 cannot be read",
    ),
    "an S that goes nowhere": (
        listing(m.s(-2000)),
        "Period 1: Representation 'v': SegmentTemplate: S number 1 is out of range",
    ),
    "an S after an endless one": (
        m.live_mpd(
            m.period(m.video(m.template(m.timeline(m.s(2000, r=-1), m.s(2000))), m.rung("v")), start="PT0S")
        ),
        "Period 1: Representation 'v': SegmentTemplate: S number 2 has no @t after one"
        " that repeats without end",
    ),
    "times beyond all clocks": (
        listing(m.s(2000, t=2**62)),
        "Period 1: Representation 'v': SegmentTemplate: its times are out of range",
    ),
    "an empty list": (
        with_how(m.tag("SegmentList", duration=2)),
        "Period 1: Representation 'v': SegmentList: it has no SegmentURL",
    ),
    "two ways at once": (
        static(m.period(m.video(m.template(), m.tag("SegmentBase"), m.rung("v")))),
        "Period 1: AdaptationSet has more than one way to name segments",
    ),
    "a range that is none": (
        with_how(m.tag("SegmentBase", indexRange="99-1")),
        "Period 1: Representation 'v': SegmentBase: @indexRange='99-1' is not a byte range such as 0-999",
    ),
    "a picture of no size": (
        static(m.period(m.video(m.template(), m.rung("v", 1, "1x99999999")))),
        "Period 1: Representation 'v': @height=99999999 is out of range",
    ),
    "a bandwidth that is none": (
        static(m.period(m.video(m.template(), m.rung("v", "fast")))),  # type: ignore[arg-type]
        "Period 1: Representation 'v': @bandwidth='fast' is not a whole number of at least 0",
    ),
    "a local file": (
        with_how(m.template(media="file:///etc/passwd")),
        "Period 1: Representation 'v': it names a URI of scheme 'file', which is not fetched",
    ),
    "a BaseURL that is no URL": (
        static(m.base("http://[S3CR3T"), m.period(V)),
        "it names something that is no URL",
    ),
    "crowds of Representations": (
        static(m.period(m.video(m.template(), *[m.rung(f"v{number}") for number in range(501)]))),
        "Period 1: it has more than 500 Representations",
    ),
    "crowds of Periods": (
        static(*[m.period(duration="PT1S")] * 251),
        "it has more than 250 Periods",
    ),
    "crowds of elements": (listing(*[m.s(1000)] * 12_000), "it has more than 12000 elements"),
    "a name without end": (
        static(m.period(m.video(m.template(), m.rung("v" * 257)))),
        "Period 1: Representation '': @id is longer than 256 characters",
    ),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_said(text: str | bytes, message: str) -> None:
    """Each MPD is refused with one line that names what is wrong; secrets in its URL stay out of it."""
    body = text if isinstance(text, bytes) else text.encode()

    with pytest.raises(MpdError) as caught:
        parse_mpd(body, "https://u:S3CR3T@cdn.example/live.mpd?token=S3CR3T")

    assert str(caught.value) == f"MPD invalid, {message}: https://cdn.example/live.mpd"
    assert caught.value.reason is ErrorReason.SOURCE_INVALID
    assert caught.value.retryable


BOMB = '<!DOCTYPE MPD [<!ENTITY l0 "ha">{}]><MPD>&l9;</MPD>'
DOCTYPES = {
    "billion laughs": BOMB.format("".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))),
    "quadratic blow-up": f'<!DOCTYPE MPD [<!ENTITY a "{"x" * 50_000}">]><MPD>{"&a;" * 10_000}</MPD>',
    "external entity": '<!DOCTYPE MPD [<!ENTITY x SYSTEM "file:///etc/passwd">]><MPD>&x;</MPD>',
    "external subset": '<!DOCTYPE MPD SYSTEM "http://127.0.0.1:9/x.dtd"><MPD/>',
    "parameter entity": '<!DOCTYPE MPD [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]><MPD/>',
    "attribute default": '<!DOCTYPE MPD [<!ATTLIST MPD type CDATA "dynamic">]><MPD/>',
    "nothing in it": "<!DOCTYPE MPD><MPD/>",
    "declared late": '<?xml version="1.0"?>\n<!-- -->\n<!DOCTYPE\nMPD\n[\n]><MPD/>',
}


@pytest.mark.parametrize("text", DOCTYPES.values(), ids=DOCTYPES)
def test_document_types_are_refused(text: str) -> None:
    """A DOCTYPE, and with it every entity bomb, and every file or URL it could reach, is refused unread."""
    with pytest.raises(MpdError) as caught:
        parse_mpd(text.encode(), "http://cdn.example/live.mpd")

    assert str(caught.value) == (
        "MPD invalid, it has a DOCTYPE, which is refused: http://cdn.example/live.mpd"
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037"])
def test_document_types_do_not_hide_in_encodings(encoding: str) -> None:
    """A harmless entity in an encoding that expat would heed is refused as well."""
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE MPD [<!ENTITY a "b">]><MPD>&a;</MPD>'

    with pytest.raises(MpdError, match="MPD invalid, it is not UTF-8: "):
        parse_mpd(text.encode(encoding), "http://cdn.example/live.mpd")
