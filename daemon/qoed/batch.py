"""Stage 4, batch: clips of all streams, due when full or late, fair by stream, bounded. Pure state."""

from __future__ import annotations

from collections import OrderedDict, deque

from qoed.model import Clip


class FairBatcher:
    """Clips waiting for the engine, one bounded queue a stream; streams take turns.

    `received == taken + dropped + len(batcher)` holds at any instant.
    """

    def __init__(self, *, batch_size: int, deadline_s: float, per_stream: int) -> None:
        if batch_size < 1 or per_stream < 1:
            raise ValueError("batch_size and per_stream must be at least 1")
        self.batch_size = batch_size
        self.deadline_s = deadline_s
        self._per_stream = per_stream
        # Insertion order is the turn order: a stream that was served goes to the back.
        self._queues: OrderedDict[str, deque[tuple[float, Clip]]] = OrderedDict()
        self._waiting = 0
        self.received = 0
        self.taken = 0
        self.dropped = 0

    def __len__(self) -> int:
        return self._waiting

    def put(self, clip: Clip, now: float) -> list[Clip]:
        """Queue a clip that arrived at `now` (monotonic s); returns those of its stream that had to go."""
        queue = self._queues.setdefault(clip.stream, deque())
        queue.append((now, clip))
        self.received += 1
        self._waiting += 1
        shed = []
        while len(queue) > self._per_stream:
            shed.append(queue.popleft()[1])
        self._waiting -= len(shed)
        self.dropped += len(shed)
        return shed

    def wait_s(self, now: float) -> float | None:
        """Seconds until a batch is due: 0 when it is, None when nothing waits."""
        if not self._waiting:
            return None
        if self._waiting >= self.batch_size:
            return 0.0
        oldest = min(queue[0][0] for queue in self._queues.values())
        return max(0.0, oldest + self.deadline_s - now)

    def take(self) -> list[Clip]:
        """Up to `batch_size` clips, one from each stream in turn, oldest first within a stream."""
        batch: list[Clip] = []
        while self._waiting and len(batch) < self.batch_size:
            stream, queue = self._queues.popitem(last=False)
            batch.append(queue.popleft()[1])
            self._waiting -= 1
            if queue:
                self._queues[stream] = queue
        self.taken += len(batch)
        return batch

    def forget(self, stream: str) -> list[Clip]:
        """Take out all clips of a stream that is gone; they count as dropped."""
        queue = self._queues.pop(stream, deque())
        self._waiting -= len(queue)
        self.dropped += len(queue)
        return [clip for _, clip in queue]

    def clear(self) -> list[Clip]:
        """Take out everything; it counts as dropped."""
        return [clip for stream in list(self._queues) for clip in self.forget(stream)]
