"""Black, freeze, silence and loudness over the seams of segments, and over the seams of workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import media
from qoed.clock import SystemClock
from qoed.decode import DecodeOptions
from qoed.decode.pool import DecodePool
from qoed.model import Decoded, Phase, Reason, Segment
from qoed_engine.manifest import Recipe

FULL = DecodeOptions(depth="full")
STILL = 3.0


def still(_time_s: float, width: int, height: int) -> NDArray[np.uint8]:
    """The moving picture as it was at 3 s."""
    return media.moving(STILL, width, height)


async def run(
    segments: Iterable[Segment], options: DecodeOptions = FULL, *, recycle_after: int = 10_000
) -> list[Decoded]:
    """Decode in order by one worker."""
    async with DecodePool(1, Recipe(), SystemClock(), recycle_after=recycle_after) as pool:
        return [await pool.decode(segment, options) for segment in segments]


def edges(decoded: Iterable[Decoded], reason: Reason) -> list[tuple[Phase, float]]:
    """(phase, media time) of the findings of one reason."""
    found = [finding for each in decoded for finding in each.findings if finding.reason is reason]
    return [(finding.phase, finding.media_time_s or 0.0) for finding in found]


def programme(*parts: tuple[float, media.Scene], count: int = 6, **settings: Any) -> list[Segment]:
    """Two-second segments of a scene."""
    return media.segments(count, scene=media.timeline(*parts), bit_rate=1_000_000, **settings)


@pytest.mark.parametrize("depth", ["full", "light"])
async def test_a_freeze_across_segments_starts_and_ends_once(depth: str) -> None:
    """A picture frozen from 3 s to 8 s, over four segments, is one freeze with both ends in time."""
    segments = programme((STILL, media.moving), (8.0, still), (99, media.moving))
    decoded = await run(segments, replace(FULL, depth=depth))  # type: ignore[arg-type]

    (start, start_s), (end, end_s) = edges(decoded, Reason.FREEZE)
    assert (start, end) == (Phase.START, Phase.END)
    assert start_s == pytest.approx(3.0, abs=0.15)
    assert end_s == pytest.approx(8.0, abs=0.15)
    assert edges(decoded, Reason.BLACK) == []


@pytest.mark.parametrize("depth", ["full", "light"])
async def test_black_starts_and_ends_once_and_is_never_also_a_freeze(depth: str) -> None:
    """Black from 3 s to 7 s is one finding; though black does not move either, no freeze is told."""
    segments = programme((3.0, media.moving), (7.0, media.black), (99, media.moving), count=5)
    decoded = await run(segments, replace(FULL, depth=depth))  # type: ignore[arg-type]

    (start, start_s), (end, end_s) = edges(decoded, Reason.BLACK)
    assert (start, end) == (Phase.START, Phase.END)
    assert (start_s, end_s) == (pytest.approx(3.0, abs=0.15), pytest.approx(7.0, abs=0.15))
    assert edges(decoded, Reason.FREEZE) == []


async def test_a_frozen_picture_that_turns_black_is_no_longer_frozen() -> None:
    """The freeze ends where the black begins, so that one trouble has one name at a time."""
    segments = programme((1.0, media.moving), (5.0, still), (8.0, media.black), (99, media.moving), count=5)
    decoded = await run(segments)

    assert [phase for phase, _ in edges(decoded, Reason.FREEZE)] == [Phase.START, Phase.END]
    assert edges(decoded, Reason.FREEZE)[1][1] == pytest.approx(5.0, abs=0.1)
    assert edges(decoded, Reason.BLACK)[0][1] == pytest.approx(5.0, abs=0.1)


async def test_black_clips_are_not_scored_and_others_are() -> None:
    """A black second asks the network nothing; the seconds beside it are scored as always."""
    decoded = await run(programme((2.0, media.moving), (4.0, media.black), (99, media.moving), count=3))
    abstained = {clip.media_time_s: clip.abstain for each in decoded for clip in each.clips}

    assert abstained == {0.0: None, 1.0: None, 2.0: "black", 3.0: "black", 4.0: None, 5.0: None}


async def test_a_fade_through_black_is_no_finding() -> None:
    """Six tenths of a second of black between two scenes raise nothing."""
    decoded = await run(programme((1.0, media.moving), (1.6, media.black), (99, media.moving), count=2))

    assert [finding for each in decoded for finding in each.findings] == []


async def test_silence_starts_and_ends_once() -> None:
    """Sound that is missing from 3 s to 8 s is one silence, told once it has lasted long enough."""

    def sound(time_s: NDArray[np.float64]) -> NDArray[np.float32]:
        return media.tone(time_s) * ((time_s < 3) | (time_s > 8))

    decoded = await run(media.segments(5, sound=sound), replace(FULL, silence_duration_s=2.0))

    (start, start_s), (end, end_s) = edges(decoded, Reason.SILENCE)
    assert (start, end) == (Phase.START, Phase.END)
    assert (start_s, end_s) == (pytest.approx(3.0, abs=0.15), pytest.approx(8.0, abs=0.15))


async def test_sound_out_of_its_limits_is_found_and_silence_is_not_called_quiet() -> None:
    """A programme that turns too quiet is a loudness finding until it is back; a silent one is not."""

    def quiet(time_s: NDArray[np.float64]) -> NDArray[np.float32]:
        return media.tone(time_s) * np.where((time_s > 6) & (time_s < 13), 0.05, 1.0).astype(np.float32)

    options = replace(FULL, loudness_min_lufs=-30.0, silence_duration_s=2.0)
    decoded = await run(media.segments(9, sound=quiet, width=64, height=36), options)
    assert [phase for phase, _ in edges(decoded, Reason.LOUDNESS)] == [Phase.START, Phase.END]

    decoded = await run(media.segments(4, sound=media.hush, width=64, height=36), options)
    assert edges(decoded, Reason.LOUDNESS) == []
    assert [phase for phase, _ in edges(decoded, Reason.SILENCE)] == [Phase.START]


async def test_blockiness_above_its_limit_lasts_until_it_is_below() -> None:
    """A picture that falls apart into blocks is over a clean one's limit, and a clean segment ends it."""

    def blocks(time_s: float, width: int, height: int) -> NDArray[np.uint8]:
        return media.moving(time_s, width, height)[::8, ::8].repeat(8, axis=0).repeat(8, axis=1)

    coarse, clean = (
        media.encode(width=640, height=360, bit_rate=6_000_000, seconds=2.0, scene=scene)
        for scene in (blocks, media.moving)
    )
    segments = [
        media.segment(data, sequence=index, media_time_s=2.0 * index)
        for index, data in enumerate((clean, coarse, coarse, clean))
    ]
    measured = [each.measures.blockiness or 0.0 for each in await run(segments)]
    assert min(measured[1:3]) > max(measured[0], measured[3])

    limit = (min(measured[1:3]) + max(measured[0], measured[3])) / 2
    decoded = await run(segments, replace(FULL, blockiness_max=limit))
    assert edges(decoded, Reason.BLOCKINESS) == [(Phase.START, 2.0), (Phase.END, 6.0)]


