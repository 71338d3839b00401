"""Low-latency HLS of what FFmpeg encodes now: CMAF chunks become parts as they are written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ll_origin import LowLatencyOrigin, Packager
from media import boxes
from peer_publishers import SEGMENT_S, publish_alone
from peers import Peer, Peers, peers  # noqa: F401 - a fixture
from watched import watched

PART_S = 0.4
PARTS = round(SEGMENT_S / PART_S)
CHUNKS = {
    "f": "mp4",
    "movflags": "empty_moov+default_base_moof+frag_custom",
    "frag_duration": round(PART_S * 1e6),
    "flush_packets": 1,
}
"""A fragment of every `PART_S`, written at once."""


@dataclass(slots=True)
class Chunked:
    """A fragmented MP4 that grows, as `ll_origin` takes media: an init section, and segments of parts."""

    movie: Path
    suffix: str = "m4s"
    init: bytes = b""
    fragments: list[bytes] = field(default_factory=list)
    _read: int = 0

    @property
    def segments(self) -> tuple[tuple[None, ...], ...]:
        """How many parts a segment has."""
        return ((None,) * PARTS,)

    def part(self, number: int, index: int) -> tuple[bytes, bool]:
        """A part, and whether it begins with a key frame."""
        return self.fragments[number * PARTS + index], index == 0

    def read(self) -> int:
        """How many parts there are, with what has been written since the last call."""
        data = self.movie.read_bytes() if self.movie.exists() else b""
        found = [(kind, at, size) for kind, at, size in boxes(data) if at + size <= len(data)]
        moofs = [at for kind, at, _ in found if kind == b"moof"]
        if moofs:
            self.init = data[: moofs[0]]
        ends = [at + size for kind, at, size in found if kind == b"mdat"]
        pairs = list(zip(moofs, ends, strict=False))
        self.fragments += [data[begin:end] for begin, end in pairs[len(self.fragments) :]]
        return len(self.fragments)


@asynccontextmanager
async def low_latency(peers: Peers) -> AsyncIterator[tuple[LowLatencyOrigin, Packager, Peer]]:
    """FFmpeg, live, as LL-HLS at `/hd/index.m3u8`: (origin, packager, encoder)."""
    coded = Chunked(peers.folder / "live.mp4")
    encoder = publish_alone(peers, str(coded.movie), CHUNKS)
    async with LowLatencyOrigin() as origin:
        live = origin.add("hd", coded, part_s=PART_S)  # type: ignore[arg-type]

        async def pump() -> None:
            while True:
                if more := coded.read() - live.total:
                    await live.publish(more)
                await asyncio.sleep(0.02)

        pumping = asyncio.create_task(pump())
        try:
            await encoder.ready(lambda: live.total >= 3 * PARTS)
            yield origin, live, encoder
        finally:
            pumping.cancel()


async def test_scores_come_before_their_segment_is_complete(peers: Peers, tmp_path: Path) -> None:
    """Each part of a live encoding is scored as it comes; an encoder that hangs is `part_late`."""
    async with low_latency(peers) as (origin, live, encoder):
        async with watched(tmp_path, {"tv": origin.url("/hd/index.m3u8")}) as watch:
            await watch.scored(10, "tv")
            assert watch.said() == []
            encoder.freeze()
            await watch.found("tv", "part_late")
            encoder.thaw()
            await watch.found("tv", "part_late", "end")
        joined = min(int(path.split("_")[1].split(".")[0]) for path in origin.asked(r"/0_\d+"))

    watch.assert_steady("tv")
    assert watch.reasons() == {"part_late"}
    assert watch.fired("critical") == set()
    arrived = {round(each["media_time_s"]): each["arrived_s"] for each in watch.scores}
    early = [
        arrived[second] < live.published_at[joined + second // SEGMENT_S, PARTS - 1]
        for second in range(3 * SEGMENT_S, 10, SEGMENT_S)  # what was there when we joined says nothing
    ]
    assert early == [True, True]
