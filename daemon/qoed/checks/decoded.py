"""Checks of decoded picture and sound; their limits are in the stream's `black:`, `freeze:` and so on."""

from __future__ import annotations

from qoed.checks.check import Check
from qoed.model import Cause, Severity
from qoed.reason import Reason


def _check(tells: str, cause: Cause, severity: Severity, clears: str | None, source: str = "qoed") -> Check:
    return Check(tells=tells, severity=severity, clears=clears, cause=cause, source=source)


CHECKS: dict[Reason, Check] = {
    Reason.BLACK: _check(
        "the picture has been black for longer than `black.duration`",
        Cause.SOURCE,
        Severity.CRITICAL,
        "a picture that is not black",
        "FFmpeg blackdetect",
    ),
    Reason.FREEZE: _check(
        "the picture has not changed for longer than `freeze.duration`",
        Cause.SOURCE,
        Severity.CRITICAL,
        "the picture changes",
        "FFmpeg freezedetect",
    ),
    Reason.BLOCKINESS: _check(
        "blockiness over a segment is above `blockiness.max`",
        Cause.ENCODER,
        Severity.WARNING,
        "a segment is below it",
        "FFmpeg blockdetect",
    ),
    Reason.DAMAGE: _check(
        "pictures or packets are corrupt, or fewer pictures decode than the segment holds",
        Cause.ENCODER,
        Severity.WARNING,
        None,
    ),
    Reason.UNDECODABLE: _check("nothing of a segment decodes", Cause.ENCODER, Severity.CRITICAL, None),
    Reason.NO_VIDEO: _check("a segment holds no pictures", Cause.PACKAGER, Severity.CRITICAL, None),
    Reason.SILENCE: _check(
        "the sound has been below `silence.level_db` for longer than `silence.duration`",
        Cause.SOURCE,
        Severity.WARNING,
        "sound above it",
        "FFmpeg silencedetect",
    ),
    Reason.LOUDNESS: _check(
        "short-term loudness is outside `loudness.min_lufs` and `max_lufs`",
        Cause.SOURCE,
        Severity.WARNING,
        "it is inside",
        "EBU R 128",
    ),
}
