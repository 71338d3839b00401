"""The child process of one continuous input: `python -m qoed.ingest.child FD PARENT_PID`.

It is told what to open, sends segments and reports, and ends when the input or the socket does. The network
is all that it has: no descriptor but its socket, bounded memory, no secrets of others in its environment.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import Any

from qoed.decode.serve import serve
from qoed.ingest.failure import InputError
from qoed.ingest.line import Line, Reader
from qoed.ingest.outlet import Outlet
from qoed.ingest.setup import Setup


def main(arguments: list[str]) -> int:
    """Pull until the input or the socket ends; the exit code is `serve`'s."""
    return serve(arguments, _ingest)


def _ingest(sock: socket.socket, fields: dict[str, Any]) -> None:
    setup, outlet = Setup.of(fields), Outlet(sock)
    try:
        _pull(setup, sock, outlet)
        outlet.put({"is": "ended"})
    except InputError as error:
        outlet.put(
            {
                "is": "failed",
                "message": str(error),
                "reason": error.reason.value,
                "retryable": error.retryable,
            }
        )
    outlet.close()


def _pull(setup: Setup, sock: socket.socket, outlet: Outlet) -> None:
    if setup.kind == "ffmpeg":
        import av  # only here: the others do without its 40 MB

        from qoed.ingest.ffmpeg import pull

        av.logging.set_level(None)
        pull(setup, outlet)
        return
    reader = _reader(setup, sock)
    try:
        outlet.put({"is": "connected", "note": reader.note, "peers": []})
        line = Line(setup, outlet.put)
        while (data := reader.read()) != b"":
            if data:
                outlet.heard()
            line.feed(data, time.monotonic(), reader.stats)
        line.finish(time.monotonic(), reader.stats)
    finally:
        reader.close()


def _reader(setup: Setup, sock: socket.socket) -> Reader:
    if setup.kind == "pipe":
        from qoed.ingest.pipe import Pipe

        return Pipe(sock)
    if setup.kind == "srt":
        from qoed.ingest.srt import SrtLink

        return SrtLink(setup)
    from qoed.ingest.udp import Datagrams

    return Datagrams(setup)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
