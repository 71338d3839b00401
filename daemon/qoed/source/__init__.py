"""Sources: where segments and wire findings come from. One protocol, one registry, one supervisor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from qoed.clock import Clock, SystemClock
from qoed.errors import ErrorReason, SourceError
from qoed.source.download import MEDIA_SUFFIXES, DownloadSource
from qoed.source.files import FileSource
from qoed.source.hls.source import HlsSource
from qoed.source.http import HttpClient
from qoed.source.options import SourceOptions
from qoed.source.protocol import Emit, Source
from qoed.source.supervisor import StreamState, Supervisor
from qoed.source.url import UNREADABLE, redact

__all__ = [
    "SOURCES",
    "Emit",
    "HttpClient",
    "Source",
    "SourceOptions",
    "StreamState",
    "Supervisor",
    "kind_of",
    "make_source",
    "redact",
]

Maker = Callable[[str, str, SourceOptions, HttpClient, Clock], Source]

SOURCES: dict[str, Maker] = {
    "hls": lambda stream, url, options, http, clock: HlsSource(stream, url, options, http=http, clock=clock),
    "download": lambda stream, url, options, http, clock: DownloadSource(
        stream, url, options, http=http, clock=clock
    ),
    "files": lambda stream, url, options, _http, clock: FileSource(stream, url, options, clock=clock),
}
"""Kind of source to its maker: (stream, url, options, http, clock) -> Source."""


def make_source(
    stream: str, url: str, options: SourceOptions, *, http: HttpClient, clock: Clock | None = None
) -> Source:
    """The source for `url`: http(s) URL, path, folder or glob. Raises `SourceError` if none can read it."""
    return SOURCES[kind_of(url)](stream, url, options, http, clock or SystemClock())


def kind_of(url: str) -> str:
    """Which of `SOURCES` reads `url`. Raises `SourceError` naming what is understood."""
    scheme = url.split("://", 1)[0].lower() if "://" in url else "file"
    if scheme != "file" and redact(url) == UNREADABLE:
        raise SourceError(
            "source URL cannot be read: check its host and port",
            reason=ErrorReason.SOURCE_INVALID,
            retryable=False,
        )
    if scheme not in ("http", "https", "file"):
        raise SourceError(
            f"{redact(url)}: sources are http(s) URLs of HLS playlists or media files, and local paths",
            reason=ErrorReason.SOURCE_INVALID,
            retryable=False,
        )
    path = urlsplit(url).path if scheme != "file" or "://" in url else url
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in (".m3u8", ".m3u"):
        return "hls"
    if scheme == "file":
        return "files"
    return "download" if suffix in MEDIA_SUFFIXES else "hls"
