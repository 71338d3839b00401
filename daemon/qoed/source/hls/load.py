"""How one playlist came: what was asked of the server, and its timings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qoed.model import WireTimings


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load of a media playlist."""

    timings: WireTimings = field(default_factory=WireTimings)
    headers: Mapping[str, str] = field(default_factory=dict)
    """The few that tell caches and origins apart, lower-cased."""
    changed: bool = True
    """False: the same bytes as the load before."""
    asked: tuple[int, int | None] | None = None
    """Media sequence number and part that the server was asked to wait for (`_HLS_msn`, `_HLS_part`)."""
