"""The alert state machine: inactive -> pending -> firing -> resolved, one pure `step` at a time.

Trouble must be *seen* for `for_s` before an alert fires, and good *seen* for `keep_firing_for_s` before it is
resolved: time without data stops both clocks, so no data neither fires nor resolves anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from qoed.alert.rule import Rule
from qoed.model import AlertState


class Verdict(StrEnum):
    """What an observation says to a rule."""

    BAD = "bad"
    """Beyond the triggering level."""
    BETWEEN = "between"
    """Not bad enough to trigger, not good enough to clear."""
    GOOD = "good"
    """At or beyond the clear level."""
    UNKNOWN = "unknown"
    """No data, or none that can be trusted now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStatus:
    """Where one alert stands; times are monotonic seconds. `state` None is inactive."""

    state: AlertState | None = None
    bad_since: float | None = None
    """When the trouble began, moved on by the time without data; set while pending or firing."""
    good_since: float | None = None
    """Since when a firing alert has seen only good, moved on likewise."""
    held_since: float | None = None
    """Since when there has been no data."""


INACTIVE = AlertStatus()


def step(
    status: AlertStatus, verdict: Verdict, now: float, rule: Rule
) -> tuple[AlertStatus, tuple[AlertState, ...]]:
    """The status after `verdict` at `now`, and the states entered on the way, in order.

    A `for_s` of 0 passes through pending to firing at once. A pending alert whose trouble ends is simply
    inactive again; only a firing one is resolved, after which its status is inactive.
    """
    if verdict is Verdict.UNKNOWN:
        if status.state is None or status.held_since is not None:
            return status, ()
        return replace(status, held_since=now), ()
    status = _resume(status, now)
    match status.state:
        case None:
            if verdict is not Verdict.BAD:
                return INACTIVE, ()
            return _ripen(
                AlertStatus(state=AlertState.PENDING, bad_since=now), now, rule, (AlertState.PENDING,)
            )
        case AlertState.PENDING:
            if verdict is not Verdict.BAD:
                return INACTIVE, ()
            return _ripen(status, now, rule, ())
        case _:
            if verdict is not Verdict.GOOD:
                return replace(status, good_since=None), ()
            good_since = now if status.good_since is None else status.good_since
            if now - good_since >= rule.keep_firing_for_s:
                return INACTIVE, (AlertState.RESOLVED,)
            return replace(status, good_since=good_since), ()


def _ripen(
    status: AlertStatus, now: float, rule: Rule, entered: tuple[AlertState, ...]
) -> tuple[AlertStatus, tuple[AlertState, ...]]:
    assert status.bad_since is not None
    if now - status.bad_since < rule.for_s:
        return status, entered
    return replace(status, state=AlertState.FIRING), (*entered, AlertState.FIRING)


def _resume(status: AlertStatus, now: float) -> AlertStatus:
    """Data is back: the time without it does not count."""
    if status.held_since is None:
        return status
    held_s = now - status.held_since
    return replace(
        status,
        bad_since=None if status.bad_since is None else status.bad_since + held_s,
        good_since=None if status.good_since is None else status.good_since + held_s,
        held_since=None,
    )
