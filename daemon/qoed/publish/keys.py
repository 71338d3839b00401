"""Names of every key and channel; the one place that spells them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qoed.publish.options import DEFAULT_PREFIX

CONTRACT = "v1"
"""Version of names and payloads together; within it changes are additive only."""

_GLOB = re.compile(r"([*?\[\]\\])")


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys and channels under one prefix."""

    prefix: str = DEFAULT_PREFIX

    def _name(self, *parts: str) -> str:
        return ":".join((self.prefix, CONTRACT, *parts))

    def live(self, kind: str, stream: str) -> str:
        """Channel of one stream's live messages; `kind` is `score`, `alert` or `event`."""
        return self._name(kind, stream)

    def live_pattern(self, kind: str) -> str:
        """Pattern for PSUBSCRIBE that matches `live` of every stream, whatever the prefix holds."""
        return _GLOB.sub(r"\\\1", self._name(kind)) + ":*"

    @property
    def alert(self) -> str:
        """Channel of all alerts."""
        return self._name("alert")

    @property
    def status(self) -> str:
        """Channel of the daemons' own state."""
        return self._name("status")

    def log(self, kind: str) -> str:
        """Stream that keeps what was published; `kind` is `score`, `alert` or `event`."""
        return self._name("log", kind)

    def last(self, stream: str) -> str:
        """Hash of the newest score by rendition, with a TTL."""
        return self._name("last", stream)

    @property
    def last_pattern(self) -> str:
        """Pattern for SCAN that matches `last` of every stream."""
        return _GLOB.sub(r"\\\1", self._name("last")) + ":*"

    @property
    def active(self) -> str:
        """Hash of the firing alerts by fingerprint."""
        return self._name("alerts", "active")

    def daemon(self, instance: str) -> str:
        """String with one daemon's newest status, with a TTL."""
        return self._name("daemon", instance)

    def dedupe(self, event_id: str) -> str:
        """Marks an alert event as logged. Internal."""
        return self._name("dedupe", event_id)

    def ack(self, instance: str) -> str:
        """The last batch that one daemon's Redis has taken in. Internal."""
        return self._name("ack", instance)
