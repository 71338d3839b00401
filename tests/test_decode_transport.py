"""Transport packets of segments: TR 101 290 is judged in the decode worker, once for each media segment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import av
import pytest

import media
import part_media
from qoed.decode import DecodeOptions
from qoed.decode.analyse import Analyst
from qoed.decode.codec import job_header, job_of
from qoed.model import Finding, Outcome, Phase, Reason, Segment
from qoed.ts import Limits
from qoed_engine.manifest import Recipe

OPTIONS = DecodeOptions(depth="extra_light")
SEGMENTS = media.segments(3, sound=media.tone, bit_rate=600_000)


def play(segments: Iterable[Segment], options: DecodeOptions = OPTIONS) -> list[tuple[Outcome, Any]]:
    """(outcome, findings) of each, by one worker that is told what is open."""
    av.logging.set_level(None)
    analyst, opened = Analyst(Recipe()), dict[Reason, float]()
    results = []
    for each in segments:
        result = analyst.analyse(job_of(job_header(each, options, opened), bytearray(each.data)))
        for finding in result.findings:
            if finding.phase is Phase.START:
                opened[finding.reason] = finding.media_time_s or 0.0
            elif finding.phase is Phase.END:
                opened.pop(finding.reason, None)
        results.append((result.outcome, result.findings))
    return results


def transport(results: Iterable[tuple[Outcome, tuple[Finding, ...]]]) -> list[tuple[int, Reason, Phase]]:
    """(segment, reason, phase) of the transport findings."""
    return [
        (place, finding.reason, finding.phase)
        for place, (_, findings) in enumerate(results)
        for finding in findings
        if finding.reason.domain == "transport"
    ]


def without(segment: Segment, *pids: int) -> Segment:
    """The segment without the packets of some PIDs."""
    data = segment.data
    kept = (data[at : at + 188] for at in range(0, len(data), 188))
    data = b"".join(each for each in kept if (each[1] & 0x1F) << 8 | each[2] not in pids)
    return replace(segment, data=data)


def test_healthy_segments_are_not_called_faulty() -> None:
    """Whole or in parts, what FFmpeg's muxer writes has no fault."""
    parts = [part for each in part_media.ts(2, sound=media.tone) for part in each.parts]

    assert transport(play(SEGMENTS)) == []
    assert transport(play(parts)) == []


def test_lost_packets_are_told_once_with_the_segment() -> None:
    """A gap in the continuity counters is an event of its segment, with how many packets are missing."""
    data = SEGMENTS[1].data
    start = len(data) // 2 // 188 * 188
    broken = replace(SEGMENTS[1], data=data[:start] + data[start + 188 * 3 :])
    results = play([SEGMENTS[0], broken, SEGMENTS[2]])

    assert transport(results) == [(1, Reason.TS_CONTINUITY, Phase.EVENT)]
    assert results[1][0] is Outcome.DAMAGED


def test_a_stream_that_is_announced_and_absent_lasts_until_it_is_back() -> None:
    """Sound that the PMT names and no packet carries lasts from its segment to the next with sound."""
    deaf = without(SEGMENTS[1], 0x101)
    strict = replace(OPTIONS, transport=Limits(pid_s=1.0))

    assert transport(play([SEGMENTS[0], deaf, SEGMENTS[2]])) == []
    assert transport(play([SEGMENTS[0], deaf, SEGMENTS[2]], strict)) == [
        (1, Reason.TS_PID, Phase.START),
        (2, Reason.TS_PID, Phase.END),
    ]


def test_a_segment_without_tables_says_why_it_is_undecodable() -> None:
    """When the PAT is missing nothing decodes, and the finding names the cause."""
    results = play([SEGMENTS[0], without(SEGMENTS[1], 0), SEGMENTS[2]])

    assert (1, Reason.TS_PAT, Phase.START) in transport(results)
    assert (2, Reason.TS_PAT, Phase.END) in transport(results)
    assert [outcome for outcome, _ in results][0::2] == [Outcome.OK, Outcome.OK]


def test_parts_are_judged_as_one_segment_and_not_at_all_after_a_hole() -> None:
    """Packets lost inside parts are found at the segment's end; parts that we lost ourselves are no fault."""
    (segment,) = part_media.ts(bit_rate=800_000)
    parts = list(segment.parts)
    data = parts[4].data
    parts[4] = replace(parts[4], data=data[:188] + data[188 * 3 :])
    lost = [part for place, part in enumerate(segment.parts) if place != 4]

    assert transport(play(parts)) == [(9, Reason.TS_CONTINUITY, Phase.EVENT)]
    assert transport(play(lost)) == []


@pytest.mark.parametrize("how", ["checked", "off"])
def test_what_was_judged_before_or_is_off_costs_nothing(how: str) -> None:
    """Segments that were judged where they arrived, or whose checks are off, are not judged here."""
    data = SEGMENTS[1].data
    broken = replace(SEGMENTS[1], data=data[: 188 * 50] + data[188 * 60 :])
    if how == "checked":
        results = play([replace(broken, transport_checked=True)])
    else:
        results = play([broken], replace(OPTIONS, transport=None))

    assert transport(results) == []
