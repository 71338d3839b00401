"""Lanes: from source to decoder in order, bounded, with every segment accounted for."""

from __future__ import annotations

import asyncio

import pytest

from qoed.decode.options import DecodeOptions
from qoed.decode.pool import SegmentDroppedError
from qoed.lanes import LANE_PARTS, LANE_SEGMENTS, Lanes, LaneStats
from qoed.model import Decoded, DropReason, Outcome, Rendition, Segment


def segment(sequence: int, rendition: str = "r", duration_s: float = 0.01) -> Segment:
    return Segment(
        stream="s",
        rendition=Rendition(id=rendition),
        sequence=sequence,
        media_time_s=float(sequence),
        duration_s=duration_s,
        container="mpegts",
        data=b"x" * 10,
    )


class ScriptedDecoder:
    """Decodes with the outcome that it is told; waits while `gate` is closed."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.outcome = Outcome.OK
        self.drop: DropReason | None = None
        self.seen: list[tuple[str, int]] = []

    async def decode(self, segment: Segment, options: DecodeOptions) -> Decoded:
        await self.gate.wait()
        if self.drop is not None:
            raise SegmentDroppedError("pushed out", self.drop)
        self.seen.append((segment.rendition.id, segment.sequence))
        return Decoded(segment=segment, outcome=self.outcome)


def lanes_over(decoder: ScriptedDecoder, **settings: object) -> tuple[Lanes, list[Decoded], list[int]]:
    decoded: list[Decoded] = []
    drops: list[int] = []
    settings = {"options": lambda _segment: DecodeOptions()} | settings
    lanes = Lanes(decoder=decoder, on_decoded=decoded.append, on_drop=drops.append, **settings)  # type: ignore[arg-type]
    return lanes, decoded, drops


def accounted(stats: LaneStats) -> int:
    return stats.decoded + sum(stats.dropped.values()) + stats.waiting + stats.in_flight


async def test_each_rendition_is_decoded_in_order() -> None:
    """Segments of a rendition reach the decoder in their order, whatever the others do."""
    decoder = ScriptedDecoder()
    lanes, decoded, _ = lanes_over(decoder)
    async with lanes:
        for sequence in range(3):
            await lanes.put(segment(sequence, "low"))
            await lanes.put(segment(sequence, "high"))

    assert [number for name, number in decoder.seen if name == "low"] == [0, 1, 2]
    assert [number for name, number in decoder.seen if name == "high"] == [0, 1, 2]
    assert len(decoded) == lanes.stats.decoded == 6


async def test_options_are_asked_for_when_a_segment_has_its_turn() -> None:
    """A depth that changes while segments wait holds for those that wait, not for the one in work."""
    decoder, depth = ScriptedDecoder(), "light"
    asked: list[tuple[int, str]] = []

    def options(segment: Segment) -> DecodeOptions:
        asked.append((segment.sequence, depth))
        return DecodeOptions(depth=depth)  # type: ignore[arg-type]

    decoder.gate.clear()
    lanes, _, _ = lanes_over(decoder, options=options)
    async with lanes:
        for sequence in range(3):
            await lanes.put(segment(sequence))
        await asyncio.sleep(0)
        depth = "full"
        decoder.gate.set()

    assert asked == [(0, "light"), (1, "full"), (2, "full")]


async def test_leaving_in_peace_decodes_what_waits() -> None:
    """A drain loses nothing: what was queued when the stream stopped is still decoded."""
    decoder = ScriptedDecoder()
    decoder.gate.clear()
    lanes, decoded, _ = lanes_over(decoder)
    async with lanes:
        await lanes.put(segment(0))
        await lanes.put(segment(1))
        asyncio.get_running_loop().call_later(0.05, decoder.gate.set)

    assert len(decoded) == 2


async def test_a_slow_decoder_costs_the_oldest_segments_and_each_is_counted() -> None:
    """When decoding cannot keep up, the oldest waiting segment goes, and somebody is told."""
    decoder = ScriptedDecoder()
    decoder.gate.clear()
    lanes, _, drops = lanes_over(decoder)
    async with lanes, asyncio.timeout(20):
        for sequence in range(LANE_SEGMENTS + 2):
            await lanes.put(segment(sequence))
            await asyncio.sleep(0)
            assert accounted(lanes.stats) == lanes.stats.received
        decoder.gate.set()

    assert drops == [1]
    assert lanes.stats.dropped[DropReason.QUEUE_FULL] == 1
    assert [number for _, number in decoder.seen] == [0, 2, 3, 4]


async def test_a_segment_in_parts_counts_as_one_and_goes_with_all_of_its_parts() -> None:
    """Many short parts wait without loss; what must go is the oldest segment, not a part from its middle."""
    decoder = ScriptedDecoder()
    decoder.gate.clear()
    lanes, _, drops = lanes_over(decoder)
    async with lanes, asyncio.timeout(20):
        for sequence in range(LANE_SEGMENTS + 2):
            for _ in range(10):
                await lanes.put(segment(sequence))
                await asyncio.sleep(0)
                assert accounted(lanes.stats) == lanes.stats.received
        decoder.gate.set()

    assert drops == [9, 10]  # the first part of all was in work
    numbers = [number for _, number in decoder.seen]
    assert numbers == [0] + [2] * 10 + [3] * 10 + [4] * 10


async def test_parts_without_end_are_bounded() -> None:
    """A segment whose parts never end cannot fill the memory."""
    decoder = ScriptedDecoder()
    decoder.gate.clear()
    lanes, _, drops = lanes_over(decoder)
    async with lanes, asyncio.timeout(20):
        for _ in range(LANE_PARTS + 2):
            await lanes.put(segment(0))
            await asyncio.sleep(0)
        assert lanes.stats.waiting <= LANE_PARTS
        decoder.gate.set()

    assert drops == [LANE_PARTS]


async def test_a_file_waits_instead_of_losing_anything() -> None:
    """With `patient`, a source that is faster than the decoder is held back and loses nothing."""
    decoder = ScriptedDecoder()
    lanes, decoded, drops = lanes_over(decoder, patient=True)
    async with lanes:
        for sequence in range(30):
            await lanes.put(segment(sequence))

    assert (len(decoded), drops) == (30, [])


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.TIMEOUT, DropReason.DECODE_TIMEOUT),
        (Outcome.CRASHED, DropReason.DECODE_CRASHED),
        (Outcome.POISONED, DropReason.POISONED),
        (Outcome.NO_VIDEO, DropReason.NO_VIDEO),
        (Outcome.REFUSED, DropReason.DECODE_REFUSED),
        (Outcome.UNDECODABLE, DropReason.UNDECODABLE),
    ],
)
async def test_every_bad_outcome_is_a_counted_drop(outcome: Outcome, reason: DropReason) -> None:
    """A segment that yields no picture is dropped under a reason that says what became of it."""
    decoder = ScriptedDecoder()
    decoder.outcome = outcome
    lanes, decoded, _ = lanes_over(decoder)
    async with lanes:
        await lanes.put(segment(0))

    assert lanes.stats.dropped == {reason: 1}
    assert len(decoded) == 1  # its findings still go on


async def test_a_segment_pushed_out_in_the_pool_is_counted_once() -> None:
    """What the pool itself drops is counted under the pool's reason."""
    decoder = ScriptedDecoder()
    decoder.drop = DropReason.QUEUE_FULL
    lanes, decoded, _ = lanes_over(decoder)
    async with lanes:
        await lanes.put(segment(0))

    assert lanes.stats.dropped == {DropReason.QUEUE_FULL: 1}
    assert decoded == []


async def test_a_cancelled_stream_counts_what_it_left() -> None:
    """A stream that is cancelled midway accounts for every segment that it had taken."""
    decoder = ScriptedDecoder()
    decoder.gate.clear()
    lanes, _, _ = lanes_over(decoder)

    async def work() -> None:
        async with lanes:
            for sequence in range(3):
                await lanes.put(segment(sequence, duration_s=60))
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert lanes.stats.dropped == {DropReason.SHUTDOWN: 3}
    assert accounted(lanes.stats) == lanes.stats.received == 3
