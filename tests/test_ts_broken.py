"""TR 101 290, first priority: streams broken in one way each, and exactly what is said of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from qoed.model import Reason
from qoed.ts import LASTING, Analyser, Report, analyse
from ts_streams import (
    AAC,
    H264,
    METADATA,
    NULL,
    PAT_PID,
    PMT_PID,
    SCTE35,
    SOUND,
    VIDEO,
    Layout,
    Sent,
    edited,
    joined,
    packet,
    pat,
    places,
    pmt,
    renumbered,
    stream,
    without,
)

Said = dict[Reason, float | None]
"""Reason to value."""
PIECE = 7 * 188


@dataclass(frozen=True)
class Case:
    """`live`: as an endless stream, in datagrams; `segment`: as one HLS segment, where it is another."""

    name: str
    make: Callable[[], bytes]
    live: Said
    segment: Said | None = None
    options: dict[str, Any] = field(default_factory=dict)


def dropped(*numbers: int, pid: int = VIDEO) -> bytes:
    """A stream without some packets of a PID."""
    sent = stream()
    gone = {places(sent, pid)[number] for number in numbers}
    return joined(each for place, each in enumerate(sent) if place not in gone)


def repeated(times: int, *, changed: bool = False) -> bytes:
    """One picture's packet comes again."""
    sent = stream()
    place = places(sent, VIDEO)[100]
    copy = sent[place]
    if changed:
        copy = Sent(copy.at_s, copy.data[:-1] + b"\x00")
    return joined([*sent[: place + 1], *[copy] * times, *sent[place + 1 :]])


def swapped() -> bytes:
    """Two packets of one PID change places."""
    sent = stream()
    a, b = places(sent, VIDEO)[101:103]
    sent[a], sent[b] = sent[b], sent[a]
    return joined(sent)


def leapt(*, announced: bool) -> bytes:
    """The counters of the picture leap by 5, with or without discontinuity_indicator."""
    sent = stream()
    chosen = places(sent, VIDEO)
    for number, place in enumerate(chosen):
        if number >= 400:
            sent[place] = renumbered(sent[place], number + 5)
    if announced:

        def announce(data: bytearray) -> None:
            data[5] |= 0x80

        sent = edited(sent, chosen[400], announce)
    return joined(sent)


def syncs(*numbers: int) -> bytes:
    """Wrong sync bytes at some packets."""
    data = bytearray(joined(stream()))
    for number in numbers:
        data[number * 188] = 0x48
    return bytes(data)


def nulls() -> bytes:
    """Null packets with any counters between the others."""
    dice = random.Random(1)
    out: list[bytes] = []
    for sent in stream():
        out += [sent.data, packet(NULL, dice.randrange(16), bytes(184))]
    return joined(out)


def clock_elsewhere() -> bytes:
    """The PMT names a PID for the clock that never comes."""
    return joined(stream(Layout(clock=300)))


def flagged() -> bytes:
    """transport_error_indicator on one packet."""

    def flag(data: bytearray) -> None:
        data[1] |= 0x80

    sent = stream()
    return joined(edited(sent, places(sent, VIDEO)[50], flag))


def scrambled(pid: int) -> bytes:
    """All packets of a table are scrambled."""

    def scramble(data: bytearray) -> None:
        data[3] |= 0x80

    sent = stream()
    for place in places(sent, pid):
        sent = edited(sent, place, scramble)
    return joined(sent)


def two_programs(second: int) -> bytes:
    """The PAT lists a second program, whose PMT never comes."""
    return joined(stream(Layout(programs={1: PMT_PID, 2: second})))


def streams_of(extra: dict[int, int]) -> bytes:
    """The PMT lists more streams than come."""
    return joined(stream(Layout(pmt_payload=pmt(1, {VIDEO: H264, SOUND: AAC, **extra}))))


def cut_out(length: int) -> bytes:
    """Bytes are missing in the middle."""
    data = joined(stream())
    at = 188 * 500 + 40
    return data[:at] + data[at + length :]


def put_in(length: int) -> bytes:
    """Bytes too many in the middle, between two packets."""
    data = joined(stream())
    at = 188 * 500
    return data[:at] + bytes(length) + data[at:]


