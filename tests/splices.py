"""SCTE 35 sections for tests, written field by field (ANSI/SCTE 35 9.6, 9.7, 10.3)."""

from __future__ import annotations

from qoed.source.scte35 import crc32_mpeg

HZ = 90_000


class Bits:
    """Writes big-endian bit fields."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, value: int, count: int) -> Bits:
        """`count` bits of `value`."""
        self._text += f"{value:0{count}b}"
        return self

    def bytes(self) -> bytes:
        """What was written; a whole number of bytes."""
        return int(self._text or "0", 2).to_bytes(len(self._text) // 8, "big")


def section(
    command_type: int,
    command: bytes,
    descriptors: bytes = b"",
    *,
    encrypted: bool = False,
    adjust_s: float = 0,
) -> bytes:
    """A splice_info_section with its CRC."""
    head = Bits().add(0, 8).add(encrypted, 1).add(0, 6).add(round(adjust_s * HZ), 33).add(0, 8).add(0xFFF, 12)
    body = head.add(len(command), 12).add(command_type, 8).bytes() + command
    body += len(descriptors).to_bytes(2, "big") + descriptors
    data = b"\xfc" + (0x3000 | (len(body) + 4)).to_bytes(2, "big") + body
    return data + crc32_mpeg(data).to_bytes(4, "big")


def splice_time(pts_s: float | None) -> Bits:
    """splice_time()."""
    if pts_s is None:
        return Bits().add(0, 1).add(0x7F, 7)
    return Bits().add(1, 1).add(0x3F, 6).add(round(pts_s * HZ), 33)


def splice_insert(
    event_id: int,
    *,
    out: bool,
    pts_s: float | None = 1.0,
    duration_s: float | None = None,
    auto_return: bool = True,
    cancelled: bool = False,
) -> bytes:
    """A splice into a break (`out`), or back."""
    bits = Bits().add(event_id, 32).add(cancelled, 1).add(0x7F, 7)
    if not cancelled:
        bits.add(out, 1).add(1, 1).add(duration_s is not None, 1).add(0, 1).add(0xF, 4)
    command = bits.bytes()
    if not cancelled:
        command += splice_time(pts_s).bytes()
        if duration_s is not None:
            command += Bits().add(auto_return, 1).add(0x3F, 6).add(round(duration_s * HZ), 33).bytes()
        command += bytes(4)
    return section(0x05, command)


def time_signal(*descriptors: bytes, pts_s: float | None = 1.0) -> bytes:
    """A time_signal with segmentation descriptors."""
    return section(0x06, splice_time(pts_s).bytes(), b"".join(descriptors))


def segmentation(event_id: int, type_id: int, duration_s: float | None = None) -> bytes:
    """A segmentation_descriptor."""
    bits = Bits().add(0x43554549, 32).add(event_id, 32).add(0, 1).add(0x7F, 7)
    bits.add(1, 1).add(duration_s is not None, 1).add(0x3F, 6)
    if duration_s is not None:
        bits.add(round(duration_s * HZ), 40)
    body = bits.add(0, 8).add(0, 8).add(type_id, 8).add(1, 8).add(1, 8).bytes()
    return bytes((0x02, len(body))) + body


def hexadecimal(data: bytes) -> str:
    """As EXT-X-DATERANGE has it."""
    return f"0x{data.hex().upper()}"
