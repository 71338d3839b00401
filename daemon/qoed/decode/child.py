"""The daemon's end of one decode worker: give it a job, take its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self

from qoed.decode.codec import job_header
from qoed.decode.options import DecodeOptions
from qoed.decode.process import ConfinedProcess
from qoed.decode.protocol import ProtocolError, receive, send
from qoed.model import Reason, Segment
from qoed_engine.manifest import Recipe


class WorkerDiedError(Exception):
    """The worker ended or broke the protocol in the middle of a job; the text says how it ended."""


class Worker:
    """A running worker process. One job at a time; after any exception but success, `kill` it."""

    def __init__(self, process: ConfinedProcess) -> None:
        self._process = process
        self.served = 0
        """Media segments, however many parts they came in."""
        self.rss_bytes = 0

    @classmethod
    async def start(
        cls, recipe: Recipe, *, memory_bytes: int, environment: Mapping[str, str] | None = None
    ) -> Self:
        """Start a process and wait until it is ready. Raises `DecodeError`."""
        greeting = {"recipe": asdict(recipe), "memory_bytes": memory_bytes}
        return cls(
            await ConfinedProcess.start("a decode worker", "qoed.decode.worker", greeting, environment)
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        return self._process.ending

    async def decode(
        self, segment: Segment, options: DecodeOptions, opened: Mapping[Reason, float]
    ) -> tuple[dict[str, Any], bytearray]:
        """The worker's answer. Raises `WorkerDiedError`; a deadline is the caller's to set."""
        sock = self._process.sock
        try:
            await send(sock, job_header(segment, options, opened), segment.init, segment.data)
            header, body = await receive(sock)
        except (OSError, ProtocolError) as error:
            raise WorkerDiedError(str(error)) from error
        self.served += not segment.continues
        self.rss_bytes = int(header.pop("rss_bytes", 0))
        return header, body

    async def stop(self) -> None:
        """Let the worker end by itself, and kill it if it does not."""
        await self._process.stop()

    async def kill(self) -> None:
        """SIGKILL and wait until the process is gone, cancelled or not."""
        await self._process.kill()
