"""Where and how precisely to compute: device and autocast type of every training loop."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated

import torch
import typer

Device = Annotated[str | None, typer.Option(help="cpu or cuda; else a GPU where there is one.")]
Bf16 = Annotated[
    bool | None, typer.Option("--bf16/--no-bf16", help="Compute in bfloat16; else where the hardware does.")
]
"""Options of commands that train."""


@dataclass(frozen=True, slots=True)
class Precision:
    """A torch device name, and whether to compute in bfloat16 what can stand it (weights stay float32)."""

    device: str = "cpu"
    bf16: bool = False

    def autocast(self) -> AbstractContextManager[object]:
        """Context for forward passes and losses."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.bf16)


def best_precision(device: str | None = None, bf16: bool | None = None) -> Precision:
    """What is asked for; else a GPU where there is one, bf16 where the hardware multiplies it.

    On CPUs that is AVX512_BF16 or AMX. Raises `typer.BadParameter` for a device that is not there.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise typer.BadParameter(f"unknown device {device!r}, use cpu or cuda") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise typer.BadParameter("this torch finds no GPU, use --device cpu")
    if bf16 is None and kind == "cuda":
        bf16 = torch.cuda.is_bf16_supported()
    elif bf16 is None:
        bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return Precision(device, bf16=bf16)
