"""Keeps secrets out of what leaves the process: URL userinfo and queries, secret fields, known values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

MASK = "***"
MIN_SECRET = 4
"""Shorter secrets are not searched for in texts: they would blank out ordinary words."""

_MAX_DEPTH = 6
_INT64 = 1 << 63

# Every quantifier is bounded or runs over one character class, so hostile text costs linear time.
_URL = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.\-]{1,15}://)(?P<rest>[^\s\"'<>|]+)")
_URL_PARTS = re.compile(r"[/?#]")
_QUERY_START = re.compile(r"[?#]")
_HOST = re.compile(r"[\w.%~\-]+(:\d*)?|\[[0-9A-Fa-f:.%\w]+\](:\d*)?|")
_QUERY = re.compile(r"\?[\w.%~\-\[\]]{1,64}=[^\s\"'<>|)]*")
_SECRET_KEY = re.compile(
    r"passw(or)?d|secret|token|authori[sz]ation|cookie|api_?key|credential", re.IGNORECASE
)


def redact(text: str) -> str:
    """`text` with userinfo, query and fragment dropped from everything in it that looks like a URL."""
    if "://" in text:
        text = _URL.sub(_bare_url, text)
    return _QUERY.sub("", text) if "?" in text else text


def _bare_url(match: re.Match[str]) -> str:
    rest = match["rest"].rstrip(").,;:")
    tail = match["rest"][len(rest) :]
    userinfo_host, *_ = _URL_PARTS.split(rest, maxsplit=1)
    host = userinfo_host.rpartition("@")[2]
    if not _HOST.fullmatch(host):
        # An unescaped "/", "?" or "#" in a password makes it look like a path: show nothing of it.
        return f"{match['scheme']}{MASK}{tail}"
    path = rest[len(userinfo_host) :]
    return match["scheme"] + host + _QUERY_START.split(path, maxsplit=1)[0] + tail


class Redactor:
    """Redacts log events; knows the secret values that the configuration holds."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add_secrets(secrets)

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Mask these values, plain and percent-encoded, from now on."""
        for secret in secrets:
            if len(secret) >= MIN_SECRET:
                self._secrets |= {secret, quote(secret, safe="")}
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """One string without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return redact(text)

    def value(self, value: Any, depth: int = 0) -> Any:
        """Any value as plain JSON data without secrets; what JSON does not know is redacted as its `str`."""
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return int(value) if -_INT64 <= value < _INT64 else str(value)
        if isinstance(value, str):
            return self.text(value)
        if depth < _MAX_DEPTH:
            if isinstance(value, Mapping):
                return self.mapping(value, depth + 1)
            if isinstance(value, list | tuple | set | frozenset):
                return [self.value(item, depth + 1) for item in value]
        return self.text(str(value))

    def mapping(self, fields: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
        """A mapping redacted by value and, for keys such as `password`, by name."""
        return {
            self.text(str(key)): MASK
            if value is not None and _SECRET_KEY.search(str(key))
            else self.value(value, depth)
            for key, value in fields.items()
        }

    def __call__(self, _logger: Any, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """As a structlog processor."""
        return self.mapping(event)
