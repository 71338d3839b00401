"""Checks of decoded picture and sound; their limits are in the stream's `black:`, `freeze:` and so on."""

from __future__ import annotations

from qoed.checks.check import Check
from qoed.model import Cause, Severity
from qoed.reason import Reason

CHECKS: dict[Reason, Check] = {
    Reason.BLACK: Check(
        "the picture has been black for longer than `black.duration`",
        "FFmpeg blackdetect",
        cause=Cause.SOURCE,
        severity=Severity.CRITICAL,
        clears="a picture that is not black",
    ),
    Reason.FREEZE: Check(
        "the picture has not changed for longer than `freeze.duration`",
        "FFmpeg freezedetect",
        cause=Cause.SOURCE,
        severity=Severity.CRITICAL,
        clears="the picture changes",
    ),
    Reason.BLOCKINESS: Check(
        "blockiness over a segment is above `blockiness.max`",
        "FFmpeg blockdetect",
        cause=Cause.ENCODER,
        clears="a segment is below it",
    ),
    Reason.DAMAGE: Check(
        "pictures or packets are corrupt, or fewer pictures decode than the segment holds",
        cause=Cause.ENCODER,
    ),
    Reason.UNFIT_PICTURE: Check(
        "clips in a row show what the network was not made for (slate, test pattern, screen, near-black) and"
        " have no score (`abstained`, reason `unfit_picture`); no fault",
        cause=Cause.SOURCE,
        severity=Severity.INFO,
        clears="a clip has a score again",
    ),
    Reason.UNDECODABLE: Check(
        "nothing of a segment decodes", cause=Cause.ENCODER, severity=Severity.CRITICAL
    ),
    Reason.NO_VIDEO: Check("a segment holds no pictures", cause=Cause.PACKAGER, severity=Severity.CRITICAL),
    Reason.SILENCE: Check(
        "the sound has been below `silence.level_db` for longer than `silence.duration`",
        "FFmpeg silencedetect",
        cause=Cause.SOURCE,
        clears="sound above it",
    ),
    Reason.LOUDNESS: Check(
        "short-term loudness is outside `loudness.min_lufs` and `max_lufs`",
        "EBU R 128",
        cause=Cause.SOURCE,
        clears="it is inside",
    ),
}
