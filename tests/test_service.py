"""How the daemon stops, reloads and ends, as its parent sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_clock import FakeClock
from qoed.errors import ConfigError, ErrorReason, PublishError, QoedError, SourceError
from qoed.service import ExitCode, Host, Notifier, Reloader, exit_code_for
from qoed.service.signals import FORCE_S
from qoed_engine import EngineError
from qoed_engine.manifest import ManifestError

DAEMON = """
    import asyncio, sys, time
    from qoed.service import Host, configure_logging

    configure_logging(stream=sys.stderr)

    async def main(host):
        print("up", flush=True)
        host.signals.on_reload = lambda: print("reload", flush=True)
        try:
            await host.signals.stop.wait()
            print("draining", flush=True)
            await asyncio.sleep(float(sys.argv[1]))
        finally:
            time.sleep(float(sys.argv[2]))
            print("clean", flush=True)

    async def serve(signals):
        host = Host.detached()
        signals.append(host.signals)
        with host.signals:
            await main(host)

    signals = []
    try:
        asyncio.run(serve(signals))
    except asyncio.CancelledError:
        pass
    signals[0].reraise()
"""


class Daemon:
    """A process that stops through `Signals`: it drains for `drain_s` and then blocks for `clean_s`."""

    def __init__(self, drain_s: float, clean_s: float = 0.0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(DAEMON), str(drain_s), str(clean_s)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.line() == "up"

    def line(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def send(self, number: signal.Signals) -> None:
        """Signal it."""
        self._process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Its exit status (negative: the signal it died of) and what it still printed."""
        rest, _ = self._process.communicate(timeout=20)
        return self._process.returncode, rest.strip()


def test_sigterm_drains_and_succeeds() -> None:
    """SIGTERM lets the daemon finish its work and ends with exit code 0."""
    daemon = Daemon(drain_s=0.1)
    daemon.send(signal.SIGTERM)

    assert daemon.line() == "draining"
    assert daemon.end() == (0, "clean")


def test_ctrl_c_drains_and_says_so() -> None:
    """Ctrl-C drains too, and the shell sees that the process was interrupted."""
    daemon = Daemon(drain_s=0.1)
    daemon.send(signal.SIGINT)

    assert daemon.line() == "draining"
    assert daemon.end() == (-signal.SIGINT, "clean")


def test_second_sigterm_is_immediate() -> None:
    """A second SIGTERM ends a long drain at once, cleans up, and the status names the signal."""
    daemon = Daemon(drain_s=60)
    daemon.send(signal.SIGTERM)
    assert daemon.line() == "draining"
    begun = time.monotonic()
    daemon.send(signal.SIGTERM)

    assert daemon.end() == (-signal.SIGTERM, "clean")
    assert time.monotonic() - begun < 5


def test_stuck_clean_up_cannot_hold_the_process() -> None:
    """A clean-up that blocks after the second signal is cut short."""
    daemon = Daemon(drain_s=60, clean_s=60)
    daemon.send(signal.SIGTERM)
    assert daemon.line() == "draining"
    begun = time.monotonic()
    daemon.send(signal.SIGTERM)

    assert daemon.end() == (-signal.SIGTERM, "")
    assert time.monotonic() - begun < FORCE_S + 5


def test_sighup_reloads() -> None:
    """SIGHUP asks for a reload and does not end the daemon."""
    daemon = Daemon(drain_s=0)
    daemon.send(signal.SIGHUP)
    assert daemon.line() == "reload"
    daemon.send(signal.SIGTERM)

    assert daemon.end()[0] == 0


async def test_without_handler_sighup_is_ignored() -> None:
    """A daemon that cannot reload yet survives SIGHUP and SIGUSR1."""
    host = Host.detached()
    with host.signals:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.sleep(0.05)

        assert not host.signals.stop.is_set()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's end of the notify socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(2)
        yield listening


class Files:
    """A configuration file that a test rewrites, and what is in force."""

    def __init__(self, manager: socket.socket, clock: FakeClock) -> None:
        self.text = "first"
        self.in_force = ["first"]
        self.reloader = Reloader(
            self._load, self._apply, notifier=Notifier(manager.getsockname()), clock=clock
        )

    def _load(self) -> str:
        if self.text == "bad":
            raise ConfigError("config.yaml:3: unknown key 'strems'; did you mean 'streams'?")
        return self.text

    async def _apply(self, text: str) -> None:
        self.in_force.append(text)


async def test_reload_swaps(manager: socket.socket, clock: FakeClock) -> None:
    """A good file is put in force and systemd sees the reload begin and end."""
    files = Files(manager, clock)
    files.text = "second"

    assert await files.reloader.reload()
    assert files.in_force == ["first", "second"]
    assert files.reloader.reloaded_at == clock.wall()
    assert manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=1000000000")
    assert manager.recv(4096) == b"READY=1\nSTATUS=configuration reloaded"


async def test_bad_reload_keeps_the_old(manager: socket.socket, clock: FakeClock) -> None:
    """A bad file changes nothing, and `systemctl status` shows what is wrong with it."""
    files = Files(manager, clock)
    files.text = "bad"

    assert not await files.reloader.reload()
    assert files.in_force == ["first"]
    assert files.reloader.successful is False
    assert "unknown key 'strems'" in (files.reloader.error or "")
    manager.recv(4096)
    assert b"reload failed, old configuration kept: config.yaml:3" in manager.recv(4096)


async def test_reload_recovers(manager: socket.socket, clock: FakeClock) -> None:
    """After a bad file a good one is taken, and the error is forgotten."""
    files = Files(manager, clock)
    files.text = "bad"
    await files.reloader.reload()
    files.text = "third"
    await files.reloader.reload()

    assert files.in_force == ["first", "third"]
    assert (files.reloader.successful, files.reloader.error) == (True, None)


async def test_requests_coalesce(manager: socket.socket, clock: FakeClock) -> None:
    """A storm of SIGHUPs is one reload, not one each."""
    files = Files(manager, clock)
    task = asyncio.create_task(files.reloader.run())
    for _ in range(100):
        files.reloader.request()
    async with asyncio.timeout(5):
        while len(files.in_force) < 2:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert files.in_force == ["first", "first"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), ExitCode.CONFIG),
        (ManifestError("x"), ExitCode.CONFIG),
        (EngineError("x", sticky=True), ExitCode.RETRY),
        (EngineError("x"), ExitCode.UNAVAILABLE),
        (SourceError("x"), ExitCode.UNAVAILABLE),
        (PublishError("x", reason=ErrorReason.REDIS_UNAVAILABLE), ExitCode.UNAVAILABLE),
        (PublishError("x"), ExitCode.FAILURE),
        (QoedError("x", reason=ErrorReason.DECODE_FAILED), ExitCode.FAILURE),
        (KeyError("x"), ExitCode.BUG),
        (ExceptionGroup("x", [SourceError("y"), ExceptionGroup("z", [ConfigError("x")])]), ExitCode.CONFIG),
        (ExceptionGroup("x", [PublishError("y"), KeyError("z")]), ExitCode.BUG),
    ],
)
def test_exit_codes(error: Exception, code: ExitCode) -> None:
    """Each kind of failure has its own exit code, of a group the one that matters most."""
    assert exit_code_for(error) is code
