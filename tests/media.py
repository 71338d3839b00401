"""Real, tiny media made with PyAV: MPEG-TS, MP4, fMP4 and pictures, and ways to damage them."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from qoed.model import Rendition, Segment

RATE = 30
SOUND_RATE = 48000
Scene = Callable[[float, int, int], NDArray[np.uint8]]
"""(media time in s, width, height) to `uint8 [H,W]` luma."""


def moving(time_s: float, width: int, height: int) -> NDArray[np.uint8]:
    """A texture that slides two picture widths in ten seconds, with a bright disc that circles."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    shift = time_s * width / 5
    waves = np.sin((x + shift) / 9) * np.cos((y - shift / 3) / 7) + 0.5 * np.sin((x - y + 2 * shift) / 3)
    cx, cy = width * (0.5 + 0.3 * math.cos(2 * time_s)), height * (0.5 + 0.3 * math.sin(2 * time_s))
    disc = (x - cx) ** 2 + (y - cy) ** 2 < (height / 8) ** 2
    return np.where(disc, 220, 120 + 45 * waves).clip(16, 235).astype(np.uint8)


def black(_time_s: float, width: int, height: int) -> NDArray[np.uint8]:
    """Video black."""
    return np.full((height, width), 16, np.uint8)


def frozen(_time_s: float, width: int, height: int) -> NDArray[np.uint8]:
    """A rich picture that never changes."""
    return moving(1.0, width, height)


def timeline(*parts: tuple[float, Scene]) -> Scene:
    """Scenes one after the other: `(until_s, scene)`, the last one for ever."""

    def scene(time_s: float, width: int, height: int) -> NDArray[np.uint8]:
        for until_s, part in parts:
            if time_s < until_s - 1e-9:
                return part(time_s, width, height)
        return parts[-1][1](time_s, width, height)

    return scene


