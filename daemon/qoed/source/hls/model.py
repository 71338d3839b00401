"""HLS playlists as frozen values, named after their tags (RFC 8216bis 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from qoed.model import Rendition


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """EXT-X-KEY in force for a segment or an init section."""

    method: str
    uri: str | None = field(default=None, repr=False)
    """Absolute of AES-128; of other methods as written, and never fetched."""
    iv: bytes | None = field(default=None, repr=False)
    key_format: str | None = None
    key_format_versions: str | None = None
    problems: tuple[str, ...] = ()
    """Rules that the tag breaks, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitSection:
    """EXT-X-MAP: what precedes each segment's bytes. `byte_range` is (offset, length)."""

    uri: str = field(repr=False)
    byte_range: tuple[int, int] | None = None
    key: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """EXT-X-PART: the piece `index` (from 0) of a segment. `byte_range` is (offset, length)."""

    uri: str = field(repr=False)
    index: int
    duration_s: float
    independent: bool = False
    """It can be decoded without the part before."""
    gap: bool = False
    byte_range: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSegment:
    """One segment as the playlist lists it. `byte_range` is (offset, length).

    `complete` is False for the last one of a low-latency playlist that has no EXTINF yet: only its `parts`
    are there, and `duration_s` is theirs together.
    """

    uri: str = field(repr=False)
    sequence: int
    duration_s: float
    byte_range: tuple[int, int] | None = None
    key: Key | None = None
    init: InitSection | None = None
    gap: bool = False
    discontinuity: bool = False
    discontinuity_sequence: int = 0
    """EXT-X-DISCONTINUITY-SEQUENCE of the list plus the discontinuities up to and with this segment."""
    program_date_time: datetime | None = None
    """Counted on from the last tag where the segment has none of its own."""
    dated: bool = False
    """It has an EXT-X-PROGRAM-DATE-TIME of its own."""
    bitrate_bps: int | None = None
    parts: tuple[Part, ...] = ()
    complete: bool = True
    cue_out_s: float | None = None
    """EXT-X-CUE-OUT before it: announced seconds of the break (0.0: not said)."""
    cue_in: bool = False
    """EXT-X-CUE-IN before it."""
    cue_continues: bool = False
    """EXT-X-CUE-OUT-CONT before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreloadHint:
    """EXT-X-PRELOAD-HINT: what will come next. `type` is PART or MAP; `length` None: to the end."""

    type: str
    uri: str = field(repr=False)
    start: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerControl:
    """EXT-X-SERVER-CONTROL; seconds."""

    can_block_reload: bool = False
    can_skip_until_s: float | None = None
    can_skip_date_ranges: bool = False
    hold_back_s: float | None = None
    part_hold_back_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionReport:
    """EXT-X-RENDITION-REPORT: how far another rendition of the ladder is."""

    uri: str = field(repr=False)
    last_msn: int | None = None
    last_part: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """EXT-X-DATERANGE. `problems` are the rules that it breaks, in words; then dates may be None."""

    id: str
    class_name: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    duration_s: float | None = None
    planned_duration_s: float | None = None
    scte35_out: str | None = field(default=None, repr=False)
    scte35_in: str | None = field(default=None, repr=False)
    scte35_cmd: str | None = field(default=None, repr=False)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPlaylist:
    """One media playlist at one instant.

    Of a delta update (EXT-X-SKIP), `segments` are those after the skipped ones; `media_sequence` is that of
    the first listed one and `skipped` says how many were left out before it.
    """

    target_duration_s: float
    media_sequence: int
    segments: tuple[MediaSegment, ...]
    endlist: bool = False
    playlist_type: str | None = None
    """VOD or EVENT."""
    version: int | None = None
    tags: frozenset[str] = frozenset()
    """Names of the tags that it uses, without `#EXT-X-`: `MAP`, `BYTERANGE`, `I-FRAMES-ONLY`."""
    fractional: bool = False
    """Some EXTINF is no integer."""
    discontinuity_sequence: int = 0
    start_offset_s: float | None = None
    """EXT-X-START: seconds from the begin, or, negative, from the end."""
    part_target_s: float | None = None
    server: ServerControl = ServerControl()
    preload_hint: PreloadHint | None = None
    """The part that comes next."""
    map_hint: PreloadHint | None = None
    """The init section that comes next."""
    skipped: int = 0
    reports: tuple[RenditionReport, ...] = ()
    date_ranges: tuple[DateRange, ...] = ()
    keys: tuple[Key, ...] = ()
    """Distinct EXT-X-KEY in order of first appearance, METHOD=NONE too."""
    problems: tuple[str, ...] = ()
    """Rules broken that do not keep it from being read, in words."""

    @property
    def end_sequence(self) -> int:
        """Sequence number that the next complete segment will have."""
        if not self.segments:
            return self.media_sequence
        last = self.segments[-1]
        return last.sequence + 1 if last.complete else last.sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One EXT-X-STREAM-INF."""

    rendition: Rendition
    uri: str = field(repr=False)
    audio_group: str | None = None
    audio_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRendition:
    """One EXT-X-MEDIA of TYPE=AUDIO; without `uri` its sound is in the variants' own segments."""

    group: str
    name: str
    default: bool = False
    uri: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MultivariantPlaylist:
    """The ladder, with variants of one URI merged, and the variables that media playlists may import."""

    variants: tuple[Variant, ...]
    audio: tuple[AudioRendition, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = ()
    """Rules of rendition groups (4.4.6.1.1, 4.4.6.2.1) that it breaks, in words."""
