"""The low-latency tags: parts, hints, server control, reports (RFC 8216bis 4.4.3.7 to 4.4.5.4)."""

from __future__ import annotations

from collections.abc import Mapping

from qoed.source.hls.attributes import integer, seconds, yes
from qoed.source.hls.model import Part, PreloadHint, RenditionReport, ServerControl
from qoed.source.uris import Uris

_ROUNDING_S = 0.001
ByteRange = tuple[int, int]


def byte_range(text: str, follows: ByteRange | None) -> ByteRange:
    """(offset, length) of `length[@offset]`; without an offset it begins where `follows` ends.

    Raises `ValueError`.
    """
    length, at, offset = (piece.strip() for piece in text.partition("@"))
    size = integer(length)
    if size == 0:
        raise ValueError("has an empty byte range")
    if at:
        return integer(offset), size
    if follows is None:
        raise ValueError("has a byte range without offset that follows no range of the same resource")
    return sum(follows), size


def parse_part(attributes: Mapping[str, str], uris: Uris, index: int, previous: Part | None) -> Part:
    """EXT-X-PART number `index` of its segment; `previous` is the part before it. Raises `ValueError`."""
    uri = uris.resolve(_needed(attributes, "URI"))
    duration = seconds(attributes, "DURATION")
    if duration is None:
        raise ValueError("has no DURATION")
    given = attributes.get("BYTERANGE")
    follows = previous.byte_range if previous is not None and previous.uri == uri else None
    return Part(
        uri=uri,
        index=index,
        duration_s=duration,
        independent=yes(attributes, "INDEPENDENT"),
        gap=yes(attributes, "GAP"),
        byte_range=None if given is None else byte_range(given, follows),
    )


def parse_hint(attributes: Mapping[str, str], uris: Uris) -> PreloadHint:
    """EXT-X-PRELOAD-HINT. Raises `ValueError`."""
    kind = _needed(attributes, "TYPE")
    if kind not in ("PART", "MAP"):
        raise ValueError("has a TYPE that is neither PART nor MAP")
    length = attributes.get("BYTERANGE-LENGTH")
    return PreloadHint(
        type=kind,
        uri=uris.resolve(_needed(attributes, "URI")),
        start=integer(attributes.get("BYTERANGE-START", "0")),
        length=None if length is None else integer(length) or None,
    )


def parse_server_control(attributes: Mapping[str, str]) -> ServerControl:
    """EXT-X-SERVER-CONTROL. Raises `ValueError`."""
    return ServerControl(
        can_block_reload=yes(attributes, "CAN-BLOCK-RELOAD"),
        can_skip_until_s=seconds(attributes, "CAN-SKIP-UNTIL"),
        can_skip_date_ranges=yes(attributes, "CAN-SKIP-DATERANGES"),
        hold_back_s=seconds(attributes, "HOLD-BACK"),
        part_hold_back_s=seconds(attributes, "PART-HOLD-BACK"),
    )


def parse_report(attributes: Mapping[str, str], uris: Uris) -> RenditionReport:
    """EXT-X-RENDITION-REPORT. Raises `ValueError`."""
    msn, part = attributes.get("LAST-MSN"), attributes.get("LAST-PART")
    return RenditionReport(
        uri=uris.resolve(_needed(attributes, "URI")),
        last_msn=None if msn is None else integer(msn),
        last_part=None if part is None else integer(part),
    )


def rules_broken(
    server: ServerControl, target_duration_s: float, part_target_s: float | None, *, has_parts: bool
) -> list[str]:
    """Rules of 4.4.3.7 and 4.4.3.8 that a playlist's header breaks, in words."""
    problems = []
    if has_parts and part_target_s is None:
        problems.append("it lists parts without EXT-X-PART-INF")
    if part_target_s is not None:
        if server.part_hold_back_s is None:
            problems.append("EXT-X-SERVER-CONTROL has no PART-HOLD-BACK, which EXT-X-PART-INF requires")
        elif server.part_hold_back_s < 2 * part_target_s - _ROUNDING_S:
            problems.append("PART-HOLD-BACK is less than two part targets")
    if server.hold_back_s is not None and server.hold_back_s < 3 * target_duration_s - _ROUNDING_S:
        problems.append("HOLD-BACK is less than three target durations")
    if server.can_skip_until_s is not None and server.can_skip_until_s < 6 * target_duration_s - _ROUNDING_S:
        problems.append("CAN-SKIP-UNTIL is less than six target durations")
    if server.can_skip_date_ranges and server.can_skip_until_s is None:
        problems.append("CAN-SKIP-DATERANGES comes without CAN-SKIP-UNTIL")
    return problems


def _needed(attributes: Mapping[str, str], name: str) -> str:
    value = attributes.get(name)
    if not value:
        raise ValueError(f"has no {name}")
    return value
