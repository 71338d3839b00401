"""Encode a few frames and decode them again: the compression and transmission distortions."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any

import av
import numpy as np

os.environ.setdefault("SVT_LOG", "1")  # errors only; SVT-AV1 prints its banner to stderr otherwise

ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "mpeg2": "mpeg2video",
}
QUALITY_RANGE = {"h264": (17, 49), "hevc": (18, 48), "av1": (20, 63), "vp9": (20, 63), "mpeg2": (2, 31)}
"""From invisible to awful: CRF, or the quantiser scale for MPEG-2."""
LOSSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Share of coded slices after the first picture that are damaged, by severity."""


def _options(codec: str, quality: int, preset: str | None, *, sliced: bool) -> dict[str, str]:
    if codec == "h264":
        options = {"crf": str(quality), "preset": preset or "veryfast"}
        # A lost slice is concealed from the picture before, as a receiver does it.
        return options | ({"slices": "4"} if sliced else {})
    if codec == "hevc":
        return {
            "preset": preset or "ultrafast",
            "x265-params": f"crf={quality}:log-level=none:pools=none:frame-threads=1",
        }
    if codec == "av1":
        return {"crf": str(quality), "preset": preset or "11", "svtav1-params": "lp=1"}
    if codec == "vp9":
        return {"crf": str(quality), "b": "0", "deadline": "realtime", "cpu-used": "8"}
    if codec == "mpeg2":
        # The bitrate is only a ceiling here: a fixed quantiser scale rules.
        return {"qmin": str(quality), "qmax": str(quality), "b": "100M", "maxrate": "100M", "bufsize": "20M"}
    raise ValueError(f"unknown codec {codec!r}, use one of {', '.join(ENCODERS)}")


def transcode(
    frames: Sequence[av.VideoFrame],
    codec: str,
    quality: int,
    *,
    fps: float,
    preset: str | None = None,
    gop: int | None = None,
    loss: int | None = None,
    seed: int = 0,
) -> list[av.VideoFrame]:
    """Encode `yuv420p` frames of one size with constant quality and decode them; same count, same order.

    `gop` is the distance of key frames (None leaves it to the encoder), `loss` a severity of `LOSSES` for
    damage in transit. A picture that does not come out of the decoder leaves the one before on show.
    """
    packed = io.BytesIO()
    with av.open(packed, "w", format="matroska") as output:
        # Constant quality does not look at the rate; MPEG-2 and some muxers only know the standard ones.
        rate = 25 if codec == "mpeg2" else max(1, round(fps))
        options = _options(codec, quality, preset, sliced=loss is not None)
        stream = output.add_stream(ENCODERS[codec], rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        stream.codec_context.thread_count = 1
        if gop is not None:
            stream.codec_context.gop_size = gop
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base = index, 1 / stream.codec_context.framerate
            frame.pict_type = av.video.frame.PictureType.NONE
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    packed.seek(0)
    if loss is not None:
        return _received(packed, len(frames), LOSSES[loss], np.random.default_rng(seed))
    with av.open(packed, "r", format="matroska") as source:
        source.streams.video[0].codec_context.thread_count = 1
        decoded = list(source.decode(video=0))
    if len(decoded) != len(frames):
        raise RuntimeError(f"{codec} at {quality}: {len(frames)} frames in, {len(decoded)} out")
    return decoded


def _received(packed: io.BytesIO, count: int, share: float, rng: np.random.Generator) -> list[av.VideoFrame]:
    """Decode what a lossy network would deliver: packets after the first lose bytes or are missing."""
    shown: dict[int, av.VideoFrame] = {}
    with av.open(packed, "r", format="matroska") as source:
        stream = source.streams.video[0]
        stream.codec_context.thread_count = 1
        order: list[int] = []
        for index, packet in enumerate(source.demux(stream)):
            if packet.pts is not None:
                order.append(packet.pts)
            try:
                for frame in stream.codec_context.decode(_hit(packet, share, rng) if index else packet):
                    shown[frame.pts or 0] = frame
            except av.error.FFmpegError:
                continue  # this picture is lost; the one before stays on show
    if not shown:
        raise RuntimeError("no picture survived the loss")
    first = shown[min(shown)]
    frames, last = [], first
    for pts in sorted(order)[:count]:
        last = shown.get(pts, last)
        frames.append(last)
    return frames + [last] * (count - len(frames))


def _hit(packet: av.Packet[Any], share: float, rng: np.random.Generator) -> av.Packet[Any]:
    """The packet, or a copy whose middle is overwritten: headers survive, slices do not."""
    if packet.size < 64 or rng.random() >= share * 2:
        return packet
    data = np.frombuffer(bytes(packet), np.uint8).copy()
    start = int(rng.integers(24, max(25, int(data.size * 0.8))))
    length = int(rng.integers(8, max(9, data.size // 4)))
    data[start : start + length] = rng.integers(0, 256, size=data[start : start + length].size)
    hit: av.Packet[Any] = av.Packet(data.tobytes())
    hit.pts, hit.dts, hit.time_base = packet.pts, packet.dts, packet.time_base
    return hit
