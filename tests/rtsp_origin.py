"""A small RTSP server (RFC 2326): it plays a transport stream over its one connection, or sends elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from live_inputs import DATAGRAM, MEDIA_S, SPEED

_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"


class RtspOrigin:
    """Plays `data` at any path but `/away`, which is answered with a redirection to `elsewhere`."""

    def __init__(self, data: bytes, elsewhere: str = "") -> None:
        self.port = 0
        self.asked: list[str] = []
        """Method and URL of each request."""
        self._data = data
        self._elsewhere = elsewhere
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Address of a path."""
        return f"rtsp://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the other side has enough."""
        playing: asyncio.Task[None] | None = None
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := (await reader.readline()).decode():
                if line.startswith("$"):  # receiver reports between requests are of no interest
                    continue
                fields = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    fields[name.lower()] = value.strip()
                method, url, _ = line.split(" ", 2)
                self.asked.append(f"{method} {url}")
                writer.write(self._answer(method, url, fields["cseq"]).encode())
                await writer.drain()
                if method == "PLAY":
                    playing = asyncio.create_task(self._play(writer))
        if playing is not None:
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await playing
        writer.close()

    def _answer(self, method: str, url: str, number: str) -> str:
        more, body = "", ""
        url = url.partition("?")[0]
        if method == "DESCRIBE" and url.endswith("/away"):
            return f"RTSP/1.0 302 Found\r\nCSeq: {number}\r\nLocation: {self._elsewhere}\r\n\r\n"
        if method == "DESCRIBE" and url.endswith("/none"):
            return f"RTSP/1.0 404 Not Found\r\nCSeq: {number}\r\n\r\n"
        if method == "DESCRIBE":
            body = _SDP
            more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        elif method == "PLAY":
            more = "Session: 1\r\n"
        return f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}\r\n{body}"

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        pause_s = MEDIA_S / SPEED / (len(self._data) / DATAGRAM)
        for number, at in enumerate(range(0, len(self._data), DATAGRAM)):
            packet = b"\x80\x21" + (number & 0xFFFF).to_bytes(2, "big") + bytes(8)
            packet += self._data[at : at + DATAGRAM]
            writer.write(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
            await writer.drain()
            await asyncio.sleep(pause_s)
        writer.close()


@asynccontextmanager
async def rtsp_origin(
    data: bytes, elsewhere: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[RtspOrigin]:
    """A running server on a free port of all addresses of this host."""
    origin = RtspOrigin(data, elsewhere)
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        try:
            await origin.serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "0.0.0.0", 0, ssl=tls)
    origin.port = server.sockets[0].getsockname()[1]
    try:
        yield origin
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
