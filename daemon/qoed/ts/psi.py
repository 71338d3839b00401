"""Program specific information: sections, PAT and PMT (ISO/IEC 13818-1 2.4.4)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

PAT_PID = 0
PAT_TABLE = 0x00
PMT_TABLE = 0x02
_STUFFING = 0xFF
_MAX_SECTION = 1024
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))

Kind = Literal["video", "sound", "other"]

_VIDEO = frozenset({0x01, 0x02, 0x10, 0x1B, 0x20, 0x21, 0x24, 0x33, 0x42, 0xD1, 0xEA})
_SOUND = frozenset({0x03, 0x04, 0x0F, 0x11, 0x1C, 0x2D, 0x2E, 0x81, 0x84, 0x87, 0xC1, 0xCF})
_PRIVATE = 0x06
_SOUND_DESCRIPTORS = frozenset({0x6A, 0x7A, 0x7B, 0x7C})
"""AC-3, E-AC-3, DTS, AAC (EN 300 468 6.1) say what a private stream is."""
_REGISTRATION = 0x05
_FORMATS: dict[bytes, Kind] = {
    **dict.fromkeys((b"AC-3", b"EAC3", b"Opus", b"DTS1", b"DTS2", b"DTS3", b"BSSD"), "sound"),
    **dict.fromkeys((b"HEVC", b"AV01", b"VC-1", b"drac"), "video"),
}
"""What registration descriptors say of it."""


@dataclass(frozen=True, slots=True)
class Elementary:
    """One elementary stream that a PMT lists."""

    pid: int
    stream_type: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Program:
    """What a PMT says."""

    number: int
    pcr_pid: int
    streams: tuple[Elementary, ...]

    def pids(self) -> set[int]:
        """PIDs of its streams and of its clock."""
        return {stream.pid for stream in self.streams} | {self.pcr_pid}


class SectionError(ValueError):
    """A section that is damaged or malformed."""


class SectionReader:
    """Puts the sections of one PID together from its packets' payloads."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, body: bytes, starts: bool) -> list[bytes]:
        """The sections that this payload completes; damaged ones are the caller's to refuse."""
        found: list[bytes] = []
        if starts:
            pointer = body[0] if body else 0
            if self._partial:
                self._partial += body[1 : 1 + pointer]
                self._complete(found)
            self._partial = body[1 + pointer :]
        elif self._partial:
            self._partial += body
        self._complete(found)
        return found

    def _complete(self, found: list[bytes]) -> None:
        while len(self._partial) >= 3 and self._partial[0] != _STUFFING:
            length = 3 + ((self._partial[1] & 0x0F) << 8 | self._partial[2])
            if length > _MAX_SECTION:
                self._partial = b""
                return
            if len(self._partial) < length:
                return
            found.append(self._partial[:length])
            self._partial = self._partial[length:]
        if self._partial[:1] == bytes([_STUFFING]):
            self._partial = b""


def crc32_mpeg(data: bytes) -> int:
    """CRC-32 of ISO/IEC 13818-1 annex A; 0 over a section with its CRC."""
    reflected = zlib.crc32(data.translate(_REVERSED)) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


def parse_pat(section: bytes) -> dict[int, int] | None:
    """Program number to PID of its PMT; None when not in force yet. Raises `SectionError`."""
    body = _checked(section, 8)
    if body is None:
        return None
    programs = {}
    for at in range(0, len(body) - 3, 4):
        number = body[at] << 8 | body[at + 1]
        if number:  # 0 is the network's PID
            programs[number] = (body[at + 2] & 0x1F) << 8 | body[at + 3]
    return programs


def parse_pmt(section: bytes) -> Program | None:
    """The program; None when not in force yet. Raises `SectionError`."""
    body = _checked(section, 12)
    if body is None:
        return None
    head = section[8:12]
    at = (head[2] & 0x0F) << 8 | head[3]
    streams = []
    while at + 5 <= len(body):
        length = (body[at + 3] & 0x0F) << 8 | body[at + 4]
        pid = (body[at + 1] & 0x1F) << 8 | body[at + 2]
        descriptors = body[at + 5 : at + 5 + length]
        streams.append(Elementary(pid, body[at], _kind(body[at], descriptors)))
        at += 5 + length
    return Program(
        number=section[3] << 8 | section[4],
        pcr_pid=(head[0] & 0x1F) << 8 | head[1],
        streams=tuple(streams),
    )


def _checked(section: bytes, start: int) -> bytes | None:
    """A section's body from `start` to its CRC; None when it is not in force yet."""
    if len(section) < start + 4 or not section[1] & 0x80:
        raise SectionError("too short")
    if crc32_mpeg(section) != 0:
        raise SectionError("wrong CRC")
    return section[start:-4] if section[5] & 0x01 else None


def _kind(stream_type: int, descriptors: bytes) -> Kind:
    if stream_type in _VIDEO:
        return "video"
    if stream_type in _SOUND:
        return "sound"
    if stream_type == _PRIVATE:
        at = 0
        while at + 2 <= len(descriptors):
            tag, length = descriptors[at], descriptors[at + 1]
            if tag in _SOUND_DESCRIPTORS:
                return "sound"
            if tag == _REGISTRATION and (found := _FORMATS.get(descriptors[at + 2 : at + 6])):
                return found
            at += 2 + length
    return "other"
