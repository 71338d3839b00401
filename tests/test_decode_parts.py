"""LL-HLS parts: a part may begin with any picture, clips span parts, a loss costs no false alarm."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest

import media
import part_media
from qoed.decode import DecodeOptions
from qoed.decode.analyse import IDLE_S, Analyst
from qoed.decode.codec import Result, job_header, job_of
from qoed.model import Outcome, Reason, Segment
from qoed_engine.manifest import Recipe

RECIPE = Recipe()


@pytest.fixture
def analyst() -> Analyst:
    """What runs in a worker, here in the test's own process for speed."""
    av.logging.set_level(None)
    return Analyst(RECIPE)


def play(analyst: Analyst, segments: Iterable[Segment], depth: Any = "full") -> list[Result]:
    """Their results in order."""
    options = DecodeOptions(depth=depth)
    return [
        analyst.analyse(job_of(job_header(each, options, {}), bytearray(each.init + each.data)))
        for each in segments
    ]


def clips(results: Iterable[Result]) -> list[Any]:
    """All clips."""
    return [clip for result in results for clip in result.clips]


def same(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists of clips agree to the last bit."""
    return [(c.media_time_s, c.degraded, c.abstain) for c in one] == [
        (c.media_time_s, c.degraded, c.abstain) for c in other
    ] and all(np.array_equal(a.frames, b.frames) for a, b in zip(one, other, strict=True))


def healthy(results: Iterable[Result]) -> bool:
    """Whether nothing was found."""
    return all(result.outcome is Outcome.OK and not result.findings for result in results)


@pytest.mark.parametrize("depth", ["full", "light", "extra_light"])
@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (part_media.fmp4, {}),
        (part_media.fmp4, {"every_s": 0.5, "sound": media.tone}),
        (part_media.fmp4, {"every_s": 0.3, "gop_s": 0.3, "seconds": 2.4}),
        (part_media.fmp4, {"codec": "libx265", "options": part_media.X265}),
        (part_media.ts, {"sound": media.tone}),
        (part_media.ts, {"sound": media.tone, "aligned": False}),
        (part_media.ts, {"every_s": 0.5, "codec": "mpeg2video", "options": {}, "bit_rate": 2_000_000}),
    ],
    ids=["fmp4", "fmp4-half", "fmp4-independent", "fmp4-hevc", "ts", "ts-torn", "ts-mpeg2"],
)
def test_parts_give_the_clips_of_the_whole_segment(
    analyst: Analyst, make: Callable[..., list[part_media.Parted]], settings: dict[str, Any], depth: str
) -> None:
    """Segments that come in parts are scored on the very pictures that they have in one piece."""
    segments = make(2, **settings)
    whole = play(Analyst(RECIPE), (each.whole for each in segments), depth)
    parted = play(analyst, (part for each in segments for part in each.parts), depth)

    assert clips(whole)
    assert same(clips(parted), clips(whole))
    assert healthy(whole)
    assert healthy(parted)
    assert sum(each.measures.frames_decoded for each in parted) == sum(
        each.measures.frames_decoded for each in whole
    )
    assert sum(each.measures.packets for each in parted) == sum(each.measures.packets for each in whole)


@pytest.mark.parametrize("make", [part_media.fmp4, part_media.ts])
def test_a_clip_comes_with_the_part_that_completes_it(
    analyst: Analyst, make: Callable[..., list[part_media.Parted]]
) -> None:
    """Of a low-latency encoder each second is cut with the part in which it ends, not with the segment."""
    first, second = make(2, every_s=0.25, rate=24, options=part_media.LOW_LATENCY)
    play(analyst, first.parts)
    came = [[clip.media_time_s for clip in each.clips] for each in play(analyst, second.parts)]

    assert came == [[], [], [], [2.0], [], [], [], [3.0]]


def test_parts_of_independent_pictures_do_not_cut_clips_short(analyst: Analyst) -> None:
    """Where every part begins with a key frame, and each could be the first, a clip still spans four."""
    (segment,) = part_media.fmp4(every_s=0.25, gop_s=0.25, rate=24, options=part_media.LOW_LATENCY)
    parts = [replace(part, continues=False) for part in segment.parts]

    assert same(clips(play(analyst, parts)), clips(play(Analyst(RECIPE), [segment.whole])))


def test_a_lost_part_costs_the_rest_of_its_gop_and_no_alarm(analyst: Analyst) -> None:
    """After a hole nothing is decoded until a key frame, and what is left out is never called damage."""
    first, second = part_media.fmp4(2)
    lost = play(analyst, [part for place, part in enumerate(first.parts) if place != 6])
    after = play(analyst, second.parts)

    assert [result.outcome for result in lost] == [Outcome.OK] * 6 + [Outcome.ORPHANED] * 3
    assert all(result.findings == () for result in lost)
    assert [clip.media_time_s for clip in clips(lost)] == [0.0]
    assert healthy(after)
    assert same(clips(after), clips(play(Analyst(RECIPE), [second.whole])))


def test_after_a_hole_the_next_key_frame_begins_a_clip_of_the_same_grid(analyst: Analyst) -> None:
    """With a key frame each second, a lost part costs its second only; the next is scored as if unharmed."""
    (segment,) = part_media.fmp4(seconds=3.0, gop_s=1.0)
    results = play(analyst, [part for place, part in enumerate(segment.parts) if place != 2])
    whole = clips(play(Analyst(RECIPE), [segment.whole]))

    assert Reason.DAMAGE not in {finding.reason for result in results for finding in result.findings}
    assert same(clips(results)[-2:], whole[-2:])


def test_a_part_without_its_beginning_is_orphaned_but_heard(analyst: Analyst) -> None:
    """Joining in the middle of a GOP yields no clip, no finding, and the measures of its packets."""
    (segment,) = part_media.fmp4(sound=media.tone, every_s=0.5)
    (result,) = play(analyst, segment.parts[1:2])

    assert (result.outcome, result.clips, result.findings) == (Outcome.ORPHANED, (), ())
    assert result.detail.endswith("decoding goes on at the next key frame")
    assert (result.measures.packets, result.measures.frames_decoded) == (15, 0)
    assert result.measures.has_audio


def test_a_last_part_that_nobody_knew_to_be_the_last_is_flushed_by_the_next_segment(
    analyst: Analyst,
) -> None:
    """When even the last part says that more follows, its second comes with the next segment's first part."""
    first, second = part_media.fmp4(2, seconds=1.8)
    open_ended = [replace(part, unfinished=True) for part in first.parts]
    before = play(analyst, open_ended)
    (next_part,) = play(analyst, second.parts[:1])

    assert [clip.media_time_s for clip in clips(before)] == [0.0]
    assert same([*clips(before), *next_part.clips], clips(play(Analyst(RECIPE), [first.whole])))
    assert healthy([*before, next_part])


def test_a_cut_without_a_key_frame_is_decoded_through(analyst: Analyst) -> None:
    """A continuous input cut where there is no key frame yields the clips of the uncut stream."""
    (segment,) = part_media.ts(seconds=4.0, every_s=2.0, sound=media.tone)
    first, second = segment.parts
    results = play(analyst, [first, replace(second, sequence=1, unfinished=False)])

    assert same(clips(results), clips(play(Analyst(RECIPE), [segment.whole])))
    assert healthy(results)


@pytest.mark.parametrize(
    ("before", "then"),
    [("light", "full"), ("full", "light"), ("extra_light", "full"), ("full", "extra_light")],
)
def test_a_change_of_depth_inside_a_segment_harms_no_picture(
    analyst: Analyst, before: str, then: str
) -> None:
    """Looking more or less closely from part to part is no damage, and takes effect at a safe place."""
    first, second = part_media.fmp4(2, gop_s=1.0)
    results = play(analyst, first.parts[:3], before) + play(analyst, [*first.parts[3:], *second.parts], then)

    assert healthy(results)
    assert results[-1].measures.depth == then
    assert {result.measures.depth for result in results[:3]} == {before}


def test_damage_in_a_part_is_told_with_that_part(analyst: Analyst) -> None:
    """Broken bytes in one part make that part damaged, at once, and the clip that shows them."""
    (segment,) = part_media.ts(bit_rate=800_000)
    parts = list(segment.parts)
    broken = bytearray(parts[2].data)
    broken[188 * 2 : 188 * 6] = b""
    parts[2] = replace(parts[2], data=bytes(broken))
    results = play(analyst, parts)

    assert [result.outcome for result in results[:3]] == [Outcome.OK, Outcome.OK, Outcome.DAMAGED]
    assert [finding.reason for finding in results[2].findings] == [Reason.DAMAGE]
    assert clips(results)[0].degraded == "damaged"


def test_a_segment_whose_parts_hold_no_picture_says_so_once(analyst: Analyst) -> None:
    """Parts of sound alone are no alarm each; the segment is, when it is over."""
    (segment,) = part_media.ts(codec=None, sound=media.tone, every_s=2.0)
    data = segment.whole.data
    cut = len(data) // 188 // 2 * 188
    halves = [
        replace(segment.whole, data=data[:cut], duration_s=1.0, unfinished=True),
        replace(segment.whole, data=data[cut:], duration_s=1.0, media_time_s=1.0, continues=True),
    ]
    results = play(analyst, halves)

    assert [result.outcome for result in results] == [Outcome.OK, Outcome.NO_VIDEO]
    assert [len(result.findings) for result in results] == [0, 1]


def test_the_last_part_of_an_unknown_segment_may_hold_sound_alone(analyst: Analyst) -> None:
    """Joining with a part without pictures does not mean that its segment has none."""
    sound = media.segment(media.encode(codec=None, sound=media.tone, seconds=0.5), duration_s=0.5)
    (result,) = play(analyst, [replace(sound, continues=True)])

    assert (result.outcome, result.findings) == (Outcome.OK, ())


def test_parts_that_stop_coming_give_their_decoder_back() -> None:
    """The decoder of a segment whose next part does not come in half a minute is closed."""
    now = 0.0
    analyst = Analyst(RECIPE, now=lambda: now)
    first = part_media.fmp4()[0]
    play(analyst, first.parts[:2])
    now = IDLE_S + 1.0
    play(analyst, [media.segment(media.encode(seconds=0.2), stream="other", duration_s=0.2)])
    (late,) = play(analyst, first.parts[2:3])

    assert late.outcome is Outcome.ORPHANED


@pytest.mark.parametrize("make", [part_media.fmp4, part_media.ts])
def test_no_broken_or_misplaced_part_breaks_the_analyst(
    analyst: Analyst, make: Callable[..., list[part_media.Parted]]
) -> None:
    """Damaged parts in any order, with any flags, yield results; a healthy segment then decodes as ever."""
    first, second = make(2, width=96, height=64, every_s=0.25)
    outcomes = set()
    for seed in range(120):
        dice = random.Random(seed)
        part = dice.choice([*first.parts, *second.parts])
        data = media.mutant(part.data, seed) if len(part.data) > 188 * 6 else part.data
        flags = {"continues": dice.random() < 0.7, "unfinished": dice.random() < 0.7}
        outcomes.add(play(analyst, [replace(part, data=data, **flags)], "light")[0].outcome)  # type: ignore[arg-type]

    assert {Outcome.ORPHANED, Outcome.DAMAGED} <= outcomes
    assert healthy(play(analyst, first.parts, "light")[1:])
