"""What is read of a media playlist beyond its segments: header, keys, ad markers, date ranges."""

from __future__ import annotations

from datetime import timedelta

import pytest

import playlists as m3u
from playlists import EPOCH
from qoed.source.hls.model import DateRange, MediaPlaylist
from qoed.source.hls.playlist import parse_playlist

T = m3u.target(6)
A = m3u.inf(6, "a.ts")


def media(*lines: str) -> MediaPlaylist:
    found = parse_playlist(m3u.playlist(*lines).encode(), "https://o.example/live/index.m3u8")
    assert isinstance(found, MediaPlaylist)
    return found


def test_header_is_read() -> None:
    """Version, type, discontinuity sequence, start and independence are what the tags say."""
    found = media(
        m3u.version(7),
        T,
        m3u.tag("PLAYLIST-TYPE", "EVENT"),
        m3u.tag("DISCONTINUITY-SEQUENCE", 40),
        m3u.tag("START", TIME_OFFSET=-18.5, PRECISE="YES"),
        m3u.tag("INDEPENDENT-SEGMENTS"),
        A,
        m3u.inf(6, "b.ts", m3u.discontinuity()),
        m3u.inf(6, "c.ts"),
    )

    assert (found.version, found.playlist_type, found.start_offset_s) == (7, "EVENT", -18.5)
    assert (found.discontinuity_sequence, "INDEPENDENT-SEGMENTS" in found.tags) == (40, True)
    assert [segment.discontinuity_sequence for segment in found.segments] == [40, 41, 41]
    assert found.problems == ()


def test_playlist_without_a_header_says_nothing() -> None:
    """What a playlist does not say is none, not a default."""
    found = media(T, A)

    assert (found.version, found.playlist_type, found.start_offset_s, found.part_target_s) == (None,) * 4
    assert (found.fractional, found.tags, found.keys) == (False, frozenset({"TARGETDURATION"}), ())


def test_tags_in_use_are_named() -> None:
    """The names of all tags are kept, of unknown ones too, for whoever judges by version."""
    found = media(
        T, m3u.ext_map("i.mp4"), m3u.tag("I-FRAMES-ONLY"), m3u.tag("NEWS", 1), m3u.inf(6.5, "a.mp4")
    )

    assert found.tags == {"TARGETDURATION", "MAP", "I-FRAMES-ONLY", "NEWS"}
    assert found.fractional


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((m3u.version("x"), T, A), "line 2 (#EXT-X-VERSION) has a value that is no decimal integer"),
        ((T, m3u.tag("PLAYLIST-TYPE", "LIVE"), A), "line 3 (#EXT-X-PLAYLIST-TYPE) is neither VOD nor EVENT"),
        ((T, m3u.target(7), A), "line 3 (#EXT-X-TARGETDURATION) comes twice"),
        ((T, m3u.tag("START", "PRECISE=YES"), A), "line 3 (#EXT-X-START) has no TIME-OFFSET"),
        ((T, m3u.tag("START", "?"), A), "line 3 (#EXT-X-START) is no attribute list"),
        (
            (T, A, m3u.tag("DISCONTINUITY-SEQUENCE", 1)),
            "line 5 (#EXT-X-DISCONTINUITY-SEQUENCE) comes after a discontinuity or a segment",
        ),
        ((T, "b.ts", A), "line 3 names a URI without EXTINF"),
        (
            (T, m3u.tag("BITRATE", "fast"), A),
            "line 3 (#EXT-X-BITRATE) has a value that is no decimal integer",
        ),
        ((T, m3u.tag("DATERANGE", "x"), A), "line 3 (#EXT-X-DATERANGE) is no attribute list"),
        ((T, m3u.tag("CUE-OUT", "soon"), A), "line 3 (#EXT-X-CUE-OUT) has a value that is no number"),
    ],
)
def test_rules_broken_are_noted_and_the_rest_is_read(lines: tuple[str, ...], problem: str) -> None:
    """A tag that breaks its rules does not blind the monitor, and is named with its line."""
    found = media(*lines)

    assert found.problems == (problem,)
    assert [segment.uri.rsplit("/", 1)[1] for segment in found.segments] == ["a.ts"]
    assert found.target_duration_s == 6.0


def test_problems_are_bounded() -> None:
    """Thousands of broken tags are named thirty-two times."""
    assert len(media(T, *["stray.ts"] * 1000, A).problems) == 32


def test_bitrate_applies_until_the_next_one() -> None:
    """EXT-X-BITRATE holds for the segments that follow it."""
    found = media(T, A, m3u.tag("BITRATE", 800), A, A, m3u.tag("BITRATE", 900), A)

    assert [segment.bitrate_bps for segment in found.segments] == [None, 800_000, 800_000, 900_000]


