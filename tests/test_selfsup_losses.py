"""Pretext losses: each equals its definition written out in slow loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from qoed_training.selfsup.losses import (
    ALPHA,
    BETA,
    GAMMA,
    TEMPERATURE,
    Tasks,
    contrast_loss,
    distance_loss,
    distortion_loss,
    pace_loss,
    total_loss,
)

RNG = np.random.default_rng(0)


def unit(rows: int, columns: int) -> NDArray[np.float64]:
    z = RNG.normal(size=(rows, columns))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def slow_cross_entropy(logits: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    total = 0.0
    for row, wanted in zip(logits, label, strict=True):
        total -= math.log(math.exp(row[wanted]) / sum(math.exp(value) for value in row))
    return total / len(logits)


def slow_contrast(z: NDArray[np.float64], temperature: float) -> float:
    views = len(z)
    total = 0.0
    for i in range(views):
        j = (i + views // 2) % views
        below = 0.0
        for k in range(views):
            if k != i:
                below += math.exp(sum(a * b for a, b in zip(z[i], z[k], strict=True)) / temperature)
        total -= math.log(math.exp(float(z[i] @ z[j]) / temperature) / below)
    return total / views


@pytest.mark.parametrize(("loss", "classes"), [(distortion_loss, 5), (pace_loss, 4)])
def test_classification_losses_are_cross_entropy(loss: object, classes: int) -> None:
    """Equations (1) and (2): mean negative log-probability of the right class."""
    logits, label = RNG.normal(size=(12, classes)) * 3, RNG.integers(classes, size=12)

    assert callable(loss)
    found = float(loss(torch.from_numpy(logits), torch.from_numpy(label)))
    assert found == pytest.approx(slow_cross_entropy(logits, label), rel=1e-5)


@pytest.mark.parametrize("samples", [2, 3, 8])
def test_contrast_is_infonce_over_all_views(samples: int) -> None:
    """Equations (3) and (4): each of 2N views picks its partner out of the 2N - 1 others."""
    z = unit(2 * samples, 6)

    found = float(contrast_loss(torch.from_numpy(z)))
    assert found == pytest.approx(slow_contrast(z, TEMPERATURE), rel=1e-5)
    warmer = float(contrast_loss(torch.from_numpy(z), temperature=0.5))
    assert warmer == pytest.approx(slow_contrast(z, 0.5), rel=1e-5)


def test_contrast_uses_the_plain_dot_product() -> None:
    """sim(x, y) = x^T y as written: lengths count, so unit vectors are the caller's business."""
    z = 2 * unit(6, 5)

    assert float(contrast_loss(torch.from_numpy(z), temperature=1.0)) == pytest.approx(
        slow_contrast(z, 1.0), rel=1e-5
    )


def test_contrast_rewards_partners_that_agree() -> None:
    """Views of one sample together and samples apart give almost nothing; mixed partners give much."""
    apart = np.eye(4)

    assert float(contrast_loss(torch.from_numpy(np.concatenate([apart, apart])))) < 1e-4
    assert float(contrast_loss(torch.from_numpy(np.concatenate([apart, apart[::-1]])))) > 5


def test_distance_is_the_mean_cosine() -> None:
    """Equation (5): 1 for equal directions whatever their length, -1 for opposite ones, the mean between."""
    original, distorted = RNG.normal(size=(2, 7, 5))
    slow = np.mean(
        [
            sum(a * b for a, b in zip(o, d, strict=True)) / math.sqrt(sum(o**2) * sum(d**2))
            for o, d in zip(original, distorted, strict=True)
        ]
    )
    pair = torch.from_numpy(original)

    assert float(distance_loss(pair, torch.from_numpy(distorted))) == pytest.approx(float(slow), rel=1e-5)
    assert float(distance_loss(pair, 3 * pair)) == pytest.approx(1)
    assert float(distance_loss(pair, -pair)) == pytest.approx(-1)


def test_total_weighs_the_parts_that_are_there() -> None:
    """Equation (6) with alpha = beta = 1 and gamma = 0.5; a task that is off adds nothing."""
    values = {"dis": 1.0, "pace": 2.0, "con_org": 4.0, "con_dis": 8.0, "distance": 16.0}
    parts = {name: torch.tensor(value) for name, value in values.items()}

    assert (ALPHA, BETA, GAMMA) == (1.0, 1.0, 0.5)
    assert float(total_loss(parts)) == 1 + 2 + 4 + 8 + 0.5 * 16
    assert float(total_loss(parts, alpha=2, beta=3, gamma=0)) == 1 + 2 + 2 * 4 + 3 * 8
    assert float(total_loss({"pace": parts["pace"]})) == 2


def test_some_task_must_be_on() -> None:
    """No task at all is refused; each says whether distorted clips are needed."""
    with pytest.raises(ValueError, match="at least one task of distortion, pace, contrast"):
        Tasks(distortion=False, pace=False, contrast=False)
    assert Tasks(pace=False).names == ("distortion", "contrast")
    assert not Tasks(distortion=False, contrast=False).distorted
    assert Tasks(distortion=False).distorted
