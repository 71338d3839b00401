"""What packet times and counts say about damage and duration."""

from __future__ import annotations

import random

import pytest

from qoed.decode.measure import Cadence, Tally, cadence_of, counted, flagged


def times(count: int, rate: float = 30.0, start_s: float = 100.0) -> list[float]:
    """Presentation times of `count` frames."""
    return [start_s + index / rate for index in range(count)]


def tally(count: int = 60, *, announced_s: float = 2.0, drop: tuple[int, ...] = (), **fields: int) -> Tally:
    """The tally of 30 fps packets, less those with the numbers in `drop`."""
    kept = [time_s for index, time_s in enumerate(times(count)) if index not in drop]
    settings = {"frames": len(kept), "frames_due": len(kept)} | fields
    return Tally(announced_s=announced_s, cadence=cadence_of(kept), packets=len(kept), **settings)  # type: ignore[arg-type]


def evidence(tally: Tally) -> dict[str, int]:
    """All evidence for damage of a whole segment."""
    return flagged(tally) | counted(tally)


def test_rate_and_duration_come_from_the_times_in_any_order() -> None:
    """Frame rate and duration are measured right although B frames arrive out of order."""
    shuffled = times(60)
    random.Random(1).shuffle(shuffled)

    cadence = cadence_of(shuffled)

    assert cadence.frame_s == pytest.approx(1 / 30)
    assert cadence.duration_s == pytest.approx(2.0)


def test_times_rounded_to_milliseconds_do_not_bend_the_rate() -> None:
    """Matroska's millisecond clock still measures as 30 frames a second, with none missing."""
    cadence = cadence_of([round(time_s, 3) for time_s in times(60)])

    assert cadence.frame_s == pytest.approx(1 / 30, rel=1e-3)
    assert cadence.missing == 0


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_frames_measure_nothing(count: int) -> None:
    """One frame has no rate and no duration: they are None, not zero."""
    assert cadence_of(times(count)) == Cadence(frame_s=None, duration_s=None, missing=0)


def test_a_sound_segment_shows_no_damage() -> None:
    """Nothing is called damaged when all counts agree."""
    assert evidence(tally()) == {}


def test_a_hole_between_frames_is_damage() -> None:
    """Three frames cut out of the middle are found without any decoder flag."""
    assert evidence(tally(drop=(20, 21, 22))) == {"frames_missing": 3}


def test_a_cut_tail_is_damage() -> None:
    """A segment that ends half a second before its announced end is damaged though every frame decodes."""
    assert evidence(tally(45)) == {"frames_short": 15}


def test_packets_that_do_not_become_frames_are_damage() -> None:
    """Frames that the decoder swallowed are counted as lost."""
    assert evidence(tally(frames=57, frames_due=60)) == {"frames_lost": 3}


def test_skipped_frames_are_not_lost_frames() -> None:
    """In light depth, where frames are skipped on purpose, fewer frames than packets is no damage."""
    skipping = Tally(announced_s=2.0, cadence=cadence_of(times(60)), packets=60, frames=30, frames_due=None)

    assert evidence(skipping) == {}


@pytest.mark.parametrize(
    "flag", ["packets_corrupt", "frames_corrupt", "decode_errors", "demux_errors", "sound_errors"]
)
def test_any_flag_is_damage(flag: str) -> None:
    """Every kind of flag that FFmpeg raises is evidence by its own name."""
    assert evidence(tally(**{flag: 2})) == {flag: 2}


def test_variable_frame_rate_is_not_damage() -> None:
    """A stream that repeats frames at irregular distances raises no false alarm."""
    film = [index / 30 for index in range(60) if index % 5 != 2]

    assert cadence_of(film).missing == 0


def test_fewer_pictures_of_variable_frame_rate_are_not_short() -> None:
    """A segment that plays as long as announced is not short, however few pictures it needs for that."""
    film = [index / 30 for index in range(60) if index % 5 != 2]
    sparse = Tally(announced_s=2.0, cadence=cadence_of(film), packets=len(film), frames=len(film))

    assert len(film) == 48
    assert evidence(sparse) == {}


@pytest.mark.parametrize(("announced_s", "frames"), [(2.0, 58), (6.0, 167), (2.002, 60), (4.0, 118)])
def test_the_play_of_packagers_is_not_damage(announced_s: float, frames: int) -> None:
    """Announced durations rounded to seconds, or of the longer sound, raise no false alarm."""
    assert evidence(tally(frames, announced_s=announced_s)) == {}
