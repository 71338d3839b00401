"""Hostile playlists: parsing and checks end in a typed error or in findings that hold together, soon."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from time import thread_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import playlists as m3u
from following import RUNG, Ladder
from live_lists import daterange, event, live, low_latency, vod
from qoed.model import Finding, Phase, Reason
from qoed.source.hls.model import MultivariantPlaylist
from qoed.source.hls.playlist import PlaylistError, parse_playlist
from splices import hexadecimal, section, segmentation, splice_insert, splice_time, time_signal

URL = "http://o/live/index.m3u8?token=S3CR3T"
SLACK = 4
"""A shared or slow machine may take so many times as long; what is not linear takes hundreds."""
LIMIT_S = SLACK * 0.05
"""CPU time for one playlist, parsed and checked, as the median of three runs."""
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))

AD = daterange(
    "a", 24.0, planned_duration=8, scte35_out=hexadecimal(splice_insert(7, out=True, duration_s=8))
)
SIGNAL = daterange("b", 26.0, scte35_cmd=hexadecimal(time_signal(segmentation(1, 0x34, 6.0))))
REAL = [
    live(10, dated=True, tags={13: AD, 14: SIGNAL}),
    live(12, tags={14: m3u.tag("CUE-OUT", 4), 16: m3u.tag("CUE-IN"), 17: m3u.discontinuity()}),
    vod(8, tags={2: m3u.key("AES-128", "k", "0x1"), 3: m3u.ext_map("i.mp4"), 5: m3u.gap()}),
    event(9, dated=True, dates={5: 40.0}),
    live(0, 4, tags={n: m3u.byterange(100, 100 * n) for n in range(4)}),
    low_latency((20, 2), tail=[m3u.tag("PRELOAD-HINT", type="PART", uri=m3u.quoted("20.2.mp4"))]),
    low_latency((21, 0), tail=[m3u.tag("RENDITION-REPORT", uri=m3u.quoted("/x"), last_msn=9)]),
    m3u.playlist(
        m3u.tag(
            "MEDIA", type="AUDIO", group_id=m3u.quoted("a"), name=m3u.quoted("x"), uri=m3u.quoted("a.m3u8")
        ),
        m3u.variant("v.m3u8", 1000, "1280x720", audio=m3u.quoted("a")),
    ),
]
TAGS = sorted(
    {line.partition(":")[0] for text in REAL for line in text.splitlines() if line.startswith("#EXT")}
    | {"#EXT-X-SKIP", "#EXT-X-DEFINE", "#EXT-X-START", "#EXT-X-BITRATE", "#EXT-X-SCTE35", "#EXT-X-CUE"}
)
VALUES = st.one_of(
    st.sampled_from(
        [
            "",
            "0",
            "-1",
            "1e308",
            "nan",
            "inf",
            str(2**63),
            str(2**64),
            "0x" + "F" * 40,
            "YES",
            "NONE",
            "=",
            ",",
            '"',
        ]
    ),
    st.text(max_size=20),
    st.sampled_from(
        ['ID="a",START-DATE="9999-12-31T23:59:59.999Z",DURATION=1e9', 'BYTERANGE="1@"', 'URI="{$a}{$b}"']
    ),
)
LINES = st.builds(lambda tag, value: f"{tag}:{value}", st.sampled_from(TAGS), VALUES)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real playlist with a few lines taken out, doubled, moved, spoilt or put in."""
    lines = draw(st.sampled_from(REAL)).splitlines()
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(1, len(lines)))
        match draw(st.integers(0, 5)):
            case 0:
                del lines[at : at + 1]
            case 1:
                lines[at:at] = lines[at : at + 3]
            case 2:
                lines.insert(at, draw(LINES))
            case 3:
                lines[at : at + 1] = [line.replace("2", draw(VALUES)) for line in lines[at : at + 1]]
            case 4:
                lines[at:] = reversed(lines[at:])
            case _:
                lines.insert(at, draw(st.text(max_size=30)))
    return "\n".join(lines).encode("utf-8", "replace")


def taken(ladder: Ladder, body: bytes, now: float) -> list[Finding]:
    """Findings of one load; what cannot be read is a typed error."""
    follow = ladder.renditions[RUNG.id]
    try:
        playlist = parse_playlist(body, URL)
    except PlaylistError as error:
        assert "S3CR3T" not in str(error)  # noqa: PT017
        return follow.failed(error, now)
    if isinstance(playlist, MultivariantPlaylist):
        return ladder.checks.multivariant(playlist, now)
    return list(follow.loaded(playlist, now).findings)


