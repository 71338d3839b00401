"""HLS playlists as frozen values: m3u8 does the parsing, this file the distrust (RFC 8216bis 4)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import m3u8

from qoed.errors import ErrorReason, SourceError
from qoed.source.hls.define import MAX_LINE_CHARS, substitute
from qoed.source.hls.model import (
    AudioRendition,
    InitSection,
    Key,
    MediaPlaylist,
    MediaSegment,
    MultivariantPlaylist,
    Variant,
)
from qoed.source.ladder import audio_only, rendition_of, unique_id
from qoed.source.url import redact, resolve

MAX_LINES = 20_000
MAX_VARIANTS = 64
_MAX_SECONDS = 86_400.0
_MAX_SEQUENCE = 2**63 - 1
_IV = re.compile(r"0[xX][0-9A-Fa-f]{1,32}")

# What this file reads of a playlist. Other tags never reach m3u8: it matches by prefix, it fails on a bad
# attribute of a tag nobody asked for, and with EXT-X-PART it counts program date-time twice.
_READ = frozenset(
    {"#EXTM3U", "#EXTINF"}
    | {
        f"#EXT-X-{name}"
        for name in (
            "BYTERANGE",
            "DISCONTINUITY",
            "ENDLIST",
            "GAP",
            "KEY",
            "MAP",
            "MEDIA",
            "MEDIA-SEQUENCE",
            "PLAYLIST-TYPE",
            "PROGRAM-DATE-TIME",
            "SKIP",
            "STREAM-INF",
            "TARGETDURATION",
        )
    }
)


class PlaylistError(SourceError):
    """A playlist that RFC 8216bis does not allow; the message names the line or tag and the redacted URL."""

    default_reason = ErrorReason.SOURCE_INVALID


def parse_playlist(
    body: bytes, url: str, *, variables: Mapping[str, str] | None = None
) -> MediaPlaylist | MultivariantPlaylist:
    """Parse one playlist that was fetched from `url`. Raises `PlaylistError`."""
    try:
        lines, known = substitute(_lines(body), url, variables or {})
        data = _parse(lines)
        if data["playlists"]:
            if data["segments"]:
                raise ValueError("it lists both variants and segments")
            return _multivariant(data, url, known)
        return _media(data, url)
    except (ValueError, OverflowError) as error:
        raise PlaylistError(f"playlist invalid, {error}: {redact(url)}") from error


def _lines(body: bytes) -> list[str]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines[0].startswith("#EXTM3U"):
        raise ValueError("the first line is not #EXTM3U" if text.strip() else "it is empty")
    if len(lines) > MAX_LINES:
        raise ValueError(f"it has more than {MAX_LINES} lines")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE_CHARS:
            raise ValueError(f"line {number} is longer than {MAX_LINE_CHARS} characters")
    return lines


def _parse(lines: list[str]) -> dict[str, Any]:
    """m3u8's dictionary. Raises `ValueError` with the line at which m3u8 stumbled."""
    at = (0, "")

    def before(line: str, number: int, data: dict[str, Any], state: dict[str, Any]) -> bool:
        nonlocal at
        tag = line.split(":", 1)[0]
        if tag not in _READ:
            return True
        at = (number, tag)
        if tag == "#EXT-X-TARGETDURATION":  # a decimal-integer by the RFC, yet fractions are seen
            data["targetduration"] = float(line.partition(":")[2])
            return True
        if tag == "#EXT-X-MAP":
            # m3u8 forgets which key was in force here, and the init section may be encrypted.
            data.setdefault("map_keys", []).append(state.get("current_key"))
        return False

    try:
        data: dict[str, Any] = m3u8.parse("\n".join(lines), custom_tags_parser=before)
    except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"line {at[0]} ({at[1]}) cannot be read") from error
    return data


def _multivariant(data: dict[str, Any], url: str, variables: dict[str, str]) -> MultivariantPlaylist:
    variants: list[Variant] = []
    uris: set[str] = set()
    ids: set[str] = set()
    for entry in data["playlists"]:
        uri = _resolve(url, entry["uri"])
        if uri in uris:  # one video playlist, listed once per audio group
            continue
        uris.add(uri)
        info = entry["stream_info"]
        rendition = unique_id(rendition_of(info), ids)
        ids.add(rendition.id)
        variants.append(
            Variant(
                rendition=rendition, uri=uri, audio_group=info.get("audio"), audio_only=audio_only(rendition)
            )
        )
    if len(variants) > MAX_VARIANTS:
        raise ValueError(f"it lists more than {MAX_VARIANTS} variants")
    audio = tuple(
        AudioRendition(
            group=str(media.get("group_id", "")),
            name=str(media.get("name", "")),
            language=media.get("language"),
            default=media.get("default") == "YES",
            uri=_resolve(url, media["uri"]) if media.get("uri") else None,
        )
        for media in data["media"]
        if media.get("type") == "AUDIO"
    )
    return MultivariantPlaylist(variants=tuple(variants), audio=audio, variables=variables)


