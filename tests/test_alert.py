"""Alert stories with scripted time: what an operator hears, when, and what they are spared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alert_story import LOW, START, Story, window
from qoed.alert import PROBE_STREAM, Metric, Rule
from qoed.config import BUILTIN_RULES
from qoed.model import AlertState, Cause, Phase, Reason, Severity

FREEZE = Rule(name="freeze", finding=Reason.FREEZE, scope="stream")
MISSING = Rule(name="missing", finding=Reason.SEGMENT_MISSING, count=3, window_s=30)
COVERAGE = Rule(name="no_scores", metric=Metric.COVERAGE, window_s=60.0, below=0.5, clear=0.7)


def test_dip_shorter_than_for() -> None:
    """A score that dips for 8 s under a rule with `for: 10s` raises no alert."""
    assert Story(LOW).scores(30, 80).scores(8, 20).scores(60, 80).edges == []


def test_dip_longer_than_for() -> None:
    """A score that stays low for 15 s fires after 10 s and resolves when it is back over the clear level."""
    story = Story(LOW).scores(30, 80).scores(15, 20).scores(5, 45).scores(10, 80)

    assert story.edges == [(40, "low_quality", "firing"), (50, "low_quality", "resolved")]


def test_flapping_around_the_trigger() -> None:
    """A score that swings around the trigger, below the clear level, makes one alert and not a dozen."""
    story = Story(replace(LOW, for_s=2)).scores(10, 80).scores(5, 30)
    for _ in range(20):
        story.scores(2, 45).scores(2, 35)

    assert [edge[2] for edge in story.edges] == ["firing"]
    assert [edge[2] for edge in story.scores(1, 60).edges] == ["firing", "resolved"]


def test_keep_firing_for() -> None:
    """With `keep_firing_for: 30s`, short recoveries do not end the alert."""
    story = Story(replace(LOW, for_s=0, keep_firing_for_s=30)).scores(1, 20)
    for _ in range(3):
        story.scores(20, 80).scores(1, 20)
    story.scores(40, 80)

    assert story.edges == [(0, "low_quality", "firing"), (94, "low_quality", "resolved")]


DROP = Rule(name="quality_drop", metric=Metric.DROP, window_s=10.0, above=12, clear=6)


def hear_scores(story: Story, seconds: int, recent: float, usual: float, *, coverage: float = 1.0) -> Story:
    """Seconds in which the last 10 s score `recent` and the last 5 minutes `usual`."""
    for _ in range(seconds):
        story.hear(window(usual, at_s=story.now, window_s=300.0, coverage=coverage))
        story.scores(1, recent)
    return story


def test_a_drop_below_the_usual_is_found_at_any_level() -> None:
    """A rung that falls 20 points below its own usual raises an alert, at whatever level it usually is."""
    for usual in (90.0, 35.0):
        story = hear_scores(Story(DROP), 30, usual, usual)
        hear_scores(story, 5, usual - 20, usual)
        hear_scores(story, 5, usual - 3, usual)

        assert story.edges == [(30, "quality_drop", "firing"), (35, "quality_drop", "resolved")]
        assert story.events[0].value == pytest.approx(20)


def test_nothing_is_usual_in_the_first_seconds() -> None:
    """Until twenty seconds are scored there is no usual to fall from, so a new stream cannot drop."""
    story = hear_scores(Story(DROP), 30, 40, 90, coverage=15 / 300)

    assert story.edges == []


def test_a_low_rung_that_always_scored_low_is_not_a_drop() -> None:
    """A clean small rung scores low as displayed and raises no drop alert for it."""
    assert hear_scores(Story(DROP), 120, 25, 25).edges == []


def test_no_data_neither_fires_nor_resolves() -> None:
    """When scores stop, quality alerts stand still: a firing one stays, a pending one does not ripen."""
    firing = Story(LOW).scores(15, 20).silence(600)
    pending = Story(LOW).scores(5, 20).silence(600)

    assert [edge[2] for edge in firing.edges] == ["firing"]
    assert pending.edges == []
    assert [edge[2] for edge in firing.scores(3, None).scores(1, 80).edges] == ["firing", "resolved"]


def test_a_window_with_few_scores_says_nothing() -> None:
    """One bad second at the start of a stream is not a bad minute."""
    rule = replace(LOW, for_s=0, window_s=60.0)

    assert Story(rule).scores(5, 10, coverage=1 / 60, window_s=60.0).edges == []
    assert len(Story(rule).scores(5, 10, coverage=0.4, window_s=60.0).edges) == 1


def test_interval_rule() -> None:
    """A rule over `score.hi` fires only when even the interval's upper end is low."""
    rule = Rule(name="certainly_bad", metric=Metric.HI, window_s=10.0, below=40)

    assert Story(rule).scores(20, 38).edges == []
    assert Story(rule).scores(20, 30).edges == [(0, "certainly_bad", "firing")]


