"""The moving average of weights: what training ships."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def average_of(model: nn.Module) -> dict[str, Tensor]:
    """The average before the first step: copies of all weights and buffers."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def update_average(average: dict[str, Tensor], model: nn.Module, *, step: int, decay: float) -> None:
    """Take in the weights after step `step` (from 0); early steps decay faster than `decay`."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                average[name].lerp_(value, 1 - decay)
            else:
                average[name].copy_(value)
