"""Rolling windows: media time only, no data is never a score, memory is bounded."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qoed.model import Quality, Score, Window
from qoed.roll import LATE_S, WINDOW_NAMES, WINDOWS_S, Point, Roller, insert


def score(at_s: float, value: float | None, *, stream: str = "s", rendition: str = "720p") -> Score:
    """A clip's score; None abstains. The interval is ±5."""
    return Score(
        stream=stream,
        rendition=rendition,
        media_time_s=at_s,
        score=value,
        lo=None if value is None else value - 5,
        hi=None if value is None else value + 5,
        mos=None,
        distortions={},
        model="m",
        quality=Quality.ABSTAINED if value is None else Quality.OK,
        reason="black" if value is None else None,
    )


def roll(*clips: tuple[float, float | None]) -> dict[str, Window]:
    """The windows after `clips` of (media time, score), by name."""
    roller = Roller()
    windows: tuple[Window, ...] = ()
    for at_s, value in clips:
        windows = roller.add(score(at_s, value))
    return {WINDOW_NAMES[window.window_s]: window for window in windows}


def test_first_clip() -> None:
    """After one second of video every window holds that second and says how little it covers."""
    windows = roll((0, 80))

    assert [windows[name].coverage for name in ("10s", "1m", "5m")] == pytest.approx(
        [1 / 10, 1 / 60, 1 / 300]
    )
    for window in windows.values():
        assert (window.count, window.mean, window.p05, window.min) == (1, 80, 80, 80)
        assert (window.lo, window.hi) == (75, 85)


def test_ten_seconds() -> None:
    """The ten-second window forgets what is older than ten seconds; the others remember it."""
    windows = roll(*((t, 20.0 if t < 5 else 80.0) for t in range(15)))

    assert (windows["10s"].mean, windows["10s"].coverage, windows["10s"].count) == (80, 1, 10)
    assert windows["1m"].mean == pytest.approx((5 * 20 + 10 * 80) / 15)
    assert windows["1m"].coverage == pytest.approx(15 / 60)


def test_low_percentile_sees_a_dip() -> None:
    """A three-second collapse within a minute shows in p05 while the mean hardly moves."""
    window = roll(*((t, 10.0 if 30 <= t < 33 else 80.0) for t in range(60)))["1m"]

    assert window.mean is not None
    assert window.mean > 75
    assert window.p05 is not None
    assert window.p05 < 80
    assert window.min == 10


def test_abstained_clips_lower_coverage_only() -> None:
    """A second without a score counts neither as good nor as bad: coverage falls, the mean does not."""
    window = roll(*((t, None if t % 2 else 60.0) for t in range(10)))["10s"]

    assert (window.mean, window.min, window.count) == (60, 60, 5)
    assert window.coverage == pytest.approx(0.5)


def test_no_scores_at_all() -> None:
    """Windows without any score have no statistics, neither 0 nor 100 nor the last value."""
    window = roll(*((t, 90.0) for t in range(5)), *((t, None) for t in range(5, 30)))["10s"]

    assert (window.mean, window.p05, window.min, window.lo, window.hi) == (None,) * 5
    assert (window.count, window.coverage) == (0, 0)


def test_lost_media_lowers_coverage() -> None:
    """Media that never came leaves a hole in the window."""
    assert roll((0, 50), (1, 50), (8, 50), (9, 50))["10s"].coverage == pytest.approx(0.4)


def test_second_measurement_replaces_the_first() -> None:
    """A second that is scored twice counts once, with the newer score; an abstention does not erase it."""
    window = roll((0, 10), (0.2, 90), (0.1, None))["10s"]

    assert (window.count, window.mean) == (1, 90)


def test_late_clips_take_their_place() -> None:
    """Clips that arrive out of order give the same windows as in order."""
    assert roll((0, 1), (3, 4), (1, 2), (2, 3)) == roll((0, 1), (1, 2), (2, 3), (3, 4))


def test_restarted_timeline() -> None:
    """When media time falls far back, the windows begin anew instead of mixing two timelines."""
    window = roll(*((t, 10.0) for t in range(1000, 1030)), (5, 90), (6, 90))["5m"]

    assert (window.count, window.mean, window.media_time_s) == (2, 90, 6)


def test_jump_forward() -> None:
    """After a long jump forward the past is gone from the windows and its place shows as uncovered."""
    window = roll(*((t, 10.0) for t in range(30)), (5000, 90))["5m"]

    assert (window.count, window.mean) == (1, 90)
    assert window.coverage == pytest.approx(1 / 300)


