"""Did every fault raise its alert, and no alert without a fault? Pure functions of what went out and in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from qoed.alert.rule import PROBE_STREAM
from qoed.demo.faults import Fault
from qoed.model import AlertState

GRACE_S = 20.0
"""How long after a fault its alert may still fire: the windows must fill, the pipeline must deliver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A fault as it was on the wire, monotonic seconds; `ended_s` None: it was never lifted."""

    fault: Fault
    began_s: float
    ended_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One alert edge as the subscriber got it, at `at_s` monotonic seconds."""

    at_s: float
    stream: str
    rule: str
    fingerprint: str
    state: AlertState
    rendition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault's fate. Times are seconds; None: it did not happen."""

    fault: Fault
    raised: str | None
    """The rule whose alert was first to tell of the fault."""
    alert_s: float | None
    """From the fault on the wire to the alert at the subscriber."""
    resolve_s: float | None
    """From the fault's end on the wire until the last of its alerts was resolved."""
    stuck: tuple[str, ...] = ()
    """Rules whose alerts were never resolved."""
    alongside: tuple[str, ...] = ()
    """Other rules that fired with it, as the schedule allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The table and what it amounts to."""

    rows: tuple[Row, ...]
    false: tuple[Heard, ...]
    """Alerts about a stream that fired though no fault explains them."""
    probe: tuple[Heard, ...] = ()
    """Alerts of the daemon about itself: true, but a sign that this machine was too busy."""

    @property
    def passed(self) -> bool:
        """Every fault raised and resolved, nothing false."""
        return not self.false and all(row.raised and not row.stuck for row in self.rows)

    @property
    def exit_code(self) -> int:
        """0 when passed, else 1."""
        return 0 if self.passed else 1

    @property
    def alert_median_s(self) -> float | None:
        """Median of fault on the wire to alert in Redis."""
        times = self._alert_times()
        return median(times) if times else None

    @property
    def alert_worst_s(self) -> float | None:
        """The slowest of them."""
        return max(self._alert_times(), default=None)

    def _alert_times(self) -> list[float]:
        return [row.alert_s for row in self.rows if row.alert_s is not None]


def judge(happened: Sequence[Happened], heard: Sequence[Heard], *, grace_s: float = GRACE_S) -> Verdict:
    """Match alerts to faults.

    A firing alert belongs to the latest fault of its stream that expects it, else to the latest that allows
    it, among the faults on the wire no more than `grace_s` before; else it is false. Only an alert that a
    fault expects raises it. What the daemon says of itself is kept apart.
    """
    everything = sorted(heard, key=lambda edge: edge.at_s)
    ordered = [edge for edge in everything if edge.stream != PROBE_STREAM]
    probe = [edge for edge in everything if edge.stream == PROBE_STREAM and edge.state is AlertState.FIRING]
    owned: dict[int, list[Heard]] = {place: [] for place in range(len(happened))}
    false = []
    for edge in ordered:
        if edge.state is not AlertState.FIRING:
            continue
        owner = _owner(happened, edge, grace_s)
        if owner is None:
            false.append(edge)
        else:
            owned[owner].append(edge)
    rows = tuple(_row(event, owned[place], ordered) for place, event in enumerate(happened))
    return Verdict(rows=rows, false=tuple(false), probe=tuple(probe))


def _owner(happened: Sequence[Happened], edge: Heard, grace_s: float) -> int | None:
    open_then = [
        place
        for place, event in enumerate(happened)
        if event.fault.stream == edge.stream
        and event.began_s <= edge.at_s
        and (event.ended_s is None or edge.at_s <= event.ended_s + grace_s)
    ]
    for wanted in ("expect", "allow"):
        explaining = [place for place in open_then if edge.rule in getattr(happened[place].fault, wanted)]
        if explaining:
            return max(explaining, key=lambda place: happened[place].began_s)
    return None


def _row(event: Happened, fired: Sequence[Heard], ordered: Sequence[Heard]) -> Row:
    telling = next((edge for edge in fired if edge.rule in event.fault.expect), None)
    resolutions = [(edge, _resolved_s(edge, ordered)) for edge in fired]
    stuck = tuple(sorted({edge.rule for edge, at_s in resolutions if at_s is None}))
    ends = [at_s for _, at_s in resolutions if at_s is not None]
    settled = event.ended_s is not None and ends and not stuck
    return Row(
        fault=event.fault,
        raised=telling.rule if telling else None,
        alert_s=telling.at_s - event.began_s if telling else None,
        resolve_s=max(0.0, max(ends) - event.ended_s) if settled and event.ended_s is not None else None,
        stuck=stuck,
        alongside=tuple(sorted({edge.rule for edge in fired} - event.fault.expect)),
    )


def _resolved_s(firing: Heard, ordered: Sequence[Heard]) -> float | None:
    return next(
        (
            edge.at_s
            for edge in ordered
            if edge.fingerprint == firing.fingerprint
            and edge.state is AlertState.RESOLVED
            and edge.at_s >= firing.at_s
        ),
        None,
    )


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The table as plain values, for files."""
    return {
        "passed": verdict.passed,
        "alert_median_s": _rounded(verdict.alert_median_s),
        "alert_worst_s": _rounded(verdict.alert_worst_s),
        "faults": [
            {
                "fault": row.fault.kind.value,
                "stream": row.fault.stream,
                "seconds": round(row.fault.for_s, 2),
                "expected": sorted(row.fault.expect),
                "raised": row.raised,
                "alert_s": _rounded(row.alert_s),
                "resolve_s": _rounded(row.resolve_s),
                "alongside": list(row.alongside),
                "stuck": list(row.stuck),
            }
            for row in verdict.rows
        ],
        "false": [
            {"stream": edge.stream, "rendition": edge.rendition, "rule": edge.rule} for edge in verdict.false
        ],
        "probe": [edge.rule for edge in verdict.probe],
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
