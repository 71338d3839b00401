"""Key frames: close enough to each other, and at the same times in all renditions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conform_story import LOW, TOP, WRAP_S, Change, between, edges, measured, sent, starts, story
from qoed.checks import CheckSettings
from qoed.model import Decoded, Outcome, Reason, Rendition


def keyed(every: int) -> Change:
    """A key frame at the begin of each `every`th segment only."""
    return lambda number, decoded: decoded if number % every == 0 else measured(decoded, key_frames_s=())


def test_key_frames_too_far_apart_start_and_end() -> None:
    """A GOP of 10 s where 4 s are allowed is found over the seams of segments, until it is short again."""

    def change(number: int, decoded: Decoded) -> Decoded:
        return keyed(5)(number, decoded) if 5 <= number < 15 else decoded

    found = story(24, change)

    assert edges(found) == [("key_frame_interval", "start", 14.0), ("key_frame_interval", "end", 32.0)]
    assert starts(found)[0].value == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("change", "seconds"),
    [
        (keyed(2), 2.0),
        (keyed(1), 10.0),
        (between(6, 6, lambda decoded: measured(decoded, key_frames_s=())), 2.0),
        (lambda number, decoded: measured(decoded, key_frames_s=(0.07, 1.07)), 2.0),
        (lambda number, decoded: measured(decoded, key_frames_s=tuple(n / 30 for n in range(60))), 2.0),
        (
            between(
                5, 9, lambda decoded: replace(measured(decoded, key_frames_s=()), outcome=Outcome.DAMAGED)
            ),
            2.0,
        ),
        (lambda n, decoded: sent(keyed(1 if n < 5 else 3)(n, decoded), sequence=2 * n), 2.0),
    ],
    ids=["4 s", "long segments", "one late", "open GOP", "intra only", "damaged", "segments missed"],
)
def test_key_frames_that_are_close_enough_raise_nothing(change: Change, seconds: float) -> None:
    """A long segment with one key frame, leading pictures, damage and gaps of our own are no finding."""
    assert story(20, change, seconds=seconds) == []


def test_no_more_key_frames_is_found_without_waiting_for_the_next() -> None:
    """An encoder that sets no key frame any more is found after a few seconds."""
    found = story(12, between(4, 11, lambda decoded: measured(decoded, key_frames_s=())))

    assert edges(found) == [("key_frame_interval", "start", 10.0)]


def test_the_interval_can_be_set() -> None:
    """`key_frame_interval: 1` finds what the default tolerates; a GOP of one segment is always allowed."""
    settings = CheckSettings({Reason.KEY_FRAME_INTERVAL: 1.0})
    rare = story(6, lambda _n, d: measured(d, key_frames_s=(0.0, 2.0, 4.0)), settings=settings, seconds=6.0)
    found = story(20, keyed(2), settings=settings)

    assert rare == []
    assert [each.reason for each in found] == [Reason.KEY_FRAME_INTERVAL]


def late(by_s: float, first: int = 0, *, rendition: Rendition = LOW) -> Change:
    """From segment `first` on, a rendition's pictures are later by so much."""

    def change(number: int, decoded: Decoded) -> Decoded:
        if number < first or decoded.segment.rendition.id != rendition.id:
            return decoded
        measures = decoded.measures
        return measured(
            decoded,
            video_start_s=((measures.video_start_s or 0.0) + by_s) % WRAP_S,
            audio_start_s=((measures.audio_start_s or 0.0) + by_s) % WRAP_S,
        )

    return change


def test_key_frames_at_other_times_than_the_top_renditions_are_found() -> None:
    """A rung whose key frames come later is misaligned, and told with the rung that it differs from."""
    found = story(12, late(0.4, 0), renditions=(TOP, LOW))

    assert edges(found) == [("key_frames_misaligned", "start", 0.0)]
    assert (found[0].rendition, found[0].value, found[0].evidence) == ("360p", 0.4, {"other": "720p"})
    assert found[0].message == "key frames come 0.40 s after those of 720p"


def test_the_order_in_which_renditions_arrive_does_not_matter() -> None:
    """A low rung that is ahead is compared when the top one has come as far."""
    found = story(12, late(-0.4, 0), renditions=(LOW, TOP))

    assert [(each.rendition, each.value) for each in found] == [("360p", -0.4)]


def test_aligned_again_is_the_end() -> None:
    """The condition ends with the first segment whose key frame is where it should be."""

    def change(number: int, decoded: Decoded) -> Decoded:
        decoded = sent(decoded, discontinuity=number in (4, 9))
        return late(0.4)(number, decoded) if 4 <= number < 9 else decoded

    found = story(14, change, renditions=(TOP, LOW))

    assert edges(found) == [("key_frames_misaligned", "start", 8.0), ("key_frames_misaligned", "end", 18.0)]


@pytest.mark.parametrize(
    "change",
    [
        late(0.08),
        late(30_000.0),
        late(WRAP_S),
        lambda n, d: sent(d, sequence=n + 5) if d.segment.rendition.id == LOW.id else d,
        lambda n, d: (
            measured(d, key_frames_s=(0.0, 0.7)) if d.segment.rendition.id == LOW.id and n % 3 == 0 else d
        ),
        lambda n, d: measured(d, key_frames_s=()) if d.segment.rendition.id == LOW.id and n % 2 else d,
        lambda n, d: late(1.0)(n, d) if n in (3, 7) else d,
    ],
    ids=["reordering", "another clock", "wrapped", "other numbers", "scene cuts", "half as many", "single"],
)
def test_renditions_that_switch_well_raise_nothing(change: Change) -> None:
    """Small offsets, clocks that are not shared, other sequence numbers and further key frames are fine."""
    found = story(12, change, renditions=(TOP, LOW))

    assert [each for each in found if each.reason is Reason.KEY_FRAMES_MISALIGNED] == []
