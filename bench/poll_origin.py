"""An origin of very many live playlists on loopback, cheap enough not to be what is measured.

`python -m bench.poll_origin SEGMENT_S ADDRESS...` prints its port and serves until its standard input closes:
`/<stream>/index.m3u8` and `/<stream>/<sequence>.ts` of any stream number, each stream with its own phase.
"""

from __future__ import annotations

import asyncio
import sys
import time

WINDOW = 6
"""Segments in a playlist."""
LATENCY_S = 0.02
"""Every answer takes so long, as over a network."""
_SEGMENT = (b"\x47\x1f\xff\x10" + bytes(184)) * 10
"""Null packets; nobody decodes them."""
_GOLDEN = 0.6180339887
"""Spreads the phases of any number of streams evenly."""


def playlist(stream: int, segment_s: float, now: float) -> bytes:
    """The stream's live playlist at `now`."""
    edge = int(now / segment_s + stream * _GOLDEN % 1)
    first = edge - WINDOW
    listed = "".join(f"#EXTINF:{segment_s:.3f},\n{sequence}.ts\n" for sequence in range(first, edge))
    head = f"#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{round(segment_s)}\n"
    return f"{head}#EXT-X-MEDIA-SEQUENCE:{first}\n{listed}".encode()


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as far as one client needs it."""

    def __init__(self, segment_s: float) -> None:
        self._segment_s = segment_s
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        for request in requests:
            _, stream, file = request.split(b" ", 2)[1].decode().split("/")
            self._loop.call_later(LATENCY_S, self._answer, int(stream), file)

    def _answer(self, stream: int, file: str) -> None:
        assert self._transport is not None
        body = _SEGMENT if file.endswith(".ts") else playlist(stream, self._segment_s, time.monotonic())
        kind = b"video/mp2t" if file.endswith(".ts") else b"application/vnd.apple.mpegurl"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
        self._transport.write(head + body)


async def _serve(segment_s: float, addresses: list[str]) -> None:
    loop = asyncio.get_running_loop()
    first = await loop.create_server(lambda: _Connection(segment_s), addresses[0], 0, backlog=2048)
    port = first.sockets[0].getsockname()[1]
    others = [
        await loop.create_server(lambda: _Connection(segment_s), address, port, backlog=2048)
        for address in addresses[1:]
    ]
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    for server in (first, *others):
        server.close()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), sys.argv[2:]))
