"""Local playlists: `file:` URLs below the playlist's own folder, everything else through HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from qoed.clock import Clock
from qoed.model import WireTimings
from qoed.source.http import ByteRange, Fetched, Fetcher, FetchError, FetchKind, Method


class LocalFiles:
    """A `Fetcher` for a playlist on disk; a playlist cannot reach files outside of its folder."""

    def __init__(self, root: Path, http: Fetcher, clock: Clock) -> None:
        self._root = root.resolve()
        self._http = http
        self._clock = clock

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int,
        deadline_s: float,
        byte_range: ByteRange | None = None,
        headers: Mapping[str, str] | None = None,
        method: Method = "GET",
        silence_s: float | None = None,
    ) -> Fetched:
        """Read a file or GET a URL. Raises `FetchError`."""
        if not url.startswith("file:"):
            return await self._http.fetch(
                url,
                max_bytes=max_bytes,
                deadline_s=deadline_s,
                byte_range=byte_range,
                headers=headers,
                method=method,
                silence_s=silence_s,
            )
        begun = self._clock.monotonic()
        path = Path(unquote(urlsplit(url).path))
        body = await asyncio.to_thread(self._read, path, max_bytes, byte_range)
        took = self._clock.monotonic() - begun
        timings = WireTimings(download_s=took, total_s=took, bytes=len(body))
        return Fetched(body=body, status=200, final_url=url, headers={}, timings=timings)

    async def download(
        self,
        url: str,
        sink: Callable[[bytes], object],
        *,
        max_bytes: int,
        deadline_s: float,
        byte_range: ByteRange | None = None,
        headers: Mapping[str, str] | None = None,
        method: Method = "GET",
        silence_s: float | None = None,
    ) -> Fetched:
        """Like `fetch`, but hands the body to `sink`; the reply's `body` is empty. Raises `FetchError`."""
        fetched = await self.fetch(
            url,
            max_bytes=max_bytes,
            deadline_s=deadline_s,
            byte_range=byte_range,
            headers=headers,
            method=method,
            silence_s=silence_s,
        )
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
