"""What a playlist says as a whole: version, keys, length. No clock, no IO."""

from __future__ import annotations

from qoed.model import Finding, Reason
from qoed.source.hls.model import MediaPlaylist
from qoed.source.report import Report


class PlaylistChecks:
    """Follows what one playlist says."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._first: int | None = None
        self._moved = False

    def take(self, playlist: MediaPlaylist, now: float, *, restarted: bool) -> list[Finding]:
        """Take a load that is newer than the one before."""
        return (
            self._malformed(playlist, now)
            + self._short(playlist, now, restarted=restarted)
            + self._version(playlist, now)
            + self._encryption(playlist, now)
        )

    def _malformed(self, playlist: MediaPlaylist, now: float) -> list[Finding]:
        problems = playlist.problems
        return self._report.last(
            Reason.PLAYLIST_MALFORMED,
            now,
            problems[0] if problems else None,
            "its tags are as they should be",
            value=float(len(problems)),
            unit="problems",
        )

    def _short(self, playlist: MediaPlaylist, now: float, *, restarted: bool) -> list[Finding]:
        """RFC 8216bis 6.2.2: no segment may be removed if less than three target durations would be left.

        So a list that only grows may be short; and where all segments are shorter than the target duration
        that is declared, the longest of them counts for it.
        """
        known, self._first = self._first, playlist.media_sequence
        if known is None or restarted:
            self._moved = False
        elif playlist.media_sequence > known:
            self._moved = True
        right = "enough is listed"
        durations = [segment.duration_s for segment in playlist.segments]
        if playlist.endlist or not self._moved or not durations:
            return self._report.end(Reason.PLAYLIST_SHORT, now, right)
        total = sum(durations)
        target = min(playlist.target_duration_s, max(durations))
        least = self._report.checks.limit(Reason.PLAYLIST_SHORT) * target
        wrong = f"{total:g} s are listed, a player needs {least:g} s" if total < least - 1e-3 else None
        return self._report.last(
            Reason.PLAYLIST_SHORT,
            now,
            wrong,
            right,
            value=round(total, 3),
            unit="s",
            segments=len(durations),
            target_duration_s=playlist.target_duration_s,
        )

    def _version(self, playlist: MediaPlaylist, now: float) -> list[Finding]:
        needed, why = needed_version(playlist)
        declared = playlist.version or 1
        wrong = None
        if needed > declared:
            said = "none" if playlist.version is None else str(playlist.version)
            wrong = f"{why} needs EXT-X-VERSION {needed}, the playlist says {said}"
        return self._report.last(
            Reason.VERSION_TOO_LOW,
            now,
            wrong,
            "EXT-X-VERSION suffices",
            value=float(needed),
            unit="version",
            declared=playlist.version,
            because=why,
        )

    def _encryption(self, playlist: MediaPlaylist, now: float) -> list[Finding]:
        problems = [problem for key in playlist.keys for problem in key.problems]
        inits = {id(segment.init): segment.init for segment in playlist.segments if segment.init is not None}
        if any(
            init.key is not None and init.key.method == "AES-128" and init.key.iv is None
            for init in inits.values()
        ):
            problems.append("EXT-X-MAP is encrypted with AES-128, and its key has no IV")
        wrong = f"EXT-X-KEY: {problems[0]}" if problems else None
        return self._report.last(
            Reason.ENCRYPTION_INVALID,
            now,
            wrong,
            "the keys are as they should be",
            value=float(len(problems)),
            unit="problems",
        )


def needed_version(playlist: MediaPlaylist) -> tuple[int, str]:
    """The least EXT-X-VERSION for what the playlist uses, and what asks for it (RFC 8216bis 8)."""
    tags = playlist.tags
    asks = [
        (2, "IV", any(key.iv is not None for key in playlist.keys)),
        (3, "decimal EXTINF", playlist.fractional),
        (4, "EXT-X-BYTERANGE", "BYTERANGE" in tags),
        (4, "EXT-X-I-FRAMES-ONLY", "I-FRAMES-ONLY" in tags),
        (5, "KEYFORMAT", any(key.key_format or key.key_format_versions for key in playlist.keys)),
        (5 if "I-FRAMES-ONLY" in tags else 6, "EXT-X-MAP", "MAP" in tags),
        (8, "EXT-X-DEFINE", "DEFINE" in tags),
        (9, "EXT-X-SKIP", "SKIP" in tags),
    ]
    return max(
        ((version, why) for version, why, used in asks if used), default=(1, ""), key=lambda ask: ask[0]
    )