def test_above() -> None:
    """Rules can look upwards as well."""
    rule = Rule(name="too_good", metric=Metric.MEAN, window_s=10.0, above=90, clear=80)
    story = Story(rule).scores(3, 95).scores(3, 85).scores(3, 70)

    assert story.edges == [(0, "too_good", "firing"), (6, "too_good", "resolved")]


def test_event_carries_the_figures() -> None:
    """An alert says what was measured against which level, since when, and on which rendition."""
    story = Story(LOW).scores(11, 22)
    (event,) = story.events

    assert (event.stream, event.rendition, event.rule) == ("tv", "720p", "low_quality")
    assert (event.value, event.threshold, event.window) == (22, 40, "10s")
    assert (event.severity, event.cause) == (Severity.CRITICAL, Cause.ENCODER)
    assert event.message == "score.p05 over 10s is 22, below 40"
    assert event.started_at == START
    assert (event.at - START).total_seconds() == 10
    assert event.media_time_s == 10
    assert event.evidence["coverage"] == 1.0
    story.scores(1, 61)
    assert story.events[-1].message == "score.p05 over 10s is back at 61, clear level 50, after 11 s"


def test_ids() -> None:
    """Both edges share fingerprint and episode, a second episode only the fingerprint; no id repeats."""
    story = Story(LOW).scores(11, 20).scores(1, 80).scores(11, 20).scores(1, 80)
    first, resolved, second, _last = story.events

    assert len({event.fingerprint for event in story.events}) == 1
    assert first.episode == resolved.episode != second.episode
    assert len({event.event_id for event in story.events}) == 4
    assert Story(LOW).scores(11, 20).events[0].fingerprint == first.fingerprint
    assert len(first.fingerprint) == 16


def test_lasting_finding() -> None:
    """A finding that lasts fires from its start and resolves at its end, however long between."""
    story = Story(FREEZE).start(Reason.FREEZE).silence(100).end(Reason.FREEZE).silence(5)

    assert story.edges == [(0, "freeze", "firing"), (100, "freeze", "resolved")]
    assert story.events[1].message == "freeze is over after 100 s"


def test_lasting_finding_with_for() -> None:
    """With `for`, a lasting finding fires by the clock alone, and a short one not at all."""
    rule = replace(FREEZE, for_s=10)

    assert Story(rule).start(Reason.FREEZE).silence(30).edges == [(10, "freeze", "firing")]
    assert Story(rule).start(Reason.FREEZE).silence(8).end(Reason.FREEZE).silence(30).edges == []


def test_events_are_counted() -> None:
    """Three missing segments within 30 s fire, two do not; the alert is over once they are 30 s past."""
    story = Story(MISSING)
    for _ in range(2):
        story.finding(Reason.SEGMENT_MISSING).silence(5)

    assert story.edges == []
    story.finding(Reason.SEGMENT_MISSING, message="segment 7 missing, 404").silence(60)
    assert story.edges == [(10, "missing", "firing"), (30, "missing", "resolved")]
    assert story.events[0].message == "3 x segment_missing, lately: segment 7 missing, 404"


def test_one_alert_for_the_stream() -> None:
    """With `scope: stream` a fault on all renditions is one alert, over when the last rendition is well."""
    story = Story(FREEZE).start(Reason.FREEZE, rendition="720p").silence(2)
    story.start(Reason.FREEZE, rendition="360p").silence(2).end(Reason.FREEZE, rendition="720p").silence(2)
    story.end(Reason.FREEZE, rendition="360p")

    assert story.edges == [(0, "freeze", "firing"), (6, "freeze", "resolved")]
    assert story.events[0].rendition is None
    assert story.events[0].evidence["renditions"] == "720p"


def test_one_alert_for_each_rendition() -> None:
    """With `scope: rendition` each rendition has its own alert, and a good one hides no bad one."""
    story = Story(LOW).scores(12, 20, renditions=["720p"]).scores(5, 80, renditions=["1080p"])

    assert [(event.rendition, event.state) for event in story.events] == [("720p", AlertState.FIRING)]


