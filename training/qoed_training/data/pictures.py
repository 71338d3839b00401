"""Distortions of pictures and of time, on `yuv420p` frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from scipy import ndimage

from qoed_training.data.planes import frame_of, planes_of

Frames = Sequence[av.VideoFrame]
Plane = NDArray[np.float32]
BLUR_SIGMA = (0.6, 1.0, 1.6, 2.5, 4.0)
NOISE_SIGMA = (3.0, 6.0, 12.0, 20.0, 32.0)
MOTION_LENGTH = (3, 5, 9, 15, 23)
CONTRAST_GAIN = (0.85, 0.7, 0.55, 0.4, 0.25)
BANDING_STEP = (5.0, 8.0, 12.0, 18.0, 28.0)
SHARPEN_AMOUNT = (0.6, 1.2, 2.2, 3.5, 6.0)
"""Five severities each, mildest first."""
SHARPEN_SIGMA = 1.4


def resize(
    frames: Frames, width: int, height: int, kernel: Interpolation = Interpolation.BICUBIC
) -> list[av.VideoFrame]:
    """Scale every frame with swscale."""
    reformatter = VideoReformatter()
    return [
        reformatter.reformat(frame, width=width, height=height, format="yuv420p", interpolation=kernel)
        for frame in frames
    ]


def blur(frames: Frames, severity: int) -> list[av.VideoFrame]:
    """Gaussian blur of luma and chroma."""
    sigma = BLUR_SIGMA[severity]
    return [
        _map(frame, lambda p, half: ndimage.gaussian_filter(p, sigma / (2 if half else 1)))
        for frame in frames
    ]


def noise(frames: Frames, severity: int, rng: np.random.Generator) -> list[av.VideoFrame]:
    """White Gaussian noise, fresh in every frame; half as strong in chroma."""
    sigma = NOISE_SIGMA[severity]
    return [
        _map(frame, lambda p, half: p + rng.normal(0, sigma / (2 if half else 1), p.shape).astype(np.float32))
        for frame in frames
    ]


def motion_blur(frames: Frames, severity: int, angle_deg: float) -> list[av.VideoFrame]:
    """Linear motion blur of a fixed length and direction."""
    kernel = _line(MOTION_LENGTH[severity], angle_deg)
    small = _line(MOTION_LENGTH[severity] // 2 | 1, angle_deg)
    return [
        _map(frame, lambda p, half: ndimage.convolve(p, small if half else kernel, mode="nearest"))
        for frame in frames
    ]


def contrast(frames: Frames, severity: int, lift: float) -> list[av.VideoFrame]:
    """Pull luma towards a grey level (`lift` 0-255) and desaturate with it."""
    gain = CONTRAST_GAIN[severity]
    return [
        _map(frame, lambda p, half: (p - (128 if half else lift)) * gain + (128 if half else lift))
        for frame in frames
    ]


def banding(frames: Frames, severity: int) -> list[av.VideoFrame]:
    """Fewer levels in luma, as a coarse bit depth or quantiser leaves them: smooth areas turn into steps."""
    step = BANDING_STEP[severity]
    return [
        _map(frame, lambda p, half: p if half else np.floor(p / step) * step + step / 2) for frame in frames
    ]


def sharpen(frames: Frames, severity: int) -> list[av.VideoFrame]:
    """Unsharp mask on luma: halos around edges, as receivers and careless encoders make them."""
    amount = SHARPEN_AMOUNT[severity]
    return [
        _map(
            frame, lambda p, half: p if half else p + amount * (p - ndimage.gaussian_filter(p, SHARPEN_SIGMA))
        )
        for frame in frames
    ]


def hold(frames: Frames, severity: int, rng: np.random.Generator) -> list[int]:
    """Which frame is shown at each instant when frames are dropped or the picture freezes.

    Severity 0-1 drops single frames at random (judder), 2-4 freezes for a growing share of the second.
    """
    count = len(frames)
    shown = list(range(count))
    if severity < 2:
        share = (0.25, 0.5)[severity]
        for index in range(1, count):
            if rng.random() < share:
                shown[index] = shown[index - 1]
        return shown
    length = int(count * (0.4, 0.7, 1.0)[severity - 2])
    start = int(rng.integers(0, count - length + 1))
    return [start if start <= index < start + length else index for index in shown]


def _line(length: int, angle_deg: float) -> NDArray[np.float32]:
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turned = np.clip(ndimage.rotate(kernel, angle_deg, reshape=False, order=1), 0, None)
    line: NDArray[np.float32] = (turned / turned.sum()).astype(np.float32)
    return line


def _map(frame: av.VideoFrame, change: Callable[[Plane, bool], Plane]) -> av.VideoFrame:
    """Apply `change(plane float32, is_chroma)` to each plane of a copy."""
    planes = [
        np.clip(np.rint(change(plane.astype(np.float32), index > 0)), 0, 255).astype(np.uint8)
        for index, plane in enumerate(planes_of(frame))
    ]
    return frame_of(planes, like=frame)


def copy(frame: av.VideoFrame) -> av.VideoFrame:
    """A frame of its own with the same pixels."""
    return _map(frame, lambda plane, _half: plane)
