"""Sound: there where it should be, and the same as before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conform_story import TOP, Change, between, edges, measured, sent, starts, story
from qoed.model import Decoded, Reason, Severity

SILENT: dict[str, Any] = {
    "has_audio": False,
    "audio_codec": None,
    "audio_start_s": None,
    "audio_duration_s": None,
    "audio_sample_rate": None,
    "audio_channels": None,
    "codecs": "avc1.64001f",
}
BARE = replace(TOP, codecs="avc1.64001f")


def silent(decoded: Decoded) -> Decoded:
    """The segment without any sound packet."""
    return measured(decoded, **SILENT)


def test_sound_that_went_missing_lasts_until_it_is_back() -> None:
    """Four seconds without a sound packet are critical, and over with the first segment that has sound."""
    found = story(12, between(4, 8, silent))

    assert edges(found) == [("audio_missing", "start", 10.0), ("audio_missing", "end", 18.0)]
    (start,) = starts(found)
    assert (start.severity, start.value) == (Severity.CRITICAL, 4.0)
    assert start.message == "no sound for 4.0 s, though there was sound before"


def test_sound_that_is_declared_and_never_comes_is_missing() -> None:
    """CODECS that name a sound codec promise sound from the first segment on."""
    (start,) = story(6, lambda _number, decoded: silent(decoded))

    assert start.reason is Reason.AUDIO_MISSING
    assert start.message == "no sound for 4.0 s, though CODECS declares avc1.64001f,mp4a.40.2"


@pytest.mark.parametrize(
    ("change", "rendition", "seconds"),
    [
        (between(4, 4, silent), TOP, 2.0),
        (between(4, 4, silent), TOP, 6.0),
        (lambda _n, d: silent(d), BARE, 2.0),
        (lambda _n, d: silent(d), replace(TOP, separate_audio=True), 2.0),
        (lambda n, d: silent(d) if n < 3 else d, BARE, 2.0),
        (lambda n, d: silent(d) if n % 2 else d, TOP, 2.0),
        (lambda n, d: sent(silent(d), discontinuity=True) if n % 4 > 1 else d, TOP, 2.0),
    ],
    ids=["one", "one long", "none declared", "separate", "late", "sparse", "ad break"],
)
def test_sound_that_may_be_absent_is_not_missed(change: Change, rendition: Any, seconds: float) -> None:
    """Single segments without sound, video-only rungs and renditions with separate sound are fine."""
    found = story(12, change, renditions=(rendition,), seconds=seconds)

    assert [each for each in found if each.reason is Reason.AUDIO_MISSING] == []


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        (
            {"audio_sample_rate": 44100},
            "the sound is aac at 44100 Hz with 2 channels, and was aac at 48000 Hz",
        ),
        ({"audio_channels": 6}, "the sound is aac at 48000 Hz with 6 channels, and was aac"),
        ({"codecs": "avc1.64001f,ac-3", "audio_codec": "ac3"}, "the sound is ac-3 where CODECS declares"),
    ],
)
def test_sound_that_changed_is_told_until_it_is_as_before(measures: dict[str, Any], said: str) -> None:
    """Another rate, other channels or another codec without a discontinuity is a mismatch."""
    found = story(14, between(5, 8, lambda decoded: measured(decoded, **measures)))

    assert edges(found) == [("audio_mismatch", "start", 10.0), ("audio_mismatch", "end", 18.0)]
    assert starts(found)[0].message.startswith(said)


def test_sound_that_stays_different_becomes_the_usual() -> None:
    """After a minute the new sound is taken for granted, so that no alert burns for ever."""
    found = story(50, between(5, 49, lambda decoded: measured(decoded, audio_channels=1)))

    assert edges(found) == [("audio_mismatch", "start", 10.0), ("audio_mismatch", "end", 70.0)]
    assert found[1].message == "aac at 48000 Hz with 1 channel is the new usual"


@pytest.mark.parametrize(
    "change",
    [
        between(5, 5, lambda decoded: measured(decoded, audio_channels=1)),
        lambda n, d: sent(measured(d, audio_sample_rate=44100), discontinuity=n == 5) if n >= 5 else d,
        lambda n, d: measured(d, audio_sample_rate=24000, audio_channels=1) if n % 3 else d,
        lambda _n, d: measured(d, codecs="avc1.64001f,mp4a.40.5"),
        lambda _n, d: measured(d, audio_sample_rate=None, audio_channels=None),
    ],
    ids=["one segment", "discontinuity", "HE-AAC core", "HE-AAC", "unknown"],
)
def test_sound_that_is_the_same_in_another_guise_is_no_mismatch(change: Change) -> None:
    """Single segments, announced breaks, and AAC told by its core or by its whole raise nothing."""
    assert [each for each in story(20, change) if each.reason is Reason.AUDIO_MISMATCH] == []
