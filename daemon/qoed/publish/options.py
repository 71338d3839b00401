"""What the publisher and the subscribers must know about Redis."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_PREFIX = "qoe"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions:
    """Where Redis is and how much of it to use. Times are seconds; secrets stay out of the repr."""

    url: str = field(repr=False)
    """`redis://`, `rediss://` or `unix://`; TLS files as query, such as `?ssl_ca_certs=/etc/ssl/ca.pem`."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = DEFAULT_PREFIX
    buffer_messages: int = 10_000
    """Messages held while Redis is away; what exceeds this is dropped, scores first, and counted."""
    last_ttl: float = 60.0
    """How long `last:<stream>` outlives its newest score."""
    log_maxlen: int = 100_000
    """Entries kept, roughly, in each of the score and event logs; the alert log is trimmed by age instead."""
    connect_timeout: float = 5.0
    command_timeout: float = 5.0

    def __post_init__(self) -> None:
        if self.buffer_messages < 1:
            raise ValueError("buffer_messages must be at least 1")
        if self.log_maxlen < 1:
            raise ValueError("log_maxlen must be at least 1")
        if min(self.last_ttl, self.connect_timeout, self.command_timeout) <= 0:
            raise ValueError("last_ttl, connect_timeout and command_timeout must be above 0")
