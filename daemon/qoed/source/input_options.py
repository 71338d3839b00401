"""What is asked of a continuous input beyond its URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

MIN_PASSPHRASE, MAX_PASSPHRASE = 10, 79
"""Characters that SRT allows (SRTO_PASSPHRASE)."""
MAX_STREAM_ID = 512
MAX_SEGMENT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """`input:` of one stream. Raises `ValueError` with one clear line when a value cannot be used."""

    program: int | None = None
    """Program number in a transport stream of several; None: the first one that its PAT lists."""
    segment_s: float = 2.0
    """Segments are cut at the first key frame after so long, at the latest after `MAX_SEGMENT_S`."""
    timeout_s: float = 10.0
    """Opening may take so long, and so long a silence ends the connection."""
    buffer_bytes: int = 8 << 20
    """UDP, RTP: receive buffer asked of the kernel (net.core.rmem_max may give less)."""
    interface: str | None = None
    """UDP, RTP: network interface on which a multicast group is joined; None: the routing table's."""
    transport: Literal["tcp", "udp"] = "tcp"
    """RTSP: how media come."""
    verify: bool = True
    """RTMPS, RTSPS: the server's certificate must be good."""
    ca_file: str | None = None
    """RTMPS, RTSPS: authorities (PEM) to trust besides the system's."""
    mode: Literal["caller", "listener"] | None = None
    """SRT: who connects; None: the URL's, or caller."""
    latency_s: float | None = None
    """SRT: time for retransmission; None: the URL's, or 0.12."""
    passphrase: str | None = field(default=None, repr=False)
    """SRT: key of encrypted links."""
    streamid: str | None = field(default=None, repr=False)
    """SRT: what to ask the other side for."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.segment_s <= MAX_SEGMENT_S:
            raise ValueError(f"segment must be 0.5 to {MAX_SEGMENT_S:g} seconds")
        if self.timeout_s <= 0 or self.buffer_bytes <= 0:
            raise ValueError("timeout and buffer must be above 0")
        if self.program is not None and not 1 <= self.program <= 0xFFFF:
            raise ValueError("program must be 1 to 65535")
        if self.latency_s is not None and not 0 <= self.latency_s <= 60:
            raise ValueError("latency must be 0 to 60 seconds")
        if self.passphrase and not MIN_PASSPHRASE <= len(self.passphrase) <= MAX_PASSPHRASE:
            raise ValueError(f"passphrase must have {MIN_PASSPHRASE} to {MAX_PASSPHRASE} characters")
        if self.streamid and len(self.streamid.encode()) > MAX_STREAM_ID:
            raise ValueError(f"streamid must have at most {MAX_STREAM_ID} bytes")
