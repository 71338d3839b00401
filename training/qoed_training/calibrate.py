"""From raw network output to the absolute 0-100 scale, and how far to trust it on a new production.

Clips of one production err alike, so that they are no independent witnesses: an interval from all errors
together is too narrow on a production never seen. The half-width of a score bin (Mondrian conformal
prediction: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, section 4.5) is therefore
the quantile of errors in which every production counts the same, however many clips it has: "pooling CDFs" of
Dunn, Wasserman and Ramdas, Distribution-Free Prediction Sets for Two-Layer Hierarchical Models (JASA 2022).
The mass 1/(groups + 1) at infinity stands for the production to come; with it, the promise holds for finitely
many groups too (Lee, Barber and Willett, Distribution-free inference with hierarchical data, 2023).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Calibration
from qoed_training.data.corpus import CorpusError
from qoed_training.scale import fit_scale

BIN_EDGES = (35.0, 65.0, 100.0)
MIN_IN_BIN = 20
Floats = NDArray[np.float64]


def fit_calibration(
    raw: Floats,
    score: Floats,
    weight: Floats,
    *,
    group: NDArray[np.str_] | None = None,
    coverage: float = 0.9,
) -> Calibration:
    """Monotone map of raw outputs to scores and conformal half-widths by score bin, honest across groups.

    All `[n]`; held-out material only. `group` is the production or picture of each (None: each its own).
    Raises `CorpusError` without material.
    """
    if not len(raw):
        raise CorpusError("nothing to calibrate on: the calibration split holds neither clips nor stills")
    if group is None:
        group = np.arange(len(raw)).astype(np.str_)
    x, y = fit_scale(raw, score, weight, group)
    bare = Calibration(raw=tuple(map(float, x)), score=tuple(map(float, y)))
    predicted = np.array([bare.to_score(float(value)) for value in raw])
    error = np.abs(predicted - score)
    half_width, low = [], -1.0
    for high in BIN_EDGES:
        half_width.append(_half_width(error, group, (predicted > low) & (predicted <= high), coverage))
        low = high
    return Calibration(bare.raw, bare.score, BIN_EDGES, tuple(half_width), coverage)


def _half_width(error: Floats, group: NDArray[np.str_], inside: NDArray[np.bool_], coverage: float) -> float:
    """Of one bin; of all bins together where its groups are too few to promise `coverage`."""
    for rows in (inside, np.ones(len(error), dtype=bool)):
        if rows.sum() >= MIN_IN_BIN or rows.all():
            quantile = hierarchical_quantile(error[rows], group[rows], coverage)
            if np.isfinite(quantile):
                return min(100.0, quantile)
    # Too few productions to promise anything about another: what their own clips promise of each other.
    rows = inside if inside.sum() >= MIN_IN_BIN else np.ones(len(error), dtype=bool)
    own = hierarchical_quantile(error[rows], np.arange(rows.sum()).astype(np.str_), coverage)
    even = hierarchical_quantile(error[rows], group[rows], coverage, finite=False)
    return min(100.0, max(own, even))


def hierarchical_quantile(
    error: Floats, group: NDArray[np.str_], coverage: float, *, finite: bool = True
) -> float:
    """The error that `coverage` of the mass stays within, every group of equal mass; `[n]` each.

    `finite` keeps one group's share of mass at infinity, for the group to come: the result is infinite where
    fewer than `coverage / (1 - coverage)` groups are there.
    """
    names, place, counts = np.unique(group, return_inverse=True, return_counts=True)
    order = np.argsort(error, kind="stable")
    mass = np.cumsum(1.0 / (counts[place][order] * (len(names) + finite)))
    # A share of a billionth is rounding, not mass.
    rank = int(np.searchsorted(mass, coverage - 1e-9))
    return float(error[order][rank]) if rank < len(error) else float("inf")