async def test_a_renewed_worker_neither_repeats_nor_forgets_an_open_finding() -> None:
    """With a fresh worker for each segment, black and silence still start once and end once, in time."""

    def sound(time_s: NDArray[np.float64]) -> NDArray[np.float32]:
        return media.tone(time_s) * ((time_s < 0) | (time_s > 6))

    segments = programme((6.0, media.black), (99, media.moving), count=5, sound=sound)
    decoded = await run(segments, replace(FULL, silence_duration_s=1.0), recycle_after=1)

    assert [phase for phase, _ in edges(decoded, Reason.BLACK)] == [Phase.START, Phase.END]
    assert edges(decoded, Reason.BLACK)[1][1] == pytest.approx(6.0, abs=0.1)
    assert [phase for phase, _ in edges(decoded, Reason.SILENCE)] == [Phase.START, Phase.END]
    assert edges(decoded, Reason.SILENCE)[1][1] == pytest.approx(6.0, abs=0.2)


async def test_a_change_of_picture_size_keeps_the_open_finding() -> None:
    """An encoder that comes back with another picture size does not end and repeat a black."""
    large = programme((99, media.black), count=3)
    small = programme((99, media.black), count=3, width=160, height=90)
    decoded = await run([*large[:2], small[2]])

    assert [phase for phase, _ in edges(decoded, Reason.BLACK)] == [Phase.START]
