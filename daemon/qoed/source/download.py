"""A plain media file behind a URL: fetched to a temporary file, then a stream that ends."""

from __future__ import annotations

import tempfile
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from qoed.clock import Clock
from qoed.source.files import FileSource
from qoed.source.http import HttpClient
from qoed.source.options import SourceOptions
from qoed.source.protocol import Emit

_MAX_BYTES = 4 * 1024**3
_DEADLINE_S = 3600.0
MEDIA_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".ts", ".m2t", ".png", ".jpg", ".jpeg", ".webp"}
)


class DownloadSource:
    """A video or picture at an http(s) URL, as `FileSource` reads it. Raises `SourceError`."""

    def __init__(
        self, stream: str, url: str, options: SourceOptions, *, http: HttpClient, clock: Clock
    ) -> None:
        self._stream = stream
        self._url = url
        self._options = options
        self._http = http
        self._clock = clock

    async def run(self, emit: Emit) -> None:
        """Fetch all of it, then emit every segment; return at the end."""
        suffix = PurePosixPath(urlsplit(self._url).path).suffix
        with tempfile.NamedTemporaryFile(prefix="qoed-", suffix=suffix) as file:
            await self._http.download(
                self._url,
                file.write,
                max_bytes=_MAX_BYTES,
                deadline_s=_DEADLINE_S,
                headers=self._options.headers,
            )
            file.flush()
            await FileSource(self._stream, file.name, self._options, clock=self._clock).run(emit)