def follow(bodies: Sequence[bytes]) -> list[float]:
    """Load one after the other; CPU seconds of each. Findings must hold together and hide what is secret."""
    ladder, on, took = Ladder(RUNG), set[tuple[str | None, Reason]](), []
    for number, body in enumerate(bodies):
        begun = thread_time()
        findings = taken(ladder, body, 2.0 * number)
        took.append(thread_time() - begun)
        for finding in findings:
            key = (finding.rendition, finding.reason)
            assert (key in on) == (finding.phase is Phase.END) or finding.phase is Phase.EVENT, finding
            if finding.phase is not Phase.EVENT:
                on ^= {key}
            assert "S3CR3T" not in json.dumps([finding.message, finding.evidence])
            assert len(finding.message) < 1000
    return took


def assert_quick(bodies: Sequence[bytes]) -> None:
    """Each load of `bodies` takes less than the limit."""
    if max(follow(bodies)) < LIMIT_S:
        return
    runs = [follow(bodies) for _ in range(3)]
    assert max(statistics.median(times) for times in zip(*runs, strict=True)) < LIMIT_S


@QUICK
@given(
    st.lists(
        st.one_of(st.binary(max_size=500), st.binary(max_size=500).map(lambda b: b"#EXTM3U\n" + b)),
        min_size=1,
        max_size=3,
    )
)
def test_any_bytes_end_in_a_typed_error_or_findings(bodies: list[bytes]) -> None:
    """Bytes of no meaning are refused in one line or read, quickly."""
    assert_quick(bodies)


@QUICK
@given(st.lists(mutated(), min_size=1, max_size=4))
def test_spoilt_playlists_end_in_a_typed_error_or_findings(bodies: list[bytes]) -> None:
    """Real playlists with lines out of place and values out of range do no worse."""
    assert_quick(bodies)


@QUICK
@given(
    st.lists(st.one_of(st.sampled_from([text.encode() for text in REAL]), mutated()), min_size=3, max_size=8)
)
def test_playlists_that_replace_each_other_end_in_findings(bodies: list[bytes]) -> None:
    """A URL that serves another playlist with every load never confuses what is open."""
    assert_quick(bodies)


@settings(QUICK, max_examples=60)
@given(st.lists(LINES, max_size=80), st.integers(1, 30))
def test_heaps_of_tags_end_in_a_typed_error_or_findings(lines: list[str], times: int) -> None:
    """Many tags in any order, over and over, are read or refused, quickly."""
    body = m3u.playlist(m3u.target(2), *lines * times, m3u.inf(2, "a.ts"))

    assert_quick([body.encode("utf-8", "replace")] * 2)


MANY = 1000
SPLICE = hexadecimal(section(0x06, splice_time(1.0).bytes(), segmentation(1, 0x22, 9.0) * 100))
HUGE = {
    "attributes": vod(3, tags={0: m3u.tag("DATERANGE", ",".join(f'X-A{n}="{n}"' for n in range(1500)))}),
    "date ranges": vod(MANY, dated=True, tags={0: [daterange(str(n), n, duration=1) for n in range(250)]}),
    "splices": live(0, 9, dated=True, tags={0: [daterange(str(n), n, scte35_out=SPLICE) for n in range(60)]}),
    "breaks": vod(MANY, tags={n: m3u.tag("CUE-OUT", 3) for n in range(MANY)}),
    "returns": vod(MANY, tags={n: m3u.tag("CUE-IN") for n in range(MANY)}),
    "discontinuities": vod(MANY, tags=dict.fromkeys(range(MANY), m3u.discontinuity())),
    "gaps": vod(MANY, tags=dict.fromkeys(range(MANY), m3u.gap())),
    "long segments": vod(MANY, lasts=dict.fromkeys(range(MANY), 99)),
    "date jumps": vod(MANY, dated=True, dates={n: 50.0 * (n % 2) for n in range(MANY)}),
    "keys": vod(MANY, tags={n: m3u.key("AES-128", f"k{n}", f"0x{n:x}") for n in range(MANY)}),
    "variables": m3u.playlist(
        m3u.define(name="v0", value="xx"),
        *(m3u.define(name=f"v{n}", value=f"{{$v{n - 1}}}{{$v{n - 1}}}") for n in range(1, 60)),
        m3u.target(2),
        m3u.inf(2, "{$v59}.ts"),
    ),
    "variants": m3u.playlist(*(m3u.variant(f"{n}.m3u8", n + 1) for n in range(60))),
}  # fmt: skip


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_big_playlists_take_no_longer_than_the_limit(text: str) -> None:
    """A playlist with a thousand of anything is read and checked within the limit, twice over."""
    assert_quick([text.encode(), text.replace("#EXTINF:2", "#EXTINF:1").encode()])
