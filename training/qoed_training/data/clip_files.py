"""Clips without labels: NumPy files of cut clips, and random draws from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_training.data.batches import augment
from qoed_training.data.corpus import CorpusError


def load_clips(folder: Path, recipe: Recipe) -> list[NDArray[np.uint8]]:
    """All `*.npy` of a folder as `uint8 [N,T,2S,S,3]`, left on disk. Raises `CorpusError`."""
    found = []
    for path in sorted(folder.glob("*.npy")):
        clips = np.load(path, mmap_mode="r", allow_pickle=False)
        if clips.dtype != np.uint8 or clips.shape[-4:] != recipe.clip_shape:
            raise CorpusError(
                f"{path}: {clips.dtype} {list(clips.shape)} holds no clips, wanted is uint8 "
                f"[..., {', '.join(map(str, recipe.clip_shape))}]; make it with this recipe or take it away"
            )
        found.append(clips.reshape(-1, *recipe.clip_shape))
    if not any(map(len, found)):
        raise CorpusError(f"{folder}: no clips (*.npy) to distil on")
    return found


class ClipMaker:
    """Draws clips without labels, augmented; the draw of step n depends on the seed and n only."""

    def __init__(self, clips: Sequence[NDArray[np.uint8]], recipe: Recipe, *, count: int, seed: int) -> None:
        self._clips = clips
        self._recipe = recipe
        self._count = count
        self._seed = seed
        self._ends = np.cumsum([len(array) for array in clips])

    def draw(self, step: int) -> list[NDArray[np.uint8]]:
        """So many clips `[T,2S,S,3]`; none where there are none to draw from."""
        rng = np.random.default_rng([self._seed, step])
        made = []
        for place in rng.integers(self._ends[-1], size=self._count) if self._clips else ():
            array = int(np.searchsorted(self._ends, place, side="right"))
            cells = rng.permutation(self._recipe.grid**2)
            mirror, backwards = rng.random(2) < 0.5
            clip = self._clips[array][place - self._ends[array]]
            made.append(augment(clip, self._recipe, cells, mirror=mirror, backwards=backwards))
        return made
