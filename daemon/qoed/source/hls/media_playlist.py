"""Reading a media playlist, in one pass over its lines (RFC 8216bis 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from qoed.source.hls.attributes import MAX_SECONDS, integer, moment, number, parse_attributes, seconds
from qoed.source.hls.cue import cue_out_s, scte35_marks
from qoed.source.hls.date_range import parse_date_range
from qoed.source.hls.encryption import KeysInForce, parse_key
from qoed.source.hls.low_latency_tags import (
    byte_range,
    parse_hint,
    parse_part,
    parse_report,
    parse_server_control,
    rules_broken,
)
from qoed.source.hls.model import (
    DateRange,
    InitSection,
    Key,
    MediaPlaylist,
    MediaSegment,
    Part,
    RenditionReport,
    ServerControl,
)
from qoed.source.uris import Uris

MAX_SEQUENCE = 2**63 - 1
MAX_PARTS = 512
MAX_DATE_RANGES = 256
"""Of parts and date ranges, the last so many are read; parts are of use for three target durations only."""
MAX_PROBLEMS = 32
_MAX_REPORTS = 64
_MAX_HINTS = 8
_MAX_KEYS = 8192
_MAX_ATTRIBUTES = 65_536
"""Of all tags together: reading takes about 0.3 µs for each."""


class RuleError(ValueError):
    """The playlist cannot be used, and the text says why."""


class MediaReader:
    """Reads one media playlist. `before` is the full one that a delta update (EXT-X-SKIP) goes on from."""

    def __init__(self, lines: Sequence[str], url: str, before: MediaPlaylist | None) -> None:
        self._lines = lines
        self._uris = Uris(url)
        self._before = before
        self._unread_parts = sum(line.startswith("#EXT-X-PART:") for line in lines) - MAX_PARTS
        self._unread_ranges = sum(line.startswith("#EXT-X-DATERANGE:") for line in lines) - MAX_DATE_RANGES
        self._header: dict[str, Any] = {}
        self._tags: set[str] = set()
        self._attributes_read = 0
        self._problems: list[str] = []
        self._target_s: float | None = None
        self._first = 0
        self._skipped = 0
        self._segments: list[MediaSegment] = []
        # What the next segment will be made of ...
        self._pending: dict[str, Any] = {}
        self._duration_s: float | None = None
        self._range: str | None = None
        self._parts: list[Part] = []
        self._part_count = 0
        # ... and what applies until it is changed.
        self._fractional = False
        self._keys = KeysInForce()
        self._keys_read: dict[str, Key] = {}
        self._inits: dict[tuple[str, Key | None], InitSection] = {}
        self._init: InitSection | None = None
        self._bitrate_bps: int | None = None
        self._discontinuities = 0
        self._moment: datetime | None = None
        self._previous: MediaSegment | None = None
        self._hints = 0
        self._reports: list[RenditionReport] = []
        self._date_ranges: list[DateRange] = []

    def read(self) -> MediaPlaylist:
        """The playlist. Raises `ValueError` with the line or rule that makes it unusable."""
        at, tag = 0, ""
        try:
            for at, text in enumerate(self._lines, 1):
                line = text.strip()
                if not line:
                    continue
                if line[0] != "#":
                    tag = ""
                    self._uri(line, at)
                elif line.startswith("#EXTINF"):
                    tag = "#EXTINF"
                    duration = line[8:].partition(",")[0]
                    self._duration_s = float(duration)
                    self._fractional = self._fractional or not duration.strip().isdecimal()
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
        needed = _NEEDED.get(tag)
        if needed is not None:
            needed(self, value)
            return
        useful = _USEFUL.get(tag)
        if useful is not None:
            try:
                useful(self, value)
            except RuleError:
                raise
            except ValueError as error:
                self._problem(f"line {at} ({tag}) {error}")

    def _uri(self, line: str, at: int) -> None:
        duration = self._duration_s
        if duration is None:
            self._problem(f"line {at} names a URI without EXTINF")
            return
        sequence = self._first + self._skipped + len(self._segments)
        if not 0 <= duration <= MAX_SECONDS:
            raise RuleError(f"EXTINF {duration:g} of segment {sequence} is out of range")
        uri = self._uris.resolve(line)
        self._segment(uri, sequence, duration, complete=True)
        self._duration_s = None

    def _segment(self, uri: str, sequence: int, duration_s: float, *, complete: bool) -> None:
        pending = self._pending
        if self._range is not None:
            pending["byte_range"] = self._byte_range(self._range, uri)
            self._range = None
        if self._parts:
            pending["parts"] = tuple(self._parts)
            self._parts = []
        self._part_count = 0
        segment = self._previous = MediaSegment(
            uri=uri,
            sequence=sequence,
            duration_s=duration_s,
            key=self._keys.chosen,
            init=self._init,
            discontinuity_sequence=self._discontinuities,
            program_date_time=self._moment,
            bitrate_bps=self._bitrate_bps,
            complete=complete,
            **pending,
        )
        self._segments.append(segment)
        if pending:
            self._pending = {}
        if self._moment is not None:
            try:
                self._moment += timedelta(seconds=duration_s)
            except OverflowError:
                raise RuleError(f"date-time of segment {sequence + 1} is out of range") from None

    def _byte_range(self, text: str, uri: str) -> tuple[int, int]:
        previous = self._previous
        follows = previous.byte_range if previous is not None and previous.uri == uri else None
        try:
            if "@" not in text and follows is None:
                raise RuleError("EXT-X-BYTERANGE without offset follows no range of the same resource")
            return byte_range(text, follows)
        except RuleError:
            raise
        except ValueError:
            raise RuleError(f"EXT-X-BYTERANGE {text[:40]!r} cannot be read") from None

    def _attributes(self, value: str) -> dict[str, str]:
        attributes = parse_attributes(value)
        self._attributes_read += len(attributes) + 1
        if self._attributes_read > _MAX_ATTRIBUTES:
            raise RuleError(f"its tags have more than {_MAX_ATTRIBUTES} attributes")
        return attributes

    def _problem(self, text: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(text)

    # --- tags without which it cannot be followed: their faults are the playlist's

    def target_duration(self, value: str) -> None:
        self._target_s = float(value)  # a decimal-integer by the RFC, yet fractions are seen

    def media_sequence(self, value: str) -> None:
        if self._segments:
            raise ValueError("comes after the first segment")
        self._first = int(value)
        if not 0 <= self._first <= MAX_SEQUENCE - len(self._lines):
            raise RuleError(f"EXT-X-MEDIA-SEQUENCE {self._first} is out of range")

    def skip(self, value: str) -> None:
        skipped = integer(self._attributes(value).get("SKIPPED-SEGMENTS", ""))
        if self._first + skipped > MAX_SEQUENCE - len(self._lines):
            raise RuleError(f"EXT-X-SKIP of {skipped} segments is out of range")
        self._skipped = skipped
        if self._before is not None and self._before.segments:
            index = self._first + skipped - 1 - self._before.segments[0].sequence
            if 0 <= index < len(self._before.segments):
                self._go_on_from(self._before.segments[index])

    def key(self, value: str) -> None:
        key = self._keys_read.get(value)
        if key is None:
            try:
                key = self._keys_read[value] = parse_key(self._attributes(value), self._uris)
            except ValueError as error:
                text = str(error)
                raise (RuleError(text) if text.startswith(("EXT-X", "it names")) else error) from None
            if len(self._keys_read) > _MAX_KEYS:
                raise RuleError(f"it has more than {_MAX_KEYS} different EXT-X-KEY")
        self._keys.take(key)

    def map(self, value: str) -> None:
        place = (value, self._keys.chosen)
        if place not in self._inits:
            attributes = self._attributes(value)
            if not attributes.get("URI"):
                raise RuleError("EXT-X-MAP has no URI")
            text = attributes.get("BYTERANGE")
            try:
                uri = self._uris.resolve(attributes["URI"])
            except ValueError as error:
                raise RuleError(str(error)) from None
            self._inits[place] = InitSection(
                uri=uri,
                byte_range=None if text is None else byte_range(text if "@" in text else f"{text}@0", None),
                key=self._keys.chosen,
            )
        self._init = self._inits[place]

    def date_time(self, value: str) -> None:
        self._moment = moment(value)
        self._pending["dated"] = True

    def range(self, value: str) -> None:
        self._range = value

    def discontinuity(self, _value: str) -> None:
        self._pending["discontinuity"] = True
        self._discontinuities += 1

    def gap(self, _value: str) -> None:
        self._pending["gap"] = True

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
        if self._discontinuities or self._segments:
            raise ValueError("comes after a discontinuity or a segment")
        self._header["discontinuity_sequence"] = self._discontinuities = first

    def start(self, value: str) -> None:
        offset = self._attributes(value).get("TIME-OFFSET")
        if offset is None:
            raise ValueError("has no TIME-OFFSET")
        self._header["start_offset_s"] = number(offset)

    def bitrate(self, value: str) -> None:
        self._bitrate_bps = integer(value) * 1000

    def date_range(self, value: str) -> None:
        self._unread_ranges -= 1
        if self._unread_ranges < 0:
            self._date_ranges.append(parse_date_range(self._attributes(value)))

    def cue_out(self, value: str) -> None:
        self._pending["cue_out_s"] = 0.0
        self._pending["cue_out_s"] = cue_out_s(value)

    def cue_continues(self, _value: str) -> None:
        self._pending["cue_continues"] = True

    def cue_in(self, _value: str) -> None:
        self._pending["cue_in"] = True

    def scte35(self, value: str) -> None:
        self._pending.update(scte35_marks(self._attributes(value)))

    def part_inf(self, value: str) -> None:
        target = seconds(self._attributes(value), "PART-TARGET")
        if not target:
            raise ValueError("has no PART-TARGET above zero")
        self._header["part_target_s"] = target

    def part(self, value: str) -> None:
        self._unread_parts -= 1
        index, self._part_count = self._part_count, self._part_count + 1
        if self._unread_parts < 0:
            previous = self._parts[-1] if self._parts else None
            self._parts.append(parse_part(self._attributes(value), self._uris, index, previous))

    def hint(self, value: str) -> None:
        self._hints += 1
        if self._hints > _MAX_HINTS:
            raise ValueError("comes too often")
        hint = parse_hint(self._attributes(value), self._uris)
        self._header["preload_hint" if hint.type == "PART" else "map_hint"] = hint

    def server_control(self, value: str) -> None:
        self._header["server"] = parse_server_control(self._attributes(value))

    def report(self, value: str) -> None:
        if len(self._reports) < _MAX_REPORTS:
            self._reports.append(parse_report(self._attributes(value), self._uris))

    # --- the whole

    def _go_on_from(self, last: MediaSegment) -> None:
        """What applied to the last skipped segment applies on."""
        if last.key is not None:
            self._keys.take(last.key)
        self._init = last.init
        self._bitrate_bps = last.bitrate_bps
        self._discontinuities = last.discontinuity_sequence
        self._previous = last
        if last.program_date_time is not None:
            self._moment = last.program_date_time + timedelta(seconds=last.duration_s)

    def _playlist(self) -> MediaPlaylist:
        listed = bool(self._segments)
        target = self._target_s
        if target is None:
            raise RuleError(
                "it has no EXT-X-TARGETDURATION" if listed else "it lists no segments and no variants"
            )
        if not 0 < target <= MAX_SECONDS:
            raise RuleError(f"EXT-X-TARGETDURATION {target:g} is out of range")
        ended = "ENDLIST" in self._tags
        if ended and not listed and not self._skipped:
            raise RuleError("it has ended without a segment")
        has_parts = bool(self._parts) or "PART" in self._tags
        if self._parts:
            sequence = self._first + self._skipped + len(self._segments)
            played = min(sum(part.duration_s for part in self._parts), MAX_SECONDS)
            self._segment("", sequence, played, complete=False)
        part_target = self._header.get("part_target_s")
        for text in rules_broken(
            self._header.get("server", ServerControl()), target, part_target, has_parts=has_parts
        ):
            self._problem(text)
        return MediaPlaylist(
            target_duration_s=target,
            media_sequence=self._first + self._skipped,
            segments=tuple(self._segments),
            endlist=ended,
            tags=frozenset(self._tags),
            fractional=self._fractional,
            independent_segments="INDEPENDENT-SEGMENTS" in self._tags,
            skipped=self._skipped,
            reports=tuple(self._reports),
            date_ranges=tuple(self._date_ranges),
            keys=tuple(self._keys_read.values()),
            problems=tuple(self._problems),
            **self._header,
        )


Handler = Callable[[MediaReader, str], None]

_NEEDED: dict[str, Handler] = {
    "#EXT-X-BYTERANGE": MediaReader.range,
    "#EXT-X-DISCONTINUITY": MediaReader.discontinuity,
    "#EXT-X-GAP": MediaReader.gap,
    "#EXT-X-KEY": MediaReader.key,
    "#EXT-X-MAP": MediaReader.map,
    "#EXT-X-MEDIA-SEQUENCE": MediaReader.media_sequence,
    "#EXT-X-PROGRAM-DATE-TIME": MediaReader.date_time,
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
    "#EXT-X-BITRATE": MediaReader.bitrate,
    "#EXT-X-CUE-IN": MediaReader.cue_in,
    "#EXT-X-CUE-OUT": MediaReader.cue_out,
    "#EXT-X-CUE-OUT-CONT": MediaReader.cue_continues,
    "#EXT-X-DATERANGE": MediaReader.date_range,
    "#EXT-X-DISCONTINUITY-SEQUENCE": MediaReader.discontinuity_sequence,
    "#EXT-X-PART": MediaReader.part,
    "#EXT-X-PART-INF": MediaReader.part_inf,
    "#EXT-X-PLAYLIST-TYPE": MediaReader.playlist_type,
    "#EXT-X-PRELOAD-HINT": MediaReader.hint,
    "#EXT-X-RENDITION-REPORT": MediaReader.report,
    "#EXT-X-SCTE35": MediaReader.scte35,
    "#EXT-X-SERVER-CONTROL": MediaReader.server_control,
    "#EXT-X-START": MediaReader.start,
    "#EXT-X-VERSION": MediaReader.version,
}
