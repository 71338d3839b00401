"""Runs every stream's rules over its windows and findings and yields the edges of its alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from qoed.alert import edge
from qoed.alert.cause import BLAME_S, Attribution, attribute
from qoed.alert.machine import INACTIVE, AlertStatus, Verdict, step
from qoed.alert.observe import (
    POLLED,
    SILENT_S,
    Observation,
    applies,
    memory_s,
    near,
    observe,
    observe_stream,
)
from qoed.alert.rule import PROBE_STREAM, Metric, Rule
from qoed.alert.situation import Situation
from qoed.model import AlertEvent, AlertState, Decoded, Finding, Phase, Reason, Severity, Window

CAUSE_PATIENCE_S = 1.0
"""An alert waits so long at most for the other renditions, when they are to tell its cause."""
LATE_S = 1.5
"""Ticks come about every second: when the last one is so long ago, the event loop is late ..."""
LATE_HOLD_S = 10.0
"""... and for so long it is not believed what rests on its timing."""


@dataclass(slots=True)
class _Alert:
    """One alert that is pending or firing, with its episode."""

    stream: str
    rendition: str | None
    rule: Rule
    status: AlertStatus
    episode: str
    began: float
    started_at: datetime
    fired: AlertEvent | None = None
    attribution: Attribution | None = None
    """As it was when the alert fired."""
    affected: set[str] = field(default_factory=set)
    """Renditions that were in trouble at any time of the episode."""


@dataclass(slots=True)
class _Stream:
    rules: tuple[Rule, ...]
    situation: Situation
    alerts: dict[tuple[str | None, str], _Alert] = field(default_factory=dict)
    near: dict[tuple[str | None, str], float] = field(default_factory=dict)
    """(rendition, rule) of the metrics that are near their level, and when that was last seen."""
    by_reason: dict[Reason, list[Rule]] = field(init=False)
    coverage: list[Rule] = field(init=False)
    memory_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.obey(self.rules)

    def obey(self, rules: tuple[Rule, ...]) -> None:
        """Put rules in force."""
        self.rules, self.by_reason = rules, {}
        self.memory_s = max(memory_s(rules), BLAME_S)
        self.coverage = [rule for rule in rules if rule.metric is Metric.COVERAGE]
        for rule in rules:
            for reason in rule.findings:
                self.by_reason.setdefault(reason, []).append(rule)


class Evaluator:
    """Alerts of all streams. `now` is monotonic seconds; `wall` gives labels and is never compared.

    Every method that takes news returns the edges that it caused: `firing` and `resolved`, each exactly once
    an episode. What is known of a stream that has no rules (was never added, or is removed) is ignored. Rules
    under `PROBE_STREAM` are those for findings about the daemon itself.
    """

    def __init__(
        self,
        rules: Mapping[str, Sequence[Rule]],
        *,
        now: float,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._wall = wall
        self._episodes = 0
        self._ticked_at = now
        self._late_until = now
        self._streams: dict[str, _Stream] = {}
        self.update_rules(rules, now)

    def update_rules(self, rules: Mapping[str, Sequence[Rule]], now: float) -> list[AlertEvent]:
        """Put new rules in force. Unchanged rules keep their alerts; the others' are resolved, saying why."""
        events = []
        for stream in [name for name in self._streams if name not in rules]:
            events += self.remove_stream(stream, now)
        for stream, wanted in rules.items():
            known = self._streams.setdefault(stream, _Stream(tuple(wanted), Situation(resumed_at=now)))
            kept = {rule.name: rule for rule in wanted}
            for alert in list(known.alerts.values()):
                if kept.get(alert.rule.name) != alert.rule:
                    gone = "changed" if alert.rule.name in kept else "removed"
                    events += self._withdraw(known, alert, f"rule {alert.rule.name} was {gone}")
            known.obey(tuple(wanted))
            known.near.clear()
        return events

    def remove_stream(
        self, stream: str, now: float, why: str = "the stream is no longer watched"
    ) -> list[AlertEvent]:
        """Forget a stream and resolve its alerts."""
        known = self._streams.pop(stream, None)
        if known is None:
            return []
        return [event for alert in list(known.alerts.values()) for event in self._withdraw(known, alert, why)]

    def remove_rendition(self, stream: str, rendition: str, now: float) -> list[AlertEvent]:
        """Forget one rendition that is no longer watched and resolve its alerts."""
        known = self._streams.get(stream)
        if known is None:
            return []
        known.situation.forget_rendition(rendition)
        known.near = {place: at for place, at in known.near.items() if place[0] != rendition}
        alerts = [alert for alert in known.alerts.values() if alert.rendition == rendition]
        why = "the rendition is no longer watched"
        return [event for alert in alerts for event in self._withdraw(known, alert, why)]

    def on_window(self, window: Window, now: float) -> list[AlertEvent]:
        """Take in one window of a rendition."""
        known = self._streams.get(window.stream)
        if known is None:
            return []
        known.situation.see(window, now)
        return self._on_window(known, window, now, known.rules)

    def on_refined(self, window: Window, now: float) -> list[AlertEvent]:
        """Take in a window anew of which only the difference to the top rung is news."""
        known = self._streams.get(window.stream)
        if known is None:
            return []
        known.situation.refine(window)
        compared = [rule for rule in known.rules if rule.metric in (Metric.VS_TOP, Metric.VS_TOP_DROP)]
        return self._on_window(known, window, now, compared)

    def on_finding(self, finding: Finding, now: float) -> list[AlertEvent]:
        """Take in one finding; of an unknown stream, none."""
        known = self._streams.get(finding.stream)
        if known is None:
            return []
        if self._late(now) and finding.phase is Phase.EVENT and finding.reason in POLLED:
            return []
        known.situation.note(finding, now)
        if finding.stream == PROBE_STREAM:
            for other in self._streams.values():
                other.situation.resumed_at = max(other.situation.resumed_at, known.situation.resumed_at)
        events = []
        for rule in known.by_reason.get(finding.reason, ()):
            if applies(rule, finding.rendition):
                place = None if rule.scope == "stream" else finding.rendition
                events += self._evaluate(finding.stream, known, rule, place, now)
        return events

    def on_decoded(self, decoded: Decoded, now: float) -> list[AlertEvent]:
        """A rendition was decoded up to a segment's end, and its findings till then have been told."""
        stream = decoded.segment.stream
        known = self._streams.get(stream)
        if known is None:
            return []
        known.situation.hear(decoded, now)
        undecided = [
            alert
            for alert in known.alerts.values()
            if alert.status.state is AlertState.PENDING and alert.rule.metric is None
        ]
        return [
            event
            for alert in undecided
            for event in self._evaluate(stream, known, alert.rule, alert.rendition, now, news=False)
        ]

    def tick(self, now: float) -> list[AlertEvent]:
        """Let time pass without news; call about once a second."""
        events = []
        self._late(now)
        self._ticked_at = now
        for stream, known in self._streams.items():
            known.situation.forget_events(now - known.memory_s)
            for place, rule in self._due(known):
                events += self._evaluate(stream, known, rule, place, now, news=False)
        return events

    def tension(self, stream: str, now: float) -> tuple[Severity | None, bool]:
        """The worst severity of a stream's alerts that pend or fire; whether a metric is near its level."""
        known = self._streams.get(stream)
        if known is None:
            return None, False
        order = list(Severity)
        severities = [alert.rule.severity for alert in known.alerts.values()]
        near_level = any(now - at < SILENT_S for at in known.near.values())
        return max(severities, key=order.index, default=None), near_level

    def active(self) -> list[AlertEvent]:
        """The firing edge of every alert that fires now, oldest first."""
        fired = [
            alert.fired for known in self._streams.values() for alert in known.alerts.values() if alert.fired
        ]
        return sorted(fired, key=lambda event: event.at)

    def _due(self, known: _Stream) -> Iterator[tuple[str | None, Rule]]:
        """Where time alone can change something: open alerts, findings that last, scores that stay away."""
        due = {(alert.rendition, alert.rule.name): alert.rule for alert in known.alerts.values()}
        for where, reason in known.situation.active:
            for rule in known.by_reason.get(reason, ()):
                due[None if rule.scope == "stream" else where, rule.name] = rule
        for rule in known.coverage:
            for rendition in (*known.situation.renditions, None):
                due[None if rule.scope == "stream" else rendition, rule.name] = rule
        return ((place, rule) for (place, _), rule in due.items() if applies(rule, place))

    def _on_window(
        self, known: _Stream, window: Window, now: float, rules: Sequence[Rule]
    ) -> list[AlertEvent]:
        events = []
        for rule in rules:
            if (
                rule.metric is not None
                and rule.window_s == window.window_s
                and applies(rule, window.rendition)
            ):
                place = None if rule.scope == "stream" else window.rendition
                events += self._evaluate(window.stream, known, rule, place, now)
        return events

    def _evaluate(
        self, stream: str, known: _Stream, rule: Rule, place: str | None, now: float, *, news: bool = True
    ) -> list[AlertEvent]:
        starved, late = self._probe_starved(now), self._late(now)
        if rule.scope == "stream":
            seen = observe_stream(rule, known.situation, now, starved=starved, late=late)
        else:
            seen = observe(rule, known.situation, place, now, starved=starved, late=late)
        alert = known.alerts.get((place, rule.name))
        judged = rule.metric in (None, Metric.COVERAGE) or seen.verdict is Verdict.UNKNOWN
        if not news and not judged and not _awaits_cause(alert):
            return []  # an old window is no new evidence; only its going stale is news
        if near(rule, seen):
            known.near[place, rule.name] = now
        else:
            known.near.pop((place, rule.name), None)
        attribution = None
        if seen.verdict is Verdict.BAD:
            attribution = attribute(rule, seen, known.situation, place, now, starved=starved)
        status, entered = step(
            alert.status if alert else INACTIVE, seen.verdict, now, _patient(rule, attribution)
        )
        if alert is None:
            if status.state is None:
                return []
            alert = known.alerts[place, rule.name] = self._open(stream, place, rule, status, now)
        alert.status = status
        if attribution is not None:
            alert.attribution = alert.attribution if alert.fired else attribution
            alert.affected.update(attribution.affected)
        events = []
        for state in entered:
            if state is AlertState.FIRING:
                alert.fired = self._edge(alert, state, edge.firing_message(rule, seen), seen)
                events.append(alert.fired)
            elif state is AlertState.RESOLVED:
                message = edge.resolved_message(rule, seen, now - alert.began)
                events.append(self._edge(alert, state, message, seen))
        if status.state is None:
            del known.alerts[place, rule.name]
        return events

    def _late(self, now: float) -> bool:
        """Whether the event loop is late, or was just now: then requests time out that were answered."""
        if now - self._ticked_at >= LATE_S:
            self._late_until = now + LATE_HOLD_S
        return now < self._late_until

    def _probe_starved(self, now: float) -> bool:
        probe = self._streams.get(PROBE_STREAM)
        return probe is not None and probe.situation.starved(now)

    def _open(self, stream: str, place: str | None, rule: Rule, status: AlertStatus, now: float) -> _Alert:
        self._episodes += 1
        started_at = self._wall()
        episode = edge.episode_of(edge.fingerprint_of(stream, place, rule.name), started_at, self._episodes)
        return _Alert(stream, place, rule, status, episode, now, started_at)

    def _withdraw(self, known: _Stream, alert: _Alert, why: str) -> list[AlertEvent]:
        """End an alert for a reason outside its rule; one that only pends goes without a word."""
        known.alerts.pop((alert.rendition, alert.rule.name), None)
        if alert.fired is None:
            return []
        return [self._edge(alert, AlertState.RESOLVED, why, None)]

    def _edge(self, alert: _Alert, state: AlertState, message: str, seen: Observation | None) -> AlertEvent:
        assert alert.attribution is not None  # of the verdict that let it fire
        window = seen.window if seen else None
        finding = seen.finding if seen else None
        media_time_s = window.media_time_s if window else finding.media_time_s if finding else None
        evidence = edge.evidence_of(seen) if seen else {}
        return AlertEvent(
            stream=alert.stream,
            rendition=alert.rendition,
            rule=alert.rule.name,
            fingerprint=edge.fingerprint_of(alert.stream, alert.rendition, alert.rule.name),
            episode=alert.episode,
            event_id=f"{alert.episode}:{state.value}",
            state=state,
            severity=alert.rule.severity,
            value=seen.value if seen else None,
            threshold=alert.rule.level,
            window=edge.window_of(alert.rule),
            cause=alert.attribution.cause,
            message=message,
            started_at=alert.started_at,
            at=self._wall(),
            media_time_s=media_time_s,
            evidence=evidence | edge.grounds_of(alert.attribution, alert.affected),
        )


def _patient(rule: Rule, attribution: Attribution | None) -> Rule:
    """The rule, made to wait a moment when that may tell the cause."""
    if attribution is None or attribution.settled:
        return rule
    return replace(rule, for_s=max(rule.for_s, CAUSE_PATIENCE_S))


def _awaits_cause(alert: _Alert | None) -> bool:
    """Whether an alert would have fired but for its cause."""
    if alert is None or alert.attribution is None or alert.status.state is not AlertState.PENDING:
        return False
    return not alert.attribution.settled and alert.rule.for_s < CAUSE_PATIENCE_S
