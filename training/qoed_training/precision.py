"""Where and how precisely to compute: device and autocast type of every training loop."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Precision:
    """A torch device name, and whether to compute in bfloat16 what can stand it (weights stay float32)."""

    device: str = "cpu"
    bf16: bool = False

    def autocast(self) -> AbstractContextManager[object]:
        """Context for forward passes and losses."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.bf16)


def best_precision() -> Precision:
    """A GPU where there is one; bf16 where the hardware multiplies it (AVX512_BF16 or AMX on CPUs)."""
    if torch.cuda.is_available():
        return Precision("cuda", bf16=torch.cuda.is_bf16_supported())
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return Precision("cpu", bf16=native)
