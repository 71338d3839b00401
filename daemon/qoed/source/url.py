"""URLs as they may be shown: without what could be a secret."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

UNREADABLE = "(unreadable URL)"
# Most segments' URLs: there is nothing to take away, and taking URLs apart costs as much as parsing a tag.
_PLAIN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,4})?/[A-Za-z0-9_./~-]*")


def redact(url: str) -> str:
    """`url` without userinfo, query and fragment: safe in logs, findings and payloads."""
    if _PLAIN.fullmatch(url):
        return url
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if ":" in host:
            host = f"[{host}]"
        if parts.port is not None:
            host = f"{host}:{parts.port}"
    except ValueError:
        return UNREADABLE
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454): equal for URLs of one origin. Raises `ValueError` on a bad port."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port


def resolve(base: str, reference: str) -> str:
    """`reference` against `base` (RFC 3986 5.2). Raises `ValueError`, without the text, if that is no URL."""
    try:
        resolved = urljoin(base, reference)
        urlsplit(resolved).port  # noqa: B018  (evaluated for its ValueError)
    except ValueError:  # its text may quote what stands in the place of host and port, a password too
        raise ValueError("it names something that is no URL") from None
    return resolved


def file_name(url: str) -> str:
    """The last part of the path: what identifies a segment when hosts and tokens rotate."""
    return url.partition("?")[0].partition("#")[0].rpartition("/")[2]
