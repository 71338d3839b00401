"""Reading a media playlist, in one pass over its lines (RFC 8216bis 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qoed.source.hls.attributes import MAX_SECONDS, RuleError, integer, number, seconds
from qoed.source.hls.date_range import parse_date_range
from qoed.source.hls.low_latency_tags import (
    parse_hint,
    parse_report,
    parse_server_control,
    rules_broken,
)
from qoed.source.hls.model import DateRange, MediaPlaylist, RenditionReport, ServerControl
from qoed.source.hls.segment_builder import SEGMENT_NEEDED, SEGMENT_USEFUL, SegmentBuilder
from qoed.source.uris import Uris

MAX_SEQUENCE = 2**63 - 1
MAX_PARTS = 512
MAX_DATE_RANGES = 256
"""Of parts and date ranges, the last so many are read; parts are of use for three target durations only."""
MAX_PROBLEMS = 32
_MAX_REPORTS = 64
_MAX_HINTS = 8


class MediaReader:
    """Reads one media playlist. `before` is the full one that a delta update (EXT-X-SKIP) goes on from."""

    def __init__(self, lines: Sequence[str], url: str, before: MediaPlaylist | None) -> None:
        self._lines = lines
        self._uris = Uris(url)
        self._before = before
        parts = sum(line.startswith("#EXT-X-PART:") for line in lines)
        self._build = SegmentBuilder(self._uris, unread_parts=parts - MAX_PARTS)
        self._unread_ranges = sum(line.startswith("#EXT-X-DATERANGE:") for line in lines) - MAX_DATE_RANGES
        self._header: dict[str, Any] = {}
        self._tags: set[str] = set()
        self._problems: list[str] = []
        self._target_s: float | None = None
        self._skipped = 0
        self._hints = 0
        self._reports: list[RenditionReport] = []
        self._date_ranges: list[DateRange] = []

    def read(self) -> MediaPlaylist:
        """The playlist. Raises `ValueError` with the line or rule that makes it unusable."""
        at, tag, build = 0, "", self._build
        try:
            for at, text in enumerate(self._lines, 1):
                line = text.strip()
                if not line:
                    continue
                if line[0] != "#":
                    tag = ""
                    if not build.uri(line):
                        self._problem(f"line {at} names a URI without EXTINF")
                elif line.startswith("#EXTINF:") or line == "#EXTINF":
                    tag = "#EXTINF"
                    build.duration(line[8:])
                elif line.startswith("#EXT-X-"):
                    tag, _, value = line.partition(":")
                    self._tag(tag, value, at)
        except RuleError:
            raise
        except (ValueError, OverflowError) as error:
            if not tag:
                raise
            raise ValueError(f"line {at} ({tag[:32]}) cannot be read") from error
        return self._playlist()

    # --- line by line

    def _tag(self, tag: str, value: str, at: int) -> None:
        if tag in _SINGLE and tag[7:] in self._tags:
            self._problem(f"line {at} ({tag}) comes twice")
            return
        self._tags.add(tag[7:])
        if tag in SEGMENT_NEEDED:
            SEGMENT_NEEDED[tag](self._build, value)
        elif tag in _NEEDED:
            _NEEDED[tag](self, value)
        else:
            try:
                if tag in SEGMENT_USEFUL:
                    SEGMENT_USEFUL[tag](self._build, value)
                elif tag in _USEFUL:
                    _USEFUL[tag](self, value)
            except RuleError:
                raise
            except ValueError as error:
                self._problem(f"line {at} ({tag}) {error}")

    def _problem(self, text: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(text)

    # --- tags without which it cannot be followed: their faults are the playlist's

    def target_duration(self, value: str) -> None:
        self._target_s = float(value)  # a decimal-integer by the RFC, yet fractions are seen

    def media_sequence(self, value: str) -> None:
        if self._build.segments:
            raise ValueError("comes after the first segment")
        first = int(value)
        if not 0 <= first <= MAX_SEQUENCE - len(self._lines):
            raise RuleError(f"EXT-X-MEDIA-SEQUENCE {first} is out of range")
        self._build.next_sequence = first + self._skipped

    def skip(self, value: str) -> None:
        skipped = integer(self._build.attributes(value).get("SKIPPED-SEGMENTS", ""))
        first = self._build.next_sequence
        if first + skipped > MAX_SEQUENCE - len(self._lines):
            raise RuleError(f"EXT-X-SKIP of {skipped} segments is out of range")
        if self._build.segments:
            raise ValueError("comes after the first segment")
        self._skipped, self._build.next_sequence = skipped, first + skipped
        if self._before is not None and self._before.segments:
            index = first + skipped - 1 - self._before.segments[0].sequence
            if 0 <= index < len(self._before.segments):
                self._build.go_on_from(self._before.segments[index])

    # --- tags whose faults are noted

    def version(self, value: str) -> None:
        self._header["version"] = integer(value)

    def playlist_type(self, value: str) -> None:
        kind = value.strip().upper()
        if kind not in ("VOD", "EVENT"):
            raise ValueError("is neither VOD nor EVENT")
        self._header["playlist_type"] = kind

    def discontinuity_sequence(self, value: str) -> None:
        first = integer(value)
        if self._build.discontinuities or self._build.segments:
            raise ValueError("comes after a discontinuity or a segment")
        self._header["discontinuity_sequence"] = self._build.discontinuities = first

    def start(self, value: str) -> None:
        offset = self._build.attributes(value).get("TIME-OFFSET")
        if offset is None:
            raise ValueError("has no TIME-OFFSET")
        self._header["start_offset_s"] = number(offset)

    def date_range(self, value: str) -> None:
        self._unread_ranges -= 1
        if self._unread_ranges < 0:
            self._date_ranges.append(parse_date_range(self._build.attributes(value)))

    def part_inf(self, value: str) -> None:
        target = seconds(self._build.attributes(value), "PART-TARGET")
        if not target:
            raise ValueError("has no PART-TARGET above zero")
        self._header["part_target_s"] = target

    def hint(self, value: str) -> None:
        self._hints += 1
        if self._hints > _MAX_HINTS:
            raise ValueError("comes too often")
        hint = parse_hint(self._build.attributes(value), self._uris)
        self._header["preload_hint" if hint.type == "PART" else "map_hint"] = hint

    def server_control(self, value: str) -> None:
        self._header["server"] = parse_server_control(self._build.attributes(value))

    def report(self, value: str) -> None:
        if len(self._reports) < _MAX_REPORTS:
            self._reports.append(parse_report(self._build.attributes(value), self._uris))

    # --- the whole

    def _playlist(self) -> MediaPlaylist:
        build, target = self._build, self._target_s
        build.close()
        listed = bool(build.segments)
        if target is None:
            raise RuleError(
                "it has no EXT-X-TARGETDURATION" if listed else "it lists no segments and no variants"
            )
        if not 0 < target <= MAX_SECONDS:
            raise RuleError(f"EXT-X-TARGETDURATION {target:g} is out of range")
        ended = "ENDLIST" in self._tags
        if ended and not listed and not self._skipped:
            raise RuleError("it has ended without a segment")
        part_target = self._header.get("part_target_s")
        server = self._header.get("server", ServerControl())
        for text in rules_broken(server, target, part_target, has_parts="PART" in self._tags):
            self._problem(text)
        return MediaPlaylist(
            target_duration_s=target,
            media_sequence=build.next_sequence - len(build.segments),
            segments=tuple(build.segments),
            endlist=ended,
            tags=frozenset(self._tags),
            fractional=build.fractional,
            skipped=self._skipped,
            reports=tuple(self._reports),
            date_ranges=tuple(self._date_ranges),
            keys=tuple(build.keys.values()),
            problems=tuple(self._problems),
            **self._header,
        )


Handler = Callable[[MediaReader, str], None]

# Tags without which a list cannot be followed: their faults are the playlist's. The others' are noted.
_NEEDED: dict[str, Handler] = {
    "#EXT-X-MEDIA-SEQUENCE": MediaReader.media_sequence,
    "#EXT-X-SKIP": MediaReader.skip,
    "#EXT-X-TARGETDURATION": MediaReader.target_duration,
}

_SINGLE = frozenset(
    f"#EXT-X-{name}"
    for name in (
        "DISCONTINUITY-SEQUENCE",
        "MEDIA-SEQUENCE",
        "PART-INF",
        "PLAYLIST-TYPE",
        "SERVER-CONTROL",
        "SKIP",
        "START",
        "TARGETDURATION",
        "VERSION",
    )
)
"""Of several, the first counts."""

_USEFUL: dict[str, Handler] = {
    "#EXT-X-DATERANGE": MediaReader.date_range,
    "#EXT-X-DISCONTINUITY-SEQUENCE": MediaReader.discontinuity_sequence,
    "#EXT-X-PART-INF": MediaReader.part_inf,
    "#EXT-X-PLAYLIST-TYPE": MediaReader.playlist_type,
    "#EXT-X-PRELOAD-HINT": MediaReader.hint,
    "#EXT-X-RENDITION-REPORT": MediaReader.report,
    "#EXT-X-SERVER-CONTROL": MediaReader.server_control,
    "#EXT-X-START": MediaReader.start,
    "#EXT-X-VERSION": MediaReader.version,
}
