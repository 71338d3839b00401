"""What the exchanges of one rendition show: missing, slow, repeated, rated low by their origin."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import playlists as m3u
from following import GONE, Brief, brief, came, checks, load, parsed, timings, window
from live_lists import daterange, live, vod
from qoed.errors import SourceError
from qoed.model import Phase, Reason, Rendition, Severity
from qoed.source.exchange import cmsd_score
from qoed.source.hls.checks import RenditionChecks
from qoed.source.hls.model import MediaPlaylist
from qoed.source.http import FetchError, FetchKind


def test_missing_segment_is_told_with_its_status() -> None:
    """A segment that did not come is an event with sequence, status and redacted URL."""
    follow = checks()
    placed = follow.loaded(window(10), 0.0).segments[0]
    (found,) = follow.missing(placed, GONE, 1.0)

    assert (found.reason, found.phase, found.media_time_s) == (Reason.SEGMENT_MISSING, Phase.EVENT, 0.0)
    assert found.evidence == {
        "sequence": 13,
        "url": "http://o/live/13.ts",
        "what": "segment",
        "error": "status",
        "status": 404,
    }


def test_our_own_connection_limit_is_the_probe_s_fault() -> None:
    """A segment that our own limit held up is `overloaded`, never missing."""
    follow = checks()
    placed = follow.loaded(window(10), 0.0).segments[0]
    (found,) = follow.missing(placed, FetchError("no free connection: x", kind=FetchKind.QUEUED), 1.0)

    assert found.reason is Reason.OVERLOADED
    assert found.reason.domain == "probe"


def test_slow_segment_is_one_that_takes_longer_than_it_plays() -> None:
    """A download longer than the segment's duration is slow; one just below is not."""
    follow = checks(Rendition(id="main"))
    first, second = follow.loaded(window(10), 0.0).segments[:2]

    assert follow.fetched(first, came(1.99), 1.0) == []
    assert brief(follow.fetched(second, came(2.01), 3.0)) == [(Reason.SEGMENT_SLOW, Phase.EVENT, 2.01)]


def test_low_throughput_starts_and_ends_once() -> None:
    """Payload rate below the bandwidth over three segments starts a finding, ample rate ends it."""
    follow = checks()
    placed = follow.loaded(window(10), 0.0).segments[0]
    rates = [2.0, 2.0, 2.0, 2.0, 0.2, 0.2, 0.2]
    found = [
        brief(follow.fetched(placed, came(seconds * 0.9, 500_000), float(index)))
        for index, seconds in enumerate(rates)
    ]

    assert found == [
        [],
        [],
        [(Reason.THROUGHPUT_LOW, Phase.START, 2222222.0)],
        [],
        [(Reason.THROUGHPUT_LOW, Phase.END, 2.0)],
        [],
        [],
    ]


def test_first_byte_wait_is_not_throughput() -> None:
    """A late first byte of a small segment is no lack of throughput."""
    follow = checks()
    placed = follow.loaded(window(10), 0.0).segments[0]
    found = [follow.fetched(placed, came(1.0, 20_000, download_s=0.01), float(n)) for n in range(5)]

    assert found == [[]] * 5


def test_throughput_without_bandwidth_is_measured_against_the_media_itself() -> None:
    """Without a ladder, what arrives is compared with what plays."""
    follow = checks(Rendition(id="main"), segment_slow=10)
    placed = follow.loaded(window(10), 0.0).segments[0]
    found = [brief(follow.fetched(placed, came(3.0), float(n))) for n in range(3)]

    assert found[2] == [(Reason.THROUGHPUT_LOW, Phase.START, 1333333.0)]


def test_cut_off_downloads_count_as_throughput() -> None:
    """Downloads that hit the deadline show low throughput too, though no segment came through."""
    follow = checks()
    placed = follow.loaded(window(10), 0.0).segments[0]
    cut = FetchError("t", kind=FetchKind.TIMEOUT, timings=timings(4.0, 100_000))
    found = [brief(follow.missing(placed, cut, float(n))) for n in range(3)]

    assert found[2] == [
        (Reason.SEGMENT_MISSING, Phase.EVENT, None),
        (Reason.THROUGHPUT_LOW, Phase.START, 200000.0),
    ]


def test_missing_key_starts_once_and_ends_with_the_next_segment() -> None:
    """An unavailable key is one finding however many segments wait for it."""
    follow = checks()
    first, second, third = follow.loaded(window(10), 0.0).segments
    error = SourceError("key cannot be fetched, HTTP 403: http://o/k")
    found = [follow.key_unavailable(first, error, 1.0), follow.key_unavailable(second, error, 3.0)]
    found.append(follow.fetched(third, came(0.1), 5.0))

    assert [brief(findings) for findings in found] == [
        [(Reason.KEY_UNAVAILABLE, Phase.START, None)],
        [],
        [(Reason.KEY_UNAVAILABLE, Phase.END, 4.0)],
    ]


# --- the same segment served again


def served(follow: RenditionChecks, *bodies: bytes, lists: Sequence[MediaPlaylist] = ()) -> list[Brief]:
    """Findings when the segments of the lists (a live window) have these bodies, in order."""
    placed = [
        one
        for at, some in enumerate(lists or [window(10 + n) for n in range(len(bodies))])
        for one in follow.loaded(some, 2.0 * at).segments
    ]
    found = []
    for at, (one, body) in enumerate(zip(placed, bodies, strict=False)):
        found += follow.fetched(one, came(body=body), 2.0 * at)
    return brief(found)


