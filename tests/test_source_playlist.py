"""Playlists: what is read of them, and the exact line that a broken one ends in."""

from __future__ import annotations

from datetime import timedelta

import m3u8
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import playlists as m3u
from broken_playlists import BROKEN
from playlists import EPOCH
from qoed.errors import ErrorReason
from qoed.source.hls.model import MediaPlaylist
from qoed.source.hls.playlist import PlaylistError, parse_playlist

URL = "https://user:pass@origin.example/live/index.m3u8?token=S3CR3T"
SHOWN = "https://origin.example/live/index.m3u8"
T = m3u.target(6)


def media(text: str, url: str = URL, **more: object) -> MediaPlaylist:
    found = parse_playlist(text.encode(), url, **more)  # type: ignore[arg-type]
    assert isinstance(found, MediaPlaylist)
    return found


@pytest.mark.parametrize(("body", "text"), BROKEN.values(), ids=BROKEN)
def test_broken_playlist_ends_in_one_exact_line(body: bytes | str, text: str) -> None:
    """A broken playlist is refused with one line that names the fault and the redacted URL."""
    with pytest.raises(PlaylistError) as caught:
        parse_playlist(body if isinstance(body, bytes) else body.encode(), URL)

    assert str(caught.value) == f"playlist invalid, {text}: {SHOWN}"
    assert caught.value.reason is ErrorReason.SOURCE_INVALID


def test_live_window_gives_segments_with_numbers_and_absolute_uris() -> None:
    """A live list gives each segment its sequence number, duration and absolute URI."""
    found = media(m3u.playlist(T, m3u.sequence(41), m3u.inf(5.5, "a.ts?x=1"), m3u.inf(6, "/b.ts")))

    assert [(s.sequence, s.duration_s, s.uri.split("@")[1]) for s in found.segments] == [
        (41, 5.5, "origin.example/live/a.ts?x=1"),
        (42, 6.0, "origin.example/b.ts"),
    ]
    assert (found.target_duration_s, found.end_sequence, found.endlist) == (6.0, 43, False)


def test_windows_line_ends_and_byte_order_mark_are_read() -> None:
    """CRLF and a byte order mark do not blind the monitor."""
    text = m3u.playlist(T, m3u.inf(6, "a.ts"), m3u.endlist()).replace("\n", "\r\n")
    found = parse_playlist(b"\xef\xbb\xbf" + text.encode(), URL)

    assert isinstance(found, MediaPlaylist)
    assert found.endlist
    assert found.segments[0].uri.endswith("/a.ts")


def test_fractional_target_duration_is_taken_as_it_is() -> None:
    """A target duration with a fraction, which some packagers write, is read."""
    assert media(m3u.playlist(m3u.target("6.006"), m3u.inf(6, "a.ts"))).target_duration_s == 6.006


def test_program_date_time_runs_on_from_segment_to_segment() -> None:
    """A date-time dates the segments that follow it, by their durations."""
    found = media(m3u.playlist(T, m3u.inf(5, "a.ts"), m3u.inf(6, "b.ts", m3u.pdt(100)), m3u.inf(6, "c.ts")))

    assert [s.program_date_time for s in found.segments] == [
        None,
        EPOCH + timedelta(seconds=100),
        EPOCH + timedelta(seconds=106),
    ]


def test_naive_date_time_is_utc() -> None:
    """A date-time without zone is taken as UTC, so that it can be compared."""
    found = media(m3u.playlist(T, m3u.tag("PROGRAM-DATE-TIME", "2026-01-01T00:00:00"), m3u.inf(6, "a.ts")))

    assert found.segments[0].program_date_time == EPOCH


def test_byte_ranges_follow_each_other() -> None:
    """A byte range without offset begins where the one before it ends."""
    found = media(
        m3u.playlist(
            T,
            m3u.inf(6, "a.ts", m3u.byterange(100, 50)),
            m3u.inf(6, "a.ts", m3u.byterange(20)),
            m3u.inf(6, "b.ts"),
        )
    )

    assert [s.byte_range for s in found.segments] == [(50, 100), (150, 20), None]


