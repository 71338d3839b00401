"""What playlists and exchanges show, with scripted time: stale, gap, regression, missing, slow."""

from __future__ import annotations

import pytest

import playlists as m3u
from qoed.errors import ErrorReason, SourceError
from qoed.model import Finding, Phase, Reason, Rendition, Severity, WireTimings
from qoed.source.health import Health
from qoed.source.hls.checks import Listed, RenditionChecks, live_start, reload_delay_s
from qoed.source.hls.model import MediaPlaylist
from qoed.source.hls.playlist import PlaylistError, parse_playlist
from qoed.source.http import FetchError, FetchKind
from qoed.source.options import SourceOptions
from qoed.source.timeline import Timeline

RUNG = Rendition(id="720p-2500k", bandwidth_bps=2_500_000)
TIMEOUT = FetchError("not complete within 5 s: http://o/x", kind=FetchKind.TIMEOUT)
GONE = FetchError("HTTP 404: http://o/x", kind=FetchKind.STATUS, status=404)


def parsed(text: str) -> MediaPlaylist:
    found = parse_playlist(text.encode(), "http://o/live/index.m3u8?token=S3CR3T")
    assert isinstance(found, MediaPlaylist)
    return found


def window(first: int, count: int = 6, **more: object) -> MediaPlaylist:
    return parsed(m3u.window(first, count, **more))  # type: ignore[arg-type]


def checks(rendition: Rendition = RUNG, **options: object) -> RenditionChecks:
    return RenditionChecks("tv", rendition, SourceOptions(**options), Timeline())  # type: ignore[arg-type]


def numbers(listed: Listed) -> list[int]:
    return [placed.segment.sequence for placed in listed.segments]


def brief(findings: tuple[Finding, ...] | list[Finding]) -> list[tuple[Reason, Phase, float | None]]:
    return [(finding.reason, finding.phase, finding.value) for finding in findings]


def timings(total_s: float, size: int = 500_000, download_s: float | None = None) -> WireTimings:
    return WireTimings(total_s=total_s, download_s=download_s or total_s, bytes=size, status=200)


# --- start and reload


@pytest.mark.parametrize(
    ("playlist", "start_segments", "first"),
    [
        (window(10, 6), None, 13),
        (window(10, 2), None, 10),
        (window(10, 6, seconds=1.5), None, 12),
        (window(10, 6), 1, 15),
        (window(10, 6), 99, 10),
        (parsed(m3u.window(0, 6) + m3u.endlist()), None, 0),
        (parsed(m3u.window(0, 6) + m3u.endlist()), 1, 0),
    ],
)
def test_live_starts_three_target_durations_from_the_end(
    playlist: MediaPlaylist, start_segments: int | None, first: int
) -> None:
    """Live starts at the edge, no closer than three target durations; VOD starts at its begin."""
    index = live_start(playlist, start_segments)

    assert playlist.segments[index].sequence == first


def test_reload_waits_a_target_duration_or_half_of_it() -> None:
    """A changed playlist is asked again after the target duration, an unchanged one after half."""
    assert reload_delay_s(6.0, changed=True) == 6.0
    assert reload_delay_s(6.0, changed=False) == 3.0
    assert reload_delay_s(0.01, changed=False) == 0.25


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


# --- sequence


def test_segments_that_were_never_listed_are_a_gap() -> None:
    """A jump of the media sequence tells how many segments passed unseen, and since when."""
    follow = checks()
    follow.loaded(window(10), 0.0)
    listed = follow.loaded(window(20), 2.0)

    assert numbers(listed) == [20, 21, 22, 23, 24, 25]
    assert brief(listed.findings) == [(Reason.SEQUENCE_GAP, Phase.EVENT, 4.0)]
    assert listed.findings[0].evidence == {"media_sequence": 20, "since_last_load_s": 2.0}


def test_older_copy_of_the_playlist_is_one_regression_and_no_rerun() -> None:
    """An older copy (a lagging edge) is told once, fetches nothing twice, and the stream goes on after it."""
    follow = checks()
    follow.loaded(window(10), 0.0)
    old = [follow.loaded(window(7), 1.0), follow.loaded(window(8), 2.0)]
    back = follow.loaded(window(11), 3.0)

    assert [brief(listed.findings) for listed in old] == [
        [(Reason.SEQUENCE_REGRESSION, Phase.EVENT, 3.0)],
        [],
    ]
    assert old[0].findings[0].evidence == {"media_sequence": 7, "restarted": False}
    assert [numbers(listed) for listed in [*old, back]] == [[], [], [16]]
    assert back.findings == ()


def test_restarted_encoder_is_followed_from_its_new_numbers() -> None:
    """Sequence numbers that begin anew are told once and followed at once, with media time running on."""
    follow = checks()
    follow.loaded(window(500), 0.0)
    again = follow.loaded(window(0, 4), 2.0)
    after = follow.loaded(window(0, 5), 4.0)

    assert brief(again.findings) == [(Reason.SEQUENCE_REGRESSION, Phase.EVENT, 502.0)]
    assert again.findings[0].evidence["restarted"] is True
    assert [(p.segment.sequence, p.media_time_s) for p in again.segments] == [(1, 6.0), (2, 8.0), (3, 10.0)]
    assert [(p.segment.sequence, p.media_time_s) for p in after.segments] == [(4, 12.0)]
    assert after.findings == ()


