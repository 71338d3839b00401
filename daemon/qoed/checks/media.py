"""Checks of the coded media: against what was declared, against itself, against the other renditions."""

from __future__ import annotations

from functools import partial

from qoed.checks.check import Check
from qoed.model import Cause, Severity
from qoed.reason import Reason

_DECLARED = "HLS, DASH"
_check = partial(Check, cause=Cause.ENCODER)

CHECKS: dict[Reason, Check] = {
    Reason.DURATION_OFF: _check(
        "a segment plays longer or shorter than its EXTINF or timeline says",
        "RFC 8216bis 4.4.4.1",
        cause=Cause.PACKAGER,
        limit=0.1,
        unit="of the announced duration, at least 0.25 s",
        limit_is="largest difference",
        formats=_DECLARED,
    ),
    Reason.BANDWIDTH_EXCEEDED: _check(
        "a segment's bit rate is above the declared peak",
        "RFC 8216bis 4.4.6.2; ISO/IEC 23009-1 5.3.5.2",
        clears="three segments in a row keep to it",
        limit=1.1,
        unit="times BANDWIDTH",
        limit_is="highest bit rate of a segment",
        formats=_DECLARED,
    ),
    Reason.CODECS_OFF: _check(
        "the media's codec is not the declared one, or its profile or level is above it",
        "RFC 8216bis 4.4.6.2; RFC 6381",
        clears="they agree",
        cause=Cause.PACKAGER,
        formats=_DECLARED,
    ),
    Reason.RESOLUTION_OFF: _check(
        "the picture has not the declared RESOLUTION (two variants may be swapped)",
        "RFC 8216bis 4.4.6.2; ISO/IEC 23009-1 5.3.7.2",
        clears="they agree",
        cause=Cause.PACKAGER,
        severity=Severity.CRITICAL,
        formats=_DECLARED,
    ),
    Reason.FRAME_RATE_OFF: _check(
        "the picture rate is not the declared FRAME-RATE",
        "RFC 8216bis 4.4.6.2; ISO/IEC 23009-1 5.3.7.2",
        clears="they agree",
        limit=0.05,
        unit="of the declared rate",
        limit_is="largest difference",
        formats=_DECLARED,
    ),
    Reason.KEY_FRAME_INTERVAL: _check(
        "key frames are too far apart to join or to switch",
        clears="they are close enough",
        limit=4.0,
        unit="s",
        limit_is="longest distance (a segment longer than that may begin with the only one)",
    ),
    Reason.KEY_FRAMES_MISALIGNED: _check(
        "a rendition's segments do not begin at key frames of the top rendition",
        "RFC 8216bis 6.2.4",
        clears="they agree",
        limit=0.1,
        unit="s",
        limit_is="largest difference",
        formats=_DECLARED,
    ),
    Reason.TIMESTAMP_JUMP: _check(
        "timestamps jump between segments without a discontinuity",
        "RFC 8216bis 4.4.4.3",
        limit=0.5,
        unit="s",
        limit_is="largest jump",
    ),
    Reason.TIMESTAMP_WRAP: _check(
        "the 33-bit clock of the transport stream began anew, as it does every 26.5 hours",
        "ISO/IEC 13818-1 2.4.3.7",
        severity=Severity.INFO,
        formats="TS",
    ),
    Reason.AV_DRIFT: _check(
        "sound and picture run apart (both ends of the sound moved against those of the picture)",
        "ITU-R BT.1359-1",
        clears="they are within the limit",
        limit=0.2,
        unit="s",
        limit_is="largest change of their distance since the stream, or its last discontinuity, began",
    ),
    Reason.AUDIO_MISSING: _check(
        "sound was there or was declared, and segments have none",
        clears="there is sound",
        limit=4.0,
        unit="s",
        limit_is="longest time without, over two segments at least",
        severity=Severity.CRITICAL,
        cause=Cause.PACKAGER,
    ),
    Reason.AUDIO_MISMATCH: _check(
        "sample rate, channels or codec of the sound changed or differ from what was declared",
        clears="they agree",
        cause=Cause.ENCODER,
    ),
}
