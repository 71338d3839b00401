"""The controller: hears of segments, findings and scores, and says how deep each stream is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from qoed.decode.options import Depth
from qoed.depth.cost import Cost
from qoed.depth.plan import LEVELS, Claim, plan
from qoed.depth.sampling import level_name
from qoed.depth.suspicion import CALM_S, Suspicion, Urgency
from qoed.model import Decoded, Finding, Score, Severity

LIGHT, FULL = LEVELS.index("light"), LEVELS.index("full")

EASE_EVERY_S = 10.0
"""Drops lower the budget once in such a time: what a demotion frees shows only with the next segments."""
EASE_FACTOR = 0.7
"""After drops the budget is this share of what decoding costs at that moment ..."""
RECOVER_PER_S = 0.1 / 60
"""... and grows back by this share of the whole every second."""


Tension = Callable[[str, float], tuple[Severity | None, bool]]
"""(stream, now) -> the worst severity of its alerts that pend or fire; whether a metric is near its level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthStats:
    """The controller's state now; CPU in seconds a second."""

    levels: dict[str, Depth]
    """Of every stream, the closest looked at first."""
    waiting: int
    """Streams that want more than the budget bears."""
    promotions: int
    demotions: int
    load: float
    budget: float


@dataclass(slots=True)
class _Stream:
    fixed: bool
    level: int
    changed_at: float
    cost: Cost
    suspicion: Suspicion
    grade: int = 0
    want: int = LIGHT
    urgency: Urgency = Urgency.CALM
    waiting_since: float | None = None


@dataclass(slots=True)
class DepthControl:
    """Levels of all streams. Pure state; `now` is monotonic seconds.

    `budget` is the CPU seconds a second that decoding may plan with. Calm streams are at light where the
    budget bears it; suspicion asks for full, and `calm_s` of media without a cause take it back.
    """

    budget: float
    calm_s: float = CALM_S
    promotions: int = 0
    demotions: int = 0
    _streams: dict[str, _Stream] = field(default_factory=dict)
    _eased: float | None = None
    _eased_at: float | None = None
    _ticked_at: float | None = None

    def add(self, stream: str, setting: Depth | Literal["auto"], now: float) -> None:
        """Watch a stream at a fixed depth, or at the one that it needs."""
        fixed = setting != "auto"
        level = LEVELS.index(setting) if fixed else 0
        self._streams[stream] = _Stream(
            fixed, level, now, Cost(now), Suspicion(calm_s=self.calm_s), want=level if fixed else LIGHT
        )
        self._plan(now)

    def remove(self, stream: str) -> None:
        """A stream is no longer watched."""
        self._streams.pop(stream, None)

    def forget_rendition(self, stream: str, rendition: str) -> None:
        """A rendition is no longer watched."""
        if known := self._streams.get(stream):
            known.cost.forget(rendition)
            known.suspicion.forget(rendition)

    def level_of(self, stream: str) -> Depth:
        """The level of a stream now; of an unknown one, light."""
        known = self._streams.get(stream)
        return level_name(LEVELS[known.level if known else LIGHT])

    def on_decoded(self, decoded: Decoded, depth: Depth, now: float) -> None:
        """A segment, or a part of one, was decoded at `depth`."""
        segment = decoded.segment
        if known := self._streams.get(segment.stream):
            rendition = segment.rendition.id
            known.cost.spent(rendition, depth, decoded.measures.decode_cpu_s, segment.duration_s, now)
            if duration_s := known.suspicion.on_segment(segment):
                known.cost.segment(rendition, duration_s)

    def on_finding(self, finding: Finding) -> None:
        """Something was found."""
        if known := self._streams.get(finding.stream):
            known.suspicion.on_finding(finding)

    def on_score(self, score: Score) -> None:
        """A clip was scored."""
        if known := self._streams.get(score.stream):
            known.suspicion.on_score(score)

    def on_drop(self, now: float) -> None:
        """Our slowness cost a segment or clip: decode less, whatever the figures say."""
        if self._eased_at is not None and now - self._eased_at < EASE_EVERY_S:
            return
        self._eased_at = now
        self._eased = EASE_FACTOR * min(self._load(now), self._budget())
        self._plan(now)

    def tick(self, now: float, tension: Tension = lambda _stream, _now: (None, False)) -> None:
        """Let time pass, about once a second; `tension` tells what a stream's alerts say."""
        if self._eased is not None and self._ticked_at is not None:
            self._eased += RECOVER_PER_S * self.budget * (now - self._ticked_at)
            self._eased = self._eased if self._eased < self.budget else None
        self._ticked_at = now
        for name, known in self._streams.items():
            known.suspicion.on_tension(*tension(name, now))
            known.urgency = known.suspicion.urgency
            if not known.fixed:
                known.want = FULL if known.urgency else LIGHT
        self._plan(now)

    def stats(self, now: float) -> DepthStats:
        """The state now."""
        ordered = sorted(self._streams.items(), key=lambda item: (-item[1].level, item[0]))
        return DepthStats(
            levels={name: level_name(LEVELS[known.level]) for name, known in ordered},
            waiting=sum(known.level < known.want for known in self._streams.values()),
            promotions=self.promotions,
            demotions=self.demotions,
            load=self._load(now),
            budget=self._budget(),
        )

    def _budget(self) -> float:
        return self.budget if self._eased is None else self._eased

    def _load(self, now: float) -> float:
        return sum(known.cost.at_levels(now)[known.level] for known in self._streams.values())

    def _plan(self, now: float) -> None:
        for known in self._streams.values():
            if known.level >= known.want:
                known.waiting_since = None
            elif known.waiting_since is None:
                known.waiting_since = now
        claims = [
            Claim(
                stream=name,
                level=known.level,
                want=known.want,
                urgency=known.urgency,
                grade=known.grade,
                since=known.changed_at,
                waiting_since=known.waiting_since,
                costs=known.cost.at_levels(now),
                fixed=known.fixed,
            )
            for name, known in self._streams.items()
        ]
        for name, (level, grade) in plan(claims, self._budget(), now).items():
            known = self._streams[name]
            if level > known.level:
                self.promotions += 1
            else:
                self.demotions += 1
            known.level, known.grade, known.changed_at = level, grade, now
            known.waiting_since = now if level < known.want else None
