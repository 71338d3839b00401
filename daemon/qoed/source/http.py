"""The one HTTP client: bounded in size, time and redirects, with the timings of every exchange."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import TracebackType
from typing import Literal, NotRequired, Protocol, Self, TypedDict, Unpack

import aiohttp
from yarl import URL

from qoed import __version__
from qoed.clock import Clock, SystemClock
from qoed.errors import ErrorReason, SourceError
from qoed.model import WireTimings
from qoed.source.address import AddressGuard
from qoed.source.timing import Marks, trace_config
from qoed.source.url import origin_of, redact, resolve

MAX_REDIRECTS = 5
SOCK_READ_S = 5.0
"""A silent connection is given up after this, whatever the deadline still allows."""
_REDIRECTS = (301, 302, 303, 307, 308)
SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
_KEPT_HEADERS = (
    "Age",
    "CMSD-Static",
    "Cache-Control",
    "Content-Type",
    "Date",
    "ETag",
    "Last-Modified",
    "Server",
    "Via",
    "X-Cache",
)


class FetchKind(StrEnum):
    """What went wrong in an exchange; closed, for evidence and labels."""

    STATUS = "status"
    TIMEOUT = "timeout"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    BROKEN = "broken"
    TOO_LARGE = "too_large"
    RANGE = "range"
    REDIRECT = "redirect"
    REFUSED = "refused"
    QUEUED = "queued"
    """Our own connection limit kept the request from starting: the probe's trouble."""


