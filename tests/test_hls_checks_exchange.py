"""What the exchanges of one rendition show: missing, slow, repeated, rated low by their origin."""

from __future__ import annotations

from following import GONE, brief, came, checks, timings, window
from qoed.errors import SourceError
from qoed.model import Phase, Reason, Rendition
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
