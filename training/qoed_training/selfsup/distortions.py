"""The five distortions that pretraining tells apart, each in five severities."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np

from qoed_training.data import codecs, pictures

TYPES = ("blur", "contrast", "compression", "motion_blur", "noise")
"""Gaussian blur, contrast, H.264, motion blur, Gaussian noise: the labels of the pretext head, in order."""
H264_CRF = (27, 32, 37, 42, 47)
"""From where most people begin to see it (CompressedVQA's opinions) to awful."""
SEVERITIES = len(H264_CRF)


def distort(
    frames: Sequence[av.VideoFrame], kind: str, severity: int, rng: np.random.Generator, *, fps: float
) -> list[av.VideoFrame]:
    """`kind` of `TYPES` at `severity` (0 mildest) on all `yuv420p` frames alike; same sizes and count.

    The direction of motion blur, the grey that contrast falls to and the noise are drawn from `rng`.
    """
    if kind == "blur":
        return pictures.blur(frames, severity)
    if kind == "contrast":
        return pictures.contrast(frames, severity, float(rng.uniform(64, 192)))
    if kind == "compression":
        return _with_colour(
            codecs.transcode(frames, "h264", H264_CRF[severity], fps=fps, preset="veryfast"), frames[0]
        )
    if kind == "motion_blur":
        return pictures.motion_blur(frames, severity, float(rng.uniform(0, 180)))
    if kind == "noise":
        return pictures.noise(frames, severity, rng)
    raise ValueError(f"unknown distortion {kind!r}, use one of {', '.join(TYPES)}")


def _with_colour(frames: list[av.VideoFrame], source: av.VideoFrame) -> list[av.VideoFrame]:
    """Where a codec forgets the matrix, other colours would give the type away."""
    for frame in frames:
        frame.colorspace, frame.color_range = source.colorspace, source.color_range
    return frames
