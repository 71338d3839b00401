"""What a playlist declares must hold while it runs: type, version, target duration (RFC 8216bis 6.2.1)."""

from __future__ import annotations

from qoed.model import Finding, Reason
from qoed.source.hls.model import MediaPlaylist
from qoed.source.report import Report


def changes(report: Report, before: MediaPlaylist, after: MediaPlaylist, now: float) -> list[Finding]:
    """Findings of what `after` declares otherwise than `before`."""
    findings = _type(report, before, after, now)
    if after.version != before.version:
        findings += report.rarely(
            Reason.VERSION_CHANGED,
            now,
            f"EXT-X-VERSION changed from {before.version or 'none'} to {after.version or 'none'}",
            value=None if after.version is None else float(after.version),
            before=before.version,
        )
    if after.target_duration_s != before.target_duration_s:
        findings += report.rarely(
            Reason.TARGET_DURATION_CHANGED,
            now,
            f"EXT-X-TARGETDURATION changed from {before.target_duration_s:g} to {after.target_duration_s:g}",
            value=after.target_duration_s,
            unit="s",
            before_s=before.target_duration_s,
        )
    return findings


def _type(report: Report, before: MediaPlaylist, after: MediaPlaylist, now: float) -> list[Finding]:
    was, is_ = before.playlist_type, after.playlist_type
    if was != is_:
        # A live list that becomes VOD as it ends is what recorders write, against the letter.
        if after.endlist and is_ == "VOD":
            return []
        text = f"EXT-X-PLAYLIST-TYPE changed from {was or 'none'} to {is_ or 'none'}"
        return report.rarely(Reason.PLAYLIST_TYPE_VIOLATED, now, text)
    lost = after.media_sequence - before.media_sequence
    if was == "EVENT" and lost > 0:
        text = f"a playlist of type EVENT lost its first {lost} segments"
        return report.rarely(
            Reason.PLAYLIST_TYPE_VIOLATED, now, text, value=float(lost), unit="segments", type="EVENT"
        )
    if was == "VOD" and (lost != 0 or after.end_sequence != before.end_sequence):
        change = after.end_sequence - before.end_sequence
        text = "a playlist of type VOD changed"
        return report.rarely(
            Reason.PLAYLIST_TYPE_VIOLATED, now, text, value=float(change), unit="segments", type="VOD"
        )
    return []
