"""A live playlist or MPD that lists nothing new. No clock, no IO."""

from __future__ import annotations

from typing import Any

from qoed.model import Finding, Reason
from qoed.source.report import Report


def stands_still(
    report: Report, now: float, *, since: float, limit_s: float, target_s: float, **evidence: Any
) -> list[Finding]:
    """Nothing new since monotonic `since`: `PLAYLIST_STALE` begins once that is `limit_s` ago."""
    age_s = now - since
    if age_s < limit_s:
        return []
    return report.start(
        Reason.PLAYLIST_STALE,
        now,
        f"no new segment for {age_s:.1f} s",
        value=round(age_s, 3),
        unit="s",
        target_duration_s=target_s,
        limit_s=limit_s,
        **evidence,
    )
