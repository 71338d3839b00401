"""What the network should reach, as data, and whether a receipt does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """One figure of the receipt, found along `path`, and its bound: `least` or `most`."""

    name: str
    path: tuple[str, ...]
    least: float | None = None
    most: float | None = None

    def judged(self, receipt: Mapping[str, Any]) -> dict[str, Any]:
        """Name, bound, figure and whether it is reached; a figure that is missing is not."""
        value = look_up(receipt, self.path)
        reached = value is not None and (
            value >= self.least if self.least is not None else value <= (self.most or 0.0)
        )
        wanted = f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"
        return {"target": self.name, "wanted": wanted, "figure": value, "reached": bool(reached)}


_CLIPS, _KINDS = "held_out_clips", ("ladders", "kinds")
TARGETS = (
    Target("Spearman, codecs and scales", (_CLIPS, "codecs_and_scales", "spearman"), least=0.90),
    Target(
        "Spearman, codecs and scales, without screen recordings",
        (_CLIPS, "codecs_and_scales_without_screens", "spearman"),
        least=0.90,
    ),
    Target("Spearman, all degradations", (_CLIPS, "all", "spearman"), least=0.90),
    Target("adjacent steps of CRF 6 in order", (*_KINDS, "h264 by six", "adjacent_right"), least=0.97),
    Target("two steps of CRF 6 in order", (*_KINDS, "h264 by six", "two_steps_right"), least=0.995),
    Target("adjacent steps of CRF 5 in order", (*_KINDS, "h264", "adjacent_right"), least=0.97),
    Target("two steps of CRF 5 in order", (*_KINDS, "h264", "two_steps_right"), least=0.995),
    Target("Pearson to people's curve over CRF, after one map", ("people", "pearson_after_map"), least=0.98),
    Target("points from CRF 0 to 22", ("people", "drop_0_to_22_mean"), most=3.0),
    Target("worst rise with less bitrate, points", ("ladders", "worst_rise_points"), most=2.0),
    Target("Spearman to opinion of stills", ("held_out_stills", "spearman"), least=0.93),
    Target(
        "Spearman to opinion of stills, lowest height band",
        ("held_out_stills", "spearman_within_height_band_lowest"),
        least=0.80,
    ),
    Target("coverage of the interval, off by", ("interval", "off_by"), most=0.02),
    Target("megabytes", ("cost", "megabytes"), most=25.0),
)
AGAINST_BASE = (
    Target("times cheaper than base", ("against_base", "times_cheaper"), least=5.0),
    Target("Spearman behind base", ("against_base", "spearman_behind"), most=0.02),
)
"""Asked of a smaller network; not reached while there is no receipt of `base` to compare it with."""


def judged_targets(receipt: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every target beside its figure."""
    asked = (*TARGETS, *AGAINST_BASE) if "against_base" in receipt else TARGETS
    return [target.judged(receipt) for target in asked]


def look_up(receipt: Mapping[str, Any], path: Sequence[str]) -> Any:
    """What lies along a path of keys, or None."""
    found: Any = receipt
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
