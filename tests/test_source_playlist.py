"""Playlists: what is read of them, and the exact line that a broken one ends in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import playlists as m3u
from playlists import EPOCH
from qoed.errors import ErrorReason
from qoed.source.hls.model import MediaPlaylist, MultivariantPlaylist
from qoed.source.hls.playlist import PlaylistError, parse_playlist

URL = "https://user:pass@origin.example/live/index.m3u8?token=S3CR3T"
SHOWN = "https://origin.example/live/index.m3u8"
T = m3u.target(6)


def media(text: str, url: str = URL, **more: object) -> MediaPlaylist:
    found = parse_playlist(text.encode(), url, **more)  # type: ignore[arg-type]
    assert isinstance(found, MediaPlaylist)
    return found


def ladder(text: str) -> MultivariantPlaylist:
    found = parse_playlist(text.encode(), URL)
    assert isinstance(found, MultivariantPlaylist)
    return found


BROKEN = {
    "empty": (b"", "it is empty"),
    "blank": (b" \n\n", "it is empty"),
    "html": (b"<html>404</html>", "the first line is not #EXTM3U"),
    "json": (b'{"error": "gone"}', "the first line is not #EXTM3U"),
    "late header": (b"\n#EXTM3U\n", "the first line is not #EXTM3U"),
    "not utf-8": (b"#EXTM3U\n\xff\xfe", "it is not UTF-8"),
    "header only": (b"#EXTM3U\n", "it lists no segments and no variants"),
    "no target": (m3u.playlist(m3u.inf(6, "a.ts")), "it has no EXT-X-TARGETDURATION"),
    "target without value": (
        m3u.playlist("#EXT-X-TARGETDURATION", m3u.inf(6, "a.ts")),
        "line 2 (#EXT-X-TARGETDURATION) cannot be read",
    ),
    "target is a word": (
        m3u.playlist(m3u.target("six"), m3u.inf(6, "a.ts")),
        "line 2 (#EXT-X-TARGETDURATION) cannot be read",
    ),
    "target is nan": (
        m3u.playlist(m3u.target("nan"), m3u.inf(6, "a.ts")),
        "EXT-X-TARGETDURATION nan is out of range",
    ),
    "target is zero": (
        m3u.playlist(m3u.target(0), m3u.inf(6, "a.ts")),
        "EXT-X-TARGETDURATION 0 is out of range",
    ),
    "target is huge": (
        m3u.playlist(m3u.target(10**9), m3u.inf(6, "a.ts")),
        "EXT-X-TARGETDURATION 1e+09 is out of range",
    ),
    "sequence is a word": (
        m3u.playlist(T, m3u.sequence("x"), m3u.inf(6, "a.ts")),
        "line 3 (#EXT-X-MEDIA-SEQUENCE) cannot be read",
    ),
    "sequence is negative": (
        m3u.playlist(T, m3u.sequence(-1), m3u.inf(6, "a.ts")),
        "EXT-X-MEDIA-SEQUENCE -1 is out of range",
    ),
    "sequence beyond 64 bit": (
        m3u.playlist(T, m3u.sequence(2**64), m3u.inf(6, "a.ts")),
        f"EXT-X-MEDIA-SEQUENCE {2**64} is out of range",
    ),
    "duration is a word": (m3u.playlist(T, m3u.inf("x", "a.ts")), "line 3 (#EXTINF) cannot be read"),
    "duration is missing": (m3u.playlist(T, "#EXTINF", "a.ts"), "line 3 (#EXTINF) cannot be read"),
    "duration is negative": (
        m3u.playlist(T, m3u.inf(-6, "a.ts")),
        "EXTINF -6 of segment 0 is out of range",
    ),
    "duration is infinite": (
        m3u.playlist(T, m3u.inf("inf", "a.ts")),
        "EXTINF inf of segment 0 is out of range",
    ),
    "duration is infinite and dated": (
        m3u.playlist(T, m3u.inf("inf", "a.ts", m3u.pdt(0)), m3u.inf(6, "b.ts")),
        "line 4 (#EXTINF) cannot be read",
    ),
    "date-time is a word": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.tag("PROGRAM-DATE-TIME", "yesterday"))),
        "line 3 (#EXT-X-PROGRAM-DATE-TIME) cannot be read",
    ),
    "date-time before time": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.tag("PROGRAM-DATE-TIME", "0001-01-01T00:00:00+09:00"))),
        "date value out of range",
    ),
    "date-time after time": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.tag("PROGRAM-DATE-TIME", "9999-12-31T23:59:59Z"))),
        "line 4 (#EXTINF) cannot be read",
    ),
    "range is a word": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.byterange("all"))),
        "EXT-X-BYTERANGE 'all' cannot be read",
    ),
    "range is empty": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.byterange(0, 0))),
        "EXT-X-BYTERANGE '0@0' cannot be read",
    ),
    "range follows nothing": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.byterange(100))),
        "EXT-X-BYTERANGE without offset follows no range of the same resource",
    ),
    "range follows another file": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.byterange(100, 0)), m3u.inf(6, "b.ts", m3u.byterange(100))),
        "EXT-X-BYTERANGE without offset follows no range of the same resource",
    ),
    "key without method": (
        m3u.playlist(T, m3u.tag("KEY", URI=m3u.quoted("k")), m3u.inf(6, "a.ts")),
        "EXT-X-KEY has no METHOD",
    ),
    "key without uri": (
        m3u.playlist(T, m3u.key("AES-128"), m3u.inf(6, "a.ts")),
        "EXT-X-KEY with METHOD=AES-128 has no URI",
    ),
    "key is junk": (
        m3u.playlist(T, m3u.tag("KEY", "AES"), m3u.inf(6, "a.ts")),
        "line 3 (#EXT-X-KEY) cannot be read",
    ),
    "iv is no number": (
        m3u.playlist(T, m3u.key("AES-128", "k", "0xZZ"), m3u.inf(6, "a.ts")),
        "EXT-X-KEY has an IV that is not a 128-bit hexadecimal number",
    ),
    "iv is too long": (
        m3u.playlist(T, m3u.key("AES-128", "k", "0x" + "0" * 33), m3u.inf(6, "a.ts")),
        "EXT-X-KEY has an IV that is not a 128-bit hexadecimal number",
    ),
    "map without uri": (
        m3u.playlist(T, m3u.tag("MAP", BYTERANGE='"10@0"'), m3u.inf(6, "a.ts")),
        "EXT-X-MAP has no URI",
    ),
    "local segment": (
        m3u.playlist(T, m3u.inf(6, "file:///etc/passwd")),
        "it names a URI of scheme 'file', which is not fetched",
    ),
    "local init section": (
        m3u.playlist(T, m3u.ext_map("file:///etc/passwd"), m3u.inf(6, "a.ts")),
        "it names a URI of scheme 'file', which is not fetched",
    ),
    "local key": (
        m3u.playlist(T, m3u.key("AES-128", "file:///etc/passwd"), m3u.inf(6, "a.ts")),
        "it names a URI of scheme 'file', which is not fetched",
    ),
    "uri with a bad port": (
        m3u.playlist(T, m3u.inf(6, "http://x:99999/a.ts")),
        "it names something that is no URL",
    ),
    "ended and empty": (m3u.playlist(T, m3u.endlist()), "it has ended without a segment"),
    "segments and variants": (
        m3u.playlist(T, m3u.inf(6, "a.ts"), m3u.variant("v.m3u8", 1000)),
        "it lists both variants and segments",
    ),
    "variant without uri": (
        m3u.playlist(m3u.tag("STREAM-INF", BANDWIDTH=1)),
        "it lists no segments and no variants",
    ),
    "bandwidth is a word": (
        m3u.playlist(m3u.variant("v.m3u8", "fast")),
        "line 2 (#EXT-X-STREAM-INF) cannot be read",
    ),
    "local variant": (
        m3u.playlist(m3u.variant("file:///v.m3u8", 1)),
        "it names a URI of scheme 'file', which is not fetched",
    ),
    "too many variants": (
        m3u.playlist(*(m3u.variant(f"{n}.m3u8", n + 1) for n in range(65))),
        "it lists more than 64 variants",
    ),
    "too many lines": ("#EXTM3U\n" + "#\n" * 20_000, "it has more than 20000 lines"),
    "line too long": (m3u.playlist(T, "#" * 20_000), "line 3 is longer than 16384 characters"),
    "variable not defined": (
        m3u.playlist(T, m3u.inf(6, "{$host}/a.ts")),
        "line 4 uses variable host, which is not defined",
    ),
    "variable defined twice": (
        m3u.playlist(m3u.define(NAME="a", VALUE="1"), m3u.define(NAME="a", VALUE="2"), T),
        "line 3 defines variable a twice",
    ),
    "variable cannot be imported": (
        m3u.playlist(m3u.define(IMPORT="a"), T),
        "line 2 imports variable a, which the multivariant playlist lacks",
    ),
    "variable not in the query": (
        m3u.playlist(m3u.define(QUERYPARAM="sid"), T),
        "line 2 needs query parameter sid, which the playlist's URL lacks",
    ),
    "variable of nothing": (
        m3u.playlist(m3u.define(VALUE="a"), T),
        "line 2: EXT-X-DEFINE has no NAME and VALUE, IMPORT or QUERYPARAM",
    ),
    "variables that double": (
        m3u.playlist(
            m3u.define(NAME="a0", VALUE="x" * 1000),
            *(m3u.define(NAME=f"a{n + 1}", VALUE=f"{{$a{n}}}{{$a{n}}}") for n in range(8)),
        ),
        "line 7 is longer than 16384 characters once substituted",
    ),
}


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


def test_low_latency_parts_do_not_shift_date_times() -> None:
    """Parts are left out, and the segments keep their own date-times."""
    part = m3u.tag("PART", DURATION=3, URI=m3u.quoted("p.ts"))
    found = media(
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.pdt(0), part, part), m3u.inf(6, "b.ts", part, part), part)
    )

    assert [s.uri.rsplit("/", 1)[1] for s in found.segments] == ["a.ts", "b.ts"]
    assert found.segments[1].program_date_time == EPOCH + timedelta(seconds=6)


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


def test_keys_apply_until_the_next_one() -> None:
    """AES-128 keys, their IV and METHOD=NONE apply to the segments and the init section that follow them."""
    found = media(
        m3u.playlist(
            T,
            m3u.ext_map("clear.mp4"),
            m3u.inf(6, "1.m4s"),
            m3u.key("AES-128", "k1", "0x10"),
            m3u.ext_map("secret.mp4"),
            m3u.inf(6, "2.m4s"),
            m3u.key("NONE"),
            m3u.inf(6, "3.m4s"),
        )
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


def test_ladder_names_renditions_by_height_and_bandwidth() -> None:
    """Ids read like `720p-2500k`, stay unique, and one playlist listed per audio group is one rendition."""
    found = ladder(
        m3u.playlist(
            m3u.variant("hd.m3u8", 2_500_000, "1280x720", AUDIO='"stereo"', FRAME_RATE=25),
            m3u.variant("hd.m3u8", 2_700_000, "1280x720", AUDIO='"surround"'),
            m3u.variant("backup.m3u8", 2_500_000, "1280x720"),
            m3u.variant("bare.m3u8", 800_000),
            m3u.variant("sound.m3u8", 64_000, CODECS='"mp4a.40.2"'),
            m3u.variant("nothing.m3u8", NAME='"x"'),
        )
    )

    assert [v.rendition.id for v in found.variants] == [
        "720p-2500k",
        "720p-2500k-2",
        "800k",
        "audio-64k",
        "variant",
    ]
    top = found.variants[0].rendition
    assert (top.width, top.height, top.bandwidth_bps, top.frame_rate) == (1280, 720, 2_500_000, 25.0)
    assert [v.audio_only for v in found.variants] == [False, False, False, True, False]


def test_audio_renditions_are_known() -> None:
    """Separate audio renditions are listed with group, language and default."""
    tag = m3u.tag(
        "MEDIA",
        TYPE="AUDIO",
        GROUP_ID='"a"',
        NAME='"English"',
        LANGUAGE='"en"',
        DEFAULT="YES",
        URI='"en.m3u8"',
    )
    found = ladder(m3u.playlist(tag, m3u.variant("v.m3u8", 1000, AUDIO='"a"')))

    assert len(found.audio) == 1
    assert (found.audio[0].group, found.audio[0].language, found.audio[0].default) == ("a", "en", True)


def test_uris_with_tokens_stay_out_of_repr() -> None:
    """A playlist's repr, which may reach a log, holds no URI."""
    found = media(m3u.playlist(T, m3u.key("AES-128", "k?S3CR3T"), m3u.inf(6, "a.ts?S3CR3T")))

    assert "S3CR3T" not in repr(found)


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
