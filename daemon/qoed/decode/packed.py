"""Packed audio: coded sound without a container, after an ID3 tag with its time (RFC 8216bis 3.1.4)."""

from __future__ import annotations

from qoed.decode.errors import UndecodableError

_OWNER = b"com.apple.streaming.transportStreamTimestamp\0"
_ID3_HEAD = 10
_MPEG_CLOCK = 90_000
_PTS_BITS = 33


def id3_length(media: memoryview | bytes) -> int:
    """Bytes of the ID3v2 tag that the media begins with, 0 without one (ID3v2.4 structure 3.1)."""
    head = bytes(media[:_ID3_HEAD])
    if len(head) < _ID3_HEAD or head[:3] != b"ID3":
        return 0
    return _ID3_HEAD + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])


def start_of(media: memoryview | bytes) -> float | None:
    """Presentation time (s) of the first sample by the tag's PRIV frame, None without one."""
    tag = bytes(media[: id3_length(media)])
    at = tag.find(_OWNER)
    value = tag[at + len(_OWNER) : at + len(_OWNER) + 8] if at >= 0 else b""
    if len(value) < 8:
        return None
    return (int.from_bytes(value, "big") & ((1 << _PTS_BITS) - 1)) / _MPEG_CLOCK


def packed_format(media: memoryview | bytes) -> str:
    """FFmpeg's name for the sound by its own sync bytes. Raises `UndecodableError`."""
    start = id3_length(media)
    head = bytes(media[start : start + 6])
    if len(head) == 6:
        if head[0] == 0xFF and head[1] & 0xF6 == 0xF0:  # ISO/IEC 13818-7 6.2, layer always 0
            return "aac"
        if head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # ISO/IEC 11172-3 2.4.2.3
            return "mp3"
        if head[:2] == b"\x0b\x77":  # ETSI TS 102 366 4.4.2: bsid above 10 is E-AC-3
            return "eac3" if head[5] >> 3 > 10 else "ac3"
    raise UndecodableError("not packed_audio: no ADTS, MP3, AC-3 or E-AC-3 frame after the ID3 tag")
