"""The sd_notify(3) protocol: what systemd is told about readiness, status, reload, stop and liveness."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends datagrams to `$NOTIFY_SOCKET`; does nothing, and says so by False, where there is none.

    A message that cannot be delivered is lost silently: the manager's trouble must never become ours.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address or None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Notifier:
        """The notifier that the environment asks for."""
        return cls(environ.get("NOTIFY_SOCKET"))

    @property
    def enabled(self) -> bool:
        """True when a service manager listens."""
        return self._address is not None

    def ready(self, status: str = "") -> bool:
        """READY=1: start-up, or a reload, is complete."""
        return self._send("READY=1", *_status(status))

    def status(self, text: str) -> bool:
        """STATUS=: the line that `systemctl status` shows. It must hold no secret."""
        return self._send(*_status(text))

    def reloading(self, monotonic_s: float) -> bool:
        """RELOADING=1 with the CLOCK_MONOTONIC time that it belongs to; end it with `ready`."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={round(monotonic_s * 1e6)}")

    def stopping(self, status: str = "") -> bool:
        """STOPPING=1: the drain has begun."""
        return self._send("STOPPING=1", *_status(status))

    def watchdog(self) -> bool:
        """WATCHDOG=1: we live and move."""
        return self._send("WATCHDOG=1")

    def extend_timeout(self, seconds: float) -> bool:
        """EXTEND_TIMEOUT_USEC=: the present start or stop may take `seconds` more from now."""
        return self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def _send(self, *lines: str) -> bool:
        if self._address is None or not lines:
            return False
        # "@name" is a Linux abstract socket, whose real name starts with a zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.connect(address)
                sender.send("\n".join(lines).encode())
        except OSError:
            return False
        return True


def _status(text: str) -> tuple[str, ...]:
    """STATUS= on one line, since a line break would start another field."""
    return (f"STATUS={' '.join(text.split())}",) if text else ()
