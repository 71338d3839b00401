"""One segment of live ladder: pictures in, x264 and AAC once per distinct treatment, MPEG-TS and fMP4 out."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.video.frame import PictureType

from qoed.demo import treat
from qoed.demo.content import FPS, FRAMES_PER_SEGMENT, SAMPLE_RATE, SEGMENT_S, Pictures, music
from qoed.demo.faults import FaultKind
from qoed.demo.ladder import AUDIO_BPS, Packaging, Rung

AAC_FRAME = 1024
AAC_PER_SEGMENT = round(SEGMENT_S * SAMPLE_RATE) // AAC_FRAME
_SOUND_LOOP_SEGMENTS = 4

_PICTURE_FAULTS = {
    FaultKind.BLUR: treat.blurred,
    FaultKind.UPSCALED: treat.upscaled,
    FaultKind.BLACK: treat.black,
}


@dataclass(frozen=True, slots=True)
class Order:
    """One segment to make. `fault_since` is the index of the segment with which `fault` began."""

    stream: str
    rung: Rung
    packaging: Packaging
    fault: FaultKind | None = None
    fault_since: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """A finished segment; `init` is the EXT-X-MAP section, empty for MPEG-TS."""

    init: bytes
    media: bytes


@dataclass(frozen=True, slots=True)
class _Coded:
    """A coded frame away from its encoder, so that it can go into several containers."""

    data: bytes
    pts: int
    duration: int
    key: bool

    def packet(self, stream: av.VideoStream | av.AudioStream, time_base: Fraction) -> av.Packet[Any]:
        packet: av.Packet[Any] = av.Packet(self.data)
        packet.pts = packet.dts = self.pts
        packet.duration, packet.time_base = self.duration, time_base
        packet.is_keyframe = self.key
        packet.stream = stream
        return packet


class SegmentMaker:
    """Makes the segments of every stream and rung for one instant; lives in one process, asked in order."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._frozen: tuple[int, av.VideoFrame] | None = None
        self._sound = _Sound()

    def make(self, index: int, orders: Sequence[Order]) -> list[Made]:
        """The segments of instant `index`, in the order of `orders`; equal work is done once."""
        clean = self._pictures.segment(index)
        made: dict[int, Made] = {}
        for treatment in dict.fromkeys(_treatment(order) for order in orders):
            mine = [place for place, order in enumerate(orders) if _treatment(order) == treatment]
            first = orders[mine[0]]
            frames = self._treated(clean, first)
            starved = first.fault is FaultKind.BITRATE_COLLAPSE
            for rung in dict.fromkeys(orders[place].rung for place in mine):
                with _encoded(frames, rung, index, starved=starved) as (stream, video):
                    for place in mine:
                        if orders[place].rung == rung:
                            made[place] = self._packaged(index, orders[place], stream, video)
        return [made[place] for place in range(len(orders))]

    def _treated(self, clean: list[av.VideoFrame], order: Order) -> list[av.VideoFrame]:
        if order.fault is FaultKind.FREEZE:
            if self._frozen is None or self._frozen[0] != order.fault_since:
                self._frozen = order.fault_since, clean[0]
            return [self._frozen[1]] * len(clean)
        treatment = _PICTURE_FAULTS.get(order.fault) if order.fault else None
        return treatment(clean) if treatment else clean

    def _packaged(self, index: int, order: Order, template: av.VideoStream, video: list[_Coded]) -> Made:
        silent = order.fault is FaultKind.SILENCE
        made = _muxed(index, order.packaging, template, video, self._sound, silent=silent)
        if order.fault is FaultKind.CORRUPT_SEGMENT:
            return Made(made.init, treat.corrupted(made.media, order.packaging, seed=index))
        return made


def _treatment(order: Order) -> tuple[FaultKind | None, int]:
    """What tells one encode of a rung from another."""
    if order.fault is FaultKind.FREEZE:
        return order.fault, order.fault_since
    shared = order.fault in _PICTURE_FAULTS or order.fault is FaultKind.BITRATE_COLLAPSE
    return (order.fault if shared else None), 0


