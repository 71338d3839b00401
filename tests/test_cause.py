"""Where an alert says that the trouble sits, and on what grounds, situation by situation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from alert_story import Story, window
from qoed.alert import PROBE_STREAM, Metric, Rule
from qoed.alert.evaluator import CAUSE_PATIENCE_S
from qoed.model import AlertEvent, AlertState, Cause, Phase, Reason

LADDER = ("1080p", "720p", "360p")
LOW = Rule(name="low", metric=Metric.MEAN, window_s=10.0, below=40, scope="stream")
DROP = Rule(name="drop", metric=Metric.DROP, window_s=10.0, above=15, scope="stream")
COVERAGE = Rule(name="no_scores", metric=Metric.COVERAGE, window_s=60.0, below=0.5)


def over(reason: Reason) -> Rule:
    """A rule for the whole stream over a finding."""
    return Rule(name="r", finding=reason, scope="stream")


def found(story: Story, reason: Reason, *renditions: str, lasts: bool = True) -> Story:
    """The finding on each of the renditions, and then how far the whole ladder was decoded."""
    for rendition in renditions:
        (story.start if lasts else story.finding)(reason, rendition=rendition)
    return story.decoded(*LADDER, until_s=story.now + 10).silence(2)


def picture(reason: Reason, *renditions: str, lasts: bool = True) -> Story:
    """A ladder in which some renditions have a finding, and all have been decoded beyond it."""
    story = Story(over(reason)).decoded(*LADDER).silence(1)
    return found(story, reason, *renditions, lasts=lasts)


def scored(rule: Rule, usual: float = 70, **recent: float) -> Story:
    """A ladder with a usual five minutes, and then these last ten seconds: `r720=20`."""
    story = Story(rule)
    for name in recent:
        story.hear(window(usual, at_s=300, window_s=300.0, rendition=f"{name[1:]}p"))
    for name, value in recent.items():
        story.hear(window(value, at_s=300, rendition=f"{name[1:]}p"))
    for name, value in recent.items():  # the next second
        story.hear(window(value, at_s=301, rendition=f"{name[1:]}p"))
    return story


def after(before: Callable[[Story], object], reason: Reason, *renditions: str, lasts: bool = True) -> Story:
    """Something happens, and three seconds later renditions have a finding."""
    story = Story(streams={"tv": [over(reason)], PROBE_STREAM: []}).decoded(*LADDER)
    before(story)
    return found(story.silence(3), reason, *renditions, lasts=lasts)


def missing(rendition: str | None) -> Callable[[Story], object]:
    """A segment of one rendition, or of all, does not come."""
    return lambda story: story.finding(Reason.SEGMENT_MISSING, rendition=rendition)


def loses(reason: Reason) -> Callable[[Story], object]:
    """Another trouble of the wire, with all renditions."""
    return lambda story: story.finding(reason, rendition=None)


def long_ago(story: Story) -> Story:
    """A segment was missing twenty seconds before."""
    return story.finding(Reason.SEGMENT_MISSING, rendition=None).silence(20)


def restarted(story: Story) -> Story:
    """A decode worker of the 720p rendition died."""
    return story.finding(Reason.DECODER_RESTARTED, rendition="720p")


def overloaded(story: Story) -> Story:
    """qoed cannot keep up."""
    return story.start(Reason.OVERLOADED, stream=PROBE_STREAM, rendition=None)


def unscored(before: Callable[[Story], object] | None = None) -> Story:
    """Scores that stop."""
    story = Story(COVERAGE).scores(70, 80, window_s=60.0).silence(50)
    if before is not None:
        before(story)
    return story.silence(30)


SITUATIONS: list[tuple[str, Callable[[], Story], Cause]] = [
    ("black everywhere", lambda: picture(Reason.BLACK, *LADDER), Cause.SOURCE),
    ("black in one rung", lambda: picture(Reason.BLACK, "720p"), Cause.ENCODER),
    ("frozen everywhere", lambda: picture(Reason.FREEZE, *LADDER), Cause.SOURCE),
    ("frozen in one rung", lambda: picture(Reason.FREEZE, "360p"), Cause.ENCODER),
    ("frozen in two of three", lambda: picture(Reason.FREEZE, "360p", "720p"), Cause.ENCODER),
    ("silent everywhere", lambda: picture(Reason.SILENCE, *LADDER), Cause.SOURCE),
    ("silent in one rung", lambda: picture(Reason.SILENCE, "720p"), Cause.ENCODER),
    ("too loud everywhere", lambda: picture(Reason.LOUDNESS, *LADDER), Cause.SOURCE),
    ("blocky in one rung", lambda: picture(Reason.BLOCKINESS, "360p"), Cause.ENCODER),
    ("damaged everywhere", lambda: picture(Reason.DAMAGE, *LADDER, lasts=False), Cause.PACKAGER),
    ("damaged in one rung", lambda: picture(Reason.DAMAGE, "720p", lasts=False), Cause.ENCODER),
    ("undecodable everywhere", lambda: picture(Reason.UNDECODABLE, *LADDER, lasts=False), Cause.PACKAGER),
    ("no video in one rung", lambda: picture(Reason.NO_VIDEO, "720p", lasts=False), Cause.PACKAGER),
    ("low everywhere", lambda: scored(LOW, r1080=20, r720=25, r360=15), Cause.SOURCE),
    ("low in one rung", lambda: scored(LOW, r1080=70, r720=20, r360=60), Cause.ENCODER),
    ("low in one, fallen in all", lambda: scored(LOW, r1080=45, r720=42, r360=30), Cause.SOURCE),
    ("fallen everywhere", lambda: scored(DROP, r1080=50, r720=45, r360=50), Cause.SOURCE),
    ("fallen in one rung", lambda: scored(DROP, r1080=69, r720=45, r360=72), Cause.ENCODER),
    ("low and alone", lambda: scored(LOW, r720=20), Cause.ENCODER),
    ("damaged after a missing segment", lambda: after(missing("720p"), Reason.DAMAGE, "720p"), Cause.CDN),
    ("damaged after lost packets", lambda: after(loses(Reason.LINK_LOSS), Reason.DAMAGE, *LADDER),
     Cause.NETWORK),
    ("frozen, the same segment again", lambda: after(loses(Reason.SEGMENT_REPEATED), Reason.FREEZE, "720p"),
     Cause.PACKAGER),
    ("silent after lost packets", lambda: after(loses(Reason.TS_CONTINUITY), Reason.SILENCE, *LADDER),
     Cause.NETWORK),
    ("undecodable without a key", lambda: after(loses(Reason.ENCRYPTION_INVALID), Reason.UNDECODABLE, "720p"),
     Cause.PACKAGER),
    ("damaged, another's segment missing", lambda: after(missing("360p"), Reason.DAMAGE, "720p"),
     Cause.ENCODER),
    ("all frozen, one's segment missing", lambda: after(missing("360p"), Reason.FREEZE, *LADDER),
     Cause.SOURCE),
    ("black after a missing segment", lambda: after(missing(None), Reason.BLACK, *LADDER), Cause.SOURCE),
    ("damaged after a harmless change", lambda: after(loses(Reason.VERSION_CHANGED), Reason.DAMAGE, "720p"),
     Cause.ENCODER),
    ("damaged after a worker died", lambda: after(restarted, Reason.DAMAGE, "720p"), Cause.PROBE),
    ("undecodable while overloaded", lambda: after(overloaded, Reason.UNDECODABLE, *LADDER), Cause.PROBE),
    ("black while overloaded", lambda: after(overloaded, Reason.BLACK, *LADDER), Cause.SOURCE),
    ("silent long after a missing segment", lambda: after(long_ago, Reason.SILENCE, *LADDER), Cause.SOURCE),
    ("fallen, low rungs less", lambda: scored(DROP, r1080=35, r720=45, r360=60), Cause.SOURCE),
    ("scores stop", unscored, Cause.PROBE),
    ("scores stop after missing segments", lambda: unscored(missing("720p")), Cause.CDN),
    ("a segment is missing", lambda: picture(Reason.SEGMENT_MISSING, "720p"), Cause.CDN),
    ("media comes slowly", lambda: picture(Reason.THROUGHPUT_LOW, "720p"), Cause.NETWORK),
    ("the playlist is stale", lambda: picture(Reason.PLAYLIST_STALE, "720p"), Cause.PACKAGER),
    ("variants are swapped", lambda: picture(Reason.RESOLUTION_OFF, "720p"), Cause.PACKAGER),
    ("packets are lost", lambda: picture(Reason.TS_CONTINUITY, "720p"), Cause.NETWORK),
    ("Redis is away", lambda: picture(Reason.REDIS_UNAVAILABLE, "720p"), Cause.PROBE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tell", "cause"), [each[1:] for each in SITUATIONS], ids=[each[0] for each in SITUATIONS]
)
def test_causes(tell: Callable[[], Story], cause: Cause) -> None:
    """Each situation has the cause that a person at the desk would name, and says why."""
    (event,) = [event for event in tell().events if event.state is AlertState.FIRING]

    assert event.cause is cause, event.evidence["cause_because"]
    assert len(event.evidence["cause_because"].splitlines()) == 1


def firing(story: Story) -> AlertEvent:
    """The story's only firing edge."""
    (event,) = [event for event in story.events if event.state is AlertState.FIRING]
    return event


