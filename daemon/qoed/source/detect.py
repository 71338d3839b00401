"""An http(s) URL whose name does not say what it is: HLS or DASH, by what it answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Unpack

from qoed.clock import Clock
from qoed.errors import ErrorReason, SourceError
from qoed.source.dash.source import DashSource
from qoed.source.hls.source import HlsSource
from qoed.source.http import Fetched, Fetcher, FetchError, FetchKind, Request
from qoed.source.options import SourceOptions
from qoed.source.protocol import Emit, Source
from qoed.source.transport import Transport
from qoed.source.url import redact

_HEAD_BYTES = 4096
_ADVICE = "set `format: ts` for MPEG-TS without end, `format: file` for a media file"
_MPD = re.compile(rb"<(?:[\w.-]{1,64}:)?MPD[\s/>]")


def adaptive_kind(body: bytes) -> str | None:
    """`hls` or `dash` by the first bytes of a playlist or MPD; None: neither."""
    head = body[:_HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"#EXTM3U"):
        return "hls"
    return "dash" if head.startswith(b"<") and _MPD.search(head) else None


class DetectSource:
    """Fetches once to see what the URL is, then is an `HlsSource` or `DashSource`. Raises `SourceError`."""

    def __init__(self, stream: str, url: str, options: SourceOptions, *, http: Fetcher, clock: Clock) -> None:
        self._url = url
        self._transport = Transport(url, options, http)
        self._first = _FirstAnswer(url, http)
        self._made: dict[str, Source] = {}
        self._makers: Mapping[str, Callable[[], Source]] = {
            "hls": lambda: HlsSource(stream, url, options, http=self._first, clock=clock),
            "dash": lambda: DashSource(stream, url, options, http=self._first, clock=clock),
        }

    async def run(self, emit: Emit) -> None:
        """Run what the URL is now."""
        try:
            fetched = await self._transport.playlist(self._url)
        except FetchError as error:
            if error.kind in (FetchKind.TOO_LARGE, FetchKind.TIMEOUT) and error.timings.bytes:
                raise SourceError(f"neither playlist nor MPD, {error}; {_ADVICE}") from error
            raise
        kind = adaptive_kind(fetched.body)
        if kind is None:
            raise SourceError(
                f"neither an HLS playlist nor a DASH MPD: {redact(self._url)}; {_ADVICE}",
                reason=ErrorReason.SOURCE_INVALID,
            )
        if kind not in self._made:
            self._made[kind] = self._makers[kind]()
        self._first.answer = fetched
        await self._made[kind].run(emit)


class _FirstAnswer:
    """A `Fetcher` that gives the answer it was handed once, in place of asking for it again."""

    def __init__(self, url: str, http: Fetcher) -> None:
        self.answer: Fetched | None = None
        self._url = url
        self._http = http

    async def fetch(self, url: str, **how: Unpack[Request]) -> Fetched:
        """The answer at hand, else one from the wire. Raises `FetchError`."""
        answer, self.answer = self.answer, None
        if answer is not None and url == self._url:
            return answer
        return await self._http.fetch(url, **how)

    async def download(self, url: str, sink: Callable[[bytes], object], **how: Unpack[Request]) -> Fetched:
        """From the wire. Raises `FetchError`."""
        return await self._http.download(url, sink, **how)
