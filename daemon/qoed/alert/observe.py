"""What a rule sees in a stream's situation: a verdict and the figures behind it. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from qoed.alert.machine import Verdict
from qoed.alert.rule import Metric, Rule
from qoed.alert.situation import DOWN, UNSCORABLE, Seen, Situation
from qoed.model import Finding, Reason, Window

SILENT_S = 30.0
"""No window for so long (or for the rule's window, when that is longer) means that there is no data."""

USUAL_WINDOW_S = 300.0
"""The window that says what is usual for a rendition."""
USUAL_LEAST_S = 20.0
"""With fewer scored seconds than this nothing is usual yet ..."""
USUAL_LEAST_COUNT = 20
"""... nor with fewer seconds that the top rung has scores for, too."""

NEAR = 5.0
"""Points from its level within which a metric is near it."""

_TIMED = frozenset(
    {Reason.SEGMENT_SLOW, Reason.THROUGHPUT_LOW, Reason.PLAYLIST_SLOW, Reason.PART_LATE, Reason.INPUT_STALLED}
)
"""Findings that rest on our own timing: a probe that cannot keep up must not raise them."""
POLLED = _TIMED | {
    Reason.PLAYLIST_UNAVAILABLE,
    Reason.PLAYLIST_STALE,
    Reason.INPUT_UNAVAILABLE,
    Reason.SEGMENT_MISSING,
    Reason.SEGMENT_UNAVAILABLE,
    Reason.SEQUENCE_GAP,
    Reason.VARIANT_DRIFT,
    Reason.RELOAD_NOT_BLOCKED,
    Reason.PART_MISSING,
    Reason.LINK_LOSS,
}
"""What an event loop that comes late makes of a good stream, too: requests time out, polls miss segments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A verdict with what it rests on; `renditions` are those in trouble, of a rule for the whole stream."""

    verdict: Verdict
    value: float | None = None
    window: Window | None = None
    finding: Finding | None = None
    count: int = 0
    renditions: tuple[str, ...] = ()


UNKNOWN = Observation(verdict=Verdict.UNKNOWN)


def applies(rule: Rule, rendition: str | None) -> bool:
    """Whether the rule looks at this rendition; what concerns the whole stream concerns every rule."""
    return rendition is None or fnmatchcase(rendition, rule.renditions)


def observe(
    rule: Rule,
    situation: Situation,
    rendition: str | None,
    now: float,
    *,
    starved: bool = False,
    late: bool = False,
) -> Observation:
    """What `rule` sees of one rendition.

    `starved`: the probe as a whole has trouble of its own; `late`: so much that it does not poll in time.
    """
    if rule.unless and situation.excused(rule.unless, now, rule.unless_hold_s):
        return UNKNOWN
    doubtful = starved or late or situation.starved(now)
    if rule.finding is not None:
        doubted = POLLED if late else _TIMED if doubtful else frozenset()
        believed = [reason for reason in rule.findings if reason not in doubted]
        seen = _finding(rule, believed, situation, rendition, now)
        return seen if seen.verdict is Verdict.BAD or len(believed) == len(rule.findings) else UNKNOWN
    if doubtful or situation.lasting(DOWN, rendition):
        return UNKNOWN
    if rule.metric is Metric.COVERAGE:
        return _coverage(rule, situation, rendition, now)
    return _score(rule, situation, rendition, now)


def observe_stream(
    rule: Rule, situation: Situation, now: float, *, starved: bool = False, late: bool = False
) -> Observation:
    """What `rule` sees of the whole stream: trouble as soon as any rendition has it, good when all are."""
    places: list[str | None] = [r for r in situation.renditions if applies(rule, r)]
    if rule.finding is not None:
        places = [where for where in _places(rule, situation) if applies(rule, where)]
    elif not situation.renditions:
        places = [None]
    seen = [(where, observe(rule, situation, where, now, starved=starved, late=late)) for where in places]
    if not seen:
        return Observation(verdict=Verdict.GOOD) if rule.finding is not None else UNKNOWN
    _, worst = max(seen, key=lambda pair: (_RANK[pair[1].verdict], _badness(rule, pair[1])))
    troubled = tuple(where for where, each in seen if where is not None and each.verdict is Verdict.BAD)
    return replace(worst, renditions=troubled)


_RANK = {Verdict.GOOD: 0, Verdict.BETWEEN: 1, Verdict.UNKNOWN: 2, Verdict.BAD: 3}


def _badness(rule: Rule, observation: Observation) -> float:
    if observation.value is None:
        return float("-inf")
    return -observation.value if rule.below is not None else observation.value


def _places(rule: Rule, situation: Situation) -> list[str | None]:
    lasting = [where for where, active in situation.active if active in rule.findings]
    recent = [each.finding.rendition for each in situation.events if each.finding.reason in rule.findings]
    return list(dict.fromkeys(lasting + recent))


def near(rule: Rule, seen: Observation) -> bool:
    """Whether a score metric is close to the level that triggers, or beyond it; no verdict is needed."""
    if rule.level is None or rule.metric is Metric.COVERAGE or seen.value is None:
        return False
    return seen.value < rule.level + NEAR if rule.below is not None else seen.value > rule.level - NEAR


def _finding(
    rule: Rule, reasons: Sequence[Reason], situation: Situation, rendition: str | None, now: float
) -> Observation:
    lasting = [found for reason in reasons if (found := situation.active.get((rendition, reason)))]
    events = situation.events_of(reasons, rendition, now - rule.window_s)
    if not lasting and len(events) < rule.count:
        latest = [found for reason in reasons if (found := situation.latest.get((rendition, reason)))]
        return Observation(verdict=Verdict.GOOD, finding=latest[-1] if latest else None, count=len(events))
    finding = lasting[0] if lasting else events[-1]
    return Observation(verdict=Verdict.BAD, value=finding.value, finding=finding, count=len(events))


def _score(rule: Rule, situation: Situation, rendition: str | None, now: float) -> Observation:
    seen = situation.windows.get((rendition, rule.window_s)) if rendition is not None else None
    if seen is None or now - seen.at > max(SILENT_S, rule.window_s):
        return UNKNOWN
    value = value_of(rule.metric, seen.window, situation)
    if value is None or _evidence(rule, seen.window) < rule.min_coverage:
        return replace(UNKNOWN, window=seen.window, value=value)
    return Observation(verdict=_judge(rule, value), value=value, window=seen.window)


def value_of(metric: Metric | None, window: Window, situation: Situation) -> float | None:
    """What a score metric says of a window; None where it cannot."""
    usual = situation.windows.get((window.rendition, USUAL_WINDOW_S))
    match metric:
        case Metric.DROP:
            return _drop(window, usual)
        case Metric.VS_TOP_DROP:
            return _vs_top_drop(window, usual)
        case _:
            return _statistic(window, metric)


def _evidence(rule: Rule, window: Window) -> float:
    """Share of the window that the metric rests on."""
    if rule.metric in (Metric.VS_TOP, Metric.VS_TOP_DROP):
        return window.coverage * window.vs_top_count / window.count if window.count else 0.0
    return window.coverage


def _coverage(rule: Rule, situation: Situation, rendition: str | None, now: float) -> Observation:
    if situation.lasting(UNSCORABLE, rendition):
        return UNKNOWN
    patience_s = max(SILENT_S, rule.window_s)
    if rendition is None:
        if situation.renditions:
            return Observation(verdict=Verdict.GOOD)
        silent = now - situation.resumed_at >= patience_s
        return Observation(verdict=_judge(rule, 0.0), value=0.0) if silent else UNKNOWN
    seen = situation.windows.get((rendition, rule.window_s))
    if seen is None:
        return UNKNOWN
    if now - max(seen.at, situation.resumed_at) >= patience_s:
        return Observation(verdict=_judge(rule, 0.0), value=0.0, window=seen.window)
    if now - max(situation.first_seen[rendition], situation.resumed_at) < rule.window_s:  # not full yet
        return replace(UNKNOWN, window=seen.window)
    # By what the depth promised: few scores are no gap where few were due.
    covered = seen.window.coverage if seen.window.reach is None else seen.window.reach
    return Observation(verdict=_judge(rule, covered), value=covered, window=seen.window)


def _statistic(window: Window, metric: Metric | None) -> float | None:
    match metric:
        case Metric.MEAN:
            return window.mean
        case Metric.P05:
            return window.p05
        case Metric.MIN:
            return window.min
        case Metric.LO:
            return window.lo
        case Metric.HI:
            return window.hi
        case Metric.VS_TOP:
            return window.vs_top
        case _:
            return None


def _drop(recent: Window, usual: Seen | None) -> float | None:
    """Points below the usual mean; None until there is a usual."""
    if usual is None or usual.window.mean is None or recent.mean is None:
        return None
    if usual.window.coverage * USUAL_WINDOW_S < USUAL_LEAST_S:
        return None
    return usual.window.mean - recent.mean


def _vs_top_drop(recent: Window, usual: Seen | None) -> float | None:
    """Points below the usual difference to the top rung; None until there is a usual."""
    if usual is None or usual.window.vs_top is None or recent.vs_top is None:
        return None
    return usual.window.vs_top - recent.vs_top if usual.window.vs_top_count >= USUAL_LEAST_COUNT else None


def _judge(rule: Rule, value: float) -> Verdict:
    level, clear = rule.level, rule.clear_level
    if level is None or clear is None:
        return Verdict.UNKNOWN
    if rule.below is not None:
        if value < level:
            return Verdict.BAD
        return Verdict.GOOD if value >= clear else Verdict.BETWEEN
    if value > level:
        return Verdict.BAD
    return Verdict.GOOD if value <= clear else Verdict.BETWEEN


def memory_s(rules: Sequence[Rule]) -> float:
    """The longest time, in seconds, for which any of `rules` looks back at events."""
    return max((rule.window_s for rule in rules if rule.finding is not None), default=0.0)
