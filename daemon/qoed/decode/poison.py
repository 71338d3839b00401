"""Media that killed the decoder, by content."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from qoed.model import Segment

KILLS = 2
"""So many kills make a segment poisonous."""
REMEMBERED = 1024


class PoisonList:
    """Counts kills by content hash; bounded, the oldest entry goes first."""

    def __init__(self) -> None:
        self._kills: OrderedDict[bytes, int] = OrderedDict()

    def __contains__(self, segment: Segment) -> bool:
        # Hashing costs a millisecond a megabyte: not done while nothing has ever been killed.
        return bool(self._kills) and self._kills.get(_digest(segment), 0) >= KILLS

    def note(self, segment: Segment) -> None:
        """This segment has just killed a worker."""
        digest = _digest(segment)
        self._kills[digest] = self._kills.pop(digest, 0) + 1
        while len(self._kills) > REMEMBERED:
            self._kills.popitem(last=False)


def _digest(segment: Segment) -> bytes:
    digest = blake2b(segment.init, digest_size=16)
    digest.update(segment.data)
    return digest.digest()
