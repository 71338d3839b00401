"""The distortion head: honest probabilities, and a scale that makes them so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import nn

from qoed_training.evaluation.head import (
    HeadScale,
    area_under_curve,
    calibration_error,
    fit_head,
    head_receipt,
)

Floats = NDArray[np.float64]


def material(seed: int, count: int = 600) -> tuple[Floats, Floats, NDArray[np.str_]]:
    """Targets and true probabilities `[n,2]` of two types, and six productions."""
    rng = np.random.default_rng(seed)
    truth = expit(rng.normal(0, 2, (count, 2)))
    group = np.array([f"group{index % 6}" for index in range(count)])
    return (rng.random((count, 2)) < truth).astype(float), truth, group


def slow_calibration_error(target: Floats, probability: Floats) -> float:
    """Guo et al. 2017, equation 3, bin by bin."""
    error = 0.0
    for index in range(15):
        inside = [i for i, p in enumerate(probability) if min(int(p * 15), 14) == index]
        if inside:
            gap = abs(np.mean([target[i] for i in inside]) - np.mean([probability[i] for i in inside]))
            error += len(inside) / len(target) * gap
    return error


def test_calibration_error_is_the_papers() -> None:
    """The fast sum equals the definition taken bin by bin, ends included."""
    rng = np.random.default_rng(0)
    probability = np.concatenate([[0.0, 1.0], rng.random(200)])
    target = (rng.random(202) < 0.4).astype(float)

    assert calibration_error(target, probability) == pytest.approx(
        slow_calibration_error(target, probability)
    )
    assert calibration_error(np.ones(4), np.ones(4)) == 0.0
    assert calibration_error(np.zeros(4), np.ones(4)) == 1.0


def test_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    """AUC counts pairs of with and without, ties as half; one side missing is None."""
    rng = np.random.default_rng(1)
    target, probability = (rng.random(60) < 0.5).astype(float), np.round(rng.random(60), 1)
    ahead = [(a > b) + 0.5 * (a == b) for a in probability[target == 1] for b in probability[target == 0]]

    assert area_under_curve(target, probability) == pytest.approx(np.mean(ahead))
    assert area_under_curve(np.ones(5), np.arange(5.0)) is None


def test_an_overconfident_head_is_brought_to_its_word() -> None:
    """A head with thrice the true logits and an offset is mended, also on clips that it was not fitted on."""
    targets, truth, group = material(2)
    logits = 3 * np.log(truth / (1 - truth)) + 2
    scale = fit_head(targets[:300], expit(logits[:300]), group[:300])
    fresh = scale.apply(expit(logits[300:]))

    assert scale.changes
    assert scale.scale == pytest.approx([1 / 3] * 2, rel=0.35)
    for place in range(2):
        before = calibration_error(targets[300:, place], expit(logits[300:, place]))
        assert calibration_error(targets[300:, place], fresh[:, place]) < 0.6 * before


def test_what_would_not_help_is_left_as_trained() -> None:
    """An honest head, one that rests on one production, and a type that never occurs stay as they are."""
    targets, truth, group = material(3, 3000)
    targets[:, 1] = 0.0
    scale = fit_head(targets, truth, group)

    assert (scale.scale[1], scale.bias[1]) == (1.0, 0.0)
    alone = fit_head(targets[:, :1], truth[:, :1], np.full(3000, "one"))
    assert not alone.changes


def test_the_scale_is_folded_into_the_head_itself() -> None:
    """After folding, the layer gives the calibrated logits without any further step."""
    torch.manual_seed(0)
    head, x = nn.Linear(8, 3), torch.randn(5, 8)
    scale = HeadScale(np.array([0.5, 1.0, 2.0]), np.array([0.1, 0.0, -1.0]))
    before = torch.sigmoid(head(x)).detach().double().numpy()
    scale.fold(head)

    np.testing.assert_allclose(torch.sigmoid(head(x)).detach().numpy(), scale.apply(before), atol=1e-6)


def test_the_receipt_tells_each_type_and_the_mean() -> None:
    """Every type has its count, error and area; a type that never occurs has no area."""
    targets, truth, _ = material(4, 3000)
    targets[:, 1] = 0.0
    receipt = head_receipt(["blur", "noise"], targets, truth)

    assert receipt["types"]["blur"]["present"] == targets[:, 0].sum()
    assert receipt["types"]["blur"]["ece"] < 0.04
    assert receipt["types"]["blur"]["auc"] > 0.85
    assert receipt["types"]["noise"]["auc"] is None
    assert receipt["auc_mean"] == receipt["types"]["blur"]["auc"]
