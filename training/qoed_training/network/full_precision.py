"""Parts of a network that must not be computed in bfloat16, whatever autocast says."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Context without autocast for the device of `x`; nothing at all where none is on, as in an export."""
    # The meta device, on which costs are counted, knows no autocast.
    if not x.is_meta and torch.is_autocast_enabled(x.device.type):
        return torch.autocast(x.device.type, enabled=False)
    return nullcontext()
