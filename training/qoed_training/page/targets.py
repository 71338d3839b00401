"""What was asked of the network and what the receipt says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from qoed_training.evaluation.targets import AGAINST_BASE, TARGETS, Target, look_up

State = Literal["met", "short", "missing"]


@dataclass(frozen=True, slots=True)
class Reached:
    """One target in words: what was wanted, what was measured, between what bounds (may be empty)."""

    name: str
    wanted: str
    value: str
    bounds: str
    state: State


def targets_of(receipt: Mapping[str, Any]) -> list[Reached]:
    """Every target; a figure that the receipt does not hold is `missing`, never passed over."""
    return [_reached(target, receipt) for target in (*TARGETS, *AGAINST_BASE)]


def _reached(target: Target, receipt: Mapping[str, Any]) -> Reached:
    wanted = f"at least {target.least:g}" if target.least is not None else f"at most {target.most:g}"
    value = look_up(receipt, target.path)
    name = target.name[:1].upper() + target.name[1:]
    if value is None:
        return Reached(name, wanted, "not measured", "", "missing")
    between = look_up(receipt, (*target.path[:-1], f"{target.path[-1]}_confidence"))
    bounds = f"{figure(between[0])} to {figure(between[1])}" if between else ""
    return Reached(
        name, wanted, figure(value), bounds, "met" if target.judged(receipt)["reached"] else "short"
    )


def figure(value: float) -> str:
    """A number for people: three digits after the point below ten, one above."""
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return text.replace("-", "−")