def test_segment_served_again_is_told_until_a_new_one_comes() -> None:
    """A new segment with the bytes of an earlier one is told once, with how far back, until bytes are new."""
    big = bytes(1_000_000)
    told = served(checks(), b"a", b"b", b"a", b"a", b"c", big, big)

    assert told == [
        (Reason.SEGMENT_REPEATED, Phase.START, 2.0),
        (Reason.SEGMENT_REPEATED, Phase.END, 4.0),
        (Reason.SEGMENT_REPEATED, Phase.START, 1.0),
    ]


def test_long_segments_are_told_apart_wherever_their_timestamps_lie() -> None:
    """Segments of a megabyte that differ at their begin, middle or end are not the same."""
    size = 1_000_000
    bodies = [bytearray(size) for _ in range(3)]
    for body, at in zip(bodies, (100, size // 2 + 10, size - 10), strict=True):
        body[at] = 1

    assert served(checks(), *map(bytes, bodies)) == []


def test_same_bytes_far_back_are_not_compared() -> None:
    """Bytes are compared as far back as the check's limit says."""
    bodies = [b"a", b"b", b"c", b"a"]

    assert served(checks(segment_repeated=2), *bodies) == []
    assert served(checks(segment_repeated=3), *bodies) == [(Reason.SEGMENT_REPEATED, Phase.START, 3.0)]
    assert served(checks(segment_repeated=False), *bodies) == []


def test_what_repeats_on_purpose_is_no_fault() -> None:
    """One name that is listed twice, a loop behind a discontinuity and an announced slate may repeat."""
    slate = daterange("s", 0.0, duration=100, **{"class": m3u.quoted("slate")})
    loop = parsed(vod(4, tags={n: m3u.discontinuity() for n in range(4)}))
    named = parsed(vod(4, names=dict.fromkeys(range(4), "slate.ts?n=1")))
    announced = parsed(vod(4, dated=True, tags={0: slate}))

    assert served(checks(), *[b"a"] * 4, lists=[loop]) == []
    assert served(checks(), *[b"a"] * 4, lists=[named]) == []
    assert served(checks(), *[b"a"] * 4, lists=[parsed(live(0, 4, dated=True, tags={0: slate}))]) == []
    assert served(checks(), b"a", b"a", lists=[announced]) == []


# --- second opinion of the origin


@pytest.mark.parametrize(
    ("header", "score"),
    [
        ("com.amazon-mqcs=91", 91.0),
        ('st=l, sf=(d h), n="MediaPackage:eu:a:b:c", com.amazon-mqcs=37.5, br=5000', 37.5),
        ("com.amazon-mqcs=0;x=1", 0.0),
        ("MQCS=100", 100.0),
        ('n="x, com.amazon-mqcs=5"', None),
        ("com.amazon-mqcs=101", None),
        ("com.amazon-mqcs=high", None),
        ("com.amazon-mqcs", None),
        ("xmqcs=5", None),
        ("", None),
    ],
)
def test_score_of_the_origin_is_read(header: str, score: float | None) -> None:
    """The media quality confidence score is found among the other keys of CMSD-Static, and only there."""
    assert cmsd_score(header) == score


def test_low_score_of_the_origin_lasts_until_it_is_high() -> None:
    """Below the limit the origin's own score is a finding with that score, until it is at the limit again."""
    follow = checks()
    placed = follow.loaded(window(10), 0.0).segments[0]
    scores = [100, 59, 40, 60, 61]
    headers = [{"cmsd-static": f"st=l,com.amazon-mqcs={score}"} for score in scores]
    told = [
        finding
        for at, some in enumerate(headers)
        for finding in follow.fetched(placed, came(headers=some), float(at))
    ]

    assert brief(told) == [
        (Reason.CMSD_QUALITY_LOW, Phase.START, 59.0),
        (Reason.CMSD_QUALITY_LOW, Phase.END, 2.0),
    ]
    assert told[0].severity is Severity.INFO


# --- playlists that come slowly


def test_playlist_that_comes_slowly_twice_is_told_until_it_does_not() -> None:
    """Two loads in a row of more than half a target duration are slow; a single one is forgiven."""
    follow = checks()
    took = [1.5, 0.2, 1.1, 1.2, 1.3, 1.0]
    told = [
        brief(follow.loaded(window(10 + n), 2.0 * n, load(seconds)).findings)
        for n, seconds in enumerate(took)
    ]

    assert told == [
        [],
        [],
        [],
        [(Reason.PLAYLIST_SLOW, Phase.START, 1.2)],
        [],
        [(Reason.PLAYLIST_SLOW, Phase.END, 4.0)],
    ]


def test_wait_of_a_blocked_reload_is_not_slow() -> None:
    """A reload that the server was asked to hold back says nothing about its speed."""
    follow = checks()
    told = [
        finding
        for n in range(4)
        for finding in follow.loaded(window(10 + n), 2.0 * n, load(1.9, asked=(15 + n, None))).findings
    ]

    assert told == []
