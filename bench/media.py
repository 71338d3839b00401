"""Media to measure with: rich moving pictures of our own, coded once and kept, cut into segments."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

import av
import numpy as np

from bench.report import Say
from qoed.demo.content import SAMPLE_RATE, music
from qoed.demo.scenery import CANVAS_HEIGHT, CANVAS_WIDTH, Collage, Landscape
from qoed.model import Rendition, Segment
from qoed.source.cut import cut, probe
from qoed.source.sniff import sniff

FPS = 30
GOP_S = 2.0
_SHOT_FRAMES = 4 * FPS
_VERSION = 1
"""Raise it when the pictures or the encoder's settings change: kept clips are made anew."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A clip to make: H.264 by x264's preset medium with 3 B-frames, a GOP each 2 s, with AAC."""

    width: int
    height: int
    seconds: int
    peak_bps: int
    container: Literal["mpegts", "mp4"] = "mpegts"
    """`mp4` is fragmented, a fragment each GOP."""

    @property
    def name(self) -> str:
        """File name in the cache."""
        suffix = "ts" if self.container == "mpegts" else "mp4"
        return f"{self.height}p{FPS}-{self.seconds}s-{self.peak_bps // 1000}k-v{_VERSION}.{suffix}"


HD = Spec(1920, 1080, 12, 6_000_000)
SD = Spec(1280, 720, 12, 3_000_000)
TINY = Spec(640, 360, 4, 800_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A clip cut into segments, with its facts."""

    segments: tuple[Segment, ...]
    seconds: float
    width: int
    height: int
    frame_rate: float
    codec: str
    bits_per_s: float
    source: str

    def __str__(self) -> str:
        rate = f"{self.bits_per_s / 1e6:.1f} Mbit/s"
        return (
            f"{self.source}: {self.codec} {self.width}x{self.height} at {self.frame_rate:g} frames/s, "
            f"{rate}, {self.seconds:g} s in {len(self.segments)} segments"
        )


def media_for(spec: Spec, clip: Path | None, say: Say) -> Media:
    """The person's clip, or the one that `spec` describes, as segments of about 2 s.

    Raises `SourceError` for a clip that cannot be read.
    """
    path = clip or _made(spec, say)
    data = path.read_bytes()
    if clip is None and spec.container == "mp4":
        return _fragmented(spec, data)
    container = sniff(data[:1024]) or "mpegts"
    file = io.BytesIO(data)
    rendition, _ = probe(file, container)
    at_s, segments = 0.0, []
    for number, piece in enumerate(cut(file, container, target_s=GOP_S - 0.1, max_bytes=1 << 28)):
        segments.append(
            Segment(
                stream="bench",
                rendition=rendition,
                sequence=number,
                media_time_s=round(at_s, 6),
                duration_s=piece.duration_s,
                container=piece.container,
                data=piece.data,
            )
        )
        at_s += piece.duration_s
    return Media(
        segments=tuple(segments),
        seconds=round(at_s, 3),
        width=rendition.width or 0,
        height=rendition.height or 0,
        frame_rate=round(rendition.frame_rate or 0.0, 3),
        codec=rendition.codecs or "unknown",
        bits_per_s=8 * sum(segment.size for segment in segments) / at_s,
        source="made by bench/media.py" if clip is None else path.name,
    )


def _fragmented(spec: Spec, data: bytes) -> Media:
    """The clip's fragments as segments, with the init section that they share."""
    starts = [at for kind, at in _boxes(data) if kind == b"moof"]
    end = next((at for kind, at in _boxes(data) if kind == b"mfra"), len(data))
    rendition = Rendition(id="main", width=spec.width, height=spec.height, declared=False)
    segments = tuple(
        Segment(
            stream="bench",
            rendition=rendition,
            sequence=number,
            media_time_s=number * GOP_S,
            duration_s=GOP_S,
            container="mp4",
            init=data[: starts[0]],
            data=data[start:until],
        )
        for number, (start, until) in enumerate(pairwise([*starts, end]))
    )
    return Media(
        segments=segments,
        seconds=len(segments) * GOP_S,
        width=spec.width,
        height=spec.height,
        frame_rate=float(FPS),
        codec="h264",
        bits_per_s=8 * sum(len(segment.data) for segment in segments) / (len(segments) * GOP_S),
        source="made by bench/media.py, fMP4",
    )


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """(type, start) of each top-level ISO BMFF box."""
    at = 0
    while at + 8 <= len(data):
        yield data[at + 4 : at + 8], at
        at += int.from_bytes(data[at : at + 4], "big")


def _made(spec: Spec, say: Say) -> Path:
    folder = Path(tempfile.gettempdir()) / f"qoed-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / spec.name
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}")
        _encode(spec, unfinished, say)
        unfinished.replace(path)
    return path


def _encode(spec: Spec, path: Path, say: Say) -> None:
    keyint = round(GOP_S * FPS)
    x264 = {
        "preset": "medium",
        "crf": "20",
        "maxrate": str(spec.peak_bps),
        "bufsize": str(2 * spec.peak_bps),
        "x264-params": f"bframes=3:keyint={keyint}:min-keyint={keyint}:scenecut=0",
    }
    tone = music(_SHOT_FRAMES / FPS)
    sound = np.concatenate([tone, np.roll(tone, SAMPLE_RATE // 100)])
    samples = SAMPLE_RATE // FPS
    fragmented = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    muxer = fragmented if spec.container == "mp4" else {}
    with av.open(str(path), "w", format=spec.container, options=muxer) as sink:
        video = sink.add_stream("libx264", rate=FPS, options=x264)
        video.width, video.height, video.pix_fmt = spec.width, spec.height, "yuv420p"
        audio = sink.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        audio.codec_context.bit_rate = 128_000
        for number, picture in enumerate(_pictures(spec)):
            if number % FPS == 0:
                say(f"making {spec.name}, kept for later: {number // FPS} of {spec.seconds} s")
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            sink.mux(video.encode(picture))
            start = number * samples % sound.shape[1]
            heard = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound[:, start : start + samples]), format="fltp", layout="stereo"
            )
            heard.sample_rate, heard.pts = SAMPLE_RATE, number * samples
            sink.mux(audio.encode(heard))
        sink.mux(video.encode(None))
        sink.mux(audio.encode(None))


def _pictures(spec: Spec) -> Iterator[av.VideoFrame]:
    """The demo's two shots in turn, four seconds each, new scenery each time, with film-like grain."""
    grain = np.random.default_rng(7).normal(0, 1.1, (spec.height, 2 * spec.width)).round().astype(np.int16)
    for number in range(spec.seconds * FPS):
        shot_number, step = divmod(number, _SHOT_FRAMES)
        if step == 0:
            shot = (Landscape, Collage)[shot_number % 2](np.random.default_rng(shot_number), _SHOT_FRAMES)
        packed = shot.picture(step).view(np.uint8).reshape(CANVAS_HEIGHT, CANVAS_WIDTH, 4)
        frame = av.VideoFrame.from_ndarray(packed, format="rgba").reformat(
            width=spec.width, height=spec.height, format="yuv420p", interpolation="AREA"
        )
        plane = frame.planes[0]
        luma = np.frombuffer(memoryview(plane), np.uint8).reshape(spec.height, -1)[:, : spec.width]
        left = 397 * number % spec.width
        moved = np.roll(grain[:, left : left + spec.width], 211 * number, axis=0)
        luma[:] = np.clip(luma + moved, 16, 235)
        yield frame
