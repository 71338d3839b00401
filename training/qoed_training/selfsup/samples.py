"""Batches of pretext samples, made by threads a little ahead of training."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_training.selfsup.cache import SectionCache
from qoed_training.selfsup.distortions import SEVERITIES, TYPES, distort
from qoed_training.selfsup.pace import draw_pace
from qoed_training.selfsup.videos import Section, Video
from qoed_training.selfsup.views import cut_view, draw_view

AHEAD = 2
"""Batches in the making while one is trained on."""
_ORDER, _SAMPLE = 0, 1
"""Streams of chance: which videos, and what happens to each."""


@dataclass(frozen=True, slots=True)
class PretextBatch:
    """N samples in two views: `original` and `distorted` are `uint8 [2N,T,2S,S,3]`, view i beside i + N.

    `types` (index in `distortions.TYPES`) and `paces` (r - 1) are `int64 [2N]`. `distorted` is None where
    it was not asked for.
    """

    original: NDArray[np.uint8]
    distorted: NDArray[np.uint8] | None
    types: NDArray[np.int64]
    paces: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Sample:
    original: list[NDArray[np.uint8]]
    distorted: list[NDArray[np.uint8]]
    kind: int
    pace: int


class PretextBatches:
    """Draws `size` different videos a step; the batch of step n depends on the seed and n only.

    Every video comes up once in `steps_a_round` steps (but for a remainder that fills no batch).
    """

    def __init__(
        self,
        plan: Mapping[Video, Sequence[Section]],
        cache: SectionCache,
        recipe: Recipe,
        *,
        size: int,
        seed: int,
        distorted: bool = True,
    ) -> None:
        self._sections = list(plan.values())
        self._cache = cache
        self._recipe = recipe
        self._size = min(size, len(self._sections))
        self._seed = seed
        self._distorted = distorted
        self.steps_a_round = len(self._sections) // self._size

    def batch(self, step: int) -> PretextBatch:
        """The batch of a step, the same whenever it is asked for."""
        return self._stack([self._sample(step, place) for place in range(self._size)])

    def stream(self, first: int, last: int, *, workers: int) -> Generator[PretextBatch, None, None]:
        """The batches of steps `first` to `last` - 1, made ahead by `workers` threads."""
        pool = ThreadPoolExecutor(workers, thread_name_prefix="samples")
        coming: deque[list[Future[_Sample]]] = deque()
        try:
            for step in range(first, last + AHEAD):
                if step < last:
                    coming.append([pool.submit(self._sample, step, place) for place in range(self._size)])
                if step >= first + AHEAD:
                    yield self._stack([future.result() for future in coming.popleft()])
        finally:
            pool.shutdown(cancel_futures=True)

    def _sample(self, step: int, place: int) -> _Sample:
        turn, position = divmod(step, self.steps_a_round)
        order = np.random.default_rng([self._seed, _ORDER, turn]).permutation(len(self._sections))
        sections = self._sections[order[position * self._size + place]]
        rng = np.random.default_rng([self._seed, _SAMPLE, step, place])
        section = sections[int(rng.integers(len(sections)))]
        clip = self._cache.read(section)
        indices, pace = draw_pace(len(clip.packed), self._recipe.frames, rng)
        width, height = section.size
        views = [draw_view(width, height, rng) for _ in range(2)]
        kind, severity = int(rng.integers(len(TYPES))), int(rng.integers(SEVERITIES))
        frames = clip.frames(indices)
        original = [cut_view(frames, view, self._recipe) for view in views]
        distorted = []
        if self._distorted:
            spoilt = distort(frames, TYPES[kind], severity, rng, fps=section.fps)
            distorted = [cut_view(spoilt, view, self._recipe) for view in views]
        return _Sample(original, distorted, kind, pace)

    def _stack(self, samples: Sequence[_Sample]) -> PretextBatch:
        return PretextBatch(
            np.stack([sample.original[half] for half in range(2) for sample in samples]),
            np.stack([sample.distorted[half] for half in range(2) for sample in samples])
            if self._distorted
            else None,
            np.tile(np.array([sample.kind for sample in samples], np.int64), 2),
            np.tile(np.array([sample.pace for sample in samples], np.int64), 2),
        )
