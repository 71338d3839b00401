"""Stage 3, sample: which pictures of a segment make the clips that are scored. Pure; holds few pictures."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from qoed_engine.manifest import Recipe

P = TypeVar("P")

MAX_CLIPS = 120
"""Clips taken from one segment at most; what a longer one holds beyond is not scored."""
MIN_COVER = 0.5
"""A clip needs media over at least this share of its span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlan:
    """One clip to take: the media times (s) of its pictures and the span that they stand for."""

    start_s: float
    span_s: float
    targets: tuple[float, ...]

    @property
    def slack_s(self) -> float:
        """Half the distance of two targets."""
        return self.span_s / len(self.targets) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked(Generic[P]):
    """A clip's pictures in order, `len(plan.targets)` of them; `distinct` counts them without repeats."""

    plan: ClipPlan
    pictures: tuple[P, ...]
    distinct: int


def plan_clips(start_s: float, duration_s: float, recipe: Recipe) -> tuple[ClipPlan, ...]:
    """One clip for each `recipe.span_s` of `duration_s` seconds that begin at media time `start_s`.

    A rest of at least half a span is a clip too: 1.9 s give two, 1.4 s one.
    """
    count = min(MAX_CLIPS, math.floor(duration_s / recipe.span_s + 1 - MIN_COVER + 1e-6))
    spacing = recipe.span_s / recipe.frames
    return tuple(
        ClipPlan(
            start_s=round(begin, 6),
            span_s=recipe.span_s,
            targets=tuple(begin + index * spacing for index in range(recipe.frames)),
        )
        for begin in (start_s + number * recipe.span_s for number in range(count))
    )


class Sampler(Generic[P]):
    """Picks for every target of `plans` the picture nearest in time, from pictures offered in order of time.

    Holds at most the pictures of the clip in hand and the newest one. A clip in whose span no picture lies is
    not taken: an old picture says nothing about it.
    """

    def __init__(self, plans: Sequence[ClipPlan]) -> None:
        self._plans = deque(plans)
        self._taken: list[tuple[float, P]] = []
        self._newest: tuple[float, P] | None = None

    def offer(self, time_s: float, picture: P) -> list[Picked[P]]:
        """Take note of a picture; returns the clips that it completes."""
        done = []
        while self._plans and time_s >= self._next_target():
            target = self._next_target()
            older = self._newest
            nearer_before = older is not None and target - older[0] <= time_s - target
            self._taken.append(older if older is not None and nearer_before else (time_s, picture))
            done += self._complete()
        self._newest = (time_s, picture)
        return done

    def finish(self, end_s: float) -> list[Picked[P]]:
        """The unfinished clips of which media that ends at `end_s` covers enough."""
        done = []
        while self._plans and self._newest is not None:
            plan = self._plans[0]
            if end_s - plan.start_s < MIN_COVER * plan.span_s - 1e-6:
                break
            self._taken.append(self._newest)
            done += self._complete()
        self._plans.clear()
        self._taken.clear()
        self._newest = None
        return done

    def _next_target(self) -> float:
        return self._plans[0].targets[len(self._taken)]

    def _complete(self) -> list[Picked[P]]:
        plan = self._plans[0]
        if len(self._taken) < len(plan.targets):
            return []
        taken, self._taken = self._taken, []
        self._plans.popleft()
        first, last = plan.start_s - plan.slack_s, plan.start_s + plan.span_s
        if not any(first <= time_s < last for time_s, _ in taken):
            return []
        pictures = tuple(picture for _, picture in taken)
        return [Picked(plan=plan, pictures=pictures, distinct=len({time_s for time_s, _ in taken}))]
