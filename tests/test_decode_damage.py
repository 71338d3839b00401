"""Damaged media: what is broken is seen, and breaks nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import av
import pytest

import media
from qoed.decode import DecodeOptions
from qoed.decode.analyse import Analyst
from qoed.decode.codec import Job, Result
from qoed.model import Outcome, Reason
from qoed_engine.manifest import Recipe

MUTANTS = 100


@pytest.fixture
def analyst() -> Analyst:
    """What runs in the worker, here in the test's own process for speed."""
    av.logging.set_level(None)
    return Analyst(Recipe())


def job(data: bytes, *, duration_s: float = 2.0, container: Any = "mpegts", depth: Any = "full") -> Job:
    """A job for the analyst."""
    return Job(
        stream="s",
        rendition="r",
        media_time_s=0.0,
        duration_s=duration_s,
        container=container,
        media=data,
        options=DecodeOptions(depth=depth),
        opened={},
    )


def shows(result: Result) -> bool:
    """Whether the damage would be seen by an operator."""
    return result.outcome is not Outcome.OK or bool(result.findings)


@pytest.mark.parametrize(
    ("codec", "depth"), [("libx264", "full"), ("libx264", "light"), ("mpeg2video", "full")]
)
def test_damage_is_visible(analyst: Analyst, codec: str, depth: str) -> None:
    """Of hundreds of segments with flipped, zeroed, lost, cut, swapped or repeated bytes 99 % show it."""
    options = {"preset": "medium"} if codec == "libx264" else None
    clean = media.encode(codec=codec, seconds=1.0, width=192, height=108, bit_rate=600_000, options=options)
    whole = analyst.analyse(job(clean, duration_s=1.0, depth=depth))
    assert (whole.outcome, whole.findings) == (Outcome.OK, ())

    seen = sum(
        shows(analyst.analyse(job(media.mutant(clean, seed), duration_s=1.0, depth=depth)))
        for seed in range(MUTANTS)
    )

    assert seen >= 0.99 * MUTANTS


def test_damaged_pictures_mark_their_clip(analyst: Analyst) -> None:
    """A second whose pictures are corrupt is scored with a warning, the clean second beside it without."""
    clean = media.encode(bit_rate=800_000)
    start = len(clean) * 6 // 10 // 188 * 188
    broken = clean[:start] + clean[start + 188 * 20 :]
    result = analyst.analyse(job(broken))

    assert result.outcome is Outcome.DAMAGED
    assert [clip.degraded for clip in result.clips] == [None, "damaged"]
    (damage,) = [finding for finding in result.findings if finding.reason is Reason.DAMAGE]
    assert damage.evidence["packets_corrupt"] >= 1
    assert "damaged: " in damage.message


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
@pytest.mark.parametrize("container", ["mpegts", "mp4"])
def test_a_cut_segment_is_scored_as_far_as_it_goes(analyst: Analyst, container: str, share: float) -> None:
    """A download that broke off is damage, never a crash, and what arrived is still used."""
    flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if container == "mp4" else {}
    whole = media.encode(container=container, bit_rate=800_000, container_options=flags)
    result = analyst.analyse(job(whole[: int(len(whole) * share)], container=container))

    assert result.outcome in (Outcome.DAMAGED, Outcome.UNDECODABLE)
    assert shows(result)
    if share > 0.5:
        assert result.clips


@pytest.mark.parametrize("container", ["mpegts", "mp4"])
def test_no_mutant_breaks_the_analyst(analyst: Analyst, container: str) -> None:
    """After each of many broken segments the next clean one decodes as if nothing had been."""
    flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if container == "mp4" else {}
    clean = media.encode(
        container=container, seconds=0.6, width=96, height=64, sound=media.tone, container_options=flags
    )
    outcomes = Counter(
        analyst.analyse(job(media.mutant(clean, seed), duration_s=0.6, container=container)).outcome
        for seed in range(1000, 1080)
    )

    assert sum(outcomes.values()) == 80
    after = analyst.analyse(job(clean, duration_s=0.6, container=container))
    assert after.outcome is Outcome.OK
    assert len(after.clips) == 1


def test_a_crowd_of_streams_is_refused(analyst: Analyst) -> None:
    """A segment with more elementary streams than any programme has is not taken apart."""
    result = analyst.analyse(job(media.crowd(40)))

    assert (result.outcome, result.clips) == (Outcome.REFUSED, ())
    assert result.detail == "more than 32 elementary streams"


def test_a_picture_size_that_changes_all_the_time_is_survived(analyst: Analyst) -> None:
    """Segments of ever other sizes on one rendition are each decoded and scored as what they are."""
    for width, height in ((320, 180), (64, 36), (180, 320), (2, 2), (640, 16)):
        result = analyst.analyse(job(media.encode(seconds=0.6, width=width, height=height), duration_s=0.6))
        assert (result.outcome, len(result.clips)) == (Outcome.OK, 1)


def test_leading_pictures_of_an_open_gop_are_not_damage(analyst: Analyst) -> None:
    """A segment whose first pictures refer to the segment before, as open GOPs do, raises no false alarm."""
    movie = media.encode(
        seconds=4.0,
        gop=60,
        options={"preset": "medium", "x264-params": "open-gop=1:bframes=3:scenecut=0:log-level=-1"},
    )
    second = _from_key_frame(movie, 1)
    result = analyst.analyse(replace(job(second), transport_checked=True))  # cut out: counters do not fit

    assert (result.outcome, result.findings) == (Outcome.OK, ())


def test_segments_of_an_open_gop_may_leave_their_parameter_sets_to_the_first(analyst: Analyst) -> None:
    """A muxer that writes SPS and PPS before IDR pictures only makes later segments no harder to decode."""
    movie = media.encode(
        seconds=4.0,
        gop=60,
        options={"flags": "+global_header", "x264-params": "open-gop=1:bframes=3:scenecut=0:log-level=-1"},
    )
    second = replace(job(_from_key_frame(movie, 1)), transport_checked=True, media_time_s=2.0)
    alone = Analyst(Recipe()).analyse(second)
    analyst.analyse(job(_from_key_frame(movie, 0)))
    result = analyst.analyse(second)

    assert alone.outcome is Outcome.UNDECODABLE
    assert (result.outcome, result.findings, len(result.clips)) == (Outcome.OK, (), 2)


def test_intra_refresh_is_decoded_even_when_only_key_frames_were_asked_for(analyst: Analyst) -> None:
    """A stream with hardly any key frame is decoded in full rather than left unseen."""
    movie = media.encode(
        options={"preset": "medium", "x264-params": "intra-refresh=1:keyint=60:log-level=-1"}, seconds=6.0
    )
    result = analyst.analyse(job(movie, duration_s=6.0, depth="extra_light"))

    assert result.outcome is Outcome.OK
    assert result.clips


def _from_key_frame(movie: bytes, number: int) -> bytes:
    """MPEG-TS from the `number`th key frame on, tables kept."""
    with av.open(__import__("io").BytesIO(movie), format="mpegts") as source:
        video = source.streams.video[0]
        keys = [packet.pos for packet in source.demux(video) if packet.is_keyframe]
    start = keys[number]
    assert start is not None
    return movie[: 3 * 188] + movie[start:]
