"""The trunk with the throw-away heads of pretraining: distortion, pace, projection."""

from __future__ import annotations

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from qoed_training.network.model import NetworkConfig, QualityNetwork
from qoed_training.selfsup.distortions import TYPES
from qoed_training.selfsup.losses import (
    Tasks,
    contrast_loss,
    distance_loss,
    distortion_loss,
    pace_loss,
)
from qoed_training.selfsup.pace import RATES


class PretextNetwork(nn.Module):
    """One trunk for all views (siamese) and a head for each task that is on.

    The seed does not say what the heads are: distortion and pace are one linear layer each, projection is
    SimCLR's two (Chen et al., ICML 2020) and ends on the unit sphere (see `losses`). Each begins with batch
    norm, as the network's own heads do: most of a feature is common to all clips.
    """

    def __init__(self, config: NetworkConfig, tasks: Tasks, *, projection: int) -> None:
        super().__init__()
        self.trunk = QualityNetwork(config)
        self.tasks = tasks
        width = 8 * config.fused
        if tasks.distortion:
            self.distortion = nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, len(TYPES)))
        if tasks.pace:
            self.pace = nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, len(RATES)))
        if tasks.contrast:
            self.projection = nn.Sequential(
                nn.BatchNorm1d(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, projection)
            )

    def forward(
        self, original_V: Tensor, distorted_V: Tensor | None, type_V: Tensor, pace_V: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Losses of the tasks that are on, and the share of types and paces told right.

        Clips are `uint8 [V,T,2S,S,3]`; `distorted` may be None where no task looks at it. Both go through the
        trunk together, so that its batch norms see them alike.
        """
        views = len(original_V)
        clips = original_V if distorted_V is None else torch.cat([original_V, distorted_V])
        feature = self.trunk.features(clips)
        original, distorted = feature[:views], feature[views:]
        parts: dict[str, Tensor] = {}
        right: dict[str, float] = {}
        if self.tasks.distortion:
            logits = self.distortion(original - distorted)
            parts["dis"] = distortion_loss(logits, type_V)
            right["dis_right"] = _right(logits, type_V)
        if self.tasks.pace:
            logits = self.pace(original)
            parts["pace"] = pace_loss(logits, pace_V)
            right["pace_right"] = _right(logits, pace_V)
        if self.tasks.contrast:
            z = nnf.normalize(self.projection(feature).float(), dim=1)
            parts["con_org"], parts["con_dis"] = contrast_loss(z[:views]), contrast_loss(z[views:])
            parts["distance"] = distance_loss(z[:views], z[views:])
        return parts, right


def _right(logits_VK: Tensor, label_V: Tensor) -> float:
    return float((logits_VK.detach().argmax(dim=1) == label_V).float().mean())
