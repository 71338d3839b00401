"""The demo's table: faults as they were on the wire, alerts as they were heard, and what that amounts to."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qoed.demo.faults import (
    BLACK,
    DAMAGE,
    FMP4,
    FREEZE,
    LOW_QUALITY,
    QUICK,
    SCHEDULE,
    TS,
    UNDECODABLE,
    Fault,
    FaultKind,
    length_s,
    on_segments,
    within,
)
from qoed.demo.verdict import GRACE_S, Happened, Heard, as_json, judge
from qoed.model import AlertState


def fault(*expect: str, stream: str = TS, allow: tuple[str, ...] = ()) -> Fault:
    return Fault(
        kind=FaultKind.BLACK, stream=stream, at_s=0, for_s=4, expect=frozenset(expect), allow=frozenset(allow)
    )


def on_wire(what: Fault, began_s: float = 100.0, ended_s: float | None = 104.0) -> Happened:
    return Happened(fault=what, began_s=began_s, ended_s=ended_s)


def edge(at_s: float, rule: str, state: str = "firing", stream: str = TS, rendition: str = "720p") -> Heard:
    return Heard(
        at_s=at_s,
        stream=stream,
        rule=rule,
        fingerprint=f"{stream}/{rendition}/{rule}",
        state=AlertState(state),
        rendition=rendition,
    )


def test_raised_and_resolved_passes() -> None:
    """A fault whose alert fires and resolves passes, with seconds counted from the wire."""
    verdict = judge([on_wire(fault(BLACK))], [edge(102.5, BLACK), edge(109, BLACK, "resolved")])

    [row] = verdict.rows
    assert (row.raised, row.alert_s, row.resolve_s) == (BLACK, 2.5, 5.0)
    assert verdict.exit_code == 0


def test_missed_fault_fails() -> None:
    """A fault that no alert tells of is missed and fails the demo."""
    verdict = judge([on_wire(fault(BLACK))], [])

    assert verdict.rows[0].raised is None
    assert verdict.exit_code == 1


def test_alert_without_fault_is_false() -> None:
    """An alert that fires before anything is broken is false and fails the demo."""
    early = edge(99.9, BLACK)
    verdict = judge(
        [on_wire(fault(BLACK))],
        [early, edge(100, BLACK, "resolved"), edge(102, BLACK), edge(109, BLACK, "resolved")],
    )

    assert verdict.false == (early,)
    assert verdict.rows[0].raised == BLACK
    assert verdict.exit_code == 1


def test_other_stream_is_false() -> None:
    """A fault on one stream explains no alert on another."""
    verdict = judge([on_wire(fault(BLACK))], [edge(102, BLACK, stream=FMP4)])

    assert [heard.stream for heard in verdict.false] == [FMP4]
    assert verdict.rows[0].raised is None


def test_alert_about_the_daemon_itself_is_kept_apart() -> None:
    """That qoed calls itself overloaded is told, but is no false alert about a stream."""
    verdict = judge(
        [on_wire(fault(BLACK))],
        [edge(50, "overloaded", stream="_probe"), edge(102, BLACK), edge(103, BLACK, "resolved")],
    )

    assert [heard.rule for heard in verdict.probe] == ["overloaded"]
    assert verdict.passed


def test_pending_raises_nothing() -> None:
    """A pending alert is not yet an alert: it neither raises a fault nor counts as false."""
    verdict = judge([on_wire(fault(BLACK))], [edge(50, BLACK, "pending"), edge(102, BLACK, "pending")])

    assert verdict.rows[0].raised is None
    assert verdict.false == ()


def test_too_late_is_missed_and_false() -> None:
    """An alert that comes more than the grace after a fault has ended does not count for it."""
    late = edge(104 + GRACE_S + 0.1, BLACK)
    verdict = judge([on_wire(fault(BLACK))], [late])

    assert verdict.rows[0].raised is None
    assert verdict.false == (late,)


def test_allowed_rule_neither_raises_nor_fails() -> None:
    """A rule that may fire along with a fault is shown beside it, but never replaces the expected one."""
    black = fault(BLACK, allow=(FREEZE,))
    alone = judge([on_wire(black)], [edge(102, FREEZE), edge(108, FREEZE, "resolved")])
    both = judge(
        [on_wire(black)],
        [edge(102, FREEZE), edge(103, BLACK), edge(106, BLACK, "resolved"), edge(108, FREEZE, "resolved")],
    )

    assert (alone.rows[0].raised, alone.false) == (None, ())
    assert (both.rows[0].raised, both.rows[0].alongside, both.rows[0].alert_s) == (BLACK, (FREEZE,), 3.0)
    assert both.rows[0].resolve_s == 4.0
    assert both.passed


def test_any_expected_rule_raises() -> None:
    """Where either of two alerts tells of a fault, the first one counts."""
    verdict = judge(
        [on_wire(fault(DAMAGE, UNDECODABLE))], [edge(101, UNDECODABLE), edge(105, UNDECODABLE, "resolved")]
    )

    assert verdict.rows[0].raised == UNDECODABLE
    assert verdict.passed


def test_stuck_alert_fails() -> None:
    """An alert that never resolves fails the demo although it was raised in time."""
    verdict = judge(
        [on_wire(fault(BLACK))],
        [edge(101, BLACK), edge(105, BLACK, "resolved"), edge(101, BLACK, rendition="360p")],
    )

    assert verdict.rows[0].raised == BLACK
    assert verdict.rows[0].stuck == (BLACK,)
    assert verdict.rows[0].resolve_s is None
    assert verdict.exit_code == 1


def test_resolve_waits_for_all_renditions() -> None:
    """Seconds to resolve run until the last rendition's alert is resolved."""
    heard = [
        *(edge(101, BLACK, rendition=name) for name in ("720p", "360p")),
        edge(106, BLACK, "resolved", rendition="720p"),
        edge(107.5, BLACK, "resolved", rendition="360p"),
    ]

    assert judge([on_wire(fault(BLACK))], heard).rows[0].resolve_s == 3.5


