"""Transport streams packet by packet, written from ISO/IEC 13818-1 and independent of `qoed.ts`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

PACKET = 188
PAT_PID, PMT_PID, VIDEO, SOUND, NULL = 0, 4096, 256, 257, 0x1FFF
H264, AAC, METADATA, SCTE35 = 0x1B, 0x0F, 0x15, 0x86
FPS = 25
GOP_S = 2.0
LEAD_S = 0.2
"""A picture's packets come so long before it is shown."""


def packet(
    pid: int,
    count: int,
    payload: bytes = b"",
    *,
    start: bool = False,
    pcr_s: float | None = None,
    key: bool = False,
    discontinuous: bool = False,
    scrambled: int = 0,
    error: bool = False,
) -> bytes:
    """One packet; the payload is filled up with an adaptation field, and there is none for b""."""
    flags = discontinuous << 7 | key << 6 | (pcr_s is not None) << 4
    field = bytes([flags]) + (clock_reference(pcr_s) if pcr_s is not None else b"")
    room = PACKET - 4 - len(payload)
    adapted = room > 0 or flags != 0
    head = bytes(
        [
            0x47,
            error << 7 | start << 6 | pid >> 8,
            pid & 0xFF,
            scrambled << 6 | adapted << 5 | bool(payload) << 4 | count & 0x0F,
        ]
    )
    if not adapted:
        return head + payload
    if room == 1:
        return head + b"\x00" + payload
    field = field.ljust(room - 1, b"\xff")
    whole = head + bytes([len(field)]) + field + payload
    assert len(whole) == PACKET, len(whole)
    return whole


def clock_reference(seconds: float) -> bytes:
    """A PCR."""
    ticks = round(seconds * 27_000_000) % ((1 << 33) * 300)
    base, extension = divmod(ticks, 300)
    return (base << 15 | 0x3F << 9 | extension).to_bytes(6, "big")


def stamp(seconds: float, mark: int) -> bytes:
    """A PTS or DTS."""
    ticks = round(seconds * 90_000) % (1 << 33)
    return bytes(
        [
            mark << 4 | (ticks >> 30) << 1 | 1,
            ticks >> 22 & 0xFF,
            (ticks >> 15 & 0x7F) << 1 | 1,
            ticks >> 7 & 0xFF,
            (ticks & 0x7F) << 1 | 1,
        ]
    )


def pes(stream_id: int, pts_s: float, payload: bytes) -> bytes:
    """A PES packet without a length, as of video."""
    return b"\x00\x00\x01" + bytes([stream_id, 0, 0, 0x80, 0x80, 5]) + stamp(pts_s, 2) + payload


def crc32(data: bytes) -> int:
    """Annex A, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register & 0x80000000 else 0)) & 0xFFFFFFFF
    return register


def section(table: int, number: int, body: bytes, *, good: bool = True) -> bytes:
    """A section with its CRC, as payload of a packet that starts it."""
    length = 5 + len(body) + 4
    head = bytes([table, 0xB0 | length >> 8, length & 0xFF, number >> 8, number & 0xFF, 0xC1, 0, 0])
    crc = crc32(head + body) ^ (0 if good else 1)
    return b"\x00" + head + body + crc.to_bytes(4, "big")


def pat(programs: dict[int, int], *, table: int = 0, good: bool = True) -> bytes:
    """Payload of a PAT."""
    body = b"".join(
        number.to_bytes(2, "big") + (0xE000 | pid).to_bytes(2, "big") for number, pid in programs.items()
    )
    return section(table, 1, body, good=good)


def pmt(number: int, streams: dict[int, int], clock: int = VIDEO) -> bytes:
    """Payload of a PMT: PID to stream type."""
    body = (0xE000 | clock).to_bytes(2, "big") + b"\xf0\x00"
    for pid, kind in streams.items():
        body += bytes([kind]) + (0xE000 | pid).to_bytes(2, "big") + b"\xf0\x00"
    return section(2, number, body)


@dataclass(frozen=True)
class Sent:
    """A packet and the time at which it is due."""

    at_s: float
    data: bytes

    @property
    def pid(self) -> int:
        """Its PID."""
        return (self.data[1] & 0x1F) << 8 | self.data[2]


@dataclass
class Layout:
    """What a healthy stream is made of."""

    seconds: float = 6.0
    start_s: float = 10.0
    tables_s: float = 0.08
    programs: dict[int, int] | None = None
    pat_payload: bytes | None = None
    pmt_payload: bytes | None = None
    pmt_pid: int = PMT_PID
    clock: int = VIDEO
    keys: bool = True
    video_packets: int = 8


def stream(layout: Layout | None = None) -> list[Sent]:
    """Pictures of 40 ms, each with PCR and sound, and tables every `tables_s`."""
    made = layout or Layout()
    counts: dict[int, int] = {}
    out: list[Sent] = []

    def send(at_s: float, pid: int, payload: bytes, **flags: object) -> None:
        count = counts[pid] = counts.get(pid, -1) + 1
        out.append(Sent(at_s, packet(pid, count, payload, **flags)))  # type: ignore[arg-type]

    tables_at = 0.0
    programs = made.programs or {1: made.pmt_pid}
    for index in range(round(made.seconds * FPS)):
        at_s = index / FPS
        if at_s >= tables_at - 1e-9:
            send(at_s, PAT_PID, made.pat_payload or pat(programs), start=True)
            send(
                at_s,
                made.pmt_pid,
                made.pmt_payload or pmt(1, {VIDEO: H264, SOUND: AAC}, made.clock),
                start=True,
            )
            tables_at += made.tables_s
        shown_s = made.start_s + at_s
        key = made.keys and index % round(GOP_S * FPS) == 0
        unit = b"\x00\x00\x01\x09\xf0\x00\x00\x01" + (b"\x67" if key else b"\x41")
        first = pes(0xE0, shown_s + LEAD_S, unit).ljust(170, b"\x5a")
        send(at_s, VIDEO, first, start=True, pcr_s=shown_s, key=key)
        for part in range(made.video_packets - 1):
            send(at_s, VIDEO, bytes([index & 0xFF, part]) * 92)
        send(at_s, SOUND, pes(0xC0, shown_s + LEAD_S, b"\xff\xf1").ljust(150, b"\xa5"), start=True)
    return out


def joined(packets: Iterable[Sent | bytes]) -> bytes:
    """The stream's bytes."""
    return b"".join(each.data if isinstance(each, Sent) else each for each in packets)


def without(packets: list[Sent], pid: int, since_s: float = 0.0, until_s: float = 1e9) -> list[Sent]:
    """Less the packets of a PID in a span of time, its counters going on as if they had never been."""
    kept: list[Sent] = []
    count = 0
    for sent in packets:
        if sent.pid != pid:
            kept.append(sent)
        elif not since_s <= sent.at_s < until_s:
            kept.append(renumbered(sent, count))
            count += 1
    return kept


def renumbered(sent: Sent, count: int) -> Sent:
    """With another counter."""
    data = bytearray(sent.data)
    data[3] = data[3] & 0xF0 | count & 0x0F
    return Sent(sent.at_s, bytes(data))


def places(packets: list[Sent], pid: int) -> list[int]:
    """Where the packets of a PID stand."""
    return [index for index, sent in enumerate(packets) if sent.pid == pid]


def edited(packets: list[Sent], place: int, edit: Callable[[bytearray], None]) -> list[Sent]:
    """With one packet changed."""
    data = bytearray(packets[place].data)
    edit(data)
    return [*packets[:place], Sent(packets[place].at_s, bytes(data)), *packets[place + 1 :]]
