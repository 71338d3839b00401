"""Which segments a Representation has: numbers, times, windows, all by arithmetic."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mpds as m
from qoed.source.dash.addressing import MediaSegment, listed_end_s, segments
from qoed.source.dash.mpd import Period, Representation
from qoed.source.dash.parse import parse_mpd

URL = "http://origin.example/tv/x.mpd"
BASE = "http://origin.example/tv/"


def place(
    *how: str, rung: str = "", period: dict[str, object] | None = None
) -> tuple[Representation, Period]:
    """The Representation of a static MPD of ten seconds, and its Period."""
    text = m.mpd(
        m.period(m.video(*how, rung or m.rung("v", 1000)), **(period or {})),
        mediaPresentationDuration="PT10S",
    )
    (found,) = parse_mpd(text.encode(), URL).periods
    return found.sets[0].representations[0], found


def live(*how: str) -> tuple[Representation, Period]:
    """The same of a live MPD whose Period is open."""
    text = m.live_mpd(m.period(m.video(*how, m.rung("v", 1000)), start="PT100S"))
    (found,) = parse_mpd(text.encode(), URL).periods
    return found.sets[0].representations[0], found


def listed(at: tuple[Representation, Period], from_s: float = 0.0, most: int = 100) -> list[MediaSegment]:
    return list(islice(segments(*at, from_s), most))


def names(found: list[MediaSegment]) -> list[str]:
    return [segment.urls[0].removeprefix(BASE) for segment in found]


def test_numbers_and_their_times() -> None:
    """$Number$ with a constant duration: each segment its number, name, start and length."""
    found = listed(place(m.template(startNumber=5)))

    assert names(found) == [f"v/{number}.m4s" for number in range(5, 10)]
    assert [(each.number, each.start_s, each.duration_s) for each in found] == [
        (5 + index, 2.0 * index, 2.0) for index in range(5)
    ]
    assert found[0].init is not None
    assert found[0].init.urls == (f"{BASE}v/init.mp4",)


def test_the_last_one_may_be_shorter() -> None:
    """A Period that ends within a segment cuts it short; a mere rest of it holds no segment."""
    assert [each.duration_s for each in listed(place(m.template(duration=4000)))] == [4.0, 4.0, 2.0]
    assert len(listed(place(m.template(duration=2000), period={"duration": "PT8.02S"}))) == 4


def test_end_number_ends() -> None:
    """@endNumber is the last number there is."""
    assert names(listed(place(m.template(endNumber=2)))) == ["v/1.m4s", "v/2.m4s"]


@pytest.mark.parametrize(
    ("media", "name"),
    [
        ("$RepresentationID$-$Bandwidth$-$Number%06d$.m4s", "v-1000-000003.m4s"),
        ("$Time$.m4s", "4000.m4s"),
        ("a$$b$Number%02d$", "a$b03"),
        ("chunk-stream$RepresentationID$-$Number%05d$.webm", "chunk-streamv-00003.webm"),
    ],
)
def test_templates_are_filled(media: str, name: str) -> None:
    """All identifiers and widths of 5.3.9.4.4 are understood."""
    assert names(listed(place(m.template(media=media))))[2] == name


def test_a_timeline_is_followed() -> None:
    """S elements with @t, @d and @r give times and numbers; offsets shift them to the Period's start."""
    found = listed(
        place(
            m.template(
                m.timeline(m.s(3000, t=50_000, r=1), m.s(1000), m.s(3000)),
                media="$Time$",
                presentationTimeOffset=50_000,
            )
        )
    )

    assert names(found) == ["50000", "53000", "56000", "57000"]
    assert [(each.number, each.start_s, each.duration_s) for each in found] == [
        (1, 0.0, 3.0),
        (2, 3.0, 3.0),
        (3, 6.0, 1.0),
        (4, 7.0, 3.0),
    ]


def test_a_negative_repeat_goes_on_to_the_next_s_and_to_the_end() -> None:
    """@r of -1 repeats up to the next @t, and at last up to the Period's end."""
    found = listed(
        place(m.template(m.timeline(m.s(1000, t=0, r=-1), m.s(2000, t=3000, r=-1)), media="$Time$"))
    )

    assert names(found) == ["0", "1000", "2000", "3000", "5000", "7000", "9000"]
    assert found[-1].duration_s == 2.0


