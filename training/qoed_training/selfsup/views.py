"""Views: two augmentations (crop, flip) of one sample, cut into the network's own input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_engine.preprocess import MIN_DISPLAY_HEIGHT, SCREEN_ASPECT, clip_from_frames
from qoed_training.data.planes import frame_of, planes_of

CROP_SHARE = (0.7, 1.0)
"""Width and height of a crop: smaller ones of 360 lines would have to be enlarged for the network."""
ORDINALS = 1000


@dataclass(frozen=True, slots=True)
class View:
    """What is done to all frames of a sample: crop in even pixels, mirror, places of the fragments."""

    left: int
    top: int
    width: int
    height: int
    mirror: bool
    ordinal: int


def draw_view(width: int, height: int, rng: np.random.Generator) -> View:
    """A random view of pictures of `width` x `height`; the crop keeps their shape."""
    share = rng.uniform(*CROP_SHARE)
    crop_width, crop_height = (max(2, 2 * int(size * share / 2)) for size in (width, height))
    return View(
        left=2 * int(rng.integers((width - crop_width) // 2 + 1)),
        top=2 * int(rng.integers((height - crop_height) // 2 + 1)),
        width=crop_width,
        height=crop_height,
        mirror=bool(rng.random() < 0.5),
        ordinal=int(rng.integers(ORDINALS)),
    )


def cut_view(frames: Sequence[av.VideoFrame], view: View, recipe: Recipe) -> NDArray[np.uint8]:
    """One view of `yuv420p` frames as a clip, `uint8 [T,2S,S,3]`, at the frames' own scale.

    The same view of an original and of its distorted version shows the same places.
    """
    shown = max(MIN_DISPLAY_HEIGHT, view.height, round(view.width / SCREEN_ASPECT))
    cropped = [_crop(frame, view) for frame in frames]
    clip = clip_from_frames(cropped, recipe, display_height=shown, ordinal=view.ordinal)
    return np.ascontiguousarray(clip[:, :, ::-1]) if view.mirror else clip


def _crop(frame: av.VideoFrame, view: View) -> av.VideoFrame:
    windows = []
    for plane, half in zip(planes_of(frame), (1, 2, 2), strict=True):
        top, left = view.top // half, view.left // half
        windows.append(plane[top : top + view.height // half, left : left + view.width // half])
    return frame_of(windows, like=frame)
