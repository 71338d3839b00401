"""Tells alert stories second by second: what the evaluator hears, and which edges it answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from qoed.alert import Evaluator, Metric, Rule
from qoed.model import (
    AlertEvent,
    Decoded,
    Finding,
    Measures,
    Outcome,
    Phase,
    Reason,
    Rendition,
    Segment,
    Severity,
    Window,
)

START = datetime(2026, 1, 1, tzinfo=UTC)

LOW = Rule(
    name="low_quality",
    severity=Severity.CRITICAL,
    metric=Metric.P05,
    window_s=10.0,
    below=40,
    clear=50,
    for_s=10,
)


def window(
    value: float | None,
    *,
    at_s: float,
    stream: str = "tv",
    rendition: str = "720p",
    coverage: float = 1.0,
    window_s: float = 10.0,
    vs_top: float | None = None,
    reach: float | None = None,
) -> Window:
    """A window in which every statistic is `value`, with an interval of ±5."""
    return Window(
        stream=stream,
        rendition=rendition,
        window_s=window_s,
        media_time_s=at_s,
        count=0 if value is None else round(window_s * coverage),
        coverage=coverage,
        mean=value,
        p05=value,
        min=value,
        lo=None if value is None else value - 5,
        hi=None if value is None else value + 5,
        vs_top=vs_top,
        vs_top_count=0 if vs_top is None else round(window_s * coverage),
        reach=reach,
    )


class Story:
    """Time is in seconds from the story's start; every second ends with a tick."""

    def __init__(self, *rules: Rule, streams: Mapping[str, Sequence[Rule]] | None = None) -> None:
        self.now = 0.0
        self.events: list[AlertEvent] = []
        self.evaluator = Evaluator(
            streams or {"tv": rules}, now=self.now, wall=lambda: START + timedelta(seconds=self.now)
        )

    @property
    def edges(self) -> list[tuple[float, str, str]]:
        """(second, rule, state) of every edge so far."""
        return [((event.at - START).total_seconds(), event.rule, event.state.value) for event in self.events]

    def scores(
        self,
        seconds: int,
        value: float | None,
        *,
        stream: str = "tv",
        renditions: Sequence[str] = ("720p",),
        coverage: float = 1.0,
        window_s: float = 10.0,
    ) -> Story:
        """`seconds` in each of which every rendition has a window with this value everywhere."""
        for _ in range(seconds):
            for rendition in renditions:
                self.hear(
                    window(
                        value,
                        stream=stream,
                        rendition=rendition,
                        at_s=self.now,
                        coverage=coverage,
                        window_s=window_s,
                    )
                )
            self.silence(1)
        return self

    def finding(
        self,
        reason: Reason,
        phase: Phase = Phase.EVENT,
        *,
        stream: str = "tv",
        rendition: str | None = "720p",
        message: str = "",
        value: float | None = None,
        unit: str | None = None,
        at_s: float | None = None,
    ) -> Story:
        """One finding, now; of media time `at_s`, or now as well."""
        self.hear(
            Finding(
                stream=stream,
                rendition=rendition,
                reason=reason,
                severity=Severity.WARNING,
                phase=phase,
                message=message,
                value=value,
                unit=unit,
                media_time_s=self.now if at_s is None else at_s,
            )
        )
        return self

    def decoded(self, *renditions: str, until_s: float | None = None, stream: str = "tv") -> Story:
        """Renditions are decoded up to media time `until_s`, or up to now, with picture and sound."""
        end_s = self.now if until_s is None else until_s
        for rendition in renditions:
            segment = Segment(
                stream=stream,
                rendition=Rendition(id=rendition, audio_only=rendition.startswith("audio")),
                sequence=0,
                media_time_s=end_s - 1,
                duration_s=1.0,
                container="mpegts",
                data=b"",
            )
            decoded = Decoded(segment=segment, outcome=Outcome.OK, measures=Measures(has_audio=True))
            self.events += self.evaluator.on_decoded(decoded, self.now)
        return self

    def start(self, reason: Reason, *, stream: str = "tv", rendition: str | None = "720p") -> Story:
        """A lasting finding begins."""
        return self.finding(reason, Phase.START, stream=stream, rendition=rendition)

    def end(self, reason: Reason, *, stream: str = "tv", rendition: str | None = "720p") -> Story:
        """A lasting finding ends."""
        return self.finding(reason, Phase.END, stream=stream, rendition=rendition)

    def silence(self, seconds: int) -> Story:
        """Time passes with nothing to hear."""
        for _ in range(seconds):
            self.now += 1
            self.events += self.evaluator.tick(self.now)
        return self

    def hear(self, news: Window | Finding) -> Story:
        """The evaluator hears of something now."""
        if isinstance(news, Window):
            self.events += self.evaluator.on_window(news, self.now)
        else:
            self.events += self.evaluator.on_finding(news, self.now)
        return self

    def reload(self, rules: Mapping[str, Sequence[Rule]]) -> Story:
        """New rules come into force now."""
        self.events += self.evaluator.update_rules(rules, self.now)
        return self
