"""What looking at a stream costs, measured as it goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qoed.depth.cost import GUESS_S, RATIO, SILENT_S, Cost
from qoed.depth.sampling import SAMPLE_EVERY_S


def test_a_new_stream_is_taken_for_an_ordinary_one() -> None:
    """Before anything is measured a stream counts as one 1080p rendition, for half a minute."""
    cost = Cost(added_at=0.0)

    assert cost.at_levels(1.0)[1] == GUESS_S
    assert cost.at_levels(SILENT_S) == (0, 0, 0)


def test_costs_of_renditions_add_up() -> None:
    """A stream costs what its renditions cost, and those that fell silent cost nothing."""
    cost = Cost(added_at=0.0)
    cost.spent("720p", "light", 0.4, 4.0, now=10)
    cost.spent("360p", "light", 0.2, 4.0, now=30)

    assert cost.at_levels(31)[1] == pytest.approx(0.15)
    assert cost.at_levels(10 + SILENT_S)[1] == pytest.approx(0.05)
    cost.forget("360p")
    assert cost.at_levels(31)[1] == pytest.approx(0.1)


def test_depths_not_measured_yet_are_guessed_from_those_that_are() -> None:
    """What full would cost is told from light until it was tried."""
    cost = Cost(added_at=0.0)
    cost.spent("720p", "light", 0.28, 4.0, now=1)

    assert cost.at_levels(1)[2] == pytest.approx(0.07 / RATIO["light"])
    cost.spent("720p", "full", 0.6, 4.0, now=2)
    assert cost.at_levels(2)[2] == pytest.approx(0.15)
    assert cost.at_levels(2)[1] == pytest.approx(0.07)


def test_extra_light_costs_key_frames_and_its_scored_segments() -> None:
    """At extra_light, one segment in twenty seconds costs as much as light."""
    cost = Cost(added_at=0.0)
    cost.segment("720p", 5.0)
    cost.spent("720p", "light", 0.5, 5.0, now=1)
    cost.spent("720p", "extra_light", 0.05, 5.0, now=1)

    share = 5.0 / SAMPLE_EVERY_S
    assert cost.at_levels(1)[0] == pytest.approx(share * 0.1 + (1 - share) * 0.01)


def test_one_costly_segment_does_not_change_much() -> None:
    """A single segment that took five times as long moves the figure by less than its share of a minute."""
    cost = Cost(added_at=0.0)
    for second in range(0, 120, 4):
        cost.spent("720p", "light", 0.4, 4.0, now=second)
    cost.spent("720p", "light", 2.0, 4.0, now=120)

    assert 0.1 < cost.at_levels(120)[1] < 0.16


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["720p", "360p"]),
            st.sampled_from(sorted(RATIO)),
            st.floats(0, 10),
            st.floats(0, 10),
        ),
        max_size=30,
    )
)
def test_a_deeper_look_never_costs_less(spent: list[tuple[str, str, float, float]]) -> None:
    """Whatever is measured in whatever order, costs are finite and rise with the depth."""
    cost = Cost(added_at=0.0)
    for rendition, depth, cpu_s, media_s in spent:
        cost.spent(rendition, depth, cpu_s, media_s, now=1.0)
    extra_light, light, full = cost.at_levels(1.0)

    assert 0 <= extra_light <= light <= full < float("inf")
