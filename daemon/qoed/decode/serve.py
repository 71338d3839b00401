"""The inner end of a confined child, `python -m MODULE FD PARENT_PID`; the outer is `decode.process`."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import Any

from qoed.decode.protocol import ProtocolError, receive_blocking, send_blocking
from qoed.decode.sandbox import confine


def serve(arguments: list[str], work: Callable[[socket.socket, dict[str, Any]], None]) -> int:
    """Take the greeting, give up what a stranger's bytes could misuse, say so, then `work` by the greeting.

    Exit code 0; 1 when the daemon broke the protocol or is gone.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon, which then ends us
    fd, parent = int(arguments[0]), int(arguments[1])
    with socket.socket(fileno=fd) as sock:
        try:
            greeting = receive_blocking(sock)
            if greeting is not None:
                setup, _ = greeting
                confine(parent=parent, keep_fd=fd, memory_bytes=int(setup["memory_bytes"]))
                send_blocking(sock, {"ready": True})
                work(sock, setup)
        except (ProtocolError, ConnectionError):
            return 1
    return 0
