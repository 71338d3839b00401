"""Where trouble most likely sits, by simple rules that a person can follow."""

from __future__ import annotations

from qoed.alert.rule import Metric, Rule
from qoed.alert.situation import Situation
from qoed.checks import CATALOGUE
from qoed.model import Cause, Reason

WIRE_BLAME_S = 60.0
"""Damage in the picture is blamed on the wire when that had trouble within this time."""

_CARRIED = frozenset({Reason.DAMAGE, Reason.UNDECODABLE})
"""Picture faults that a bad wire can cause as well."""


def cause_of(rule: Rule, situation: Situation, now: float) -> Cause | None:
    """The likely cause of an alert of `rule`.

    Wire findings point to CDN, network or packager, the probe's own to the probe. Black, freeze and sound
    come from the source; a low score from the encoder; damage from the encoder unless the wire had trouble.
    """
    reason = rule.finding
    if reason is None:
        wire = _wire_trouble(situation, now)
        if rule.metric is Metric.COVERAGE:
            return wire or Cause.PROBE
        return Cause.ENCODER
    if reason.domain == "probe":
        return Cause.PROBE
    if reason in _CARRIED:
        return _wire_trouble(situation, now) or Cause.ENCODER
    return CATALOGUE[reason].cause


def _wire_trouble(situation: Situation, now: float) -> Cause | None:
    recent = [each.finding.reason for each in reversed(situation.events) if now - each.at <= WIRE_BLAME_S]
    for reason in [reason for _, reason in situation.active] + recent:
        if reason.domain == "wire" and reason is not Reason.DISCONTINUITY:
            return CATALOGUE[reason].cause
    return None
