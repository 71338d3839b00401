"""Media that the daemon itself fetches (HTTP) and hands down the socket."""

from __future__ import annotations

import select
import socket

from qoed.decode.protocol import receive_blocking
from qoed.ingest.failure import InputError
from qoed.ingest.link import LinkStats

WAIT_S = 0.1


class Pipe:
    """The daemon's messages: a body is media, one without ends the stream in good order."""

    note = ""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def read(self) -> bytes | None:
        """Media, b"" at the end, or None when nothing came for a moment. Raises `InputError`."""
        ready, _, _ = select.select([self._socket], [], [], WAIT_S)
        if not ready:
            return None
        message = receive_blocking(self._socket)
        if message is None:
            raise InputError("the daemon is gone")
        return bytes(message[1])

    def stats(self) -> LinkStats | None:
        """Nothing is known."""
        return None

    def close(self) -> None:
        """The socket is the child's, not ours."""
