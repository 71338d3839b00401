"""Whether Redis is there: told once per change in the log, and as a finding with start and end."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from redis.exceptions import RedisError

from qoed.alert.rule import PROBE_STREAM
from qoed.clock import Clock
from qoed.model import Finding, Phase, Reason, Severity
from qoed.publish.client import address_of, describe, unavailable
from qoed.publish.options import RedisOptions
from qoed.publish.outbox import OutboxStats

_log = structlog.get_logger("qoed.publish")


class Health:
    """State of the writer's connection. Repeated failures are logged again only when their text changes."""

    def __init__(
        self, options: RedisOptions, *, clock: Clock, on_finding: Callable[[Finding], None] | None
    ) -> None:
        self._options = options
        self._address = address_of(options)
        self._clock = clock
        self._on_finding = on_finding or (lambda _finding: None)
        self._down_since: float | None = None
        self._error: str | None = None
        self._refusal: str | None = None
        self.connected = False
        self.connections = 0

    def up(self, stats: OutboxStats) -> None:
        """A connection stands; after an outage this is its end."""
        self.connected = True
        self.connections += 1
        self._error = None
        if self._down_since is None:
            _log.info("redis.connected", address=self._address)
            return
        outage_s = round(self._clock.monotonic() - self._down_since, 3)
        self._down_since = None
        _log.info(
            "redis.recovered",
            address=self._address,
            outage_s=outage_s,
            buffered=stats.buffered,
            dropped=sum(stats.dropped.values()),
        )
        self._report(Phase.END, f"Redis is back after {outage_s:g} s", outage_s)

    def down(self, error: Exception, stats: OutboxStats) -> None:
        """A connection failed or could not be made; the first of these is the start of an outage."""
        self.connected = False
        text = describe(error, self._options)
        if text != self._error:
            self._error = text
            _log.warning(
                "redis.unavailable",
                address=self._address,
                err=text,
                buffered=stats.buffered,
                action="buffering and trying again; check redis.url, credentials and the server's log",
            )
        if self._down_since is None:
            self._down_since = self._clock.monotonic()
            self._report(Phase.START, str(unavailable(error, self._options)), None)

    def refused(self, error: RedisError | None) -> None:
        """Redis took a batch but refused some of its commands; None when it took all."""
        text = describe(error, self._options) if error else None
        if text and text != self._refusal:
            _log.error("redis.refused", address=self._address, err=text)
        self._refusal = text

    def _report(self, phase: Phase, message: str, outage_s: float | None) -> None:
        self._on_finding(
            Finding(
                stream=PROBE_STREAM,
                rendition=None,
                reason=Reason.REDIS_UNAVAILABLE,
                severity=Severity.CRITICAL if phase is Phase.START else Severity.INFO,
                phase=phase,
                value=outage_s,
                unit="s" if outage_s is not None else None,
                message=message,
            )
        )
