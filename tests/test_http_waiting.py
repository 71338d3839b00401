"""Requests for what is still to come: ranges without an end, and servers that are silent on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from hls_run import http, origin  # noqa: F401 - fixtures
from ll_media import fmp4
from ll_origin import LowLatencyOrigin
from origin import LiveOrigin
from qoed.clock import SystemClock
from qoed.source import HttpClient
from qoed.source.http import FetchError, FetchKind
from qoed.source.local import LocalFiles


async def received(client: HttpClient | LocalFiles, url: str, offset: int) -> bytes:
    """All from `offset` on, piece by piece."""
    chunks: list[bytes] = []
    await client.download(url, chunks.append, max_bytes=10**6, deadline_s=5, byte_range=(offset, None))
    return b"".join(chunks)


async def test_range_to_the_end_is_asked_for_and_cut_out(origin: LiveOrigin, http: HttpClient) -> None:
    """A server that ignores a range to the end sends all, and its begin is left out."""
    url = origin.put("/x.mp4", bytes(range(256)) * 1000)

    assert await received(http, url, 1000) == (bytes(range(256)) * 1000)[1000:]
    assert origin.requests[-1].headers["Range"] == "bytes=1000-"
    assert len((await http.fetch(url, max_bytes=10**6, deadline_s=5, byte_range=(10, None))).body) == 255_990


async def test_range_to_the_end_of_what_grows_is_honoured(http: HttpClient) -> None:
    """A server that honours the range sends just that."""
    coded = fmp4()
    async with LowLatencyOrigin() as growing:
        growing.add("hd", coded, parts=8, byte_ranges=True)

        assert await received(http, growing.url("/hd/0_1.m4s"), 100) == coded.segment(1)[100:]


async def test_silence_is_borne_where_a_server_may_block(origin: LiveOrigin) -> None:
    """A connection that is silent longer than usual is given up, unless it is known to wait."""
    url = origin.put("/i.m3u8", "#EXTM3U\n")
    origin.fault("/i.m3u8", delay_s=0.6)
    async with HttpClient(sock_read_s=0.2) as client:
        with pytest.raises(FetchError, match="connection went silent") as caught:
            await client.fetch(url, max_bytes=100, deadline_s=5)
        fetched = await client.fetch(url, max_bytes=100, deadline_s=5, silence_s=5)

    assert caught.value.kind is FetchKind.TIMEOUT
    assert fetched.body == b"#EXTM3U\n"


async def test_files_are_read_to_their_end_too(tmp_path: Path, http: HttpClient) -> None:
    """A range without an end works for files beside a local playlist."""
    (tmp_path / "x.mp4").write_bytes(b"0123456789")
    local = LocalFiles(tmp_path, http, SystemClock())

    assert await received(local, (tmp_path / "x.mp4").as_uri(), 4) == b"456789"
