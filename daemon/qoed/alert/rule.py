"""What a rule is: the condition under which an alert fires, and how patiently."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from qoed.model import Reason, Severity

PROBE_STREAM = "_probe"
"""The stream name of findings about the daemon itself; no configured stream can have it."""

Scope = Literal["rendition", "stream"]
"""One alert for each rendition, or one for the stream as soon as any of its renditions is in trouble."""


class Metric(StrEnum):
    """What a metric rule tests: a statistic of one rolling window. Scores are 0-100, coverage is 0-1.

    `score.drop` is how many points the window's mean lies below the mean of the last five minutes: it finds
    what went wrong in a rung of any height, where one level cannot suit all. `score.vs_top` is the difference
    to the ladder's top rung (mostly negative), `score.vs_top_drop` how far that has fallen below its own last
    five minutes: what the rung alone lost, since content moves all rungs together.
    """

    MEAN = "score.mean"
    P05 = "score.p05"
    MIN = "score.min"
    LO = "score.lo"
    HI = "score.hi"
    DROP = "score.drop"
    VS_TOP = "score.vs_top"
    VS_TOP_DROP = "score.vs_top_drop"
    COVERAGE = "coverage"

    @property
    def scale(self) -> tuple[float, float]:
        """Least and greatest value."""
        if self is Metric.COVERAGE:
            return 0.0, 1.0
        return (-100.0 if self is Metric.VS_TOP else 0.0), 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert rule: either a `metric` of a window against levels, or a `finding`. Durations in seconds.

    A metric alert is triggered `below` (or `above`) its level and cleared only at or beyond `clear`; between
    the two, nothing changes. A finding alert is triggered while the finding lasts, or once `count` events of
    it fell within `window_s`.
    """

    name: str
    severity: Severity = Severity.WARNING
    metric: Metric | None = None
    finding: Reason | None = None
    also: tuple[Reason, ...] = ()
    """Further findings that raise the same alert."""
    window_s: float = 60.0
    below: float | None = None
    above: float | None = None
    clear: float | None = None
    min_coverage: float = 0.3
    """A window that scores cover less than this (0-1) says nothing about quality; for score metrics only."""
    count: int = 1
    for_s: float = 0.0
    """How long the trouble must last before the alert fires."""
    keep_firing_for_s: float = 0.0
    """How long all must be well before the alert is resolved."""
    scope: Scope = "rendition"
    renditions: str = "*"
    """Shell-style pattern of the rendition ids that the rule looks at."""
    unless: tuple[Reason, ...] = ()
    """While one of these lasts on the stream, the rule knows nothing: it neither fires nor resolves."""
    unless_hold_s: float = 5.0
    """So long after its end, too."""

    @property
    def findings(self) -> tuple[Reason, ...]:
        """All findings that raise the alert; none for metric rules."""
        return () if self.finding is None else (self.finding, *self.also)

    @property
    def level(self) -> float | None:
        """The triggering level; None for finding rules."""
        return self.below if self.below is not None else self.above

    @property
    def clear_level(self) -> float | None:
        """The level at which the alert clears: `clear`, or the triggering level when none is given."""
        return self.clear if self.clear is not None else self.level
