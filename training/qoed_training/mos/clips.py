"""Clips of rated videos, cut as the daemon cuts them, and kept on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_engine.preprocess import clip_from_frames
from qoed_training.atomic import replacing
from qoed_training.data.corpus import CorpusError
from qoed_training.mos.reading import frames_at, seconds
from qoed_training.mos.videos import RatedVideo

CLIPS = 4
"""Of one second each; the published videos last 8-20 s."""


def clips_of(
    video: RatedVideo, recipe: Recipe, display_height: int, *, count: int = CLIPS, cache: Path | None = None
) -> NDArray[np.uint8]:
    """`count` clips from the middles of as many equal parts of a video: `uint8 [P,T,2S,S,3]`.

    With `cache` they are kept there, and cut anew when the file or the recipe has changed. A video shorter
    than a clip repeats its last picture. Raises `CorpusError` for a file that cannot be read.
    """
    if cache is None:
        return _cut(video, recipe, display_height, count)
    kept = cache / f"{Path(video.name).name}-{_key(video, recipe, display_height, count)}.npy"
    clips = _load(kept, (count, *recipe.clip_shape))
    if clips is None:
        clips = _cut(video, recipe, display_height, count)
        _store(kept, clips)
    return clips


def moments_of(length_s: float, recipe: Recipe, count: int) -> NDArray[np.float64]:
    """When each picture of each clip is taken: seconds `[P,T]`."""
    room = max(0.0, length_s - recipe.span_s)
    starts = room * (np.arange(count) + 0.5) / count
    moments: NDArray[np.float64] = starts[:, None] + np.arange(recipe.frames) * recipe.span_s / recipe.frames
    return moments


def _cut(video: RatedVideo, recipe: Recipe, display_height: int, count: int) -> NDArray[np.uint8]:
    length = seconds(video)
    moments = moments_of(length, recipe, count)
    frames = frames_at(video, np.minimum(moments, length).reshape(-1).tolist())
    return np.stack(
        [
            clip_from_frames(
                frames[index * recipe.frames : (index + 1) * recipe.frames],
                recipe,
                display_height=display_height,
                ordinal=index,
            )
            for index in range(count)
        ]
    )


def _key(video: RatedVideo, recipe: Recipe, display_height: int, count: int) -> str:
    try:
        status = video.path.stat()
    except OSError as error:
        raise CorpusError(f"{video.path} cannot be read ({error.strerror})") from error
    text = repr((video.name, status.st_size, status.st_mtime_ns, recipe, display_height, count))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """What was kept, memory-mapped; None when there is nothing or it is damaged."""
    try:
        clips: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return clips if clips.shape == shape and clips.dtype == np.uint8 else None


def _store(path: Path, clips: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, clips)
