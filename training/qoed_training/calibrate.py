"""From raw network output to the absolute 0-100 scale, and how far to trust it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from qoed_engine.manifest import Calibration
from qoed_training.data.corpus import CorpusError

KNOTS = 12
BIN_EDGES = (35.0, 65.0, 100.0)
STEP = 1e-6
"""Knots closer than this are one."""
Floats = NDArray[np.float64]


def fit_calibration(raw: Floats, score: Floats, weight: Floats, *, coverage: float = 0.9) -> Calibration:
    """Monotone map of raw outputs to scores and split-conformal half-widths by score bin.

    All `[n]`; held-out material only. The map is isotonic regression thinned to `KNOTS` knots, extended
    linearly to 0 and 100; half-widths are the finite-sample quantile of Vovk et al. (2005). Raises
    `CorpusError` without material.
    """
    if not len(raw):
        raise CorpusError("nothing to calibrate on: the calibration split holds neither clips nor stills")
    order = np.argsort(raw)
    raw, score, weight = raw[order], score[order], weight[order]
    fitted = isotonic_regression(score, weights=weight).x
    chunks = np.array_split(np.arange(len(raw)), min(KNOTS, len(raw)))
    x = np.array([np.average(raw[chunk], weights=weight[chunk]) for chunk in chunks])
    y = np.array([np.average(fitted[chunk], weights=weight[chunk]) for chunk in chunks])
    x, y = _extended(x, y)
    bare = Calibration(raw=tuple(map(float, x)), score=tuple(map(float, y)))
    predicted = np.array([bare.to_score(value) for value in raw])
    error = np.abs(predicted - score)
    half_width, low = [], -1.0
    for high in BIN_EDGES:
        inside = error[(predicted > low) & (predicted <= high)]
        half_width.append(_conformal_quantile(inside if len(inside) >= 20 else error, coverage))
        low = high
    return Calibration(bare.raw, bare.score, BIN_EDGES, tuple(half_width), coverage)


def _extended(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Add end knots so that outputs beyond the calibration set still move the score, up to 0 and 100."""
    y = np.maximum.accumulate(y)
    slope = max(1.0, float((y[-1] - y[0]) / max(x[-1] - x[0], 1e-6)))
    keep = np.concatenate([[True], np.diff(x) > STEP])
    x, y = x[keep], y[keep]
    low, high = x[0] - max(STEP, y[0] / slope), x[-1] + max(STEP, (100.0 - y[-1]) / slope)
    return np.array([low, *x, high]), np.array([0.0, *y, 100.0])


def _conformal_quantile(error: Floats, coverage: float) -> float:
    rank = int(np.ceil((len(error) + 1) * coverage))
    # Too few errors cannot promise the coverage: anything is possible then.
    return float(np.sort(error)[rank - 1]) if rank <= len(error) else 100.0
