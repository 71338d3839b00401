"""Figures as a receipt holds them: rounded, with an interval, None where there is nothing to measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr

CONFIDENCE = 0.95
RESAMPLES = 400
SEED = 20_26
Statistic = Callable[[NDArray[np.intp]], float | None]


def spearman(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """Rank correlation, or None: too few points, or all alike on one side."""
    return float(spearmanr(a, b).statistic) if _tells(a, b) else None


def pearson(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """Linear correlation, or None as in `spearman`."""
    return float(pearsonr(a, b).statistic) if _tells(a, b) else None


def _tells(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return len(a) >= 2 and np.ptp(a) > 0 and np.ptp(b) > 0


def mean(values: Sequence[float | None]) -> float | None:
    """Mean of those that are known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def rounded(value: Any) -> float | None:
    """Four digits, None stays None."""
    return None if value is None else round(float(value), 4)


def confidence(statistic: Statistic, outer: Sequence[str], inner: Sequence[str]) -> list[float] | None:
    """Percentile interval of `statistic(rows)` by a two-stage cluster bootstrap, seeded.

    `outer` and `inner` name each row's cluster, such as production and scene: whole clusters are drawn again,
    since rows of one production are no independent witnesses (Davison and Hinkley, Bootstrap Methods and
    their Application, 1997, section 3.8). None where fewer than two clusters or no figure.
    """
    nested: dict[str, dict[str, list[int]]] = {}
    for row, (first, second) in enumerate(zip(outer, inner, strict=True)):
        nested.setdefault(first, {}).setdefault(second, []).append(row)
    groups = [[np.array(rows) for rows in scenes.values()] for scenes in nested.values()]
    if len(groups) < 2:
        return None
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(RESAMPLES):
        picked = [groups[index] for index in rng.integers(len(groups), size=len(groups))]
        rows = [group[index] for group in picked for index in rng.integers(len(group), size=len(group))]
        value = statistic(np.concatenate(rows))
        if value is not None:
            drawn.append(value)
    if not drawn:
        return None
    tail = 50 * (1 - CONFIDENCE)
    return [round(float(value), 4) for value in np.percentile(drawn, [tail, 100 - tail])]
