"""The reader: live messages with a snapshot first, over reconnects. For `qoed tail`, the demo and others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from qoed.publish.client import describe, open_client
from qoed.publish.keys import Keys
from qoed.publish.options import RedisOptions

QUIET_S = 10.0
"""Silence after which the connection is tried, and after twice of which it is given up."""

BACKOFF_FIRST_S = 0.2
BACKOFF_LAST_S = 5.0
_READ_S = 0.5
_SCAN_COUNT = 500

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What stood in Redis when the connection was made: newest scores and firing alerts, as payloads."""

    last: tuple[Fields, ...] = ()
    active: tuple[Fields, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One message: its payload, parsed and as it came."""

    payload: Fields
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The connection failed; another attempt follows. What is published meanwhile is missed."""

    reason: str


Update = Snapshot | Live | Lost


async def read_snapshot(options: RedisOptions) -> Snapshot:
    """What stands in Redis now. Raises `RedisError`, `OSError`, or `PublishError` for an unusable URL."""
    client = open_client(options)
    try:
        return await _snapshot(client, Keys(options.prefix))
    finally:
        await client.aclose()


async def follow(options: RedisOptions) -> AsyncGenerator[Update, None]:
    """Everything from now on, without end; use within `contextlib.aclosing`.

    Each connection starts with a `Snapshot` read after subscribing, so nothing falls between the two; the
    messages of `score`, `alert`, `event` and `status` follow. Raises `PublishError` for an unusable URL.
    """
    keys, failures = Keys(options.prefix), 0
    while True:
        client = open_client(options)
        pubsub = client.pubsub(ignore_subscribe_messages=False)
        try:
            await pubsub.subscribe(keys.alert, keys.status)
            await pubsub.psubscribe(keys.live_pattern("score"), keys.live_pattern("event"))
            yield await _snapshot(client, keys)
            failures = 0
            async with aclosing(_messages(pubsub)) as messages:
                async for message in messages:
                    yield message
        except (RedisError, OSError) as error:
            yield Lost(reason=describe(error, options))
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()
        failures += 1
        cap = min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2.0 ** min(failures, 10))
        await asyncio.sleep(random.uniform(BACKOFF_FIRST_S / 2, cap))


async def _messages(pubsub: PubSub) -> AsyncGenerator[Live, None]:
    loop = asyncio.get_running_loop()
    heard, asked = loop.time(), False
    while True:
        message = await pubsub.get_message(timeout=_READ_S)
        now = loop.time()
        if message is not None:
            heard, asked = now, False
            if message["type"] in ("message", "pmessage"):
                raw = message["data"]
                if (payload := _parse(raw)) is not None:
                    yield Live(payload=payload, raw=raw)
        elif now - heard > 2 * QUIET_S:
            raise RedisConnectionError(f"no answer for {2 * QUIET_S:g} s")
        elif now - heard > QUIET_S and not asked:
            # Without this a connection that died silently would look like a quiet evening.
            await pubsub.ping()
            asked = True


async def _snapshot(client: Redis, keys: Keys) -> Snapshot:
    last: list[Fields] = []
    async for key in client.scan_iter(match=keys.last_pattern, count=_SCAN_COUNT):
        last += await _hash(client, key)
    return Snapshot(last=tuple(last), active=tuple(await _hash(client, keys.active)))


async def _hash(client: Redis, key: str | bytes) -> list[Fields]:
    values = cast(dict[bytes, bytes], await client.hgetall(cast(str, key)))
    return [payload for value in values.values() if (payload := _parse(value)) is not None]


def _parse(raw: bytes) -> Fields | None:
    """A payload of ours, or None for anything else that somebody put there."""
    try:
        payload = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return payload if isinstance(payload, dict) and "schema" in payload else None
