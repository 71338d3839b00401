"""The plan of depths: within the budget, a minimum for all, turns for those who wait, and no wavering."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from qoed.depth.plan import AGE_S, HEADROOM, SLICE_S, Claim, plan

COSTS = (0.1, 0.5, 1.0)
CALM, ODD, TROUBLED, CRITICAL = range(4)


def claim(stream: str, urgency: int = CALM, level: int = 0, **fields: object) -> Claim:
    """A stream that wants full when it is suspected, else light."""
    defaults = {"want": 2 if urgency else 1, "costs": COSTS, "since": -1e9, "waiting_since": 0.0}
    return Claim(stream=stream, urgency=urgency, level=level, **{**defaults, **fields})  # type: ignore[arg-type]


class Host:
    """Claims over time, planned once a second, as the controller does it."""

    def __init__(self, claims: Sequence[Claim], budget: float) -> None:
        self.claims = {each.stream: each for each in claims}
        self.budget = budget
        self.now = 0.0
        self.changes: list[tuple[float, str, int]] = []
        self.seconds: Counter[tuple[str, int]] = Counter()

    @property
    def levels(self) -> dict[str, int]:
        return {name: each.level for name, each in self.claims.items()}

    @property
    def load(self) -> float:
        return sum(each.cost for each in self.claims.values())

    def run(self, seconds: int) -> Host:
        """Let seconds pass."""
        for _ in range(seconds):
            self.now += 1
            for name, (level, grade) in plan(list(self.claims.values()), self.budget, self.now).items():
                known = self.claims[name]
                self.changes.append((self.now, name, level))
                waits = self.now if level < known.want else None
                self.claims[name] = replace(
                    known, level=level, grade=grade, since=self.now, waiting_since=waits
                )
            self.seconds.update(self.levels.items())
        return self

    def suspect(self, stream: str, urgency: int) -> Host:
        """A stream's urgency changes now."""
        known = self.claims[stream]
        want = 2 if urgency else 1
        waits = (known.waiting_since or self.now) if known.level < want else None
        self.claims[stream] = replace(known, urgency=urgency, want=want, waiting_since=waits)
        return self


def test_with_room_for_all_the_calm_are_at_light_and_suspicion_at_full() -> None:
    """Few streams on a large host: nobody is held back, and nobody is decoded deeper than it needs."""
    host = Host([claim("a"), claim("b"), claim("c", ODD)], budget=10).run(3)

    assert host.levels == {"a": 1, "b": 1, "c": 2}


def test_everybody_keeps_the_minimum() -> None:
    """A budget that does not bear even key frames takes nobody below them."""
    host = Host([claim(name, level=2) for name in "abc"], budget=0.05).run(1)

    assert host.levels == {"a": 0, "b": 0, "c": 0}


def test_over_budget_the_calm_go_first() -> None:
    """When costs outgrow the budget, calm streams are looked at less before a suspected one is."""
    host = Host([claim("calm", level=1), claim("ill", CRITICAL, level=2)], budget=1.2).run(1)

    assert host.levels == {"calm": 0, "ill": 2}


def test_a_suspicion_takes_the_place_of_the_calm_at_once() -> None:
    """Without room to spare, a stream in trouble gets full depth in two seconds, at the calm ones' cost."""
    host = Host([claim(name) for name in "abcd"], budget=2.4).run(5)

    assert sorted(host.levels.values()) == [1, 1, 1, 1]
    host.suspect("d", TROUBLED).run(2)
    assert host.levels["d"] == 2
    assert sorted(host.levels.values()) == [0, 1, 1, 2]


def test_the_most_urgent_first_and_the_longest_wait_first() -> None:
    """When there is room for one, the critical stream has it; of equals, the one that waited longer."""
    ill = [claim("new", ODD, waiting_since=0.5), claim("old", ODD, waiting_since=0.0)]

    assert Host(ill, budget=0.9).run(2).levels == {"old": 1, "new": 0}
    host = Host([*ill, claim("x", CRITICAL, waiting_since=0.9)], budget=0.9).run(2)
    assert host.levels == {"old": 0, "new": 0, "x": 1}


def test_equals_take_turns() -> None:
    """Three streams in the same trouble with room for one at full: each has its minute, in turn."""
    host = Host([claim(name, TROUBLED) for name in "abc"], budget=2.3).run(600)

    shares = {name: host.seconds[name, 2] / 600 for name in "abc"}
    assert all(0.25 < share < 0.4 for share in shares.values()), shares
    assert min(host.seconds[name, 0] for name in "abc") < 5


def test_waiting_outranks_urgency_in_the_end() -> None:
    """A mild suspicion beside one that is critical for ever gets its minute too, after its wait."""
    host = Host([claim("loud", CRITICAL), claim("mild", ODD)], budget=1.8).run(1200)

    assert host.seconds["mild", 2] >= 3 * SLICE_S
    assert host.seconds["loud", 2] > host.seconds["mild", 2]


