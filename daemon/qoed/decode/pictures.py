"""From video packets to pictures, as deep as asked, through a decoder that lives as long as its bitstream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import av
from av.packet import Packet
from av.video.stream import VideoStream

from qoed.decode.counts import Counts
from qoed.decode.errors import reason_of
from qoed.decode.media import prepare
from qoed.decode.options import Depth

Skip = Literal["DEFAULT", "NONREF", "NONKEY"]
SKIP: dict[Depth, Skip] = {
    "full": "DEFAULT",
    # Not BIDIR, though it skips more: P frames may refer to B frames, and x264's do; without those the
    # pictures came out as far as 35 dB from the true ones, unflagged. And of x265, which codes P as B, key
    # frames alone were left.
    "light": "NONREF",
    "extra_light": "NONKEY",
}
DEPTHS = {skip: depth for depth, skip in SKIP.items()}
Packets: TypeAlias = "Sequence[tuple[Packet[Any], float | None]]"
"""Packets in decoding order with their presentation times on the media's clock."""


class PictureDecoder:
    """One decoder, how much it skips, and what it stumbled over.

    `due` says of a key frame's time whether it is wanted when only key frames are decoded.
    """

    def __init__(
        self, stream: VideoStream, max_pixels: int, skip: Skip, due: Callable[[float | None], bool]
    ) -> None:
        prepare(stream.codec_context, max_pixels)
        self.context = stream.codec_context
        self.time_base = stream.time_base
        self.last_error = ""
        self._due = due
        self._taints: list[tuple[float, float]] = []
        self._fed = False
        self._wanted = skip
        self._set(skip)

    @property
    def skip(self) -> Skip:
        """What is skipped now."""
        return self._skip

    def aim(self, skip: Skip) -> None:
        """Skip more or less as soon as no picture is harmed by that."""
        self._wanted = skip

    def frames(self, packets: Packets, counts: Counts) -> Iterator[av.VideoFrame]:
        """The pictures of these packets, and of those before, that the decoder lets go."""
        for place, (packet, time_s) in enumerate(packets):
            if packet.is_corrupt:
                self._taint(time_s, packets, place)
            # After skipping all but key frames only a key frame can be decoded; else each can, as what is
            # skipped is never referred to.
            if self._wanted != self._skip and (self._skip != "NONKEY" or packet.is_keyframe):
                if self._wanted == "NONKEY":
                    yield from self.drain(counts)
                self._set(self._wanted)
            if self._skip != "NONKEY":
                yield from self._decode(packet, time_s, counts, packets, place)
            elif packet.is_keyframe and self._due(time_s):
                yield from self._decode(packet, time_s, counts, packets, place)
                yield from self.drain(counts)  # no other picture is waited for
            else:
                counts.passed_over += packet.is_keyframe

    def drain(self, counts: Counts) -> Iterator[av.VideoFrame]:
        """What the decoder still holds. It can begin anew after that, at a key frame."""
        if self._fed:
            yield from self._decode(None, None, counts)
            self.context.flush_buffers()
            self._fed = False

    def start_over(self) -> None:
        """Decode every picture from now on."""
        self._wanted = "DEFAULT"
        self._set("DEFAULT")

    def tainted(self, clock_s: float) -> bool:
        """Whether the picture of that time refers to something broken."""
        return any(since_s <= clock_s < until_s for since_s, until_s in self._taints)

    def heal(self, packets: Packets) -> None:
        """Damage of before ends at the first key frame of these packets."""
        if self._taints:
            key_s = next((at for packet, at in packets if packet.is_keyframe and at is not None), math.inf)
            self._taints = [(a, min(b, key_s) if a < key_s else b) for a, b in self._taints[-8:]]

    def _set(self, skip: Skip) -> None:
        self._skip: Skip = skip
        self.context.skip_frame = skip

    def _decode(
        self,
        packet: Packet[Any] | None,
        time_s: float | None,
        counts: Counts,
        packets: Packets = (),
        place: int = 0,
    ) -> Iterator[av.VideoFrame]:
        self._fed = self._fed or packet is not None
        try:
            yield from self.context.decode(packet)
        except (av.FFmpegError, ValueError) as error:
            counts.decode_errors += 1
            self.last_error = reason_of(error)
            self._taint(time_s, packets, place)

    def _taint(self, since_s: float | None, packets: Packets, place: int) -> None:
        """Pictures from a broken packet's time to the next key frame are not of full worth."""
        if since_s is not None:
            ahead = packets[place:]
            later = [at for packet, at in ahead if packet.is_keyframe and at is not None and at > since_s]
            self._taints.append((since_s - 1e-6, min(later, default=math.inf)))