def test_second_fault_needs_its_own_alert() -> None:
    """One alert does not count for two faults of the same stream, even when both expect it."""
    first, second = on_wire(fault(LOW_QUALITY)), on_wire(fault(LOW_QUALITY), 115, 119)
    verdict = judge([first, second], [edge(108, LOW_QUALITY), edge(113, LOW_QUALITY, "resolved")])

    assert [row.raised for row in verdict.rows] == [LOW_QUALITY, None]


def test_expected_beats_allowed() -> None:
    """An alert that one fault expects and another merely allows belongs to the one that expects it."""
    blurred, black = (
        on_wire(fault(LOW_QUALITY), 90, 104),
        on_wire(fault(BLACK, allow=(LOW_QUALITY,)), 100, 104),
    )
    verdict = judge([blurred, black], [edge(101, LOW_QUALITY), edge(110, LOW_QUALITY, "resolved")])

    assert verdict.rows[0].raised == LOW_QUALITY
    assert verdict.rows[1].alongside == ()


def test_unfinished_fault_has_no_resolve_time() -> None:
    """While a fault is still on air, its row says raised but not how long the recovery took."""
    row = judge([on_wire(fault(BLACK), ended_s=None)], [edge(102, BLACK), edge(103, BLACK, "resolved")]).rows[
        0
    ]

    assert (row.raised, row.resolve_s, row.stuck) == (BLACK, None, ())


def test_median_and_worst() -> None:
    """The summary's median and worst are over the faults that were raised."""
    happened = [on_wire(fault(BLACK), began, began + 4) for began in (100, 200, 300)]
    verdict = judge(happened, [edge(101, BLACK), edge(202, BLACK), edge(309, BLACK)])

    assert (verdict.alert_median_s, verdict.alert_worst_s) == (2, 9)
    assert judge(happened, []).alert_median_s is None


def test_json_holds_the_table() -> None:
    """The JSON file carries every row and every false alert as plain values."""
    verdict = judge([on_wire(fault(BLACK))], [edge(102.123, BLACK), edge(103, FREEZE)])

    table = json.loads(json.dumps(as_json(verdict)))
    assert table["passed"] is False
    assert table["faults"][0]["alert_s"] == 2.12
    assert table["false"] == [{"stream": TS, "rendition": "720p", "rule": FREEZE}]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 300), st.sampled_from([BLACK, FREEZE, LOW_QUALITY]), st.sampled_from([TS, FMP4])
        ),
        max_size=20,
    )
)
def test_every_firing_alert_is_accounted_for(alerts: list[tuple[float, str, str]]) -> None:
    """Whatever fires belongs to a fault or is false, in whatever order the alerts are given."""
    happened = [
        on_wire(fault(BLACK, allow=(FREEZE,)), 50, 60),
        on_wire(fault(LOW_QUALITY, stream=FMP4), 100, None),
    ]
    heard = [edge(at_s, rule, stream=stream) for at_s, rule, stream in alerts]
    verdict = judge(happened, heard)

    explained = sum(
        (h.stream == TS and h.rule in (BLACK, FREEZE) and 50 <= h.at_s <= 60 + GRACE_S)
        or (h.stream == FMP4 and h.rule == LOW_QUALITY and h.at_s >= 100)
        for h in heard
    )
    assert len(heard) == explained + len(verdict.false)
    assert set(judge(happened, heard[::-1]).false) == set(verdict.false)


def test_schedule_shows_every_fault_within_two_minutes() -> None:
    """The full schedule holds every kind of fault and leaves time to start and settle within two minutes."""
    assert {planned.kind for planned in SCHEDULE} == set(FaultKind)
    assert length_s(SCHEDULE) <= 100


@pytest.mark.parametrize("schedule", [SCHEDULE, QUICK])
def test_faults_of_one_stream_do_not_overlap(schedule: tuple[Fault, ...]) -> None:
    """On one stream a fault ends before the next begins, with room to recover when both share a rule."""
    for stream in (TS, FMP4):
        mine = sorted((f for f in schedule if f.stream == stream), key=lambda f: f.at_s)
        for earlier, later in pairwise(mine):
            shared = earlier.expect & later.expect
            assert later.at_s - earlier.until_s >= (12 if shared else 0)


def test_faults_move_to_whole_segments() -> None:
    """Faults begin and end with a segment, and last one segment at least."""
    moved = on_segments([fault(BLACK)], 1.92)[0]

    assert (moved.at_s, round(moved.for_s / 1.92, 6)) == (0, 2)
    assert on_segments([Fault(kind=FaultKind.BLUR, stream=TS, at_s=5, for_s=0.1, expect=frozenset())], 1.92)[
        0
    ].for_s == pytest.approx(1.92)


def test_shorter_run_keeps_whole_faults() -> None:
    """A run cut short by `--seconds` keeps the faults that end in time and drops the rest."""
    kept = within(SCHEDULE, 40)

    assert kept
    assert all(planned.until_s <= 40 for planned in kept)
