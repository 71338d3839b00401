"""The segments of a media playlist, put together tag by tag (RFC 8216bis 4.4.4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from qoed.source.hls.attributes import MAX_SECONDS, RuleError, integer, moment, parse_attributes
from qoed.source.hls.cue import cue_out_s, scte35_marks
from qoed.source.hls.encryption import KeysInForce, parse_key
from qoed.source.hls.low_latency_tags import byte_range, parse_part
from qoed.source.hls.model import InitSection, Key, MediaSegment, Part
from qoed.source.uris import Uris

_MAX_KEYS = 8192
_MAX_ATTRIBUTES = 65_536
"""Of all tags together: reading takes about 0.3 µs for each."""


class SegmentBuilder:
    """Takes the tags of segments, in the order of their lines.

    Its methods are named after the tags, take their values, and raise `ValueError`, `RuleError` with the
    reason. Of the parts, the first `unread_parts` are passed over.
    """

    def __init__(self, uris: Uris, *, unread_parts: int) -> None:
        self.segments: list[MediaSegment] = []
        self.keys: dict[str, Key] = {}
        """Distinct ones by their text, in order."""
        self.next_sequence = 0
        """Number of the next segment."""
        self.discontinuities = 0
        self.fractional = False
        self._uris = uris
        self._unread_parts = unread_parts
        self._attributes_read = 0
        # What the next segment will be made of ...
        self._pending: dict[str, Any] = {}
        self._duration_s: float | None = None
        self._range: str | None = None
        self._parts: list[Part] = []
        self._part_count = 0
        # ... and what applies until it is changed.
        self._in_force = KeysInForce()
        self._inits: dict[tuple[str, Key | None], InitSection] = {}
        self._init: InitSection | None = None
        self._bitrate_bps: int | None = None
        self._moment: datetime | None = None
        self._previous: MediaSegment | None = None

    def duration(self, value: str) -> None:
        """EXTINF, its title too."""
        text = value.partition(",")[0]
        self._duration_s = float(text)
        self.fractional = self.fractional or not text.strip().isdecimal()

    def uri(self, line: str) -> bool:
        """A segment's URI ends it; False: no EXTINF came before."""
        duration = self._duration_s
        if duration is None:
            return False
        if not 0 <= duration <= MAX_SECONDS:
            raise RuleError(f"EXTINF {duration:g} of segment {self.next_sequence} is out of range")
        self._add(self._uris.resolve(line), duration, complete=True)
        self._duration_s = None
        return True

    def close(self) -> None:
        """The list is at its end: parts that are left are of a segment still being made."""
        if self._parts:
            played = min(sum(part.duration_s for part in self._parts), MAX_SECONDS)
            self._add("", played, complete=False)

    def go_on_from(self, last: MediaSegment) -> None:
        """What applied to the last skipped segment applies on."""
        if last.key is not None:
            self._in_force.take(last.key)
        self._init = last.init
        self._bitrate_bps = last.bitrate_bps
        self.discontinuities = last.discontinuity_sequence
        self._previous = last
        if last.program_date_time is not None:
            self._moment = last.program_date_time + timedelta(seconds=last.duration_s)

    def attributes(self, value: str) -> dict[str, str]:
        """A tag's attributes, counted: a playlist may have only so many."""
        attributes = parse_attributes(value)
        self._attributes_read += len(attributes) + 1
        if self._attributes_read > _MAX_ATTRIBUTES:
            raise RuleError(f"its tags have more than {_MAX_ATTRIBUTES} attributes")
        return attributes

    def key(self, value: str) -> None:
        """EXT-X-KEY."""
        key = self.keys.get(value)
        if key is None:
            try:
                key = self.keys[value] = parse_key(self.attributes(value), self._uris)
            except ValueError as error:
                text = str(error)
                raise (RuleError(text) if text.startswith(("EXT-X", "it names")) else error) from None
            if len(self.keys) > _MAX_KEYS:
                raise RuleError(f"it has more than {_MAX_KEYS} different EXT-X-KEY")
        self._in_force.take(key)

    def map(self, value: str) -> None:
        """EXT-X-MAP."""
        place = (value, self._in_force.chosen)
        if place not in self._inits:
            attributes = self.attributes(value)
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
                key=self._in_force.chosen,
            )
        self._init = self._inits[place]

    def date_time(self, value: str) -> None:
        """EXT-X-PROGRAM-DATE-TIME."""
        self._moment = moment(value)
        self._pending["dated"] = True

    def range(self, value: str) -> None:
        """EXT-X-BYTERANGE."""
        self._range = value

    def discontinuity(self, _value: str) -> None:
        """EXT-X-DISCONTINUITY."""
        self._pending["discontinuity"] = True
        self.discontinuities += 1

    def gap(self, _value: str) -> None:
        """EXT-X-GAP."""
        self._pending["gap"] = True

    def bitrate(self, value: str) -> None:
        """EXT-X-BITRATE."""
        self._bitrate_bps = integer(value) * 1000

    def cue_out(self, value: str) -> None:
        """EXT-X-CUE-OUT."""
        self._pending["cue_out_s"] = 0.0
        self._pending["cue_out_s"] = cue_out_s(value)

    def cue_continues(self, _value: str) -> None:
        """EXT-X-CUE-OUT-CONT."""
        self._pending["cue_continues"] = True

    def cue_in(self, _value: str) -> None:
        """EXT-X-CUE-IN."""
        self._pending["cue_in"] = True

    def scte35(self, value: str) -> None:
        """EXT-X-SCTE35."""
        self._pending.update(scte35_marks(self.attributes(value)))

    def part(self, value: str) -> None:
        """EXT-X-PART."""
        self._unread_parts -= 1
        index, self._part_count = self._part_count, self._part_count + 1
        if self._unread_parts < 0:
            previous = self._parts[-1] if self._parts else None
            self._parts.append(parse_part(self.attributes(value), self._uris, index, previous))

    def _add(self, uri: str, duration_s: float, *, complete: bool) -> None:
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
            sequence=self.next_sequence,
            duration_s=duration_s,
            key=self._in_force.chosen,
            init=self._init,
            discontinuity_sequence=self.discontinuities,
            program_date_time=self._moment,
            bitrate_bps=self._bitrate_bps,
            complete=complete,
            **pending,
        )
        self.segments.append(segment)
        self.next_sequence += 1
        if pending:
            self._pending = {}
        if self._moment is not None:
            try:
                self._moment += timedelta(seconds=duration_s)
            except OverflowError:
                raise RuleError(f"date-time of segment {self.next_sequence} is out of range") from None

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


Handler = Callable[[SegmentBuilder, str], None]

SEGMENT_NEEDED: dict[str, Handler] = {
    "#EXT-X-BYTERANGE": SegmentBuilder.range,
    "#EXT-X-DISCONTINUITY": SegmentBuilder.discontinuity,
    "#EXT-X-GAP": SegmentBuilder.gap,
    "#EXT-X-KEY": SegmentBuilder.key,
    "#EXT-X-MAP": SegmentBuilder.map,
    "#EXT-X-PROGRAM-DATE-TIME": SegmentBuilder.date_time,
}
"""Tags whose faults make the playlist unusable."""

SEGMENT_USEFUL: dict[str, Handler] = {
    "#EXT-X-BITRATE": SegmentBuilder.bitrate,
    "#EXT-X-CUE-IN": SegmentBuilder.cue_in,
    "#EXT-X-CUE-OUT": SegmentBuilder.cue_out,
    "#EXT-X-CUE-OUT-CONT": SegmentBuilder.cue_continues,
    "#EXT-X-PART": SegmentBuilder.part,
    "#EXT-X-SCTE35": SegmentBuilder.scte35,
}
"""Tags whose faults are noted."""
