"""Stage 7, alert: windows and findings become alerts, by rules, as pure functions of (state, event, now)."""

from qoed.alert.evaluator import Evaluator
from qoed.alert.machine import AlertStatus, Verdict, step
from qoed.alert.rule import PROBE_STREAM, Metric, Rule

__all__ = ["PROBE_STREAM", "AlertStatus", "Evaluator", "Metric", "Rule", "Verdict", "step"]
