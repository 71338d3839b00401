"""One stream's requests: its headers, deadlines and size caps on a shared client."""

from __future__ import annotations

from collections.abc import Callable

from qoed.source.http import SECRET_HEADERS, ByteRange, Fetched, Fetcher, FetchError, FetchKind
from qoed.source.options import SourceOptions
from qoed.source.sniff import is_page
from qoed.source.url import origin_of, redact

_MAX_KEY_BYTES = 1024
_MAX_TIME_BYTES = 1024


class Transport:
    """Fetches for the stream at `url`. Header values that may be secrets stay at its origin."""

    def __init__(self, url: str, options: SourceOptions, http: Fetcher) -> None:
        self._origin = origin_of(url)
        self._options = options
        self._http = http
        self._open = {k: v for k, v in options.headers.items() if k.lower() not in SECRET_HEADERS}

    async def playlist(self, url: str, *, blocks_s: float = 0.0) -> Fetched:
        """A playlist, for which the server may make us wait `blocks_s` on purpose. Raises `FetchError`."""
        deadline_s = self._options.playlist_deadline_s + blocks_s
        return await self._http.fetch(
            url,
            max_bytes=self._options.max_playlist_bytes,
            deadline_s=deadline_s,
            headers=self._headers(url),
            silence_s=deadline_s if blocks_s else None,
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

    async def time(self, url: str, *, head: bool) -> Fetched:
        """The few bytes of a time server, or with `head` only its headers. Raises `FetchError`."""
        return await self._http.fetch(
            url,
            max_bytes=_MAX_TIME_BYTES,
            deadline_s=self._options.playlist_deadline_s,
            headers=self._headers(url),
            method="HEAD" if head else "GET",
        )

    async def segment(self, url: str, byte_range: tuple[int, int] | None, duration_s: float) -> Fetched:
        """A segment or init section, or a range of one. Raises `FetchError`, also for an error page."""
        # Media does not compress; an encoding would only hide its real size on the wire.
        fetched = await self._http.fetch(
            url,
            max_bytes=self._options.max_segment_bytes,
            deadline_s=self._options.segment_deadline_s(duration_s),
            byte_range=byte_range,
            headers=self._headers(url) | {"Accept-Encoding": "identity"},
        )
        if is_page(fetched.body):
            raise FetchError(
                f"not media but a page of text: {redact(url)}",
                kind=FetchKind.BROKEN,
                status=fetched.status,
                timings=fetched.timings,
            )
        return fetched

    async def hinted(
        self, url: str, sink: Callable[[bytes], object], byte_range: ByteRange, duration_s: float
    ) -> Fetched:
        """A part before it is there: `sink` gets its bytes as the server has them. Raises `FetchError`."""
        deadline_s = self._options.segment_deadline_s(duration_s) + duration_s
        return await self._http.download(
            url,
            sink,
            max_bytes=self._options.max_segment_bytes,
            deadline_s=deadline_s,
            byte_range=byte_range,
            headers=self._headers(url) | {"Accept-Encoding": "identity"},
            silence_s=deadline_s,
        )

    def _headers(self, url: str) -> dict[str, str]:
        if not self._options.headers:
            return {}
        return dict(self._options.headers) if origin_of(url) == self._origin else dict(self._open)
