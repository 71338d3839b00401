"""Stories of adaptive depth with scripted time: who is looked at closely, when, and what it may cost."""

from __future__ import annotations

import pytest

from depth_story import COSTS, Live, finding
from qoed.alert import PROBE_STREAM
from qoed.depth.control import EASE_EVERY_S
from qoed.depth.plan import HEADROOM, SLICE_S
from qoed.depth.suspicion import CALM_S
from qoed.model import Phase, Reason, Severity

CALM = (None, False)


def test_few_calm_streams_are_at_light() -> None:
    """With room to spare, calm streams are decoded as scoring needs it, and no deeper."""
    assert Live("a", "b").run(100).levels == {"a": "light", "b": "light"}


def test_a_finding_brings_full_depth_and_a_calm_minute_takes_it_back() -> None:
    """A warning is looked into with every frame until a minute of media has been calm."""
    live = Live("tv").run(20)
    live.control.on_finding(finding())

    assert live.run(1).levels == {"tv": "full"}
    assert live.run(int(CALM_S) - 8).levels == {"tv": "full"}
    assert live.run(8).levels == {"tv": "light"}


def test_what_lasts_keeps_full_depth() -> None:
    """While a freeze lasts the stream stays at full; the calm minute begins when it is over."""
    live = Live("tv").run(20)
    live.control.on_finding(finding(Reason.FREEZE, Severity.CRITICAL, Phase.START))

    assert live.run(600).levels == {"tv": "full"}
    live.control.on_finding(finding(Reason.FREEZE, Severity.CRITICAL, Phase.END))
    assert live.run(50).levels == {"tv": "full"}
    assert live.run(20).levels == {"tv": "light"}


@pytest.mark.parametrize(
    "harmless",
    [
        finding(Reason.DISCONTINUITY, Severity.INFO),
        finding(Reason.AD_BREAK, Severity.INFO, Phase.START),
        finding(Reason.DECODER_RESTARTED, Severity.WARNING),
        finding(Reason.OVERLOADED, Severity.WARNING, stream=PROBE_STREAM),
    ],
)
def test_information_and_our_own_trouble_are_no_suspicion(harmless: object) -> None:
    """Neither what is only told nor what ails qoed itself makes a stream suspicious."""
    live = Live("tv").run(20)
    live.control.on_finding(harmless)  # type: ignore[arg-type]

    assert live.run(10).levels == {"tv": "light"}


@pytest.mark.parametrize("tense", [(Severity.WARNING, False), (Severity.CRITICAL, False), (None, True)])
def test_alerts_bring_full_depth(tense: tuple[Severity | None, bool]) -> None:
    """A stream whose alert pends or fires, or comes near its level, is looked at closely for so long."""
    live = Live("tv").run(20)
    live.tense["tv"] = tense

    assert live.run(200).levels == {"tv": "full"}
    live.tense["tv"] = CALM
    assert live.run(int(CALM_S) + 10).levels == {"tv": "light"}


def test_a_pending_alert_for_information_is_none() -> None:
    """An alert of severity info is no reason to look closer."""
    live = Live("tv").run(20)
    live.tense["tv"] = (Severity.INFO, False)

    assert live.run(10).levels == {"tv": "light"}


def test_many_streams_share_a_small_budget() -> None:
    """With half the CPU that light needs, every stream keeps key frames and each has light for its turn."""
    names = [f"s{number}" for number in range(20)]
    live = Live(*names, budget=20 * COSTS["light"] / 2).run(1200)

    assert live.peak <= 20 * COSTS["light"] / 2
    assert "full" not in live.levels.values()
    shares = [live.seconds[name, "light"] / 1200 for name in names]
    assert min(shares) >= 0.1
    assert max(shares) <= 0.25


def test_trouble_is_served_before_the_calm() -> None:
    """Under a tight budget a stream in trouble gets every frame at once, and calm ones pay for it."""
    names = [f"s{number}" for number in range(10)]
    live = Live(*names, budget=0.45).run(100)
    live.control.on_finding(finding(stream="s7", severity=Severity.CRITICAL))

    assert live.run(2).level("s7") == "full"
    assert live.control.stats(live.now).load <= 0.45
    assert live.control.stats(live.now).waiting == sum(
        level == "extra_light" for level in live.levels.values()
    )


