"""URLs of continuous inputs: what they name, strictly; nothing in them becomes an option of FFmpeg."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlsplit

from qoed.errors import ErrorReason, SourceError
from qoed.source.input_options import InputOptions
from qoed.source.url import redact

DATAGRAM_SCHEMES = ("udp", "rtp")
FFMPEG_SCHEMES = ("rtmp", "rtmps", "rtsp", "rtsps")
SCHEMES = (*DATAGRAM_SCHEMES, "srt", *FFMPEG_SCHEMES)
_PORTS = {"rtmp": 1935, "rtmps": 443, "rtsp": 554, "rtsps": 322}
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_SRT_QUERY = ("mode", "latency", "passphrase", "streamid")
_RTSP_SWITCHES = frozenset({"udp", "udp_multicast", "multicast", "tcp", "http", "https", "filter_src"})
"""Words in a query that FFmpeg's RTSP client takes for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputUrl:
    """A continuous input's URL in parts."""

    scheme: str
    host: str
    """Name or address; empty: this host's any address (to listen on)."""
    port: int
    source: str | None = None
    """UDP, RTP: the one sender whose multicast is wanted (`udp://source@group:port`)."""
    url: str = field(repr=False)
    """As it was written."""
    path: str = field(default="", repr=False)
    """Path and query."""
    userinfo: str = field(default="", repr=False)

    @property
    def multicast(self) -> bool:
        """Whether the host is a multicast group."""
        try:
            return ipaddress.ip_address(self.host).is_multicast
        except ValueError:
            return False

    def with_host(self, host: str) -> str:
        """The URL with another host."""
        userinfo = f"{self.userinfo}@" if self.userinfo else ""
        bracketed = f"[{host}]" if ":" in host else host
        return f"{self.scheme}://{userinfo}{bracketed}:{self.port}{self.path}"


def parse_input(url: str, options: InputOptions) -> tuple[InputUrl, InputOptions]:
    """The parts of `url`, and `options` completed by what its query says. Raises `SourceError`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused("source URL cannot be read: check its host and port") from None
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES or "://" not in url:
        raise _refused(f"{redact(url)}: continuous inputs are {', '.join(SCHEMES)} URLs")
    if _CONTROL.search(url):
        raise _refused(f"{redact(url)}: the URL has spaces, backslashes or control characters")
    port = port or _PORTS.get(scheme)
    if not port:
        raise _refused(f"{redact(url)}: the URL needs a port")
    userinfo = parts.netloc.rpartition("@")[0]
    found = InputUrl(scheme=scheme, host=host, port=port, url=url)
    if scheme in FFMPEG_SCHEMES:
        if not host:
            raise _refused(f"{redact(url)}: the URL needs a host")
        words = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        if scheme.startswith("rtsp") and words & _RTSP_SWITCHES:
            raise _refused(f"{redact(url)}: say how RTSP media come in input.transport, not in the URL")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return replace(found, path=path, userinfo=userinfo), options
    if parts.path not in ("", "/"):
        raise _refused(f"{redact(url)}: a {scheme} URL has no path")
    if scheme == "srt":
        if userinfo:
            raise _refused(f"{redact(url)}: an SRT URL has no user; use streamid")
        return found, _srt_options(url, parts.query, host, options)
    if parts.query:
        raise _refused(f"{redact(url)}: options of {scheme} inputs stand in input, not in the URL")
    return _datagrams(replace(found, source=userinfo or None)), options


def _datagrams(found: InputUrl) -> InputUrl:
    if found.source is not None:
        try:
            ipaddress.ip_address(found.source)
        except ValueError:
            raise _refused(f"{redact(found.url)}: what stands before @ must be a sender's address") from None
        if not found.multicast:
            raise _refused(f"{redact(found.url)}: a sender is only chosen for a multicast group")
    return found


def _srt_options(url: str, query: str, host: str, options: InputOptions) -> InputOptions:
    """The query's words where `options` say nothing."""
    words = parse_qsl(query, keep_blank_values=True)
    said = dict(words)
    unknown = [name for name in said if name not in _SRT_QUERY]
    if unknown or len(said) != len(words):
        what = f"{unknown[0]!r}" if unknown else "a word twice"
        raise _refused(f"{redact(url)}: the query has {what}; it may have {', '.join(_SRT_QUERY)}, once each")
    mode = options.mode or said.get("mode") or ("caller" if host else "listener")
    if mode not in ("caller", "listener"):
        raise _refused(f"{redact(url)}: mode must be caller or listener")
    if mode == "caller" and not host:
        raise _refused(f"{redact(url)}: a caller needs a host to call")
    latency_s = options.latency_s
    if latency_s is None and "latency" in said:
        if not said["latency"].isdecimal():
            raise _refused(f"{redact(url)}: latency must be whole milliseconds")
        latency_s = int(said["latency"]) / 1000
    try:
        return replace(
            options,
            mode=mode,  # type: ignore[arg-type]
            latency_s=latency_s,
            passphrase=options.passphrase or said.get("passphrase") or None,
            streamid=options.streamid or said.get("streamid") or None,
        )
    except ValueError as error:
        raise _refused(f"{redact(url)}: {error}") from None


def _refused(message: str) -> SourceError:
    return SourceError(message, reason=ErrorReason.SOURCE_INVALID, retryable=False)
