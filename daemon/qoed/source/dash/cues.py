"""The index of a single-file Representation in WebM: the Cues of Matroska (RFC 9559 5.1.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from qoed.source.dash.document import MAX_SECONDS
from qoed.source.dash.sidx import Index

_MAX_ELEMENTS = 100_000
_CUES, _CUE_POINT, _CUE_TIME, _CUE_POSITIONS, _CUE_CLUSTER = 0x1C53BB6B, 0xBB, 0xB3, 0xB7, 0xF1
_SEGMENT, _INFO, _TIMESTAMP_SCALE, _DURATION = 0x18538067, 0x1549A966, 0x2AD7B1, 0x4489


def read_cues(head: bytes, data: bytes, offset: int) -> Index:
    """The Cues element in the bytes of an index range at `offset`; `head` is the file's begin, up to Info.

    Clusters begin where cues point; the last one ends where the Cues begin if these lie behind, else at the
    end of the file's Segment. Raises `ValueError`.
    """
    segment = next((each for each in _elements(head, 0, len(head)) if each[0] == _SEGMENT), None)
    if segment is None:
        raise ValueError("the initialization range holds no Matroska Segment")
    scale, length = 1_000_000, 0.0
    for name, at, end in _elements(head, segment[1], len(head)):
        if name != _INFO:
            continue
        for inner, start, stop in _elements(head, at, min(end, len(head))):
            if inner == _TIMESTAMP_SCALE:
                scale = int.from_bytes(head[start:stop], "big")
            elif inner == _DURATION:
                length = _float(head[start:stop])
    cues = next((each for each in _elements(data, 0, len(data)) if each[0] == _CUES), None)
    if cues is None:
        raise ValueError("the index range holds no Cues element")
    points = sorted(set(_points(data, cues[1], min(cues[2], len(data)), segment[1])))
    if not points or not scale:
        raise ValueError("the Cues element is empty")
    stop = offset if offset > points[-1][1] else segment[2]
    times = [point[0] for point in points] + [max(round(length), points[-1][0] + 1)]
    places = [point[1] for point in points] + [stop]
    entries = tuple(
        (times[at], times[at + 1] - times[at], places[at], places[at + 1] - places[at])
        for at in range(len(points))
        if times[at + 1] > times[at] and places[at + 1] > places[at]
    )
    if not entries:
        raise ValueError("the Cues element is empty")
    if times[-1] * scale > MAX_SECONDS * 1e9:
        raise ValueError("the Cues element has times out of range")
    # Cue times are in units of `scale` nanoseconds.
    return Index(timescale=max(round(1_000_000_000 / scale), 1), entries=entries)


def _points(data: bytes, at: int, end: int, origin: int) -> Iterator[tuple[int, int]]:
    """(time, file offset of its cluster) of each CuePoint; positions count from the Segment's payload."""
    for name, start, stop in _elements(data, at, end):
        if name != _CUE_POINT:
            continue
        time: int | None = None
        for inner, inner_start, inner_stop in _elements(data, start, stop):
            if inner == _CUE_TIME:
                time = int.from_bytes(data[inner_start:inner_stop], "big")
            elif inner == _CUE_POSITIONS and time is not None:
                for deep, deep_start, deep_stop in _elements(data, inner_start, inner_stop):
                    if deep == _CUE_CLUSTER:
                        yield time, origin + int.from_bytes(data[deep_start:deep_stop], "big")


def _elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(id, begin, end of payload) of the EBML elements; the last one may reach beyond the data."""
    for _ in range(_MAX_ELEMENTS):
        if at >= end:
            return
        name, at = _vint(data, at, keep_marker=True)
        size, at = _vint(data, at, keep_marker=False)
        yield name, at, at + size
        at += size


def _vint(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """An EBML variable-size integer and the place behind it (RFC 8794 4). Raises `ValueError`."""
    first = data[at] if at < len(data) else 0
    width = 9 - first.bit_length()
    if not first or at + width > len(data):
        raise ValueError("the Matroska element is cut short")
    value = int.from_bytes(data[at : at + width], "big")
    return value if keep_marker else value & ((1 << 7 * width) - 1), at + width


def _float(data: bytes) -> float:
    if len(data) not in (4, 8):
        return 0.0
    (value,) = struct.unpack(">f" if len(data) == 4 else ">d", data)
    return float(value) if 0 <= value < 1e15 else 0.0