def test_stream_rule_over_scores_names_the_renditions() -> None:
    """A stream-wide quality alert fires for its worst rendition and names all that are bad."""
    story = Story(replace(LOW, scope="stream", for_s=0))
    story.scores(1, 80, renditions=["1080p"]).scores(2, 20, renditions=["720p", "360p"])

    assert story.edges == [(1, "low_quality", "firing")]
    assert story.events[0].evidence["renditions"] == "720p"
    assert [edge[2] for edge in story.scores(1, 80, renditions=["720p"]).edges] == ["firing"]
    assert [edge[2] for edge in story.scores(1, 80, renditions=["360p"]).edges] == ["firing", "resolved"]


def test_rule_for_some_renditions() -> None:
    """A rule with a pattern looks at the renditions that match, and at no other."""
    rule = replace(LOW, renditions="1080p*")

    assert Story(rule).scores(20, 20, renditions=["240p-300k"]).edges == []
    assert len(Story(rule).scores(20, 20, renditions=["1080p-6M"]).edges) == 1


@pytest.mark.parametrize(
    "reason",
    [Reason.PLAYLIST_STALE, Reason.PLAYLIST_UNAVAILABLE, Reason.INPUT_UNAVAILABLE, Reason.INPUT_STALLED],
)
def test_stream_down_mutes_quality(reason: Reason) -> None:
    """While the stream is down, only that is said: nothing about its quality or its missing scores."""
    down = Rule(name="down", finding=reason, scope="stream")
    story = Story(down, LOW, COVERAGE).scores(120, 80).scores(5, 20).start(reason, rendition=None)
    story.scores(10, 20).silence(600)

    assert story.edges == [(125, "down", "firing")]
    story.end(reason, rendition=None).silence(20)
    assert story.edges[1:] == [(735, "down", "resolved")]


def test_stream_down_holds_a_firing_alert() -> None:
    """A quality alert that fires when the stream goes down is neither resolved nor repeated by it."""
    story = Story(LOW).scores(15, 20).start(Reason.PLAYLIST_STALE, rendition=None).silence(300)
    story.scores(5, 80)

    assert [edge[2] for edge in story.edges] == ["firing"]
    story.end(Reason.PLAYLIST_STALE, rendition=None).scores(1, 80)
    assert [edge[2] for edge in story.edges] == ["firing", "resolved"]


def test_one_stale_rendition_mutes_only_itself() -> None:
    """A single rendition that is stale does not silence the others."""
    story = Story(LOW).start(Reason.PLAYLIST_STALE, rendition="360p")
    story.scores(15, 20, renditions=["360p", "720p"])

    assert [event.rendition for event in story.events] == ["720p"]


@pytest.mark.parametrize("reason", [Reason.OVERLOADED, Reason.ENGINE_FAULT])
def test_starved_probe_raises_its_own_alert_only(reason: Reason) -> None:
    """When qoed itself is in trouble it says so about itself, and fires no alert about any stream."""
    own = Rule(name="probe", finding=reason, scope="stream")
    story = Story(streams={PROBE_STREAM: [own], "tv": [LOW, COVERAGE]}).scores(120, 80)
    story.start(reason, stream=PROBE_STREAM, rendition=None).scores(30, 20, coverage=0.4).silence(200)

    assert story.edges == [(120, "probe", "firing")]
    assert (story.events[0].stream, story.events[0].cause) == (PROBE_STREAM, Cause.PROBE)
    story.end(reason, stream=PROBE_STREAM, rendition=None).scores(60, 80)
    assert story.edges[1:] == [(350, "probe", "resolved")]


def test_starved_stream() -> None:
    """A single request that qoed could not make in time casts doubt on that stream for a minute."""
    slow = Rule(name="slow", finding=Reason.SEGMENT_SLOW)
    story = Story(slow, LOW).finding(Reason.OVERLOADED).finding(Reason.SEGMENT_SLOW).scores(50, 20)

    assert story.edges == []
    assert [edge[1] for edge in story.scores(30, 20).edges] == ["low_quality"]


def test_missing_scores() -> None:
    """A stream that has scores for less than half of a minute is reported as unmeasured, not as bad."""
    story = Story(LOW, COVERAGE).scores(70, 80, window_s=60.0).scores(5, 80, coverage=0.4, window_s=60.0)

    assert story.edges == [(70, "no_scores", "firing")]
    assert story.events[0].value == 0.4
    assert story.scores(1, 80, window_s=60.0).edges[1:] == [(75, "no_scores", "resolved")]


def test_scores_that_stop() -> None:
    """Scores that stop altogether, with nothing to explain it, are reported after the rule's window."""
    story = Story(COVERAGE).scores(70, 80, window_s=60.0).silence(100)

    assert story.edges == [(129, "no_scores", "firing")]
    assert (story.events[0].value, story.events[0].cause) == (0.0, Cause.PROBE)


