"""Findings about a segment as a whole."""

from __future__ import annotations

from typing import Any

from qoed.decode.codec import Job
from qoed.model import Finding, Reason, Severity

_WORDS = {
    "packets_corrupt": "corrupt packets",
    "frames_corrupt": "corrupt frames",
    "decode_errors": "decode errors",
    "demux_errors": "container errors",
    "sound_errors": "sound errors",
    "frames_lost": "frames that did not decode",
    "frames_missing": "frames missing between others",
    "frames_short": "frames fewer than announced",
    "cut_packet": "transport packet cut short",
    "no_key_start": "start without a key frame",
}
_FRAMES = ("frames_corrupt", "frames_lost", "frames_missing", "frames_short")


def event(
    job: Job,
    reason: Reason,
    severity: Severity,
    message: str,
    *,
    value: float | None = None,
    unit: str | None = None,
    evidence: dict[str, Any] | None = None,
) -> Finding:
    """A finding that happened once, at this segment."""
    return Finding(
        stream=job.stream,
        rendition=job.rendition,
        reason=reason,
        severity=severity,
        media_time_s=job.media_time_s,
        value=value,
        unit=unit,
        message=message,
        evidence=evidence or {},
    )


def damage_event(job: Job, evidence: dict[str, int]) -> Finding:
    """DAMAGE with the frames that it touched at least."""
    words = ", ".join(f"{count} {_WORDS[name]}" for name, count in evidence.items())
    touched = float(sum(evidence.get(name, 0) for name in _FRAMES))
    return event(
        job,
        Reason.DAMAGE,
        Severity.WARNING,
        f"damaged: {words}",
        value=touched,
        unit="frames",
        evidence=dict(evidence),
    )
