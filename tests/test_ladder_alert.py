"""Alerts that judge a rung by its own ladder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alert_story import START, Story
from qoed.alert import Evaluator, Metric, Rule
from qoed.clock import Clock
from qoed.config import BUILTIN_RULES
from qoed.judge import Judge
from qoed.model import (
    AlertEvent,
    Cause,
    Decoded,
    Finding,
    Outcome,
    Rendition,
    RenditionGone,
    Score,
    Segment,
    Window,
)
from qoed.roll import Roller

HEIGHTS = {"1080p": 1080, "720p": 720, "360p": 360}
RUNG_OFF = next(rule for rule in BUILTIN_RULES if rule.name == "rung_off")
FAR = Rule(name="far_off", metric=Metric.VS_TOP, window_s=10.0, below=-40, clear=-35)


class Scripted:
    """A clock that a ladder moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Seconds of the story."""
        return self.now

    wall = None
    sleep = None


class Ladder:
    """Three rungs from decoder to alert: rolled, compared, judged."""

    def __init__(self, *rules: Rule) -> None:
        self.clock = Scripted()
        self.alerts: list[AlertEvent] = []
        self.windows: dict[str, Window] = {}
        evaluator = Evaluator({"tv": rules}, now=0.0, wall=lambda: START)
        clock: Clock = self.clock  # type: ignore[assignment]
        self.judge = Judge(Roller(), evaluator, self, clock=clock)

    def publish_score(self, score: Score, windows: object = ()) -> None:
        """Keep the newest ten seconds of each rung."""
        self.windows[score.rendition] = next(iter(windows))  # type: ignore[call-overload]

    def publish_finding(self, finding: Finding) -> None:
        """Nobody listens."""

    def publish_alert(self, event: AlertEvent) -> None:
        """Keep it."""
        self.alerts.append(event)

    def run(self, seconds: int, *, order: tuple[str, ...] = tuple(HEIGHTS), **scores: float) -> Ladder:
        """So many seconds in which the rungs score this: `r720=60`."""
        for _ in range(seconds):
            for name in order:
                self._second(name, scores[f"r{name[:-1]}"])
            self.clock.now += 1
            self.judge.tick()
        return self

    @property
    def edges(self) -> list[tuple[str | None, str, str]]:
        """(rendition, rule, state)."""
        return [(event.rendition, event.rule, event.state.value) for event in self.alerts]

    def _second(self, name: str, value: float) -> None:
        segment = Segment(
            stream="tv",
            rendition=Rendition(id=name, height=HEIGHTS[name]),
            sequence=0,
            media_time_s=self.clock.now,
            duration_s=1.0,
            container="mpegts",
            data=b"",
        )
        self.judge.on_decoded(Decoded(segment=segment, outcome=Outcome.OK))
        self.judge.on_score(
            Score(
                stream="tv",
                rendition=name,
                media_time_s=self.clock.now,
                score=value,
                lo=value,
                hi=value,
                mos=None,
                distortions={},
                model="m",
            )
        )


CLEAN = {"r1080": 75.0, "r720": 68.0, "r360": 45.0}


def test_one_bad_rung_is_found_and_named() -> None:
    """A rung that falls behind its ladder raises `rung_off` for itself alone, made by the encoder."""
    ladder = Ladder(RUNG_OFF).run(60, **CLEAN).run(12, **CLEAN | {"r720": 30.0}).run(20, **CLEAN)

    assert ladder.edges == [("720p", "rung_off", "firing"), ("720p", "rung_off", "resolved")]
    assert ladder.alerts[0].cause is Cause.ENCODER
    assert ladder.alerts[0].evidence["renditions_affected"] == "720p"
    assert ladder.alerts[0].evidence["vs_top"] < -20


def test_other_content_is_not_a_bad_rung() -> None:
    """A scene that is harder for all rungs moves their scores, not their distances, and raises nothing."""
    ladder = Ladder(RUNG_OFF).run(60, **CLEAN).run(60, r1080=50.0, r720=41.0, r360=24.0).run(60, **CLEAN)

    assert ladder.edges == []


def test_a_bad_top_rung_does_not_accuse_the_others() -> None:
    """When the top rung itself falls, the rungs below it come nearer, and none of them is called off."""
    ladder = Ladder(RUNG_OFF).run(60, **CLEAN).run(60, **CLEAN | {"r1080": 30.0})

    assert ladder.edges == []


def test_nothing_is_usual_at_the_start() -> None:
    """Until twenty common seconds are known no rung can depart from them."""
    assert Ladder(RUNG_OFF).run(10, **CLEAN).run(9, **CLEAN | {"r360": 5.0}).edges == []


@pytest.mark.parametrize("order", [("1080p", "720p", "360p"), ("360p", "720p", "1080p")])
def test_the_order_of_arrival_does_not_matter(order: tuple[str, ...]) -> None:
    """Whether the top rung is scored first or last, the same alert fires in the same second."""
    ladder = Ladder(RUNG_OFF, FAR).run(60, order=order, **CLEAN).run(12, order=order, **CLEAN | {"r360": 8.0})

    assert ("360p", "rung_off", "firing") in ladder.edges
    assert ("360p", "far_off", "firing") in ladder.edges
    assert {event.rendition for event in ladder.alerts} == {"360p"}


def test_levels_of_vs_top_may_be_negative() -> None:
    """A rule can say how far below the top rung a rung may be at most."""
    ladder = Ladder(FAR).run(20, **CLEAN).run(30, **CLEAN | {"r360": 30.0}).run(20, **CLEAN)

    assert ladder.edges == [("360p", "far_off", "firing"), ("360p", "far_off", "resolved")]
    assert ladder.alerts[0].message.startswith("score.vs_top over 10s is -4")


def test_refined_windows_are_no_sign_of_life() -> None:
    """A rung whose scores have stopped is reported as unscored, although the top rung's still come."""
    rule = Rule(name="no_scores", metric=Metric.COVERAGE, window_s=60.0, below=0.5)
    ladder = Ladder(rule, RUNG_OFF).run(70, **CLEAN).run(80, order=("1080p", "360p"), **CLEAN)

    assert ladder.edges == [("720p", "no_scores", "firing")]


def test_a_rung_that_leaves_takes_its_comparison_along() -> None:
    """When the top rung leaves the ladder, the next one is the reference from then on."""
    ladder = Ladder(RUNG_OFF).run(30, **CLEAN)
    ladder.judge.forget_rendition(RenditionGone(stream="tv", rendition="1080p"))
    ladder.run(30, order=("720p", "360p"), **CLEAN)

    assert ladder.windows["720p"].vs_top is None
    assert ladder.windows["360p"].vs_top == pytest.approx(-23)
    assert ladder.edges == []


def test_a_few_common_seconds_are_no_evidence() -> None:
    """A comparison over two of ten seconds says nothing, however large the difference."""
    story = Story(replace(RUNG_OFF, for_s=0))
    usual = Window(
        stream="tv", rendition="720p", window_s=300.0, media_time_s=300, count=300, coverage=1.0,
        mean=68, p05=68, min=68, lo=60, hi=75, vs_top=-7, vs_top_count=300,
    )  # fmt: skip
    recent = replace(usual, window_s=10.0, count=10, mean=40, vs_top=-35, vs_top_count=2)

    assert story.hear(usual).hear(recent).edges == []
    assert story.hear(replace(recent, vs_top_count=10)).edges == [(0, "rung_off", "firing")]