def test_the_minimum_is_kept_when_the_budget_bears_nothing() -> None:
    """Even when key frames alone are too much, every stream goes on being watched by them."""
    live = Live("a", "b", "c", budget=0.001)
    live.control.on_finding(finding(stream="a"))

    assert set(live.run(30).levels.values()) == {"extra_light"}


def test_costs_are_measured_not_guessed() -> None:
    """A ladder that costs more than was guessed is taken back once that is known, and then stays."""
    live = Live("a", "b", budget=0.5, renditions=["1080p", "720p", "540p", "360p"]).run(30)
    before = live.control.demotions

    assert sorted(live.levels.values()) == ["extra_light", "light"]
    assert live.run(25).control.demotions == before


def test_a_fixed_depth_is_left_alone_and_paid_for() -> None:
    """A depth that a person set stays, whatever happens, and counts in the budget of the others."""
    live = Live("free", budget=0.1).add("fixed", "full").run(20)
    live.control.on_finding(finding(stream="fixed"))

    assert live.run(200).levels == {"free": "extra_light", "fixed": "full"}


def test_drops_take_depth_back_whatever_the_figures_say() -> None:
    """When segments are dropped although the budget seems kept, the calm go first, and come back slowly."""
    calm = ["a", "b", "c", "d", "e"]
    live = Live("ill", *calm, budget=2.0).run(40)
    live.tense["ill"] = (Severity.CRITICAL, False)
    live.run(10)
    live.control.on_drop(live.now)
    after = ["extra_light"] * 3 + ["light"] * 2

    assert live.level("ill") == "full"
    assert sorted(live.level(name) for name in calm) == after
    live.control.on_drop(live.now)  # the same burst of drops
    assert sorted(live.level(name) for name in calm) == after
    live.run(int(EASE_EVERY_S)).control.on_drop(live.now)
    assert live.levels == {"ill": "full"} | dict.fromkeys(calm, "extra_light")
    assert live.run(900).levels == {"ill": "full"} | dict.fromkeys(calm, "light")


def test_a_stream_that_is_silent_costs_nothing() -> None:
    """What a stream that delivers nothing would cost is there for the others, however suspicious it is."""
    live = Live("dead", "live", budget=0.14 / HEADROOM).run(20)
    live.control.on_finding(finding(Reason.PLAYLIST_STALE, Severity.CRITICAL, Phase.START, stream="dead"))
    assert live.run(2).levels == {"dead": "full", "live": "extra_light"}
    live.silent.add("dead")

    assert live.run(60).levels == {"dead": "full", "live": "light"}


def test_a_stream_that_is_gone_leaves_its_room() -> None:
    """A removed stream frees its share at once, and an unknown one is decoded at light."""
    live = Live("a", "b", budget=0.12).run(40)
    (lucky,) = [name for name in live.streams if live.level(name) == "light"]
    (other,) = set(live.streams) - {lucky}
    live.streams.remove(lucky)
    live.control.remove(lucky)

    assert live.run(2).levels == {other: "light"}
    assert live.level("never heard of") == "light"


def test_constant_input_does_not_waver() -> None:
    """Ten calm streams with room for six: turns change by the minute, not by the second."""
    live = Live(*[f"s{number}" for number in range(10)], budget=0.55).run(60)
    before = live.control.promotions + live.control.demotions
    live.run(600)

    changes = live.control.promotions + live.control.demotions - before
    assert changes <= 10 * (600 / SLICE_S + 1)


def test_the_story_is_the_same_each_time() -> None:
    """The same events lead to the same levels: nothing here is left to chance."""

    def told() -> dict[str, str]:
        live = Live(*[f"s{number}" for number in range(12)], budget=0.5).run(30)
        for name in ("s3", "s5", "s9"):
            live.control.on_finding(finding(stream=name))
            live.run(40)
        return live.levels

    assert told() == told()


def test_the_state_can_be_told() -> None:
    """The figures say where every stream is, the closest looked at first, and how the budget stands."""
    live = Live("a", "b").run(20)
    live.control.on_finding(finding(stream="b"))
    stats = live.run(10).control.stats(live.now)

    assert list(stats.levels.items()) == [("b", "full"), ("a", "light")]
    assert (stats.promotions, stats.demotions, stats.waiting, stats.budget) == (3, 0, 0, 100.0)
    assert stats.load == pytest.approx(COSTS["full"] + COSTS["light"], abs=0.01)