def test_the_calm_never_take_from_a_suspicion() -> None:
    """However long a calm stream waits for light, a suspected one keeps full."""
    host = Host([claim("ill", ODD), claim("calm")], budget=1.4).run(1000)

    assert host.seconds["calm", 1] <= 1
    assert host.seconds["ill", 2] >= 998


def test_what_can_never_fit_does_not_hold_up_the_others() -> None:
    """A stream whose promotion is beyond the whole budget is passed over."""
    big = claim("big", CRITICAL, costs=(0.1, 50.0, 90.0))

    assert Host([big, claim("small", ODD)], budget=2).run(3).levels == {"big": 0, "small": 2}


def test_a_depth_set_by_a_person_counts_and_stays() -> None:
    """A stream at a fixed depth is never changed, and leaves the others what it does not use."""
    fixed = claim("fixed", level=2, want=2, fixed=True)

    host = Host([fixed, claim("a"), claim("b")], budget=1.9).run(100)

    assert host.levels["fixed"] == 2
    assert sorted((host.levels["a"], host.levels["b"])) == [0, 1]


def test_calm_gives_full_back() -> None:
    """What only wants light any more is at light with the next plan, and its room goes to the next."""
    host = Host([claim("a", ODD, level=2), claim("b", ODD)], budget=1.8).run(1)

    assert host.levels == {"a": 2, "b": 1}
    host.suspect("a", CALM).run(1)
    assert host.levels == {"a": 1, "b": 2} or host.run(1).levels == {"a": 1, "b": 2}


CLAIMS = st.lists(
    st.builds(
        lambda urgency, level, costs, since, waits, grade, fixed: claim(
            "",
            urgency,
            level,
            want=level if fixed else 2 if urgency else 1,
            costs=tuple(sorted(costs)),
            since=since,
            waiting_since=waits,
            grade=grade,
            fixed=fixed,
        ),
        st.integers(CALM, CRITICAL),
        st.integers(0, 2),
        st.tuples(*[st.floats(0.01, 2)] * 3),
        st.floats(-200, 0),
        st.floats(-200, 0),
        st.integers(0, 3),
        st.booleans() | st.just(False),
    ),
    max_size=12,
).map(lambda claims: [replace(each, stream=f"s{number}") for number, each in enumerate(claims)])


@given(CLAIMS, st.floats(0, 12))
def test_a_plan_keeps_the_budget_and_the_minimum(claims: list[Claim], budget: float) -> None:
    """Whatever the costs: no promotion leads over the budget, and no level leaves its scale or its wish."""
    changes = plan(claims, budget, now=0.0)
    levels = {each.stream: changes.get(each.stream, (each.level, 0))[0] for each in claims}
    load = sum(each.costs[levels[each.stream]] for each in claims)
    promoted = [each for each in claims if levels[each.stream] > each.level]

    assert load <= HEADROOM * budget + 1e-9 or not promoted
    assert load <= budget + 1e-9 or all(levels[each.stream] == 0 or each.fixed for each in claims)
    for each in claims:
        assert 0 <= levels[each.stream] <= 2
        assert levels[each.stream] == each.level or not each.fixed
        if each in promoted:
            assert levels[each.stream] == each.level + 1 <= each.want


@given(CLAIMS, st.floats(0, 12))
def test_a_plan_is_determined(claims: list[Claim], budget: float) -> None:
    """The same claims lead to the same plan, in whatever order they are listed."""
    assert plan(claims, budget, 0.0) == plan(claims[::-1], budget, 0.0)


@given(CLAIMS, st.floats(0, 12))
def test_constant_claims_waver_at_most_with_the_turns(claims: list[Claim], budget: float) -> None:
    """Under constant suspicion and cost no stream changes its level more than four times in a minute."""
    host = Host([replace(each, waiting_since=0.0) for each in claims], budget).run(200)

    for name in host.claims:
        times = [at for at, changed, _ in host.changes if changed == name and at > 10]
        assert all(later - earlier >= SLICE_S - 1 for earlier, later in zip(times, times[4:], strict=False))


@given(st.lists(st.integers(ODD, CRITICAL), min_size=2, max_size=6), st.floats(1.05, 4))
def test_nobody_starves(urgencies: list[int], room: float) -> None:
    """Every suspected stream gets a promotion within its wait and one turn for each stream before it."""
    claims = [claim(f"s{number}", urgency) for number, urgency in enumerate(urgencies)]
    budget = (0.1 * len(claims) + room * 0.4) / HEADROOM
    host = Host(claims, budget).run(int(CRITICAL * AGE_S + (2 * len(claims) + 2) * SLICE_S))

    for name in host.claims:
        assert host.seconds[name, 1] + host.seconds[name, 2] >= SLICE_S - 2


def test_thousands_of_streams_in_one_plan() -> None:
    """When the budget halves, one plan takes half of two thousand streams down, and no more."""
    count = 2000
    claims = [claim(f"s{number:04}", level=1) for number in range(count)]
    changes = plan(claims, 0.3 * count + 0.01, 0.0)

    assert Counter(level for level, _ in changes.values()) == {0: count // 2}
