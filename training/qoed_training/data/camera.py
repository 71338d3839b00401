"""A second of video from a photograph: a camera moves over it, now and then something moves in front.

Photographs are far more varied than the videos at hand, and scaled down they are cleaner. Frames are rendered
from a canvas of twice the screen, so that its whole-pixel steps are half-pixel steps on the screen and every
frame is resampled, as in filmed motion.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from qoed_training.data import pictures
from qoed_training.data.corpus import CorpusError, opened
from qoed_training.data.planes import Planes, frame_of, planes_of

OVERSAMPLED = 2
MIN_EXCESS = 1.2
"""A photograph must have so many times the lines of the screen that it is shown on, to be sharp there."""
RATES = (12.0, 15.0, 25.0)
MAX_STEP = 20.0
"""Fastest pan, canvas pixels a frame."""


def lines_of_photo(path: Path) -> int:
    """Lines of the largest 16:9 window that fits into the picture."""
    with opened(path) as (_container, stream):
        return int(min(stream.height, stream.width * 9 / 16))


def film(path: Path, display_height: int, *, seconds: float, seed: int) -> tuple[list[av.VideoFrame], float]:
    """Frames `yuv420p` of `display_height` lines (16:9) and their rate; raises `CorpusError`."""
    rng = np.random.default_rng(seed)
    fps = float(rng.choice(RATES))
    count = max(8, round(seconds * fps))
    width, height = _even(display_height * 16 / 9), _even(display_height)
    canvas = _canvas(_photo(path), display_height, rng)
    still = rng.random() < 0.25
    step = 0.0 if still else MAX_STEP * float(rng.beta(1.0, 2.0))
    angle = float(rng.uniform(0, 2 * np.pi))
    zoom = 1.0 if still or rng.random() < 0.7 else float(rng.uniform(0.994, 1.0))
    size = np.array([OVERSAMPLED * height, OVERSAMPLED * width], float)
    room = np.array([canvas.height, canvas.width]) - size
    corner = rng.uniform(0, 1, 2) * room
    direction = np.array([np.sin(angle) * 0.4, np.cos(angle)]) * step
    planes = planes_of(canvas)
    windows = []
    for _ in range(count):
        windows.append(frame_of(_cut(planes, corner, size)))
        corner, direction = _bounced(corner + direction + size * (1 - zoom) / 2, direction, room)
        size = size * zoom
    frames = pictures.resize(windows, width, height)
    return (_with_object(frames, rng) if rng.random() < 0.4 else frames), fps


def _photo(path: Path) -> av.VideoFrame:
    with opened(path) as (container, stream):
        try:
            return next(container.decode(stream))
        except (StopIteration, av.error.FFmpegError) as error:
            raise CorpusError(f"{path} cannot be decoded as a picture") from error


def _canvas(photo: av.VideoFrame, display_height: int, rng: np.random.Generator) -> av.VideoFrame:
    """A part of the photograph, somewhat larger than the oversampled screen."""
    most = min(photo.width * 9 / 16, photo.height)
    least = min(most, MIN_EXCESS * display_height)
    # All that there is, or a closer look at a part of it.
    lines = most if rng.random() < 0.5 else float(rng.uniform(least, most))
    margin = max(1.0, min(lines / (1.05 * display_height), float(rng.uniform(1.08, 1.25))))
    height, width = _even(lines), min(_even(photo.width), _even(lines * 16 / 9))
    whole = photo.reformat(width=_even(photo.width), height=_even(photo.height), format="yuv420p")
    corner = rng.uniform(0, 1, 2) * np.array([max(0, whole.height - height), max(0, whole.width - width)])
    part = frame_of(_cut(planes_of(whole), corner, np.array([height, width], float)))
    scale = OVERSAMPLED * display_height * margin / lines
    least_width = OVERSAMPLED * _even(display_height * 16 / 9)
    return pictures.resize(
        [part],
        max(least_width, _even(part.width * scale)),
        max(OVERSAMPLED * display_height, _even(part.height * scale)),
    )[0]


def _with_object(frames: list[av.VideoFrame], rng: np.random.Generator) -> list[av.VideoFrame]:
    """An ellipse of the same scene crosses the picture on its own path, with a soft edge."""
    height, width = frames[0].height, frames[0].width
    tall = int(rng.uniform(0.2, 0.45) * height) // 4 * 4
    wide = int(rng.uniform(0.15, 0.35) * width) // 4 * 4
    source = rng.uniform(0, 1, 2) * [height - tall, width - wide]
    place = rng.uniform(0, 1, 2) * [height - tall, width - wide]
    step = rng.uniform(-1, 1, 2) * [5.0, 14.0]
    cut = _cut(planes_of(frames[0]), source, np.array([tall, wide], float))
    rows, columns = np.mgrid[-1 : 1 : tall * 1j, -1 : 1 : wide * 1j]
    mask = np.clip((1 - np.hypot(rows, columns)) * 12, 0, 1)
    made = []
    for frame in frames:
        planes = tuple(plane.copy() for plane in planes_of(frame))
        for index, (plane, part) in enumerate(zip(planes, cut, strict=True)):
            half = 2 if index else 1
            y, x = (2 * int(value / 2) // half for value in place)
            weight = mask[::half, ::half]
            under = plane[y : y + part.shape[0], x : x + part.shape[1]]
            under[:] = np.rint(under + (part.astype(float) - under) * weight)
        made.append(frame_of((planes[0], planes[1], planes[2])))
        place, step = _bounced(place + step, step, np.array([height - tall, width - wide], float))
    return made


def _bounced(
    corner: NDArray[np.float64], direction: NDArray[np.float64], room: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    outside = (corner < 0) | (corner > room)
    return np.clip(corner, 0, np.maximum(room, 0)), np.where(outside, -direction, direction)


def _cut(planes: Planes, corner: NDArray[np.float64], size: NDArray[np.float64]) -> Planes:
    """A window at even pixels."""
    y, x, height, width = (int(value / 2) for value in (*corner, *size))
    u, v = (plane[y : y + height, x : x + width] for plane in planes[1:])
    return planes[0][2 * y : 2 * (y + height), 2 * x : 2 * (x + width)], u, v


def _even(size: float) -> int:
    return max(16, 2 * int(size / 2))
