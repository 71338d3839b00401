"""Multi-scale spatio-temporal fusion: lateral 1x1, top-down add, pool all to the coarsest, concatenate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn


class MultiScaleFusion(nn.Module):
    """Feature pyramid (Lin et al., CVPR 2017) over C2-C5, pooled to C5's size: `[B, 4*width, T, H5, W5]`."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv3d(inputs, width, 1) for inputs in widths)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps finest first, each half the size of the one before."""
        fused = [lateral(x) for lateral, x in zip(self.lateral, maps, strict=True)]
        for index in range(len(fused) - 2, -1, -1):
            fused[index] = fused[index] + nnf.interpolate(
                fused[index + 1], scale_factor=(1, 2, 2), mode="nearest"
            )
        coarsest = len(fused) - 1
        pooled = [
            # Fixed kernels are adaptive average pooling at our sizes, and export cleanly.
            nnf.avg_pool3d(x, (1, 2 ** (coarsest - index), 2 ** (coarsest - index)))
            if index < coarsest
            else x
            for index, x in enumerate(fused)
        ]
        return torch.cat(pooled, dim=1)


class LastStage(nn.Module):
    """In place of fusion in the module ablation: C5 alone, 1x1 to the same `[B, outputs, T, H5, W5]`."""

    def __init__(self, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.lateral = nn.Conv3d(widths[-1], outputs, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps finest first; all but the last are left aside."""
        out: Tensor = self.lateral(maps[-1])
        return out