class FetchError(SourceError):
    """An exchange failed; the message is one line with a redacted URL."""

    def __init__(
        self, message: str, *, kind: FetchKind, status: int | None = None, timings: WireTimings | None = None
    ) -> None:
        refused = kind in (FetchKind.REFUSED, FetchKind.REDIRECT)
        reason = ErrorReason.SOURCE_REFUSED if refused else ErrorReason.SOURCE_UNAVAILABLE
        super().__init__(message, reason=reason, retryable=kind is not FetchKind.REFUSED)
        self.kind = kind
        self.status = status
        self.timings = timings or WireTimings(status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One complete body. `headers` holds the few that tell caches and origins apart, lower-cased."""

    body: bytes = field(repr=False)
    status: int
    final_url: str = field(repr=False)
    headers: Mapping[str, str]
    timings: WireTimings


ByteRange = tuple[int, int | None]
"""Offset and length; without a length to the end, even one that is still to come."""


class Request(TypedDict):
    """How a URL is asked for."""

    max_bytes: int
    """Larger bodies (decompressed) are refused."""
    deadline_s: float
    """Limit for the whole exchange."""
    byte_range: NotRequired[ByteRange | None]
    """The part that is wanted."""
    headers: NotRequired[Mapping[str, str] | None]
    """Request headers."""
    method: NotRequired[Literal["GET", "HEAD"]]
    """GET where it is not said."""
    silence_s: NotRequired[float | None]
    """How long the connection may be silent; a server that blocks needs more than the usual."""


class Fetcher(Protocol):
    """What the sources ask of a transport."""

    async def fetch(self, url: str, **how: Unpack[Request]) -> Fetched:
        """GET `url`, or `byte_range` of it; HEAD: its headers. Raises `FetchError`."""
        ...

    async def download(self, url: str, sink: Callable[[bytes], object], **how: Unpack[Request]) -> Fetched:
        """Like `fetch`, but hands the body to `sink` (it may be async) piece by piece; `body` stays empty."""
        ...


class HttpClient:
    """One shared session (`async with HttpClient() as http`), without cookies or environment proxies."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        guard: AddressGuard | None = None,
        limit: int = 512,
        limit_per_host: int = 64,
        sock_read_s: float = SOCK_READ_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._guard = guard or AddressGuard()
        self._limit = limit
        self._limit_per_host = limit_per_host
        self._sock_read_s = sock_read_s
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    @property
    def guard(self) -> AddressGuard:
        """Which addresses may be reached."""
        return self._guard

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._limit,
                limit_per_host=self._limit_per_host,
                ttl_dns_cache=30,
                socket_factory=self._guard.socket,
                ssl=self._tls or True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"qoed/{__version__}", "Accept": "*/*"},
            trace_configs=[trace_config(self._clock.monotonic)],
            trust_env=False,
            auto_decompress=True,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session and its connections; may be called twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(self, url: str, **how: Unpack[Request]) -> Fetched:
        """GET `url` into memory, at most `max_bytes` decompressed, within `deadline_s` in all.

        Raises `FetchError`.
        """
        chunks: list[bytes] = []
        reply = await self.download(url, chunks.append, **how)
        return replace(reply, body=_in_range(b"".join(chunks), reply, how.get("byte_range"), url))

    async def download(self, url: str, sink: Callable[[bytes], object], **how: Unpack[Request]) -> Fetched:
        """Like `fetch`, but hands the body to `sink` (it may be async) piece by piece; `body` stays empty."""
        marks = Marks(begun=self._clock.monotonic())
        deadline_s = how["deadline_s"]
        try:
            async with asyncio.timeout(deadline_s):
                return await self._follow(url, sink, marks, how)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            now = self._clock.monotonic()
            waiting = marks.queue_begun is not None
            kind, text = (FetchKind.QUEUED, "no free connection") if waiting else _describe(error, deadline_s)
            raise FetchError(
                f"{text}: {redact(url)}", kind=kind, status=marks.status, timings=marks.timings(now)
            ) from error

    async def _follow(self, url: str, sink: Callable[[bytes], object], marks: Marks, how: Request) -> Fetched:
        headers = dict(how.get("headers") or {})
        offset, length = how.get("byte_range") or (0, None)
        if offset or length is not None:
            headers["Range"] = f"bytes={offset}-{'' if length is None else offset + length - 1}"
        to_the_end = offset if length is None else 0
        for _hop in range(MAX_REDIRECTS + 1):
            _check_scheme(url)
            async with self._request(url, headers, marks, how) as response:
                if response.status not in _REDIRECTS:
                    return await self._receive(url, response, sink, marks, how["max_bytes"], to_the_end)
                target = resolve(url, response.headers.get("Location", ""))
            if url.startswith("https:") and target.startswith("http:"):
                raise FetchError(
                    f"redirect from https to http refused: {redact(url)}", kind=FetchKind.REDIRECT
                )
            if origin_of(target) != origin_of(url):
                headers = {k: v for k, v in headers.items() if k.lower() not in SECRET_HEADERS}
            url = target
        raise FetchError(f"more than {MAX_REDIRECTS} redirects: {redact(url)}", kind=FetchKind.REDIRECT)

    def _request(
        self, url: str, headers: dict[str, str], marks: Marks, how: Request
    ) -> aiohttp.client._RequestContextManager:
        if self._session is None:
            raise RuntimeError("HttpClient is used outside of its `async with`")
        # Signed URLs must go out as they were written; only what is no URL at all is quoted.
        verbatim = url.isascii() and " " not in url
        return self._session.request(
            how.get("method", "GET"),
            URL(url, encoded=verbatim),
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_read=how.get("silence_s") or self._sock_read_s),
            trace_request_ctx=marks,
        )

    async def _receive(
        self,
        url: str,
        response: aiohttp.ClientResponse,
        sink: Callable[[bytes], object],
        marks: Marks,
        max_bytes: int,
        skip: int,
    ) -> Fetched:
        """Hand the body on; of a 200 in place of a range to the end, the first `skip` bytes are left out."""
        marks.status = status = response.status
        marks.headers = self._clock.monotonic()
        if status not in (200, 206):
            raise FetchError(
                f"HTTP {status}: {redact(url)}",
                kind=FetchKind.STATUS,
                status=status,
                timings=marks.timings(marks.headers),
            )
        async for chunk in response.content.iter_any():
            marks.size += len(chunk)
            if marks.size > max_bytes:
                response.close()
                raise FetchError(
                    f"more than {max_bytes} bytes: {redact(url)}",
                    kind=FetchKind.TOO_LARGE,
                    status=status,
                    timings=marks.timings(self._clock.monotonic()),
                )
            if skip and status == 200:
                skip, chunk = max(skip - len(chunk), 0), chunk[skip:]
            taken = sink(chunk)
            if isinstance(taken, Awaitable):  # a sink that is slow holds the sender back
                await taken
        marks.ended = self._clock.monotonic()
        kept = {name.lower(): response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        return Fetched(
            body=b"",
            status=status,
            final_url=url,
            headers=kept,
            timings=marks.timings(marks.ended),
        )


def _check_scheme(url: str) -> None:
    scheme = url.split(":", 1)[0].lower()
    if scheme not in ("http", "https"):
        raise FetchError(f"only http and https are fetched: {redact(url)}", kind=FetchKind.REFUSED)


def _in_range(body: bytes, reply: Fetched, byte_range: ByteRange | None, url: str) -> bytes:
    """The asked bytes; a 200 (RFC 9110 14.2: a server may ignore Range) is cut here."""
    offset, length = byte_range or (0, None)
    if length is None:
        return body
    part = body[offset : offset + length] if reply.status == 200 else body
    if len(part) != length:
        raise FetchError(
            f"asked for {length} bytes at {offset}, got {len(part)}: {redact(url)}",
            kind=FetchKind.RANGE,
            status=reply.status,
            timings=reply.timings,
        )
    return part


def _describe(error: Exception, deadline_s: float) -> tuple[FetchKind, str]:
    """Kind and short text of a transport error; never the library's own text, which may hold the URL."""
    match error:
        case aiohttp.ServerTimeoutError():
            return FetchKind.TIMEOUT, "connection went silent"
        case TimeoutError():
            return FetchKind.TIMEOUT, f"not complete within {deadline_s:g} s"
        case aiohttp.ClientConnectorDNSError():
            return FetchKind.DNS, "host name does not resolve"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return FetchKind.TLS, "TLS failed"
        case aiohttp.ClientConnectorError() if error.os_error.errno == errno.EACCES:
            return FetchKind.REFUSED, "address not allowed"
        case aiohttp.ClientConnectorError():
            return FetchKind.CONNECT, _os_text(error.os_error)
        case aiohttp.ClientPayloadError():
            return FetchKind.BROKEN, "body ended early or does not decode"
        case aiohttp.InvalidURL() | ValueError():
            return FetchKind.REFUSED, "not a usable URL"
        case _:
            return FetchKind.BROKEN, "connection broke"


def _os_text(error: OSError) -> str:
    known = {
        errno.ECONNREFUSED: "connection refused",
        errno.EHOSTUNREACH: "no route to host",
        errno.ENETUNREACH: "network unreachable",
        errno.ETIMEDOUT: "connection timed out",
    }
    return known.get(error.errno or 0, "cannot connect")
