"""Batches: repeatable, and augmented without touching quality."""

from __future__ import annotations

import numpy as np
import pytest

from qoed_engine.manifest import Recipe
from qoed_training.data.batches import BatchMaker, augment
from qoed_training.data.corpus import CorpusError
from qoed_training.warmup import WarmupConfig, crop_batch
from training_material import OPINION, RECIPE, TINY, made_scene

SCENES = [made_scene(number) for number in range(4)]


def maker(*, seed: int = 3) -> BatchMaker:
    return BatchMaker(SCENES, OPINION, RECIPE, scenes_a_batch=3, variants=4, seed=seed)


def patches(clip: np.ndarray, recipe: Recipe) -> list[bytes]:
    """Every patch of every frame, mirrored the way that sorts first, in no order."""
    found = []
    for frame in clip[:, : recipe.side]:
        for row in range(0, recipe.side, recipe.patch):
            for column in range(0, recipe.side, recipe.patch):
                patch = frame[row : row + recipe.patch, column : column + recipe.patch]
                found.append(min(patch.tobytes(), patch[:, ::-1].tobytes()))
    return sorted(found)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_augmenting_keeps_every_patch(mirror: bool, backwards: bool) -> None:
    """Shuffling, mirroring and playing backwards lose and invent no patch, and the view stays one picture."""
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 256, RECIPE.clip_shape, dtype=np.uint8)
    cells = rng.permutation(RECIPE.grid**2)
    made = augment(clip, RECIPE, cells, mirror=mirror, backwards=backwards)
    view = made[:, RECIPE.side :]
    view = view[::-1] if backwards else view

    assert patches(made, RECIPE) == patches(clip, RECIPE)
    np.testing.assert_array_equal(view[:, :, ::-1] if mirror else view, clip[:, RECIPE.side :])


def test_patches_move_alike_in_all_frames() -> None:
    """A patch keeps its place over time: what moves in it still moves."""
    side, patch = RECIPE.side, RECIPE.patch
    clip = np.zeros(RECIPE.clip_shape, np.uint8)
    for cell in range(RECIPE.grid**2):
        row, column = divmod(cell, RECIPE.grid)
        clip[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] = cell
    made = augment(clip, RECIPE, np.arange(RECIPE.grid**2)[::-1], mirror=False, backwards=False)

    np.testing.assert_array_equal(made[0], made[1])
    assert made[0, 0, 0, 0] == RECIPE.grid**2 - 1
    assert made[0, side - 1, side - 1, 0] == 0


def test_a_batch_depends_on_seed_and_step_only() -> None:
    """The batch of a step is the same whenever it is asked for, and differs from other steps and seeds."""
    first, again, other, reseeded = (
        maker().batch(5),
        maker().batch(5),
        maker().batch(6),
        maker(seed=4).batch(5),
    )

    np.testing.assert_array_equal(first.clips, again.clips)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.array_equal(first.clips, other.clips)
    assert not np.array_equal(first.clips, reseeded.clips)


def test_a_batch_says_what_its_clips_are() -> None:
    """Labels (0-1), targets and scene numbers belong to the clips beside them."""
    batch = maker().batch(0)

    assert batch.clips.shape == (12, *RECIPE.clip_shape)
    assert [(batch.scenes == number).sum() for number in np.unique(batch.scenes)] == [4, 4, 4]
    for clip, label, number in zip(batch.clips, batch.labels, batch.scenes, strict=True):
        scene = SCENES[number]
        wanted = patches(clip[:1], RECIPE)
        (entry,) = {
            entry
            for entry in range(len(scene.labels))
            for cut in scene.clips[entry]
            for frame in cut
            if wanted in (patches(frame[None], RECIPE), patches(frame[None, ..., ::-1], RECIPE))
        }
        assert label == pytest.approx(OPINION.label(scene)[entry] / 100)


def test_crops_of_all_degradations_come_from_one_place() -> None:
    """A warm-up batch holds the same crop of every degradation of a scene, and repeats for its step."""
    labels = [OPINION.label(scene) / 100 for scene in SCENES]
    config = WarmupConfig(scenes_a_batch=2, crops=2)
    batch, again = (crop_batch(SCENES, labels, TINY, config, 3) for _ in range(2))

    assert batch.clips.shape == (2 * 2 * 5, 96, 96, 3)
    assert batch.scenes.tolist() == [place for place in range(4) for _ in range(5)]
    np.testing.assert_array_equal(batch.clips, again.clips)
    for place in range(4):
        crops = batch.clips[batch.scenes == place].astype(float)
        # Ever more noise on one and the same picture.
        distances = [np.abs(crop - crops[0]).mean() for crop in crops]
        assert distances == sorted(distances)


def test_nothing_to_train_on_is_said_so() -> None:
    """Without scenes of the training split there is one clear line with the remedy."""
    with pytest.raises(CorpusError, match="no scenes to train on: run qoed-train scenes first"):
        BatchMaker([], OPINION, RECIPE, scenes_a_batch=1, variants=1, seed=0)
