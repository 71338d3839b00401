"""How well predictions agree with opinion: SROCC, KROCC; PLCC and RMSE after a four-parameter logistic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.special import expit
from scipy.stats import kendalltau, pearsonr, spearmanr

MIN_POINTS = 5
"""Four parameters pass through any four points: fewer than five say nothing."""
REACH = 2.0
"""The curve's ends stay within this many ranges of the opinions; beyond, it is a straight line anyhow."""
WIDTHS = (0.02, 20.0)
"""Bounds of b4 in standard deviations of the predictions: from a step to a straight line."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """A fitted map from predictions to opinion: `logistic` (b1, b2, b3, b4) or `linear` (slope, offset)."""

    kind: str
    parameters: tuple[float, ...]
    note: str = ""

    @property
    def rises(self) -> bool:
        """False where a higher prediction stands for a worse opinion."""
        if self.kind == "linear":
            return self.parameters[0] >= 0
        return self.parameters[0] >= self.parameters[1]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of `n` predictions with opinions; a measure that cannot be taken is None and `note` says why.

    `plcc` and `rmse` (in units of the opinions) hold after `curve`. A falling curve makes `plcc` negative:
    the mapping may bend a scale, not turn it round.
    """

    srocc: float | None
    plcc: float | None
    krocc: float | None
    rmse: float | None
    n: int
    curve: Curve | None = None
    note: str = ""

    def rounded(self, digits: int = 4) -> Agreement:
        """The same with its measures rounded, for files and pages."""
        known = {
            name: round(value, digits)
            for name in ("srocc", "plcc", "krocc", "rmse")
            if (value := getattr(self, name)) is not None
        }
        return replace(self, **known)


def agreement(predicted: ArrayLike, mos: ArrayLike) -> Agreement:
    """Agreement of predictions `[N]` with mean opinion scores `[N]`, both better when higher.

    VQEG, Final Report on the Validation of Objective Models of Video Quality Assessment (2000). Raises
    `ValueError` when the lengths differ or a value is not finite.
    """
    x, y = _columns(predicted, mos)
    if reason := _unusable(x, y):
        return Agreement(None, None, None, None, len(x), None, reason)
    curve = fit_logistic(x, y)
    fitted = apply_logistic(curve, x)
    plcc = _statistic(pearsonr, fitted, y) if np.ptp(fitted) > 1e-9 * np.ptp(y) else None
    return Agreement(
        srocc=_statistic(spearmanr, x, y),
        plcc=plcc if plcc is None or curve.rises else -plcc,
        krocc=_statistic(kendalltau, x, y),
        rmse=float(np.sqrt(np.mean((fitted - y) ** 2))),
        n=len(x),
        curve=curve,
        note=curve.note if plcc is not None else "the fitted curve is flat: no PLCC",
    )


def fit_logistic(predicted: ArrayLike, mos: ArrayLike) -> Curve:
    """Least-squares four-parameter logistic `(b1 - b2) / (1 + exp(-(x - b3) / b4)) + b2`, `b4 > 0`.

    Falls back to the least-squares line, with a note, where the search fails or fits worse than that line.
    Raises `ValueError` for what `agreement` cannot judge either.
    """
    x, y = _columns(predicted, mos)
    if reason := _unusable(x, y):
        raise ValueError(reason)
    middle, spread, bottom, reach = x.mean(), x.std(), y.min(), np.ptp(y)
    # Both scales are brought to about 0-1, so that one set of starts and bounds suits every data set.
    z, target = (x - middle) / spread, (y - bottom) / reach
    slope, offset = np.polyfit(z, target, 1)
    line_cost = float(np.sum((slope * z + offset - target) ** 2))
    edge = max(1.0, float(np.abs(z).max())) * 2.0
    low = np.array([-REACH, -REACH, -edge, WIDTHS[0]])
    high = np.array([1 + REACH, 1 + REACH, edge, WIDTHS[1]])
    top, base = (1.0, 0.0) if slope >= 0 else (0.0, 1.0)
    starts = [(top, base, centre, width) for centre in (float(np.median(z)), 0.0) for width in (0.3, 1.0)]
    found = [
        least_squares(lambda b: _logistic(b, z) - target, start, bounds=(low, high), max_nfev=500)
        for start in starts
    ]
    best = min((f for f in found if f.success), key=lambda f: float(f.cost), default=None)
    if best is None or 2.0 * float(best.cost) > line_cost * (1 + 1e-9) + 1e-12:
        why = "did not converge" if best is None else "fits worse than a line"
        gain = reach * slope / spread
        line = (gain, bottom + reach * offset - gain * middle)
        return Curve("linear", tuple(map(float, line)), f"linear: the logistic {why}")
    b1, b2, b3, b4 = best.x
    parameters = (bottom + reach * b1, bottom + reach * b2, middle + spread * b3, spread * b4)
    return Curve("logistic", tuple(map(float, parameters)))


def apply_logistic(curve: Curve, predicted: ArrayLike) -> Floats:
    """Predictions `[...]` on the scale of the opinions that the curve was fitted to."""
    x = np.asarray(predicted, dtype=np.float64)
    if curve.kind == "linear":
        slope, offset = curve.parameters
        return np.asarray(slope * x + offset)
    return _logistic(curve.parameters, x)


def _logistic(b: Sequence[float] | Floats, x: Floats) -> Floats:
    return np.asarray((b[0] - b[1]) * expit((x - b[2]) / b[3]) + b[1])


def _columns(predicted: ArrayLike, mos: ArrayLike) -> tuple[Floats, Floats]:
    x, y = (np.asarray(values, dtype=np.float64).ravel() for values in (predicted, mos))
    if len(x) != len(y):
        raise ValueError(f"{len(x)} predictions for {len(y)} opinions")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("predictions and opinions must be finite numbers")
    return x, y


def _unusable(x: Floats, y: Floats) -> str:
    if len(x) < MIN_POINTS:
        return f"{len(x)} points: at least {MIN_POINTS} are needed"
    for values, name in ((x, "predictions"), (y, "opinions")):
        # Relative to their size: a spread of rounding errors is no spread.
        if np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
            return f"all {name} are alike"
    return ""


def _statistic(measure: Any, a: Floats, b: Floats) -> float:
    return float(measure(a, b).statistic)
