"""A child process that handles strangers' bytes: started by exec, spoken to over one socket, always ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from qoed.decode.protocol import ProtocolError, receive, send
from qoed.errors import DecodeError

START_S = 30.0
"""A process that is not ready by then never will be."""
STOP_S = 1.0
"""A process that was asked to end gets so long before it is killed."""


class ConfinedProcess:
    """A running child; `sock` is our end of its socket. The child confines itself (`decode.sandbox`)."""

    def __init__(self, process: asyncio.subprocess.Process, sock: socket.socket) -> None:
        self.sock = sock
        self._process = process
        # By descriptor: `Process.kill` polls first, which can steal the exit status from asyncio's watcher.
        self._pidfd = os.pidfd_open(process.pid)

    @classmethod
    async def start(
        cls,
        name: str,
        module: str,
        greeting: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
    ) -> ConfinedProcess:
        """Run `python -m module FD PARENT_PID` (exec, not fork), greet it, wait for its first message.

        Raises `DecodeError`, which calls the process `name`.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        started: ConfinedProcess | None = None
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module, str(theirs.fileno()), str(os.getpid())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_environment() | dict(environment or {}),
            )
            started = cls(process, ours)
            theirs.close()
            async with asyncio.timeout(START_S):
                await send(ours, dict(greeting))
                await receive(ours)
        except BaseException as error:
            theirs.close()
            ours.close()
            ending = ""
            if started is not None:
                await started.kill()
                ending = f" (it ended with {started.ending})"
            if isinstance(error, (OSError, ProtocolError, TimeoutError)):
                raise DecodeError(f"{name} did not start{ending}: {error}; see standard error") from error
            raise
        return started

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

    async def stop(self) -> None:
        """Let the process end by itself, and kill it if it does not."""
        self.sock.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._process.wait()
        finally:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL and wait until the process is gone, cancelled or not."""
        self.sock.close()
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
    """What a child needs and no more: no secrets, one thread, one malloc arena."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
