"""Every finding that qoed can make, by domain: a closed set, safe as a metric label and in a rule."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

Domain = Literal["wire", "context", "picture", "sound", "media", "transport", "probe"]
"""Where a finding is made: in playlists and exchanges; announced by the stream itself (ads); in decoded
picture and sound; in the coded media (timestamps, declared properties); in transport packets; in qoed."""


class Reason(StrEnum):
    """What a finding says; `qoed.checks` documents each one."""

    domain: Domain

    def __new__(cls, value: str, domain: Domain = "wire") -> Self:
        """A member that knows where it is found."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.domain = domain
        return member

    # wire: getting playlists, MPDs, segments
    PLAYLIST_STALE = "playlist_stale", "wire"
    PLAYLIST_UNAVAILABLE = "playlist_unavailable", "wire"
    PLAYLIST_INVALID = "playlist_invalid", "wire"
    PLAYLIST_SLOW = "playlist_slow", "wire"
    INPUT_UNAVAILABLE = "input_unavailable", "wire"
    INPUT_STALLED = "input_stalled", "wire"
    LINK_LOSS = "link_loss", "wire"
    SEGMENT_MISSING = "segment_missing", "wire"
    SEGMENT_SLOW = "segment_slow", "wire"
    SEGMENT_GAP = "segment_gap", "wire"
    SEGMENT_REPEATED = "segment_repeated", "wire"
    THROUGHPUT_LOW = "throughput_low", "wire"
    KEY_UNAVAILABLE = "key_unavailable", "wire"
    CMSD_QUALITY_LOW = "cmsd_quality_low", "wire"
    # wire: how a playlist moves
    SEQUENCE_GAP = "sequence_gap", "wire"
    SEQUENCE_REGRESSION = "sequence_regression", "wire"
    SEGMENT_CONTINUITY = "segment_continuity", "wire"
    PLAYLIST_SHRUNK = "playlist_shrunk", "wire"
    PLAYLIST_REWRITTEN = "playlist_rewritten", "wire"
    PLAYLIST_TYPE_VIOLATED = "playlist_type_violated", "wire"
    ENDLIST_VIOLATED = "endlist_violated", "wire"
    VERSION_CHANGED = "version_changed", "wire"
    TARGET_DURATION_CHANGED = "target_duration_changed", "wire"
    DISCONTINUITY = "discontinuity", "wire"
    DISCONTINUITY_SEQUENCE = "discontinuity_sequence", "wire"
    DATE_TIME_JUMP = "date_time_jump", "wire"
    # wire: what a playlist says
    PLAYLIST_MALFORMED = "playlist_malformed", "wire"
    TARGET_DURATION_EXCEEDED = "target_duration_exceeded", "wire"
    SEGMENT_SHORT = "segment_short", "wire"
    PLAYLIST_SHORT = "playlist_short", "wire"
    VERSION_TOO_LOW = "version_too_low", "wire"
    ENCRYPTION_INVALID = "encryption_invalid", "wire"
    DATE_RANGE_INVALID = "date_range_invalid", "wire"
    CUE_UNPAIRED = "cue_unpaired", "wire"
    RENDITION_GROUP_INVALID = "rendition_group_invalid", "wire"
    # wire: low latency
    PART_MISSING = "part_missing", "wire"
    PART_LATE = "part_late", "wire"
    PART_DURATION_OFF = "part_duration_off", "wire"
    RELOAD_NOT_BLOCKED = "reload_not_blocked", "wire"
    RENDITION_REPORT_OFF = "rendition_report_off", "wire"
    DELTA_UPDATE_INVALID = "delta_update_invalid", "wire"
    # wire: between the renditions of a ladder
    VARIANT_DRIFT = "variant_drift", "wire"
    VARIANT_MISALIGNED = "variant_misaligned", "wire"
    VARIANT_TARGET_DURATION = "variant_target_duration", "wire"
    VARIANT_PLAYLIST_TYPE = "variant_playlist_type", "wire"
    VARIANT_DISCONTINUITY = "variant_discontinuity", "wire"
    # wire: DASH
    MANIFEST_REGRESSION = "manifest_regression", "wire"
    TIMELINE_GAP = "timeline_gap", "wire"
    TIMELINE_OVERLAP = "timeline_overlap", "wire"
    PERIOD_GAP = "period_gap", "wire"
    SEGMENT_UNAVAILABLE = "segment_unavailable", "wire"
    CLOCK_SKEW = "clock_skew", "wire"
    CLOCK_UNAVAILABLE = "clock_unavailable", "wire"
    # context: what the stream announces; no fault
    AD_BREAK = "ad_break", "context"
    SLATE = "slate", "context"
    # media: the coded media against what was declared, and against itself
    DURATION_OFF = "duration_off", "media"
    BANDWIDTH_EXCEEDED = "bandwidth_exceeded", "media"
    CODECS_OFF = "codecs_off", "media"
    RESOLUTION_OFF = "resolution_off", "media"
    FRAME_RATE_OFF = "frame_rate_off", "media"
    KEY_FRAME_INTERVAL = "key_frame_interval", "media"
    KEY_FRAMES_MISALIGNED = "key_frames_misaligned", "media"
    TIMESTAMP_JUMP = "timestamp_jump", "media"
    TIMESTAMP_WRAP = "timestamp_wrap", "media"
    AV_DRIFT = "av_drift", "media"
    AUDIO_MISSING = "audio_missing", "media"
    AUDIO_MISMATCH = "audio_mismatch", "media"
    # transport: ETSI TR 101 290, first priority
    TS_SYNC_LOSS = "ts_sync_loss", "transport"
    TS_SYNC_BYTE = "ts_sync_byte", "transport"
    TS_PAT = "ts_pat", "transport"
    TS_PMT = "ts_pmt", "transport"
    TS_CONTINUITY = "ts_continuity", "transport"
    TS_PID = "ts_pid", "transport"
    # picture: what the decoded frames show
    BLACK = "black", "picture"
    FREEZE = "freeze", "picture"
    BLOCKINESS = "blockiness", "picture"
    DAMAGE = "damage", "picture"
    UNFIT_PICTURE = "unfit_picture", "picture"
    UNDECODABLE = "undecodable", "picture"
    NO_VIDEO = "no_video", "picture"
    # sound
    SILENCE = "silence", "sound"
    LOUDNESS = "loudness", "sound"
    # probe: our own trouble, never the stream's
    OVERLOADED = "overloaded", "probe"
    DECODER_RESTARTED = "decoder_restarted", "probe"
    ENGINE_FAULT = "engine_fault", "probe"
    REDIS_UNAVAILABLE = "redis_unavailable", "probe"
