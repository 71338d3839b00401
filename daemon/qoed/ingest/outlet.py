"""The child's way to the daemon: a thread that sends what waits and says that we live; it never blocks us."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from qoed.decode.protocol import send_blocking

Put = Callable[[dict[str, Any], bytes], None]
"""Takes a message: header and body."""
BEAT_S = 0.5
"""So often at least the daemon hears of us."""
MAX_SEGMENTS = 4
MAX_BYTES = 96 << 20
"""Segments that may wait while the daemon is busy; the oldest go first, counted."""
_MAX_OTHERS = 64


class Outlet:
    """A bounded queue of messages and its thread. When the daemon is gone, the process ends."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._messages: deque[tuple[dict[str, Any], bytes]] = deque()
        self._ready = threading.Condition()
        self._heard: float | None = None
        self._closed = False
        self._dropped, self._dropped_s = 0, 0.0
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        self._thread.start()

    def heard(self) -> None:
        """Media arrived just now."""
        self._heard = time.monotonic()

    def put(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Queue a message; a segment (with a body) may push older ones out."""
        with self._ready:
            self._messages.append((header, body))
            segments = [message for message in self._messages if message[1]]
            while segments and (
                len(segments) > MAX_SEGMENTS or sum(len(each[1]) for each in segments) > MAX_BYTES
            ):
                oldest = segments.pop(0)
                self._messages.remove(oldest)
                self._dropped += 1
                self._dropped_s += float(oldest[0].get("duration_s", 0.0))
            while len(self._messages) > _MAX_OTHERS + MAX_SEGMENTS:
                self._messages.popleft()
            self._ready.notify()

    def close(self) -> None:
        """Send what waits, then end."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while True:
                with self._ready:
                    if not self._messages and not self._closed:
                        self._ready.wait(BEAT_S)
                    message = self._messages.popleft() if self._messages else None
                    if message is None and self._closed:
                        return
                    dropped = {"dropped": self._dropped, "dropped_s": self._dropped_s}
                    self._dropped, self._dropped_s = 0, 0.0
                header, body = message or ({"is": "beat"}, b"")
                heard = self._heard
                silent_s = None if heard is None else round(time.monotonic() - heard, 3)
                send_blocking(self._socket, header | {"silent_s": silent_s} | dropped, body)
        except OSError:
            os._exit(1)
