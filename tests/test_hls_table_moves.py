"""Loads broken in one way each in how the playlist moves, the exact finding, and nothing else."""

from __future__ import annotations

import pytest

import playlists as m3u
from following import RUNG, Found, found
from live_lists import event, live
from qoed.model import Phase, Reason

D = m3u.discontinuity()
VOD = m3u.tag("PLAYLIST-TYPE", "VOD")


def dseq(number: int) -> str:
    """EXT-X-DISCONTINUITY-SEQUENCE."""
    return m3u.tag("DISCONTINUITY-SEQUENCE", number)


def one(reason: Reason, value: float | None) -> list[Found]:
    """The one event, of the one rendition."""
    return [(reason, Phase.EVENT, RUNG.id, value)]


OTHER = {12: "other.ts"}
R = Reason

CASES = {
    # name: (loads, reason, value)
    "segments never listed": ([live(10), live(20)], R.SEQUENCE_GAP, 4.0),
    "numbers leap far ahead": ([live(10), live(900_000)], R.SEQUENCE_GAP, 899_984.0),
    "older copy": ([live(10), live(7), live(11)], R.SEQUENCE_REGRESSION, 3.0),
    "old and new copies in turn": (
        [live(10), live(8), live(11), live(9), live(12), live(10), live(13)],
        R.SEQUENCE_REGRESSION,
        2.0,
    ),
    "window grows backwards": ([live(10), live(8, 9)], R.SEQUENCE_REGRESSION, 2.0),
    "encoder begins anew": ([live(500), live(0, 4, name="new{}.ts")], R.SEQUENCE_REGRESSION, 502.0),
    "window moved by one, numbered by two": (
        [live(10), live(12, names={n: f"{n - 1}.ts" for n in range(12, 18)})],
        R.SEGMENT_CONTINUITY,
        4.0,
    ),
    "another segment as the window moves": ([live(10), live(11, names=OTHER)], R.SEGMENT_CONTINUITY, 1.0),
    "segments vanish from the end": ([live(10), live(10, 4), live(11)], R.PLAYLIST_SHRUNK, 2.0),
    "one segment replaced": ([live(10), live(10, 7, names=OTHER)], R.PLAYLIST_REWRITTEN, 1.0),
    "all segments replaced": (
        [live(10), live(10, 7, name="b{}.ts"), live(11, name="b{}.ts")],
        R.PLAYLIST_REWRITTEN,
        6.0,
    ),
    "byte range changed": (
        [live(0, 2, tags={0: m3u.byterange(9, 0)}), live(0, 3, tags={0: m3u.byterange(8, 0)})],
        R.PLAYLIST_REWRITTEN,
        1.0,
    ),
    "discontinuity added to a listed one": ([live(10), live(10, 7, tags={13: D})], R.PLAYLIST_REWRITTEN, 1.0),
    "VOD grows": ([live(0, head=[VOD]), live(0, 7, head=[VOD])], R.PLAYLIST_TYPE_VIOLATED, 1.0),
    "EVENT loses its first segments": (
        [event(6), live(2, head=[m3u.tag("PLAYLIST-TYPE", "EVENT")])],
        R.PLAYLIST_TYPE_VIOLATED,
        2.0,
    ),
    "EVENT no more": ([event(6), live(0, 7)], R.PLAYLIST_TYPE_VIOLATED, None),
    "live becomes EVENT": ([live(0), event(7)], R.PLAYLIST_TYPE_VIOLATED, None),
    "goes on after its end": ([live(10), live(10, tail=[m3u.endlist()]), live(11)], R.ENDLIST_VIOLATED, 1.0),
    "goes on later after its end": (
        [live(10), live(10, tail=[m3u.endlist()]), live(10), live(11)],
        R.ENDLIST_VIOLATED,
        1.0,
    ),
    "version changes": ([live(10), live(11, version=7)], R.VERSION_CHANGED, 7.0),
    "version vanishes": ([live(10, seconds=2), live(11, seconds=2, version=None)], R.VERSION_CHANGED, None),
    "target duration changes": ([live(10), live(11, target=3)], R.TARGET_DURATION_CHANGED, 3.0),
    "discontinuity not counted": (
        [live(10, tags={10: D}), live(11), live(12)],
        R.DISCONTINUITY_SEQUENCE,
        -1.0,
    ),
    "discontinuity counted twice": (
        [live(10, head=[dseq(3)]), live(11, head=[dseq(4)])],
        R.DISCONTINUITY_SEQUENCE,
        1.0,
    ),
    "discontinuities begin anew": (
        [live(10, head=[dseq(3)]), live(16, head=[dseq(1)])],
        R.DISCONTINUITY_SEQUENCE,
        -2.0,
    ),
    "date jumps between loads": (
        [live(10, dated=True), live(11, dated=True, dates={16: 30.0})],
        R.DATE_TIME_JUMP,
        30.0,
    ),
    "EXTINF above the target in a new segment": (
        [live(10), live(11, lasts={16: 2.6})],
        R.TARGET_DURATION_EXCEEDED,
        2.6,
    ),
    "gap in a new segment": ([live(10), live(11, tags={16: m3u.gap()})], R.SEGMENT_GAP, None),
    "discontinuity in a new segment": ([live(10), live(11, tags={16: D})], R.DISCONTINUITY, None),
}  # fmt: skip


