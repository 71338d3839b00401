"""RTMP and RTSP through FFmpeg: demuxed, and put into segments again without decoding."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import time
from pathlib import Path

import av

from qoed.errors import ErrorReason, SourceError
from qoed.ingest.failure import InputError, os_failure
from qoed.ingest.outlet import Outlet
from qoed.ingest.remux import MAX_PIXELS, Cutter, Piece
from qoed.ingest.setup import Setup

MAX_STREAMS = 32
_PATIENCE = 3
"""So many times the longest segment without any is no stream to score."""
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
"""Where distributions keep all authorities in one file."""


def pull(setup: Setup, outlet: Outlet) -> None:
    """Until the stream ends. Raises `InputError`."""
    options = dict(setup.options) | {"max_pixels": str(MAX_PIXELS), "max_streams": str(MAX_STREAMS)}
    if options.get("tls_verify") == "1":
        options["ca_file"] = _authorities(setup.ca_file)
    # Of a silence later on, the daemon knows first.
    timeout = (setup.timeout_s, setup.timeout_s + 1.0)
    opening: float | None = time.monotonic()
    try:
        with av.open(setup.url, "r", options=options, timeout=timeout, metadata_errors="replace") as source:
            opening = None
            outlet.put({"is": "connected", "note": "", "peers": _peers()})
            _cut(source, setup, outlet)
    except (av.FFmpegError, OSError, ValueError) as error:
        if opening is not None and time.monotonic() - opening >= setup.timeout_s:
            raise InputError("no answer in time") from error  # demuxers have many words for it
        raise _failure(error, tls="tls_verify" in options, opened=opening is None) from error
    except SourceError as error:
        raise InputError(f"the stream {error}", reason=error.reason, retryable=True) from error


def _cut(source: av.container.InputContainer, setup: Setup, outlet: Outlet) -> None:
    cutter = Cutter(
        source,
        target_s=setup.segment_s,
        max_bytes=setup.max_segment_bytes,
        live_s=setup.max_segment_s,
    )
    progress = time.monotonic()
    for packet in source.demux(cutter.streams):
        now = time.monotonic()
        if packet.size:
            outlet.heard()
        for piece in cutter.take(packet):
            _put(piece, outlet)
            progress = now
        if now - progress > _PATIENCE * setup.max_segment_s:
            raise InputError(f"no key frame within {now - progress:.0f} s", reason=ErrorReason.SOURCE_INVALID)
    for piece in cutter.finish():
        _put(piece, outlet)


def _put(piece: Piece, outlet: Outlet) -> None:
    outlet.put(
        {
            "is": "segment",
            "container": piece.container,
            "duration_s": piece.duration_s,
            "discontinuity": piece.discontinuity,
            "continues": piece.continues,
            "unfinished": piece.unfinished,
        },
        piece.data,
    )


def _peers() -> list[str]:
    """Whom we are connected to: a name may have come to mean another address since it was checked."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as peer:
                if peer.family in (socket.AF_INET, socket.AF_INET6):
                    found.append(str(peer.getpeername()[0]))
        except OSError:  # no socket, or one without a peer
            continue
    return found


def _authorities(own: str | None) -> str:
    """A file of all authorities to trust; it lives in memory, and as long as the process."""
    paths = ssl.get_default_verify_paths()
    bundle = next((Path(path) for path in (paths.cafile, *_BUNDLES) if path and Path(path).exists()), None)
    texts = [path.read_bytes() for path in (bundle, Path(own) if own else None) if path is not None]
    if not texts:
        raise InputError("no certificate authorities on this host; apt install ca-certificates")
    descriptor = os.memfd_create("authorities")
    os.write(descriptor, b"\n".join(texts))
    return f"/proc/self/fd/{descriptor}"


def _failure(error: Exception, *, tls: bool, opened: bool) -> InputError:
    """FFmpeg's own words; never its text, which holds the URL."""
    if isinstance(error, av.error.ExitError):
        return InputError("no media in time", reason=ErrorReason.SOURCE_ENDED)
    if isinstance(error, av.error.ArgumentError) and not opened:
        # Of what is not on the whitelist, and the scheme of RTSP's redirections is not.
        return InputError("refused: the server sends us elsewhere", reason=ErrorReason.SOURCE_REFUSED)
    if isinstance(error, av.error.InvalidDataError):
        return InputError("what came is not media", reason=ErrorReason.SOURCE_INVALID)
    if tls and isinstance(error, OSError) and error.errno == errno.EIO:
        return InputError("the connection broke; is the server's certificate good?")
    if isinstance(error, av.FFmpegError):
        return InputError(error.strerror or type(error).__name__)
    return os_failure(error) if isinstance(error, OSError) else InputError(type(error).__name__)
