"""A published set as the fine-tuning loop takes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_training.finetune.rated import RatedSet
from qoed_training.mos.clips import CLIPS, clips_of
from qoed_training.mos.videos import RatedVideos


def rated_set(
    videos: RatedVideos, recipe: Recipe, display_height: int, *, count: int = CLIPS, cache: Path | None = None
) -> RatedSet:
    """Items in the order of `videos`; their clips are cut when they are asked for (and kept in `cache`)."""

    def clips(index: int) -> NDArray[np.uint8]:
        return clips_of(videos.videos[index], recipe, display_height, count=count, cache=cache)

    known = [video.distortion for video in videos.videos if video.distortion is not None]
    return RatedSet(
        name=videos.name,
        clips=clips,
        mos=np.array([video.mos for video in videos.videos], dtype=np.float64),
        contents=tuple(video.content for video in videos.videos),
        kind="MOS" if videos.higher_is_better else "DMOS",
        distortions=tuple(known) if len(known) == len(videos.videos) else (),
    )