CASES = [
    Case("healthy", lambda: joined(stream()), {}),
    Case("one packet lost", lambda: dropped(100), {Reason.TS_CONTINUITY: 1}),
    Case("three packets lost in a row", lambda: dropped(100, 101, 102), {Reason.TS_CONTINUITY: 1}),
    Case("losses at two places", lambda: dropped(100, 300), {Reason.TS_CONTINUITY: 2}),
    Case("a packet of sound lost", lambda: dropped(10, pid=SOUND), {Reason.TS_CONTINUITY: 1}),
    Case("a packet of the PAT lost", lambda: dropped(10, pid=PAT_PID), {Reason.TS_CONTINUITY: 1}),
    Case("sixteen lost in a row cannot be told by counters", lambda: dropped(*range(101, 117)), {}),
    Case("a packet comes twice", lambda: repeated(1), {}),
    Case("a packet comes three times", lambda: repeated(2), {Reason.TS_CONTINUITY: 1}),
    Case(
        "a counter comes twice with other bytes", lambda: repeated(1, changed=True), {Reason.TS_CONTINUITY: 1}
    ),
    Case("two packets out of order", swapped, {Reason.TS_CONTINUITY: 3}),
    Case("counters leap", lambda: leapt(announced=False), {Reason.TS_CONTINUITY: 1}),
    Case("counters leap as announced", lambda: leapt(announced=True), {}),
    Case("null packets with any counters", nulls, {}),
    Case("a packet that the receiver gave up", flagged, {Reason.TS_CONTINUITY: 1}),
    Case("one wrong sync byte", lambda: syncs(200), {Reason.TS_SYNC_BYTE: 1}),
    Case("three wrong sync bytes apart", lambda: syncs(200, 203, 400), {Reason.TS_SYNC_BYTE: 3}),
    Case(
        "two wrong sync bytes in a row",
        lambda: syncs(203, 204),
        {Reason.TS_SYNC_LOSS: 1, Reason.TS_CONTINUITY: 1},
    ),
    Case(
        "sync lost at two places",
        lambda: syncs(203, 204, 705, 706, 707),
        {Reason.TS_SYNC_LOSS: 2, Reason.TS_CONTINUITY: 2},
    ),
    Case("bytes missing", lambda: cut_out(100), {Reason.TS_SYNC_LOSS: 1, Reason.TS_CONTINUITY: 1}),
    Case("bytes too many", lambda: put_in(100), {Reason.TS_SYNC_LOSS: 1}),
    Case(
        "joined in mid-packet",
        lambda: joined(stream())[50:],
        {},
        {Reason.TS_SYNC_LOSS: 0},
    ),
    Case("cut off in mid-packet", lambda: joined(stream())[:-50], {}),
    Case("no transport stream at all", lambda: random.Random(2).randbytes(60_000), {Reason.TS_SYNC_LOSS: 0}),
    Case("no PAT", lambda: joined(without(stream(), PAT_PID)), {Reason.TS_PAT: 5.96}, {Reason.TS_PAT: None}),
    Case(
        "PAT away for a second", lambda: joined(without(stream(), PAT_PID, 2, 3)), {Reason.TS_PAT: 1.12}, {}
    ),
    Case("PAT away for 0.4 s", lambda: joined(without(stream(), PAT_PID, 2, 2.32)), {}),
    Case(
        "PAT with a wrong CRC",
        lambda: joined(stream(Layout(pat_payload=pat({1: PMT_PID}, good=False)))),
        {Reason.TS_PAT: 5.96},
        {Reason.TS_PAT: None},
    ),
    Case(
        "PAT of another table id",
        lambda: joined(stream(Layout(pat_payload=pat({1: PMT_PID}, table=0x40)))),
        {Reason.TS_PAT: 5.96},
        {Reason.TS_PAT: None},
    ),
    Case("PAT scrambled", lambda: scrambled(PAT_PID), {Reason.TS_PAT: 5.96}, {Reason.TS_PAT: None}),
    Case("no PMT", lambda: joined(without(stream(), PMT_PID)), {Reason.TS_PMT: 5.96}, {Reason.TS_PMT: None}),
    Case(
        "PMT away for a second", lambda: joined(without(stream(), PMT_PID, 2, 3)), {Reason.TS_PMT: 1.12}, {}
    ),
    Case("PMT scrambled", lambda: scrambled(PMT_PID), {Reason.TS_PMT: 5.96}, {Reason.TS_PMT: None}),
    Case(
        "PMT where the PAT does not say",
        lambda: joined(stream(Layout(programs={1: 4097}))),
        {Reason.TS_PMT: 5.96},
        {Reason.TS_PMT: None},
    ),
    Case(
        "a second program without PMT",
        lambda: two_programs(4097),
        {Reason.TS_PMT: 5.96},
        {Reason.TS_PMT: None},
    ),
    Case(
        "another program without PMT", lambda: two_programs(4097), {}, {Reason.TS_PMT: None}, {"program": 1}
    ),
    Case("no sound", lambda: joined(without(stream(), SOUND)), {Reason.TS_PID: 5.96}),
    Case("sound away for 5.2 s", lambda: joined(without(stream(), SOUND, 0.4, 5.6)), {Reason.TS_PID: 5.245}),
    Case("sound away for 4 s", lambda: joined(without(stream(), SOUND, 1, 5)), {}),
    Case("a PID for the clock that never comes", clock_elsewhere, {Reason.TS_PID: 5.96}),
    Case("metadata and cues that never come", lambda: streams_of({300: METADATA, 301: SCTE35}), {}),
    Case("a second sound that never comes", lambda: streams_of({300: AAC}), {Reason.TS_PID: 5.96}),
]