@pytest.mark.parametrize(("loads", "reason", "value"), CASES.values(), ids=CASES)
def test_a_playlist_that_moves_wrongly_is_one_event(
    loads: list[str], reason: Reason, value: float | None
) -> None:
    """Loads that do one thing a server may not do are one event, however often they repeat it."""
    assert found(*loads) == one(reason, value)


def test_list_that_no_longer_moves_is_stale_until_it_does() -> None:
    """A list that stands for three target durations, at least six seconds, is stale, and then it is not."""
    assert found(*[live(10)] * 4, live(11)) == [
        (Reason.PLAYLIST_STALE, Phase.START, RUNG.id, 6.0),
        (Reason.PLAYLIST_STALE, Phase.END, RUNG.id, 2.0),
    ]


def test_short_window_is_told_until_it_is_longer() -> None:
    """A live window that drops segments and keeps less than three target durations is too short."""
    assert found(live(10, 2), live(11, 2), live(12, 2), live(12, 3)) == [
        (Reason.PLAYLIST_SHORT, Phase.START, RUNG.id, 4.0),
        (Reason.PLAYLIST_SHORT, Phase.END, RUNG.id, 4.0),
    ]


def test_mended_playlist_ends_what_was_wrong() -> None:
    """Lasting faults end with the load that has them no more."""
    wrong = live(10, version=2)
    keyless = live(11, tags={11: m3u.key("AES-128")})

    assert found(wrong, live(11, version=2), live(12)) == [
        (Reason.VERSION_TOO_LOW, Phase.START, RUNG.id, 3.0),
        (Reason.VERSION_CHANGED, Phase.EVENT, RUNG.id, 6.0),
        (Reason.VERSION_TOO_LOW, Phase.END, RUNG.id, 4.0),
    ]
    assert found(live(10), keyless, live(12)) == [
        (Reason.ENCRYPTION_INVALID, Phase.START, RUNG.id, 1.0),
        (Reason.ENCRYPTION_INVALID, Phase.END, RUNG.id, 2.0),
    ]


def test_absence_of_ours_is_no_gap_of_the_playlist() -> None:
    """Segments that came and went while nobody looked were not left out by the packager."""
    assert found(live(10), live(20), step_s=30.0) == []
    assert found(live(10), live(20), live(30), step_s=11.0) == one(Reason.SEQUENCE_GAP, 4.0) * 2


def test_list_that_stood_still_and_leaps_has_a_gap() -> None:
    """Segments that a list left out while it was looked at all the time were never listed."""
    told = found(*[live(10)] * 8, live(20))

    assert [some[0] for some in told] == [Reason.PLAYLIST_STALE, Reason.SEQUENCE_GAP, Reason.PLAYLIST_STALE]


def test_what_was_left_unsaid_is_counted() -> None:
    """Old copies that alternate with new ones are told once a minute, with how often it was."""
    rounds = [live(10 + n - (3 if n % 2 else 0)) for n in range(70)]
    values = [one for one in found(*rounds) if one[0] is Reason.SEQUENCE_REGRESSION]

    assert [value for *_, value in values] == [2.0] * 3
