"""The distortion head: how well its probabilities tell types apart and keep their word, and mending them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import rankdata
from torch import nn

from qoed_training.evaluation.figures import mean, rounded
from qoed_training.evaluation.scoring import Floats

BINS = 15
EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1 before their logit is taken."""
SHRINK = 1e-2
"""Pull of the scale towards 1: a head that separates the calibration split perfectly must not run away."""


@dataclass(frozen=True, slots=True)
class HeadScale:
    """`logit -> scale * logit + bias` of each type, both `[D]`; 1 and 0 leave a type as trained."""

    scale: Floats
    bias: Floats

    @property
    def changes(self) -> bool:
        """False where every type stays as trained."""
        return bool((self.scale != 1).any() or (self.bias != 0).any())

    def apply(self, probabilities: Floats) -> Floats:
        """Probabilities `[n,D]` as the head gives them after `fold`."""
        return np.asarray(expit(self.scale * _logits(probabilities) + self.bias))

    def fold(self, head: nn.Linear) -> None:
        """Write it into the head's own weight and bias, in place."""
        scale = torch.from_numpy(self.scale).to(head.weight.dtype)
        with torch.no_grad():
            head.weight.mul_(scale[:, None])
            head.bias.mul_(scale).add_(torch.from_numpy(self.bias).to(head.bias.dtype))


def head_receipt(names: Sequence[str], targets: Floats, probabilities: Floats) -> dict[str, Any]:
    """Of each type and their mean: expected calibration error, area under the ROC curve. Both `[n,D]`."""
    types = {
        name: {
            "present": int(targets[:, place].sum()),
            "ece": rounded(calibration_error(targets[:, place], probabilities[:, place])),
            "auc": rounded(area_under_curve(targets[:, place], probabilities[:, place])),
        }
        for place, name in enumerate(names)
    }
    return {
        "ece_mean": rounded(mean([row["ece"] for row in types.values()])),
        "auc_mean": rounded(mean([row["auc"] for row in types.values()])),
        "types": types,
    }


def calibration_error(target: Floats, probability: Floats) -> float:
    """ECE over `BINS` equal bins: mean gap between confidence and share (Guo et al., ICML 2017, eq. 3)."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    gaps = np.bincount(place, weights=probability - target, minlength=BINS)
    return float(np.abs(gaps).sum() / len(target))


def area_under_curve(target: Floats, probability: Floats) -> float | None:
    """Chance that a clip with the distortion ranks above one without; None where one of them is missing."""
    present = target > 0.5
    with_it, without = int(present.sum()), int((~present).sum())
    if not with_it or not without:
        return None
    ranks = rankdata(probability)
    return float((ranks[present].sum() - with_it * (with_it + 1) / 2) / (with_it * without))


def fit_head(targets: Floats, probabilities: Floats, group: NDArray[np.str_]) -> HeadScale:
    """Platt scaling of each type (Platt, 1999) on the calibration split; both `[n,D]`, `group` `[n]`.

    A type is changed only where that lowers its ECE on productions left out of the fit.
    """
    count = targets.shape[1]
    scale, bias = np.ones(count), np.zeros(count)
    for place in range(count):
        target, logits = targets[:, place], _logits(probabilities[:, place])
        if np.ptp(target) == 0:
            continue
        foreseen = _left_out(target, logits, group)
        if calibration_error(target, foreseen) < calibration_error(target, probabilities[:, place]):
            scale[place], bias[place] = _platt(target, logits)
    return HeadScale(scale, bias)


def _left_out(target: Floats, logits: Floats, group: NDArray[np.str_]) -> Floats:
    """Probabilities of each production from a fit to all others: `[n]`."""
    foreseen = np.asarray(expit(logits))
    for name in np.unique(group):
        rest = group != name
        if rest.any() and np.ptp(target[rest]) > 0:
            scale, bias = _platt(target[rest], logits[rest])
            foreseen[~rest] = expit(scale * logits[~rest] + bias)
    return foreseen


def _platt(target: Floats, logits: Floats) -> tuple[float, float]:
    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[0] * logits + parameters[1]
        error = expit(z) - target
        value = np.mean(np.logaddexp(0.0, z) - target * z) + SHRINK * (parameters[0] - 1.0) ** 2
        slope = np.mean(error * logits) + 2 * SHRINK * (parameters[0] - 1.0)
        return float(value), np.array([slope, error.mean()])

    # A negative scale would turn the head round.
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=[(0.05, 20.0), (None, None)])
    return float(found.x[0]), float(found.x[1])


def _logits(probabilities: Floats) -> Floats:
    return np.asarray(logit(np.clip(probabilities, EDGE, 1 - EDGE)))
