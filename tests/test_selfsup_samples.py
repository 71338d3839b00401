"""Pretext samples: distortions, pace, views, and batches that repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qoed_training.selfsup.cache import SectionCache
from qoed_training.selfsup.distortions import SEVERITIES, TYPES, distort
from qoed_training.selfsup.pace import RATES, draw_pace, pace_indices
from qoed_training.selfsup.samples import PretextBatch, PretextBatches
from qoed_training.selfsup.videos import find_videos, plan_sections
from qoed_training.selfsup.views import View, cut_view, draw_view
from training_material import FPS, HEIGHT, RECIPE, WIDTH, luma, moving, write_video


@pytest.mark.parametrize("kind", TYPES)
def test_a_distortion_grows_with_its_severity(kind: str) -> None:
    """Each type changes the pictures, more so when severer, and keeps their count, size and colours."""
    clean = moving(3)
    for frame in clean:
        frame.colorspace = 5
    errors = []
    for severity in (0, SEVERITIES // 2, SEVERITIES - 1):
        spoilt = distort(clean, kind, severity, np.random.default_rng(0), fps=FPS)
        assert [(f.width, f.height, int(f.colorspace)) for f in spoilt] == [(WIDTH, HEIGHT, 5)] * 3
        errors.append(
            np.mean([np.square(luma(a) - luma(b)).mean() for a, b in zip(clean, spoilt, strict=True)])
        )

    assert 0 < errors[0] < errors[1] < errors[2]


def test_an_unknown_distortion_is_refused() -> None:
    """A misspelt type names those that there are."""
    with pytest.raises(ValueError, match="unknown distortion 'blurr', use one of blur, contrast"):
        distort(moving(1), "blurr", 0, np.random.default_rng(0), fps=FPS)


def test_pace_takes_every_rth_frame_and_wraps_round() -> None:
    """Indices step by the rate; a clip that runs past the end goes on from the first frame."""
    assert pace_indices(20, 4, 3, 2) == [2, 5, 8, 11]
    assert pace_indices(6, 4, 4, 3) == [3, 1, 5, 3]


def test_pace_wraps_only_when_the_video_is_short() -> None:
    """With room for the slowest rate no clip wraps; all rates and all starts come up."""
    rng = np.random.default_rng(0)
    drawn = [draw_pace(14, 4, rng) for _ in range(400)]

    for indices, label in drawn:
        assert set(np.diff(indices)) == {RATES[label]}
        assert indices[-1] < 14
    assert {label for _, label in drawn} == {0, 1, 2, 3}
    assert {indices[0] for indices, label in drawn if label == 3} == {0, 1}
    assert all(max(draw_pace(5, 4, rng)[0]) < 5 for _ in range(50))


def test_a_view_lies_inside_the_picture() -> None:
    """Crops are even, inside, keep the picture's shape, and half of the views are mirrored."""
    rng = np.random.default_rng(0)
    views = [draw_view(640, 360, rng) for _ in range(200)]

    for view in views:
        assert min(view.left, view.top) >= 0
        assert view.left + view.width <= 640
        assert view.top + view.height <= 360
        assert not any(value % 2 for value in (view.left, view.top, view.width, view.height))
        assert view.width / view.height == pytest.approx(640 / 360, abs=0.02)
    assert 60 < sum(view.mirror for view in views) < 140


def test_a_view_is_the_same_in_all_frames() -> None:
    """A still picture gives a still clip in the network's own form; mirroring mirrors it."""
    frames = moving(1, width=512, height=288) * RECIPE.frames
    plain, mirrored = (
        cut_view(frames, View(32, 16, 448, 252, mirror, 7), RECIPE) for mirror in (False, True)
    )

    assert plain.shape == RECIPE.clip_shape
    np.testing.assert_array_equal(plain[0], plain[1])
    np.testing.assert_array_equal(mirrored, plain[:, :, ::-1])


def test_a_view_crops() -> None:
    """What lies outside the crop is not seen, what lies inside fills the whole view."""
    frame = moving(1, width=512, height=288)[0]
    packed = frame.to_ndarray(format="yuv420p")
    packed[:288] = 50
    packed[:144, :256] = 200
    frame = type(frame).from_ndarray(packed, format="yuv420p")
    inside = cut_view([frame] * RECIPE.frames, View(0, 0, 256, 144, False, 0), RECIPE)
    outside = cut_view([frame] * RECIPE.frames, View(256, 144, 256, 144, False, 0), RECIPE)

    assert inside.min() > 190
    assert outside.max() < 60


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(5):
        write_video(folder / f"{number}.mp4", seed=number)
    return folder


def batches(videos: Path, cache: Path, cap: int = 2**30, **changes: Any) -> PretextBatches:
    lines = find_videos(videos)
    try:
        while True:
            next(lines)
    except StopIteration as stop:
        plan = plan_sections(stop.value, sections=2, count=10, lines=72, max_fps=30, seed=1)
    kept = SectionCache(cache, cap)
    for sections in plan.values():
        list(kept.fill(sections))
    return PretextBatches(plan, kept, RECIPE, **({"size": 2, "seed": 3} | changes))


def same(a: PretextBatch, b: PretextBatch) -> bool:
    assert a.distorted is not None
    assert b.distorted is not None
    return all(
        np.array_equal(x, y)
        for x, y in (
            (a.original, b.original),
            (a.distorted, b.distorted),
            (a.types, b.types),
            (a.paces, b.paces),
        )
    )


def test_a_batch_depends_on_seed_and_step_only(videos: Path, tmp_path: Path) -> None:
    """Asked for alone, in a stream of several threads, or without a cache, a step's batch is the same."""
    made = batches(videos, tmp_path / "a")
    streamed = list(made.stream(1, 4, workers=3))

    assert len(streamed) == 3
    assert all(same(batch, made.batch(step)) for step, batch in enumerate(streamed, 1))
    assert same(batches(videos, tmp_path / "b", cap=0).batch(2), streamed[1])
    assert not same(batches(videos, tmp_path / "a", seed=4).batch(2), streamed[1])


def test_a_batch_pairs_views_and_labels(videos: Path, tmp_path: Path) -> None:
    """View i and i + N share sample, type and pace; the distorted clip is the original's own, spoilt."""
    batch = batches(videos, tmp_path).batch(0)

    assert batch.distorted is not None
    assert batch.original.shape == batch.distorted.shape == (4, *RECIPE.clip_shape)
    assert batch.types[:2].tolist() == batch.types[2:].tolist()
    assert batch.paces[:2].tolist() == batch.paces[2:].tolist()
    assert not np.array_equal(batch.original[0], batch.original[2])
    for own, original in zip(batch.distorted.astype(float), batch.original.astype(float), strict=True):
        assert 0 < np.abs(own - original).mean() < 60


def test_every_video_comes_up_once_a_round(videos: Path, tmp_path: Path) -> None:
    """Within a round no video repeats, so that no batch contrasts a video with itself."""
    made = batches(videos, tmp_path, size=2, distorted=False)
    seen: list[str] = []
    read = made._cache.read
    made._cache.read = lambda section: (seen.append(section.video.name), read(section))[1]  # type: ignore[method-assign, func-returns-value]
    for step in range(made.steps_a_round):
        assert made.batch(step).distorted is None

    assert made.steps_a_round == 2
    assert len(set(seen)) == len(seen) == 4
