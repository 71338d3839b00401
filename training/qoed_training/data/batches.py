"""Random batches of clips from scenes, augmented without touching quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_training.data.corpus import CorpusError
from qoed_training.data.opinion import OpinionMap
from qoed_training.data.scenes import Scene

STILL_SHARE = 0.2
"""Of the clips, shown as one frozen frame: stills, and what a probe sees that decodes key frames only."""
SWAP_SHARE = 0.3
"""Of the scenes, shown with red and blue swapped: colour tells contents apart, not their quality."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`clips` uint8 `[B,T,2S,S,3]`, `labels` 0-1 `[B]`, `targets` `[B,K]`, `scenes` index `[B]`."""

    clips: NDArray[np.uint8]
    labels: NDArray[np.float32]
    targets: NDArray[np.float32]
    scenes: NDArray[np.int64]


class BatchMaker:
    """Draws `scenes` scenes x `variants` degradations; the batch of step n depends on the seed and n only."""

    def __init__(
        self,
        scenes: Sequence[Scene],
        opinion: OpinionMap,
        recipe: Recipe,
        *,
        scenes_a_batch: int,
        variants: int,
        seed: int,
    ) -> None:
        if not scenes:
            raise CorpusError("no scenes to train on: run qoed-train scenes first")
        self._scenes = scenes
        self._labels = [opinion.label(scene) / 100.0 for scene in scenes]
        self._recipe = recipe
        self._count = scenes_a_batch
        self._variants = variants
        self._seed = seed

    def batch(self, step: int) -> Batch:
        """The batch of a step, the same whenever it is asked for."""
        rng = np.random.default_rng([self._seed, step])
        clips, labels, targets, numbers = [], [], [], []
        for number in rng.choice(len(self._scenes), size=min(self._count, len(self._scenes)), replace=False):
            scene = self._scenes[number]
            entries = rng.choice(
                len(scene.labels), size=min(self._variants, len(scene.labels)), replace=False
            )
            cut = int(rng.integers(scene.clips.shape[1]))
            cells = rng.permutation(self._recipe.grid**2)
            mirror, backwards = rng.random(2) < 0.5
            swapped = rng.random() < SWAP_SHARE
            for entry in entries:
                clip = scene.clips[entry, cut]
                # One frame of a clip with holds or losses would carry a label that nothing in it shows.
                steady = scene.shown_share[entry] == 1.0 and "loss" not in scene.plans[entry]
                if steady and rng.random() < STILL_SHARE:
                    clip = np.repeat(clip[int(rng.integers(len(clip)))][None], len(clip), axis=0)
                clip = augment(clip, self._recipe, cells, mirror=mirror, backwards=backwards)
                clips.append(clip[..., ::-1] if swapped else clip)
                labels.append(self._labels[number][entry])
                targets.append(scene.targets[entry])
                numbers.append(number)
        return Batch(
            np.stack(clips),
            np.array(labels, np.float32),
            np.array(targets, np.float32),
            np.array(numbers, np.int64),
        )


def augment(
    clip: NDArray[np.uint8], recipe: Recipe, cells: NDArray[np.int64], *, mirror: bool, backwards: bool
) -> NDArray[np.uint8]:
    """Shuffle the patches (alike in all frames), mirror, play backwards: quality stays as it is."""
    grid, patch, side = recipe.grid, recipe.patch, recipe.side
    tiles = clip[:, :side].reshape(-1, grid, patch, grid, patch, 3).transpose(0, 1, 3, 2, 4, 5)
    tiles = tiles.reshape(-1, grid * grid, patch, patch, 3)[:, cells]
    tiles = tiles.reshape(-1, grid, grid, patch, patch, 3).transpose(0, 1, 3, 2, 4, 5)
    out = np.concatenate([tiles.reshape(-1, side, side, 3), clip[:, side:]], axis=1)
    if mirror:
        out = out[:, :, ::-1]
    return out[::-1] if backwards else out
