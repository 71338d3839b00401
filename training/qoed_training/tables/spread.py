"""Mean and spread of a measure over repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qoed_training.agreement import Agreement, agreement
from qoed_training.tables.results import Judged

NONE = "–"


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and sample standard deviation over `repeats` values; None where nothing could be measured."""

    mean: float | None
    sd: float | None
    repeats: int

    def __str__(self) -> str:
        if self.mean is None:
            return NONE
        return number(self.mean) + (f" ± {self.sd:.3f}" if self.sd is not None else "")


def number(value: float | None, digits: int = 3) -> str:
    """A correlation for a table, a dash for None."""
    return NONE if value is None else f"{value:.{digits}f}"


def spread(values: Sequence[float | None]) -> Spread:
    """Of the values that are known."""
    known = [value for value in values if value is not None]
    if not known:
        return Spread(None, None, 0)
    sd = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return Spread(float(np.mean(known)), sd, len(known))


def judged(repeats: Sequence[Judged]) -> tuple[Spread, Spread]:
    """SROCC and PLCC (after the logistic) over repeats."""
    found = [agreement(repeat.predicted, repeat.mos) for repeat in repeats]
    return spread([one.srocc for one in found]), spread([one.plcc for one in found])


def by_type(repeats: Sequence[Judged]) -> dict[str, list[Agreement]]:
    """Agreement within each distortion type, repeat by repeat, types in alphabetical order."""
    found: dict[str, list[Agreement]] = {}
    for repeat in repeats:
        types = np.array(repeat.distortion)
        predicted, mos = np.array(repeat.predicted), np.array(repeat.mos)
        for name in np.unique(types) if len(types) == len(mos) else ():
            inside = types == name
            found.setdefault(str(name), []).append(agreement(predicted[inside], mos[inside]))
    return dict(sorted(found.items()))
