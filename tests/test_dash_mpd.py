"""MPDs as values: what is inherited, computed and resolved (ISO/IEC 23009-1 5.3)."""

from __future__ import annotations

import pytest

import mpds as m
from qoed.source.dash.mpd import Mpd, Representation, SegmentBase, SegmentList, SegmentTemplate
from qoed.source.dash.parse import parse_mpd

URL = "https://cdn.example/tv/live.mpd?token=S3CR3T"


def parse(text: str, url: str = URL) -> Mpd:
    return parse_mpd(text.encode(), url)


def only(text: str) -> Representation:
    """The one Representation of an MPD."""
    (period,) = parse(text).periods
    (adaptation,) = period.sets
    (representation,) = adaptation.representations
    return representation


def static(*inner: str, **attributes: object) -> str:
    return m.mpd(*inner, **({"mediaPresentationDuration": "PT10S"} | attributes))


def test_live_attributes_are_read() -> None:
    """What a live MPD says of its clock, window and updates arrives in seconds."""
    found = parse(
        m.live_mpd(
            m.period(m.video(m.template(), m.rung("v"))),
            m.utc_timing("http-iso", "https://time.example/"),
            m.tag("Location", "next.mpd"),
            availabilityStartTime="2026-01-01T00:00:00.5Z",
            publishTime="2026-01-01T01:00:00+01:00",
            minimumUpdatePeriod="PT1.5S",
            timeShiftBufferDepth="PT1M",
            suggestedPresentationDelay="PT0H0M6.000S",
        )
    )

    assert found.dynamic
    assert (found.available_s, found.published_s) == (1767225600.5, 1767225600.0)
    assert (found.update_s, found.buffer_s, found.delay_s) == (1.5, 60.0, 6.0)
    assert found.location == "https://cdn.example/tv/next.mpd"
    assert [timing.value for timing in found.timings] == ["https://time.example/"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0S", 0.0),
        ("PT2.5S", 2.5),
        ("PT2.S", 2.0),
        ("PT1H2M3S", 3723.0),
        ("P1DT1S", 86401.0),
        ("P0Y0M0DT0H0M10.010S", 10.01),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    """xs:duration is understood in all its parts."""
    found = parse(m.mpd(m.period(m.video(m.template(), m.rung("v"))), mediaPresentationDuration=text))

    assert found.duration_s == pytest.approx(seconds)


def test_periods_follow_each_other() -> None:
    """Start and end of Periods are computed from what @start and @duration say (5.3.2.1)."""
    sets = m.video(m.template(), m.rung("v"))
    found = parse(
        static(
            m.period(sets, duration="PT4S"),
            m.period(sets, id="ad"),
            m.period(sets, start="PT7S"),
        )
    )

    assert [(each.start_s, each.duration_s) for each in found.periods] == [(0.0, 4.0), (4.0, 3.0), (7.0, 3.0)]
    assert found.periods[1].id == "ad"


def test_a_period_announced_early_is_left_out() -> None:
    """A live Period without a start, after one without an end, is not known to begin yet."""
    sets = m.video(m.template(), m.rung("v"))
    found = parse(m.live_mpd(m.period(sets, start="PT0S"), m.period(sets, id="soon")))

    assert [each.id for each in found.periods] == ["0"]
    assert found.periods[0].duration_s is None


def test_attributes_are_inherited() -> None:
    """A Representation takes from its AdaptationSet what it does not say itself."""
    found = only(
        static(
            m.period(
                m.video(
                    m.template(),
                    m.tag("Representation", id="v", bandwidth=1, height=360),
                    codecs="avc1.4d401f",
                    width=640,
                    height=720,
                    frameRate="30000/1001",
                )
            )
        )
    )

    assert (found.codecs, found.width, found.height) == ("avc1.4d401f", 640, 360)
    assert found.frame_rate == pytest.approx(29.97, abs=0.001)
    assert found.container == "mp4"


def test_templates_are_merged_over_three_levels() -> None:
    """SegmentTemplate of Period, AdaptationSet and Representation add up; the inner one wins (5.3.9.1)."""
    found = only(
        static(
            m.period(
                m.tag("SegmentTemplate", timescale=90000, startNumber=5),
                m.video(
                    m.tag("SegmentTemplate", media="$Number$.m4s", duration=180000),
                    m.rung("v", 1, "2x2", m.tag("SegmentTemplate", startNumber=7, initialization="i.mp4")),
                ),
            )
        )
    )

    how = found.addressing
    assert isinstance(how, SegmentTemplate)
    assert (how.timescale, how.start_number, how.duration) == (90000, 7, 180000)
    assert how.media.fill("v", 1, 7, 0) == "7.m4s"


def test_an_inner_way_replaces_an_outer_one() -> None:
    """A Representation with SegmentBase does not follow the AdaptationSet's SegmentTemplate."""
    found = only(
        static(
            m.period(
                m.video(
                    m.template(),
                    m.rung("v", 1, "2x2", m.base("v.mp4"), m.tag("SegmentBase", indexRange="100-199")),
                )
            )
        )
    )

    how = found.addressing
    assert isinstance(how, SegmentBase)
    assert how.index_range == (100, 100)
    assert how.init is not None
    assert how.init.byte_range == (0, 100)
    assert found.bases == ("https://cdn.example/tv/v.mp4",)


def test_base_urls_resolve_at_every_level() -> None:
    """BaseURLs of MPD, Period, AdaptationSet and Representation are resolved one after the other."""
    found = only(
        static(
            m.base("https://a.example/one/"),
            m.period(
                m.base("two/"),
                m.video(m.base("../three/"), m.template(), m.rung("v", 1, "2x2", m.base("4/"))),
            ),
        )
    )

    assert found.bases == ("https://a.example/one/three/4/",)


def test_further_base_urls_stand_by() -> None:
    """Alternatives of one level are kept in order, the first one first."""
    found = only(
        static(
            m.base("https://a.example/"),
            m.base("https://b.example/"),
            m.period(m.video(m.template(), m.rung("v", 1, "2x2", m.base("v/")))),
        )
    )

    assert found.bases == ("https://a.example/v/", "https://b.example/v/")


def test_segment_lists_are_read() -> None:
    """SegmentList gives names and byte ranges one by one."""
    found = only(
        static(
            m.period(
                m.video(
                    m.rung(
                        "v",
                        1,
                        "2x2",
                        m.tag(
                            "SegmentList",
                            m.tag("Initialization", sourceURL="i.mp4", range="0-9"),
                            m.tag("SegmentURL", media="a.mp4", mediaRange="10-19"),
                            m.tag("SegmentURL", media="b.mp4"),
                            timescale=10,
                            duration=50,
                        ),
                    )
                )
            )
        )
    )

    how = found.addressing
    assert isinstance(how, SegmentList)
    assert [(one.url, one.byte_range) for one in how.urls] == [("a.mp4", (10, 10)), ("b.mp4", None)]
    assert how.init is not None
    assert how.init.byte_range == (0, 10)


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        ("urn:mpeg:dash:mp4protection:2011", "common encryption"),
        ("urn:uuid:EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED", "Widevine"),
        ("urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95", "PlayReady"),
        ("urn:uuid:00000000-0000-0000-0000-000000000000", "another system"),
    ],
)
def test_protection_is_named(scheme: str, name: str) -> None:
    """ContentProtection says which system encrypts, in words."""
    found = only(
        static(m.period(m.video(m.tag("ContentProtection", schemeIdUri=scheme), m.template(), m.rung("v"))))
    )

    assert found.protection == name


