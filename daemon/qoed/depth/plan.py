"""Who gets which depth: a fair plan of promotions and demotions within a budget. Pure.

Levels are 0 (extra_light), 1 (light), 2 (full). Everybody has level 0, whatever it costs. What is left goes
to those who ask for more: the most urgent first, and the longest waiting first among equals.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

LEVELS = ("extra_light", "light", "full")

SLICE_S = 60.0
"""A promotion is kept for so long at least, unless its reason goes or something more urgent comes; after it,
an equal that waits may take its place."""
AGE_S = 60.0
"""After each such wait a suspicion ranks one urgency higher, so that no one waits for ever."""
HEADROOM = 0.9
"""Promotions fill the budget up to this share only: costs that waver do not make levels waver."""
MOST_URGENT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one stream has and wants. Times are monotonic seconds."""

    stream: str
    level: int
    want: int
    urgency: int = 0
    """0 calm, up to `MOST_URGENT`."""
    grade: int = 0
    """Rank with which the last promotion was won; it protects that promotion for `SLICE_S`."""
    since: float = 0.0
    """When the level last changed."""
    waiting_since: float | None = None
    """Since when it wants more than it has."""
    costs: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """CPU seconds a second at each level, never less at a higher one."""
    fixed: bool = False
    """Its level was set by a person: it counts, and is never changed."""

    @property
    def cost(self) -> float:
        """CPU seconds a second at the level it has."""
        return self.costs[self.level]

    def step(self, steps: int) -> float:
        """CPU seconds a second that `steps` levels more cost."""
        return self.costs[self.level + steps] - self.cost

    def rank(self, now: float) -> int:
        """Urgency in the queue, raised by waiting; the calm never outrank a suspicion."""
        if self.urgency == 0 or self.waiting_since is None:
            return self.urgency
        return min(MOST_URGENT, self.urgency + int((now - self.waiting_since) / AGE_S))

    def protection(self, now: float) -> int:
        """The rank below which nobody can take its place."""
        return max(self.urgency, self.grade) if self.settled(now) else self.urgency

    def settled(self, now: float) -> bool:
        """Whether its last change is so fresh that equals leave it alone."""
        return now - self.since < SLICE_S


def plan(claims: Sequence[Claim], budget: float, now: float) -> dict[str, tuple[int, int]]:
    """The streams whose level changes, with their new (level, grade), each by one step at most upwards.

    The sum of costs after it is within `budget`, or nobody was promoted and nobody is left to demote.
    """
    table = _Table(claims, now)
    for claim in claims:
        if claim.level > claim.want and not claim.fixed:
            table.lower(claim.stream, claim.level - claim.want)
    table.fit(budget)
    table.promote(HEADROOM * budget)
    return table.changes()


class _Table:
    """The levels while a plan is made."""

    def __init__(self, claims: Sequence[Claim], now: float) -> None:
        self._claims = {claim.stream: claim for claim in claims}
        self._levels = {claim.stream: claim.level for claim in claims}
        self._grades = {claim.stream: claim.grade for claim in claims}
        self._now = now
        self._load = sum(claim.cost for claim in claims)
        # In the order in which levels are taken back.
        self._holders = sorted(self._place(claim) for claim in claims if claim.level and not claim.fixed)

    def changes(self) -> dict[str, tuple[int, int]]:
        return {
            name: (level, self._grades[name])
            for name, level in self._levels.items()
            if level != self._claims[name].level
        }

    def lower(self, name: str, steps: int = 1) -> None:
        self._set(name, self._levels[name] - steps, grade=0)

    def fit(self, budget: float) -> None:
        """Take back what the budget does not bear, the least deserved first."""
        while self._load > budget and self._holders:
            self.lower(self._holders[0][-1])

    def promote(self, budget: float) -> None:
        """Give each in the queue one step, as far as the budget goes.

        Nobody overtakes but the calm, whose place anyone else can take back at once.
        """
        queue = [c for c in self._claims.values() if not c.fixed and self._waits(c)]
        queue.sort(key=lambda c: (-c.rank(self._now), _or(c.waiting_since, self._now), c.stream))
        floor = sum(c.cost if c.fixed else c.costs[0] for c in self._claims.values())
        blocked = False
        for claim in queue:
            if (blocked and claim.urgency) or not self._waits(claim):  # gave way to one before it
                continue
            if floor - claim.costs[0] + claim.costs[claim.level + 1] > budget:
                continue  # not even if all others stood back
            if self._make_room(claim, budget - claim.step(1)):
                self._set(claim.stream, claim.level + 1, grade=claim.rank(self._now))
            elif claim.urgency:
                blocked = True
            else:
                return

    def _waits(self, claim: Claim) -> bool:
        return self._levels[claim.stream] == claim.level < claim.want

    def _make_room(self, claim: Claim, limit: float) -> bool:
        """Get the load down to `limit` by those who must give way to `claim`, or change nothing."""
        taken: list[tuple[str, int]] = []
        while self._load > limit:
            victim = next(
                (name for *_, name in self._holders if self._yields(self._claims[name], claim)), None
            )
            if victim is None:
                for name, grade in reversed(taken):
                    self._set(name, self._levels[name] + 1, grade=grade)
                return False
            taken.append((victim, self._grades[victim]))
            self.lower(victim)
        return True

    def _yields(self, holder: Claim, to: Claim) -> bool:
        """Whether `holder` must give way: to the more urgent at once, to equals in turn.

        The calm give all that they have; one who is suspected, too, only what lies above the other's level.
        """
        level = self._levels[holder.stream]
        if holder.stream == to.stream or level > holder.level:
            return False
        if level <= to.level and (holder.urgency or not to.urgency):
            return False
        if to.urgency > holder.protection(self._now):
            return True
        return not holder.settled(self._now) and to.rank(self._now) >= holder.urgency

    def _set(self, name: str, level: int, grade: int) -> None:
        claim, before = self._claims[name], self._levels[name]
        if before > 0:
            self._holders.remove(self._place(claim))
        self._load += claim.costs[level] - claim.costs[before]
        self._levels[name], self._grades[name] = level, grade
        if level > 0:
            insort(self._holders, self._place(claim))

    def _place(self, claim: Claim) -> tuple[int, bool, int, float, str]:
        """The calm first, then those whose slice is over, the deepest, the longest held."""
        level, now = self._levels[claim.stream], self._now
        return (claim.protection(now), claim.settled(now), -level, claim.since, claim.stream)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