def test_init_section_changes_over_a_discontinuity() -> None:
    """Each segment carries the init section in force, with its byte range."""
    found = media(
        m3u.playlist(
            T,
            m3u.ext_map("i.mp4", "600@10"),
            m3u.inf(6, "1.m4s"),
            m3u.discontinuity(),
            m3u.ext_map("j.mp4", "500"),
            m3u.inf(6, "2.m4s"),
        )
    )
    first, second = (s.init for s in found.segments)

    assert first is not None
    assert second is not None
    assert (first.uri.rsplit("/", 1)[1], first.byte_range) == ("i.mp4", (10, 600))
    assert (second.uri.rsplit("/", 1)[1], second.byte_range) == ("j.mp4", (0, 500))
    assert [s.discontinuity for s in found.segments] == [False, True]


def test_gap_is_marked() -> None:
    """EXT-X-GAP marks its segment, and that one only."""
    found = media(m3u.playlist(T, m3u.inf(6, "1.ts", m3u.gap()), m3u.inf(6, "2.ts")))

    assert [s.gap for s in found.segments] == [True, False]


def test_unknown_and_broken_tags_that_nobody_needs_are_ignored() -> None:
    """A malformed tag that has no part in monitoring does not blind the monitor."""
    junk = ["#EXT-X-DATERANGE:x", "#EXT-X-MEDIA-READY:1", "#EXT-X-CUE-OUT:=", "# comment", "#EXT-X-START:?"]
    found = media(m3u.playlist(T, *junk, m3u.inf(6, "1.ts")))

    assert len(found.segments) == 1


def test_skipped_segments_count_in_the_sequence() -> None:
    """In a delta update the first listed segment is numbered after those that were skipped."""
    found = media(m3u.playlist(T, m3u.sequence(10), m3u.tag("SKIP", SKIPPED_SEGMENTS=3), m3u.inf(6, "13.ts")))

    assert found.segments[0].sequence == 13


def test_variables_are_substituted() -> None:
    """EXT-X-DEFINE by value, by import and by query parameter ends up in URIs and attributes."""
    found = media(
        m3u.playlist(
            m3u.define(NAME="dir", VALUE="hd"),
            m3u.define(IMPORT="auth"),
            m3u.define(QUERYPARAM="token"),
            T,
            m3u.key("AES-128", "{$dir}.key"),
            m3u.inf(6, "{$dir}/1.ts?{$auth}&{$token}"),
        ),
        variables={"auth": "a=1"},
    )

    assert found.segments[0].uri.endswith("/live/hd/1.ts?a=1&S3CR3T")
    assert found.segments[0].key is not None
    assert str(found.segments[0].key.uri).endswith("/live/hd.key")


def test_uris_with_tokens_stay_out_of_repr() -> None:
    """A playlist's repr, which may reach a log, holds no URI."""
    found = media(m3u.playlist(T, m3u.key("AES-128", "k?S3CR3T"), m3u.inf(6, "a.ts?S3CR3T")))

    assert "S3CR3T" not in repr(found)


