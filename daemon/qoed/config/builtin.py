"""The rules that every stream starts with; a rule of the same name in the file changes one or turns it off.

The one place for default levels. Scores are 0-100, higher is better; the five bands of 20 read bad, poor,
fair, good, excellent. `p05` sees a few bad seconds that a mean would hide.
"""

from __future__ import annotations

from typing import Any

LOW_BELOW, LOW_CLEAR = 15.0, 20.0
"""Bad whatever the rung: a clean 240-line rung on a 1080-line screen still scores above this."""
DROP_ABOVE, DROP_CLEAR = 15.0, 8.0
"""Points below a rendition's own last five minutes: viewers notice, at any height of the rung."""
DROP_COVERAGE = 0.75
"""A window with gaps may hold other content than the usual, which alone can move a score."""
RUNG_OFF_ABOVE, RUNG_OFF_CLEAR = 20.0, 10.0
"""Points by which a rung falls behind the top rung more than it usually does. From scene to scene, a clean
rung's ten seconds stray by up to 7 points from their five minutes' mean; early in a stream, with less than
two minutes to compare with, a level of 12 raised a false alert in one of four demos."""
COVERAGE_BELOW, COVERAGE_CLEAR = 0.5, 0.7
"""Less than half of the last minute has a score."""

BUILTIN: tuple[dict[str, Any], ...] = (
    # quality
    {"name": "low_quality", "severity": "critical", "metric": "score.p05", "window": 10.0, "below": LOW_BELOW,
     "clear": LOW_CLEAR, "for": 2.0, "keep_firing_for": 4.0},
    {"name": "quality_drop", "severity": "warning", "metric": "score.drop", "window": 10.0,
     "above": DROP_ABOVE, "clear": DROP_CLEAR, "keep_firing_for": 2.0,
     "min_coverage": DROP_COVERAGE, "scope": "stream",
     "unless": ["ad_break", "slate"], "unless_hold": 10.0},  # ads come from other encoders
    {"name": "rung_off", "severity": "warning", "metric": "score.vs_top_drop", "window": 10.0,
     "above": RUNG_OFF_ABOVE, "clear": RUNG_OFF_CLEAR, "for": 2.0, "keep_firing_for": 2.0,
     "min_coverage": DROP_COVERAGE},
    {"name": "no_scores", "severity": "warning", "metric": "coverage", "window": 60.0,
     "below": COVERAGE_BELOW, "clear": COVERAGE_CLEAR, "for": 30.0, "keep_firing_for": 10.0},
    # picture and sound
    {"name": "black", "severity": "critical", "finding": "black", "scope": "stream"},
    {"name": "freeze", "severity": "critical", "finding": "freeze", "scope": "stream", "unless": ["slate"]},
    {"name": "blockiness", "severity": "warning", "finding": "blockiness", "scope": "stream"},
    {"name": "damage", "severity": "warning", "finding": "damage", "window": 30.0, "scope": "stream"},
    {"name": "undecodable", "severity": "critical", "finding": "undecodable", "window": 30.0,
     "scope": "stream"},
    {"name": "no_video", "severity": "critical", "finding": "no_video", "window": 60.0, "scope": "stream"},
    {"name": "silence", "severity": "warning", "finding": "silence", "scope": "stream", "unless": ["slate"]},
    {"name": "loudness", "severity": "info", "finding": "loudness", "scope": "stream", "for": 10.0},
    # wire: what keeps the media from coming
    {"name": "playlist_unavailable", "severity": "critical", "finding": "playlist_unavailable",
     "scope": "stream"},
    {"name": "playlist_stale", "severity": "critical", "finding": "playlist_stale", "scope": "stream"},
    {"name": "playlist_invalid", "severity": "critical", "finding": "playlist_invalid", "scope": "stream"},
    {"name": "input_unavailable", "severity": "critical", "finding": "input_unavailable", "scope": "stream"},
    {"name": "input_stalled", "severity": "critical", "finding": "input_stalled", "scope": "stream"},
    {"name": "key_unavailable", "severity": "critical", "finding": "key_unavailable", "scope": "stream"},
    {"name": "segment_missing", "severity": "critical", "finding": ["segment_missing", "segment_unavailable"],
     "window": 30.0, "scope": "stream"},
    {"name": "segment_repeated", "severity": "critical", "finding": "segment_repeated", "scope": "stream",
     "unless": ["slate"]},
    {"name": "segment_gap", "severity": "warning", "finding": "segment_gap", "window": 30.0,
     "scope": "stream"},
    {"name": "segment_slow", "severity": "warning", "finding": "segment_slow", "count": 3, "window": 60.0,
     "scope": "stream"},
    {"name": "playlist_slow", "severity": "warning", "finding": "playlist_slow", "for": 10.0,
     "scope": "stream"},
    {"name": "throughput_low", "severity": "warning", "finding": "throughput_low", "for": 10.0,
     "scope": "stream"},
    {"name": "link_loss", "severity": "warning", "finding": "link_loss", "window": 30.0, "scope": "stream"},
    # wire: what playlists and MPDs do and say
    {"name": "sequence_gap", "severity": "warning", "finding": "sequence_gap", "window": 30.0,
     "scope": "stream"},
    {"name": "sequence_regression", "severity": "warning",
     "finding": ["sequence_regression", "manifest_regression"], "window": 30.0, "scope": "stream"},
    {"name": "playlist_inconsistent", "severity": "warning",
     "finding": ["segment_continuity", "playlist_shrunk", "playlist_rewritten", "playlist_type_violated",
                 "endlist_violated", "delta_update_invalid"],
     "window": 60.0, "scope": "stream"},
    {"name": "timeline_broken", "severity": "warning",
     "finding": ["discontinuity_sequence", "timeline_gap", "timeline_overlap", "period_gap"],
     "window": 60.0, "scope": "stream"},
    {"name": "date_time_jump", "severity": "warning", "finding": "date_time_jump", "count": 2, "window": 60.0,
     "scope": "stream"},  # a single one is a splice, or a clock that was set
    {"name": "target_duration_exceeded", "severity": "warning", "finding": "target_duration_exceeded",
     "count": 3, "window": 60.0, "scope": "stream"},
    {"name": "playlist_short", "severity": "warning", "finding": "playlist_short", "for": 30.0,
     "scope": "stream"},
    {"name": "playlist_nonconforming", "severity": "warning",
     "finding": ["encryption_invalid", "rendition_group_invalid", "cue_unpaired"], "window": 60.0,
     "scope": "stream"},
    {"name": "conformance", "severity": "info",
     "finding": ["playlist_malformed", "version_too_low", "version_changed", "target_duration_changed",
                 "date_range_invalid", "variant_target_duration", "part_duration_off",
                 "rendition_report_off"],
     "window": 60.0, "for": 30.0, "scope": "stream"},
    {"name": "low_latency", "severity": "warning", "finding": ["part_late", "reload_not_blocked"],
     "for": 5.0, "scope": "stream"},
    {"name": "part_missing", "severity": "warning", "finding": "part_missing", "count": 3, "window": 30.0,
     "scope": "stream"},
    {"name": "ladder_misaligned", "severity": "warning",
     "finding": ["variant_drift", "variant_misaligned", "variant_playlist_type", "variant_discontinuity",
                 "key_frames_misaligned"],
     "window": 60.0, "for": 10.0, "scope": "stream"},
    # the coded media
    {"name": "resolution_off", "severity": "critical", "finding": "resolution_off", "scope": "stream"},
    {"name": "audio_missing", "severity": "critical", "finding": "audio_missing", "scope": "stream"},
    {"name": "not_as_declared", "severity": "warning",
     "finding": ["duration_off", "bandwidth_exceeded", "codecs_off", "frame_rate_off", "audio_mismatch"],
     "window": 60.0, "scope": "stream"},
    {"name": "timing", "severity": "warning",
     "finding": ["timestamp_jump", "av_drift", "key_frame_interval"], "window": 60.0, "scope": "stream"},
    # transport packets, TR 101 290
    {"name": "ts_sync_loss", "severity": "critical", "finding": "ts_sync_loss", "scope": "stream"},
    {"name": "ts_pat", "severity": "critical", "finding": "ts_pat", "scope": "stream"},
    {"name": "ts_pmt", "severity": "critical", "finding": "ts_pmt", "scope": "stream"},
    {"name": "ts_pid", "severity": "critical", "finding": "ts_pid", "scope": "stream"},
    {"name": "ts_errors", "severity": "warning", "finding": ["ts_sync_byte", "ts_continuity"],
     "window": 30.0, "scope": "stream"},
    # the probe itself
    {"name": "overloaded", "severity": "warning", "finding": "overloaded", "for": 10.0, "scope": "stream"},
    {"name": "engine_fault", "severity": "critical", "finding": "engine_fault", "scope": "stream"},
    {"name": "redis_unavailable", "severity": "critical", "finding": "redis_unavailable", "scope": "stream"},
)  # fmt: skip
"""As the file would say them, durations in seconds."""
