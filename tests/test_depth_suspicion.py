"""What makes a stream suspicious, judged against its own past, in media time."""

from __future__ import annotations

from random import Random

import pytest

from depth_story import finding, score, segment
from qoed.depth.suspicion import CALM_S, Suspicion, Urgency
from qoed.model import Phase, Reason, Severity


class Watched:
    """One stream whose segments and scores are told in order."""

    def __init__(self) -> None:
        self.suspicion = Suspicion()
        self.at_s = 0.0

    def segments(self, count: int, *, rate: int = 1000, rendition: str = "720p") -> Watched:
        """So many segments of 4 s at this bit rate."""
        for _ in range(count):
            self.suspicion.on_segment(segment(self.at_s, rate=rate, rendition=rendition))
            self.at_s += 4
        return self

    def scores(self, *values: float | None, width: float = 20.0) -> Watched:
        """One score a second."""
        for value in values:
            self.suspicion.on_score(score(self.at_s, value, width=width))
        return self

    @property
    def urgency(self) -> Urgency:
        return self.suspicion.urgency


@pytest.mark.parametrize(
    ("severity", "urgency"),
    [
        (Severity.INFO, Urgency.CALM),
        (Severity.WARNING, Urgency.TROUBLED),
        (Severity.CRITICAL, Urgency.CRITICAL),
    ],
)
def test_a_finding_counts_by_its_severity(severity: Severity, urgency: Urgency) -> None:
    """A critical finding is more urgent than a warning, and information is no reason at all."""
    watched = Watched()
    watched.suspicion.on_finding(finding(severity=severity))

    assert watched.urgency is urgency


def test_calm_is_counted_in_media_time() -> None:
    """A suspicion ends after a minute of media, however many segments or renditions that takes."""
    watched = Watched().segments(3)
    watched.suspicion.on_finding(finding())

    assert watched.segments(int(CALM_S / 4) - 1).urgency is Urgency.TROUBLED
    assert watched.segments(1).urgency is Urgency.CALM


def test_the_worst_of_what_is_fresh_counts() -> None:
    """When the critical part is a minute past and a warning is not, what is left is a warning."""
    watched = Watched().segments(1)
    watched.suspicion.on_finding(finding(severity=Severity.CRITICAL))
    watched.segments(10)
    watched.suspicion.on_finding(finding())

    assert watched.urgency is Urgency.CRITICAL
    assert watched.segments(6).urgency is Urgency.TROUBLED
    assert watched.segments(10).urgency is Urgency.CALM


def test_a_timeline_that_begins_anew_does_not_end_a_suspicion() -> None:
    """When media time falls back, the minute goes on from there."""
    watched = Watched().segments(20)
    watched.suspicion.on_finding(finding())
    watched.at_s = 0.0

    assert watched.segments(15).urgency is Urgency.TROUBLED
    assert watched.segments(1).urgency is Urgency.CALM


def test_many_renditions_are_one_media_time() -> None:
    """Six renditions do not make a minute pass in ten seconds."""
    suspicion = Suspicion()
    names = [f"{number}p" for number in range(6)]
    for at_s in range(0, 100, 4):
        if at_s == 20:
            suspicion.on_finding(finding())
        assert suspicion.urgency is (Urgency.TROUBLED if 20 <= at_s <= 76 else Urgency.CALM)
        for name in names:
            suspicion.on_segment(segment(at_s, rendition=name))


def test_a_lasting_finding_counts_until_its_rendition_is_gone() -> None:
    """A finding that lasts on a rendition that leaves the ladder does not last for ever."""
    watched = Watched().segments(1)
    watched.suspicion.on_finding(finding(Reason.FREEZE, Severity.CRITICAL, Phase.START))
    watched.segments(40)

    assert watched.urgency is Urgency.CRITICAL
    watched.suspicion.forget("720p")
    assert watched.urgency is Urgency.CALM


@pytest.mark.parametrize("rate", [2001, 499])
def test_an_unusual_bit_rate_is_odd(rate: int) -> None:
    """A segment of more than twice or less than half the usual bit rate is looked into."""
    watched = Watched().segments(6)

    assert watched.urgency is Urgency.CALM
    assert watched.segments(1, rate=rate).urgency is Urgency.ODD


@pytest.mark.parametrize("rate", [2000, 500])
def test_a_usual_swing_of_the_bit_rate_is_not(rate: int) -> None:
    """Variable bit rate within a factor of two is everyday business."""
    assert Watched().segments(6).segments(1, rate=rate).urgency is Urgency.CALM


def test_a_new_bit_rate_becomes_usual() -> None:
    """After a change of profile the new bit rate is usual, and the stream calm again."""
    watched = Watched().segments(12).segments(12, rate=4000)

    assert watched.segments(int(CALM_S / 4), rate=4000).urgency is Urgency.CALM


def test_parts_are_weighed_as_whole_segments() -> None:
    """The large part with the key frame and the small ones after it are one segment of the usual size."""
    suspicion = Suspicion()
    for number in range(10):
        for part, rate in enumerate((4000, 500, 500, 500)):
            whole = suspicion.on_segment(
                segment(
                    number * 4.0 + part,
                    duration_s=1.0,
                    rate=rate,
                    continues=part > 0,
                    unfinished=part < 3,
                )
            )
            assert whole == (4.0 if part == 3 else None)

    assert suspicion.urgency is Urgency.CALM


def test_a_fall_of_the_scores_is_odd() -> None:
    """Three seconds twenty points below the usual are looked into, one second is not."""
    watched = Watched().scores(*[70.0] * 20, 50.0)

    assert watched.urgency is Urgency.CALM
    assert watched.scores(50.0, 50.0).urgency is Urgency.ODD


def test_scores_that_always_swing_are_not_odd() -> None:
    """Content whose scores jump about from second to second is calm as long as it goes on like that."""
    random = Random(7)
    watched = Watched().scores(*[random.gauss(55, 12) for _ in range(600)])

    assert watched.urgency is Urgency.CALM


def test_intervals_that_widen_are_odd() -> None:
    """When the network becomes twice as unsure as usual, the stream is looked into."""
    watched = Watched().scores(*[60.0] * 20, width=30).scores(60.0, 60.0, width=70)

    assert watched.urgency is Urgency.CALM
    assert watched.scores(60.0, width=70).urgency is Urgency.ODD


def test_a_score_that_stays_away_is_odd_once() -> None:
    """The first second that cannot be scored, such as a black one, brings a closer look; the next do not."""
    watched = Watched().segments(1).scores(*[60.0] * 5, None)

    assert watched.urgency is Urgency.ODD
    watched.segments(int(CALM_S / 4)).scores(None)
    assert watched.urgency is Urgency.CALM


def test_a_stream_without_scores_from_the_start_is_calm() -> None:
    """Black from the first second is no change; the finding about it counts, not the missing score."""
    assert Watched().scores(None, None).urgency is Urgency.CALM
