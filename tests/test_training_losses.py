"""Training losses against slow references."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qoed_training.losses import plcc_loss, ranking_loss, total_loss

RNG = np.random.default_rng(0)


def test_plcc_loss_is_half_of_what_correlation_misses() -> None:
    """The correlation loss is (1 - Pearson) / 2 of the batch, in 0 to 1."""
    predicted, label = RNG.normal(size=40), RNG.normal(size=40)
    found = float(plcc_loss(torch.from_numpy(predicted), torch.from_numpy(label)))

    assert found == pytest.approx((1 - np.corrcoef(predicted, label)[0, 1]) / 2)
    assert float(plcc_loss(torch.from_numpy(3 * label + 7), torch.from_numpy(label))) == pytest.approx(
        0, abs=1e-9
    )
    assert float(plcc_loss(torch.from_numpy(-label), torch.from_numpy(label))) == pytest.approx(1)


def test_plcc_loss_of_constant_scores_can_be_learned_from() -> None:
    """A network that gives everything one score gets a finite loss and a finite gradient."""
    predicted = torch.full((6,), 0.5, requires_grad=True)
    loss = plcc_loss(predicted, torch.linspace(0, 1, 6))
    torch.autograd.backward(loss)

    assert loss.item() == pytest.approx(0.5)
    assert predicted.grad is not None
    assert bool(torch.isfinite(predicted.grad).all())


def test_ranking_loss_compares_visible_pairs_of_one_scene() -> None:
    """Only pairs of one scene that visibly differ count; they must lie apart by that, up to the margin."""
    predicted, label = RNG.random(30), RNG.random(30)
    scene = RNG.integers(0, 4, size=30)
    margin, visible = 0.3, 0.1
    terms = [
        max(0.0, min(label[i] - label[j], margin) - (predicted[i] - predicted[j]))
        for i in range(30)
        for j in range(30)
        if scene[i] == scene[j] and label[i] - label[j] > visible
    ]
    found = ranking_loss(
        *(torch.from_numpy(part) for part in (predicted, label, scene)), margin=margin, visible=visible
    )

    assert float(found) == pytest.approx(np.mean(terms))


def test_ranking_loss_without_pairs_is_zero() -> None:
    """Where nothing can be compared, ranking costs nothing and pulls nowhere."""
    predicted = torch.tensor([0.1, 0.9, 0.4], requires_grad=True)
    loss = ranking_loss(predicted, torch.tensor([0.5, 0.2, 0.8]), torch.arange(3), margin=0.1, visible=0.02)
    torch.autograd.backward(loss)

    assert loss.item() == 0.0
    assert predicted.grad is not None
    assert predicted.grad.tolist() == [0.0, 0.0, 0.0]


def test_right_answers_cost_less_than_wrong_ones() -> None:
    """The whole loss is lower for right scores and types than for wrong ones, part by part."""
    label, scene = torch.tensor([0.9, 0.5, 0.1]), torch.zeros(3)
    target = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    logits = (target - 0.5) * 20
    right, right_parts = total_loss(label, logits, label, target, scene)
    wrong, wrong_parts = total_loss(1 - label, -logits, label, target, scene)

    assert float(right) == pytest.approx(0, abs=1e-3)
    assert float(wrong) > 1
    assert all(right_parts[name] < wrong_parts[name] for name in ("plcc", "rank", "scale", "types"))
