"""The daemon's end of one decode worker: start it, give it a job, end it. Never leaves a process behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Self

from qoed.decode.codec import job_header
from qoed.decode.options import DecodeOptions
from qoed.decode.protocol import ProtocolError, receive, send
from qoed.errors import DecodeError
from qoed.model import Reason, Segment
from qoed_engine.manifest import Recipe

START_S = 30.0
"""A worker that is not ready by then never will be."""
STOP_S = 1.0
"""A worker that was asked to end gets so long before it is killed."""


class WorkerDiedError(Exception):
    """The worker ended or broke the protocol in the middle of a job; the text says how it ended."""


class Worker:
    """A running worker process. One job at a time; after any exception but success, `kill` it."""

    def __init__(self, process: asyncio.subprocess.Process, sock: socket.socket) -> None:
        self._process = process
        self._sock = sock
        # By descriptor: `Process.kill` polls first, which can steal the exit status from asyncio's watcher.
        self._pidfd = os.pidfd_open(process.pid)
        self.served = 0
        self.rss_bytes = 0

    @classmethod
    async def start(
        cls, recipe: Recipe, *, memory_bytes: int, environment: Mapping[str, str] | None = None
    ) -> Self:
        """Start a process (exec, not fork) and wait until it is ready. Raises `DecodeError`."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        worker: Self | None = None
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "qoed.decode.worker", str(theirs.fileno()), str(os.getpid())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_environment() | dict(environment or {}),
            )
            worker = cls(process, ours)
            theirs.close()
            async with asyncio.timeout(START_S):
                await send(ours, {"recipe": asdict(recipe), "memory_bytes": memory_bytes})
                await receive(ours)
        except BaseException as error:
            theirs.close()
            ours.close()
            ending = ""
            if worker is not None:
                await worker.kill()
                ending = f" (it ended with {worker.ending})"
            if isinstance(error, (OSError, ProtocolError, TimeoutError)):
                raise DecodeError(
                    f"a decode worker did not start{ending}: {error}; see standard error"
                ) from error
            raise
        return worker

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self._process.returncode
        if code is None:
            return "nothing yet"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    async def decode(
        self, segment: Segment, options: DecodeOptions, opened: Mapping[Reason, float]
    ) -> tuple[dict[str, Any], bytearray]:
        """The worker's answer. Raises `WorkerDiedError`; a deadline is the caller's to set."""
        try:
            await send(self._sock, job_header(segment, options, opened), segment.init, segment.data)
            header, body = await receive(self._sock)
        except (OSError, ProtocolError) as error:
            raise WorkerDiedError(str(error)) from error
        self.served += 1
        self.rss_bytes = int(header.pop("rss_bytes", 0))
        return header, body

    async def stop(self) -> None:
        """Let the worker end by itself, and kill it if it does not."""
        self._sock.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._process.wait()
        finally:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL and wait until the process is gone, cancelled or not."""
        self._sock.close()
        if self._pidfd >= 0:
            with suppress(ProcessLookupError):  # it has ended by itself
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = -1
        cancelled: asyncio.CancelledError | None = None
        waiting = asyncio.ensure_future(self._process.wait())
        while not waiting.done():
            try:
                await asyncio.shield(waiting)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled


def _environment() -> dict[str, str]:
    """What a worker needs and no more: no secrets, one thread, one malloc arena."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
