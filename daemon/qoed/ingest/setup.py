"""What an ingest child is told when it starts; the first message on its socket."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from qoed.decode.protocol import ProtocolError

Kind = Literal["udp", "rtp", "srt", "pipe", "ffmpeg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One input, and how to cut it, as JSON values. Hosts are addresses, unless TLS needs a name."""

    kind: Kind
    memory_bytes: int = 1 << 30
    timeout_s: float = 10.0
    segment_s: float = 2.0
    max_segment_s: float = 10.0
    max_segment_bytes: int = 64 << 20
    program: int | None = None
    limits: dict[str, Any] = field(default_factory=dict)
    """`qoed.ts.Limits` as a mapping."""
    host: str = ""
    port: int = 0
    source: str | None = None
    interface: str | None = None
    buffer_bytes: int = 8 << 20
    listen: bool = False
    latency_ms: int | None = None
    passphrase: str | None = field(default=None, repr=False)
    streamid: str | None = field(default=None, repr=False)
    url: str = field(default="", repr=False)
    """For FFmpeg."""
    options: dict[str, str] = field(default_factory=dict, repr=False)
    """FFmpeg's, decided by the daemon."""
    ca_file: str | None = None

    def fields(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """From JSON values. Raises `ProtocolError`."""
        try:
            return cls(**fields)
        except TypeError as error:
            raise ProtocolError(f"not a setup: {error}") from error
