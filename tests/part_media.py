"""Media segments with their LL-HLS parts, in fMP4 and MPEG-TS, cut as packagers cut them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import av

import media
from qoed.model import Segment

X264 = {"preset": "medium", "x264-params": "scenecut=0:bframes=2:log-level=-1"}
X265 = {"x265-params": "bframes=2:keyint=60:min-keyint=60:scenecut=0:open-gop=0:log-level=none"}
LOW_LATENCY = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0:log-level=-1"}
TABLES = (0x00, 0x11, 0x1000)
"""PIDs of PAT, SDT and PMT as FFmpeg writes them."""


@dataclass(frozen=True, slots=True)
class Parted:
    """One media segment, whole and in parts."""

    whole: Segment
    parts: list[Segment]


def fmp4(
    count: int = 1,
    *,
    seconds: float = 2.0,
    every_s: float = 0.2,
    gop_s: float | None = None,
    rate: int = media.RATE,
    options: dict[str, str] = X264,
    **settings: Any,
) -> list[Parted]:
    """Segments of one fMP4 rendition, each with one key frame unless `gop_s` says."""
    movie = media.encode(
        container="mp4",
        seconds=count * seconds,
        gop=round((gop_s or seconds) * rate),
        rate=rate,
        options=options,
        container_options={
            "movflags": "frag_keyframe+empty_moov+default_base_moof",
            "frag_duration": str(round(every_s * 1e6) - 1000),
        },
        **settings,
    )
    init, fragments = _fragments(movie)
    segments: list[Parted] = []
    for number in range(count):
        parts: list[tuple[bytes, float]] = []
        while fragments and sum(length for _, length in parts) < seconds - 1e-3:
            parts.append(fragments.pop(0))
        while fragments and fragments[0][1] == 0:  # the rest of the sound
            parts[-1] = (parts[-1][0] + fragments.pop(0)[0], parts[-1][1])
        segments.append(_parted(number, number * seconds, "mp4", parts, init))
    return segments


def ts(
    count: int = 1,
    *,
    seconds: float = 2.0,
    every_s: float = 0.2,
    aligned: bool = True,
    rate: int = media.RATE,
    options: dict[str, str] = X264,
    **settings: Any,
) -> list[Parted]:
    """MPEG-TS segments, tables in the first part only; not `aligned`: parts end inside PES packets."""
    segments = []
    for number in range(count):
        data = media.encode(seconds=seconds, start_s=number * seconds, rate=rate, options=options, **settings)
        packets = [data[at : at + 188] for at in range(0, len(data), 188)]
        begins = [place for place, packet in enumerate(packets) if _begins_picture(packet)]
        each = round(every_s * rate)
        cuts = [0, *begins[each::each], len(packets)]
        if not aligned:
            cuts = [0, *(place + 2 for place in cuts[1:-1]), len(packets)]
        parts = []
        for place, (start, end) in enumerate(pairwise(cuts)):
            kept = [packet for packet in packets[start:end] if place == 0 or _pid(packet) not in TABLES]
            parts.append((b"".join(kept), min(every_s, seconds - place * every_s)))
        parted = _parted(number, number * seconds, "mpegts", parts, b"")
        segments.append(parted)
    return segments


def endless(part: Segment) -> Segment:
    """The part as sources hand it on that never know which one is a segment's last."""
    return replace(part, unfinished=True)


def _parted(
    number: int, start_s: float, container: str, parts: list[tuple[bytes, float]], init: bytes
) -> Parted:
    fields: dict[str, Any] = {"sequence": number, "container": container, "init": init}
    whole = media.segment(
        b"".join(data for data, _ in parts),
        media_time_s=start_s,
        duration_s=round(sum(length for _, length in parts), 6),
        **fields,
    )
    cut, at_s = [], start_s
    for place, (data, length) in enumerate(parts):
        cut.append(
            media.segment(
                data,
                media_time_s=round(at_s, 6),
                duration_s=length,
                continues=place > 0,
                unfinished=place < len(parts) - 1,
                **fields,
            )
        )
        at_s += length
    return Parted(whole, cut)


def _fragments(movie: bytes) -> tuple[bytes, list[tuple[bytes, float]]]:
    """(init section, [(fragment, seconds of video in it)])."""
    boxes = list(media.boxes(movie))
    starts = [start for kind, start, _ in boxes if kind == b"moof"]
    tail = next((start for kind, start, _ in boxes if kind == b"mfra"), len(movie))
    init, found = movie[: starts[0]], []
    for start, end in zip(starts, [*starts[1:], tail], strict=True):
        fragment = movie[start:end]
        with av.open(io.BytesIO(init + fragment), format="mp4") as opened:
            durations = [float((p.duration or 0) * p.time_base) for p in _packets(opened)]
        found.append((fragment, round(sum(durations), 6)))
    return init, found


def _packets(opened: Any) -> Iterator[Any]:
    return (packet for packet in opened.demux(opened.streams.video[0]) if packet.size)


def _pid(packet: bytes) -> int:
    return (packet[1] & 0x1F) << 8 | packet[2]


def _begins_picture(packet: bytes) -> bool:
    return _pid(packet) == 0x100 and bool(packet[1] & 0x40)
