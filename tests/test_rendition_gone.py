"""A rendition that left its ladder: what is known of it goes, what waits of it is still seen through."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from fake_clock import FakeClock
from qoed.alert import Evaluator, Rule
from qoed.judge import Judge
from qoed.model import AlertEvent, AlertState, Finding, Phase, Reason, RenditionGone, Score, Severity, Window
from qoed.roll import Roller
from test_lanes import ScriptedDecoder, lanes_over, segment


class Notebook:
    """Keeps the alerts that a judge publishes."""

    def __init__(self) -> None:
        self.alerts: list[AlertEvent] = []

    def publish_score(self, score: Score, windows: Iterable[Window] = ()) -> None:
        """Nobody reads scores here."""

    def publish_finding(self, finding: Finding) -> None:
        """Nor findings."""

    def publish_alert(self, event: AlertEvent) -> None:
        """Keep it."""
        self.alerts.append(event)


@pytest.fixture
def judge() -> tuple[Judge, Notebook, Roller]:
    clock, notes, roller = FakeClock(), Notebook(), Roller()
    rule = Rule(name="stale", severity=Severity.CRITICAL, finding=Reason.PLAYLIST_STALE)
    evaluator = Evaluator({"tv": (rule,)}, now=clock.monotonic(), wall=clock.wall)
    return Judge(roller, evaluator, notes, clock=clock), notes, roller


def score(rendition: str) -> Score:
    return Score(
        stream="tv",
        rendition=rendition,
        media_time_s=1.0,
        score=50.0,
        lo=45.0,
        hi=55.0,
        mos=3.0,
        distortions={},
        model="m",
    )


def test_windows_and_alerts_of_a_gone_rendition_end(judge: tuple[Judge, Notebook, Roller]) -> None:
    """The alerts of a rendition that left are resolved and its windows dropped; others are left alone."""
    judging, notes, roller = judge
    for name in ("hd", "sd"):
        judging.on_score(score(name))
        judging.on_finding(
            Finding(
                stream="tv",
                rendition=name,
                reason=Reason.PLAYLIST_STALE,
                severity=Severity.CRITICAL,
                phase=Phase.START,
            )
        )
    judging.forget_rendition(RenditionGone(stream="tv", rendition="hd"))

    resolved = [event for event in notes.alerts if event.state is AlertState.RESOLVED]
    assert [event.rendition for event in resolved] == ["hd"]
    assert len(roller) == 1


async def test_lane_of_a_gone_rendition_is_emptied_and_closed() -> None:
    """What waits of a rendition that left is decoded; when it comes back, it has a lane again."""
    decoder = ScriptedDecoder()
    lanes, decoded, _ = lanes_over(decoder)
    async with lanes:
        await lanes.put(segment(1, "hd"))
        lanes.forget("hd")
        lanes.forget("never seen")
        await lanes.put(segment(2, "hd"))

    assert sorted(one.segment.sequence for one in decoded) == [1, 2]
    assert lanes.stats.waiting == lanes.stats.in_flight == 0