@contextmanager
def _encoded(
    frames: Sequence[av.VideoFrame], rung: Rung, index: int, *, starved: bool
) -> Iterator[tuple[av.VideoStream, list[_Coded]]]:
    """H.264 baseline, one closed GOP a segment; a rung's parameter sets are always the same."""
    rate = rung.starved_bps if starved else rung.video_bps
    options = {
        "preset": "ultrafast",
        "bf": "0",
        "threads": "1",
        "maxrate": str(rate),
        "bufsize": str(rate // 2 if starved else rate),
        "x264-params": f"stitchable=1:scenecut=0:keyint={FRAMES_PER_SEGMENT}:level=31",
    }
    if not starved:
        options["crf"] = str(rung.crf)
    with av.open(io.BytesIO(), "w", format="null") as sink:
        stream = sink.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = rung.width, rung.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        stream.codec_context.flags |= Flags.global_header
        if starved:
            stream.codec_context.bit_rate = rate
        sink.start_encoding()
        yield stream, list(_code(frames, rung, index, stream))


def _code(
    frames: Sequence[av.VideoFrame], rung: Rung, index: int, stream: av.VideoStream
) -> Iterator[_Coded]:
    packets: list[av.Packet[av.VideoStream]] = []
    for number, frame in enumerate(frames):
        if (frame.width, frame.height) != (rung.width, rung.height):
            frame = frame.reformat(width=rung.width, height=rung.height, interpolation="AREA")
        frame.pts, frame.time_base = index * FRAMES_PER_SEGMENT + number, Fraction(1, FPS)
        frame.pict_type = PictureType.NONE
        packets += stream.encode(frame)
    packets += stream.encode(None)
    for packet in packets:
        assert packet.pts is not None
        yield _Coded(bytes(packet), packet.pts, 1, packet.is_keyframe)


class _Sound:
    """A loop of AAC frames of music, and one of silence, coded once at start; both repeat without a seam."""

    def __init__(self) -> None:
        self._sink = av.open(io.BytesIO(), "w", format="null")
        self.stream = self._sink.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        self.stream.codec_context.bit_rate = AUDIO_BPS
        self.stream.codec_context.flags |= Flags.global_header
        self._sink.start_encoding()
        loop = music(_SOUND_LOOP_SEGMENTS * SEGMENT_S)
        frames = _SOUND_LOOP_SEGMENTS * AAC_PER_SEGMENT
        # Three rounds of music, then silence: of each, frames well inside, where the encoder has settled.
        coded = self._code(np.concatenate([loop, loop, loop, np.zeros_like(loop)], axis=1))
        self._music, self._silence = coded[frames : 2 * frames], coded[3 * frames + 8]

    def segment(self, index: int, *, silent: bool) -> list[_Coded]:
        """The 90 AAC frames of segment `index`."""
        first = index * AAC_PER_SEGMENT
        return [
            _Coded(
                self._silence if silent else self._music[number % len(self._music)],
                number * AAC_FRAME,
                AAC_FRAME,
                True,
            )
            for number in range(first, first + AAC_PER_SEGMENT)
        ]

    def _code(self, samples: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> list[bytes]:
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, 0
        return [bytes(packet) for packet in (*self.stream.encode(frame), *self.stream.encode(None))]


_MUXERS: dict[Packaging, tuple[str, dict[str, str]]] = {
    # A fresh muxer each segment starts its continuity counters anew: say so, as ISO/IEC 13818-1 2.4.3.5 asks.
    "mpegts": ("mpegts", {"mpegts_flags": "initial_discontinuity", "mpegts_copyts": "1"}),
    "fmp4": (
        "mp4",
        {
            "movflags": "cmaf+empty_moov+default_base_moof+frag_custom+frag_discont+skip_trailer",
            "use_editlist": "0",
            "write_btrt": "0",  # the init section must not change with the bitrate
            "avoid_negative_ts": "disabled",
        },
    ),
}


def _muxed(
    index: int,
    packaging: Packaging,
    template: av.VideoStream,
    video: Sequence[_Coded],
    sound: _Sound,
    *,
    silent: bool,
) -> Made:
    name, options = _MUXERS[packaging]
    if packaging == "fmp4":
        options = {**options, "fragment_index": str(index + 1)}
    out = io.BytesIO()
    with av.open(out, "w", format=name, container_options=options) as container:
        picture = container.add_stream_from_template(template)
        audio = container.add_stream_from_template(sound.stream)
        sounds = [
            coded.packet(audio, Fraction(1, SAMPLE_RATE)) for coded in sound.segment(index, silent=silent)
        ]
        container.mux([coded.packet(picture, Fraction(1, FPS)) for coded in video] + sounds)
    whole = out.getvalue()
    if packaging == "mpegts":
        return Made(b"", whole)
    cut = whole.index(b"moof") - 4
    return Made(whole[:cut], whole[cut:])
