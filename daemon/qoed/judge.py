"""The last three stages in one breath: scores roll, windows and findings alert, all is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from qoed.alert import Evaluator, Rule
from qoed.clock import Clock
from qoed.model import AlertEvent, Decoded, Finding, RenditionGone, Score, Window
from qoed.roll import Roller


class Outlet(Protocol):
    """Where scores, findings and alerts go; none of these may wait."""

    def publish_score(self, score: Score, windows: Iterable[Window] = ()) -> None:
        """One clip's score with its rendition's windows."""
        ...

    def publish_finding(self, finding: Finding) -> None:
        """One finding."""
        ...

    def publish_alert(self, event: AlertEvent) -> None:
        """One edge of an alert."""
        ...


class Judge:
    """Roll, alert, publish. Called on the event loop, in order of arrival."""

    def __init__(self, roller: Roller, evaluator: Evaluator, outlet: Outlet, *, clock: Clock) -> None:
        self._roller = roller
        self._evaluator = evaluator
        self._outlet = outlet
        self._clock = clock

    def on_decoded(self, decoded: Decoded) -> None:
        """Take in a segment's findings, and that its rendition is known up to its end; before its scores."""
        segment = decoded.segment
        self._roller.know(segment.stream, segment.rendition, decoded.measures.height)
        for finding in decoded.findings:
            self.on_finding(finding)
        self._publish(self._evaluator.on_decoded(decoded, self._clock.monotonic()))

    def on_score(self, score: Score) -> None:
        """Take in one clip's score."""
        windows, now = self._roller.add(score), self._clock.monotonic()
        self._outlet.publish_score(score, windows)
        for window in windows:
            self._publish(self._evaluator.on_window(window, now))
        for window in self._roller.followers(score):
            self._publish(self._evaluator.on_refined(window, now))

    def on_finding(self, finding: Finding) -> None:
        """Take in one finding."""
        self._outlet.publish_finding(finding)
        self._publish(self._evaluator.on_finding(finding, self._clock.monotonic()))

    def tick(self) -> None:
        """Let time pass: `for` and `keep_firing_for` run out without news, too."""
        self._publish(self._evaluator.tick(self._clock.monotonic()))

    def update_rules(self, rules: Mapping[str, Sequence[Rule]]) -> None:
        """Put new rules in force for all streams."""
        self._publish(self._evaluator.update_rules(rules, self._clock.monotonic()))

    def forget(self, stream: str) -> None:
        """A stream is no longer watched: its alerts are resolved, its windows dropped."""
        self._publish(self._evaluator.remove_stream(stream, self._clock.monotonic()))
        self._roller.forget(stream)

    def forget_rendition(self, gone: RenditionGone) -> None:
        """A rendition left the ladder: its alerts are resolved, its windows dropped."""
        now = self._clock.monotonic()
        self._publish(self._evaluator.remove_rendition(gone.stream, gone.rendition, now))
        self._roller.forget(gone.stream, gone.rendition)

    def _publish(self, events: Iterable[AlertEvent]) -> None:
        for event in events:
            self._outlet.publish_alert(event)
