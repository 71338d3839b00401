"""The quality network: sizes, and each module against a slow or independent reference."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as nnf

from qoed_engine.manifest import canary_clips
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.losses import total_loss
from qoed_training.network import model
from qoed_training.network.backbone import Backbone
from qoed_training.network.fusion import MultiScaleFusion
from qoed_training.network.model import SMALL, QualityNetwork, with_detail
from qoed_training.network.simam import SimAM
from qoed_training.network.swin import SwinBlock
from training_material import RECIPE, TINY


@pytest.fixture(autouse=True)
def repeatable() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def clips(count: int) -> torch.Tensor:
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.integers(0, 256, size=(count, *RECIPE.clip_shape), dtype=np.uint8))


def scramble(module: torch.nn.Module) -> None:
    """Away from the starting values, under which mistakes may hide."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.5)


def test_every_clip_gets_one_quality_and_one_logit_a_distortion() -> None:
    """Clips of any batch give one raw quality each and a logit for every distortion."""
    raw, logits = QualityNetwork(TINY)(clips(3))

    assert raw.shape == (3,)
    assert logits.shape == (3, len(DISTORTIONS))


def test_the_small_variant_is_small() -> None:
    """The variant that is shipped for CPUs stays under two million parameters."""
    assert 5e5 < sum(parameter.numel() for parameter in QualityNetwork(SMALL).parameters()) < 2e6


def test_the_small_variant_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options for other variants leave small's weights, their order, random stream and answers alone."""
    monkeypatch.setattr(model, "DISTORTIONS", ("any",) * 7)  # as many as when the figures below were taken
    torch.manual_seed(7)
    network = QualityNetwork(SMALL).eval()
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        if name != "quality.weight":  # drawn from a normal: its last bits differ from CPU to CPU
            digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode() + value.numpy().tobytes())
    with torch.no_grad():
        raw, logits = network(torch.from_numpy(canary_clips(SMALL.recipe, 5, 2)))

    assert digest.hexdigest() == "4def80e961bb5d9dcff29f3c9e4f7a75487d6b2b2ac730b2cb2807db93c70360"
    assert float(network.quality.weight.detach().sum()) == pytest.approx(0.2080267, abs=1e-5)
    np.testing.assert_allclose(raw.numpy(), [0.5700480, 0.5993010], atol=1e-4)
    np.testing.assert_allclose(logits[0, :4].numpy(), [0.561513, 1.081504, 0.470806, -0.436247], atol=1e-4)


def test_a_clip_scores_alike_whatever_it_is_batched_with() -> None:
    """Once trained, the score of a clip does not depend on its batch."""
    network, batch = QualityNetwork(TINY).eval(), clips(3)
    with torch.no_grad():
        together = network(batch)[0]
        alone = torch.cat([network(batch[index : index + 1])[0] for index in range(3)])

    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_learning_reaches_every_weight() -> None:
    """No part of the network is cut off from the loss, but its last offset, to which correlation is blind."""
    network = QualityNetwork(TINY)
    raw, logits = network(clips(4))
    labels, targets = torch.tensor([0.1, 0.9, 0.4, 0.7]), torch.eye(4, len(DISTORTIONS))
    loss, _ = total_loss(raw, logits, labels, targets, torch.zeros(4))
    torch.autograd.backward(loss)

    cut_off = [
        name
        for name, parameter in network.named_parameters()
        if name != "quality.bias"  # zero up to rounding, which differs from CPU to CPU
        and (parameter.grad is None or not parameter.grad.abs().sum() > 0)
    ]
    assert not cut_off


