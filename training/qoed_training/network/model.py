"""The whole network: two looks at a clip, one backbone, fusion, SimAM, Swin, one linear neuron."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from qoed_engine.manifest import Recipe
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.network.backbone import Backbone
from qoed_training.network.full_precision import full_precision
from qoed_training.network.fusion import LastStage, MultiScaleFusion
from qoed_training.network.simam import SimAM
from qoed_training.network.swin import SwinEncoder

LookName = Literal["fragments", "view"]
DETAIL_GAIN = 5.0
"""Brings what is left of a pixel after its neighbourhood's mean to about the pixels' own range."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Sizes of one variant."""

    name: str = "small"
    stem: int = 16
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (1, 2, 3, 2)
    expansion: int = 2
    fused: int = 32
    heads: int = 4
    depth: int = 2
    window: int = 3
    view_every: int = 2
    """The whole view changes slowly: it is looked at in every n-th frame only."""
    factored: bool = True
    """Convolutions 1x3x3 then 3x1x1 with a stem of two steps; False: full 3x3x3 and ResNet's own stem."""
    multi_scale: bool = True
    """Fuse C2-C5; False: C5 alone goes to SimAM and Swin (the ablation of the multi-scale module)."""
    recipe: Recipe = field(default_factory=Recipe)

    @property
    def view_frames(self) -> int:
        """Frames of the whole view that a clip holds and the network looks at."""
        return -(-self.recipe.frames // self.view_every)


SMALL = NetworkConfig()
BASE = NetworkConfig(
    name="base",
    stem=64,
    widths=(256, 512, 1024, 2048),
    blocks=(3, 4, 6, 3),
    expansion=4,
    fused=256,
    heads=32,
    factored=False,
)
"""The paper's network: 3D ResNet-50; one width for all scales as in FPN, 32 channels a head as in Swin."""
SIZES: dict[str, NetworkConfig] = {config.name: config for config in (SMALL, BASE)}


def make_backbone(config: NetworkConfig) -> Backbone:
    """The backbone of a variant, with fresh weights."""
    return Backbone(config.stem, config.widths, config.blocks, config.expansion, factored=config.factored)


class Look(nn.Module):
    """Backbone features of one square of the clip to one vector: fusion, SimAM, Swin encoder."""

    def __init__(self, config: NetworkConfig, frames: int) -> None:
        super().__init__()
        self.fusion: nn.Module = (
            MultiScaleFusion(config.widths, config.fused)
            if config.multi_scale
            else LastStage(config.widths, 4 * config.fused)
        )
        self.simam = SimAM()
        self.encoder = SwinEncoder(
            4 * config.fused,
            heads=config.heads,
            depth=config.depth,
            frames=frames,
            size=config.recipe.side // 32,
            window=config.window,
        )

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Four maps to `[B, 4*fused]`."""
        feature: Tensor = self.encoder(self.simam(self.fusion(maps)))
        return feature


class QualityNetwork(nn.Module):
    """`uint8 [B,T,2S,S,3]` clips to raw quality `[B]` and distortion logits `[B,K]`.

    Raw quality is about 0-1, higher is better. Fragments and whole view share the backbone; a learned offset
    after normalisation tells them apart.
    """

    def __init__(self, config: NetworkConfig = SMALL) -> None:
        super().__init__()
        self.config = config
        self.backbone = make_backbone(config)
        self.fragments = Look(config, config.recipe.frames)
        self.view = Look(config, config.view_frames)
        self.kind = nn.Parameter(torch.zeros(2, 6))
        # Most of what the encoder gives is common to all clips; centring it leaves what tells them apart.
        self.neck = nn.BatchNorm1d(8 * config.fused)
        self.quality = nn.Linear(8 * config.fused, 1)
        self.distortions = nn.Linear(8 * config.fused, len(DISTORTIONS))
        # Start at a middling score for everything, so that early steps go into telling clips apart.
        nn.init.constant_(self.quality.bias, 0.5)
        nn.init.normal_(self.quality.weight, std=0.01)

    def features(self, clips_BTHWC: Tensor) -> Tensor:
        """`uint8 [B,T,2S,S,3]` to the feature that both heads read, `[B, 8*fused]`."""
        return torch.cat([self.look(clips_BTHWC, "fragments"), self.look(clips_BTHWC, "view")], dim=1)

    def look(self, clips_BTHWC: Tensor, which: LookName) -> Tensor:
        """One half of the feature, `[B, 4*fused]`, from one half of the clips."""
        side, x = self.config.recipe.side, clips_BTHWC.permute(0, 4, 1, 2, 3)
        whole = which == "view"
        x = x[:, :, :: self.config.view_every, side:] if whole else x[:, :, :, :side]
        x = with_detail(x.to(self.kind.dtype) / 127.5 - 1.0) + self.kind[int(whole)].reshape(1, 6, 1, 1, 1)
        encoder = self.view if whole else self.fragments
        feature: Tensor = encoder(self.backbone(x))
        return feature

    def forward(self, clips_BTHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Raw quality `[B]` and distortion logits `[B,K]`."""
        feature = self.features(clips_BTHWC)
        # bfloat16 has no room for differences of a thousandth, which is what neighbouring CRFs differ by.
        with full_precision(feature):
            feature = self.neck(feature.float())
            return self.quality(feature)[:, 0], self.distortions(feature)


def with_detail(x_B3THW: Tensor) -> Tensor:
    """Add what each pixel differs by from its 5x5 neighbourhood, amplified: `[B,6,T,H,W]`.

    Distortions live in fine detail (the local normalisation of Mittal et al., TIP 2012, rests on it); offered
    ready-made, a network without pretraining finds them in far fewer steps.
    """
    mean = nnf.avg_pool3d(x_B3THW, (1, 5, 5), stride=1, padding=(0, 2, 2), count_include_pad=False)
    return torch.cat([x_B3THW, DETAIL_GAIN * (x_B3THW - mean)], dim=1)
