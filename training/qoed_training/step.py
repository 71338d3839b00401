"""One optimisation step: `take_step` of warm-up and training, and `descend`, which every loop ends in."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qoed_training.data.batches import Batch
from qoed_training.losses import total_loss
from qoed_training.precision import Precision

CLIP = 1.0
"""Longest gradient of a step where training clips."""


class NonFiniteLoss(RuntimeError):  # noqa: N818 - it names the event
    """Loss or gradient is not a number; weights and checkpoint are as they were before this step."""


def take_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    rate: float,
    precision: Precision | None = None,
) -> dict[str, float]:
    """Forward, loss, backward, clipped step at learning rate `rate`; returns the parts of the loss.

    Raises `NonFiniteLoss`, before weights are touched.
    """
    precision = precision or Precision()
    clips, labels, targets, scenes = (
        torch.from_numpy(array).to(precision.device)
        for array in (batch.clips, batch.labels, batch.targets, batch.scenes)
    )
    with precision.autocast():
        predicted, logits = model(clips)
    # Differences of a few thousandths matter in the losses: bfloat16 would round them away.
    loss, parts = total_loss(predicted.float(), logits.float(), labels, targets, scenes)
    remedy = "lower the learning rate or look at the newest scenes"
    descend(loss, model, optimizer, rate=rate, clip=CLIP, remedy=remedy)
    return parts


def descend(
    loss: Tensor,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    rate: float | None = None,
    clip: float = math.inf,
    remedy: str,
) -> None:
    """Backward and step, at learning rate `rate` if given, with the gradient's norm at most `clip`.

    Raises `NonFiniteLoss`, which ends in `remedy`, before weights are touched.
    """
    if rate is not None:
        for group in optimizer.param_groups:
            group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
    if not bool(torch.isfinite(loss + norm)):
        raise NonFiniteLoss(f"loss is {float(loss.detach())}, its gradient {float(norm)}: {remedy}")
    optimizer.step()
