"""From a continuous input's URL to what its child is told: resolved, guarded, with FFmpeg's options fixed."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import asdict
from typing import Any

from qoed import __version__
from qoed.errors import ErrorReason, SourceError
from qoed.ingest.setup import Setup
from qoed.source.address import AddressGuard
from qoed.source.input_options import MAX_SEGMENT_S, InputOptions
from qoed.source.input_url import DATAGRAM_SCHEMES, FFMPEG_SCHEMES, InputUrl, parse_input
from qoed.source.options import SourceOptions
from qoed.source.url import redact
from qoed.ts import Limits

_WHITELIST = {
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,tls,tcp",
    "rtsp": "tcp",
    "rtsps": "tls,tcp",
}
"""Protocols that FFmpeg may use, by scheme; RTSP over UDP needs two more."""
_RTSP_UDP = ",udp,rtp"
_TLS = ("rtmps", "rtsps")


async def setup_of(url: str, options: SourceOptions, guard: AddressGuard) -> Setup:
    """What the child of the input at `url` is told. Raises `SourceError`."""
    if url.lower().startswith(("http://", "https://")):
        return Setup(kind="pipe", **_cutting(options, options.input))
    found, wanted = parse_input(url, options.input)
    common = _cutting(options, wanted)
    if found.scheme in FFMPEG_SCHEMES:
        address = await _address(found, guard, wanted.timeout_s)
        return Setup(
            kind="ffmpeg",
            # TLS needs the name, to say it and to check it; whom it reached is looked at afterwards.
            url=found.with_host(found.host if found.scheme in _TLS else address),
            options=_ffmpeg_options(found, wanted),
            ca_file=wanted.ca_file,
            **common,
        )
    if found.scheme in DATAGRAM_SCHEMES:
        return Setup(
            kind="rtp" if found.scheme == "rtp" else "udp",
            host=await _own_address(found, wanted.timeout_s),
            port=found.port,
            source=found.source,
            interface=wanted.interface,
            buffer_bytes=wanted.buffer_bytes,
            **common,
        )
    listen = wanted.mode == "listener"
    host = _own_address(found, wanted.timeout_s) if listen else _address(found, guard, wanted.timeout_s)
    return Setup(
        kind="srt",
        host=await host,
        port=found.port,
        listen=listen,
        latency_ms=None if wanted.latency_s is None else round(wanted.latency_s * 1000),
        passphrase=wanted.passphrase,
        streamid=wanted.streamid,
        **common,
    )


def _cutting(options: SourceOptions, wanted: InputOptions) -> dict[str, Any]:
    return {
        "timeout_s": wanted.timeout_s,
        "segment_s": wanted.segment_s,
        "max_segment_s": MAX_SEGMENT_S,
        "max_segment_bytes": options.max_segment_bytes,
        "program": wanted.program,
        "limits": asdict(Limits.of(options.checks)),
    }


def _ffmpeg_options(found: InputUrl, wanted: InputOptions) -> dict[str, str]:
    chosen = {
        "protocol_whitelist": _WHITELIST[found.scheme],
        "analyzeduration": "3000000",
        "probesize": "2000000",
    }
    if found.scheme in _TLS:
        chosen["tls_verify"] = "1" if wanted.verify else "0"
    if found.scheme.startswith("rtsp"):
        chosen |= {
            "rtsp_transport": wanted.transport,
            "allowed_media_types": "video+audio",
            "user_agent": f"qoed/{__version__}",
        }
        if wanted.transport == "udp":
            chosen["protocol_whitelist"] += _RTSP_UDP
    else:
        chosen |= {"rtmp_live": "live", "rtmp_tcurl": _tc_url(found)}
    return chosen


def _tc_url(found: InputUrl) -> str:
    """Host and application as the RTMP server knows them; FFmpeg would make them of the bare address."""
    parts = found.path.partition("?")[0].strip("/").split("/")
    application = "/".join(parts[:1] if len(parts) < 3 else parts[:2])
    host = f"[{found.host}]" if ":" in found.host else found.host
    return f"{found.scheme}://{host}:{found.port}/{application}"


async def _address(found: InputUrl, guard: AddressGuard, timeout_s: float) -> str:
    """An address of the host that may be reached."""
    allowed = [address for address in await _resolve(found, timeout_s) if guard.allows(address)]
    if not allowed:
        raise SourceError(
            f"address not allowed: {redact(found.url)}", reason=ErrorReason.SOURCE_REFUSED, retryable=False
        )
    return allowed[0]


async def _own_address(found: InputUrl, timeout_s: float) -> str:
    """The group to join or the address to listen on; empty: any."""
    return (await _resolve(found, timeout_s))[0] if found.host else ""


async def _resolve(found: InputUrl, timeout_s: float) -> list[str]:
    try:
        return [str(ipaddress.ip_address(found.host))]
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            entries = await loop.getaddrinfo(found.host, found.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a label too long for IDNA
        raise SourceError(f"host name does not resolve: {redact(found.url)}") from None
    except TimeoutError:
        raise SourceError(f"host name does not resolve in time: {redact(found.url)}") from None
    return [str(entry[4][0]) for entry in entries]
