"""Which container bytes hold, by their first bytes: the decoder is told, FFmpeg never guesses."""

from __future__ import annotations

from qoed.model import Container as Container

_TS_PACKET = 188
_BOXES = (b"ftyp", b"styp", b"moof", b"moov", b"sidx", b"emsg", b"prft", b"mdat", b"free", b"skip", b"wide")

_PAGES = (b"<!doctype", b"<html", b"<?xml", b'{"')
"""Long enough that encrypted media do not begin so by chance."""


def sniff(data: bytes) -> Container | None:
    """The container of `data` (its first 377 bytes suffice), or None when it is none that qoed knows."""
    if data[:1] == b"G" and all(data[at : at + 1] in (b"G", b"") for at in (_TS_PACKET, 2 * _TS_PACKET)):
        return "mpegts"
    if data[4:8] in _BOXES:
        return "mp4"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if data[:8] == b"\x89PNG\r\n\x1a\n" or data[:3] == b"\xff\xd8\xff":
        return "image"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image"
    return None


def is_page(data: bytes) -> bool:
    """Whether `data` is HTML, XML or JSON: what servers and CDNs say with 200 when they have no media."""
    return data[:64].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGES)
