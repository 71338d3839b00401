"""What decoding measures: codecs by their names in CODECS, times on the media's clock, key frames, sound."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

import media
import part_media
from qoed.decode import DecodeOptions
from qoed.decode.analyse import Analyst
from qoed.decode.codec import Result, job_header, job_of
from qoed.decode.options import KEY_EVERY_S
from qoed.model import Measures, Outcome, Phase, Reason, Rendition, Segment
from qoed_engine.manifest import Recipe

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def decode(segment: Segment, depth: Any = "full", analyst: Analyst | None = None) -> Result:
    """What a worker finds in the segment."""
    av.logging.set_level(None)
    job = job_of(job_header(segment, DecodeOptions(depth=depth), {}), bytearray(segment.init + segment.data))
    return (analyst or Analyst(Recipe())).analyse(job)


def measured(container: str = "mpegts", **settings: Any) -> Measures:
    """Measures of two seconds."""
    data = media.encode(container=container, **settings)
    return decode(media.segment(data, container=container)).measures


def sound_only(codec: str, container: str, *, rate: int = 48000, layout: str = "stereo") -> bytes:
    """Two seconds of sound."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        track: Any = out.add_stream(codec, rate=rate, layout=layout)
        for at in range(0, 2 * rate, 1152):
            wave = media.tone((at + np.arange(1152)) / rate)
            frame = av.AudioFrame.from_ndarray(
                np.stack([wave] * len(track.codec_context.layout.channels)), format="fltp", layout=layout
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("container", "settings", "codecs"),
    [
        ("mpegts", {}, "avc1.42c014"),
        ("mp4", {"sound": media.tone}, "avc1.42c014,mp4a.40.2"),
        ("matroska", {"options": {"preset": "medium"}}, "avc1.64000d"),
        ("mpegts", {"codec": "libx265", "pix_fmt": "yuv420p10le"}, "hvc1.2.4.L60.90"),
        ("mp4", {"codec": "libx265"}, "hev1.1.6.L60.90"),
        ("matroska", {"codec": "libvpx-vp9", "seconds": 0.3}, "vp09.00.00.08"),
        ("mp4", {"codec": "libsvtav1", "seconds": 0.3}, "av01.0.00M.08"),
        ("mpegts", {"codec": "mpeg2video", "sound": media.tone}, "mp4v.61,mp4a.40.2"),
    ],
)
def test_codecs_are_named_as_rfc_6381_has_them(
    container: str, settings: dict[str, Any], codecs: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Profile and level come from the codec's own headers, whatever wraps it."""
    assert measured(container, **settings).codecs == codecs
    capfd.readouterr()  # SVT-AV1 introduces itself


@pytest.mark.parametrize(
    ("codec", "codecs"),
    [("mp2", "mp2"), ("libmp3lame", "mp4a.40.34"), ("ac3", "ac-3"), ("eac3", "ec-3"), ("aac", "mp4a.40.2")],
)
def test_sound_codecs_are_told_apart(codec: str, codecs: str) -> None:
    """Sound of every kind is named, with its rate and its channels."""
    data = sound_only(codec, "mpegts", rate=44100 if codec == "mp2" else 48000)
    found = decode(media.segment(data, duration_s=2.0)).measures

    assert found.codecs == codecs
    assert (found.audio_sample_rate, found.audio_channels) == (44100 if codec == "mp2" else 48000, 2)
    assert found.audio_duration_s == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize("depth", ["full", "light", "extra_light"])
@pytest.mark.parametrize("container", ["mpegts", "mp4", "matroska"])
def test_times_and_key_frames_are_those_of_the_packets(container: str, depth: str) -> None:
    """Begin, duration and key frames are known at every depth, from the packets."""
    data = media.encode(
        container=container,
        start_s=60.0,
        gop=15,
        sound=media.tone,
        options={"x264-params": "scenecut=0:log-level=-1"},
        container_options=FRAGMENTED if container == "mp4" else {},
    )
    found = decode(media.segment(data, container=container), depth).measures
    start_s = 0.0 if container == "mp4" else 60.0  # FFmpeg's fragments begin at zero

    assert found.video_start_s == pytest.approx(start_s, abs=0.1)
    assert found.video_duration_s == pytest.approx(2.0, abs=0.03)
    assert found.key_frames_s == pytest.approx((0.0, 0.5, 1.0, 1.5), abs=0.03)
    assert found.audio_start_s == pytest.approx(found.video_start_s, abs=0.05)
    assert found.audio_duration_s == pytest.approx(2.0, abs=0.05)
    assert found.clock_period_s == (pytest.approx(95443.7, abs=0.1) if container == "mpegts" else None)
    assert (found.audio_codec, found.audio_sample_rate, found.audio_channels) == ("aac", 48000, 2)
    assert (found.depth, found.width, found.height) == (depth, 320, 180)


def test_each_part_measures_itself() -> None:
    """A part's times, packets and key frames are its own, not those of its segment so far."""
    (segment,) = part_media.fmp4(every_s=0.5, options=part_media.LOW_LATENCY)
    analyst = Analyst(Recipe())
    found = [decode(part, analyst=analyst).measures for part in segment.parts]
    starts = [each.video_start_s or 0.0 for each in found]

    assert [start - starts[0] for start in starts] == pytest.approx([0.0, 0.5, 1.0, 1.5])
    assert [each.packets for each in found] == [15] * 4
    assert [each.video_duration_s for each in found] == pytest.approx([0.5] * 4)
    assert [each.key_frames_s for each in found] == [(0.0,), (), (), ()]


def test_pixels_that_are_not_square_and_fields_are_told() -> None:
    """Aspect and interlacing come out of the decoder with the pictures."""
    sar = measured(options={"x264-params": "sar=4/3:log-level=-1"})
    fields = measured(options={"x264-params": "interlaced=1:log-level=-1"}, width=320, height=192)

    assert (sar.sample_aspect, sar.interlaced) == (pytest.approx(4 / 3), False)
    assert fields.interlaced is True


def test_key_frames_alone_are_decoded_once_in_four_seconds() -> None:
    """At extra_light a key frame in each slot of media time is decoded, the same one in all renditions."""
    segments = media.segments(6, seconds=2.0, gop=30, options={"x264-params": "scenecut=0:log-level=-1"})
    analyst = Analyst(Recipe())
    first = [decode(each, "extra_light", analyst) for each in segments]
    late = [
        decode(replace(each, rendition=Rendition(id="b")), "extra_light", analyst) for each in segments[1:]
    ]

    assert KEY_EVERY_S == 4.0
    assert [each.measures.frames_decoded for each in first] == [1, 0, 1, 0, 1, 0]
    assert [each.measures.frames_decoded for each in late] == [1, 1, 0, 1, 0]
    assert all(each.outcome is Outcome.OK and not each.findings for each in [*first, *late])
    assert first[1].measures.width == 320


def test_a_black_key_frame_makes_every_one_be_looked_at() -> None:
    """At extra_light black is found by the second black key frame, its end by the next one that is not."""
    scene = media.timeline((4.0, media.moving), (8.0, media.black), (99.0, media.moving))
    segments = media.segments(6, seconds=2.0, scene=scene)
    analyst, opened = Analyst(Recipe()), dict[Reason, float]()
    found = []
    for each in segments:
        header = job_header(each, DecodeOptions(depth="extra_light"), opened)
        found.append(analyst.analyse(job_of(header, bytearray(each.data))))
        for finding in found[-1].findings:
            if finding.phase is Phase.START:
                opened[finding.reason] = finding.media_time_s or 0.0
            else:
                opened.clear()
    edges = [(f.phase.value, place) for place, each in enumerate(found) for f in each.findings]

    assert edges == [("start", 3), ("end", 4)]
    assert [each.measures.frames_decoded for each in found] == [1, 0, 1, 1, 1, 0]


def id3(pts: int) -> bytes:
    """An ID3 tag with the time of packed audio (RFC 8216bis 3.1.4)."""
    frame = b"com.apple.streaming.transportStreamTimestamp\0" + pts.to_bytes(8, "big")
    body = b"PRIV" + len(frame).to_bytes(4, "big") + b"\0\0" + frame
    return b"ID3\4\0\0" + bytes([0, 0, len(body) >> 7, len(body) & 0x7F]) + body


@pytest.mark.parametrize(
    ("codec", "container", "codecs"),
    [
        ("aac", "adts", "mp4a.40.2"),
        ("libmp3lame", "mp3", "mp4a.40.34"),
        ("ac3", "ac3", "ac-3"),
        ("eac3", "eac3", "ec-3"),
    ],
)
def test_packed_audio_is_heard_and_keeps_its_time(codec: str, container: str, codecs: str) -> None:
    """Coded sound without a container is told by its own sync bytes; its tag says when it plays."""
    data = sound_only(codec, container)
    data = data[data.index(b"\xff\xfb") :] if container == "mp3" else data
    segment = media.segment(
        id3(90_000 * 30) + data, container="packed_audio", rendition="audio", duration_s=2.0
    )
    segment = replace(segment, rendition=Rendition(id="audio", audio_only=True))
    found = decode(segment)

    assert (found.outcome, found.clips, found.findings) == (Outcome.OK, (), ())
    assert found.measures.codecs == codecs
    assert found.measures.audio_start_s == pytest.approx(30.0, abs=0.001)
    assert found.measures.audio_duration_s == pytest.approx(2.0, abs=0.1)


def test_what_is_no_packed_audio_is_undecodable() -> None:
    """An error page under the name of packed audio is named so."""
    found = decode(media.segment(b"<html>no</html>", container="packed_audio"))

    assert found.outcome is Outcome.UNDECODABLE
    assert found.detail == "not packed_audio: no ADTS, MP3, AC-3 or E-AC-3 frame after the ID3 tag"


@pytest.mark.parametrize("container", ["mpegts", "mp4"])
def test_a_rendition_of_sound_alone_misses_no_picture(container: str) -> None:
    """Audio renditions are heard, silence and all, and never called without video."""
    data = media.encode(
        container=container,
        codec=None,
        sound=media.hush,
        seconds=4.0,
        container_options=FRAGMENTED if container == "mp4" else {},
    )
    segment = media.segment(data, container=container, duration_s=4.0)
    found = decode(replace(segment, rendition=Rendition(id="audio", audio_only=True)))

    assert (found.outcome, found.clips) == (Outcome.OK, ())
    assert [finding.reason for finding in found.findings] == [Reason.SILENCE]
    assert found.measures.audio_duration_s == pytest.approx(4.0, abs=0.05)
