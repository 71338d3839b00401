"""The state machine as a function: state and verdict in, state and edges out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qoed.alert import AlertStatus, Metric, Rule, Verdict, step
from qoed.alert.machine import INACTIVE
from qoed.model import AlertState

PENDING, FIRING, RESOLVED = AlertState.PENDING, AlertState.FIRING, AlertState.RESOLVED
GOOD, BETWEEN, BAD, UNKNOWN = Verdict.GOOD, Verdict.BETWEEN, Verdict.BAD, Verdict.UNKNOWN


def walk(rule: Rule, *steps: tuple[float, Verdict]) -> tuple[AlertStatus, list[tuple[float, AlertState]]]:
    """The status after (time, verdict) steps, and when each state was entered."""
    status = INACTIVE
    entered: list[tuple[float, AlertState]] = []
    for now, verdict in steps:
        status, states = step(status, verdict, now, rule)
        entered += [(now, state) for state in states]
    return status, entered


def rule(for_s: float = 0.0, keep_s: float = 0.0) -> Rule:
    """A rule of which only the patience matters here."""
    return Rule(name="r", metric=Metric.MEAN, below=40, for_s=for_s, keep_firing_for_s=keep_s)


def test_whole_life() -> None:
    """An alert goes from pending to firing to resolved, each state once."""
    status, entered = walk(rule(10), (0, GOOD), (1, BAD), (6, BAD), (11, BAD), (15, BAD), (16, GOOD))

    assert entered == [(1, PENDING), (11, FIRING), (16, RESOLVED)]
    assert status == INACTIVE


def test_for_zero_fires_at_once() -> None:
    """Without `for`, the first bad observation fires."""
    assert walk(rule(), (0, BAD))[1] == [(0, PENDING), (0, FIRING)]


def test_pending_ends_in_silence() -> None:
    """Trouble that ends before `for` leaves no edge but pending; the next trouble starts from zero."""
    assert walk(rule(10), (0, BAD), (8, GOOD), (9, BAD), (18, BAD))[1] == [(0, PENDING), (9, PENDING)]


def test_between_levels_nothing_changes() -> None:
    """Between trigger and clear level a firing alert stays and a quiet one does not start."""
    status, entered = walk(rule(), (0, BETWEEN), (1, BAD), (2, BETWEEN), (500, BETWEEN))

    assert entered == [(1, PENDING), (1, FIRING)]
    assert status.state is FIRING


def test_keep_firing_for() -> None:
    """A firing alert resolves only when all was well for `keep_firing_for` without a break."""
    steps = [(0, BAD), (1, GOOD), (20, BETWEEN), (21, GOOD), (50, GOOD), (51, GOOD)]

    assert walk(rule(keep_s=30), *steps)[1] == [(0, PENDING), (0, FIRING), (51, RESOLVED)]


def test_no_data_stops_both_clocks() -> None:
    """Time without data counts neither as trouble nor as recovery."""
    pending = [(0, BAD), (5, UNKNOWN), (100, UNKNOWN), (105, BAD), (109, BAD), (110, BAD)]
    firing = [(0, BAD), (1, GOOD), (2, UNKNOWN), (500, GOOD), (507, GOOD), (510, GOOD)]

    assert walk(rule(10), *pending)[1] == [(0, PENDING), (110, FIRING)]
    assert walk(rule(keep_s=10), *firing)[1] == [(0, PENDING), (0, FIRING), (510, RESOLVED)]


@pytest.mark.parametrize("before", [(), ((0.0, BAD),)])
def test_no_data_changes_no_state(before: tuple[tuple[float, Verdict], ...]) -> None:
    """No data, for however long, neither fires nor resolves."""
    status, entered = walk(rule(), *before, (1, UNKNOWN), (1e9, UNKNOWN))

    assert len(entered) == 2 * len(before)
    assert status.state is (FIRING if before else None)


@given(
    st.lists(st.tuples(st.floats(0, 50), st.sampled_from(list(Verdict))), max_size=60),
    st.floats(0, 60),
    st.floats(0, 60),
)
def test_edges_alternate(steps: list[tuple[float, Verdict]], for_s: float, keep_s: float) -> None:
    """Whatever is observed, fire and resolve take turns, each on a verdict that calls for it."""
    status, now, firing = INACTIVE, 0.0, False
    for pause, verdict in steps:
        now += pause
        status, entered = step(status, verdict, now, rule(for_s, keep_s))
        for state in entered:
            if state is FIRING:
                assert verdict is BAD
                assert not firing
                firing = True
            elif state is RESOLVED:
                assert verdict is GOOD
                assert firing
                firing = False
        assert (status.state is FIRING) == firing
