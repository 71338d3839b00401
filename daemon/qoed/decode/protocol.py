"""What daemon and worker say to each other: framed messages of JSON and raw bytes. Nothing is ever unpickled.

A message is `header length` (u32 LE), `body length` (u64 LE), a JSON object, the body. To the worker the body
is init section and media; back it is the clips, one after the other. A clip is 0.9 MB: its way through the
socket costs too little to be worth shared memory, and full pictures never cross.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import orjson

HEAD = struct.Struct("<IQ")
MAX_HEADER = 4 << 20
MAX_BODY = 512 << 20
"""Bytes; a worker that announces more has lost its mind."""


class ProtocolError(Exception):
    """The other side broke the protocol or went away in the middle of a message."""


def frame(header: dict[str, Any], body_length: int = 0) -> bytes:
    """The bytes of a message up to its body."""
    text = orjson.dumps(header)
    return HEAD.pack(len(text), body_length) + text


def parse_head(head: bytes | bytearray) -> tuple[int, int]:
    """(header length, body length). Raises `ProtocolError`."""
    header_length, body_length = HEAD.unpack(head)
    if header_length > MAX_HEADER or body_length > MAX_BODY:
        raise ProtocolError(f"message of {header_length} + {body_length} bytes is too long")
    return header_length, body_length


def parse_header(text: bytes | bytearray) -> dict[str, Any]:
    """The JSON object. Raises `ProtocolError`."""
    try:
        header = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise ProtocolError("header is not an object")
    return header


async def send(sock: socket.socket, header: dict[str, Any], *parts: bytes) -> None:
    """Send a message on a non-blocking socket. Raises `OSError` when the other side is gone."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, frame(header, sum(map(len, parts))))
    for part in parts:
        if part:
            await loop.sock_sendall(sock, part)


async def receive(sock: socket.socket) -> tuple[dict[str, Any], bytearray]:
    """The next message from a non-blocking socket. Raises `ProtocolError` or `OSError`."""
    header_length, body_length = parse_head(await _read(sock, HEAD.size))
    header = parse_header(await _read(sock, header_length))
    return header, await _read(sock, body_length)


async def _read(sock: socket.socket, length: int) -> bytearray:
    loop = asyncio.get_running_loop()
    buffer = bytearray(length)
    view = memoryview(buffer)
    while view:
        count = await loop.sock_recv_into(sock, view)
        if count == 0:
            raise ProtocolError("the other side closed the connection")
        view = view[count:]
    return buffer


def send_blocking(sock: socket.socket, header: dict[str, Any], *parts: memoryview | bytes) -> None:
    """Send a message on a blocking socket; `parts` are contiguous buffers of bytes."""
    sock.sendall(frame(header, sum(len(part) for part in parts)))
    for part in parts:
        sock.sendall(part)


def receive_blocking(sock: socket.socket) -> tuple[dict[str, Any], bytearray] | None:
    """The next message from a blocking socket, or None at its orderly end. Raises `ProtocolError`."""
    head = _read_blocking(sock, HEAD.size, at_start=True)
    if not head:
        return None
    header_length, body_length = parse_head(head)
    header = parse_header(_read_blocking(sock, header_length))
    return header, _read_blocking(sock, body_length)


def _read_blocking(sock: socket.socket, length: int, *, at_start: bool = False) -> bytearray:
    buffer = bytearray(length)
    view = memoryview(buffer)
    while view:
        count = sock.recv_into(view)
        if count == 0:
            if at_start and len(view) == length:
                return bytearray()
            raise ProtocolError("the other side closed the connection")
        view = view[count:]
    return buffer
