"""How an alert's edges are named and told: stable ids, one-line messages, flat evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from datetime import datetime
from typing import Any

from qoed.alert.cause import Attribution
from qoed.alert.observe import Observation
from qoed.alert.rule import Rule
from qoed.roll import WINDOW_NAMES


def fingerprint_of(stream: str, rendition: str | None, rule: str) -> str:
    """16 hex digits, the same for the same (stream, rendition, rule) for ever."""
    return _digest(stream, rendition or "", rule)


def episode_of(fingerprint: str, started_at: datetime, number: int) -> str:
    """16 hex digits for one pending-to-resolved run; `number` tells runs of one instant apart."""
    return _digest(fingerprint, started_at.isoformat(), str(number))


def window_of(rule: Rule) -> str | None:
    """`10s`, `1m`, `5m` for metric rules, else None."""
    return WINDOW_NAMES.get(rule.window_s) if rule.metric is not None else None


def firing_message(rule: Rule, seen: Observation) -> str:
    """One line that says what is wrong, with figures."""
    if rule.metric is not None:
        side = "below" if rule.below is not None else "above"
        told = f"{rule.metric.value} over {window_of(rule)} is {_figure(seen.value)}"
        return f"{told}, {side} {_figure(rule.level)}"
    assert rule.finding is not None
    reason = seen.finding.reason if seen.finding is not None else rule.finding
    told = seen.finding.message if seen.finding is not None and seen.finding.message else reason.value
    what = rule.name if rule.also else reason.value
    return told if rule.count == 1 else f"{seen.count} x {what}, lately: {told}"


def resolved_message(rule: Rule, seen: Observation, lasted_s: float) -> str:
    """One line that says what is well again, and how long it was not."""
    if rule.metric is not None:
        return (
            f"{rule.metric.value} over {window_of(rule)} is back at {_figure(seen.value)}, "
            f"clear level {_figure(rule.clear_level)}, after {lasted_s:.0f} s"
        )
    assert rule.finding is not None
    return f"{rule.name if rule.also else rule.finding.value} is over after {lasted_s:.0f} s"


def grounds_of(attribution: Attribution, affected: Set[str]) -> dict[str, Any]:
    """Why an alert has its cause; `affected` are the renditions that were in trouble in its course."""
    grounds: dict[str, Any] = {"cause_because": attribution.because}
    if attribution.watched:
        grounds["renditions_affected"] = ", ".join(sorted(affected))
        grounds["renditions_watched"] = ", ".join(sorted(affected | set(attribution.watched)))
    return grounds


def evidence_of(seen: Observation) -> dict[str, Any]:
    """The figures behind an edge, as flat JSON values."""
    evidence: dict[str, Any] = {}
    if seen.finding is not None:
        evidence |= seen.finding.evidence
    if seen.window is not None:
        if seen.finding is None and seen.window.vs_top is not None:
            evidence["vs_top"] = round(seen.window.vs_top, 3)
        for name in ("mean", "p05", "min", "lo", "hi", "coverage", "count"):
            value = getattr(seen.window, name)
            evidence[name] = round(value, 3) if isinstance(value, float) else value
    if seen.renditions:
        evidence["renditions"] = ", ".join(seen.renditions)
    return evidence


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{round(value, 2):g}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