def tone(time_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """A 440 Hz tone at -20 dBFS."""
    return (0.1 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)


def hush(time_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Digital silence."""
    return np.zeros_like(time_s, dtype=np.float32)


def encode(
    *,
    container: str = "mpegts",
    codec: str | None = "libx264",
    seconds: float = 2.0,
    start_s: float = 0.0,
    width: int = 320,
    height: int = 180,
    rate: int = RATE,
    scene: Scene = moving,
    sound: Callable[[NDArray[np.float64]], NDArray[np.float32]] | None = None,
    pix_fmt: str = "yuv420p",
    bit_rate: int = 400_000,
    gop: int = 10_000,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> bytes:
    """A video (and sound) of `seconds` from media time `start_s` on, with one key frame unless `gop` says."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=container_options or {}) as out:
        video = None if codec is None else _video_stream(out, codec, rate, gop, options)
        if video is not None:
            video.width, video.height, video.pix_fmt, video.bit_rate = width, height, pix_fmt, bit_rate
        audio: Any = None if sound is None else out.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        for index in range(round(seconds * rate)) if video is not None else ():
            time_s = start_s + index / rate
            frame = frame_of(scene(time_s, width, height), pix_fmt)
            frame.pts, frame.time_base = round(time_s * rate), Fraction(1, rate)
            out.mux(video.encode(frame))
        for samples in _sound_frames(sound, start_s, seconds) if sound is not None else ():
            out.mux(audio.encode(samples))
        for stream in (video, audio):
            if stream is not None:
                out.mux(stream.encode(None))
    return buffer.getvalue()


def fragments(*, seconds: float = 4.0, every_s: float = 2.0, **settings: Any) -> tuple[bytes, list[bytes]]:
    """(init section, fMP4 segments of `every_s`)."""
    movie = encode(
        container="mp4",
        seconds=seconds,
        gop=round(every_s * settings.get("rate", RATE)),
        container_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"},
        options={"x264-params": "scenecut=0:log-level=-1"},
        **settings,
    )
    found = list(boxes(movie))
    starts = [start for kind, start, _ in found if kind == b"moof"]
    tail = next((start for kind, start, _ in found if kind == b"mfra"), len(movie))
    return movie[: starts[0]], [movie[a:b] for a, b in zip(starts, [*starts[1:], tail], strict=True)]


def still(width: int = 320, height: int = 180, *, codec: str = "png", scene: Scene = moving) -> bytes:
    """One coded picture (`png` or `mjpeg`)."""
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height = width, height
    context.pix_fmt = "rgb24" if codec == "png" else "yuvj420p"
    context.time_base = Fraction(1, RATE)
    frame = frame_of(scene(0.0, width, height), "yuv420p").reformat(format=context.pix_fmt)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def bomb(width: int = 16384, height: int = 8192) -> bytes:
    """One huge black H.264 picture in a small MPEG-TS segment."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as out:
        quiet = {
            "preset": "ultrafast",
            "x264-params": "log-level=-1:threads=1:rc-lookahead=0:sliced-threads=0",
        }
        video: Any = out.add_stream("libx264", rate=RATE, options=quiet)
        video.width, video.height, video.pix_fmt = width, height, "gray"
        frame = av.VideoFrame(width, height, "gray")
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.pts = 0
        out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return buffer.getvalue()


def crowd(streams: int) -> bytes:
    """MPEG-TS with so many sound streams."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as out:
        tracks: list[Any] = [out.add_stream("mp2", rate=SOUND_RATE, layout="mono") for _ in range(streams)]
        for track in tracks:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
            out.mux([*track.encode(frame), *track.encode(None)])
    return buffer.getvalue()


def segment(
    data: bytes,
    *,
    sequence: int = 0,
    media_time_s: float = 0.0,
    duration_s: float = 2.0,
    container: Any = "mpegts",
    stream: str = "s",
    rendition: str = "r",
    **fields: Any,
) -> Segment:
    """`data` as the sources hand it on."""
    return Segment(
        stream=stream,
        rendition=Rendition(id=rendition),
        sequence=sequence,
        media_time_s=media_time_s,
        duration_s=duration_s,
        container=container,
        data=data,
        **fields,
    )


def segments(
    count: int, *, seconds: float = 2.0, stream: str = "s", rendition: str = "r", **settings: Any
) -> list[Segment]:
    """Consecutive MPEG-TS segments of one programme, each encoded on its own as live encoders do."""
    return [
        segment(
            encode(seconds=seconds, start_s=index * seconds, **settings),
            sequence=index,
            media_time_s=index * seconds,
            duration_s=seconds,
            stream=stream,
            rendition=rendition,
        )
        for index in range(count)
    ]


def mutant(data: bytes, seed: int) -> bytes:
    """`data` (MPEG-TS) damaged in one of the ways of networks, disks and packagers, chosen by `seed`."""
    dice = random.Random(seed)
    damaged = bytearray(data)
    at = dice.randrange(188 * 4, len(damaged) - 188)  # beyond the tables, which every stream repeats
    kind = dice.choice(("flip", "zero", "drop", "cut", "swap", "repeat"))
    if kind == "flip":
        for _ in range(dice.randint(3, 30)):
            damaged[dice.randrange(188 * 4, len(damaged))] ^= 1 << dice.randrange(8)
    elif kind == "zero":
        length = dice.randint(64, 2000)
        damaged[at : at + length] = bytes(len(damaged[at : at + length]))
    elif kind == "drop":
        start = at // 188 * 188
        del damaged[start : start + 188 * dice.randint(1, 5)]
    elif kind == "cut":
        del damaged[at:]
    elif kind == "swap":
        length = dice.randint(100, 1000)
        other = dice.randrange(188 * 4, len(damaged) - length)
        damaged[at : at + length] = damaged[other : other + length]
    else:
        length = dice.randint(100, 1000)
        damaged[at:at] = damaged[at : at + length]
    return bytes(damaged)


def _video_stream(out: Any, codec: str, rate: int, gop: int, options: dict[str, str] | None) -> Any:
    quiet = {
        "libx264": {"preset": "ultrafast", "x264-params": "log-level=-1"},
        "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    }.get(codec, {})
    stream = out.add_stream(codec, rate=rate, options=quiet | (options or {}))
    stream.codec_context.gop_size = gop if codec != "mpeg2video" else min(gop, 600)
    return stream


def frame_of(luma: NDArray[np.uint8], pix_fmt: str) -> av.VideoFrame:
    height, width = luma.shape
    chroma = np.full((height // 2, width), 128, np.uint8)
    chroma[: height // 4] += (luma[: height // 4 * 2 : 2] // 16).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(np.concatenate([luma, chroma]), format="yuv420p")
    return frame if pix_fmt == "yuv420p" else frame.reformat(format=pix_fmt)


def _sound_frames(
    sound: Callable[[NDArray[np.float64]], NDArray[np.float32]], start_s: float, seconds: float
) -> Iterator[av.AudioFrame]:
    first = round(start_s * SOUND_RATE)
    for at in range(first, first + round(seconds * SOUND_RATE) - 1023, 1024):
        wave = sound((at + np.arange(1024)) / SOUND_RATE)
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
        yield frame


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, length) of each top-level ISO BMFF box."""
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at, length
        at += length