def test_renditions_do_not_mix() -> None:
    """Each rendition of each stream has windows of its own."""
    roller = Roller()
    roller.add(score(0, 10, rendition="360p"))
    roller.add(score(0, 20, stream="other"))

    assert roller.add(score(0, 90))[0].mean == 90


def test_forget() -> None:
    """A stream that is gone leaves nothing behind."""
    roller = Roller()
    for rendition in ("360p", "720p"):
        roller.add(score(0, 50, rendition=rendition))
    roller.forget("s", "360p")

    assert len(roller) == 1
    roller.forget("s")
    assert len(roller) == 0


def test_scores_reach_as_far_as_their_depth_promises() -> None:
    """Scores that come in bursts because no more were due cover the window; their number stays the truth."""
    roller = Roller()
    for burst in range(0, 80, 20):
        for second in range(4):
            windows = roller.add(replace(score(burst + second, 60), holds_s=30.0))
    minute = windows[1]

    assert (minute.count, minute.coverage, minute.reach) == (12, pytest.approx(12 / 60), 1.0)
    assert roll((0, 60))["1m"].reach is None


def test_a_score_reaches_no_further_than_it_was_promised() -> None:
    """Where the next score does not come when due, the window has its hole; no score stands for black."""
    roller = Roller()
    roller.add(replace(score(0, 60), holds_s=30.0))
    windows = roller.add(replace(score(49, 60), holds_s=30.0))

    assert windows[1].reach == pytest.approx(31 / 60)
    roller.add(replace(score(59, None), holds_s=30.0))
    assert roller.add(replace(score(69, 60), holds_s=30.0))[0].reach == pytest.approx(1 / 10)


@pytest.mark.parametrize("at_s", [math.nan, math.inf])
def test_impossible_media_time(at_s: float) -> None:
    """A media time that is no number is refused and changes nothing."""
    roller = Roller()
    with pytest.raises(ValueError, match=r"s/720p: media time (nan|inf) is not finite"):
        roller.add(score(at_s, 50))

    assert len(roller) == 0


CLIPS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 400).map(float), st.floats(0, 400)),
        st.one_of(st.none(), st.floats(0, 100)),
    ),
    min_size=1,
    max_size=120,
)


@given(CLIPS)
def test_windows_hold_their_promises(clips: list[tuple[float, float | None]]) -> None:
    """Whatever comes in whatever order: statistics are ordered, coverage is a share, no data is None."""
    roller = Roller()
    for at_s, value in clips:
        windows = roller.add(score(at_s, value))

        assert [window.window_s for window in windows] == list(WINDOWS_S)
        for window in windows:
            assert 0 <= window.coverage <= 1
            assert (window.count == 0) == (window.mean is None) == (window.p05 is None) == (window.lo is None)
            assert (window.coverage == 0) == (window.count == 0)
            if window.mean is not None and window.min is not None and window.p05 is not None:
                assert window.min <= window.p05 <= 100 + 1e-9
                assert window.min - 1e-9 <= window.mean <= 100 + 1e-9
        counts = [window.count for window in windows]
        assert counts == sorted(counts)
        assert len(roller) <= 2 * WINDOWS_S[-1] + 2


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=1, max_size=400))
def test_windows_agree_with_numpy(values: list[float | None]) -> None:
    """Over gapless clips, the windows are what NumPy says of the last 10, 60 and 300 seconds."""
    roller = Roller()
    for at_s, value in enumerate(values):
        windows = roller.add(score(float(at_s), value))

    for window in windows:
        last = [value for value in values[-int(window.window_s) :] if value is not None]
        assert window.count == len(last)
        assert window.coverage == pytest.approx(len(last) / window.window_s)
        if last:
            assert window.mean == pytest.approx(np.mean(last))
            assert window.p05 == pytest.approx(np.percentile(last, 5))
            assert window.min == min(last)


@given(st.permutations(range(20)))
def test_order_of_arrival_does_not_matter(order: list[int]) -> None:
    """Within the tolerance for late clips, every order of arrival leads to the same windows."""
    in_order: tuple[Point, ...] = ()
    shuffled: tuple[Point, ...] = ()
    assert LATE_S > 20
    for at in range(20):
        in_order = insert(in_order, Point(float(at), float(at), None, None))
    for at in order:
        shuffled = insert(shuffled, Point(float(at), float(at), None, None))

    assert shuffled == in_order