TAGS = st.lists(
    st.sampled_from(
        [
            m3u.discontinuity(),
            m3u.gap(),
            m3u.key("AES-128", "k1", "0x1"),
            m3u.key("AES-128", "k2"),
            m3u.ext_map("i.mp4", "10@0"),
            m3u.ext_map("j.mp4"),
            "# a comment",
            "",
        ]
    ),
    unique=True,
    max_size=3,
)
SEGMENTS = st.lists(st.tuples(TAGS, st.integers(0, 60_000), st.booleans()), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(SEGMENTS, st.integers(0, 10**6), st.integers(0, 11), st.booleans())
def test_ordinary_playlists_are_read_as_by_others(
    segments: list[tuple[list[str], int, bool]], first: int, dated_from: int, ended: bool
) -> None:
    """On ordinary playlists a parser of other authors (m3u8) sees the same segments."""
    listed = []
    for number, (tags, milliseconds, ranged) in enumerate(segments):
        dates = [m3u.pdt(number * 100)] if number == dated_from else []
        span = [m3u.byterange(10 + number, number * 100)] if ranged else []
        listed.append(m3u.inf(f"{milliseconds / 1000:.3f}", f"s/{number}.ts?x=1", *tags, *dates, *span))
    text = m3u.playlist(T, m3u.sequence(first), *listed, *([m3u.endlist()] if ended else []))
    theirs, ours = (
        m3u8.loads(text, uri="https://o.example/live/index.m3u8"),
        media(text, "https://o.example/live/index.m3u8"),
    )

    assert (ours.endlist, ours.media_sequence) == (theirs.is_endlist, theirs.media_sequence)
    for one, other in zip(ours.segments, theirs.segments, strict=True):
        assert (one.uri, one.duration_s) == (other.absolute_uri, other.duration)
        assert one.sequence == other.media_sequence
        assert (one.discontinuity, one.gap) == (other.discontinuity, bool(other.gap_tag))
        assert one.program_date_time == other.current_program_date_time
        span = None if one.byte_range is None else f"{one.byte_range[1]}@{one.byte_range[0]}"
        assert span == other.byterange
        assert (one.key and one.key.uri) == (other.key and other.key.absolute_uri)
        assert (one.init and one.init.uri) == (other.init_section and other.init_section.absolute_uri)


LINES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            T,
            m3u.sequence(7),
            m3u.inf(6, "a.ts"),
            m3u.discontinuity(),
            m3u.gap(),
            m3u.endlist(),
            m3u.pdt(0),
            m3u.key("AES-128", "k", "0x1"),
            m3u.key("NONE"),
            m3u.ext_map("i.mp4", "10@0"),
            m3u.byterange(10),
            m3u.byterange(10, 5),
            m3u.variant("v.m3u8", 1000),
            m3u.define(NAME="x", VALUE="{$x}"),
            "#EXTINF:",
            "#EXT-X-KEY:,=,",
            "#EXT-X-MAP",
            "#EXT-X-STREAM-INF:=,",
            "#EXT-X-SKIP:SKIPPED-SEGMENTS=-9",
            m3u.skip(3),
            m3u.part(1, "p.mp4", span="10"),
            m3u.part("nan", "p.mp4", span="10@5"),
            m3u.part_inf("0"),
            m3u.server_control(skip_until_s=1, part_hold_back_s=1),
            m3u.hint("p.mp4", start=-1),
            m3u.report("v.m3u8", "x", 1),
            m3u.tag("DATERANGE", 'ID="a",START-DATE="x",DURATION=-1,END-ON-NEXT=NO,CUE="PRE,POST"'),
            m3u.tag(
                "DATERANGE", 'ID="a",START-DATE="2026-01-01T00:00:00Z",END-DATE="0001-01-01T00:00:00+10:00"'
            ),
            m3u.tag("CUE-OUT", "DURATION=x"),
            m3u.tag("SCTE35", "CUE-OUT=YES,DURATION=-3"),
            m3u.tag("START", "TIME-OFFSET=1e400"),
            m3u.tag("BITRATE", "9" * 30),
            m3u.tag("VERSION", "９"),
            m3u.tag("MEDIA", 'TYPE=AUDIO,GROUP-ID="a",NAME="b",URI="file:///etc"'),
            "{$x}",
            "http://[",
            "http://u:S3CR3T/x",
        ]
    ),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(LINES, max_size=12))
def test_any_text_is_a_playlist_or_a_playlist_error(lines: list[str]) -> None:
    """Whatever an origin sends, it is either read or refused as invalid; nothing else comes out."""
    refused = ""
    try:
        parse_playlist(m3u.playlist(*lines).encode("utf-8", "surrogatepass"), URL)
    except PlaylistError as error:
        refused = str(error)

    assert "\n" not in refused
    assert "S3CR3T" not in refused
