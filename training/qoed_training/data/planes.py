"""A `yuv420p` frame as its three planes, and back."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
from numpy.typing import NDArray

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


def planes_of(frame: av.VideoFrame) -> Planes:
    """Luma `uint8 [H,W]` and the two chroma planes `[H/2,W/2]`."""
    packed = frame.to_ndarray(format="yuv420p").astype(np.uint8, copy=False)
    height, width = frame.height, frame.width
    chroma = packed[height:].reshape(2, height // 2, width // 2)
    return packed[:height], chroma[0], chroma[1]


def frame_of(planes: Sequence[NDArray[np.uint8]], like: av.VideoFrame | None = None) -> av.VideoFrame:
    """A frame of these planes; it means its colours as `like` does."""
    height, width = planes[0].shape
    packed = np.concatenate([plane.reshape(-1) for plane in planes])
    frame = av.VideoFrame.from_ndarray(packed.reshape(height * 3 // 2, width), format="yuv420p")
    if like is not None:
        frame.colorspace, frame.color_range = like.colorspace, like.color_range
    return frame
