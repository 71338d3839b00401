"""From level to segments: parts keep together, renditions choose alike, and only sound clips are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from depth_story import segment
from qoed.depth import Sampling
from qoed.depth.sampling import SAMPLE_EVERY_S, SAMPLE_HOLDS_S
from qoed.model import Clip, Decoded, Outcome, Score, Segment
from qoed.roll import Roller


def clip(at_s: float, degraded: str | None = None, abstain: str | None = None) -> Clip:
    return Clip(
        stream="tv",
        rendition="720p",
        media_time_s=at_s,
        frames=np.zeros((1, 1, 1, 3), np.uint8),
        degraded=degraded,
        abstain=abstain,
    )


def decoded(of: Segment, *clips: Clip) -> Decoded:
    return Decoded(segment=of, outcome=Outcome.OK, clips=clips)


def chosen(
    sampling: Sampling, times: Sequence[float], *, duration_s: float, rendition: str = "720p"
) -> list[float]:
    """The starts of those segments that are decoded as light although the stream is at extra_light."""
    return [
        at_s
        for at_s in times
        if sampling.choose(segment(at_s, duration_s=duration_s, rendition=rendition), "extra_light")
        == "light"
    ]


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [(2.0, [0, 20, 40, 60]), (4.0, [0, 20, 40, 60]), (6.0, [0, 24, 42, 60]), (10.0, [0, 20, 40, 60])],
)
def test_extra_light_scores_a_segment_now_and_then(duration_s: float, expected: list[float]) -> None:
    """At extra_light one segment in twenty seconds is decoded as light, the others by key frames alone."""
    times = np.arange(0, 80, duration_s).tolist()
    starts = chosen(Sampling(), times, duration_s=duration_s)

    assert starts == expected
    assert np.diff(starts).max() <= SAMPLE_EVERY_S + duration_s


def test_renditions_choose_the_same_segments() -> None:
    """All rungs are scored at the same media times, even when their segments begin a little apart."""
    sampling = Sampling()
    first = chosen(sampling, np.arange(0, 200, 4).tolist(), duration_s=4)
    other = chosen(sampling, (np.arange(0, 200, 4) - 0.04).tolist(), duration_s=4, rendition="360p")

    assert other == pytest.approx([at_s - 0.04 for at_s in first])


@pytest.mark.parametrize("level", ["light", "full"])
def test_other_levels_are_what_they_say(level: str) -> None:
    """At light and full every segment is decoded so."""
    sampling = Sampling()

    assert {sampling.choose(segment(4.0 * n), level) for n in range(10)} == {level}  # type: ignore[arg-type]


def test_a_stream_that_falls_to_extra_light_is_scored_at_once() -> None:
    """Demotion leaves no hole: the first segment at extra_light is one of those that are scored."""
    sampling = Sampling()
    sampling.choose(segment(4), "light")

    assert sampling.choose(segment(8), "extra_light") == "light"
    assert sampling.choose(segment(12), "extra_light") == "extra_light"


def test_parts_of_one_segment_are_decoded_alike() -> None:
    """A promotion between two parts waits for the next segment, as a decoder cannot begin in between."""
    sampling = Sampling()
    sampling.choose(segment(0, unfinished=True), "extra_light")
    levels = ["extra_light", "full", "full"]
    parts = [
        segment(20, unfinished=True),
        segment(21, continues=True, unfinished=True),
        segment(22, continues=True),
    ]

    assert [sampling.choose(part, level) for part, level in zip(parts, levels, strict=True)] == ["light"] * 3  # type: ignore[arg-type]
    assert sampling.choose(segment(24), "full") == "full"


def test_key_frames_alone_are_not_scored() -> None:
    """A clip of one held picture is left out: the network would take it for a freeze. Black is still told."""
    sampling = Sampling()
    for at_s, expected in ((0.0, [0.0, 1.0, 2.0]), (4.0, [6.0])):
        piece = segment(at_s)
        sampling.choose(piece, "extra_light")
        clips = [clip(at_s, "few_pictures"), clip(at_s + 1), clip(at_s + 2, "few_pictures", "black")]
        marked, depth = sampling.mark(decoded(piece, *clips))

        assert [each.media_time_s for each in marked.clips] == expected
        assert depth == ("extra_light" if at_s else "light")
        assert {(each.depth, each.holds_s) for each in marked.clips} == {("extra_light", SAMPLE_HOLDS_S)}


def test_stills_are_scored_at_any_depth() -> None:
    """A still picture has no motion to miss."""
    sampling = Sampling()
    for at_s in (0.0, 1.0):
        piece = replace(segment(at_s, duration_s=1.0), container="image")
        sampling.choose(piece, "extra_light")

        assert len(sampling.mark(decoded(piece, clip(at_s)))[0].clips) == 1


def test_clips_of_other_levels_stand_for_themselves() -> None:
    """At light a clip of few pictures is scored as ever, and stands for its second only."""
    sampling = Sampling()
    sampling.choose(segment(0), "light")
    marked, _ = sampling.mark(decoded(segment(0), clip(0.0, "few_pictures")))

    assert [(each.depth, each.holds_s, each.degraded) for each in marked.clips] == [
        ("light", None, "few_pictures")
    ]


def test_results_of_a_rendition_that_is_gone_pass() -> None:
    """A segment that was in the decoder when its rendition left the ladder disturbs nobody."""
    sampling = Sampling()
    piece = segment(0)
    sampling.choose(piece, "full")
    sampling.forget("720p")

    assert sampling.mark(decoded(piece))[0] == decoded(piece)


@pytest.mark.parametrize("duration_s", [2.0, 4.0, 6.0, 10.0])
def test_what_extra_light_promises_covers_every_window(duration_s: float) -> None:
    """The few scores of a healthy stream at extra_light reach all of each minute: none are missed."""
    sampling, roller = Sampling(), Roller()
    for at_s in np.arange(0, 400, duration_s).tolist():
        piece = segment(at_s, duration_s=duration_s)
        if sampling.choose(piece, "extra_light") == "extra_light":
            continue
        whole = decoded(piece, *(clip(at_s + second) for second in range(int(duration_s))))
        for each in sampling.mark(whole)[0].clips:
            windows = roller.add(_scored(each))
            reaches = [window.reach for window in windows[:2] if at_s >= 60]

            assert all(reach is not None and reach > 0.99 for reach in reaches)


def _scored(of: Clip) -> Score:
    base = Score(
        stream="tv", rendition="720p", media_time_s=of.media_time_s, score=60, lo=50, hi=70, mos=3.4,
        distortions={}, model="m",
    )  # fmt: skip
    return replace(base, depth=of.depth, holds_s=of.holds_s)
