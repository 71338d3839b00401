"""SimAM: attention without parameters (Yang et al., ICML 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SimAM(nn.Module):
    """Weigh each position by how much it stands out in its channel; statistics over T, H and W."""

    def __init__(self, regulariser: float = 1e-4) -> None:
        super().__init__()
        self.regulariser = regulariser

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """`x * sigmoid(e)` with e = (x - mean)^2 / (4 (var + lambda)) + 0.5, eq. 5 of the paper."""
        positions = x_BCTHW.shape[2] * x_BCTHW.shape[3] * x_BCTHW.shape[4]
        deviation = (x_BCTHW - x_BCTHW.mean(dim=(2, 3, 4), keepdim=True)).square()
        variance = deviation.sum(dim=(2, 3, 4), keepdim=True) / (positions - 1)
        return x_BCTHW * torch.sigmoid(deviation / (4 * (variance + self.regulariser)) + 0.5)
