"""The writer: one task owns the Redis client, everyone else only appends to a bounded outbox.

A batch is one MULTI/EXEC that also records the batch's number. When a reply is lost, the next connection
looks that number up and knows whether the batch was taken in: nothing is sent twice and nothing is guessed.
The library never retries on its own, and a connection on which a command was cut short is not used again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from qoed import __version__
from qoed.clock import Clock, SystemClock
from qoed.model import AlertEvent, AlertState, DropReason, Finding, Score, Window
from qoed.publish.client import address_of, open_client
from qoed.publish.commands import Command, commands_of
from qoed.publish.health import Health
from qoed.publish.keys import Keys
from qoed.publish.options import RedisOptions
from qoed.publish.outbox import Kind, Message, Outbox, OutboxStats
from qoed.publish.payload import (
    Envelope,
    Payload,
    alert_payload,
    encode,
    event_payload,
    last_payload,
    score_payload,
    status_payload,
)
from qoed.publish.transaction import execute, raise_first

BATCH = 200
"""Messages in one round trip: enough to amortise it, few enough to block Redis for about a millisecond."""

DAEMON_TTL_S = 30
"""A daemon whose key is gone has said nothing for this long."""

BEAT_S = DAEMON_TTL_S / 3
"""How often the daemon's key is renewed and an idle connection is tried."""

ACK_TTL_S = 24 * 3600
BACKOFF_FIRST_S = 0.1
BACKOFF_LAST_S = 5.0

_log = structlog.get_logger("qoed.publish")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherStats:
    """How publishing fares. At any instant, by kind and in all: received == sent + dropped + buffered."""

    connected: bool
    connections: int
    received: int
    sent: int
    dropped: dict[DropReason, int]
    buffered: int
    by_kind: dict[Kind, OutboxStats]


