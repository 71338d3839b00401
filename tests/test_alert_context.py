"""Rules that refer to context, rules over several findings, and what an alert says of a stream's tension."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alert_story import LOW, Story, window
from qoed.alert import Metric, Rule
from qoed.config import BUILTIN_RULES
from qoed.model import Phase, Reason, Severity

IN_PROGRAMME = replace(LOW, for_s=0, unless=(Reason.AD_BREAK, Reason.SLATE))
GROUP = Rule(
    name="playlist",
    finding=Reason.VERSION_CHANGED,
    also=(Reason.PLAYLIST_SHRUNK,),
    window_s=30,
    scope="stream",
)
COVERAGE = Rule(name="no_scores", metric=Metric.COVERAGE, window_s=60.0, below=0.5, clear=0.7)


def test_a_rule_is_held_during_an_ad_break() -> None:
    """With `unless: [ad_break]`, low quality in ads raises nothing; in the programme after them it does."""
    story = Story(IN_PROGRAMME).scores(5, 80).start(Reason.AD_BREAK, rendition=None).scores(60, 20)

    assert story.edges == []
    story.end(Reason.AD_BREAK, rendition=None).scores(10, 20)
    assert story.edges == [(70, "low_quality", "firing")]


def test_the_hold_lasts_as_long_as_it_is_said() -> None:
    """`unless_hold` keeps the rule quiet after the break, while its windows still hold pictures of it."""
    story = Story(replace(IN_PROGRAMME, unless_hold_s=20.0)).start(Reason.SLATE).silence(30)

    story.end(Reason.SLATE).scores(19, 20).scores(30, 80)
    assert story.edges == []


def test_a_break_holds_what_already_fires() -> None:
    """An alert that fires when the ads begin is neither resolved nor repeated by them."""
    story = Story(IN_PROGRAMME).scores(5, 20).start(Reason.AD_BREAK, rendition=None).scores(30, 80)

    assert [edge[2] for edge in story.edges] == ["firing"]
    story.end(Reason.AD_BREAK, rendition=None).scores(10, 80)
    assert story.edges[1:] == [(40, "low_quality", "resolved")]


def test_a_break_found_on_one_rendition_counts_for_all() -> None:
    """Playlists of a stream announce the same breaks: one that is seen on any of them holds the rule."""
    story = Story(IN_PROGRAMME).start(Reason.AD_BREAK, rendition="360p").scores(10, 20, renditions=["720p"])

    assert story.edges == []


def test_an_event_holds_a_rule_for_a_moment() -> None:
    """A finding that only happens holds the rule for `unless_hold` from then on."""
    rule = replace(IN_PROGRAMME, unless=(Reason.DISCONTINUITY,))
    story = Story(rule).finding(Reason.DISCONTINUITY).scores(5, 20)

    assert story.edges == []
    assert story.scores(1, 20).edges == [(5, "low_quality", "firing")]


def test_finding_rules_can_be_held_too() -> None:
    """A frozen slate is no freeze to a rule that says so; the picture that stays frozen after it is."""
    story = Story(Rule(name="freeze", finding=Reason.FREEZE, unless=(Reason.SLATE,)))
    story.start(Reason.SLATE, rendition=None).start(Reason.FREEZE).silence(30)

    assert story.edges == []
    assert story.end(Reason.SLATE, rendition=None).silence(10).edges == [(35, "freeze", "firing")]


def test_context_raises_nothing_by_itself() -> None:
    """Ad breaks and slates are context: under the built-in rules they alert nobody."""
    story = Story(*BUILTIN_RULES)
    for reason in (Reason.AD_BREAK, Reason.SLATE):
        story.start(reason, rendition=None).silence(20).end(reason, rendition=None)

    assert story.edges == []


def test_a_slate_stands_still_and_is_silent() -> None:
    """Under the built-in rules an announced slate may be frozen and silent, but not black."""
    story = Story(*BUILTIN_RULES).start(Reason.SLATE, rendition=None)
    for reason in (Reason.FREEZE, Reason.SILENCE, Reason.SEGMENT_REPEATED):
        story.start(reason)
    story.silence(30)

    assert story.edges == []
    assert story.start(Reason.BLACK).edges == [(30, "black", "firing")]


@pytest.mark.parametrize("reason", GROUP.findings)
def test_any_finding_of_a_group_raises_its_alert(reason: Reason) -> None:
    """A rule over a list of findings fires for each of them, and says which one it was."""
    story = Story(GROUP).finding(reason).silence(40)

    assert story.edges == [(0, "playlist", "firing"), (30, "playlist", "resolved")]
    assert story.events[0].message == reason.value
    assert story.events[1].message == "playlist is over after 30 s"


def test_a_group_is_one_alert() -> None:
    """Findings of one group are one alert, over when the last of them is past; they are counted together."""
    story = (
        Story(GROUP).finding(Reason.VERSION_CHANGED).silence(20).finding(Reason.PLAYLIST_SHRUNK).silence(40)
    )
    thrice = Story(replace(GROUP, count=3))
    for reason in (*GROUP.findings, *GROUP.findings):
        thrice.finding(reason)

    assert story.edges == [(0, "playlist", "firing"), (50, "playlist", "resolved")]
    assert [event.message for event in thrice.events] == ["3 x playlist, lately: version_changed"]


def test_a_doubtful_probe_believes_the_rest_of_a_group() -> None:
    """While qoed is slow itself, a group with slowness in it fires for its other findings only."""
    rule = Rule(name="parts", finding=Reason.PART_LATE, also=(Reason.PART_MISSING,))
    story = Story(rule).finding(Reason.OVERLOADED).start(Reason.PART_LATE)

    assert story.edges == []
    assert story.finding(Reason.PART_MISSING).edges == [(0, "parts", "firing")]


def test_a_late_event_loop_is_not_the_streams_fault() -> None:
    """What times out while qoed's own loop hangs is no alert; what is still so ten seconds later is one."""
    down = Rule(name="down", finding=Reason.PLAYLIST_UNAVAILABLE)
    missing = Rule(name="missing", finding=Reason.SEGMENT_MISSING, window_s=60)
    story = Story(down, missing).silence(20)
    story.now += 2  # no tick came
    story.start(Reason.PLAYLIST_UNAVAILABLE).finding(Reason.SEGMENT_MISSING).silence(30)

    assert story.edges == [(33, "down", "firing")]
    story.finding(Reason.SEGMENT_MISSING)
    assert story.edges[1:] == [(52, "missing", "firing")]


