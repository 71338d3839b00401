"""Scenes standing in for a rated set: their full-reference opinion for MOS, their production for content."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_training.data.corpus import CorpusError
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.data.opinion import OpinionMap, load_opinion
from qoed_training.data.scenes import Scene, load_scenes
from qoed_training.finetune.rated import RatedSet

NAME = "surrogate"


def rated_scenes(
    scenes: Sequence[Scene], opinion: OpinionMap, recipe: Recipe, *, limit: int | None = None
) -> RatedSet:
    """Every degradation of every scene as one item, cut for `recipe`; at most `limit` scenes.

    A limit takes from all productions in turn. The labels come from full-reference measures scaled to
    opinion (`OpinionMap.label`, 0-100), no person has rated these clips. Raises `CorpusError` without
    scenes, and where they hold fewer pixels than the recipe wants.
    """
    used = spread_over_groups(scenes, limit)
    if not used:
        raise CorpusError("no scenes to fine-tune on: run qoed-train scenes first")
    for scene in used:
        _check(scene, recipe)
    entries = [(scene, entry) for scene in used for entry in range(len(scene.labels))]

    def clips(item: int) -> NDArray[np.uint8]:
        scene, entry = entries[item]
        return recut(scene.clips[entry], recipe)

    return RatedSet(
        name=NAME,
        clips=clips,
        mos=np.concatenate([opinion.label(scene) for scene in used]),
        contents=tuple(scene.group for scene, _ in entries),
        distortions=tuple(_distortion(scene, entry) for scene, entry in entries),
    )


def load_surrogate(work: Path, recipe: Recipe, limit: int | None) -> RatedSet:
    """The scenes of a work folder as a rated set. Raises `CorpusError`."""
    return rated_scenes(
        load_scenes(work / "scenes"), load_opinion(work / "opinion.json"), recipe, limit=limit
    )


def spread_over_groups(scenes: Sequence[Scene], limit: int | None) -> list[Scene]:
    """`limit` scenes, one of each production in turn; within a production videos take turns too."""
    by_group: dict[str, dict[str, list[Scene]]] = {}
    for scene in sorted(scenes, key=lambda scene: scene.name):
        video = scene.name.rpartition("-")[0]
        by_group.setdefault(scene.group, {}).setdefault(video, []).append(scene)
    turns = [_in_turn(list(videos.values())) for _, videos in sorted(by_group.items())]
    return _in_turn(turns)[:limit]


def _in_turn(columns: Sequence[Sequence[Scene]]) -> list[Scene]:
    return [scene for row in zip_longest(*columns) for scene in row if scene is not None]


def _distortion(scene: Scene, entry: int) -> str:
    present = [DISTORTIONS[index] for index in np.flatnonzero(scene.targets[entry])]
    return present[0] if len(present) == 1 else "several" if present else "none"


def recut(clips_PTHWC: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.uint8]:
    """Clips `[P,T,2S,S,3]` of a larger recipe cut for a smaller one, `[P,t,2s,s,3]`.

    Fragments keep their native pixels: the top-left patches. The view is shrunk by area means of whole
    pixels, frames are thinned evenly.
    """
    side, small = clips_PTHWC.shape[3], recipe.side
    frames = clips_PTHWC[:, :: clips_PTHWC.shape[1] // recipe.frames]
    if side == small:
        return frames
    fragments, view = frames[:, :, :small, :small], frames[:, :, side:]
    factor = side // small
    tiles = view.reshape(*view.shape[:2], small, factor, small, factor, 3)
    means = (tiles.sum(axis=(3, 5), dtype=np.uint16) + factor**2 // 2) // factor**2
    return np.concatenate([fragments, means.astype(np.uint8)], axis=2)


def _check(scene: Scene, recipe: Recipe) -> None:
    _, _, frames, _, side, _ = scene.clips.shape
    if side % recipe.side or frames % recipe.frames:
        raise CorpusError(
            f"scene {scene.name} holds clips of {frames} frames and {side} pixels: they do not divide into "
            f"{recipe.frames} frames and {recipe.side} pixels; choose another --network or make scenes anew"
        )
