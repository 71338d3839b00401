"""HLS playlists as frozen values: what an origin may send, and what is refused (RFC 8216bis 4)."""

from __future__ import annotations

from collections.abc import Mapping

from qoed.errors import ErrorReason, SourceError
from qoed.source.hls.define import MAX_LINE_CHARS, substitute
from qoed.source.hls.media_playlist import MediaReader
from qoed.source.hls.model import MediaPlaylist, MultivariantPlaylist
from qoed.source.hls.multivariant import read_multivariant
from qoed.source.url import redact

MAX_LINES = 20_000


class PlaylistError(SourceError):
    """A playlist that RFC 8216bis does not allow; the message names the line or tag and the redacted URL."""

    default_reason = ErrorReason.SOURCE_INVALID


def parse_playlist(
    body: bytes,
    url: str,
    *,
    variables: Mapping[str, str] | None = None,
    before: MediaPlaylist | None = None,
) -> MediaPlaylist | MultivariantPlaylist:
    """Parse one playlist that was fetched from `url`. Raises `PlaylistError`.

    `variables` are the multivariant playlist's, for EXT-X-DEFINE; a delta update goes on from `before`.
    """
    try:
        text = _text(body)
        lines = _lines(text)
        known: dict[str, str] = {}
        if "{$" in text or "#EXT-X-DEFINE" in text:
            lines, known = substitute(lines, url, variables or {})
        if "\n#EXT-X-STREAM-INF" in text:
            return read_multivariant(lines, url, known)
        return MediaReader(lines, url, before).read()
    except (ValueError, OverflowError) as error:
        raise PlaylistError(f"playlist invalid, {error}: {redact(url)}") from error


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    if not text.startswith("#EXTM3U"):
        raise ValueError("the first line is not #EXTM3U" if text.strip() else "it is empty")
    return text


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise ValueError(f"it has more than {MAX_LINES} lines")
    if max(map(len, lines)) > MAX_LINE_CHARS + 1:  # a carriage return may end it
        number = next(at for at, line in enumerate(lines, 1) if len(line) > MAX_LINE_CHARS + 1)
        raise ValueError(f"line {number} is longer than {MAX_LINE_CHARS} characters")
    return lines
