"""How a playlist moves from load to load: gaps, old copies, encoders that begin anew."""

from __future__ import annotations

import playlists as m3u
from following import brief, checks, numbers, parsed, window
from qoed.model import Phase, Reason, Severity
from qoed.source.hls.checks import Listed


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
                m3u.version(3),
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
        (Reason.TARGET_DURATION_EXCEEDED, Severity.WARNING, 12.4),
    ]
    assert listed.findings[2].value == 6.5
    assert listed.findings[0].evidence == {"sequence": 1, "url": "http://o/live/gap.ts"}
