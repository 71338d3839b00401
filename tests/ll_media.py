"""Real parts of LL-HLS segments, fMP4 and transport streams, in short and in long GOPs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

import av
from av.packet import Packet

from media import moving

RATE = 30
_QUIET = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0:log-level=-1"}


@dataclass(frozen=True, slots=True)
class Coded:
    """An init section (empty for transport streams) and the parts of each segment: (bytes, independent)."""

    suffix: str
    init: bytes
    segments: tuple[tuple[tuple[bytes, bool], ...], ...]

    def part(self, number: int, index: int) -> tuple[bytes, bool]:
        """A part of segment `number`; what was coded is served again and again."""
        return self.segments[number % len(self.segments)][index]

    def segment(self, number: int) -> bytes:
        """The whole of a segment."""
        return b"".join(data for data, _ in self.segments[number % len(self.segments)])


@cache
def fmp4(*, segments: int = 4, parts: int = 4, frames: int = 6, long_gop: bool = False) -> Coded:
    """Fragmented MP4, a fragment a picture; a key frame begins each part, with `long_gop` each segment."""
    movie, _ = _mux(
        "mp4",
        {"movflags": "frag_every_frame+empty_moov+default_base_moof"},
        segments * parts,
        frames,
        gop=frames * parts if long_gop else frames,
    )
    starts = [at for kind, at in _boxes(movie) if kind == b"moof"]
    end = next((at for kind, at in _boxes(movie) if kind == b"mfra"), len(movie))
    edges = [*starts[::frames], end]
    return Coded("m4s", movie[: starts[0]], _grouped(movie, edges, parts, long_gop))


@cache
def mpegts(*, segments: int = 4, parts: int = 4, frames: int = 6, long_gop: bool = False) -> Coded:
    """A transport stream cut between pictures; its tables are where a segment begins."""
    stream, edges = _mux(
        "mpegts",
        {"flush_packets": "1", "mpegts_flags": "pat_pmt_at_frames"},
        segments * parts,
        frames,
        gop=frames * parts if long_gop else frames,
    )
    return Coded("ts", b"", _grouped(stream, edges, parts, long_gop))


def _grouped(
    data: bytes, edges: list[int], parts: int, long_gop: bool
) -> tuple[tuple[tuple[bytes, bool], ...], ...]:
    pieces = [data[a:b] for a, b in pairwise(edges)]
    return tuple(
        tuple((piece, index == 0 or not long_gop) for index, piece in enumerate(pieces[at : at + parts]))
        for at in range(0, len(pieces), parts)
    )


def _mux(
    container: str, options: dict[str, str], parts: int, frames: int, *, gop: int
) -> tuple[bytes, list[int]]:
    """The bytes, and where each part begins (and the last one ends) as far as the muxer wrote at once."""
    buffer, edges = io.BytesIO(), [0]
    with av.open(buffer, "w", format=container, options=options) as out:
        video: Any = out.add_stream("libx264", rate=RATE, options=_QUIET)
        video.width, video.height, video.pix_fmt = 128, 72, "yuv420p"
        video.codec_context.gop_size = gop
        for index, packet in enumerate(_packets(video, parts * frames), 1):
            out.mux_one(packet)
            if index % frames == 0:
                edges.append(buffer.tell())
    return buffer.getvalue(), edges


def _packets(video: Any, count: int) -> Iterator[Packet[Any]]:
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(moving(index / RATE, 128, 72), format="gray").reformat(
            format="yuv420p"
        )
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        yield from video.encode(frame)
    yield from video.encode(None)


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """(type, start) of each top-level ISO BMFF box."""
    at = 0
    while at + 8 <= len(data):
        yield data[at + 4 : at + 8], at
        at += int.from_bytes(data[at : at + 4], "big")
