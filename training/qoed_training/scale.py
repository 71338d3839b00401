"""The monotone map from raw network output to the absolute 0-100 scale."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from qoed_training.agreement import MIN_POINTS, apply_logistic, fit_logistic

Floats = NDArray[np.float64]
Knots = tuple[Floats, Floats]
Fit = Callable[[Floats, Floats, Floats], Knots]
ISOTONIC_KNOTS = (4, 6, 8, 12)
LOGISTIC_KNOTS = 12
STEP = 1e-6
"""Knots closer than this are one."""
MIN_RISE = 0.1
"""Of the mean slope, what every piece of the map keeps: a level piece would call unlike clips equal."""


def fit_scale(raw: Floats, score: Floats, weight: Floats, group: NDArray[np.str_]) -> Knots:
    """Knots `(raw, score)` of a map that rises all over the material, from 0 to 100; all arguments `[n]`.

    Of isotonic regressions thinned to so many knots (Zadrozny and Elkan, KDD 2002, on isotonic calibration)
    and a logistic, the one that errs least on groups left out of its fit.
    """
    order = np.argsort(raw, kind="stable")
    raw, score, weight, group = raw[order], score[order], weight[order], group[order]
    fits: list[Fit] = [partial(_isotonic, knots=knots) for knots in ISOTONIC_KNOTS]
    if len(raw) >= MIN_POINTS and np.ptp(raw) > STEP and np.ptp(score) > STEP:
        fits.append(_logistic)
    names = np.unique(group)
    if len(names) < 2:
        return _isotonic(raw, score, weight, knots=ISOTONIC_KNOTS[-1])
    # As many folds as groups would take long with hundreds of photographs.
    folds = np.searchsorted(names, group) % min(10, len(names))
    return min(fits, key=lambda fit: _left_out_error(fit, raw, score, weight, folds))(raw, score, weight)


def _left_out_error(fit: Fit, raw: Floats, score: Floats, weight: Floats, folds: NDArray[np.intp]) -> float:
    total = 0.0
    for fold in np.unique(folds):
        rest, out = folds != fold, folds == fold
        predicted = np.interp(raw[out], *fit(raw[rest], score[rest], weight[rest]))
        total += float(np.sum(weight[out] * (predicted - score[out]) ** 2))
    return total


def _isotonic(raw: Floats, score: Floats, weight: Floats, *, knots: int) -> Knots:
    fitted = isotonic_regression(score, weights=weight).x
    chunks = np.array_split(np.arange(len(raw)), min(knots, len(raw)))
    x = np.array([np.average(raw[chunk], weights=weight[chunk]) for chunk in chunks])
    return _whole(x, np.array([np.average(fitted[chunk], weights=weight[chunk]) for chunk in chunks]))


def _logistic(raw: Floats, score: Floats, weight: Floats) -> Knots:
    if np.ptp(raw) <= STEP or np.ptp(score) <= STEP or len(raw) < MIN_POINTS:
        return _isotonic(raw, score, weight, knots=1)
    # The fit knows no weights: what weighs more is repeated.
    times = np.maximum(1, np.round(weight / weight.min())).astype(int)
    curve = fit_logistic(np.repeat(raw, times), np.repeat(score, times))
    x = np.quantile(raw, np.linspace(0, 1, LOGISTIC_KNOTS))
    return _whole(x, apply_logistic(curve, x))


def _whole(x: Floats, y: Floats) -> Knots:
    """Rising knots with ends beyond the material, where the score reaches 0 and 100 if not before."""
    keep = np.concatenate([[True], np.diff(x) > STEP])
    x, y = x[keep], np.maximum.accumulate(np.clip(y, 0.0, 100.0))[keep]
    slope = max(1.0, float((y[-1] - y[0]) / max(x[-1] - x[0], STEP)))
    # A tenth of a straight line from end to end: no piece is level, and the ends stay inside the scale.
    y = np.clip((1 - MIN_RISE) * y + MIN_RISE * (y[0] + slope * (x - x[0])), 0.0, 100.0)
    low, high = x[0] - max(STEP, y[0] / slope), x[-1] + max(STEP, (100.0 - y[-1]) / slope)
    return np.array([low, *x, high]), np.array([0.0, *y, 100.0])
