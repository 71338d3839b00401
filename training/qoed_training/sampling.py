"""Sampling recipes: the looks, frames and clips that a decision rests on, and clips with frames left out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qoed_training.network.model import LookName, NetworkConfig

LOOKS: tuple[tuple[LookName, ...], ...] = (("fragments",), ("view",), ("fragments", "view"))
FRAMES = (1, 2, 4)
CLIPS = (1, 2)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is looked at for one decision: which looks, frames a clip, clips whose raw score is averaged."""

    looks: tuple[LookName, ...]
    frames: int
    clips: int

    @property
    def name(self) -> str:
        """As lines and charts call it: `fragments+view 4x2`, frames by clips."""
        return f"{'+'.join(self.looks)} {self.frames}x{self.clips}"

    @property
    def clip(self) -> Sampling:
        """The same for a single clip."""
        return replace(self, clips=1)


def samplings(config: NetworkConfig, cuts: int) -> list[Sampling]:
    """All recipes that clips of `config` and scenes with `cuts` cuts can stand for.

    The whole view alone comes with one clip: in a second one of the same frames it would see nothing new.
    """
    frames = [count for count in FRAMES if config.recipe.frames % count == 0]
    return [
        Sampling(looks, count, clips)
        for looks, count, clips in itertools.product(LOOKS, frames, CLIPS)
        if clips <= cuts and (clips == 1 or "fragments" in looks)
    ]


def fewer_frames(clips_BTHWC: NDArray[np.uint8], frames: int, config: NetworkConfig) -> NDArray[np.uint8]:
    """Clips with repeats in place of the frames that a recipe of `frames` skips; the same shape.

    Those it keeps are evenly spread, and the view shows every `view_every`-th of them, as in a network made
    for so many frames.
    """
    side, total = config.recipe.side, config.recipe.frames
    kept = np.arange(frames) * (total // frames)
    viewed = _spread(kept[:: config.view_every], config.view_frames)
    made = np.empty_like(clips_BTHWC)
    made[:, :, :side] = clips_BTHWC[:, _spread(kept, total), :side]
    made[:, :, side:] = clips_BTHWC[:, np.repeat(viewed, config.view_every)[:total], side:]
    return made


def _spread(kept: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    return kept[np.arange(total) * len(kept) // total]
