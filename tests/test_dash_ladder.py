"""Which renditions an MPD has, what they are called, and which of them are watched."""

from __future__ import annotations

import mpds as m
from qoed.model import Rendition
from qoed.source.dash.parse import parse_mpd
from qoed.source.dash.presentation import Ladder, Presentation
from qoed.source.selector import parse_selector


def arrange(
    *periods: str, select: str = "all", ladder: Ladder | None = None, **attributes: object
) -> Presentation:
    """A static presentation of a minute."""
    text = m.mpd(*periods, **({"mediaPresentationDuration": "PT60S"} | attributes))
    return (ladder or Ladder(parse_selector(select))).arrange(parse_mpd(text.encode(), "http://h/x.mpd"))


def names(presentation: Presentation) -> list[str]:
    return [rendition.id for rendition in presentation.ladder]


VIDEO = m.video(m.template(), m.rung("1"), m.rung("2", 800_000, "640x360"))


def test_a_rendition_says_what_the_mpd_says() -> None:
    """Bandwidth, size, rate, codecs, buffer and how exact its durations are go with each rendition."""
    found = arrange(
        m.period(m.video(m.template(), m.rung("1", frameRate="25")), m.audio(m.template(), m.sound())),
        minBufferTime="PT4S",
    )

    assert found.ladder == (
        Rendition(
            id="720p-2500k",
            bandwidth_bps=2_500_000,
            width=1280,
            height=720,
            frame_rate=25.0,
            codecs="avc1.64001f",
            separate_audio=True,
            buffer_s=4.0,
            stray_s=1.0,
        ),
        Rendition(
            id="audio-128k",
            bandwidth_bps=128_000,
            codecs="mp4a.40.2",
            audio_only=True,
            buffer_s=4.0,
            stray_s=1.0,
        ),
    )


def test_what_a_timeline_says_is_exact() -> None:
    """Durations of a SegmentTimeline are no approximation."""
    how = m.template(m.timeline(m.s(2000, t=0, r=4)))

    assert arrange(m.period(m.video(how, m.rung("1")))).ladder[0].stray_s == 0.0


def test_two_of_a_kind_are_told_apart() -> None:
    """Representations of equal height and bandwidth get names of their own."""
    hevc = m.video(m.template(), m.rung("1", codecs="hvc1.1.6.L93"))

    assert names(arrange(m.period(VIDEO, hevc))) == ["720p-2500k", "360p-800k", "720p-2500k-2"]


def test_one_sound_is_watched() -> None:
    """Of all sound the AdaptationSet of Role main is watched, else the first, and the best of it."""
    german = m.audio(m.template(), m.sound("de", 64_000), m.sound("de+", 192_000), lang="de")
    role = m.tag("Role", schemeIdUri="urn:mpeg:dash:role:2011", value="main")
    english = m.audio(role, m.template(), m.sound("en", 96_000))

    assert names(arrange(m.period(VIDEO, german)))[2:] == ["audio-192k"]
    assert names(arrange(m.period(VIDEO, german, english)))[2:] == ["audio-96k"]


def test_radio_is_watched_whole() -> None:
    """Where there is no picture, all sound is the ladder."""
    radio = m.audio(m.template(), m.sound("a", 64_000), m.sound("b", 192_000))
    found = arrange(m.period(radio), select="top")

    assert names(found) == ["audio-64k", "audio-192k"]
    assert found.names == ["audio-192k"]


def test_the_selector_chooses_pictures() -> None:
    """`top` and conditions choose among video; the sound comes along."""
    sound = m.audio(m.template(), m.sound())

    assert arrange(m.period(VIDEO, sound), select="top").names == ["720p-2500k", "audio-128k"]
    assert arrange(m.period(VIDEO, sound), select="height<=360").names == ["360p-800k", "audio-128k"]
    assert arrange(m.period(VIDEO, sound), select="1080p").names == []


def test_sound_of_unknown_codec_is_sound() -> None:
    """The content type decides, whatever the codec is called."""
    sound = m.audio(m.template(), m.sound("a", 64_000, codecs="xyzw.1"))

    assert names(arrange(m.period(VIDEO, sound)))[2] == "audio-64k"


def test_a_rendition_keeps_its_name_over_periods() -> None:
    """A Representation of one id and height is one rendition, though its bandwidth is measured anew."""
    again = m.video(m.template(), m.rung("1", 2_503_117), m.rung("2", 799_000, "640x360"))
    found = arrange(m.period(VIDEO, duration="PT20S"), m.period(again))

    assert found.names == ["720p-2500k", "360p-800k"]
    assert [track.rendition.bandwidth_bps for track in found.of("720p-2500k")] == [2_500_000, 2_503_117]


def test_a_rendition_keeps_its_name_over_updates() -> None:
    """The Period that named a rendition may leave the MPD; the name stays."""
    ladder = Ladder(parse_selector("all"))
    again = m.video(m.template(), m.rung("1", 2_503_117))
    arrange(m.period(VIDEO), ladder=ladder)

    assert arrange(m.period(again), ladder=ladder).names == ["720p-2500k"]


def test_equal_renditions_of_other_ids_are_one() -> None:
    """Periods of other packagers may number otherwise: equal height and bandwidth is the same rendition."""
    other = m.video(m.template(), m.rung("hi"), m.rung("lo", 800_000, "640x360"))
    found = arrange(m.period(VIDEO, duration="PT20S"), m.period(other))

    assert found.names == ["720p-2500k", "360p-800k"]


def test_an_ad_with_another_ladder() -> None:
    """Renditions that only one Period has are listed with that Period alone."""
    ad = m.video(m.template(), m.rung("ad", 1_200_000, "1024x576"))
    found = arrange(m.period(VIDEO, duration="PT20S"), m.period(ad, duration="PT10S"), m.period(VIDEO))

    assert found.names == ["720p-2500k", "360p-800k", "576p-1200k"]
    assert [list(tracks) for tracks in found.tracks] == [
        ["720p-2500k", "360p-800k"],
        ["576p-1200k"],
        ["720p-2500k", "360p-800k"],
    ]
    steps = [step.at_s for step in found.steps("720p-2500k", -1.0, lambda one: one)]
    assert steps == [2.0 * at for at in (*range(10), *range(15, 30))]


def test_thousands_of_names_are_forgotten() -> None:
    """A packager that invents ids with every Period does not make memory grow."""
    ladder = Ladder(parse_selector("all"))
    for number in range(600):
        found = arrange(m.period(m.video(m.template(), m.rung(f"r{number}", 1000 + number))), ladder=ladder)
        assert found.names == [f"720p-{round((1000 + number) / 1000)}k"]

    assert len(ladder._names) == 256
