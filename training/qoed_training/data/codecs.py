"""Encode a few frames and decode them again: the compression distortions."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

import av

os.environ.setdefault("SVT_LOG", "1")  # errors only; SVT-AV1 prints its banner to stderr otherwise

ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "mpeg2": "mpeg2video"}
QUALITY_RANGE = {"h264": (17, 49), "hevc": (18, 48), "av1": (20, 63), "mpeg2": (2, 31)}
"""From invisible to awful: CRF, or the quantiser scale for MPEG-2."""


def _options(codec: str, quality: int, preset: str | None) -> dict[str, str]:
    if codec == "h264":
        return {"crf": str(quality), "preset": preset or "veryfast"}
    if codec == "hevc":
        return {
            "preset": preset or "ultrafast",
            "x265-params": f"crf={quality}:log-level=none:pools=none:frame-threads=1",
        }
    if codec == "av1":
        return {"crf": str(quality), "preset": preset or "11", "svtav1-params": "lp=1"}
    if codec == "mpeg2":
        # The bitrate is only a ceiling here: a fixed quantiser scale rules.
        return {"qmin": str(quality), "qmax": str(quality), "b": "100M", "maxrate": "100M", "bufsize": "20M"}
    raise ValueError(f"unknown codec {codec!r}, use one of {', '.join(ENCODERS)}")


def transcode(
    frames: Sequence[av.VideoFrame], codec: str, quality: int, *, fps: float, preset: str | None = None
) -> list[av.VideoFrame]:
    """Encode `yuv420p` frames of one size with constant quality and decode them; same count, same order."""
    options = _options(codec, quality, preset)
    packed = io.BytesIO()
    with av.open(packed, "w", format="matroska") as output:
        # Constant quality does not look at the rate; MPEG-2 and some muxers only know the standard ones.
        rate = 25 if codec == "mpeg2" else max(1, round(fps))
        stream = output.add_stream(ENCODERS[codec], rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        stream.codec_context.thread_count = 1
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base = index, 1 / stream.codec_context.framerate
            frame.pict_type = av.video.frame.PictureType.NONE
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    packed.seek(0)
    with av.open(packed, "r", format="matroska") as source:
        source.streams.video[0].codec_context.thread_count = 1
        decoded = list(source.decode(video=0))
    if len(decoded) != len(frames):
        raise RuntimeError(f"{codec} at {quality}: {len(frames)} frames in, {len(decoded)} out")
    return decoded
