"""The pictures that a video shows at given moments, from container files and from raw 4:2:0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from qoed_training.data.corpus import CorpusError, duration_s, opened
from qoed_training.data.planes import frame_of, planes_of
from qoed_training.mos.videos import RatedVideo

ENDS_EARLY_S = 0.5
"""A file whose pictures end this long before it says is cut off; less is a last picture's show time."""


def seconds(video: RatedVideo) -> float:
    """How long a video is. Raises `CorpusError` when that cannot be told."""
    if video.pixel_format is not None:
        width, height, fps = _raw_format(video)
        return _raw_frames(video.path, width, height) / fps
    length = duration_s(video.path)
    if length <= 0:
        raise CorpusError(f"{video.path} does not say how long it is: copy it into an MP4 file")
    return length


def frames_at(video: RatedVideo, moments: Sequence[float]) -> list[av.VideoFrame]:
    """The picture on show at each moment, in seconds from the first one, upright. Raises `CorpusError`."""
    if video.pixel_format is not None:
        return _raw_at(video, moments)
    return _container_at(video.path, moments)


def _container_at(path: Path, moments: Sequence[float]) -> list[av.VideoFrame]:
    order = sorted(range(len(moments)), key=lambda index: moments[index])
    chosen: dict[int, av.VideoFrame] = {}
    shown: av.VideoFrame | None = None
    first = time = 0.0
    with opened(path) as (container, stream):
        try:
            for frame in container.decode(stream):
                first = float(frame.time or 0.0) if shown is None else first
                time = float(frame.time or 0.0) - first
                while shown is not None and len(chosen) < len(order) and moments[order[len(chosen)]] < time:
                    chosen[order[len(chosen)]] = shown
                shown = frame
                if len(chosen) == len(order):
                    break
        except av.error.FFmpegError as error:
            raise CorpusError(
                f"{path} cannot be decoded after {time:.1f} s ({error.strerror}): download it again"
            ) from error
    if shown is None:
        raise CorpusError(f"{path} holds no pictures: download it again")
    if len(chosen) < len(order) and max(moments) > time + ENDS_EARLY_S:
        raise CorpusError(f"{path} ends after {time:.1f} s, it should be longer: download it again")
    return [
        upright(chosen.get(index, shown), chosen.get(index, shown).rotation) for index in range(len(moments))
    ]


def upright(frame: av.VideoFrame, degrees: int) -> av.VideoFrame:
    """Turn a picture as its container asks, `degrees` counter-clockwise: phones film lying down."""
    quarters = round(degrees / 90) % 4
    if quarters == 0:
        return frame
    return frame_of([np.rot90(plane, quarters) for plane in planes_of(frame)], like=frame)


def _raw_at(video: RatedVideo, moments: Sequence[float]) -> list[av.VideoFrame]:
    width, height, fps = _raw_format(video)
    last = _raw_frames(video.path, width, height) - 1
    pictures: NDArray[np.uint8] = np.memmap(
        video.path, dtype=np.uint8, mode="r", shape=(last + 1, height * 3 // 2, width)
    )
    # Half a millisecond of grace: 0.04 s at 25 pictures a second is the second picture, not the first.
    indices = [min(last, int((moment + 5e-4) * fps)) for moment in moments]
    made = {
        index: av.VideoFrame.from_ndarray(np.array(pictures[index]), format="yuv420p") for index in indices
    }
    return [made[index] for index in indices]


def _raw_format(video: RatedVideo) -> tuple[int, int, float]:
    if video.pixel_format != "yuv420p" or not (video.width and video.height and video.fps):
        raise CorpusError(f"{video.path}: raw video must be yuv420p of known size and rate")
    return video.width, video.height, video.fps


def _raw_frames(path: Path, width: int, height: int) -> int:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror})") from error
    frames, rest = divmod(size, width * height * 3 // 2)
    if rest or not frames:
        raise CorpusError(
            f"{path} has {size:,} bytes, no whole number of {width}x{height} pictures: download it again"
        )
    return frames
