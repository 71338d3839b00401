"""SCTE 35 splice information: what an ad marker of a playlist, an MPD or a transport stream says.

Only what tells breaks is read: commands splice_insert and time_signal, and segmentation descriptors. Sections
are checked by length and CRC-32; of encrypted ones only the command is known.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from typing import Literal

Command = Literal["splice_null", "splice_insert", "time_signal", "other", "encrypted"]

MAX_BYTES = 4096
"""Of a section: its length has twelve bits (9.6)."""
_TABLE_ID = 0xFC
_COMMAND_AT = 11
"""Bytes from the section's length to its command (9.6)."""
_HEAD_BYTES = 2048
"""More than the longest splice_insert has."""
_MAX_DESCRIPTORS = 64
_CUEI = b"CUEI"
_CLOCK_HZ = 90_000
_COMMANDS: dict[int, Command] = {0x00: "splice_null", 0x05: "splice_insert", 0x06: "time_signal"}
_SEGMENTATION_TAG = 0x02
_BREAK_STARTS = frozenset({0x22, 0x30, 0x32, 0x34, 0x36, 0x44, 0x46})
"""segmentation_type_id (10.3.3.1) of breaks, advertisements, their blocks and places; ends are one more."""
_BREAK_ENDS = frozenset(type_id + 1 for type_id in _BREAK_STARTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """A segmentation_descriptor (10.3.3). `type_id` is None of a cancelled one."""

    event_id: int
    cancelled: bool = False
    type_id: int | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """One splice_info_section (9.6); what it does not say is None."""

    command: Command
    event_id: int | None = None
    cancelled: bool = False
    out: bool | None = None
    """splice_insert: away from the network, into a break; False: back."""
    pts_s: float | None = None
    """splice_time with the section's adjustment, seconds of the 33-bit clock."""
    duration_s: float | None = None
    auto_return: bool | None = None
    """The break ends by itself after `duration_s`."""
    segmentation: tuple[Segmentation, ...] = ()

    @property
    def begins(self) -> bool:
        """A break begins here."""
        if self.command == "splice_insert":
            return self.out is True and not self.cancelled
        return any(one.type_id in _BREAK_STARTS for one in self.segmentation)

    @property
    def ends(self) -> bool:
        """A break ends here."""
        if self.command == "splice_insert":
            return self.out is False and not self.cancelled
        return any(one.type_id in _BREAK_ENDS for one in self.segmentation)

    @property
    def break_s(self) -> float | None:
        """Announced seconds of the break that begins here."""
        if self.command == "splice_insert":
            return self.duration_s
        durations = [one.duration_s for one in self.segmentation if one.type_id in _BREAK_STARTS]
        return next((duration for duration in durations if duration is not None), None)


class _Bits:
    """Reads big-endian bit fields. Raises `ValueError` at the end of the bytes."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._bytes = len(data)
        self.left = len(data) * 8

    @property
    def read_bytes(self) -> int:
        """Whole bytes taken so far."""
        return self._bytes - self.left // 8

    def take(self, count: int) -> int:
        if count > self.left:
            raise ValueError("it is cut short")
        self.left -= count
        return (self._value >> self.left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return bool(self.take(1))


def from_text(text: str) -> Splice:
    """Read hexadecimal (`0xFC30...`, as EXT-X-DATERANGE has it) or base64. Raises `ValueError`."""
    text = text.strip()
    if len(text) > 3 * MAX_BYTES:
        raise ValueError("it is too long")
    hexadecimal = text[:2] in ("0x", "0X")
    try:
        data = binascii.unhexlify(text[2:]) if hexadecimal else base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError("it is neither hexadecimal nor base64") from error
    return parse_section(data)


def parse_section(data: bytes) -> Splice:
    """Read one section, from its table id to its CRC. Raises `ValueError` saying what is wrong."""
    if len(data) < 20:
        raise ValueError("it is cut short")
    if data[0] != _TABLE_ID:
        raise ValueError(f"its table id is 0x{data[0]:02X}, not 0xFC")
    length = int.from_bytes(data[1:3], "big") & 0xFFF
    data = data[: 3 + length]
    if len(data) != 3 + length or length < 17:
        raise ValueError("its length does not fit")
    if crc32_mpeg(data) != 0:
        raise ValueError("its CRC does not fit")
    bits = _Bits(data[3:-4][:_HEAD_BYTES])
    bits.take(8)  # protocol_version
    encrypted = bits.flag()
    bits.take(6)
    adjustment = bits.take(33)
    bits.take(8 + 12)  # cw_index, tier
    command_length, command_type = bits.take(12), bits.take(8)
    if encrypted:
        return Splice(command="encrypted")
    command = _COMMANDS.get(command_type, "other")
    fields: dict[str, int | float | bool | None] = {}
    if command == "splice_insert":
        fields = _splice_insert(bits, adjustment)
    elif command == "time_signal":
        fields = {"pts_s": _splice_time(bits, adjustment)}
    if command_length == 0xFFF:  # writers of the first edition did not say
        if command == "other":
            return Splice(command=command)
        command_length = bits.read_bytes - _COMMAND_AT
    descriptors = _descriptors(data[3 + _COMMAND_AT + command_length : -4])
    return Splice(command=command, segmentation=descriptors, **fields)  # type: ignore[arg-type]


def crc32_mpeg(data: bytes) -> int:
    """CRC-32 of MPEG-2 sections (ISO/IEC 13818-1 annex A); 0 for data that ends with its own CRC.

    It is zlib's with the bits of each byte, and of the result, the other way round and not inverted.
    """
    crc = zlib.crc32(data.translate(_REVERSED)) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _splice_insert(bits: _Bits, adjustment: int) -> dict[str, int | float | bool | None]:
    fields: dict[str, int | float | bool | None] = {"event_id": bits.take(32), "cancelled": bits.flag()}
    bits.take(7)
    if fields["cancelled"]:
        return fields
    fields["out"] = bits.flag()
    program, with_duration, immediate = bits.flag(), bits.flag(), bits.flag()
    bits.take(4)
    if program and not immediate:
        fields["pts_s"] = _splice_time(bits, adjustment)
    if not program:
        for _component in range(bits.take(8)):
            bits.take(8)
            if not immediate:
                _splice_time(bits, adjustment)
    if with_duration:
        fields["auto_return"] = bits.flag()
        bits.take(6)
        fields["duration_s"] = bits.take(33) / _CLOCK_HZ
    bits.take(16 + 8 + 8)  # unique_program_id, avail_num, avails_expected
    return fields


def _splice_time(bits: _Bits, adjustment: int) -> float | None:
    if not bits.flag():
        bits.take(7)
        return None
    bits.take(6)
    return ((bits.take(33) + adjustment) & (2**33 - 1)) / _CLOCK_HZ


def _descriptors(loop: bytes) -> tuple[Segmentation, ...]:
    """The segmentation descriptors of a loop that begins with its length."""
    if len(loop) < 2 or len(loop) < 2 + int.from_bytes(loop[:2], "big"):
        raise ValueError("it is cut short")
    loop = loop[2 : 2 + int.from_bytes(loop[:2], "big")]
    found: list[Segmentation] = []
    while len(loop) >= 2 and len(found) < _MAX_DESCRIPTORS:
        tag, length = loop[0], loop[1]
        body, loop = loop[2 : 2 + length], loop[2 + length :]
        if len(body) < length:
            raise ValueError("it is cut short")
        if tag == _SEGMENTATION_TAG and length >= 9 and body[:4] == _CUEI:
            found.append(_segmentation(_Bits(body[4:])))
    return tuple(found)


def _segmentation(bits: _Bits) -> Segmentation:
    event_id, cancelled = bits.take(32), bits.flag()
    bits.take(7)
    if cancelled:
        return Segmentation(event_id=event_id, cancelled=True)
    program, with_duration = bits.flag(), bits.flag()
    bits.take(6)
    if not program:
        for _component in range(bits.take(8)):
            bits.take(48)
    duration_s = bits.take(40) / _CLOCK_HZ if with_duration else None
    bits.take(8)  # segmentation_upid_type
    bits.take(bits.take(8) * 8)
    return Segmentation(event_id=event_id, type_id=bits.take(8), duration_s=duration_s)