def test_the_grounds_are_told() -> None:
    """An alert names the renditions in trouble, those it could compare with, and why it thinks so."""
    event = firing(picture(Reason.FREEZE, "360p"))

    assert event.evidence["renditions_affected"] == "360p"
    assert event.evidence["renditions_watched"] == "1080p, 360p, 720p"
    assert event.evidence["cause_because"] == "1 of 3 renditions, while others of the same source are well"
    wire = firing(after(missing("720p"), Reason.DAMAGE, "720p"))
    assert wire.evidence["cause_because"] == "segment_missing on the wire 3 s before"


def test_the_last_edge_tells_how_far_it_went() -> None:
    """The cause stays as it was when the alert fired; its end names all renditions that were affected."""
    story = picture(Reason.FREEZE, "360p").start(Reason.FREEZE, rendition="720p").silence(5)
    for rendition in ("360p", "720p"):
        story.end(Reason.FREEZE, rendition=rendition)
    resolved = story.events[-1]

    assert (resolved.state, resolved.cause) == (AlertState.RESOLVED, Cause.ENCODER)
    assert resolved.evidence["renditions_affected"] == "360p, 720p"


def test_an_alert_waits_a_moment_for_the_other_renditions() -> None:
    """Renditions are decoded one after the other: the first black one does not speak for all at once."""
    story = Story(over(Reason.BLACK)).decoded(*LADDER).silence(5)
    story.finding(Reason.BLACK, Phase.START, rendition="720p", value=1.0, unit="s", at_s=4.0)
    assert story.events == []
    story.decoded("360p", until_s=8.0)

    assert firing(story).cause is Cause.ENCODER
    assert story.edges == [(5, "r", "firing")]


