"""SCTE-35 in an MPD (EventStream, SCTE 214-1) and in segments (emsg, ISO/IEC 23009-1 5.10.3.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from qoed.source import scte35
from qoed.source.dash.document import children, integer, local
from qoed.source.dash.mpd import Event

_SCHEMES = ("urn:scte:scte35:",)
_MAX_EVENTS = 64
_MAX_TEXT_CHARS = 1024
"""Of one section in text; real ones have about a hundred bytes."""
_CLOCK_HZ = 90_000
_UNTIL_FURTHER = 0xFFFFFFFF


def events_of(period: Element) -> tuple[Event, ...]:
    """The events of a Period that are SCTE-35. Raises `ValueError` when their times cannot be read."""
    found: list[Event] = []
    for stream in children(period, "EventStream"):
        if not stream.attrib.get("schemeIdUri", "").startswith(_SCHEMES):
            continue
        scale = integer(stream.attrib, "timescale", least=1) or 1
        offset = integer(stream.attrib, "presentationTimeOffset") or 0
        for at, element in enumerate(children(stream, "Event")):
            if len(found) >= _MAX_EVENTS:
                return tuple(found)
            start = integer(element.attrib, "presentationTime") or 0
            length = integer(element.attrib, "duration")
            out, duration_s = _meaning(element)
            found.append(
                Event(
                    id=element.attrib.get("id", f"{start}.{at}")[:64],
                    start_s=(start - offset) / scale,
                    duration_s=duration_s if length is None else length / scale,
                    out_of_network=out,
                )
            )
    return tuple(found)


def inband_events(data: bytes, segment_s: float, media_zero_s: float) -> list[Event]:
    """SCTE-35 in the emsg boxes before a segment's first moof.

    `segment_s` is the segment's start, `media_zero_s` that of media time 0; both from the period's start.
    What cannot be read is left out.
    """
    found = []
    for box in _message_boxes(data):
        try:
            found.append(_message(box, segment_s, media_zero_s))
        except (ValueError, struct.error):
            continue
    return [event for event in found if event is not None]


def _meaning(event: Element) -> tuple[bool | None, float | None]:
    """(a break begins, its seconds) of an Event in binary or XML form."""
    for element in event.iter():
        name = local(element)
        if name == "Binary" or (element is event and len(event) == 0):
            text = element.text or event.attrib.get("messageData", "")
            return _binary(text) if text.strip() else (None, None)
        if name == "SpliceInsert":
            said = element.attrib.get("outOfNetworkIndicator", "").strip().lower()
            duration = next(children(element, "BreakDuration"), None)
            out = {"true": True, "1": True, "false": False, "0": False}.get(said)
            return out, None if duration is None else _ticks(duration.attrib, "duration")
        if name == "SegmentationDescriptor":
            kind = integer(element.attrib, "segmentationTypeId")
            length = _ticks(element.attrib, "segmentationDuration")
            one = scte35.Segmentation(event_id=0, type_id=kind, duration_s=length)
            said_so = _says(scte35.Splice(command="time_signal", segmentation=(one,)))
            if said_so[0] is not None:
                return said_so
    return None, None


def _ticks(attributes: dict[str, str], name: str) -> float | None:
    ticks = integer(attributes, name)
    return None if ticks is None else ticks / _CLOCK_HZ


def _binary(text: str) -> tuple[bool | None, float | None]:
    try:
        return _says(scte35.from_text("".join(text[:_MAX_TEXT_CHARS].split())))
    except ValueError:
        return None, None


def _says(splice: scte35.Splice) -> tuple[bool | None, float | None]:
    """(a break begins, its seconds)."""
    return True if splice.begins else False if splice.ends else None, splice.break_s


def _message_boxes(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if kind in (b"moof", b"mdat") or size < 8:
            return
        if kind == b"emsg":
            yield data[at + 8 : at + size]
        at += size


def _message(box: bytes, segment_s: float, media_zero_s: float) -> Event | None:
    """One emsg of version 0 or 1; None when it is not SCTE-35. Raises `ValueError`, `struct.error`."""
    if box[:1] == b"\0":
        scheme, _value, rest = box[4:].split(b"\0", 2)
        scale, delta, duration, number = struct.unpack_from(">IIII", rest)
        start_s, payload = segment_s + delta / max(scale, 1), rest[16:]
    else:
        scale, time, duration, number = struct.unpack_from(">IQII", box, 4)
        scheme, _value, payload = box[24:].split(b"\0", 2)
        start_s = media_zero_s + time / max(scale, 1)
    if not scheme.decode("ascii", "replace").startswith(_SCHEMES):
        return None
    out, duration_s = _says(scte35.parse_section(payload[:_MAX_TEXT_CHARS]))
    if duration not in (0, _UNTIL_FURTHER):
        duration_s = duration / max(scale, 1)
    return Event(id=f"emsg {number}", start_s=start_s, duration_s=duration_s, out_of_network=out)