def test_own_dates_are_told_from_counted_ones() -> None:
    """A segment with a date-time of its own is marked, and those after it are dated by durations."""
    found = media(T, m3u.inf(6, "a.ts", m3u.pdt(0)), A, m3u.inf(6, "c.ts", m3u.pdt(20)))

    assert [segment.dated for segment in found.segments] == [True, False, True]
    assert found.segments[1].program_date_time == EPOCH + timedelta(seconds=6)


# --- keys


def test_keys_apply_until_the_next_one() -> None:
    """AES-128 keys, their IV and METHOD=NONE apply to the segments and the init section that follow them."""
    found = media(
        T,
        m3u.ext_map("clear.mp4"),
        m3u.inf(6, "1.m4s"),
        m3u.key("AES-128", "k1", "0x10"),
        m3u.ext_map("secret.mp4"),
        m3u.inf(6, "2.m4s"),
        m3u.key("NONE"),
        m3u.inf(6, "3.m4s"),
    )
    clear, secret, after = found.segments

    assert clear.key is None
    assert clear.init is not None
    assert clear.init.key is None
    assert secret.key is not None
    assert secret.key.iv == bytes(15) + b"\x10"
    assert secret.init is not None
    assert secret.init.key == secret.key
    assert after.key is None
    assert [key.method for key in found.keys] == ["AES-128", "NONE"]


def test_of_several_keys_the_usable_one_is_taken() -> None:
    """Keys of other formats beside an AES-128 key do not hide it, in whatever order they come."""
    ours = m3u.key("AES-128", "k1")
    other = m3u.tag("KEY", METHOD="SAMPLE-AES", URI='"skd://x"', KEYFORMAT='"com.apple.streamingkeydelivery"')
    found = media(T, ours, other, A, m3u.key("NONE"), other, ours, A, m3u.key("NONE"), other, A)
    methods = [segment.key and segment.key.method for segment in found.segments]

    assert methods == ["AES-128", "AES-128", "SAMPLE-AES"]
    assert [(key.key_format, key.uri) for key in found.keys] == [
        (None, "https://o.example/live/k1"),
        ("com.apple.streamingkeydelivery", "skd://x"),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("attributes", "problems"),
    [
        ('METHOD=AES-128,URI="k",IV=0x1', ()),
        ('METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="x",KEYFORMATVERSIONS="1/2"', ()),
        ("METHOD=NONE", ()),
        ("METHOD=AES-128", ("METHOD=AES-128 has no URI",)),
        ("METHOD=SAMPLE-AES", ("METHOD=SAMPLE-AES has no URI",)),
        ('METHOD=ROT13,URI="k"', ("METHOD=ROT13 is not defined",)),
        ('METHOD=AES-128,URI="k",IV=0xZZ', ("IV is not a 128-bit hexadecimal number",)),
        (f'METHOD=AES-128,URI="k",IV=0x{"0" * 33}', ("IV is not a 128-bit hexadecimal number",)),
        ('METHOD=NONE,URI="k"', ("METHOD=NONE comes with URI",)),
        (
            'METHOD=SAMPLE-AES,URI="k",KEYFORMATVERSIONS="one"',
            ("KEYFORMATVERSIONS is no list of positive integers",),
        ),
    ],
)
def test_rules_of_keys(attributes: str, problems: tuple[str, ...]) -> None:
    """A key that breaks the rules is known as such, and the playlist is read."""
    (key,) = media(T, m3u.tag("KEY", attributes), A).keys

    assert key.problems == problems


# --- ad markers


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("#EXT-X-CUE-OUT:30", 30.0),
        ("#EXT-X-CUE-OUT:30.500", 30.5),
        ("#EXT-X-CUE-OUT", 0.0),
        ("#EXT-X-CUE-OUT:", 0.0),
        ("#EXT-X-CUE-OUT:DURATION=30", 30.0),
        ('#EXT-X-CUE-OUT:DURATION="29.97",BREAKID=7', 29.97),
        ("#EXT-X-CUE-OUT:ID=7,Duration=15", 15.0),
        ("#EXT-OATCLS-SCTE35:/DAlAA==\n#EXT-X-ASSET:CAID=0x1\n#EXT-X-CUE-OUT:60", 60.0),
        ('#EXT-X-SCTE35:TYPE=0x34,CUE-OUT=YES,DURATION=45,CUE="/DAl"', 45.0),
    ],
)
def test_breaks_are_read_in_their_usual_spellings(line: str, seconds: float) -> None:
    """A break begins with the segment after the marker and has the seconds that were announced."""
    found = media(T, A, line, A, "#EXT-X-CUE-OUT-CONT:8/30", A, "#EXT-X-CUE-IN", A)

    assert [segment.cue_out_s for segment in found.segments] == [None, seconds, None, None]
    assert [segment.cue_continues for segment in found.segments] == [False, False, True, False]
    assert [segment.cue_in for segment in found.segments] == [False, False, False, True]