def test_the_backbone_gives_maps_at_strides_4_to_32() -> None:
    """Four maps at strides 4, 8, 16 and 32 come out, and time keeps its length."""
    widths = (8, 16, 24, 32)
    maps = Backbone(4, widths, (1, 2, 1, 1), 2)(torch.zeros(2, 6, 3, 96, 64))

    assert [tuple(m.shape) for m in maps] == [
        (2, width, 3, 96 // stride, 64 // stride)
        for width, stride in zip(widths, (4, 8, 16, 32), strict=True)
    ]


def test_fusion_is_a_pyramid_pooled_to_the_coarsest_map() -> None:
    """Fusion equals lateral convolutions, top-down sums and adaptive average pooling, concatenated."""
    widths, sides = (3, 5, 7, 9), (24, 12, 6, 3)
    fusion = MultiScaleFusion(widths, 4)
    maps = [torch.randn(2, width, 2, side, side) for width, side in zip(widths, sides, strict=True)]
    levels = [lateral(x) for lateral, x in zip(fusion.lateral, maps, strict=True)]
    for index in (2, 1, 0):
        above = levels[index + 1].repeat_interleave(2, dim=3).repeat_interleave(2, dim=4)
        levels[index] = levels[index] + above
    wanted = torch.cat([nnf.adaptive_avg_pool3d(level, (2, 3, 3)) for level in levels], dim=1)

    torch.testing.assert_close(fusion(maps), wanted)


def test_simam_is_equation_5_of_its_paper() -> None:
    """SimAM weighs each position by its energy, as a loop over all positions computes it."""
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 4, 5))
    wanted = np.empty_like(x)
    for clip, channel in itertools.product(range(2), range(3)):
        values = x[clip, channel]
        mean, count = values.sum() / values.size, values.size
        variance = sum((value - mean) ** 2 for value in values.flat) / (count - 1)
        for place in np.ndindex(values.shape):
            energy = (values[place] - mean) ** 2 / (4 * (variance + 1e-4)) + 0.5
            wanted[clip, channel][place] = values[place] / (1 + np.exp(-energy))

    np.testing.assert_allclose(SimAM()(torch.from_numpy(x)).numpy(), wanted, rtol=1e-10)


@pytest.mark.parametrize("shifted", [False, True])
def test_attention_stays_inside_its_windows(shifted: bool) -> None:
    """A token tells all tokens of its window something and no other, across the cyclic shift neither."""
    size, window, shift = 6, 3, 1 if shifted else 0
    block = SwinBlock(8, 2, 2, size, window, shifted=shifted)
    scramble(block)
    x = torch.randn(1, 2, size, size, 8)
    places = list(itertools.product(range(size), repeat=2))
    touched = x.repeat(len(places), 1, 1, 1, 1)
    for number, (row, column) in enumerate(places):
        touched[number, 0, row, column] += torch.randn(8)
    with torch.no_grad():
        changed = (block(touched) - block(x)).abs().amax(dim=4) > 1e-6

    def tile(row: int, column: int) -> tuple[int, ...]:
        """Window after the shift, and on which side of the seam."""
        return tuple(
            part for place in (row, column) for part in ((place - shift) % size // window, place < shift)
        )

    wanted = [[[tile(*a) == tile(r, c) for c in range(size)] for r in range(size)] for a in places]
    for frame in range(2):
        np.testing.assert_array_equal(changed[:, frame].numpy(), np.array(wanted))


def test_windows_that_do_not_fit_the_map_are_refused() -> None:
    """A map that windows cannot tile ends in an error that names both sizes."""
    with pytest.raises(ValueError, match="map side 5 is no multiple of the window 3"):
        SwinBlock(8, 2, 2, 5, 3, shifted=False)


def test_detail_is_what_a_pixel_differs_by_from_its_neighbours() -> None:
    """The detail planes are zero on flat ground, at the border too, and follow fine texture."""
    flat, fine = torch.full((1, 3, 2, 16, 16), 0.3), torch.randn(1, 3, 2, 16, 16)

    assert with_detail(flat).shape == (1, 6, 2, 16, 16)
    assert with_detail(flat)[:, 3:].abs().max() < 1e-5
    mean = nnf.avg_pool2d(fine[0, :, 0], 5, stride=1)
    torch.testing.assert_close(
        with_detail(fine)[0, 3:, 0, 2:-2, 2:-2], 5 * (fine[0, :, 0, 2:-2, 2:-2] - mean)
    )
