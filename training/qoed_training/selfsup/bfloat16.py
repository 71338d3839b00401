"""A way round oneDNN: on CPUs with AMX its bfloat16 weight gradients are garbage for very short clips."""

from __future__ import annotations

import torch.nn.functional as nnf
from torch import Tensor, nn


def pad_short_clips(network: nn.Module) -> None:
    """Lengthen with zeros what a `Conv3d` of `network` gets with fewer frames than its kernel, and cut again.

    Same-padded convolutions over time see zeros there anyway, so outputs stay as they are. Seen with torch
    2.13: kernel 3 in time on 2 frames, as the whole view has, gives gradients of 1e35 without an error.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1 and module.stride[0] == 1:
            module.forward = _Padded(module)  # type: ignore[assignment, method-assign]


class _Padded:
    def __init__(self, conv: nn.Conv3d) -> None:
        self._convolve = conv.forward
        self._wanted = conv.kernel_size[0]

    def __call__(self, x_BCTHW: Tensor) -> Tensor:
        frames = x_BCTHW.shape[2]
        if frames >= self._wanted:
            return self._convolve(x_BCTHW)
        longer = nnf.pad(x_BCTHW, (0, 0, 0, 0, 0, self._wanted - frames))
        return self._convolve(longer)[:, :, :frames]