def test_few_scores_are_no_gap_where_few_were_due() -> None:
    """A stream at extra_light has few scores by design; only when those stay away it is reported."""
    story = Story(COVERAGE)
    for _ in range(120):
        story.hear(window(70, at_s=story.now, window_s=60.0, coverage=0.2, reach=1.0)).silence(1)

    assert story.edges == []
    story.hear(window(70, at_s=story.now, window_s=60.0, coverage=0.05, reach=0.3))
    assert story.edges == [(120, "no_scores", "firing")]
    assert story.events[0].value == 0.3


def test_tension_tells_what_pends_and_what_is_near() -> None:
    """A stream is tense by its worst alert, even before that fires, and by a score close to its level."""
    story = Story(LOW).scores(5, 80)

    assert story.evaluator.tension("tv", story.now) == (None, False)
    assert story.scores(1, 44).evaluator.tension("tv", story.now) == (None, True)
    assert story.scores(1, 20).evaluator.tension("tv", story.now) == (Severity.CRITICAL, True)
    assert story.scores(1, 80).evaluator.tension("tv", story.now) == (None, False)
    assert story.evaluator.tension("unknown", story.now) == (None, False)


def test_tension_over_few_scores() -> None:
    """Too few scores for a verdict are still enough to look closer."""
    story = Story(LOW).scores(1, 20, coverage=0.1)

    assert story.edges == []
    assert story.evaluator.tension("tv", story.now) == (None, True)


def test_tension_ends_with_the_scores() -> None:
    """A score near its level half a minute ago says nothing of now."""
    story = Story(LOW).scores(1, 42).silence(40)

    assert story.evaluator.tension("tv", story.now) == (None, False)


def test_ended_findings_stay_ended() -> None:
    """An END without a START, as after a restart of the daemon, does no harm and holds like any other."""
    story = Story(IN_PROGRAMME).finding(Reason.AD_BREAK, Phase.END).scores(3, 20)

    assert story.edges == []
    assert story.scores(3, 20).edges == [(5, "low_quality", "firing")]
