"""Builders of HLS playlists that read like the protocol: `media(target(6), inf(6, "a.ts"), endlist())`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Program date-time of media second 0 in tests."""


def playlist(*lines: str) -> str:
    """#EXTM3U and the given lines."""
    return "\n".join(("#EXTM3U", *lines)) + "\n"


def tag(name: str, value: object = None, /, **attributes: object) -> str:
    """`#EXT-X-NAME:value` or with an attribute list; strings given as `quoted("x")` keep their quotes."""
    pairs = ",".join(f"{key.upper().replace('_', '-')}={text}" for key, text in attributes.items())
    tail = f"{value}" if value is not None else pairs
    return f"#EXT-X-{name}:{tail}" if tail else f"#EXT-X-{name}"


def quoted(text: str) -> str:
    """A quoted-string attribute value."""
    return f'"{text}"'


def version(number: object) -> str:
    """EXT-X-VERSION."""
    return tag("VERSION", number)


def target(seconds: object) -> str:
    """EXT-X-TARGETDURATION."""
    return tag("TARGETDURATION", seconds)


def sequence(number: object) -> str:
    """EXT-X-MEDIA-SEQUENCE."""
    return tag("MEDIA-SEQUENCE", number)


def inf(seconds: object, uri: str, *before: str) -> str:
    """EXTINF and URI, after the tags that apply to the segment."""
    return "\n".join((*before, f"#EXTINF:{seconds},", uri))


def moment(seconds: float) -> str:
    """The date-time `seconds` after `EPOCH`."""
    return (EPOCH + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def pdt(seconds: float) -> str:
    """EXT-X-PROGRAM-DATE-TIME, `seconds` after `EPOCH`."""
    return tag("PROGRAM-DATE-TIME", moment(seconds))


def byterange(length: object, offset: object = None) -> str:
    """EXT-X-BYTERANGE."""
    return tag("BYTERANGE", length if offset is None else f"{length}@{offset}")


def key(method: str, uri: str | None = None, iv: str | None = None) -> str:
    """EXT-X-KEY."""
    attributes: dict[str, object] = {"METHOD": method}
    if uri is not None:
        attributes["URI"] = quoted(uri)
    if iv is not None:
        attributes["IV"] = iv
    return tag("KEY", **attributes)


def ext_map(uri: str, range_: str | None = None) -> str:
    """EXT-X-MAP."""
    attributes: dict[str, object] = {"URI": quoted(uri)}
    if range_ is not None:
        attributes["BYTERANGE"] = quoted(range_)
    return tag("MAP", **attributes)


def discontinuity() -> str:
    """EXT-X-DISCONTINUITY."""
    return tag("DISCONTINUITY")


def gap() -> str:
    """EXT-X-GAP."""
    return tag("GAP")


def endlist() -> str:
    """EXT-X-ENDLIST."""
    return tag("ENDLIST")


def part_inf(seconds: object) -> str:
    """EXT-X-PART-INF."""
    return tag("PART-INF", PART_TARGET=seconds)


def server_control(
    *, block: bool = True, skip_until_s: float | None = None, part_hold_back_s: float | None = None
) -> str:
    """EXT-X-SERVER-CONTROL."""
    attributes: dict[str, object] = {"CAN-BLOCK-RELOAD": "YES"} if block else {}
    if skip_until_s is not None:
        attributes["CAN-SKIP-UNTIL"] = f"{skip_until_s:g}"
    if part_hold_back_s is not None:
        attributes["PART-HOLD-BACK"] = f"{part_hold_back_s:g}"
    return tag("SERVER-CONTROL", **attributes)


def part(
    seconds: object, uri: str, *, independent: bool = False, span: str | None = None, gap: bool = False
) -> str:
    """EXT-X-PART; `span` is `length[@offset]`."""
    attributes: dict[str, object] = {"DURATION": seconds, "URI": quoted(uri)}
    if independent:
        attributes["INDEPENDENT"] = "YES"
    if span is not None:
        attributes["BYTERANGE"] = quoted(span)
    if gap:
        attributes["GAP"] = "YES"
    return tag("PART", **attributes)


def hint(uri: str, kind: str = "PART", *, start: int | None = None, length: int | None = None) -> str:
    """EXT-X-PRELOAD-HINT."""
    attributes: dict[str, object] = {"TYPE": kind, "URI": quoted(uri)}
    if start is not None:
        attributes["BYTERANGE-START"] = start
    if length is not None:
        attributes["BYTERANGE-LENGTH"] = length
    return tag("PRELOAD-HINT", **attributes)


def skip(count: object) -> str:
    """EXT-X-SKIP."""
    return tag("SKIP", SKIPPED_SEGMENTS=count)


def report(uri: str, msn: object, part_: object) -> str:
    """EXT-X-RENDITION-REPORT."""
    return tag("RENDITION-REPORT", URI=quoted(uri), LAST_MSN=msn, LAST_PART=part_)


def define(**attributes: str) -> str:
    """EXT-X-DEFINE."""
    return tag("DEFINE", **{name: quoted(text) for name, text in attributes.items()})


def variant(uri: str, bandwidth: object = None, resolution: str | None = None, **more: object) -> str:
    """EXT-X-STREAM-INF and URI."""
    attributes: dict[str, object] = {}
    if bandwidth is not None:
        attributes["BANDWIDTH"] = bandwidth
    if resolution is not None:
        attributes["RESOLUTION"] = resolution
    return f"{tag('STREAM-INF', **attributes, **more)}\n{uri}"


def window(first: int, count: int, *, seconds: float = 2.0, suffix: str = "ts", dated: bool = False) -> str:
    """A live window: `count` segments `<sequence>.<suffix>` from `first` on, dated by sequence if asked."""
    listed = [
        inf(seconds, f"{number}.{suffix}", *([pdt(number * seconds)] if dated else []))
        for number in range(first, first + count)
    ]
    return playlist(version(3), target(max(round(seconds), 1)), sequence(first), *listed)