def test_a_negative_repeat_of_an_open_period_has_no_end() -> None:
    """In a live Period @r of -1 promises segments for as long as time goes on."""
    found = listed(live(m.template(m.timeline(m.s(2000, t=0, r=-1)), media="$Time$")), 130.0, 3)

    assert names(found) == ["30000", "32000", "34000"]
    assert [each.listed for each in found] == [False, False, False]


def test_windows_begin_anywhere() -> None:
    """A segment belongs to a window when more than half of it lies within."""
    at = live(m.template())

    assert [each.number for each in listed(at, 100.0, 2)] == [1, 2]
    assert [each.number for each in listed(at, 100.9, 1)] == [1]
    assert [each.number for each in listed(at, 101.1, 1)] == [2]
    assert [each.number for each in listed(at, 1e9, 1)] == [499_999_951]


@pytest.mark.parametrize(("said", "early_s"), [("0.5", 0.5), ("1.5", 1.5), ("INF", 2.0), ("9", 2.0)])
def test_segments_may_be_asked_for_early(said: str, early_s: float) -> None:
    """@availabilityTimeOffset counts, but no segment is asked for before its first byte can be made."""
    (found,) = listed(live(m.template(availabilityTimeOffset=said)), 100.0, 1)

    assert found.early_s == early_s


def test_lists_give_ranges() -> None:
    """SegmentList with byte ranges of one file, whose name is the BaseURL's."""
    urls = [m.tag("SegmentURL", mediaRange=f"{at}-{at + 99}") for at in (100, 200)]
    rung = m.rung("v", 1, "2x2", m.base("v.mp4"), m.tag("SegmentList", *urls, duration=5))
    found = listed(place(rung=rung))

    assert [each.byte_range for each in found] == [(100, 100), (200, 100)]
    assert names(found) == ["v.mp4", "v.mp4"]


def test_a_whole_file_is_one_segment() -> None:
    """A Representation that is only a BaseURL is one segment as long as its Period."""
    found = listed(place(rung=m.rung("v", 1, "2x2", m.base("v.mp4"))))

    assert [(each.urls[0], each.duration_s, each.init) for each in found] == [(f"{BASE}v.mp4", 10.0, None)]


def test_alternatives_come_with_each_segment() -> None:
    """Each BaseURL gives each segment a URL."""
    rung = m.rung("v", 1, "2x2", m.base("a/"), m.base("http://b.example/"))
    found = listed(place(m.template(), rung=rung))

    assert found[0].urls == (f"{BASE}a/v/1.m4s", "http://b.example/v/1.m4s")


def test_huge_timelines_cost_nothing() -> None:
    """A billion segments in one S are stepped over, not through."""
    at = live(m.template(m.timeline(m.s(2, t=0, r=10**9)), media="$Time$", timescale=1))

    assert names(listed(at, 10**9, 2)) == ["999999900", "999999902"]
    assert listed_end_s(*at) == 100 + 2 * (10**9 + 1)


_ENTRY = st.tuples(st.integers(1, 5000), st.integers(0, 4), st.one_of(st.none(), st.integers(0, 3000)))


@settings(max_examples=150, deadline=None)
@given(entries=st.lists(_ENTRY, min_size=1, max_size=8), from_s=st.integers(0, 60_000))
def test_arithmetic_equals_expansion(entries: list[tuple[int, int, int | None]], from_s: int) -> None:
    """Whatever timeline: the window has the segments that writing all of them out gives."""
    expected, at, texts = [], 0, []
    for duration, repeat, hole in entries:
        at += hole or 0
        texts.append(m.s(duration, t=None if hole is None else at, r=repeat or None))
        for _ in range(repeat + 1):
            expected.append((at, duration))
            at += duration
    wanted = [(time, length) for time, length in expected if 2 * time + length > 2 * from_s]

    found = listed(live(m.template(m.timeline(*texts), media="$Time$")), 100 + from_s / 1000, 1000)

    assert [
        (int(name), round(each.duration_s * 1000)) for name, each in zip(names(found), found, strict=True)
    ] == wanted
    assert [each.number for each in found] == list(range(len(expected) - len(wanted) + 1, len(expected) + 1))
