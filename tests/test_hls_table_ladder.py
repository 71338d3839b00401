"""Ladders broken in one way each between their renditions, the exact finding, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import playlists as m3u
from following import LOW, RUNG, Found, found
from live_lists import event, live, vod
from qoed.model import Phase, Reason, Rendition

MID = Rendition(id="540p-1500k", bandwidth_bps=1_500_000)
SOUND = Rendition(id="audio-en", audio_only=True)
D = m3u.discontinuity()
EVENT, START, END = Phase.EVENT, Phase.START, Phase.END
Round = Mapping[Rendition, str]


def rounds(count: int, **lags: int) -> list[Round]:
    """A live ladder of three whose `low` and `mid` list so many segments less."""
    return [
        {
            RUNG: live(20 + n, dated=True),
            MID: live(20 + n - lags.get("mid", 0), dated=True),
            LOW: live(20 + n - lags.get("low", 0), dated=True),
        }
        for n in range(count)
    ]


def shifted(count: int, by_s: float, seconds: float = 2.0) -> list[Round]:
    """A live ladder of three whose lowest begins its segments `by_s` later."""
    late = dict.fromkeys(range(100), by_s)
    return [
        {
            RUNG: live(20 + n, dated=True),
            MID: live(20 + n, dated=True),
            LOW: live(20 + n, dated=True, dates=late),
        }
        for n in range(count)
    ]


def seams(**where: int) -> list[Round]:
    """A live ladder of three with a discontinuity at segment 30 of those that are named."""
    names = {"top": RUNG, "mid": MID, "low": LOW}
    return [
        {
            one: live(20 + n, tags={where[name]: D} if name in where else {}, head=[m3u.tag(
                "DISCONTINUITY-SEQUENCE", int(name in where and 20 + n > where[name])
            )])
            for name, one in names.items()
        }
        for n in range(14)
    ]  # fmt: skip


def seam_told(*who: Rendition) -> list[Found]:
    """The discontinuity itself, where it stands, is no fault."""
    return [(Reason.DISCONTINUITY, EVENT, one.id, None) for one in who]


def pair(upper: str, lower: str) -> Round:
    """A ladder of two."""
    return {RUNG: upper, LOW: lower}


CASES: dict[str, tuple[list[Round], list[Found]]] = {
    "one lags from the start": (
        rounds(4, low=5),
        [(Reason.VARIANT_DRIFT, START, LOW.id, 5.0)],
    ),
    "one lags and catches up": (
        [*rounds(4, low=5), *rounds(6)[4:]],
        [(Reason.VARIANT_DRIFT, START, LOW.id, 5.0), (Reason.VARIANT_DRIFT, END, LOW.id, 6.0)],
    ),
    "one is far ahead": (
        rounds(4, low=8, mid=8),
        [(Reason.VARIANT_DRIFT, START, RUNG.id, 7.0)],
    ),
    "one begins its segments elsewhere": (
        shifted(8, 0.8),
        [(Reason.VARIANT_MISALIGNED, START, LOW.id, 0.8)],
    ),
    "one of two begins its segments elsewhere": (
        [pair(live(20 + n, dated=True), live(20 + n, dated=True, dates=dict.fromkeys(range(99), 1.0)))
         for n in range(8)],
        [(Reason.VARIANT_MISALIGNED, START, LOW.id, 1.0)],
    ),
    "VOD cut otherwise": (
        [pair(vod(12), vod(12, lasts={0: 1.5}))],
        [(Reason.VARIANT_MISALIGNED, START, LOW.id, 0.5)],
    ),
    "VOD of other target durations": (
        [pair(vod(), vod(target=4))],
        [(Reason.VARIANT_TARGET_DURATION, START, None, 2.0)],
    ),
    "live of other target durations": (
        [pair(live(n), live(n, target=3)) for n in (10, 11, 12)],
        [(Reason.VARIANT_TARGET_DURATION, START, None, 2.0)],
    ),
    "other playlist types": (
        [pair(event(6 + n), live(0, 6 + n)) for n in range(3)],
        [(Reason.VARIANT_PLAYLIST_TYPE, START, None, 2.0)],
    ),
    "discontinuity in one alone": (
        seams(low=30),
        [*seam_told(LOW), (Reason.VARIANT_DISCONTINUITY, EVENT, LOW.id, None)],
    ),
    "discontinuity missing in one": (
        seams(top=30, mid=30),
        [*seam_told(RUNG, MID), (Reason.VARIANT_DISCONTINUITY, EVENT, LOW.id, None)],
    ),
    "discontinuity much later in one": (
        seams(top=28, mid=28, low=32),
        [
            *seam_told(RUNG, MID),
            (Reason.VARIANT_DISCONTINUITY, EVENT, LOW.id, None),
            *seam_told(LOW),
            (Reason.VARIANT_DISCONTINUITY, EVENT, LOW.id, None),
        ],
    ),
    "discontinuity of a VOD in one alone": (
        [pair(vod(12), vod(12, tags={6: D}))],
        [*seam_told(LOW), (Reason.VARIANT_DISCONTINUITY, EVENT, LOW.id, None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("loads", "expected"), CASES.values(), ids=CASES)
def test_a_rendition_that_differs_is_told(loads: list[Round], expected: list[Found]) -> None:
    """What one rendition does otherwise than the others is told once, of it or of the stream."""
    assert found(*loads) == expected


HEALTHY: dict[str, list[Round]] = {
    "in step": rounds(8),
    "one a segment later": rounds(8, low=1),
    "dates that stray by milliseconds": shifted(8, 0.02),
    "one is down and comes back": [
        *rounds(2),
        *[{RUNG: some[RUNG], MID: some[MID]} for some in rounds(5)[2:]],
        *rounds(8)[5:],
    ],
    "a rendition of half the segment length": [
        pair(live(10 + n, dated=True), live(20 + 2 * n, 12, seconds=1.0, dated=True)) for n in range(8)
    ],
    "undated, other numbers": [
        pair(live(10 + n, 12), live(5010 + n, 12)) for n in range(12)
    ],
    "undated, rounded otherwise": [
        pair(live(10 + n), live(10 + n, seconds=2.04)) for n in range(40)
    ],
    "a target duration that both change, one after the other": [
        pair(live(10), live(10)),
        pair(live(11), live(11)),
    ],
    "sound cut otherwise": [
        {RUNG: live(10 + n, dated=True), SOUND: live(6 + n, 6, seconds=3.0, target=3, dated=True, dates={})}
        for n in range(8)
    ],
}  # fmt: skip


@pytest.mark.parametrize("loads", HEALTHY.values(), ids=HEALTHY)
def test_what_renditions_may_do_is_not_told(loads: list[Round]) -> None:
    """Polling races, jitter, outages and sound that is cut otherwise are no faults of the ladder."""
    assert found(*loads) == []


def test_discontinuity_of_all_renditions_is_no_fault() -> None:
    """A discontinuity that all have, one of them a segment later, is told of each and blamed on none."""
    expected = seam_told(RUNG, MID, LOW)

    assert found(*seams(top=30, mid=30, low=30)) == expected
    assert sorted(found(*seams(top=30, mid=30, low=31))) == sorted(expected)


def test_discontinuity_is_not_looked_for_where_time_is_unknown() -> None:
    """Renditions without dates whose sequence numbers differ are not compared: their times are a guess."""
    seam = {30: D}
    loads = [pair(live(20 + n, 11, tags=seam), live(7020 + n, 11)) for n in range(10)]

    assert found(*loads) == seam_told(RUNG)


def test_change_that_comes_to_each_in_turn_is_no_disagreement() -> None:
    """A new target duration that comes to one a load before the other is told of each, not between them."""
    told = found(
        pair(live(10), live(10)),
        pair(live(11, target=3), live(11)),
        pair(live(12, target=3), live(12, target=3)),
        pair(live(13, target=3), live(13, target=3)),
    )

    assert told == [(Reason.TARGET_DURATION_CHANGED, EVENT, one.id, 3.0) for one in (RUNG, LOW)]