def test_restart_is_known_by_its_date_times_even_when_names_agree() -> None:
    """An encoder that restarts soon, with the same file names, is told from an old copy by date-time."""
    follow = checks()
    follow.loaded(window(2, dated=True), 0.0)
    later = m3u.playlist(
        m3u.target(2), m3u.sequence(0), *(m3u.inf(2, f"{n}.ts", m3u.pdt(100 + 2 * n)) for n in range(4))
    )
    listed = follow.loaded(parsed(later), 2.0)

    assert listed.findings[0].evidence["restarted"] is True
    assert numbers(listed) == [1, 2, 3]


def test_restart_that_looks_like_an_old_copy_is_followed_in_the_end() -> None:
    """A list that agrees with the past but moves on below it is followed once the stale limit has passed."""
    follow = checks()
    follow.loaded(window(20, 12), 0.0)
    lists = [follow.loaded(window(15 + n), 1.0 + 2 * n) for n in range(6)]

    assert [numbers(listed) for listed in lists] == [[], [], [], [21, 22, 23], [24], [25]]
    assert brief([finding for listed in lists for finding in listed.findings]) == [
        (Reason.SEQUENCE_REGRESSION, Phase.EVENT, 11.0)
    ]


def test_window_that_grows_backwards_is_a_regression() -> None:
    """A media sequence that falls while the end stays is told, and nothing is fetched twice."""
    follow = checks()
    follow.loaded(window(10, 6), 0.0)
    listed = follow.loaded(window(8, 9), 2.0)

    assert brief(listed.findings) == [(Reason.SEQUENCE_REGRESSION, Phase.EVENT, 2.0)]
    assert numbers(listed) == [16]


def test_empty_live_list_is_waited_for() -> None:
    """A list without segments is no error while the packager starts, and stale when it stays so."""
    follow = checks()
    empty = parsed(m3u.playlist(m3u.target(2)))
    assert follow.loaded(empty, 0.0) == Listed((), ())
    assert brief(follow.loaded(empty, 6.0).findings) == [(Reason.PLAYLIST_STALE, Phase.START, 6.0)]
    listed = follow.loaded(window(0, 1), 7.0)

    assert numbers(listed) == [0]
    assert brief(listed.findings) == [(Reason.PLAYLIST_STALE, Phase.END, 1.0)]


# --- segments


def test_gap_discontinuity_and_long_segments_are_told_with_their_place() -> None:
    """Gap, discontinuity and a too long EXTINF are findings at their media time; a gap is not fetched."""
    follow = checks()
    listed = follow.loaded(
        parsed(
            m3u.playlist(
                m3u.target(6),
                m3u.inf(6.4, "fits.ts?S3CR3T"),
                m3u.inf(6, "gap.ts?S3CR3T", m3u.gap()),
                m3u.inf(6.5, "long.ts?S3CR3T", m3u.discontinuity()),
                m3u.endlist(),
            )
        ),
        0.0,
    )

    assert numbers(listed) == [0, 2]
    assert [(f.reason, f.severity, f.media_time_s) for f in listed.findings] == [
        (Reason.SEGMENT_GAP, Severity.WARNING, 6.4),
        (Reason.DISCONTINUITY, Severity.INFO, 12.4),
        (Reason.DURATION_OFF, Severity.WARNING, 12.4),
    ]
    assert listed.findings[2].value == 6.5
    assert listed.findings[0].evidence == {"sequence": 1, "url": "http://o/live/gap.ts"}


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

    assert follow.fetched(first, timings(1.99), 1.0) == []
    assert brief(follow.fetched(second, timings(2.01), 3.0)) == [(Reason.SEGMENT_SLOW, Phase.EVENT, 2.01)]


def test_low_throughput_starts_and_ends_once() -> None:
    """Payload rate below the bandwidth over three segments starts a finding, ample rate ends it."""
    follow = checks()
    placed = follow.loaded(window(10), 0.0).segments[0]
    rates = [2.0, 2.0, 2.0, 2.0, 0.2, 0.2, 0.2]
    found = [
        brief(follow.fetched(placed, timings(seconds * 0.9, 500_000), float(index)))
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
    found = [follow.fetched(placed, timings(1.0, 20_000, download_s=0.01), float(n)) for n in range(5)]

    assert found == [[]] * 5


def test_throughput_without_bandwidth_is_measured_against_the_media_itself() -> None:
    """Without a ladder, what arrives is compared with what plays."""
    follow = checks(Rendition(id="main"), segment_slow_factor=10)
    placed = follow.loaded(window(10), 0.0).segments[0]
    found = [brief(follow.fetched(placed, timings(3.0), float(n))) for n in range(3)]

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
    found.append(follow.fetched(third, timings(0.1), 5.0))

    assert [brief(findings) for findings in found] == [
        [(Reason.KEY_UNAVAILABLE, Phase.START, None)],
        [],
        [(Reason.KEY_UNAVAILABLE, Phase.END, 4.0)],
    ]


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
