"""The queue before one worker: renditions take turns, each with few segments waiting, oldest shed first."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from qoed.decode.child import Worker
from qoed.decode.options import DecodeOptions
from qoed.model import Decoded, Segment

Key = tuple[str, str]
"""(stream, rendition id)"""


@dataclass(slots=True)
class Entry:
    """A segment on its way, and where its caller waits."""

    segment: Segment
    options: DecodeOptions
    waiting: asyncio.Future[Decoded]

    @property
    def key(self) -> Key:
        """Its rendition."""
        return self.segment.stream, self.segment.rendition.id


class Slot:
    """One worker's place in the pool. The worker changes, the queue stays."""

    def __init__(self, per_rendition: int) -> None:
        self.worker: Worker | None = None
        self.running: Entry | None = None
        self.stuck = False
        """The running segment takes longer than its own duration: others should not wait for it."""
        self.unfinished: set[Key] = set()
        """Renditions of which the worker holds the begin of a media segment."""
        self._per_rendition = per_rendition
        # Insertion order is the turn order: a rendition that was served goes to the back.
        self._queues: OrderedDict[Key, deque[Entry]] = OrderedDict()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, entry: Entry) -> Entry | None:
        """Queue an entry; returns the oldest of its rendition when that had to make room."""
        queue = self._queues.setdefault(entry.key, deque())
        queue.append(entry)
        self._arrived.set()
        return queue.popleft() if len(queue) > self._per_rendition else None

    async def take(self) -> Entry:
        """Wait for the entry whose turn it is; it is `running` from then on."""
        while not self._queues:
            self._arrived.clear()
            await self._arrived.wait()
        key, queue = self._queues.popitem(last=False)
        self.running = queue.popleft()
        if queue:
            self._queues[key] = queue
        return self.running

    def drain(self, keep: Key | None = None) -> Iterator[Entry]:
        """Take out everything that waits, one rendition excepted, oldest first in each."""
        for key in [key for key in self._queues if key != keep]:
            yield from self._queues.pop(key)

    def drain_stream(self, stream: str) -> Iterator[Entry]:
        """Take out everything that waits of one stream."""
        for key in [key for key in self._queues if key[0] == stream]:
            yield from self._queues.pop(key)
