"""Local playlists: `file:` URLs below the playlist's own folder, everything else through HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from qoed.clock import Clock
from qoed.model import WireTimings
from qoed.source.http import Fetched, Fetcher, FetchError, FetchKind


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
        byte_range: tuple[int, int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        """Read a file or GET a URL. Raises `FetchError`."""
        if not url.startswith("file:"):
            return await self._http.fetch(
                url, max_bytes=max_bytes, deadline_s=deadline_s, byte_range=byte_range, headers=headers
            )
        begun = self._clock.monotonic()
        path = Path(unquote(urlsplit(url).path))
        body = await asyncio.to_thread(self._read, path, max_bytes, byte_range)
        took = self._clock.monotonic() - begun
        timings = WireTimings(download_s=took, total_s=took, bytes=len(body))
        return Fetched(body=body, status=200, final_url=url, headers={}, timings=timings)

    def _read(self, path: Path, max_bytes: int, byte_range: tuple[int, int] | None) -> bytes:
        offset, length = byte_range or (0, max_bytes + 1)
        try:
            real = path.resolve()
            if not real.is_relative_to(self._root):
                raise FetchError(f"outside of the playlist's folder: {path}", kind=FetchKind.REFUSED)
            with real.open("rb") as file:
                file.seek(offset)
                body = file.read(min(length, max_bytes + 1))
        except OSError as error:
            raise FetchError(
                f"{error.strerror or 'cannot be read'}: {path}", kind=FetchKind.STATUS
            ) from error
        if len(body) > max_bytes:
            raise FetchError(f"more than {max_bytes} bytes: {path}", kind=FetchKind.TOO_LARGE)
        if byte_range is not None and len(body) != length:
            raise FetchError(
                f"asked for {length} bytes at {offset}, got {len(body)}: {path}", kind=FetchKind.RANGE
            )
        return body
