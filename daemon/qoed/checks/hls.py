"""Checks of HLS playlists: alone, from load to load, and between the renditions of a ladder."""

from __future__ import annotations

from functools import partial

from qoed.checks.check import Check
from qoed.model import Cause, Severity
from qoed.reason import Reason

_RFC = "RFC 8216bis"
_check = partial(Check, cause=Cause.PACKAGER, formats="HLS")

_MOVES: dict[Reason, Check] = {
    Reason.SEQUENCE_GAP: _check(
        "segments went by that were never listed",
        f"{_RFC} 6.2.2",
        limit=0,
        unit="segments",
        limit_is="most segments missed without a word",
        formats="HLS, DASH",
        peers="oscnord MediaSequenceGap",
    ),
    Reason.SEQUENCE_REGRESSION: _check(
        "the media sequence runs backwards: an old copy, or numbers that begin anew",
        f"{_RFC} 4.4.3.2, 6.2.2",
        peers="oscnord MediaSequence; Eyevinn media sequence",
    ),
    Reason.SEGMENT_CONTINUITY: _check(
        "after the window moved on, another segment stands where a known one was due",
        f"{_RFC} 6.2.2",
        peers="oscnord SegmentContinuity; Eyevinn segment continuity",
    ),
    Reason.PLAYLIST_SHRUNK: _check(
        "segments vanished from the end of the list while its media sequence did not fall",
        f"{_RFC} 6.2.1",
        peers="oscnord PlaylistSize; Eyevinn playlist size",
    ),
    Reason.PLAYLIST_REWRITTEN: _check(
        "a listed segment was replaced under its number, or gained or lost a discontinuity (names that all"
        " change with every load are tokens, and no fault)",
        f"{_RFC} 6.2.1",
        peers="oscnord PlaylistContent; Eyevinn playlist content",
    ),
    Reason.PLAYLIST_TYPE_VIOLATED: _check(
        "a playlist of type VOD changed, one of type EVENT lost segments, or the type itself changed before"
        " the end",
        f"{_RFC} 4.4.3.5, 6.2.1",
        peers="oscnord PlaylistTypeViolation",
    ),
    Reason.ENDLIST_VIOLATED: _check(
        "segments were added after EXT-X-ENDLIST",
        f"{_RFC} 4.4.3.4, 6.2.1",
        peers="oscnord EndlistViolation",
    ),
    Reason.VERSION_CHANGED: _check(
        "EXT-X-VERSION changed while the stream ran", f"{_RFC} 4.4.1.2", peers="oscnord VersionViolation"
    ),
    Reason.TARGET_DURATION_CHANGED: _check(
        "EXT-X-TARGETDURATION changed while the stream ran",
        f"{_RFC} 6.2.1",
        peers="oscnord TargetDurationChange",
    ),
    Reason.DISCONTINUITY: _check(
        "the packager announces that timestamps or encoding change",
        f"{_RFC} 4.4.4.3",
        severity=Severity.INFO,
        formats="HLS, DASH",
    ),
    Reason.DISCONTINUITY_SEQUENCE: _check(
        "EXT-X-DISCONTINUITY-SEQUENCE does not count the discontinuities that left the list",
        f"{_RFC} 4.4.3.3, 6.2.2",
        peers="oscnord DiscontinuitySequence; Eyevinn discontinuity sequence",
    ),
    Reason.DATE_TIME_JUMP: _check(
        "program date-time departs from the durations without a discontinuity",
        f"{_RFC} 4.4.4.6",
        limit=1.0,
        unit="s",
        limit_is="largest departure between neighbours; 0.5 s more for each EXTINF that is a whole number",
        peers="oscnord ProgramDateTimeJump",
    ),
}

_SAYS: dict[Reason, Check] = {
    Reason.PLAYLIST_MALFORMED: _check(
        "tags of the playlist are broken or misplaced, though it can be read without them",
        f"{_RFC} 4",
        clears="its tags are as they should be",
    ),
    Reason.TARGET_DURATION_EXCEEDED: _check(
        "EXTINF, rounded, is longer than the target duration",
        f"{_RFC} 4.4.3.1",
        limit=0.0,
        unit="s",
        limit_is="tolerance on top of the RFC's rounding",
        peers="oscnord TargetDurationExceeded",
    ),
    Reason.SEGMENT_SHORT: _check(
        "a segment is oddly short, and no discontinuity, break or end beside it explains that",
        limit=0.5,
        unit="of the usual duration",
        limit_is="least duration",
        severity=Severity.INFO,
        peers="oscnord SegmentDurationAnomaly",
    ),
    Reason.PLAYLIST_SHORT: _check(
        "a live playlist dropped segments and lists too little for a player to start",
        f"{_RFC} 6.2.2",
        clears="enough is listed",
        limit=3.0,
        unit="target durations",
        limit_is="least total duration; the longest listed segment counts for a target duration above it",
        peers="oscnord MinPlaylistDuration",
    ),
    Reason.VERSION_TOO_LOW: _check(
        "the playlist uses what its EXT-X-VERSION does not know",
        f"{_RFC} 8",
        clears="tags and version agree",
        peers="oscnord VersionCompatibility",
    ),
    Reason.ENCRYPTION_INVALID: _check(
        "EXT-X-KEY breaks its rules: method, URI, IV or key format",
        f"{_RFC} 4.4.4.4",
        clears="the keys are as they should be",
        peers="oscnord EncryptionViolation",
    ),
    Reason.DATE_RANGE_INVALID: _check(
        "EXT-X-DATERANGE breaks its rules: id, dates, durations, END-ON-NEXT, or it changed",
        f"{_RFC} 4.4.5.1",
        peers="oscnord DateRangeViolation",
    ),
    Reason.CUE_UNPAIRED: _check(
        "an ad marker has no partner: a return without a break, a break within a break, or no return in time"
        " from who returned before, still says CUE-OUT-CONT, or may not return by itself",
        f"{_RFC} 4.4.5.1.1",
        limit=5.0,
        unit="s",
        limit_is="longest overrun of an announced break",
        peers="oscnord Scte35Violation",
    ),
    Reason.RENDITION_GROUP_INVALID: _check(
        "EXT-X-MEDIA or a variant breaks the rules of rendition groups",
        f"{_RFC} 4.4.6.1.1",
        clears="the groups are as they should be",
        peers="oscnord RenditionGroupViolation",
    ),
}

