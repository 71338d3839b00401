"""What sampling recipes cost on one thread: cutting the clips, and a network of just what they look at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import av
import numpy as np
import torch
from torch import Tensor

from qoed_engine import preprocess
from qoed_training.network.cost import cost_of
from qoed_training.network.model import LookName, NetworkConfig, QualityNetwork
from qoed_training.network.speed import clip_ms
from qoed_training.sampling import Sampling

PICTURE = (1280, 720)
"""Coded size of the pictures on which preprocessing is timed; they are shown at their own height."""
ROUNDS = 15


@dataclass(frozen=True, slots=True)
class RecipeCost:
    """Of one decision."""

    gflop: float
    preprocess_ms: float
    network_ms: float


class OneLook(QualityNetwork):
    """The network that a recipe without one of the looks runs: the other half of the feature is zero."""

    def __init__(self, config: NetworkConfig, which: LookName) -> None:
        super().__init__(config)
        self.which = which

    def features(self, clips_BTHWC: Tensor) -> Tensor:
        """`uint8 [B,T,2S,S,3]` to `[B, 8*fused]`, from one half of the clips."""
        seen = self.look(clips_BTHWC, self.which)
        halves = [seen, torch.zeros_like(seen)]
        return torch.cat(halves if self.which == "fragments" else halves[::-1], dim=1)


def network_for(sampling: Sampling, config: NetworkConfig) -> QualityNetwork:
    """A network of the size of `config` that looks at what the recipe has, with fresh weights."""
    shape = replace(config, recipe=replace(config.recipe, frames=sampling.frames))
    whole = len(sampling.looks) > 1
    return (QualityNetwork(shape) if whole else OneLook(shape, sampling.looks[0])).eval()


def recipe_costs(config: NetworkConfig, wanted: Sequence[Sampling]) -> dict[Sampling, RecipeCost]:
    """What each recipe costs with networks of the size of `config`; measured here, with all that runs."""
    networks = {sampling.clip: network_for(sampling, config) for sampling in wanted}
    taken = clip_ms({clip.name: network for clip, network in networks.items()}, rounds=ROUNDS)
    patches_ms, view_ms = preprocess_ms(config)
    costs = {}
    for sampling in wanted:
        fragments, view = ("fragments" in sampling.looks, "view" in sampling.looks)
        # Both looks are cut from every frame; without fragments, only frames that the view shows are cut.
        pictures = sampling.frames if fragments else -(-sampling.frames // config.view_every)
        a_picture = patches_ms * fragments + view_ms * view
        costs[sampling] = RecipeCost(
            gflop=sampling.clips * cost_of(networks[sampling.clip]).flops / 1e9,
            preprocess_ms=sampling.clips * pictures * a_picture,
            network_ms=sampling.clips * taken[sampling.clip.name],
        )
    return costs


def preprocess_ms(config: NetworkConfig) -> tuple[float, float]:
    """Milliseconds that the patches and the whole view of one decoded picture take (medians)."""
    width, height = PICTURE
    noise = np.random.default_rng(0).integers(16, 235, size=(height * 3 // 2, width), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="yuv420p")
    recipe = replace(config.recipe, frames=1)
    both, view = [], []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        preprocess.clip_from_frames([frame], recipe, display_height=height, ordinal=0)
        between = time.perf_counter()
        # The engine never cuts a view alone, so it offers no call for it: this is that part of the above.
        preprocess._view(frame, recipe.side, preprocess._Colour.of(frame))
        view.append(time.perf_counter() - between)
        both.append(between - started)
    of_both, of_view = (1e3 * float(np.median(values[1:])) for values in (both, view))
    return max(0.0, of_both - of_view), of_view
