"""Where pictures begin: PES headers, their time stamps, and whether a decoder can start there."""

from __future__ import annotations

from dataclasses import dataclass

CLOCK_HZ = 90_000
CLOCK_PERIOD = 1 << 33
"""Ticks of 90 kHz after which time stamps begin anew."""
_MPEG2 = (0x01, 0x02)
_H264 = 0x1B
_HEVC = 0x24
_VVC = 0x33


@dataclass(frozen=True, slots=True)
class PesStart:
    """The start of a PES packet, as far as its first transport packet tells."""

    pts: int | None
    dts: int | None
    """Equal to `pts` where the packet gives none of its own."""
    payload: bytes


def parse_pes(body: bytes) -> PesStart | None:
    """The PES packet that begins in a transport packet's payload (ISO/IEC 13818-1 2.4.3.6), else None."""
    if len(body) < 9 or body[:3] != b"\x00\x00\x01" or body[6] & 0xC0 != 0x80:
        return None
    flags, length = body[7], body[8]
    pts = _stamp(body[9:14]) if flags & 0x80 else None
    dts = _stamp(body[14:19]) if flags & 0xC0 == 0xC0 else pts
    return PesStart(pts, dts, body[9 + length :])


def can_start(payload: bytes, stream_type: int) -> bool:
    """Whether a picture begins as its decoder can: with parameter sets, or as an IRAP or IDR picture."""
    at = payload.find(b"\x00\x00\x01")
    while 0 <= at < len(payload) - 3:
        unit = payload[at + 3]
        if stream_type in _MPEG2 and unit == 0xB3:  # sequence header
            return True
        if stream_type == _H264 and unit & 0x1F in (5, 7):  # IDR, SPS (ITU-T H.264 table 7-1)
            return True
        if stream_type == _HEVC and (unit >> 1 & 0x3F) in (*range(16, 24), 32, 33):  # IRAP, VPS, SPS
            return True
        if stream_type == _VVC and at + 4 < len(payload) and (payload[at + 4] >> 3) in (7, 8, 9, 10, 14, 15):
            return True
        at = payload.find(b"\x00\x00\x01", at + 3)
    return False


def ticks_between(earlier: int, later: int) -> int:
    """Signed distance of two time stamps over the wrap of their clock."""
    half = CLOCK_PERIOD // 2
    return (later - earlier + half) % CLOCK_PERIOD - half


def _stamp(field: bytes) -> int | None:
    if len(field) < 5:
        return None
    return (
        (field[0] >> 1 & 0x07) << 30 | field[1] << 22 | (field[2] >> 1) << 15 | field[3] << 7 | field[4] >> 1
    )
