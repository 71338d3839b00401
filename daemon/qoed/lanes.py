"""From source to decoder: one bounded queue a rendition, decoded in order, every segment accounted for."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, Self

from qoed.channel import Channel, ChannelClosedError
from qoed.decode.options import DecodeOptions
from qoed.decode.pool import SegmentDroppedError
from qoed.model import Decoded, DropReason, Outcome, Segment

LANE_SEGMENTS = 3
LANE_PARTS = 96
LANE_BYTES = 64 * 1024 * 1024
"""What may wait for the decoder in each rendition. A media segment in parts counts as one; the oldest goes
first, with all of its parts: without the first, the others are of little use."""

LOST = {
    Outcome.UNDECODABLE: DropReason.UNDECODABLE,
    Outcome.NO_VIDEO: DropReason.NO_VIDEO,
    Outcome.ORPHANED: DropReason.ORPHANED,
    Outcome.REFUSED: DropReason.DECODE_REFUSED,
    Outcome.TIMEOUT: DropReason.DECODE_TIMEOUT,
    Outcome.CRASHED: DropReason.DECODE_CRASHED,
    Outcome.POISONED: DropReason.POISONED,
}
"""Outcomes that end a segment's way, and the drop that they count as; `ok` and `damaged` segments go on."""


class Decoder(Protocol):
    """What the lanes need of the decode pool."""

    async def decode(self, segment: Segment, options: DecodeOptions) -> Decoded:
        """Decode one segment; raises `SegmentDroppedError` only when it never got that far."""
        ...


@dataclass(slots=True)
class LaneStats:
    """Segments: received = decoded + dropped by reason + waiting + in flight, at any instant."""

    received: int = 0
    decoded: int = 0
    waiting: int = 0
    in_flight: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)


class _Lane:
    """The queue of one rendition."""

    def __init__(self) -> None:
        self.taken = asyncio.Event()
        self._channel = Channel[Segment](
            max_items=LANE_PARTS, max_bytes=LANE_BYTES, size_of=lambda segment: segment.size
        )
        self._segments: deque[tuple[int, int]] = deque()
        """(sequence number, parts waiting) of each media segment."""

    def full(self, segment: Segment) -> bool:
        """Whether something must go before `segment` can wait."""
        begins = not self._segments or self._segments[-1][0] != segment.sequence
        return len(self._channel) >= LANE_PARTS or (begins and len(self._segments) >= LANE_SEGMENTS)

    def put(self, segment: Segment) -> int:
        """Let `segment` wait; returns how many went for it."""
        shed = 0
        while self.full(segment):
            shed += self._segments[0][1]
            for _ in range(self._segments[0][1]):
                self.take_nowait()
        count = self._segments.pop()[1] if self._segments and self._segments[-1][0] == segment.sequence else 0
        self._segments.append((segment.sequence, count + 1))
        too_big = self._channel.put(segment)
        for _ in too_big:
            self._forget_oldest()
        return shed + len(too_big)

    async def take(self) -> Segment:
        """Wait for the oldest. Raises `ChannelClosedError` once closed and drained."""
        segment = await self._channel.get()
        self._forget_oldest()
        return segment

    def take_nowait(self) -> Segment | None:
        """The oldest, if any waits."""
        segment = self._channel.get_nowait()
        if segment is not None:
            self._forget_oldest()
        return segment

    def close(self) -> None:
        """Nothing comes any more."""
        self._channel.close()

    def _forget_oldest(self) -> None:
        sequence, count = self._segments.popleft() if self._segments else (0, 0)
        if count > 1:
            self._segments.appendleft((sequence, count - 1))


class Lanes:
    """The lanes of one stream, an async context manager: leaving it in peace decodes what waits.

    `options` says how to decode a segment when its turn comes, in the order of its rendition's segments.
    `on_decoded` gets every segment's result; `on_drop` the number of segments that our slowness cost. A full
    lane makes `put` wait as long as a segment lasts before the oldest goes; `patient` ones wait for ever.
    """

    def __init__(
        self,
        options: Callable[[Segment], DecodeOptions],
        decoder: Decoder,
        *,
        on_decoded: Callable[[Decoded], None],
        on_drop: Callable[[int], None],
        patient: bool = False,
    ) -> None:
        self.stats = LaneStats()
        self._options = options
        self._decoder = decoder
        self._on_decoded = on_decoded
        self._on_drop = on_drop
        self._patient = patient
        self._lanes: dict[str, _Lane] = {}
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *failure: object) -> None:
        for lane in self._lanes.values():
            lane.close()
        await self._group.__aexit__(*failure)  # type: ignore[arg-type]

    async def put(self, segment: Segment) -> None:
        """Queue a segment for its rendition's lane."""
        lane = self._lanes.get(segment.rendition.id) or self._open(segment.rendition.id)
        self.stats.received += 1
        self.stats.waiting += 1
        await self._wait_for_room(lane, segment)
        shed = lane.put(segment)
        if shed:
            self.stats.waiting -= shed
            self.stats.dropped[DropReason.QUEUE_FULL] += shed
            self._on_drop(shed)

    def forget(self, rendition: str) -> None:
        """Nothing more comes of a rendition; what waits is still decoded."""
        lane = self._lanes.pop(rendition, None)
        if lane is not None:
            lane.close()

    async def _wait_for_room(self, lane: _Lane, segment: Segment) -> None:
        try:
            async with asyncio.timeout(None if self._patient else max(segment.duration_s, 1.0)):
                while lane.full(segment):
                    lane.taken.clear()
                    await lane.taken.wait()
        except TimeoutError:
            return
        except asyncio.CancelledError:
            self.stats.waiting -= 1
            self.stats.dropped[DropReason.SHUTDOWN] += 1
            raise

    def _open(self, rendition: str) -> _Lane:
        lane = self._lanes[rendition] = _Lane()
        self._group.create_task(self._consume(lane), name=f"decode:{rendition}")
        return lane

    async def _consume(self, lane: _Lane) -> None:
        try:
            while True:
                segment = await lane.take()
                lane.taken.set()
                self.stats.waiting -= 1
                await self._decode(segment)
        except ChannelClosedError:
            return
        finally:
            while lane.take_nowait() is not None:
                self.stats.waiting -= 1
                self.stats.dropped[DropReason.SHUTDOWN] += 1

    async def _decode(self, segment: Segment) -> None:
        self.stats.in_flight += 1
        try:
            decoded = await self._decoder.decode(segment, self._options(segment))
        except SegmentDroppedError as dropped:
            self.stats.dropped[dropped.drop] += 1
            return
        except asyncio.CancelledError:
            self.stats.dropped[DropReason.SHUTDOWN] += 1
            raise
        finally:
            self.stats.in_flight -= 1
        reason = LOST.get(decoded.outcome)
        if reason is None:
            self.stats.decoded += 1
        else:
            self.stats.dropped[reason] += 1
        self._on_decoded(decoded)
