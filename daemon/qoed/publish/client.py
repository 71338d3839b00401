"""Clients for Redis whose retries are ours, and errors that name no secret."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from qoed.errors import ErrorReason, PublishError
from qoed.publish.options import RedisOptions
from qoed.service.redact import Redactor

SCHEMES = ("redis", "rediss", "unix")


def open_client(options: RedisOptions) -> Redis:
    """A client that has not connected yet. Raises `PublishError` for a URL that cannot be used.

    The library retries nothing: after a lost reply it would send a write again (one XADD, four entries).
    """
    if urlsplit(options.url).scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise PublishError(f"redis.url {address_of(options)}: unknown scheme; use one of {known}")
    try:
        return Redis.from_url(
            options.url,
            username=options.username,
            password=options.password,
            socket_connect_timeout=options.connect_timeout,
            socket_timeout=options.command_timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # understood by every server, proxy and ACL; we need nothing of RESP3
        )
    except (TypeError, ValueError) as error:
        text = describe(error, options)
        raise PublishError(f"redis.url {address_of(options)}: {text}; fix redis.url") from error


def address_of(options: RedisOptions) -> str:
    """Where Redis is, without userinfo and query: `rediss://redis.example:6380`."""
    return Redactor(_secrets(options)).text(options.url)


def describe(error: BaseException, options: RedisOptions) -> str:
    """An error on one line without secrets."""
    text = " ".join(str(error).split()) or type(error).__name__
    return Redactor(_secrets(options)).text(text)


def unavailable(error: BaseException, options: RedisOptions) -> PublishError:
    """`error` as what an operator reads."""
    return PublishError(
        f"Redis at {address_of(options)}: {describe(error, options)}", reason=ErrorReason.REDIS_UNAVAILABLE
    )


def _secrets(options: RedisOptions) -> list[str]:
    try:
        in_url = urlsplit(options.url).password
    except ValueError:
        in_url = None
    return [secret for secret in (options.password, in_url, unquote(in_url or "")) if secret]
