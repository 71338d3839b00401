"""What systemd is told, on a real socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qoed.service.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's end of the notify socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(2)
        yield listening


def received(manager: socket.socket) -> list[str]:
    """The lines of the next datagram."""
    return manager.recv(4096).decode().split("\n")


@pytest.fixture
def notifier(manager: socket.socket) -> Notifier:
    """A notifier that talks to `manager`, found through the environment."""
    return Notifier.from_env({"NOTIFY_SOCKET": manager.getsockname()})


def test_ready_carries_status(notifier: Notifier, manager: socket.socket) -> None:
    """systemd learns that start-up is complete, and what to show for it."""
    assert notifier.enabled
    assert notifier.ready("3 streams")

    assert received(manager) == ["READY=1", "STATUS=3 streams"]


def test_every_message(notifier: Notifier, manager: socket.socket) -> None:
    """Reload, stop, liveness and more time are said in the protocol's own words and units."""
    notifier.status("scoring")
    notifier.reloading(12.5)
    notifier.stopping("draining")
    notifier.watchdog()
    notifier.extend_timeout(20)

    assert received(manager) == ["STATUS=scoring"]
    assert received(manager) == ["RELOADING=1", "MONOTONIC_USEC=12500000"]
    assert received(manager) == ["STOPPING=1", "STATUS=draining"]
    assert received(manager) == ["WATCHDOG=1"]
    assert received(manager) == ["EXTEND_TIMEOUT_USEC=20000000"]


def test_status_cannot_inject_a_field(notifier: Notifier, manager: socket.socket) -> None:
    """A line break in a status text does not become another message to systemd."""
    notifier.status("a bad config:\nWATCHDOG=trigger")

    assert received(manager) == ["STATUS=a bad config: WATCHDOG=trigger"]


def test_abstract_socket() -> None:
    """A manager on an abstract socket is reached too."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # the kernel chooses an abstract name
        manager.settimeout(2)
        address = manager.getsockname().decode()

        assert Notifier(f"@{address[1:]}").ready()
        assert received(manager) == ["READY=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nonexistent/notify"}])
def test_nobody_listens(environ: dict[str, str]) -> None:
    """Without a service manager, or with one that is gone, the daemon goes on untroubled."""
    assert not Notifier.from_env(environ).ready("started")


def test_full_socket_does_not_block(notifier: Notifier) -> None:
    """A manager that reads nothing cannot stall the daemon."""
    delivered = [notifier.watchdog() for _ in range(10_000)]

    assert delivered[0]
    assert not delivered[-1]
