"""One optimisation step, the same for warm-up and training."""

from __future__ import annotations

import torch
from torch import nn

from qoed_training.data.batches import Batch
from qoed_training.losses import total_loss
from qoed_training.precision import Precision


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
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    clips, labels, targets, scenes = (
        torch.from_numpy(array).to(precision.device)
        for array in (batch.clips, batch.labels, batch.targets, batch.scenes)
    )
    with precision.autocast():
        predicted, logits = model(clips)
    # Differences of a few thousandths matter in the losses: bfloat16 would round them away.
    loss, parts = total_loss(predicted.float(), logits.float(), labels, targets, scenes)
    torch.autograd.backward(loss)
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if not bool(torch.isfinite(loss + norm)):
        raise NonFiniteLoss(
            f"loss is {float(loss.detach())}, its gradient {float(norm)}: "
            "lower the learning rate or look at the newest scenes"
        )
    optimizer.step()
    return parts
