"""Declared CODECS against measured ones: what a player that trusts them cannot play."""

from __future__ import annotations

import pytest

from qoed.conform.codecs import audio_of, difference, video_of


@pytest.mark.parametrize(
    ("declared", "measured", "differs"),
    [
        ("avc1.64001f", "avc1.64001f", None),
        ("avc1.640028", "avc1.64001f", None),
        ("avc1.64001f", "avc1.640028", "level"),
        ("avc1.64001f", "avc1.4d401f", None),
        ("avc1.4d401f", "avc1.64001f", "profile"),
        ("avc1.42c01e", "avc1.42001e", None),
        ("avc3.64001f", "avc1.64001f", None),
        ("avc1.77.30", "avc1.4d001e", None),
        ("avc1.66.30", "avc1.4d001e", "profile"),
        ("avc1.42000b", "avc1.420009", None),
        ("avc1", "avc1.64001f", None),
        ("avc1.xyz", "avc1.64001f", None),
        ("avc1.64001f", "hvc1.1.6.L93", "codec"),
        ("hvc1.1.6.L93.B0", "hev1.1.6.L93.90", None),
        ("hvc1.1.6.L93.B0", "hvc1.2.4.L93.90", "profile"),
        ("hvc1.2.4.L120.B0", "hvc1.1.6.L93", None),
        ("hvc1.1.6.L93.B0", "hvc1.1.6.L120.B0", "level"),
        ("hvc1.1.6.H93", "hvc1.1.6.L93", None),
        ("dvh1.05.06", "hvc1.2.4.L150", None),
        ("av01.0.04M.08", "av01.0.04M.08", None),
        ("av01.0.04M.08", "av01.0.08M.08", "level"),
        ("av01.0.04M.08", "av01.1.04M.08", "profile"),
        ("vp09.00.10.08", "vp09.00.00.08", None),
        ("vp9", "vp09.00.00.08", None),
    ],
)
def test_only_more_or_other_than_declared_differs(declared: str, measured: str, differs: str | None) -> None:
    """A lower level or profile than declared harms nobody; a higher one, or another codec, does."""
    assert difference(declared, measured) == differs


@pytest.mark.parametrize(
    ("codecs", "video", "audio"),
    [
        ("avc1.64001f,mp4a.40.2", "avc1.64001f", "aac"),
        ('mp4a.40.5, "avc1.64001f"', "avc1.64001f", "aac"),
        ("mp4a.40.34", None, "mp3"),
        ("mp4a.6B", None, "mp3"),
        ("mp4a.40.29", None, "aac"),
        ("ac-3", None, "ac-3"),
        ("hvc1.2.4.L123,ec-3", "hvc1.2.4.L123", "ec-3"),
        ("Opus", None, "opus"),
        ("stpp.ttml.im1t,avc1.4d401f", "avc1.4d401f", None),
        ("h264", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_list_of_codecs_is_told_apart(codecs: str | None, video: str | None, audio: str | None) -> None:
    """Picture and sound are found in any order, subtitles and unknown names are left alone."""
    assert (video_of(codecs), audio_of(codecs)) == (video, audio)
