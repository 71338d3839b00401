"""Real DASH presentations, made by FFmpeg's dash, mp4 and webm muxers through PyAV."""

from __future__ import annotations

import io
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

import media
import mpds as m

RATE = 30
LADDER = ((320, 180, 400_000), (160, 90, 150_000))
_QUIET = {
    "libx264": {"preset": "veryfast", "x264-params": "scenecut=0:log-level=-1:threads=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}


def encode_into(
    out: Any, *, seconds: float, codec: str = "libx264", sound: str | None = "aac", gop_s: float = 1.0
) -> None:
    """A ladder of moving pictures, and a tone, into an open output container."""
    videos = []
    for width, height, bit_rate in LADDER:
        stream = out.add_stream(codec, rate=RATE, options=_QUIET[codec] | {"g": str(round(gop_s * RATE))})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", bit_rate
        videos.append(stream)
    tone = out.add_stream(sound, rate=media.SOUND_RATE, layout="stereo") if sound else None
    for index in range(round(seconds * RATE)):
        for stream in videos:
            frame = media.frame_of(media.moving(index / RATE, stream.width, stream.height), "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            out.mux(stream.encode(frame))
    for samples in media._sound_frames(media.tone, 0.0, seconds) if tone else ():
        out.mux(tone.encode(samples))
    for stream in (*videos, tone):
        if stream is not None:
            out.mux(stream.encode(None))


def dash(
    folder: Path, *, seconds: float = 3.0, codec: str = "libx264", sound: str = "aac", **options: str
) -> Path:
    """A static presentation with segments of a second, by FFmpeg's dash muxer; returns its MPD."""
    path = folder / "out.mpd"
    said = {"seg_duration": "1", "adaptation_sets": "id=0,streams=v id=1,streams=a"} | options
    with av.open(str(path), "w", format="dash", options=said) as out:
        encode_into(out, seconds=seconds, codec=codec, sound=sound)
    return path


def on_demand_mp4(folder: Path, seconds: float = 3.0) -> tuple[bytes, tuple[int, int]]:
    """One file with a global sidx, and the (first, last) byte of that index."""
    # The muxer writes the index by reading the file again.
    options = {"movflags": "frag_keyframe+dash+global_sidx"}
    data = _single(folder / "single.mp4", "mp4", "libx264", seconds, options)
    at = 0
    while data[at + 4 : at + 8] != b"sidx":
        at += int.from_bytes(data[at : at + 4], "big")
    return data, (at, at + int.from_bytes(data[at : at + 4], "big") - 1)


def on_demand_webm(folder: Path, seconds: float = 3.0) -> tuple[bytes, tuple[int, int], tuple[int, int]]:
    """One file with Cues at its end; the (first, last) bytes of what precedes its clusters, and of those."""
    data = _single(folder / "single.webm", "webm", "libvpx-vp9", seconds, {"cluster_time_limit": "1000"})
    cluster, cues = data.index(b"\x1f\x43\xb6\x75"), data.rindex(b"\x1c\x53\xbb\x6b")
    width = 9 - data[cues + 4].bit_length()
    size = int.from_bytes(data[cues + 4 : cues + 4 + width], "big") & ((1 << 7 * width) - 1)
    return data, (0, cluster - 1), (cues, cues + 4 + width + size - 1)


def on_demand_mpd(
    name: str, mime: str, init: tuple[int, int], index: tuple[int, int], seconds: float = 3.0
) -> str:
    """The MPD of one such file."""
    how = m.tag(
        "SegmentBase",
        m.tag("Initialization", range=f"{init[0]}-{init[1]}"),
        indexRange=f"{index[0]}-{index[1]}",
    )
    rung = m.rung("v", 400_000, "320x180", m.base(name), how, codecs=None)
    return m.mpd(m.period(m.video(rung, mimeType=mime)), mediaPresentationDuration=m.duration(seconds))


def pictures(container: str, data: bytes) -> int:
    """How many pictures decode."""
    name = {"mp4": "mp4", "matroska": "matroska"}[container]
    with av.open(io.BytesIO(data), "r", format=name) as opened:
        return sum(1 for _ in opened.decode(video=0))


def first_time_s(container: str, data: bytes) -> float:
    """Media time of the first picture."""
    with av.open(io.BytesIO(data), "r", format={"mp4": "mp4", "matroska": "matroska"}[container]) as opened:
        return float(next(iter(opened.decode(video=0))).time)


def segment_names(folder: Path, pattern: str) -> list[str]:
    """Names of the files that match, in natural order."""
    found = [path.name for path in folder.iterdir() if re.fullmatch(pattern, path.name)]
    return sorted(found)


def _single(path: Path, container: str, codec: str, seconds: float, options: dict[str, str]) -> bytes:
    with av.open(str(path), "w", format=container, options=options) as out:
        stream: Any = out.add_stream(codec, rate=RATE, options=_QUIET[codec] | {"g": str(RATE)})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 180, "yuv420p", 400_000
        for index in range(round(seconds * RATE)):
            frame = media.frame_of(media.moving(index / RATE, 320, 180), "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path.read_bytes()
