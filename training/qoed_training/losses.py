"""Training losses, each a pure function of tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as nnf
from torch import Tensor


def plcc_loss(predicted_B: Tensor, label_B: Tensor) -> Tensor:
    """(1 - Pearson correlation) / 2 over the batch (the seed method's fine-tuning loss)."""
    p = predicted_B - predicted_B.mean()
    y = label_B - label_B.mean()
    correlation: Tensor = (p * y).sum() / (p.norm() * y.norm() + 1e-8)
    return (1 - correlation) / 2


def ranking_loss(
    predicted_B: Tensor, label_B: Tensor, scene_B: Tensor, *, margin: float, visible: float
) -> Tensor:
    """Hinge on pairs of one scene whose labels differ by more than `visible`; 0 when there are none.

    The wanted gap grows with the labels' gap, up to `margin`.
    """
    gap = label_B[:, None] - label_B[None, :]
    pairs = (gap > visible) & (scene_B[:, None] == scene_B[None, :])
    if not bool(pairs.any()):
        return predicted_B.sum() * 0
    lead = predicted_B[:, None] - predicted_B[None, :]
    return torch.relu(torch.clamp(gap, max=margin) - lead)[pairs].mean()


def total_loss(
    predicted_B: Tensor, logits_BK: Tensor, label_B: Tensor, target_BK: Tensor, scene_B: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Weighted sum and its parts: correlation, order inside a scene, absolute scale, distortion types."""
    parts = {
        "plcc": plcc_loss(predicted_B, label_B),
        "rank": ranking_loss(predicted_B, label_B, scene_B, margin=0.1, visible=0.02),
        "scale": nnf.smooth_l1_loss(predicted_B, label_B, beta=0.05),
        "types": nnf.binary_cross_entropy_with_logits(logits_BK, target_BK),
    }
    weights = {"plcc": 1.0, "rank": 3.0, "scale": 2.0, "types": 0.3}
    loss = sum((weights[name] * part for name, part in parts.items()), torch.zeros(()))
    return loss, {name: float(part.detach()) for name, part in parts.items()}
