"""Whole programmes for stories: continuous MPEG-TS by one encoder and one packager, cut into segments."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from media import SOUND_RATE, Scene, moving, timeline, tone

FPS = 25
SEGMENT_S = 1


def programme(
    seconds: int, *parts: tuple[float, Scene], width: int = 320, height: int = 180, bit_rate: int = 400_000
) -> list[bytes]:
    """Segments of `SEGMENT_S` with sound: `parts` are `(until_s, scene)`, the last one goes on to the end.

    The bit rate is constant: what a still picture does not need is filled up, as broadcast encoders do.
    """
    return _segments(seconds, parts or ((seconds, moving),), width, height, bit_rate)


@cache
def _segments(
    seconds: int, parts: tuple[tuple[float, Scene], ...], width: int, height: int, bit_rate: int
) -> list[bytes]:
    scene = timeline(*parts)
    with tempfile.TemporaryDirectory() as folder:
        cut = {"segment_time": str(SEGMENT_S), "segment_format": "mpegts", "segment_list_type": "flat"}
        with av.open(f"{folder}/%03d.ts", "w", format="segment", options=cut) as output:
            video = _video(output, width, height, bit_rate)
            sound: Any = output.add_stream("aac", rate=SOUND_RATE, layout="stereo")
            samples = 0
            for index in range(seconds * FPS):
                frame = av.VideoFrame.from_ndarray(_yuv(scene(index / FPS, width, height)), format="yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, FPS)
                output.mux(video.encode(frame))
                while samples / SOUND_RATE < (index + 1) / FPS:
                    output.mux(sound.encode(_sound(samples)))
                    samples += 1024
            for stream in (video, sound):
                output.mux(stream.encode(None))
        return [path.read_bytes() for path in sorted(Path(folder).iterdir())][:seconds]


def _video(output: Any, width: int, height: int, bit_rate: int) -> Any:
    kilobits = bit_rate // 1000
    rate = f"vbv-maxrate={kilobits}:vbv-bufsize={kilobits}:nal-hrd=cbr:filler=1:force-cfr=1"
    video = output.add_stream(
        "libx264",
        rate=FPS,
        options={"preset": "ultrafast", "x264-params": f"log-level=-1:scenecut=0:{rate}"},
    )
    video.width, video.height, video.pix_fmt, video.bit_rate = width, height, "yuv420p", bit_rate
    video.codec_context.gop_size = FPS * SEGMENT_S
    return video


def _yuv(luma: Any) -> Any:
    height, width = luma.shape
    return np.concatenate([luma, np.full((height // 2, width), 128, np.uint8)])


def _sound(first: int) -> av.AudioFrame:
    wave = tone((first + np.arange(1024)) / SOUND_RATE)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
    return frame
