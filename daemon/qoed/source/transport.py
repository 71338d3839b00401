"""One stream's requests: its headers, deadlines and size caps on a shared client."""

from __future__ import annotations

from qoed.source.http import SECRET_HEADERS, Fetched, Fetcher
from qoed.source.options import SourceOptions
from qoed.source.url import origin_of

_MAX_KEY_BYTES = 1024


class Transport:
    """Fetches for the stream at `url`. Header values that may be secrets stay at its origin."""

    def __init__(self, url: str, options: SourceOptions, http: Fetcher) -> None:
        self._origin = origin_of(url)
        self._options = options
        self._http = http
        self._open = {k: v for k, v in options.headers.items() if k.lower() not in SECRET_HEADERS}

    async def playlist(self, url: str) -> Fetched:
        """A playlist. Raises `FetchError`."""
        return await self._http.fetch(
            url,
            max_bytes=self._options.max_playlist_bytes,
            deadline_s=self._options.playlist_deadline_s,
            headers=self._headers(url),
        )

    async def key(self, url: str) -> bytes:
        """The bytes of a key. Raises `FetchError`."""
        fetched = await self._http.fetch(
            url,
            max_bytes=_MAX_KEY_BYTES,
            deadline_s=self._options.playlist_deadline_s,
            headers=self._headers(url),
        )
        return fetched.body

    async def segment(self, url: str, byte_range: tuple[int, int] | None, duration_s: float) -> Fetched:
        """A segment or init section, or a range of one. Raises `FetchError`."""
        # Media does not compress; an encoding would only hide its real size on the wire.
        return await self._http.fetch(
            url,
            max_bytes=self._options.max_segment_bytes,
            deadline_s=self._options.segment_deadline_s(duration_s),
            byte_range=byte_range,
            headers=self._headers(url) | {"Accept-Encoding": "identity"},
        )

    def _headers(self, url: str) -> dict[str, str]:
        return dict(self._options.headers) if origin_of(url) == self._origin else dict(self._open)