def test_it_waits_no_longer_than_a_moment() -> None:
    """When the others do not come, the alert fires after a second with the usual cause."""
    story = Story(over(Reason.BLACK)).decoded(*LADDER).silence(5).start(Reason.BLACK).silence(3)

    assert story.edges == [(5 + CAUSE_PATIENCE_S, "r", "firing")]
    assert firing(story).evidence["cause_because"] == "1 of 3 renditions so far; this is the usual cause"


def test_scores_wait_for_each_other_too() -> None:
    """Scores come rendition by rendition as well: a fall of the first one is not taken for its own."""
    story = Story(replace(DROP, scope="rendition"))
    for name in LADDER:
        story.hear(window(70, at_s=290, rendition=name)).hear(
            window(70, at_s=290, window_s=300.0, rendition=name)
        )
    story.hear(window(40, at_s=300, rendition="720p"))
    waiting = list(story.events)
    for name in ("1080p", "360p"):
        story.hear(window(50, at_s=300, rendition=name))
    story.silence(2)

    assert waiting == []
    assert {event.cause for event in story.events} == {Cause.SOURCE}
    assert len(story.events) == 3


def test_a_single_rendition_is_not_waited_for() -> None:
    """Where there is nothing to compare with, the alert fires at once."""
    story = Story(over(Reason.BLACK)).decoded("720p").silence(5).start(Reason.BLACK)

    assert story.edges == [(5, "r", "firing")]


def test_renditions_of_sound_alone_say_nothing_of_pictures() -> None:
    """An audio rendition is no witness against a black picture, but one of silence."""
    black = Story(over(Reason.BLACK)).decoded("720p", "audio").silence(1).start(Reason.BLACK)
    silence = Story(over(Reason.SILENCE)).decoded("720p", "audio").silence(1)
    silence.start(Reason.SILENCE).decoded("audio", until_s=10)

    assert firing(black).cause is Cause.SOURCE
    assert firing(silence).cause is Cause.ENCODER


def test_a_rendition_that_was_lost_is_no_witness() -> None:
    """Of a rendition that was not heard of for a minute nobody says that it is well."""
    story = Story(over(Reason.FREEZE)).decoded("1080p", "360p").silence(70).decoded("720p")
    story.start(Reason.FREEZE)

    assert firing(story).evidence["renditions_watched"] == "720p"
