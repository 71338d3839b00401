"""Stage 3, sample: which pictures of a bitstream make the clips that are scored. Pure; holds few pictures."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from qoed_engine.manifest import Recipe

P = TypeVar("P")

MAX_CLIPS = 120
"""Clips taken from one segment at most; what a longer one holds beyond is not scored."""
MIN_COVER = 0.5
"""A clip needs media over at least this share of its span."""

_TIE_S = 1e-6
"""Of two pictures equally near the older is taken, however the sums of floats were rounded."""


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


def plan_clip(start_s: float, recipe: Recipe) -> ClipPlan:
    """The clip whose span begins at media time `start_s`."""
    spacing = recipe.span_s / recipe.frames
    return ClipPlan(
        start_s=round(start_s, 6),
        span_s=recipe.span_s,
        targets=tuple(start_s + index * spacing for index in range(recipe.frames)),
    )


def clips_in(duration_s: float, recipe: Recipe) -> int:
    """One clip for each `recipe.span_s`; a rest of half a span is a clip too: 1.9 s give two, 1.4 s one."""
    return max(0, math.floor(duration_s / recipe.span_s + 1 - MIN_COVER + 1e-6))


class Sampler(Generic[P]):
    """Picks for every target the picture nearest in time, from pictures offered in order of time.

    Clips follow each other from `start_s` on. How long the media is may be told bit by bit (`extend`); a clip
    is handed out once its pictures are known and it lies in what was told. Holds at most the pictures of two
    clips and the newest one. A clip in whose span no picture lies is not taken: an old picture says nothing
    about it.
    """

    def __init__(self, start_s: float, recipe: Recipe) -> None:
        self._start_s = start_s
        self._recipe = recipe
        self._number = 0
        self._granted = 0
        self._plan = plan_clip(start_s, recipe)
        self._taken: list[tuple[float, P]] = []
        self._newest: tuple[float, P] | None = None
        self._waiting: deque[tuple[int, Picked[P]]] = deque()
        """Clips beyond what was told, with their numbers: at most one."""

    def extend(self, end_s: float) -> list[Picked[P]]:
        """Media is announced up to media time `end_s`; returns the clips that waited for it."""
        told = clips_in(end_s - self._start_s, self._recipe)
        self._granted = max(self._granted, min(told, self._number + MAX_CLIPS))
        return self._release()

    def offer(self, time_s: float, picture: P) -> list[Picked[P]]:
        """Take note of a picture; returns the clips that it completes."""
        while self._open() and time_s >= self._next_target():
            target = self._next_target()
            older = self._newest
            nearer_before = older is not None and target - older[0] <= time_s - target + _TIE_S
            self._take(older if older is not None and nearer_before else (time_s, picture))
        self._newest = (time_s, picture)
        return self._release()

    def pass_by(self, time_s: float) -> list[Picked[P]]:
        """No picture comes before media time `time_s`; returns the clips that this completes."""
        while self._newest is not None and self._open():
            if time_s - self._next_target() + _TIE_S < self._next_target() - self._newest[0]:
                break
            self._take(self._newest)
        return self._release()

    def finish(self, end_s: float) -> list[Picked[P]]:
        """The unfinished clips of which media that ends at `end_s` covers enough; nothing follows."""
        while self._newest is not None and self._number < self._granted:
            if end_s - self._plan.start_s < MIN_COVER * self._plan.span_s - 1e-6:
                break
            self._take(self._newest)
        done = self._release()
        self._newest = None
        self._taken.clear()
        self._waiting.clear()
        return done

    def _open(self) -> bool:
        return self._number <= self._granted

    def _next_target(self) -> float:
        return self._plan.targets[len(self._taken)]

    def _take(self, picture: tuple[float, P]) -> None:
        self._taken.append(picture)
        plan = self._plan
        if len(self._taken) < len(plan.targets):
            return
        taken, self._taken = self._taken, []
        first, last = plan.start_s - plan.slack_s, plan.start_s + plan.span_s
        if any(first <= time_s < last for time_s, _ in taken):
            pictures = tuple(each for _, each in taken)
            distinct = len({time_s for time_s, _ in taken})
            self._waiting.append((self._number, Picked(plan=plan, pictures=pictures, distinct=distinct)))
        self._number += 1
        self._plan = plan_clip(self._start_s + self._number * self._recipe.span_s, self._recipe)

    def _release(self) -> list[Picked[P]]:
        done = []
        while self._waiting and self._waiting[0][0] < self._granted:
            done.append(self._waiting.popleft()[1])
        return done
