"""Declared against measured: duration, bandwidth, codecs, picture size, picture rate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conform_story import LOW, TOP, Change, between, edges, measured, sent, starts, story
from qoed.checks import CheckSettings
from qoed.conform.declared import duration_off
from qoed.model import Decoded, Outcome, Reason, Severity


def bytes_times(factor: float) -> Any:
    """A segment of so many times its size."""
    return lambda decoded: sent(decoded, data=bytes(round(len(decoded.segment.data) * factor)))


def test_a_rendition_that_is_what_it_declares_has_no_finding() -> None:
    """Thirty segments of a healthy ladder raise nothing."""
    assert story(30, renditions=(TOP, LOW)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (between(5, 8, bytes_times(2.0)), [("bandwidth_exceeded", 10.0, 22.0)]),
        (between(5, 8, lambda d: measured(d, codecs="avc1.640020,mp4a.40.2")), [("codecs_off", 10.0, 18.0)]),
        (between(5, 8, lambda d: measured(d, codecs="hvc1.1.6.L93,mp4a.40.2")), [("codecs_off", 10.0, 18.0)]),
        (between(5, 8, lambda d: measured(d, width=640, height=360)), [("resolution_off", 10.0, 18.0)]),
        (between(5, 8, lambda d: measured(d, frame_rate=25.0, packets=50)), [("frame_rate_off", 10.0, 18.0)]),
        (between(5, 5, bytes_times(2.0)), []),
        (between(5, 5, lambda d: measured(d, width=640, height=360)), []),
        (lambda n, d: measured(d, width=640, height=360) if n % 2 else d, []),
    ],
    ids=[
        "bandwidth",
        "level",
        "codec",
        "resolution",
        "rate",
        "one-large-segment",
        "one-small-picture",
        "flapping",
    ],
)
def test_what_is_off_starts_after_two_segments_and_ends_when_it_agrees(
    change: Change, expected: list[tuple[str, float, float]]
) -> None:
    """Each contradiction is one condition with both ends; a single bad segment is none."""
    found = story(15, change)

    phases = [
        edge for name, since_s, end_s in expected for edge in ((name, "start", since_s), (name, "end", end_s))
    ]
    assert edges(found) == phases


def test_bandwidth_says_what_was_measured_and_what_was_declared() -> None:
    """The finding carries the rate, its unit and the declared one, and warns."""
    (start,) = starts(story(5, between(2, 4, bytes_times(2.0))))

    assert (start.severity, start.value, start.unit) == (Severity.WARNING, 5_400_000.0, "bit/s")
    assert start.evidence == {"declared_bps": 3_000_000}
    assert start.message == "5.40 Mbit/s in 2.0 s where 3.00 Mbit/s are declared"


def test_short_segments_are_judged_together() -> None:
    """A peak is that of a stretch of half a segment at least: short ones are added up."""

    def tail(number: int, decoded: Decoded) -> Decoded:
        if number % 2 == 0:
            return decoded
        size = round(3_000_000 * 3 * 0.2 / 8)  # three times the rate, for a fifth of a second
        return sent(measured(decoded, video_duration_s=0.2), duration_s=0.2, data=bytes(size))

    found = story(12, tail)
    assert [each for each in found if each.reason is Reason.BANDWIDTH_EXCEEDED] == []


def test_dash_bandwidth_may_be_exceeded_as_far_as_the_buffer_goes() -> None:
    """Representation@bandwidth holds after minBufferTime: one large segment is fine, many are not."""
    dash = replace(TOP, buffer_s=4.0)
    single = story(10, between(4, 4, bytes_times(3.0)), renditions=(dash,))
    lasting = story(10, between(4, 9, bytes_times(3.0)), renditions=(dash,))

    assert single == []
    assert [each.reason for each in lasting] == [Reason.BANDWIDTH_EXCEEDED]


def test_two_swapped_variants_are_found_on_both_and_named() -> None:
    """When a packager swaps two renditions, both have the wrong picture, and each says whose it is."""

    def swap(number: int, decoded: Decoded) -> Decoded:
        if number < 3:
            return decoded
        other = LOW if decoded.segment.rendition.id == TOP.id else TOP
        return measured(decoded, width=other.width, height=other.height)

    found = [each for each in story(8, swap, renditions=(TOP, LOW)) if each.reason is Reason.RESOLUTION_OFF]

    assert [(each.rendition, each.evidence["looks_like"]) for each in found] == [
        ("720p", "360p"),
        ("360p", "720p"),
    ]
    assert found[0].severity is Severity.CRITICAL
    assert found[0].message == (
        "the picture is 640x360 where 1280x720 is declared: "
        "it looks like that of 360p; the two may be swapped"
    )


@pytest.mark.parametrize(
    "measures",
    [
        {"width": 720, "height": 1280},
        {"width": 960, "height": 720, "sample_aspect": 4 / 3},
        {"width": 1280, "height": 728},
        {"width": 1276, "height": 720},
        {"width": None, "height": None},
        {"width": 960, "height": 720, "frames_decoded": 0, "interlaced": None},
    ],
    ids=["rotated", "anamorphic", "not cropped", "cropped", "unknown", "not decoded"],
)
def test_the_declared_size_in_another_guise_is_not_off(measures: dict[str, Any]) -> None:
    """Turned pictures, pixels that are not square and rounding to blocks are the declared size."""
    assert story(6, lambda _number, decoded: measured(decoded, **measures)) == []


@pytest.mark.parametrize(
    "measures",
    [
        {"frame_rate": 29.97},
        {"frame_rate": 60.0, "packets": 60},
        {"frame_rate": 60.0, "packets": 120, "interlaced": True},
        {"frame_rate": 12.0, "packets": 4},
        {"frame_rate": None},
    ],
    ids=["ntsc", "variable", "fields", "few", "unknown"],
)
def test_the_declared_rate_in_another_guise_is_not_off(measures: dict[str, Any]) -> None:
    """1000/1001, fields, a variable rate whose mean is right, and too few pictures raise nothing."""
    assert story(6, lambda _number, decoded: measured(decoded, **measures)) == []


@pytest.mark.parametrize(
    ("announced_s", "measured_s", "off"),
    [
        (2.0, 2.0, False),
        (2.0, 2.2, False),
        (6.0, 5.5, False),
        (2.0, 2.3, True),
        (4.0, 2.0, True),
        (2.0, None, False),
    ],
)
def test_duration_is_off_beyond_a_tenth_and_a_quarter_second(
    announced_s: float, measured_s: float | None, off: bool
) -> None:
    """A wrong EXTINF is told from rounding, and an unmeasured duration is never wrong."""
    assert duration_off(announced_s, measured_s, 0.1) is off


def test_a_wrong_announced_duration_is_an_event_of_its_segment() -> None:
    """A segment that plays longer than announced is told with both durations, and by the limit in force."""
    change = between(3, 3, lambda decoded: measured(decoded, video_duration_s=2.5))
    (found,) = story(6, change)

    assert (found.reason, found.value, found.media_time_s) == (Reason.DURATION_OFF, 2.5, 6.0)
    assert found.evidence == {"announced_s": 2.0, "sequence": 3}
    assert found.message == "2.50 s of media in a segment announced as 2.00 s"
    assert story(6, change, settings=CheckSettings({Reason.DURATION_OFF: 0.3})) == []


@pytest.mark.parametrize("outcome", [Outcome.UNDECODABLE, Outcome.CRASHED, Outcome.ORPHANED, Outcome.REFUSED])
def test_a_segment_that_was_not_measured_contradicts_nothing(outcome: Outcome) -> None:
    """What a crash or a refusal left unmeasured is never held against the declaration."""

    def lose(decoded: Decoded) -> Decoded:
        return replace(measured(decoded, width=16, height=16, video_duration_s=0.1), outcome=outcome)

    assert story(10, between(3, 7, lose)) == []


def test_what_a_file_says_of_itself_is_not_held_against_it() -> None:
    """The mean bit rate in a file's header is no declared peak."""
    own = replace(TOP, declared=False)

    assert story(8, between(2, 7, bytes_times(3.0)), renditions=(own,)) == []


def test_a_check_that_is_off_neither_starts_nor_ends() -> None:
    """`resolution_off: off` leaves no trace of the check."""
    change = between(3, 6, lambda decoded: measured(decoded, width=640, height=360))

    assert story(10, change, settings=CheckSettings({Reason.RESOLUTION_OFF: False})) == []
