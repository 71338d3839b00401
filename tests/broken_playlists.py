"""Playlists that cannot be used, each broken in one way, and the fault that is named."""

from __future__ import annotations

import playlists as m3u

T = m3u.target(6)

BROKEN: dict[str, tuple[bytes | str, str]] = {
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
        "EXTINF inf of segment 0 is out of range",
    ),
    "date-time is a word": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.tag("PROGRAM-DATE-TIME", "yesterday"))),
        "line 3 (#EXT-X-PROGRAM-DATE-TIME) cannot be read",
    ),
    "date-time before time": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.tag("PROGRAM-DATE-TIME", "0001-01-01T00:00:00+09:00"))),
        "line 3 (#EXT-X-PROGRAM-DATE-TIME) cannot be read",
    ),
    "date-time after time": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.tag("PROGRAM-DATE-TIME", "9999-12-31T23:59:59Z"))),
        "date-time of segment 1 is out of range",
    ),
    "range is a word": (
        m3u.playlist(T, m3u.inf(6, "a.ts", m3u.byterange("all@0"))),
        "EXT-X-BYTERANGE 'all@0' cannot be read",
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
    "key is junk": (
        m3u.playlist(T, m3u.tag("KEY", "AES"), m3u.inf(6, "a.ts")),
        "line 3 (#EXT-X-KEY) cannot be read",
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
    "sequence after a segment": (
        m3u.playlist(T, m3u.inf(6, "a.ts"), m3u.sequence(7)),
        "line 5 (#EXT-X-MEDIA-SEQUENCE) cannot be read",
    ),
    "skip is a word": (
        m3u.playlist(T, m3u.skip("some"), m3u.inf(6, "a.ts")),
        "line 3 (#EXT-X-SKIP) cannot be read",
    ),
    "skip beyond 63 bit": (
        m3u.playlist(T, m3u.skip(2**63), m3u.inf(6, "a.ts")),
        f"EXT-X-SKIP of {2**63} segments is out of range",
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
    "too many variables": (
        m3u.playlist(*(m3u.define(NAME=f"a{n}", VALUE="1") for n in range(1001))),
        "it defines more than 1000 variables",
    ),
    "too many references": (
        m3u.playlist(m3u.define(NAME="a", VALUE="1"), *(["{$a}" * 4000] * 11)),
        "it uses variables more than 40000 times",
    ),
    "too many attributes": (
        m3u.playlist(T, *(m3u.tag("SCTE35", ",".join(f"A{n}=1" for n in range(60))) for _ in range(1100))),
        "its tags have more than 65536 attributes",
    ),
    "too many keys": (
        m3u.playlist(T, *(m3u.key("AES-128", f"k{n}") for n in range(8193))),
        "it has more than 8192 different EXT-X-KEY",
    ),
    "too many media": (
        m3u.playlist(*([m3u.tag("MEDIA", TYPE="AUDIO")] * 2000), m3u.variant("v.m3u8", 1)),
        "it has more than 2000 EXT-X-STREAM-INF and EXT-X-MEDIA",
    ),
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