class Publisher:
    """Publishes to Redis without ever making the caller wait.

    `run` is the writer; the `publish_*` methods only append and must be called on its event loop.
    `on_finding` hears when Redis goes away (phase start) and comes back (phase end).
    """

    def __init__(
        self,
        options: RedisOptions,
        *,
        instance: str,
        engine: str | None = None,
        clock: Clock | None = None,
        on_finding: Callable[[Finding], None] | None = None,
    ) -> None:
        self._options = options
        self._keys = Keys(options.prefix)
        self._instance = instance
        self._engine = engine
        self._clock = clock or SystemClock()
        self._health = Health(options, clock=self._clock, on_finding=on_finding)
        self._run = uuid4().hex[:12]
        self._seq: dict[str, int] = {}
        self._outbox = Outbox(options.buffer_messages)
        self._active: dict[str, bytes] = {}
        self._last_seen: dict[tuple[str, str], float] = {}
        self._status: bytes | None = None
        self._status_told = True
        self._batch = 0
        self._unsettled: tuple[Message, ...] = ()
        self._wake = asyncio.Event()
        self._closing = False
        self._drain_until: float | None = None
        self._drain: asyncio.Timeout | None = None
        self._finished = asyncio.Event()

    def __repr__(self) -> str:
        return f"Publisher({address_of(self._options)}, prefix={self._options.prefix!r})"

    # What the stages call

    def publish_score(self, score: Score, windows: Iterable[Window] = ()) -> None:
        """Queue one clip's score with its windows for the live channel, the log and the last values."""
        latency_s = self._clock.monotonic() - score.received_s if score.received_s else None
        payload = score_payload(
            score,
            tuple(windows),
            envelope=self._envelope(Kind.SCORE),
            engine=self._engine,
            latency_s=latency_s,
        )
        last = encode(last_payload(payload))
        self._put(Kind.SCORE, score.stream, payload, rendition=score.rendition, last=last)

    def publish_finding(self, finding: Finding) -> None:
        """Queue one finding for its live channel and the log."""
        self._put(Kind.EVENT, finding.stream, event_payload(finding, envelope=self._envelope(Kind.EVENT)))

    def publish_alert(self, event: AlertEvent) -> None:
        """Queue one alert edge for its channels, the log (once per event id) and the active alerts."""
        payload = alert_payload(event, envelope=self._envelope(Kind.ALERT))
        self._note_active(event, encode(payload))
        self._put(Kind.ALERT, event.stream, payload, fingerprint=event.fingerprint, state=event.state)

    def publish_status(self, state: str, details: Mapping[str, Any] | None = None) -> None:
        """Tell how the daemon is (`starting`, `running`, `draining`, ...).

        Only the newest status counts: it is renewed until the next one and not part of the stats.
        """
        envelope = self._envelope("status")
        payload = status_payload(state, version=__version__, details=details, envelope=envelope)
        self._status, self._status_told = encode(payload), False
        self._wake.set()

    def seed_active(self, events: Iterable[AlertEvent]) -> None:
        """Before `run`: alerts that fired before a restart and still do; others leave the active alerts."""
        for event in events:
            payload = alert_payload(event, envelope=self._envelope(Kind.ALERT))
            self._note_active(event, encode(payload))

    def stats(self) -> PublisherStats:
        """The account of all messages so far."""
        total = self._outbox.stats()
        return PublisherStats(
            connected=self._health.connected,
            connections=self._health.connections,
            received=total.received,
            sent=total.sent,
            dropped=total.dropped,
            buffered=total.buffered,
            by_kind={kind: self._outbox.stats(kind) for kind in Kind},
        )

    # The writer

    async def run(self) -> None:
        """Write until `aclose`. Redis away is waited out; raises `PublishError` only for an unusable URL."""
        open_client(self._options)
        failures = 0
        try:
            async with asyncio.timeout_at(self._drain_until) as self._drain:
                while (not self._closing or len(self._outbox)) and not self._overdue():
                    connections = self._health.connections
                    if await self._session():
                        break
                    failures = 1 if self._health.connections > connections else failures + 1
                    await self._pause(failures)
        except TimeoutError:
            if self._drain is None or not self._drain.expired():
                raise
        finally:
            self._drain = None
            self._closing = True
            self._abandon()
            self._finished.set()

    def _overdue(self) -> bool:
        """Whether the time to drain is over; asked in turn, for a client may swallow the cancellation."""
        return self._drain_until is not None and asyncio.get_running_loop().time() >= self._drain_until

    async def aclose(self, drain_s: float = 5.0) -> None:
        """Take nothing more in, write what waits for up to `drain_s` seconds, count the rest as dropped."""
        self._closing = True
        self._wake.set()
        self._drain_until = asyncio.get_running_loop().time() + drain_s
        if self._drain is not None:
            self._drain.reschedule(self._drain_until)
            await self._finished.wait()
        elif len(self._outbox) and not self._finished.is_set():
            # `run` has not had its first turn yet, or never gets one.
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._drain_until):
                    await self._finished.wait()
        self._abandon()

    async def _session(self) -> bool:
        """Serve one connection. True when closed and drained, False when the connection failed."""
        client = open_client(self._options)
        try:
            # Proves that MULTI is permitted, too: without it the same commands would be done one by one.
            raise_first(await execute(client, [("PING",)]))
            await self._settle(client)
            await self._sync_active(client)
            self._health.up(self._outbox.stats())
            next_beat = 0.0
            while True:
                now = self._clock.monotonic()
                own: list[Command] = []
                if now >= next_beat or not self._status_told:
                    own, next_beat = self._beat(), now + BEAT_S
                status = self._status
                batch = self._outbox.take(BATCH)
                if batch or own:
                    await self._write(client, batch, own)
                    self._status_told = self._status is status
                elif self._closing:
                    return True
                else:
                    await self._idle(next_beat - now)
        except (RedisError, OSError) as error:
            self._health.down(error, self._outbox.stats())
            return False
        finally:
            self._health.connected = False
            await client.aclose()

    async def _write(self, client: Redis, batch: tuple[Message, ...], own: list[Command]) -> None:
        """One transaction. Raises with `batch` put back or unsettled, never lost."""
        self._batch += 1
        commands: list[Command] = []
        firsts: list[int] = []
        for message in batch:
            firsts.append(len(commands))
            commands += commands_of(message, self._keys, self._options)
        commands += own
        commands += self._forget_renditions(batch)
        if batch:
            commands.append(("SET", self._keys.ack(self._instance), self._token, "EX", ACK_TTL_S))
        self._unsettled = batch
        replies = await execute(client, commands)
        self._unsettled = ()
        if isinstance(replies, RedisError):
            self._outbox.put_back(batch)
            raise replies
        refused = {index: reply for index, reply in enumerate(replies) if isinstance(reply, RedisError)}
        self._account(batch, [refused.get(first) for first in firsts])
        self._health.refused(next(iter(refused.values()), None))

    def _account(self, batch: tuple[Message, ...], errors: list[RedisError | None]) -> None:
        """Count what arrived; keep refused alerts, drop other refused messages. Raises for refused alerts."""
        kept: list[Message] = []
        alert_error: RedisError | None = None
        for message, error in zip(batch, errors, strict=True):
            if error is None:
                self._outbox.sent((message,))
            elif message.kind is Kind.ALERT:
                kept.append(message)
                alert_error = error
            else:
                self._outbox.drop((message,), DropReason.PUBLISH_REFUSED)
        self._outbox.put_back(kept)
        if alert_error is not None:
            raise alert_error

    async def _settle(self, client: Redis) -> None:
        """After a lost connection: was the last batch taken in? Alerts go again in any case, deduplicated."""
        if not self._unsettled:
            return
        acked = await client.get(self._keys.ack(self._instance))
        batch, self._unsettled = self._unsettled, ()
        if acked == self._token.encode():
            self._outbox.sent(message for message in batch if message.kind is not Kind.ALERT)
            batch = tuple(message for message in batch if message.kind is Kind.ALERT)
        self._outbox.put_back(batch)

    async def _sync_active(self, client: Redis) -> None:
        """Make the active alerts in Redis agree with ours; those of other daemons are left alone."""
        stored = cast(dict[bytes, bytes], await client.hgetall(self._keys.active))
        ours = {name.decode(errors="replace") for name, value in stored.items() if self._is_ours(value)}
        commands: list[Command] = [("HDEL", self._keys.active, name) for name in ours - self._active.keys()]
        commands += [("HSET", self._keys.active, name, value) for name, value in self._active.items()]
        if commands:
            raise_first(await execute(client, commands))

    def _is_ours(self, value: bytes) -> bool:
        try:
            payload = orjson.loads(value)
        except orjson.JSONDecodeError:
            return False
        return isinstance(payload, dict) and payload.get("instance") == self._instance

    def _beat(self) -> list[Command]:
        if self._status is None:
            return [("PING",)]
        commands: list[Command] = [
            ("SET", self._keys.daemon(self._instance), self._status, "EX", DAEMON_TTL_S)
        ]
        if not self._status_told:
            commands.append(("PUBLISH", self._keys.status, self._status))
        return commands

    def _forget_renditions(self, batch: tuple[Message, ...]) -> list[Command]:
        """A rendition that is scored no more leaves `last:<stream>`, which its siblings keep alive."""
        now = self._clock.monotonic()
        for message in batch:
            if message.kind is Kind.SCORE and message.rendition is not None:
                self._last_seen[message.stream, message.rendition] = now
        gone = [name for name, seen in self._last_seen.items() if now - seen > self._options.last_ttl]
        for name in gone:
            del self._last_seen[name]
        return [("HDEL", self._keys.last(stream), rendition) for stream, rendition in gone]

    async def _idle(self, seconds: float) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wake.wait()

    async def _pause(self, failures: int) -> None:
        """Full jitter, so that many daemons do not come back at once; cut short by `aclose`."""
        if self._closing:
            await asyncio.sleep(BACKOFF_FIRST_S)
            return
        cap = min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2.0 ** min(failures, 10))
        with suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(BACKOFF_FIRST_S / 2, cap)):
                while not self._closing:
                    self._wake.clear()
                    await self._wake.wait()

    # State

    @property
    def _token(self) -> str:
        return f"{self._run}:{self._batch}"

    def _envelope(self, kind: str) -> Envelope:
        self._seq[kind] = seq = self._seq.get(kind, 0) + 1
        return Envelope(instance=self._instance, run=self._run, seq=seq, at=self._clock.wall())

    def _put(self, kind: Kind, stream: str, payload: Payload, **fields: Any) -> None:
        message = Message(
            kind=kind, stream=stream, event_id=str(payload["event_id"]), payload=encode(payload), **fields
        )
        if self._closing:
            self._outbox.refuse(message, DropReason.SHUTDOWN)
        else:
            self._outbox.put(message)
            self._wake.set()

    def _note_active(self, event: AlertEvent, payload: bytes) -> None:
        if event.state is AlertState.FIRING:
            self._active[event.fingerprint] = payload
        elif event.state is AlertState.RESOLVED:
            self._active.pop(event.fingerprint, None)

    def _abandon(self) -> None:
        self._outbox.put_back(self._unsettled)
        self._unsettled = ()
        if left := self._outbox.abandon(DropReason.SHUTDOWN):
            _log.warning("redis.abandoned", address=address_of(self._options), messages=left)