_LOW_LATENCY: dict[Reason, Check] = {
    Reason.PART_MISSING: _check(
        "a listed or hinted part does not come", f"{_RFC} 4.4.4.9, 6.2.6", formats="LL-HLS"
    ),
    Reason.PART_LATE: _check(
        "parts come later than their own pace",
        f"{_RFC} B.1",
        clears="a part comes in time",
        limit=3.0,
        unit="part targets, at least 1 s",
        limit_is="longest time without a new part",
        formats="LL-HLS",
    ),
    Reason.PART_DURATION_OFF: _check(
        "a part is longer than PART-TARGET, or shorter than 85 % of it without being a segment's last",
        f"{_RFC} 4.4.3.7, 4.4.4.9",
        limit=0.85,
        unit="part targets",
        limit_is="least duration",
        formats="LL-HLS",
    ),
    Reason.RELOAD_NOT_BLOCKED: _check(
        "the server promises CAN-BLOCK-RELOAD and answers twice in a row without what was waited for",
        f"{_RFC} 6.2.5.2",
        clears="a reload was blocked as asked",
        formats="LL-HLS",
    ),
    Reason.RENDITION_REPORT_OFF: _check(
        "rendition reports leave out a rendition or disagree with it, twice in a row",
        f"{_RFC} 4.4.5.4, B.1",
        clears="the reports agree",
        limit=1,
        unit="segments",
        limit_is="largest disagreement",
        formats="LL-HLS",
    ),
    Reason.DELTA_UPDATE_INVALID: _check(
        "a delta update skips segments that were never seen",
        f"{_RFC} 6.2.5.1",
        formats="LL-HLS",
    ),
}

_LADDER: dict[Reason, Check] = {
    Reason.VARIANT_DRIFT: _check(
        "one rendition is ahead of or behind the others",
        f"{_RFC} 6.2.4",
        clears="they are within the limit again",
        limit=3,
        unit="segments",
        limit_is="largest distance of their newest segments, twice in a row",
        formats="HLS, DASH",
        peers="oscnord VariantSyncDrift",
    ),
    Reason.VARIANT_MISALIGNED: _check(
        "the renditions' segments begin at different times, so players cannot switch cleanly",
        f"{_RFC} 6.2.4",
        clears="boundaries agree again",
        limit=0.25,
        unit="s",
        limit_is="largest difference of boundaries, of three in six (dated or VOD)",
        formats="HLS, DASH",
    ),
    Reason.VARIANT_TARGET_DURATION: _check(
        "the renditions have different target durations",
        f"{_RFC} 6.2.4",
        clears="they agree",
        peers="oscnord VariantTargetDurationInconsistency",
    ),
    Reason.VARIANT_PLAYLIST_TYPE: _check(
        "the renditions have different playlist types",
        f"{_RFC} 6.2.4",
        clears="they agree",
        peers="oscnord VariantPlaylistTypeInconsistency",
    ),
    Reason.VARIANT_DISCONTINUITY: _check(
        "a discontinuity stands in one rendition and not in the others",
        f"{_RFC} 6.2.4",
        limit=2,
        unit="segments",
        limit_is="how much later the others may announce it",
        peers="oscnord VariantDiscontinuityInconsistency",
    ),
}

_CONTEXT: dict[Reason, Check] = {
    Reason.AD_BREAK: Check(
        "an ad break is on (SCTE-35, CUE-OUT, DATERANGE, DASH event): context for rules, no fault",
        f"{_RFC} 4.4.5.1.1; SCTE 35; SCTE 214-1",
        severity=Severity.INFO,
        clears="the break ends as announced",
        cause=None,
        formats="HLS, DASH",
    ),
    Reason.SLATE: Check(
        "a slate is announced (DATERANGE of a class that names one): context for rules, no fault",
        f"{_RFC} 4.4.5.1",
        severity=Severity.INFO,
        clears="it ends as announced",
        cause=None,
        formats="HLS",
    ),
}

CHECKS: dict[Reason, Check] = {**_MOVES, **_SAYS, **_LOW_LATENCY, **_LADDER, **_CONTEXT}
