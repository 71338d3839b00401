"""Views: two augmentations (crop, flip) of one sample, cut into the network's own input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_engine.preprocess import MIN_DISPLAY_HEIGHT, SCREEN_ASPECT, clip_from_frames

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
    packed = frame.to_ndarray(format="yuv420p")
    rows, columns = slice(view.top, view.top + view.height), slice(view.left, view.left + view.width)
    luma = packed[: frame.height][rows, columns]
    chroma = packed[frame.height :].reshape(2, frame.height // 2, frame.width // 2)
    chroma = chroma[:, rows.start // 2 : rows.stop // 2, columns.start // 2 : columns.stop // 2]
    pixels = np.concatenate([luma.reshape(-1), chroma.reshape(-1)]).reshape(view.height * 3 // 2, view.width)
    cropped = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
    cropped.colorspace, cropped.color_range = frame.colorspace, frame.color_range
    return cropped