@pytest.mark.parametrize(
    "line", ["#EXT-X-CUE-OUT-CONT:ElapsedTime=4,Duration=30", "#EXT-X-SCTE35:CUE-OUT=CONT,CUE=x"]
)
def test_break_that_goes_on_is_marked(line: str) -> None:
    """A marker that says that a break goes on is read in both spellings."""
    assert media(T, line, A).segments[0].cue_continues


def test_end_of_a_break_is_read_in_its_second_spelling() -> None:
    """EXT-X-SCTE35 with CUE-IN ends a break."""
    assert media(T, "#EXT-X-SCTE35:CUE-IN=YES", A).segments[0].cue_in


# --- date ranges


def ranges(*attributes: str) -> tuple[DateRange, ...]:
    return media(T, *(m3u.tag("DATERANGE", one) for one in attributes), A).date_ranges


def test_date_range_is_read() -> None:
    """Dates, durations, class and splices are there; client attributes are no fault, and are not shown."""
    (found,) = ranges(
        'ID="ad-1",CLASS="com.example.ad",START-DATE="2026-01-01T00:00:10Z",PLANNED-DURATION=30,'
        'CUE="ONCE,PRE",SCTE35-OUT=0xFC30,X-ASSET="https://a/?t=S3CR3T",X-N=3'
    )

    assert (found.id, found.class_name, found.planned_duration_s) == ("ad-1", "com.example.ad", 30.0)
    assert found.start == EPOCH + timedelta(seconds=10)
    assert found.scte35_out == "0xFC30"
    assert found.problems == ()
    assert "S3CR3T" not in repr(found)


BEGIN = 'ID="a",START-DATE="2026-01-01T00:00:00Z"'


@pytest.mark.parametrize(
    ("attributes", "problems"),
    [
        (BEGIN, ()),
        (f'{BEGIN},DURATION=10,END-DATE="2026-01-01T00:00:10.02Z"', ()),
        (f'{BEGIN},CLASS="x",END-ON-NEXT=YES', ()),
        ('START-DATE="2026-01-01T00:00:00Z"', ("it has no ID",)),
        ('ID="a"', ("it has no START-DATE",)),
        ('ID="a",START-DATE="soon"', ("START-DATE cannot be read",)),
        (f'{BEGIN},END-DATE="2025-12-31T23:59:59Z"', ("END-DATE is before START-DATE",)),
        (f"{BEGIN},DURATION=-1", ("DURATION is negative",)),
        (f"{BEGIN},PLANNED-DURATION=-1", ("PLANNED-DURATION is negative",)),
        (f"{BEGIN},DURATION=long", ("DURATION cannot be read",)),
        (
            f'{BEGIN},DURATION=10,END-DATE="2026-01-01T00:00:20Z"',
            ("END-DATE is not START-DATE plus DURATION",),
        ),
        (f"{BEGIN},END-ON-NEXT=YES", ("END-ON-NEXT comes without CLASS",)),
        (f'{BEGIN},CLASS="x",END-ON-NEXT=NO', ("END-ON-NEXT is not YES",)),
        (f'{BEGIN},CLASS="x",END-ON-NEXT=YES,DURATION=1', ("END-ON-NEXT comes with DURATION",)),
        (f'{BEGIN},CUE="NOW"', ("CUE is none of PRE, POST and ONCE",)),
        (f'{BEGIN},CUE="PRE,POST"', ("CUE says both PRE and POST",)),
        (f"{BEGIN},SCTE35-IN=fc30", ("SCTE35-IN cannot be read",)),
    ],
)
def test_rules_of_date_ranges(attributes: str, problems: tuple[str, ...]) -> None:
    """A date range that breaks the rules is read as far as it goes, with what is wrong in words."""
    (found,) = ranges(attributes)

    assert found.problems == problems
    assert found.duration_s is None or found.duration_s >= 0


def test_only_the_last_date_ranges_of_many_are_read() -> None:
    """Of a list that never lets go of its date ranges, the newest count."""
    found = ranges(*(f'ID="{number}",START-DATE="2026-01-01T00:00:00Z"' for number in range(1000)))

    assert [one.id for one in found] == [str(number) for number in range(744, 1000)]