def test_what_is_no_picture_or_sound_is_left_out() -> None:
    """Subtitles, thumbnails and trick-mode tracks are not watched."""
    trick = m.tag("EssentialProperty", schemeIdUri="http://dashif.org/guidelines/trickmode", value="1")
    found = parse(
        static(
            m.period(
                m.video(m.template(), m.rung("v")),
                m.video(trick, m.template(), m.rung("fast")),
                m.video(m.template(), m.rung("tiles"), contentType="image", mimeType="image/jpeg"),
                m.audio(m.template(), m.sound("subs"), contentType="text", mimeType="application/mp4"),
            )
        )
    )

    (period,) = found.periods
    assert [each.representations[0].id for each in period.sets] == ["v"]


def test_an_xlink_that_resolves_to_nothing_is_nothing() -> None:
    """A Period that is linked to `resolve-to-zero` is not there (5.5.3)."""
    zero = (
        '<Period xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/>'
    )
    found = parse(static(zero, m.period(m.video(m.template(), m.rung("v")))))

    assert len(found.periods) == 1


def test_urls_are_kept_out_of_what_is_shown() -> None:
    """The repr of an MPD holds no URL, for they may carry tokens."""
    found = parse(
        static(m.base("https://user:S3CR3T@a.example/"), m.period(m.video(m.template(), m.rung("v"))))
    )

    assert "S3CR3T" not in repr(found)
    assert "example" not in repr(found)


def test_the_namespace_does_not_matter() -> None:
    """MPDs of other editions, with another or no namespace, are read as well."""
    text = static(m.period(m.video(m.template(), m.rung("v"))))

    assert len(parse(text.replace(m.NAMESPACE, "urn:mpeg:DASH:schema:MPD:2011")).periods) == 1
    assert len(parse(text.replace(f' xmlns="{m.NAMESPACE}"', "")).periods) == 1
