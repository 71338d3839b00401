"""Convolutions over clips shorter than their kernel: right in bfloat16 too."""

from __future__ import annotations

import pytest
import torch

from qoed_training.network.backbone import Conv3d
from qoed_training.network.model import QualityNetwork
from training_material import TINY


@pytest.mark.parametrize("kernel", [(3, 1, 1), (3, 3, 3)])
def test_bfloat16_gradients_follow_float32(kernel: tuple[int, int, int]) -> None:
    """On two frames, where oneDNN errs by orders of magnitude, autocast gives the right gradient."""
    torch.manual_seed(0)
    conv = Conv3d(128, 128, kernel, padding=tuple(size // 2 for size in kernel), bias=False)
    x, slope = torch.randn(2, 4, 128, 2, 6, 6).bfloat16().float()
    (wanted,) = torch.autograd.grad(conv(x), [conv.weight], slope)
    with torch.autocast("cpu", torch.bfloat16):
        made = conv(x)
    (found,) = torch.autograd.grad(made, [conv.weight], slope.to(made.dtype))

    assert (found - wanted).abs().max() < 0.02 * wanted.abs().max()


@pytest.mark.parametrize(("frames", "kind"), [(1, torch.float32), (2, torch.float32), (4, torch.bfloat16)])
def test_only_short_clips_leave_autocast(frames: int, kind: torch.dtype) -> None:
    """Clips as long as the kernel are computed in bfloat16, shorter ones in float32."""
    conv = Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0), bias=False)
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(torch.randn(1, 8, frames, 4, 4)).dtype == kind


def test_scores_are_finer_than_bfloat16() -> None:
    """Under autocast the two heads still answer in float32: neighbouring scores do not collapse into one."""
    torch.manual_seed(0)
    network = QualityNetwork(TINY).eval()
    clips = torch.randint(0, 256, (4, *TINY.recipe.clip_shape), dtype=torch.uint8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        raw, logits = network(clips)

    assert raw.dtype == logits.dtype == torch.float32
    assert not torch.equal(raw, raw.bfloat16().float())
