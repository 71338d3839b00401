"""The child process that decodes: `python -m qoed.decode.worker FD PARENT_PID`, one socket, nothing else.

It reads jobs from the socket, answers each, and ends when the socket does. What kills it costs one segment.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import time
from typing import Any

import av

from qoed.decode.analyse import Analyst
from qoed.decode.codec import job_of, result_header
from qoed.decode.protocol import receive_blocking, send_blocking
from qoed.decode.serve import serve
from qoed_engine.manifest import Recipe

FAULT_VARIABLE = "QOED_WORKER_FAULT"
"""For tests: when set, media that begin with its value and the name of a fault make the worker suffer it."""


def main(arguments: list[str]) -> int:
    """Serve jobs until the daemon closes the socket; the exit code is `serve`'s."""
    # Before any decoding: FFmpeg's log callback is a known cause of deadlocks, and damage is told by flags.
    av.logging.set_level(None)
    return serve(arguments, _decode)


def _decode(sock: socket.socket, setup: dict[str, Any]) -> None:
    analyst = Analyst(Recipe(**setup["recipe"]))
    marker = os.environ.get(FAULT_VARIABLE, "").encode()
    while (message := receive_blocking(sock)) is not None:
        header, media = message
        if marker and media.startswith(marker):
            _suffer(media[len(marker) :].partition(b"\n")[0].decode())
        result = analyst.analyse(job_of(header, media))
        answer: dict[str, Any] = result_header(result) | {"rss_bytes": _rss_bytes()}
        send_blocking(sock, answer, *(clip.frames.data.cast("B") for clip in result.clips))
        del message, media, result


def _rss_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _suffer(fault: str) -> None:
    if fault == "hang":
        time.sleep(3600)
    elif fault == "exit":
        os._exit(0)
    elif fault == "garbage":
        os.write(int(sys.argv[1]), b"\xff" * 64)
    else:
        os.kill(os.getpid(), getattr(signal, fault))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
