"""The ladder as its own reference: which rung is the top, and how far the others are from it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qoed.ladder import FORGOTTEN_S, Rank, difference, rank_of, top_of
from qoed.model import Quality, Rendition, Score, Window
from qoed.roll import Point, Roller


def points(*clips: tuple[float, float | None]) -> tuple[Point, ...]:
    """Clips of (media time, score) on one timeline."""
    return tuple(Point(at_s, value, None, None) for at_s, value in clips)


class Story:
    """A ladder of 1080p, 720p and 360p whose scores come second by second."""

    def __init__(self, *names: str) -> None:
        self.roller = Roller()
        self.windows: dict[str, tuple[Window, ...]] = {}
        self.refined: list[Window] = []
        for name in names or ("1080p", "720p", "360p"):
            self.roller.know("tv", Rendition(id=name, height=int(name[:-1])))

    def score(self, at_s: float, **values: float | None) -> Story:
        """One second of scores, in the order given; `r720` is the 720p rung."""
        for name, value in values.items():
            score = Score(
                stream="tv",
                rendition=f"{name[1:]}p",
                media_time_s=at_s,
                score=value,
                lo=value,
                hi=value,
                mos=None,
                distortions={},
                model="m",
                quality=Quality.ABSTAINED if value is None else Quality.OK,
            )
            self.windows[score.rendition] = self.roller.add(score)
            self.refined += self.roller.followers(score)
        return self

    def vs_top(self, rendition: str) -> list[float | None]:
        """Of the 10 s, 1 m and 5 m windows."""
        return [window.vs_top for window in self.windows[rendition]]


def test_content_cancels_out() -> None:
    """Scenes that move all rungs up and down together leave the distance to the top rung as it was."""
    story = Story()
    for second in range(60):
        scene = 20.0 * math.sin(second)
        story.score(second, r1080=70 + scene, r720=62 + scene, r360=40 + scene)

    assert story.vs_top("1080p") == [None, None, None]
    assert story.vs_top("720p") == pytest.approx([-8, -8, -8])
    assert story.vs_top("360p") == pytest.approx([-30, -30, -30])


def test_a_rung_that_fails_alone_stands_out() -> None:
    """When one rung falls, its ten seconds show it against its five minutes; the others' do not."""
    story = Story()
    for second in range(120):
        story.score(second, r1080=70, r720=62 if second < 110 else 40, r360=40)

    assert story.vs_top("720p")[0] == pytest.approx(-30)
    assert story.vs_top("720p")[2] == pytest.approx((-8 * 110 - 30 * 10) / 120)
    assert story.vs_top("360p") == pytest.approx([-30, -30, -30])


def test_lower_rungs_may_come_before_the_top() -> None:
    """Scores that arrive before the top rung's are compared as soon as that comes."""
    story = Story().score(0, r720=60).score(1, r720=50)

    assert story.vs_top("720p") == [None, None, None]
    assert story.refined == []
    story.score(0, r1080=70)
    assert [(window.rendition, window.window_s, window.vs_top) for window in story.refined] == [
        ("720p", 10.0, -10)
    ]
    story.score(1, r1080=70)
    assert (story.refined[-1].vs_top, story.refined[-1].vs_top_count) == (-15, 2)


def test_only_common_seconds_count() -> None:
    """Seconds that one of the two has no score for say nothing."""
    story = Story().score(0, r1080=70, r720=60).score(1, r1080=None, r720=10).score(2, r1080=90, r720=None)
    story.score(3, r1080=80, r720=78)

    assert story.vs_top("720p")[0] == pytest.approx((-10 - 2) / 2)
    assert story.windows["720p"][0].vs_top_count == 2


def test_a_rung_of_unknown_place_is_not_compared() -> None:
    """Renditions without height and bandwidth have no place in the ladder, and no distance to its top."""
    story = Story("720p").score(0, r720=60, r360=40)

    assert rank_of(Rendition(id="x")) is None
    assert story.vs_top("360p") == story.vs_top("720p") == [None, None, None]


def test_the_measured_height_stands_in_for_an_undeclared_one() -> None:
    """A rung that declares no resolution takes the place that its picture has."""
    assert rank_of(Rendition(id="x", bandwidth_bps=900), 720) == Rank(720, 900)
    assert rank_of(Rendition(id="x", height=1080, bandwidth_bps=900), 720) == Rank(1080, 900)
    assert rank_of(Rendition(id="x", bandwidth_bps=900)) == Rank(0, 900)


def test_the_top_is_the_tallest_then_the_richest_with_scores() -> None:
    """Height goes before bandwidth, the first of equals stays, and a rung without scores is no reference."""
    ranks = {
        "a": Rank(720, 2),
        "b": Rank(1080, 4),
        "c": Rank(1080, 6),
        "d": Rank(1080, 6),
        "e": Rank(2160, 9),
    }
    timelines = {name: points((0, 50)) for name in "abcd"} | {"e": points((0, None))}

    assert top_of(ranks, timelines) == "c"
    assert top_of(ranks, {}) is None


def test_a_top_that_stays_behind_is_replaced() -> None:
    """When the top rung has not been scored for five minutes, the next one is the reference."""
    ranks = {"low": Rank(360, 1), "mid": Rank(720, 2), "top": Rank(1080, 3)}
    now_s = FORGOTTEN_S + 10
    timelines = {"top": points((9, 90)), "mid": points((now_s, 80)), "low": points((now_s, 60))}

    assert top_of(ranks, timelines) == "mid"


def test_renditions_that_leave_are_forgotten() -> None:
    """After the top rung has left the ladder, the next one is the top."""
    story = Story()
    story.score(0, r1080=70, r720=60, r360=40)
    story.roller.forget("tv", "1080p")
    story.score(1, r720=60, r360=40)

    assert story.vs_top("720p") == [None, None, None]
    assert story.vs_top("360p")[0] == -20


def test_segment_boundaries_may_differ_a_little() -> None:
    """Clips that begin less than half a second apart are of the same second; others are not compared."""
    top = points((0.0, 70), (1.0, 70), (2.0, 70))

    assert difference(points((0.2, 60), (1.2, 60), (2.2, 60)), top, 1.0) == (-10, 3)
    assert difference(points((0.5, 60), (1.6, 60)), top[:1], 1.0) == (None, 0)


TIMELINE = st.lists(
    st.tuples(st.floats(0, 1), st.none() | st.floats(0, 100)), max_size=40, unique_by=lambda clip: clip[0]
).map(lambda clips: points(*((number + 0.4 * jitter, value) for number, (jitter, value) in enumerate(clips))))


@given(TIMELINE, TIMELINE)
def test_the_difference_is_that_of_the_common_seconds(
    mine: tuple[Point, ...], top: tuple[Point, ...]
) -> None:
    """Whatever is missing on either side, the mean difference is over exactly the seconds that both have."""
    common = [
        a.score - b.score
        for a, b in zip(mine, top, strict=False)
        if a.score is not None and b.score is not None
    ]
    mean, count = difference(mine, top, 1.0)

    assert count == len(common)
    assert mean == (pytest.approx(math.fsum(common) / count) if common else None)
