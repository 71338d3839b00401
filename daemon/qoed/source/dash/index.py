"""Reading the index of a single-file Representation, so that its segments are known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from qoed.source.dash.cues import read_cues
from qoed.source.dash.mpd import Indexed, MpdError, Representation, SegmentBase
from qoed.source.dash.sidx import Index, read_sidx
from qoed.source.url import redact

_MAX_ENTRIES = 20_000
_MAX_DEEPER = 64
_HEAD_BYTES = 4096
"""Of a WebM file without initialization range: what comes before its tracks."""

Fetch = Callable[[tuple[int, int]], Awaitable[bytes]]
"""Gets (offset, length) of the file."""


def unread(representation: Representation) -> bool:
    """True when it has an index that must be read before its segments are known."""
    how = representation.addressing
    return isinstance(how, SegmentBase) and how.index_range is not None


async def read_index(representation: Representation, fetch: Fetch) -> Representation:
    """`representation` with its segments listed. Raises `SourceError`."""
    how = representation.addressing
    assert isinstance(how, SegmentBase)
    assert how.index_range is not None
    try:
        data = await fetch(how.index_range)
        if representation.container == "matroska":
            span = how.init.byte_range if how.init is not None else None
            index = read_cues(await fetch(span or (0, _HEAD_BYTES)), data, how.index_range[0])
        else:
            index = await _with_deeper(read_sidx(data, how.index_range[0]), fetch)
    except ValueError as error:
        where = redact(representation.bases[0])
        raise MpdError(
            f"index of Representation {representation.id[:64]!r} invalid, {error}: {where}"
        ) from error
    addressing = Indexed(
        timescale=index.timescale,
        presentation_offset=round(how.presentation_offset * index.timescale / how.timescale),
        init=how.init,
        early_s=how.early_s,
        entries=index.entries,
    )
    return replace(representation, addressing=addressing)


async def _with_deeper(index: Index, fetch: Fetch) -> Index:
    """One level of sidx boxes that a sidx refers to, read as well. Raises `ValueError`."""
    entries = list(index.entries)
    if len(index.deeper) > _MAX_DEEPER:
        raise ValueError(f"the sidx box refers to more than {_MAX_DEEPER} others")
    for place in index.deeper:
        inner = read_sidx(await fetch(place), place[0])
        if inner.timescale != index.timescale or inner.deeper:
            raise ValueError("the sidx boxes are nested in a way that is not followed")
        entries += inner.entries
    if not entries:
        raise ValueError("the sidx box lists nothing")
    if len(entries) > _MAX_ENTRIES:
        raise ValueError(f"it lists more than {_MAX_ENTRIES} segments")
    return Index(timescale=index.timescale, entries=tuple(sorted(entries)))
