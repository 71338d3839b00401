"""Timestamps from segment to segment, and the distance of sound and picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conform_story import TOP, WRAP_S, Change, between, edges, healthy, measured, sent, starts, story
from qoed.checks import CheckSettings
from qoed.model import Decoded, Outcome, Reason, Severity

TIMING = (Reason.TIMESTAMP_JUMP, Reason.TIMESTAMP_WRAP, Reason.AV_DRIFT)


def shifted(first: int, by_s: float, **fields: Any) -> Change:
    """From segment `first` on, the media's clock is off by so much; `fields` are of that segment alone."""

    def change(number: int, decoded: Decoded) -> Decoded:
        if number < first:
            return decoded
        measures = decoded.measures
        decoded = measured(
            decoded,
            video_start_s=(measures.video_start_s or 0.0) + by_s,
            audio_start_s=(measures.audio_start_s or 0.0) + by_s,
        )
        return sent(decoded, **fields) if number == first and fields else decoded

    return change


@pytest.mark.parametrize(("by_s", "said"), [(3.0, "ahead"), (-1.2, "back"), (40_000.0, "ahead")])
def test_a_jump_of_the_clock_is_one_event(by_s: float, said: str) -> None:
    """Timestamps that leap without a discontinuity are told where they leap, and once."""
    (found,) = story(10, shifted(4, by_s))

    assert (found.reason, found.media_time_s, found.value) == (Reason.TIMESTAMP_JUMP, 8.0, by_s)
    assert found.message == f"timestamps jump {abs(by_s):.2f} s {said} without a discontinuity"


@pytest.mark.parametrize(
    "change",
    [
        shifted(4, 3.0, discontinuity=True),
        shifted(4, 0.3),
        lambda number, decoded: sent(decoded, sequence=number if number < 4 else number + 7),
        between(4, 4, lambda decoded: replace(decoded, outcome=Outcome.CRASHED)),
        between(4, 4, lambda decoded: measured(decoded, video_duration_s=1.0, audio_duration_s=1.0)),
        lambda _number, decoded: sent(decoded, duration_s=1.9),
    ],
    ids=["discontinuity", "within the limit", "segments missed", "lost", "cut short", "rounded durations"],
)
def test_what_is_no_jump_raises_nothing(change: Change) -> None:
    """Announced breaks, gaps of our own, damage and wrong durations are not the clock's fault."""
    assert [each for each in story(12, change) if each.reason in TIMING] == []


def test_pieces_of_a_file_have_clocks_of_their_own() -> None:
    """A file that qoed itself cuts into pieces that begin at zero does not jump."""
    own = replace(TOP, declared=False)

    def from_zero(_number: int, decoded: Decoded) -> Decoded:
        return measured(decoded, video_start_s=0.0, audio_start_s=0.01, clock_period_s=None)

    assert story(10, from_zero, renditions=(own,)) == []


def test_the_limit_of_a_jump_can_be_set() -> None:
    """`timestamp_jump: 0.2` finds what the default tolerates."""
    settings = CheckSettings({Reason.TIMESTAMP_JUMP: 0.2})

    assert [each.value for each in story(10, shifted(4, 0.3), settings=settings)] == [pytest.approx(0.3)]


@pytest.mark.parametrize("unwrapped", [False, True])
def test_the_wrap_of_the_33_bit_clock_is_no_jump(unwrapped: bool) -> None:
    """Every 26.5 hours the clock begins anew: that is information, however the demuxer counts."""

    def near_the_end(number: int, decoded: Decoded) -> Decoded:
        start_s = WRAP_S - 7.0 + 2.0 * number
        if not unwrapped:
            start_s %= WRAP_S
        elif number >= 2:
            start_s -= WRAP_S  # FFmpeg counts so close before the wrap
        return measured(decoded, video_start_s=start_s, audio_start_s=start_s + 0.01)

    (found,) = story(10, near_the_end)

    assert (found.reason, found.severity) == (Reason.TIMESTAMP_WRAP, Severity.INFO)
    assert (found.media_time_s, found.value) == (8.0, pytest.approx(1.0))
    assert found.message == "the clock of 26.5 hours began anew"


def test_a_clock_that_never_wraps_and_starts_again_jumps() -> None:
    """In fMP4 there is no wrap: a clock that falls back to zero has jumped."""

    def restart(number: int, decoded: Decoded) -> Decoded:
        start_s = decoded.measures.video_start_s or 0.0
        start_s = start_s + 50_000 if number < 5 else start_s - 10.0
        return measured(decoded, video_start_s=start_s, audio_start_s=start_s, clock_period_s=None)

    assert [each.reason for each in story(8, restart)] == [Reason.TIMESTAMP_JUMP]


def sound_late(by_s: float) -> Any:
    """Sound that begins and ends so much later against its picture."""
    return lambda decoded: measured(decoded, audio_start_s=(decoded.measures.audio_start_s or 0.0) + by_s)


@pytest.mark.parametrize(("by_s", "said"), [(0.35, "0.35 s late"), (-0.5, "0.50 s early")])
def test_sound_that_moved_against_the_picture_lasts_until_it_is_back(by_s: float, said: str) -> None:
    """A jump of the sound alone is drift from the second segment that has it until it is gone."""
    found = story(24, between(8, 15, sound_late(by_s)))

    assert edges(found) == [("av_drift", "start", 18.0), ("av_drift", "end", 34.0)]
    (start,) = starts(found)
    assert (start.value, start.unit) == (by_s, "s")
    assert start.message == f"sound comes {said} against the picture, compared with the begin"


def test_slow_drift_adds_up() -> None:
    """Sound that loses 10 ms with every segment is found when 0.2 s have come together."""
    found = story(40, lambda number, decoded: sound_late(0.010 * number)(decoded))

    (start,) = starts(found)
    assert start.reason is Reason.AV_DRIFT
    assert start.value == pytest.approx(0.21, abs=0.011)
    assert start.media_time_s == pytest.approx(2 * 23, abs=2.0)


@pytest.mark.parametrize(
    "change",
    [
        lambda number, decoded: sound_late((0.0, 0.17, -0.17, 0.12)[number % 4])(decoded),
        between(8, 20, lambda decoded: measured(decoded, audio_duration_s=2.4)),
        between(8, 8, sound_late(0.4)),
        lambda number, decoded: (
            sent(sound_late(0.5)(decoded), discontinuity=number == 8) if number >= 8 else decoded
        ),
        between(8, 20, lambda decoded: measured(decoded, audio_start_s=None, audio_duration_s=None)),
        between(0, 0, sound_late(-0.3)),
        lambda _number, decoded: sound_late(-1.4)(decoded),
    ],
    ids=["PES packets", "longer cut", "one segment", "discontinuity", "no sound", "priming", "constant"],
)
def test_what_is_no_drift_raises_nothing(change: Change) -> None:
    """Cuts of sound that waver, a special first segment and a constant distance are no drift."""
    found = story(24, change)

    assert [each for each in found if each.reason in TIMING] == []


def test_the_scripted_stream_is_healthy() -> None:
    """What the stories change is fine before they change it."""
    assert healthy(3).measures.video_start_s == 16.0
    assert story(30) == []