def test_scores_that_never_come() -> None:
    """A stream that yields nothing from the start is reported too, and resolved by its first score."""
    story = Story(COVERAGE).silence(100).scores(2, 80, window_s=60.0, coverage=0.1)

    assert story.edges == [(60, "no_scores", "firing"), (101, "no_scores", "resolved")]


def test_a_filling_window_is_not_missing_scores() -> None:
    """The first minute of a stream is not reported as thinly covered."""
    story = Story(COVERAGE)
    for second in range(60):
        story.scores(1, 80, window_s=60.0, coverage=second / 60)

    assert story.scores(30, 80, window_s=60.0).edges == []


def test_black_explains_missing_scores() -> None:
    """While the picture is black, nobody is told in addition that it has no scores."""
    story = Story(COVERAGE).scores(70, 80, window_s=60.0).start(Reason.BLACK)

    assert story.scores(120, None, coverage=0.0, window_s=60.0).edges == []


def test_reload_keeps_unchanged_alerts() -> None:
    """A reload leaves firing and pending alerts of unchanged rules as they are."""
    story = Story(LOW, FREEZE).start(Reason.FREEZE).scores(5, 20)
    story.reload({"tv": [replace(FREEZE), replace(LOW), COVERAGE]}).scores(10, 20)

    assert story.edges == [(0, "freeze", "firing"), (10, "low_quality", "firing")]


def test_reload_resolves_changed_and_removed_rules() -> None:
    """An alert whose rule is changed or removed is resolved, and says why; the new rule starts from zero."""
    story = Story(LOW, FREEZE).start(Reason.FREEZE).scores(15, 20)
    story.reload({"tv": [replace(LOW, below=30)]})

    assert {event.message for event in story.events[2:]} == {
        "rule low_quality was changed",
        "rule freeze was removed",
    }
    assert all(event.state is AlertState.RESOLVED for event in story.events[2:])
    assert story.scores(11, 20).edges[-1] == (25, "low_quality", "firing")


def test_removed_stream_resolves_its_alerts() -> None:
    """Nothing keeps firing for a stream that is no longer watched."""
    story = Story(LOW, FREEZE).start(Reason.FREEZE).scores(5, 20)
    story.reload({})

    assert story.edges == [(0, "freeze", "firing"), (5, "freeze", "resolved")]
    assert story.events[1].message == "the stream is no longer watched"
    assert story.evaluator.active() == []


def test_removed_rendition_resolves_its_alerts() -> None:
    """A rung that leaves the ladder takes its alerts along, and its silence is not missing scores."""
    story = Story(LOW, COVERAGE).scores(15, 20, renditions=["720p", "360p"])
    story.events += story.evaluator.remove_rendition("tv", "360p", story.now)
    story.scores(200, 20, renditions=["720p"], window_s=60.0)

    assert [(e.rendition, e.state.value) for e in story.events] == [
        ("720p", "firing"),
        ("360p", "firing"),
        ("360p", "resolved"),
    ]


def test_active_alerts() -> None:
    """The list of active alerts holds what fires now: not what pends, not what is over."""
    story = Story(LOW, FREEZE, replace(LOW, name="patient", for_s=100)).scores(5, 80).start(Reason.FREEZE)
    story.scores(15, 20)

    assert [event.rule for event in story.evaluator.active()] == ["freeze", "low_quality"]
    story.end(Reason.FREEZE)
    assert [event.rule for event in story.evaluator.active()] == ["low_quality"]


def test_unknown_streams_are_ignored() -> None:
    """News that arrives late of a stream that was removed has no consequence."""
    story = Story(LOW).scores(20, 20, stream="gone").finding(Reason.FREEZE, stream="gone")

    assert story.edges == []


@pytest.mark.parametrize("reason", list(Reason))
def test_every_finding_can_alert(reason: Reason) -> None:
    """A rule can be made of every finding; its alert has a cause, unless the stream itself announced it."""
    story = Story(Rule(name="r", finding=reason)).finding(reason, Phase.START)

    assert (story.events[0].cause is None) == (reason.domain == "context")
    assert story.events[0].evidence["cause_because"]


def test_builtin_rules_are_quiet_on_a_good_stream() -> None:
    """With the built-in rules a healthy stream raises nothing, from its first second on."""
    story = Story(*BUILTIN_RULES)
    for second in range(1, 200):
        for window_s in (10.0, 60.0, 300.0):
            story.hear(window(80, at_s=second, window_s=window_s, coverage=min(1.0, second / window_s)))
        story.silence(1)

    assert story.edges == []
