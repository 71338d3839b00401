"""RTP with MPEG-TS: payloads in order, losses counted, everything else refused or ignored."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qoed.ingest.failure import InputError
from qoed.ingest.rtp import REORDER, RtpStream

PAYLOAD = 7 * 188


def rtp(
    sequence: int,
    payload: bytes | None = None,
    *,
    kind: int = 33,
    sender: int = 1,
    csrc: int = 0,
    extension: bytes = b"",
    padding: int = 0,
) -> bytes:
    """A packet of RFC 3550; its payload begins with its sequence number unless given."""
    body = bytes([0x47]) + sequence.to_bytes(3, "big") if payload is None else payload
    head = bytes([0x80 | bool(padding) << 5 | bool(extension) << 4 | csrc, kind])
    head += (sequence & 0xFFFF).to_bytes(2, "big") + bytes(4) + sender.to_bytes(4, "big") + bytes(4 * csrc)
    if extension:
        head += b"\xbe\xde" + (len(extension) // 4).to_bytes(2, "big") + extension
    return head + body + (bytes(padding - 1) + bytes([padding]) if padding else b"")


def numbers(payloads: list[bytes]) -> list[int]:
    return [int.from_bytes(each[1:4], "big") for each in payloads]


def play(*sequences: int) -> tuple[RtpStream, list[int]]:
    """Packets in this order of arrival."""
    stream = RtpStream()
    out: list[bytes] = []
    for sequence in sequences:
        out += stream.take(rtp(sequence))
    return stream, numbers(out + stream.flush())


def test_packets_in_order_pass_at_once() -> None:
    """Nothing waits while nothing is missing."""
    stream = RtpStream()
    for sequence in (65534, 65535, 65536, 65537):  # over the wrap
        assert numbers(stream.take(rtp(sequence))) == [sequence]
    assert (stream.received, stream.lost, stream.late) == (4, 0, 0)


def test_reordered_packets_are_put_in_order() -> None:
    """What comes too early waits for what is missing."""
    stream, order = play(10, 12, 13, 11, 14)

    assert order == [10, 11, 12, 13, 14]
    assert (stream.lost, stream.late) == (0, 0)


def test_missing_packet_is_lost_after_a_bounded_wait() -> None:
    """So many later packets, and the missing one is given up; if it comes after all, it is late."""
    stream, order = play(*(n for n in range(100) if n != 50), 50)

    assert order == [n for n in range(100) if n != 50]
    assert (stream.lost, stream.late, stream.received) == (1, 1, 100)


def test_silence_ends_the_wait() -> None:
    """When nothing more comes, what waits goes on."""
    stream = RtpStream()
    stream.take(rtp(1))
    assert stream.take(rtp(4)) == []
    assert numbers(stream.flush()) == [4]
    assert stream.lost == 2


def test_copies_are_late() -> None:
    """A packet that comes twice passes once."""
    stream, order = play(1, 2, 2, 3)

    assert order == [1, 2, 3]
    assert stream.late == 1


@pytest.mark.parametrize("leap", [5000, 40_000])
def test_sender_that_begins_anew_loses_nothing(leap: int) -> None:
    """Sequence numbers that leap far are a restart, as is another SSRC."""
    stream, order = play(1, 2, 2 + leap, 3 + leap)
    assert order == [1, 2, 2 + leap, 3 + leap]
    assert stream.lost == 0

    assert numbers(stream.take(rtp(7, sender=2))) == [7]
    assert stream.lost == 0


def test_header_fields_are_skipped() -> None:
    """Contributing sources, header extension and padding are no media."""
    body = b"\x47" + bytes(187)
    stream = RtpStream()

    assert stream.take(rtp(1, body, csrc=3, extension=bytes(8), padding=5)) == [body]


def test_other_media_are_refused_by_name() -> None:
    """RTP that carries something else is an error that says what; MPEG-TS of a dynamic type passes."""
    with pytest.raises(InputError, match=r"^RTP payload type 96 is not MPEG-TS \(type 33\)$"):
        RtpStream().take(rtp(1, b"\x65" + bytes(100), kind=96))
    assert RtpStream().take(rtp(1, kind=96)) != []


@pytest.mark.parametrize("noise", [b"", b"\x80", b"G" * 188, rtp(1)[:12], b"\xa0" + rtp(1, b"x\xc8")[1:]])
def test_what_is_no_rtp_is_ignored(noise: bytes) -> None:
    """Stray datagrams on the port do no harm."""
    stream = RtpStream()

    assert stream.take(noise) == []
    assert stream.received == 0


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.floats(0, 0.3))
def test_counts_add_up(seed: int, loss: float) -> None:
    """With losses and reordering at random, every packet passes once and in order, or is counted as lost."""
    dice = random.Random(seed)
    sent = list(range(400))
    came = [n for n in sent if n == 0 or dice.random() >= loss]
    came.sort(key=lambda n: n + dice.uniform(0, REORDER / 4))
    stream = RtpStream()
    out: list[bytes] = []
    for sequence in came:
        out += stream.take(rtp(sequence))
    order = numbers(out + stream.flush())

    assert order == sorted(set(order))
    assert len(order) + stream.late == len(came)
    assert stream.lost == order[-1] - order[0] + 1 - len(order)
