"""The index of a single-file Representation in MP4: sidx boxes (ISO/IEC 14496-12 8.16.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from qoed.source.dash.document import MAX_SECONDS

Entry = tuple[int, int, int, int]
"""(start, duration) in timescale units, (offset, length) in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What an index says. `deeper` are the ranges of further sidx boxes (8.16.3: hierarchical)."""

    timescale: int
    entries: tuple[Entry, ...]
    deeper: tuple[tuple[int, int], ...] = ()


def read_sidx(data: bytes, offset: int) -> Index:
    """The sidx box in the bytes of an index range at `offset` of its file. Raises `ValueError`."""
    for at, kind, size in _boxes(data):
        if kind == b"sidx":
            return _sidx(data[at : at + size], offset + at + size)
    raise ValueError("the index range holds no sidx box")


def _boxes(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:
            return
        yield at, kind, size
        at += size


def _sidx(box: bytes, anchor: int) -> Index:
    """`anchor`: the file offset behind the box, from which its references count."""
    try:
        version = box[8]
        _reference, timescale = struct.unpack_from(">II", box, 12)
        time, first = struct.unpack_from(">QQ" if version else ">II", box, 20)
        at = 36 if version else 28
        (count,) = struct.unpack_from(">2xH", box, at)
        if not timescale:
            raise ValueError("the sidx box has a timescale of 0")
        entries: list[Entry] = []
        deeper: list[tuple[int, int]] = []
        offset = anchor + first
        for reference, duration, _sap in struct.iter_unpack(">III", box[at + 4 : at + 4 + 12 * count]):
            size = reference & 0x7FFFFFFF
            if reference >> 31:
                deeper.append((offset, size))
            elif size and duration:
                entries.append((time, duration, offset, size))
            time, offset = time + duration, offset + size
    except (struct.error, IndexError):
        raise ValueError("the sidx box is cut short") from None
    if time / timescale > MAX_SECONDS:
        raise ValueError("the sidx box has times out of range")
    if len(entries) + len(deeper) < count:
        raise ValueError("the sidx box is cut short")
    return Index(timescale=timescale, entries=tuple(entries), deeper=tuple(deeper))
