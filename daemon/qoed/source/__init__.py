"""Sources: where segments and wire findings come from. One protocol, one registry, one supervisor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from qoed.clock import Clock, SystemClock
from qoed.errors import ErrorReason, SourceError
from qoed.source.continuous import ContinuousSource
from qoed.source.dash.source import DashSource
from qoed.source.detect import DetectSource
from qoed.source.download import MEDIA_SUFFIXES, DownloadSource
from qoed.source.files import FileSource
from qoed.source.hls.source import HlsSource
from qoed.source.http import HttpClient
from qoed.source.input_url import SCHEMES, parse_input
from qoed.source.options import Format, SourceOptions
from qoed.source.protocol import Emit, Item, Source
from qoed.source.supervisor import StreamState, Supervisor
from qoed.source.url import UNREADABLE, redact

__all__ = [
    "SOURCES",
    "Emit",
    "Format",
    "HttpClient",
    "Item",
    "Source",
    "SourceOptions",
    "StreamState",
    "Supervisor",
    "kind_of",
    "make_source",
    "redact",
]

_FORMATS: dict[Format, str] = {"hls": "hls", "dash": "dash", "ts": "continuous", "file": "download"}
"""What an http(s) URL is, where the configuration says so."""

Maker = Callable[[str, str, SourceOptions, HttpClient, Clock], Source]

SOURCES: dict[str, Maker] = {
    "hls": lambda stream, url, options, http, clock: HlsSource(stream, url, options, http=http, clock=clock),
    "dash": lambda stream, url, options, http, clock: DashSource(
        stream, url, options, http=http, clock=clock
    ),
    "detect": lambda stream, url, options, http, clock: DetectSource(
        stream, url, options, http=http, clock=clock
    ),
    "download": lambda stream, url, options, http, clock: DownloadSource(
        stream, url, options, http=http, clock=clock
    ),
    "continuous": lambda stream, url, options, http, clock: ContinuousSource(
        stream, url, options, http=http, clock=clock
    ),
    "files": lambda stream, url, options, _http, clock: FileSource(stream, url, options, clock=clock),
}
"""Kind of source to its maker: (stream, url, options, http, clock) -> Source."""


def make_source(
    stream: str, url: str, options: SourceOptions, *, http: HttpClient, clock: Clock | None = None
) -> Source:
    """The source for `url`: URL, path, folder or glob. Raises `SourceError` if none can read it."""
    kind = kind_of(url, options.format)
    if kind == "continuous" and not url.lower().startswith("http"):
        parse_input(url, options.input)  # what is wrong with it is told before anything is started
    return SOURCES[kind](stream, url, options, http, clock or SystemClock())


def kind_of(url: str, format: Format = "auto") -> str:
    """Which of `SOURCES` reads `url`. Raises `SourceError` naming what is understood."""
    scheme = url.split("://", 1)[0].lower() if "://" in url else "file"
    if scheme != "file" and redact(url) == UNREADABLE:
        raise SourceError(
            "source URL cannot be read: check its host and port",
            reason=ErrorReason.SOURCE_INVALID,
            retryable=False,
        )
    if scheme in SCHEMES and format in ("auto", "ts"):
        return "continuous"
    if scheme not in ("http", "https", "file"):
        what = (
            f"format {format} is not had over {scheme}"
            if scheme in SCHEMES
            else (
                "sources are http(s) URLs of HLS playlists, DASH MPDs, MPEG-TS or media files,"
                f" {', '.join(SCHEMES)} URLs, and local paths"
            )
        )
        raise SourceError(
            f"{redact(url)}: {what}",
            reason=ErrorReason.SOURCE_INVALID,
            retryable=False,
        )
    if scheme != "file" and format != "auto":
        return _FORMATS[format]
    path = urlsplit(url).path if scheme != "file" or "://" in url else url
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in (".m3u8", ".m3u"):
        return "hls"
    if suffix == ".mpd":
        return "dash"
    if scheme == "file":
        return "files"
    return "download" if suffix in MEDIA_SUFFIXES else "detect"
