"""Parts put together: the checks see media segments, however they came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import av
import pytest

import media
import part_media
from conform_story import healthy, measured, sent
from qoed.conform.whole import MAX_PARTS, Assembler, Whole
from qoed.decode import DecodeOptions
from qoed.decode.analyse import Analyst
from qoed.decode.codec import job_header, job_of
from qoed.model import Decoded, Outcome, Segment
from qoed_engine.manifest import Recipe


def decoded(segments: Iterable[Segment]) -> list[Decoded]:
    """Results of one worker."""
    av.logging.set_level(None)
    analyst, done = Analyst(Recipe()), []
    for each in segments:
        job = job_of(
            job_header(each, DecodeOptions(depth="extra_light"), {}), bytearray(each.init + each.data)
        )
        result = analyst.analyse(job)
        done.append(Decoded(segment=each, outcome=result.outcome, measures=result.measures))
    return done


def assembled(results: Iterable[Decoded]) -> list[Whole]:
    """The segments that the results make."""
    assembler = Assembler()
    return [whole for each in results for whole in assembler.add(each)]


def in_parts(number: int, count: int = 4, **fields: Any) -> list[Decoded]:
    """Segment `number` in scripted parts."""
    whole = healthy(number)
    length = whole.segment.duration_s / count
    return [
        sent(
            measured(
                whole,
                video_start_s=(whole.measures.video_start_s or 0.0) + place * length,
                video_duration_s=length,
                key_frames_s=(0.0,) if place == 0 else (),
                packets=15,
            ),
            media_time_s=whole.segment.media_time_s + place * length,
            duration_s=length,
            data=b"x" * 10,
            continues=place > 0,
            unfinished=place < count - 1,
            **fields,
        )
        for place in range(count)
    ]


@pytest.mark.parametrize("make", [part_media.fmp4, part_media.ts])
def test_parts_measure_what_their_segment_does(make: Any) -> None:
    """Begin, duration, key frames, sound and size of real parts add up to those of the whole segment."""
    segments = make(2, sound=media.tone, every_s=0.5)
    wholes = assembled(decoded(each.whole for each in segments))
    parted = assembled(decoded(part for each in segments for part in each.parts))

    assert len(wholes) == len(parted) == 2
    for one, other in zip(wholes, parted, strict=True):
        a, b = one.measures, other.measures
        assert (other.measured, other.complete, other.follows) == (True, True, one.sequence == 1)
        assert other.size == pytest.approx(one.size, rel=0.05)  # tables of later parts are left out
        assert b.video_start_s == a.video_start_s
        assert b.video_duration_s == pytest.approx(a.video_duration_s)
        assert b.key_frames_s == a.key_frames_s
        assert b.packets == a.packets
        assert b.audio_start_s == pytest.approx(a.audio_start_s)
        assert b.audio_duration_s == pytest.approx(a.audio_duration_s, abs=0.03)
        assert (b.codecs, b.width, b.frame_rate) == (a.codecs, a.width, pytest.approx(a.frame_rate))


def test_a_segment_is_whole_with_its_last_part() -> None:
    """Parts that know the last one make the segment at once; else the next segment's first part does."""
    assembler = Assembler()
    known = [len(assembler.add(part)) for part in in_parts(0)]
    unknown = [
        len(assembler.add(sent(part, unfinished=True))) for number in (1, 2) for part in in_parts(number)
    ]

    assert known == [0, 0, 0, 1]
    assert unknown == [0, 0, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_a_segment_with_a_hole_is_not_judged(lost: int) -> None:
    """A part that we lost makes its segment incomplete, be it the first, one in the middle or the last."""
    parts = [sent(part, unfinished=True) for part in in_parts(0) if part is not None]
    del parts[lost]
    whole, *_ = assembled([*parts, *in_parts(1)])

    assert (whole.measured, whole.complete) == (False, False)


def test_a_cut_without_a_key_frame_is_a_segment_of_its_own() -> None:
    """A continuous input that is cut where nothing can begin still counts, and follows what was before."""
    first = sent(healthy(0), unfinished=True)
    second = sent(healthy(1), continues=True)
    wholes = assembled([first, second])

    assert [(whole.sequence, whole.measured, whole.follows) for whole in wholes] == [
        (0, True, False),
        (1, True, True),
    ]


@pytest.mark.parametrize(
    ("outcome", "measured_", "complete"),
    [
        (Outcome.OK, True, True),
        (Outcome.DAMAGED, True, False),
        (Outcome.NO_VIDEO, True, True),
        (Outcome.CRASHED, False, False),
        (Outcome.ORPHANED, False, False),
    ],
)
def test_what_became_of_one_part_is_so_of_the_segment(
    outcome: Outcome, measured_: bool, complete: bool
) -> None:
    """One damaged or lost part makes the whole segment so."""
    parts = in_parts(0)
    parts[2] = replace(parts[2], outcome=outcome)
    (whole,) = assembled(parts)

    assert (whole.measured, whole.complete) == (measured_, complete)


def test_parts_that_never_end_are_bounded() -> None:
    """A sender that never ends a segment does not fill the memory."""
    part = sent(healthy(0), unfinished=True, data=b"")
    wholes = assembled([part] * (MAX_PARTS + 1))

    assert len(wholes) == 1