def said(report: Report) -> Said:
    """Reasons and values."""
    return {fault.reason: fault.value for fault in report.faults}


def close(expected: Said) -> Said:
    """Times between two PCRs are interpolated; counts are exact."""
    return {
        reason: value if value is None or value == int(value) else pytest.approx(value, abs=0.005)
        for reason, value in expected.items()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_broken_stream_is_told_exactly(case: Case) -> None:
    """Each way of breaking a stream is told by its own check and no other, live and as an HLS segment."""
    data = case.make()
    analyser = Analyser(**case.options)
    for at in range(0, len(data), PIECE):
        analyser.feed(data[at : at + PIECE])

    assert said(analyser.report()) == close(case.live)
    assert said(analyse(data)) == close(case.live if case.segment is None else case.segment)


def test_evidence_names_what_was_hit() -> None:
    """A break of continuity names PIDs and losses, and the time in the stream of the first one."""
    (fault,) = analyse(dropped(100, 101, 102)).faults

    assert (fault.message, fault.unit) == ("continuity broken 1 times (PID 256: 1)", "breaks")
    assert fault.evidence == {"pids": "256: 1", "packets_lost_at_least": 3}
    assert fault.at_s == pytest.approx(0.5, abs=0.02)  # packet 100 of 8 a picture, 25 pictures a second


def test_several_of_a_kind_are_one_fault() -> None:
    """Two PIDs that are absent are one fault with the worst of them and their number."""
    (fault,) = analyse(streams_of({300: AAC, 301: AAC})).faults

    assert fault.reason is Reason.TS_PID
    assert fault.message == "PID 300, which the PMT lists, was absent for 6.0 s (and 1 more)"
    assert fault.evidence == {"pid": 300, "affected": 2}


def test_a_report_tells_only_what_is_new() -> None:
    """What one report has told, the next one does not tell again, unless it goes on."""
    data = dropped(100)
    half = len(data) // 2 // 188 * 188
    analyser = Analyser()
    analyser.feed(data[:half])
    assert list(said(analyser.report())) == [Reason.TS_CONTINUITY]
    analyser.feed(data[half:])
    assert said(analyser.report()) == {}


def test_lasting_checks_are_those_that_clear() -> None:
    """Conditions and events are told apart by the catalogue."""
    assert LASTING == (Reason.TS_SYNC_LOSS, Reason.TS_PAT, Reason.TS_PMT, Reason.TS_PID)


def test_without_pcr_the_clock_is_that_of_arrival() -> None:
    """A stream without PCRs is judged by when its packets arrive."""
    sent = [
        Sent(each.at_s, packet(each.pid, each.data[3], b"\xaa" * 184) if each.pid == VIDEO else each.data)
        for each in without(stream(), PAT_PID, 2, 3)
    ]
    analyser = Analyser()
    for each in sent:
        analyser.feed(each.data, 100 + each.at_s)

    assert said(analyser.report()) == {
        Reason.TS_PAT: pytest.approx(1.12, abs=0.05),
    }
