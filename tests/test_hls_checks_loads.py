"""Loads of a playlist with scripted time: stale, unavailable, invalid, and back."""

from __future__ import annotations

import pytest

import playlists as m3u
from following import GONE, TIMEOUT, brief, checks, numbers, parsed, window
from qoed.errors import ErrorReason, SourceError
from qoed.model import Phase, Reason, Severity
from qoed.source.health import Health
from qoed.source.hls.playlist import PlaylistError


def test_each_segment_is_listed_once() -> None:
    """A sliding window yields every segment exactly once, in order."""
    follow = checks()
    seen = [numbers(follow.loaded(window(first), first * 2.0)) for first in (10, 10, 11, 13)]

    assert seen == [[13, 14, 15], [], [16], [17, 18]]


# --- stale


def test_stale_playlist_starts_and_ends_once() -> None:
    """A live playlist without new segments is stale after three target durations, until one comes."""
    follow = checks()
    found = [follow.loaded(window(10), 100.0).findings]
    assert follow.stale_at == 106.0
    found += [follow.loaded(window(10), now).findings for now in (102.0, 105.9, 106.0, 107.0, 120.0)]
    found += [follow.loaded(window(11), 121.0).findings, follow.loaded(window(12), 123.0).findings]

    assert [brief(findings) for findings in found] == [
        [],
        [],
        [],
        [(Reason.PLAYLIST_STALE, Phase.START, 6.0)],
        [],
        [],
        [(Reason.PLAYLIST_STALE, Phase.END, 15.0)],
        [],
    ]
    start = found[3][0]
    assert start.severity is Severity.CRITICAL
    assert start.message == "no new segment for 6.0 s"
    assert start.media_time_s == 4.0


def test_stale_limit_can_be_set() -> None:
    """`stale_after_s` overrides the limit by target duration."""
    follow = checks(stale_after_s=2.0)
    follow.loaded(window(10), 0.0)

    assert brief(follow.loaded(window(10), 2.0).findings) == [(Reason.PLAYLIST_STALE, Phase.START, 2.0)]


def test_outage_of_the_playlist_is_not_called_stale() -> None:
    """While the playlist cannot be loaded it is unavailable, not stale; back with news it is neither."""
    follow = checks()
    follow.loaded(window(10), 0.0)
    found = brief([finding for now in (5.0, 10.0, 15.0) for finding in follow.failed(TIMEOUT, now)])
    back = brief(follow.loaded(window(14), 20.0).findings)

    assert found == [(Reason.PLAYLIST_UNAVAILABLE, Phase.START, 2.0)]
    assert back == [(Reason.PLAYLIST_UNAVAILABLE, Phase.END, 10.0)]


def test_ended_playlist_is_never_stale() -> None:
    """A stream that has ended is not stale, and what was stale before has ended with it."""
    follow = checks()
    follow.loaded(window(10), 0.0)
    follow.loaded(window(10), 10.0)
    ended = parsed(m3u.window(10, 6) + m3u.endlist())

    assert brief(follow.loaded(ended, 11.0).findings) == [(Reason.PLAYLIST_STALE, Phase.END, 1.0)]
    assert follow.loaded(ended, 1000.0).findings == ()


# --- unavailable, invalid


def test_one_failed_load_is_forgiven() -> None:
    """A single failure is no finding; two in a row are, once, with the cause."""
    follow = checks()
    assert follow.failed(GONE, 1.0) == []
    follow.loaded(window(0), 2.0)
    assert follow.failed(GONE, 3.0) == []
    (found,) = follow.failed(GONE, 4.0)

    assert (found.reason, found.phase, found.rendition) == (
        Reason.PLAYLIST_UNAVAILABLE,
        Phase.START,
        "720p-2500k",
    )
    assert found.message == "playlist unavailable, HTTP 404: http://o/x"
    assert found.evidence == {"error": "status", "status": 404}


def test_invalid_playlist_starts_at_once_and_ends_once() -> None:
    """A playlist that cannot be read is invalid at once, and no longer unavailable."""
    broken = PlaylistError("playlist invalid, it is empty: http://o/x")
    follow = checks()
    follow.failed(GONE, 0.0)
    follow.failed(GONE, 1.0)
    first, second = brief(follow.failed(broken, 2.0)), brief(follow.failed(broken, 3.0))

    assert broken.reason is ErrorReason.SOURCE_INVALID
    assert first == [
        (Reason.PLAYLIST_UNAVAILABLE, Phase.END, 1.0),
        (Reason.PLAYLIST_INVALID, Phase.START, None),
    ]
    assert second == []
    assert brief(follow.loaded(window(0), 5.0).findings) == [(Reason.PLAYLIST_INVALID, Phase.END, 3.0)]


def test_rendition_that_leaves_the_ladder_leaves_nothing_open() -> None:
    """What was open of a rendition ends when it is no longer listed."""
    follow = checks()
    follow.failed(GONE, 0.0)
    follow.failed(GONE, 1.0)

    assert brief(follow.gone(4.0)) == [(Reason.PLAYLIST_UNAVAILABLE, Phase.END, 3.0)]
    assert follow.gone(5.0) == []


# --- the stream as a whole


def test_stream_fails_only_when_every_rendition_has_failed_for_long() -> None:
    """One good rendition keeps the stream alive; all failing for the whole time ends it."""
    health = Health(["hd", "sd"], 30.0)
    health.failing("hd", GONE, 0.0)
    health.good("sd")
    health.failing("hd", GONE, 100.0)
    health.failing("sd", GONE, 101.0)
    health.failing("hd", GONE, 130.0)

    with pytest.raises(SourceError, match=r"no rendition has been available for 30 s, HTTP 404: http://o/x"):
        health.failing("sd", GONE, 131.0)


def test_rendition_that_ended_does_not_keep_a_failed_stream_alive() -> None:
    """Renditions that have ended count no more."""
    health = Health(["hd", "sd"], 10.0)
    health.ended("hd")
    health.failing("sd", GONE, 0.0)

    with pytest.raises(SourceError, match="no rendition"):
        health.failing("sd", GONE, 10.0)
