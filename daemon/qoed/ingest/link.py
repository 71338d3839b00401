"""What a link says of its packets: counts since it was opened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStats:
    """Packets of one connection; None is "not known"."""

    received: int = 0
    lost: int = 0
    """Gone for good: not there after reordering (RTP) or retransmission (SRT)."""
    repaired: int | None = None
    """Lost on the way and brought by retransmission."""
    late: int | None = None
    """Came after their place had been given up."""
    rtt_ms: float | None = None
    overruns: int = 0
    """Dropped in this host's own buffers: the probe's fault, not the link's."""