def _media(data: dict[str, Any], url: str) -> MediaPlaylist:
    listed = [entry for entry in data["segments"] if "uri" in entry]
    target = data.get("targetduration")
    if target is None:
        raise ValueError(
            "it has no EXT-X-TARGETDURATION" if listed else "it lists no segments and no variants"
        )
    if not 0 < target <= _MAX_SECONDS:
        raise ValueError(f"EXT-X-TARGETDURATION {target:g} is out of range")
    if data["is_endlist"] and not listed:
        raise ValueError("it has ended without a segment")
    first = (data["media_sequence"] or 0) + data["skip"].get("skipped_segments", 0)
    if not 0 <= first <= _MAX_SEQUENCE - len(listed):
        raise ValueError(f"EXT-X-MEDIA-SEQUENCE {first} is out of range")
    return MediaPlaylist(
        target_duration_s=float(target),
        media_sequence=first,
        segments=_segments(data, listed, first, url),
        endlist=data["is_endlist"],
        playlist_type=data["playlist_type"],
    )


def _segments(
    data: dict[str, Any], listed: list[dict[str, Any]], first: int, url: str
) -> tuple[MediaSegment, ...]:
    inits = {
        id(entry): _init(entry, key, url)
        for entry, key in zip(data["segment_map"], data.get("map_keys", ()), strict=True)
    }
    keys: dict[int, Key | None] = {}
    segments: list[MediaSegment] = []
    moment: datetime | None = None
    previous: MediaSegment | None = None
    for sequence, entry in enumerate(listed, first):
        duration = entry.get("duration", 0.0)
        if not (math.isfinite(duration) and 0 <= duration <= _MAX_SECONDS):
            raise ValueError(f"EXTINF {duration:g} of segment {sequence} is out of range")
        moment = _aware(entry["program_date_time"]) if entry.get("program_date_time") else moment
        raw_key = entry.get("key")
        if raw_key is not None and id(raw_key) not in keys:
            keys[id(raw_key)] = _key(raw_key, url)
        uri = _resolve(url, entry["uri"])
        previous = MediaSegment(
            uri=uri,
            sequence=sequence,
            duration_s=duration,
            byte_range=_byte_range(entry.get("byterange"), uri, previous),
            key=None if raw_key is None else keys[id(raw_key)],
            init=inits[id(entry["init_section"])] if "init_section" in entry else None,
            gap=bool(entry.get("gap_tag")),
            discontinuity=bool(entry.get("discontinuity")),
            program_date_time=moment,
        )
        segments.append(previous)
        if moment is not None:
            moment += timedelta(seconds=duration)
    return tuple(segments)


def _byte_range(text: str | None, uri: str, previous: MediaSegment | None) -> tuple[int, int] | None:
    """(offset, length) of `length[@offset]`; without offset it follows the previous (RFC 8216bis 4.4.4.2)."""
    if text is None:
        return None
    length, at, offset = text.partition("@")
    if not length.strip().isdecimal() or int(length) == 0 or (at and not offset.strip().isdecimal()):
        raise ValueError(f"EXT-X-BYTERANGE {text[:40]!r} cannot be read")
    if at:
        return int(offset), int(length)
    if previous is None or previous.byte_range is None or previous.uri != uri:
        raise ValueError("EXT-X-BYTERANGE without offset follows no range of the same resource")
    return sum(previous.byte_range), int(length)


def _init(entry: dict[str, Any], key: dict[str, str] | None, url: str) -> InitSection:
    if "uri" not in entry:
        raise ValueError("EXT-X-MAP has no URI")
    text = entry.get("byterange")
    byte_range = _byte_range(text if text is None or "@" in text else f"{text}@0", "", None)
    return InitSection(
        uri=_resolve(url, entry["uri"]),
        byte_range=byte_range,
        key=None if key is None else _key(key, url),
    )


def _key(entry: dict[str, str], url: str) -> Key | None:
    method = entry.get("method", "")
    if method == "NONE":
        return None
    if not method:
        raise ValueError("EXT-X-KEY has no METHOD")
    if method == "AES-128" and not entry.get("uri"):
        raise ValueError("EXT-X-KEY with METHOD=AES-128 has no URI")
    iv = entry.get("iv")
    if iv is not None and not _IV.fullmatch(iv):
        raise ValueError("EXT-X-KEY has an IV that is not a 128-bit hexadecimal number")
    # Other methods are DRM schemes, whose URIs (skd:, data:) are never fetched.
    uri = _resolve(url, entry["uri"]) if method == "AES-128" else None
    return Key(method=method, uri=uri, iv=None if iv is None else int(iv, 16).to_bytes(16, "big"))


def _resolve(base: str, reference: str) -> str:
    """An absolute URI of a scheme that a playlist at `base` may name: never a local file from the network."""
    uri = resolve(base, reference)
    scheme = uri.split(":", 1)[0].lower()
    if scheme not in ("http", "https") and not (scheme == "file" and base.startswith("file:")):
        raise ValueError(f"it names a URI of scheme {scheme[:16]!r}, which is not fetched")
    return uri


def _aware(moment: datetime) -> datetime:
    """In UTC, also where the zone is missing: the RFC leaves that open, and packagers mean UTC."""
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
