"""SCTE 35 sections: what tells ad breaks is read, everything else is refused with a reason."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qoed.source.scte35 import Segmentation, Splice, crc32_mpeg, from_text, parse_section
from splices import hexadecimal, section, segmentation, splice_insert, time_signal


def test_crc_is_that_of_mpeg() -> None:
    """The check value of CRC-32/MPEG-2 comes out."""
    assert crc32_mpeg(b"123456789") == 0x0376E6E7


def test_splices_written_by_others_are_read() -> None:
    """Sections of the standard's own kind of equipment, in base64 and hexadecimal, are understood."""
    text = "/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo="
    both = from_text(text), from_text(hexadecimal(base64.b64decode(text)))
    signal = from_text("/DAvAAAAAAAA///wBQb+dGKQoAAZAhdDVUVJSAAAjn+fCAgAAAAALKChijUCAKnMZ1g=")

    assert both[0] == both[1]
    assert both[0] == Splice(
        command="splice_insert",
        event_id=0x4800008F,
        out=True,
        pts_s=pytest.approx(21514.559, abs=0.001),
        duration_s=pytest.approx(60.294, abs=0.001),
        auto_return=True,
    )
    assert signal.segmentation == (Segmentation(event_id=0x4800008E, type_id=0x35),)
    assert (signal.begins, signal.ends) == (False, True)


def test_splice_out_and_back() -> None:
    """A splice_insert says whether a break begins or ends, for how long, and whether it ends by itself."""
    out = parse_section(splice_insert(7, out=True, pts_s=10.0, duration_s=30.0, auto_return=False))
    back = parse_section(splice_insert(7, out=False, pts_s=None))
    cancelled = parse_section(splice_insert(7, out=True, cancelled=True))

    assert (out.event_id, out.pts_s, out.break_s, out.auto_return) == (7, 10.0, 30.0, False)
    assert [(one.begins, one.ends) for one in (out, back, cancelled)] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    assert (back.pts_s, back.break_s, cancelled.cancelled) == (None, None, True)


@pytest.mark.parametrize(
    ("type_id", "begins", "ends"),
    [
        (0x22, True, False),
        (0x23, False, True),
        (0x30, True, False),
        (0x35, False, True),
        (0x10, False, False),
    ],
)
def test_segmentation_tells_breaks(type_id: int, begins: bool, ends: bool) -> None:
    """A time_signal begins or ends a break by the type of its segmentation, and a programme is none."""
    splice = parse_section(time_signal(segmentation(1, 0x01), segmentation(2, type_id, 12.5)))

    assert (splice.begins, splice.ends) == (begins, ends)
    assert splice.break_s == (12.5 if begins else None)


def test_splice_time_is_adjusted_and_wraps() -> None:
    """pts_adjustment is added to the splice time, on the 33-bit clock."""
    command = bytes.fromhex("fe00000000")
    late = parse_section(section(0x06, command, adjust_s=5.0))
    last = (1 << 33) - 1
    wrapped = parse_section(
        section(0x06, (0xFE << 32 | last & 0xFFFFFFFF | (1 << 32)).to_bytes(5, "big"), adjust_s=1.0)
    )

    assert late.pts_s == 5.0
    assert wrapped.pts_s == pytest.approx(1.0, abs=1e-4)


def test_what_is_not_read_is_named() -> None:
    """Commands that tell no breaks, and encrypted sections, are read as far as that."""
    assert parse_section(section(0x00, b"")).command == "splice_null"
    assert parse_section(section(0xFF, b"CUEIxx")).command == "other"
    assert parse_section(section(0x05, bytes(20), encrypted=True)).command == "encrypted"


GOOD = splice_insert(7, out=True, duration_s=30.0)
BROKEN = {
    "it is cut short": GOOD[:10],
    "its table id is 0x00, not 0xFC": b"\0" + GOOD[1:],
    "its length does not fit": GOOD[:-1],
    "its CRC does not fit": GOOD[:-1] + bytes((GOOD[-1] ^ 1,)),
}


@pytest.mark.parametrize(("reason", "data"), BROKEN.items())
def test_broken_sections_are_refused_with_a_reason(reason: str, data: bytes) -> None:
    """What is no section is a `ValueError` that says why."""
    with pytest.raises(ValueError, match=reason):
        parse_section(data)


@pytest.mark.parametrize("text", ["", "0x", "0xZZ", "0xFC3", "no base64!", "Ä", "A" * 100_000])
def test_text_that_is_no_section_is_refused(text: str) -> None:
    """Text that is neither hexadecimal nor base64, or too long, is a `ValueError`."""
    with pytest.raises(ValueError, match="it is "):
        from_text(text)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 0xFF))
def test_whatever_a_section_holds_is_read_or_refused(body: bytes, command: int) -> None:
    """Bytes with a right CRC but any content give a splice or a `ValueError`, nothing else."""
    data = section(command, body[:50], body[50:])
    try:
        splice = parse_section(data)
    except ValueError as error:
        assert str(error).startswith("it")  # noqa: PT017
    else:
        assert not (splice.begins and splice.command == "other")
