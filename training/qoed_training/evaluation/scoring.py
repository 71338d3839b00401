"""What the engine says about scenes and stills, with progress lines."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qoed_engine import Engine
from qoed_engine.manifest import Calibration, Recipe
from qoed_training.data.scenes import Scene
from qoed_training.data.stills import Still, still_clips

PROGRESS_EVERY = 25
"""Scenes between two progress lines."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """A scene's K entries as the engine sees them, each averaged over its cuts.

    `raw` is `[K]`, `distortions` `[K,D]` probabilities, `unfit` `[K]` or None where the weights cannot tell.
    """

    scene: Scene
    raw: Floats
    distortions: Floats
    unfit: Floats | None = None


def score_scenes(engine: Engine, scenes: Sequence[Scene], what: str) -> Generator[str, None, list[Scored]]:
    """Score every entry of every scene; yields progress lines, returns one `Scored` a scene."""
    scored = []
    for done, scene in enumerate(scenes, 1):
        scored.append(_score(engine, scene))
        if done % PROGRESS_EVERY == 0 or done == len(scenes):
            yield f"{what}: {done}/{len(scenes)} scenes scored"
    return scored


def _score(engine: Engine, scene: Scene) -> Scored:
    entries, cuts = scene.clips.shape[:2]
    clips = np.ascontiguousarray(scene.clips).reshape(entries * cuts, *scene.clips.shape[2:])
    found = engine.infer(clips)

    def mean(values: NDArray[np.float32]) -> Floats:
        return np.asarray(values.reshape(entries, cuts, *values.shape[1:]).mean(axis=1), np.float64)

    unfit = None if found.unfit is None else mean(found.unfit)
    return Scored(scene, mean(found.raw), mean(found.distortions), unfit)


def score_stills(engine: Engine, stills: Sequence[Still], recipe: Recipe) -> Floats:
    """Raw output of every still, averaged over its cuts: `[n]`."""
    return np.array([float(engine.infer(still_clips(still, recipe)).raw.mean()) for still in stills])


def on_scale(calibration: Calibration, raw: Floats) -> Floats:
    """Raw outputs `[n]` on the 0-100 scale."""
    return np.array([calibration.to_score(float(value)) for value in raw])
