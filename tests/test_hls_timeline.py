"""Media time: one line for all renditions, whatever clocks and sequence numbers do."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from playlists import EPOCH
from qoed.source.hls.model import MediaSegment
from qoed.source.timeline import Timeline


def segment(sequence: int, at: float | None = None, duration: float = 2.0) -> MediaSegment:
    moment: datetime | None = None if at is None else EPOCH + timedelta(seconds=at)
    return MediaSegment(
        uri=f"{sequence}.ts", sequence=sequence, duration_s=duration, program_date_time=moment
    )


def places(timeline: Timeline, rendition: str, *segments: MediaSegment) -> list[float]:
    return [timeline.place(rendition, one) for one in segments]


def test_time_begins_with_the_first_segment_seen() -> None:
    """Media time counts from the first segment, whatever its sequence number and date."""
    assert places(Timeline(), "hd", segment(70), segment(71), segment(72)) == [0.0, 2.0, 4.0]
    assert places(Timeline(), "hd", segment(70, 900), segment(71, 902)) == [0.0, 2.0]


def test_dated_renditions_align_by_date() -> None:
    """A rendition that joins later lies at its date-time beside the others."""
    timeline = Timeline()
    places(timeline, "hd", segment(10, 100), segment(11, 102))

    assert places(timeline, "sd", segment(5011, 102), segment(5012, 104)) == [2.0, 4.0]


def test_undated_renditions_align_by_sequence() -> None:
    """Without dates, equal sequence numbers lie at equal media time."""
    timeline = Timeline()
    places(timeline, "hd", segment(10), segment(11), segment(12))

    assert places(timeline, "sd", segment(11), segment(12)) == [2.0, 4.0]
    assert places(timeline, "ld", segment(14)) == [8.0]
    assert places(timeline, "other", segment(90_000)) == [8.0]


def test_what_lies_before_the_first_segment_is_below_zero() -> None:
    """A rendition whose list lags begins below zero, so that it can be left out instead of misplaced."""
    timeline = Timeline()
    places(timeline, "hd", segment(10, 100))

    assert places(timeline, "sd", segment(8, 96), segment(9, 98), segment(10, 100)) == [-4.0, -2.0, 0.0]


def test_missed_segments_leave_their_room() -> None:
    """Segments that were never listed take up their time, by date or by number."""
    dated, undated = Timeline(), Timeline()

    assert places(dated, "hd", segment(1, 0), segment(5, 8.04)) == [0.0, 8.04]
    assert places(undated, "hd", segment(1), segment(5)) == [0.0, 8.0]


def test_date_jitter_is_followed_without_drift() -> None:
    """Dates that stray by milliseconds keep the line true to them."""
    timeline = Timeline()

    assert places(timeline, "hd", segment(1, 0), segment(2, 2.02), segment(3, 3.99)) == [0.0, 2.02, 3.99]


def test_clock_that_steps_back_does_not_turn_time_back() -> None:
    """A date-time that runs backwards is not followed; time goes on by durations, then by the new clock."""
    timeline = Timeline()

    assert places(timeline, "hd", segment(1, 100), segment(2, 102), segment(3, 40), segment(4, 42.1)) == [
        0.0,
        2.0,
        4.0,
        6.1,
    ]


def test_clock_that_leaps_far_ahead_does_not_tear_time_open() -> None:
    """A date-time that leaps a day is a clock being set, a leap of a minute is a hole in the stream."""
    timeline = Timeline()

    assert places(timeline, "hd", segment(1, 0), segment(2, 62), segment(3, 86_500)) == [0.0, 62.0, 64.0]


def test_restart_with_new_numbers_goes_on_where_time_stood() -> None:
    """After an encoder restart, lower or higher numbers say nothing about time."""
    timeline = Timeline()
    places(timeline, "hd", segment(500), segment(501))

    assert timeline.place("hd", segment(0), restarted=True) == 4.0
    assert timeline.place("hd", segment(1)) == 6.0


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["hd", "sd"]),
            st.integers(0, 2**63 - 1),
            st.one_of(st.none(), st.floats(-1e8, 1e8, allow_nan=False)),
            st.floats(0, 100, allow_nan=False),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_time_never_runs_backwards(steps: list[tuple[str, int, float | None, float, bool]]) -> None:
    """Whatever numbers, dates and durations come, no rendition's media time ever decreases."""
    timeline, last = Timeline(), {"hd": float("-inf"), "sd": float("-inf")}
    for rendition, sequence, at, duration, restarted in steps:
        start = timeline.place(rendition, segment(sequence, at, duration), restarted=restarted)
        assert start >= last[rendition]
        last[rendition] = start
