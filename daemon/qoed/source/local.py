"""Local playlists: `file:` URLs below the playlist's own folder, everything else through HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Unpack
from urllib.parse import unquote, urlsplit

from qoed.clock import Clock
from qoed.model import WireTimings
from qoed.source.http import ByteRange, Fetched, Fetcher, FetchError, FetchKind, Request


def path_of(path: str) -> str:
    """The path that a `file:` URL names; a path is its own."""
    return unquote(urlsplit(path).path) if path.startswith("file:") else path


def opened(url: str, http: Fetcher, clock: Clock) -> tuple[str, Fetcher]:
    """How a playlist is got at: of a path or `file:` URL, its absolute URL and the `LocalFiles` around it."""
    if "://" in url and not url.startswith("file:"):
        return url, http
    path = Path(path_of(url)).resolve()
    return path.as_uri(), LocalFiles(path.parent, http, clock)


class LocalFiles:
    """A `Fetcher` for a playlist on disk; a playlist cannot reach files outside of its folder."""

    def __init__(self, root: Path, http: Fetcher, clock: Clock) -> None:
        self._root = root.resolve()
        self._http = http
        self._clock = clock

    async def fetch(self, url: str, **how: Unpack[Request]) -> Fetched:
        """Read a file or GET a URL. Raises `FetchError`."""
        if not url.startswith("file:"):
            return await self._http.fetch(url, **how)
        begun = self._clock.monotonic()
        path, byte_range = Path(path_of(url)), how.get("byte_range")
        body = await asyncio.to_thread(self._read, path, how["max_bytes"], byte_range)
        took = self._clock.monotonic() - begun
        timings = WireTimings(download_s=took, total_s=took, bytes=len(body))
        return Fetched(body=body, status=200, final_url=url, headers={}, timings=timings)

    async def download(self, url: str, sink: Callable[[bytes], object], **how: Unpack[Request]) -> Fetched:
        """Like `fetch`, but hands the body to `sink`; the reply's `body` is empty. Raises `FetchError`."""
        fetched = await self.fetch(url, **how)
        sink(fetched.body)
        return replace(fetched, body=b"")

    def _read(self, path: Path, max_bytes: int, byte_range: ByteRange | None) -> bytes:
        offset, length = byte_range or (0, None)
        wanted = max_bytes + 1 if length is None else length
        try:
            real = path.resolve()
            if not real.is_relative_to(self._root):
                raise FetchError(f"outside of the playlist's folder: {path}", kind=FetchKind.REFUSED)
            with real.open("rb") as file:
                file.seek(offset)
                body = file.read(min(wanted, max_bytes + 1))
        except OSError as error:
            raise FetchError(
                f"{error.strerror or 'cannot be read'}: {path}", kind=FetchKind.STATUS
            ) from error
        if len(body) > max_bytes:
            raise FetchError(f"more than {max_bytes} bytes: {path}", kind=FetchKind.TOO_LARGE)
        if length is not None and len(body) != length:
            raise FetchError(
                f"asked for {length} bytes at {offset}, got {len(body)}: {path}", kind=FetchKind.RANGE
            )
        return body
