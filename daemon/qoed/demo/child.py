"""The daemon as a real child process, `python -m qoed run`, that never outlives the demo."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from qoed.errors import QoedError
from qoed.publish import die_with_parent

STOP_S = 25.0
"""The daemon drains within 20 s of SIGTERM; after this it is killed."""
_LAST_ERRORS = 3


class DaemonChild:
    """`qoed run -c CONFIG` with its log in a file; an async context manager that stops it with SIGTERM."""

    def __init__(self, config: Path, log: Path) -> None:
        self._config = config
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        guard = [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())]
        command = [sys.executable, "-m", "qoed", "run", "--config", str(self._config), "--log-format", "json"]
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *guard,
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we end the daemon in order
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def watch(self) -> None:
        """Wait for ever; raises `QoedError` with the daemon's last words should it end by itself."""
        assert self._process is not None
        code = await self._process.wait()
        raise QoedError(f"the daemon ended with code {code}: {self.last_words()}")

    def last_words(self) -> str:
        """Why the daemon is unwell: the last errors of its log, else the log's last line."""
        lines = [line for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [text for line in lines if (text := _error(line))]
        return "; ".join(errors[-_LAST_ERRORS:]) or (lines[-1] if lines else "it logged nothing")


def _error(line: str) -> str | None:
    """The message of a JSON log line that reports an error."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(entry, dict) or entry.get("level") not in ("error", "critical"):
        return None
    return " ".join(str(entry.get("err") or entry.get("event")).split())
