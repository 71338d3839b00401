"""Which pictures make the clips."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qoed.sample import MAX_CLIPS, Picked, Sampler
from qoed_engine.manifest import Recipe

RECIPE = Recipe(frames=4, span_s=1.0)


def pick(
    times: list[float], *, start_s: float = 0.0, duration_s: float = 2.0, end_s: float | None = None
) -> list[Picked[float]]:
    """Clips of pictures that are their own times."""
    sampler: Sampler[float] = Sampler(start_s, RECIPE)
    sampler.extend(start_s + duration_s)
    clips = [clip for time_s in times for clip in sampler.offer(time_s, time_s)]
    return clips + sampler.finish(start_s + duration_s if end_s is None else end_s)


def every(step_s: float, until_s: float, start_s: float = 0.0) -> list[float]:
    """Times from `start_s`, `step_s` apart."""
    return [start_s + index * step_s for index in range(round((until_s - start_s) / step_s))]


def test_one_clip_a_second_with_pictures_a_quarter_second_apart() -> None:
    """Two seconds of 30 fps video give two clips of four pictures spread evenly over their second."""
    first, second = pick(every(1 / 30, 2.0))

    assert first.pictures == pytest.approx((0.0, 0.25, 0.5, 0.75), abs=1 / 60 + 1e-6)
    assert second.pictures == pytest.approx((1.0, 1.25, 1.5, 1.75), abs=1 / 60 + 1e-6)
    assert (first.plan.start_s, second.plan.start_s) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("duration_s", "clips"),
    [(1.9, 2), (1.5, 2), (1.4, 1), (2.002, 2), (0.6, 1), (0.4, 0), (0.0, 0), (6.0, 6)],
)
def test_a_rest_of_half_a_second_is_a_clip(duration_s: float, clips: int) -> None:
    """A segment that is not a whole number of seconds long loses less than half a second of scoring."""
    assert len(pick(every(1 / 30, duration_s), duration_s=duration_s)) == clips


def test_reference_frames_alone_fill_the_clips_with_distinct_pictures() -> None:
    """In light depth, where every fourth frame is decoded, each clip still has four different pictures."""
    clips = pick(every(4 / 30, 2.0))

    assert [clip.distinct for clip in clips] == [4, 4]
    assert all(
        abs(picture - target) <= 2 / 30 + 1e-9
        for clip in clips
        for picture, target in zip(clip.pictures, clip.plan.targets, strict=True)
    )


def test_a_second_without_any_picture_of_its_own_is_not_scored() -> None:
    """Of two seconds with one key frame only the second that shows it is scored, no old picture twice."""
    (clip,) = pick([0.0])

    assert (clip.plan.start_s, clip.pictures, clip.distinct) == (0.0, (0.0,) * 4, 1)


def test_media_that_ends_early_is_scored_as_far_as_it_goes() -> None:
    """Of a segment announced as 4 s that holds 1.2 s only the first second is scored."""
    clips = pick(every(1 / 30, 1.2), duration_s=4.0, end_s=1.2)

    assert [clip.plan.start_s for clip in clips] == [0.0]


def test_no_pictures_no_clips() -> None:
    """A segment without pictures yields no clip at all."""
    assert pick([]) == []


def test_a_very_long_segment_is_bounded() -> None:
    """A segment announced as a day long cannot ask for more than a bounded number of clips."""
    times = [float(second) for second in range(300)]

    assert len(pick(times, duration_s=86_400.0)) == MAX_CLIPS


@given(
    rate=st.floats(5, 120),
    duration_s=st.floats(0.5, 8),
    start_s=st.floats(0, 1e6),
    seed=st.randoms(use_true_random=False),
)
def test_every_picked_picture_is_the_nearest_there_is(
    rate: float, duration_s: float, start_s: float, seed: random.Random
) -> None:
    """Whatever frames were decoded, each target gets the one nearest in time, and clips come in order."""
    times = [time_s for time_s in every(1 / rate, start_s + duration_s, start_s) if seed.random() < 0.7]
    clips = pick(times, start_s=start_s, duration_s=duration_s)

    assert [clip.plan.start_s for clip in clips] == sorted(clip.plan.start_s for clip in clips)
    for clip in clips:
        assert len(clip.pictures) == RECIPE.frames
        for picture, target in zip(clip.pictures, clip.plan.targets, strict=True):
            assert abs(picture - target) == pytest.approx(min(abs(t - target) for t in times), abs=1e-6)


def test_the_sampler_holds_few_pictures() -> None:
    """However long the segment, no more than one clip's pictures and the newest one are kept."""
    sampler: Sampler[list[int]] = Sampler(0.0, RECIPE)
    sampler.extend(30.0)
    for index in range(900):
        sampler.offer(index / 30, [index])
        held = {id(picture) for _, picture in sampler._taken} | {id(sampler._newest)}
        assert len(held) <= RECIPE.frames + 1


def test_media_told_bit_by_bit_gives_the_clips_of_media_told_at_once() -> None:
    """Parts whose rounded durations lag behind their pictures lose no clip, and none comes too early."""
    times, sampler = every(1 / 30, 2.0), Sampler[float](0.0, RECIPE)
    came: list[tuple[float, float]] = []
    for part in range(6):
        clips = sampler.extend((part + 1) * 0.33)
        for time_s in times[part * 10 : part * 10 + 10]:
            clips += sampler.offer(time_s, time_s)
        came += [(clip.plan.start_s, part) for clip in clips]
    came += [(clip.plan.start_s, 6) for clip in sampler.finish(2.0)]

    assert came == [(0.0, 2), (1.0, 5)]


def test_a_clip_beyond_what_was_told_waits_and_is_dropped_at_the_end() -> None:
    """Media longer than announced yields the announced clips only; told late, the next one follows."""
    sampler = Sampler[float](0.0, RECIPE)
    sampler.extend(1.0)
    first = [clip for time_s in every(1 / 30, 3.0) for clip in sampler.offer(time_s, time_s)]
    (told,) = sampler.extend(2.0)

    assert [clip.plan.start_s for clip in first] == [0.0]
    assert told.plan.start_s == 1.0
    assert sampler.finish(3.0) == []


def test_time_that_passes_without_a_picture_completes_a_clip() -> None:
    """When only key frames come, a clip waits no longer than a nearer picture could still come."""
    sampler = Sampler[float](0.0, RECIPE)
    sampler.extend(2.0)
    sampler.offer(0.0, 0.0)

    assert sampler.pass_by(1.4) == []
    (clip,) = sampler.pass_by(1.6)
    assert (clip.pictures, clip.distinct) == ((0.0,) * 4, 1)


def test_of_two_equally_near_pictures_the_older_is_taken() -> None:
    """Ties do not depend on how sums of floats were rounded."""
    for noise in (-1e-9, 0.0, 1e-9):
        (clip,) = pick([0.0, 0.2 + noise, 0.3 - noise, 0.5, 0.75], duration_s=1.0)
        assert clip.pictures[1] == 0.2 + noise
