"""What waits for Redis: bounded, alerts before scores, every message accounted for."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from qoed.model import AlertState, DropReason


class Kind(StrEnum):
    """What a message is; in the order in which a full outbox sheds."""

    SCORE = "score"
    EVENT = "event"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One payload on its way, encoded once."""

    kind: Kind
    stream: str
    event_id: str
    payload: bytes = field(repr=False)
    rendition: str | None = None
    last: bytes | None = field(default=None, repr=False)
    """For scores: the payload of `last:<stream>`."""
    fingerprint: str | None = None
    state: AlertState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStats:
    """Messages since the start. At any instant `received == sent + sum(dropped) + buffered`."""

    received: int
    sent: int
    dropped: dict[DropReason, int]
    buffered: int


class Outbox:
    """Queues by kind, bounded together. What `take` hands out stays buffered until it is settled.

    The bound is on what is queued: a batch in flight comes on top, or it would crowd out newer alerts.
    """

    def __init__(self, max_messages: int) -> None:
        self._max_messages = max_messages
        self._queues: dict[Kind, deque[Message]] = {kind: deque() for kind in Kind}
        self._received: Counter[Kind] = Counter()
        self._sent: Counter[Kind] = Counter()
        self._dropped: Counter[tuple[Kind, DropReason]] = Counter()
        self._in_flight: Counter[Kind] = Counter()

    def __len__(self) -> int:
        """Messages buffered, those in flight included."""
        return sum(map(len, self._queues.values())) + self._in_flight.total()

    def put(self, message: Message) -> list[Message]:
        """Take `message` in and return what had to go: the oldest score, else finding, else alert."""
        self._received[message.kind] += 1
        self._queues[message.kind].append(message)
        return self._shed()

    def refuse(self, message: Message, reason: DropReason) -> None:
        """Count a message that comes too late to be taken in."""
        self._received[message.kind] += 1
        self._dropped[message.kind, reason] += 1

    def take(self, limit: int) -> tuple[Message, ...]:
        """Up to `limit` messages, alerts first, oldest first within a kind."""
        batch: list[Message] = []
        for kind in reversed(Kind):
            queue = self._queues[kind]
            while queue and len(batch) < limit:
                batch.append(queue.popleft())
        self._in_flight.update(message.kind for message in batch)
        return tuple(batch)

    def sent(self, messages: Iterable[Message]) -> None:
        """These have arrived."""
        for message in messages:
            self._in_flight[message.kind] -= 1
            self._sent[message.kind] += 1

    def drop(self, messages: Iterable[Message], reason: DropReason) -> None:
        """Give up on these, taken before."""
        for message in messages:
            self._in_flight[message.kind] -= 1
            self._dropped[message.kind, reason] += 1

    def put_back(self, messages: Iterable[Message]) -> list[Message]:
        """Return these, taken before, to the head of their queues, and return what had to go."""
        for message in reversed(list(messages)):
            self._in_flight[message.kind] -= 1
            self._queues[message.kind].appendleft(message)
        return self._shed()

    def abandon(self, reason: DropReason) -> int:
        """Drop all that is queued; how many that were."""
        waiting = self.take(len(self))
        self.drop(waiting, reason)
        return len(waiting)

    def stats(self, kind: Kind | None = None) -> OutboxStats:
        """The account of one kind, or of all."""
        kinds = [kind] if kind else list(Kind)
        dropped: Counter[DropReason] = Counter()
        for (of_kind, reason), count in self._dropped.items():
            if of_kind in kinds:
                dropped[reason] += count
        return OutboxStats(
            received=sum(self._received[k] for k in kinds),
            sent=sum(self._sent[k] for k in kinds),
            dropped=dict(dropped),
            buffered=sum(len(self._queues[k]) + self._in_flight[k] for k in kinds),
        )

    def _shed(self) -> list[Message]:
        shed: list[Message] = []
        excess = sum(map(len, self._queues.values())) - self._max_messages
        for kind in Kind:
            queue = self._queues[kind]
            while queue and excess > 0:
                shed.append(queue.popleft())
                self._dropped[kind, DropReason.PUBLISH_FULL] += 1
                excess -= 1
        return shed
