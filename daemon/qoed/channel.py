"""The one bounded queue between stages. Whatever it sheds, it returns, so the caller can count it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class ChannelClosedError(Exception):
    """Raised by `get` when the channel is closed and empty."""


class Channel(Generic[T]):
    """A FIFO bounded by items and by bytes that drops its oldest items rather than block the producer.

    `put` never waits: it returns the items that it had to drop (perhaps the new one itself, when that
    alone exceeds `max_bytes`). At any instant `received == delivered + dropped + len(channel)`.
    """

    def __init__(
        self, *, max_items: int, max_bytes: int | None = None, size_of: Callable[[T], int] | None = None
    ) -> None:
        if max_items < 1:
            raise ValueError("max_items must be at least 1")
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._size_of = size_of or (lambda _item: 0)
        self._items: deque[T] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._closed = False
        self.received = 0
        self.delivered = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def bytes(self) -> int:
        """Bytes held now, as `size_of` counts them."""
        return self._bytes

    @property
    def closed(self) -> bool:
        """True after `close`; what is queued can still be read."""
        return self._closed

    def put(self, item: T) -> list[T]:
        """Append `item` and return what had to go to make room, oldest first."""
        self.received += 1
        if self._closed:
            self.dropped += 1
            return [item]
        self._items.append(item)
        self._bytes += self._size_of(item)
        shed: list[T] = []
        while self._items and self._over_limit():
            oldest = self._items.popleft()
            self._bytes -= self._size_of(oldest)
            shed.append(oldest)
        self.dropped += len(shed)
        if self._items:
            self._ready.set()
        return shed

    async def get(self) -> T:
        """Wait for the oldest item. Raises `ChannelClosedError` once closed and drained."""
        while not self._items:
            if self._closed:
                raise ChannelClosedError
            self._ready.clear()
            await self._ready.wait()
        return self._pop()

    def get_nowait(self) -> T | None:
        """The oldest item, or None when there is none now."""
        return self._pop() if self._items else None

    def close(self) -> None:
        """Refuse new items and let readers drain the rest."""
        self._closed = True
        self._ready.set()

    def _pop(self) -> T:
        item = self._items.popleft()
        self._bytes -= self._size_of(item)
        self.delivered += 1
        return item

    def _over_limit(self) -> bool:
        over_bytes = self._max_bytes is not None and self._bytes > self._max_bytes
        return len(self._items) > self._max_items or over_bytes
